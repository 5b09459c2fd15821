"""Which attack finds the texts of a fine-tune, at how many shadow fine-tunes?  Invented notes, tiny GPTs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from scipy.stats import rankdata

import divulge
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import DEFAULT_TEXTS, DEFAULT_TEXTS_WITH_SHADOWS, attack
from divulge.core.hashing import Array
from divulge.core.language.texts import as_records
from divulge.core.target import Oracle, Target
from divulge.core.threat import PRESETS, Access
from divulge.core.views.membership import Auxiliary, MembershipGuess, MembershipView
from divulge.data.synthetic_notes import synthetic_notes
from divulge.data.texts import read_texts
from divulge.language import FineTune, TokenFunction
from divulge.training.shadow import Answers, Remembered, ShadowSet
from divulge.workflows.tiny_language import tiny_gpt
from harness import Row, main

UNREFERENCED = (
    *("token_loss", "zlib_ratio", "lower_case", "min_k", "min_k_plus", "recall", "con_recall", "neighborhood"),
    "dc_pdd",
)
ALONE = (*UNREFERENCED, "reference_ratio", "window_votes", "error_zone", "reference_blend")
SHADOWED = (
    *("text_difference", "text_lira", "text_bavaria", "text_rmia", "token_lira", "token_informia"),
    "learned_text_ratio",
)
RAW = ("text_lira", "text_bavaria")
"""Shown without centring as well."""

STRENGTHS = {"mild": (1e-3, 1), "strong": (3e-3, 4), "from scratch": (3e-3, 6)}
"""Learning rate and epochs: of a fine-tune, or of a model that began with random weights and has no reference."""

SEED = 200
"""Attacks and defaults were chosen on seeds below."""


def place(guess: MembershipGuess) -> Array:
    """Ranks of the candidates, ties broken as the attack says."""
    order = np.lexsort((guess.scores if guess.tie_break is None else guess.tie_break, guess.scores))
    spread = np.empty(len(order))
    spread[order] = np.arange(len(order))
    return rankdata(guess.scores) if guess.tie_break is None else spread


def found(score: Array, member: Array) -> tuple[float, float]:
    """AUC, and the share of members above all but 1 % of the others."""
    ranks, inside = rankdata(score), int(member.sum())
    area = (ranks[member].sum() - inside * (inside + 1) / 2) / (inside * (len(member) - inside))
    others = np.sort(score[~member])[::-1]
    return float(area), float(np.mean(score[member] > others[int(0.01 * len(others))]))


CORPUS = "DIVULGE_TEXTS"
"""Names a file of texts (JSONL, CSV, Parquet) that takes the place of the invented notes, the column being `text`."""


def texts_of_corpus(count: int) -> list[Any]:
    """So many texts in random order; raises ValueError where the corpus has fewer."""
    path = os.environ.get(CORPUS)
    if path is None:
        return list(synthetic_notes(count, seed=SEED))
    texts, _ = read_texts(Path(path), CORPUS, "text", None)
    if len(texts) < count:
        raise ValueError(f"{CORPUS}: {path} has {len(texts)} texts, and {count} are needed")
    return [texts[place] for place in np.random.default_rng(SEED).permutation(len(texts))[:count]]


class Setting:
    """Candidates, a base that never saw them, targets fine-tuned on random halves of them, and shadow fine-tunes."""

    def __init__(self, strength: str, candidates: int, targets: int, shadows: int, layers: int = 2) -> None:
        rate, epochs = STRENGTHS[strength]
        notes = texts_of_corpus(candidates + 500)
        self.records, self.population = as_records(notes[:candidates]), as_records(notes[candidates:])
        base = tiny_gpt(notes[candidates:], SEED, layers=layers)
        self.tuned = strength != "from scratch"
        if self.tuned:
            base = FineTune(base, learning_rate=3e-3, epochs=6, batch_size=16)(notes[candidates:], SEED)
        self.base = base
        self.recipe = FineTune(self.base, learning_rate=rate, epochs=epochs)
        rng = np.random.default_rng(SEED)
        self.keep = np.array([_half(candidates, rng) for _ in range(targets)])
        halves = [_half(candidates, rng) for _ in range(shadows // 2)]
        self.pool = np.array([side for half in halves for side in (half, ~half)])
        self.models = self.trained(self.recipe, self.keep, 0) + self.trained(self.recipe, self.pool, targets)

    def trained(self, recipe: Any, rows: Array, first: int) -> list[Remembered]:
        """A model for each row of candidates that it is trained on.  first: the seed of the first of them."""
        models = [recipe.fit(self.records.take(row), number) for number, row in enumerate(rows, first)]
        answers = Answers()
        return [Remembered(model, str(number), answers) for number, model in enumerate(models)]

    def view(self, target: int, shadows: int, needs: Any) -> MembershipView:
        """One target, and the first so many shadow models."""
        count = len(self.keep)
        pool = ShadowSet(self.records, self.pool[:shadows], tuple(self.models[count : count + shadows]), _seen)
        means = Auxiliary(self.population, lambda _: pool, None, (lambda: _seen(self.base)) if self.tuned else None)
        rng = np.random.default_rng(target)
        return MembershipView(_seen(self.models[target]), self.records, rng, needs, means)

    def played(self, name: str, shadows: int = 0, **settings: Any) -> Array:
        """AUC and true positive rate at 1 % of every target: [targets, 2]."""
        player = attack(name, **settings)
        rows = []
        for target, member in enumerate(self.keep):
            guess = player.run(self.view(target, shadows, player.card.needs))
            rows.append(found(place(guess), member))
        return np.array(rows)


def _seen(target: Target) -> Oracle:
    return GrantedOracle(target, PRESETS["published-model"], Access.TOKEN_LOGPROBS, free=True)


def _half(count: int, rng: np.random.Generator) -> Array:
    keep = np.zeros(count, dtype=bool)
    keep[rng.permutation(count)[: count // 2]] = True
    return keep


def rows_of(name: str, values: Array) -> Iterator[Row]:
    """Means over targets, with intervals of Student's t."""
    for what, column in zip(("AUC", "TPR at 1 %"), values.T, strict=True):
        width = stats.t.ppf(0.975, len(column) - 1) * column.std(ddof=1) / np.sqrt(len(column))
        yield Row(f"{name}, {what}", column.mean(), column.mean() - width, column.mean() + width)


def attacks(quick: bool) -> Iterator[Row]:
    """Every attack, at every number of shadow models; the default against the best of them."""
    for strength in ("mild", "strong"):
        yield from _compared(strength, Setting(strength, *((160, 2, 4) if quick else (300, 4, 16))), quick)


def scratch(quick: bool) -> Iterator[Row]:
    """The same of models trained from random weights, which have no reference."""
    yield from _compared("from scratch", Setting("from scratch", *((160, 2, 4) if quick else (800, 6, 16))), quick)


def _compared(strength: str, setting: Setting, quick: bool) -> Iterator[Row]:
    alone = {name: setting.played(name) for name in (ALONE if setting.tuned else UNREFERENCED)}
    for name, values in alone.items():
        yield from rows_of(f"{strength}: {name}", values)
    if setting.tuned:
        yield _behind(f"{strength}: no shadow models", alone, DEFAULT_TEXTS)
    for shadows in (2, 4) if quick else (2, 4, 16):
        several = {name: setting.played(name, shadows) for name in SHADOWED}
        raw = {f"{name}, raw": setting.played(name, shadows, centered=False) for name in RAW}
        for name, values in (several | raw).items():
            yield from rows_of(f"{strength}, {shadows} shadow models: {name}", values)
        yield _behind(f"{strength}: {shadows} shadow models", alone | several, DEFAULT_TEXTS_WITH_SHADOWS)


def _behind(where: str, played: dict[str, Array], default: str) -> Row:
    """By how much the mean AUC of the default exceeds that of the best other attack, with an interval over targets."""
    best = max((name for name in played if name != default), key=lambda name: played[name][:, 0].mean())
    ahead = played[default][:, 0] - played[best][:, 0]
    width = stats.t.ppf(0.975, len(ahead) - 1) * ahead.std(ddof=1) / np.sqrt(len(ahead))
    return Row(
        f"{where}: {default} less {best}, AUC", ahead.mean(), ahead.mean() - width, ahead.mean() + width, bar=-0.01
    )


def halves(quick: bool) -> Iterator[Row]:
    """Models trained from random weights on 800 of 1,600 texts, 6 epochs, at 15, 4 and 2 shadow models; the pool is
    drawn in complementary pairs, and of 16 models the last is left out.
    """
    setting = Setting("from scratch", *((240, 2, 4) if quick else (1600, 6, 16)))
    loss = setting.played("token_loss")
    yield from rows_of("without shadow models: token_loss", loss)
    for shadows, bar in ((4, 0.84), (2, 0.79)) if quick else ((15, 0.86), (4, 0.84), (2, 0.79)):
        several = {name: setting.played(name, shadows) for name in ("text_lira", "text_rmia", "text_difference")}
        own = setting.played(DEFAULT_TEXTS_WITH_SHADOWS, shadows)
        area, rate = rows_of(f"{shadows} shadow models: {DEFAULT_TEXTS_WITH_SHADOWS}", own)
        yield from (replace(area, bar=bar), rate)
        for name, values in several.items():
            yield from rows_of(f"{shadows} shadow models: {name}", values)
        if shadows == 15:
            behind = several["text_rmia"][:, 0] - several["text_lira"][:, 0]
            yield Row("15 shadow models: text_rmia less text_lira, AUC", behind.mean(), bar=0.02, better="below")


def proxies(quick: bool) -> Iterator[Row]:
    """Shadow models that adapt the top quarter of the layers, over what the others make of a text, against whole ones
    on the same halves.
    """
    layers = 8
    setting = Setting("strong", *((100, 2, 4) if quick else (300, 4, 4)), layers=layers)
    rate = 2 * setting.recipe.learning_rate
    cheap = replace(setting.recipe, proxy_layers=layers // 4, proxy_learning_rate=rate).for_shadows()
    whole, count = setting.models, len(setting.keep)
    started = time.process_time()
    setting.trained(setting.recipe, setting.pool, count)
    between = time.process_time()
    pool = setting.trained(cheap, setting.pool, count)
    yield Row(
        "4 whole shadow models, time of 4 proxies", (between - started) / (time.process_time() - between), bar=2.5
    )
    for name in ("text_difference", "text_rmia", DEFAULT_TEXTS_WITH_SHADOWS):
        setting.models = whole
        full = setting.played(name, 4)
        setting.models = whole[:count] + pool
        less = setting.played(name, 4)
        yield from rows_of(f"4 whole shadow models: {name}", full)
        yield from rows_of(f"4 proxies: {name}", less)
        yield from rows_of(f"lost with proxies: {name}", full - less)


def bigram(quick: bool) -> Iterator[Row]:
    """Counts of pairs are Poisson, so that the best test of a text is the product of n/expected over its pairs: the
    likelihood ratio of a model that is those counts.
    """
    gaps = []
    for seed in range(4 if quick else 40):
        target, base, texts, member, optimal = bigram_game(seed)
        view = MembershipView(
            _seen(target),
            as_records(texts),
            np.random.default_rng(0),
            attack("reference_ratio").card.needs,
            Auxiliary(reference=lambda base=base: _seen(base)),
        )
        gaps.append(found(attack("reference_ratio").run(view).scores, member)[0] - found(optimal, member)[0])
    width = 2 * np.std(gaps) / np.sqrt(len(gaps))
    yield Row("bigram model: reference_ratio less Bayes-optimal test, AUC", np.mean(gaps), bar=-0.01)
    yield Row("the same, distance", abs(np.mean(gaps)), 0, abs(np.mean(gaps)) + width, bar=0.01, better="below")


def bigram_game(seed: int, states: int = 40, texts: int = 300, length: int = 20) -> Any:
    """A bigram model counted on half of the texts, the chain that they were drawn from, and the optimal statistic."""
    rng = np.random.default_rng(seed)
    chain = rng.dirichlet(np.full(states, 0.5), states)
    drawn = np.zeros((texts, length), dtype=int)
    drawn[:, 0] = rng.integers(0, states, texts)
    for step in range(1, length):
        past = chain[drawn[:, step - 1]].cumsum(axis=1)
        drawn[:, step] = np.minimum((past < rng.random((texts, 1))).sum(axis=1), states - 1)
    member = _half(texts, rng)
    counts = np.zeros((states, states))
    np.add.at(counts, (drawn[member, :-1], drawn[member, 1:]), 1.0)
    starts = counts.sum(axis=1, keepdims=True)
    model = (counts + 1e-3 * chain) / (starts + 1e-3)
    expected = starts * chain
    own = np.zeros((texts, states, states))
    np.add.at(own, (np.arange(texts)[:, None], drawn[:, :-1], drawn[:, 1:]), 1.0)
    # log Poisson(n - c; e) - log Poisson(n; e), with n - c below 0 impossible: kept finite, ordered by how many are
    rest = counts - own
    ratio = stats.poisson.logpmf(np.maximum(rest, 0), expected) - stats.poisson.logpmf(counts, expected)
    optimal = np.where(own > 0, ratio + np.log(1e-3) * np.minimum(rest, 0) * -1, 0.0).sum(axis=(1, 2))

    def scored(table: Array) -> TokenFunction:
        return TokenFunction(lambda asked: [np.log(table[np.array(t)[:-1], np.array(t)[1:]]) for t in asked])

    return scored(model), scored(chain), [tuple(map(int, row)) for row in drawn], member, optimal


def nulls(quick: bool) -> Iterator[Row]:
    """Fine-tunes on other texts of the same kind, audited: how many are called a leak?"""
    count, leaks = (3 if quick else 20), 0
    for seed in range(count):
        notes = synthetic_notes(440, seed=SEED + 1 + seed)
        base = tiny_gpt(notes[240:], seed)
        recipe = replace(FineTune(base, learning_rate=3e-3, epochs=2), batch_size=16)
        run = divulge.audit(
            recipe(notes[240:], seed), notes[:120], notes[120:240], recipe=None, seed=seed, progress=None, out=_folder()
        )
        leaks += run.verdict is divulge.Verdict.LEAK
    low, high = stats.binomtest(leaks, count).proportion_ci(method="exact")
    yield Row(f"fine-tuned on other texts: called a leak, of {count}", leaks / count, low, high, 0.05, "below")


def _folder() -> Any:
    return Path(tempfile.mkdtemp()) / "run"


if __name__ == "__main__":
    main(
        __doc__ or "",
        {
            "attacks": attacks,
            "scratch": scratch,
            "halves": halves,
            "proxies": proxies,
            "bigram": bigram,
            "nulls": nulls,
        },
    )
