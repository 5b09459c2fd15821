"""How fast are adapters of a language model trained, and texts scored?  Against plain loops of peft."""

from __future__ import annotations

import copy
import gc
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from scipy.stats import spearmanr
from transformers import LlamaConfig, LlamaForCausalLM

from divulge.core.hashing import Array
from divulge.core.language.texts import as_records
from divulge.core.language.token_scores import of_padded
from divulge.core.threat import Access
from divulge.language import CausalTarget, FineTune
from divulge.training.engines.engine import Trainer
from harness import Row, main
from smollm2 import MODEL, PROXY_LAYERS, smollm2

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
VOCABULARY, SHORTEST, LONGEST = 49_152, 24, 48
RATE, RANK, ALPHA, CLIP = 1e-3, 8, 16, 1.0
BARS = {1: 2.0, 2: 2.0, 4: 2.0, 8: 1.5} if DEVICE == "cpu" else {1: 8.0, 2: 8.0, 4: 8.0, 8: 8.0}
"""Times as fast as the loop, by texts of a batch."""

Text = tuple[int, ...]


def base_model() -> Any:
    """SmolLM2-135M where it is named or installed, else random weights of its shape, on which speed does not depend."""
    if MODEL in os.environ:
        return smollm2().model.to(DEVICE)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    return LlamaForCausalLM(config).to(torch.bfloat16).eval().to(DEVICE)


def texts_of(count: int, seed: int = 0) -> list[Text]:
    """Token numbers as frequent as words are, by Zipf's law, of 24 to 48 tokens."""
    rng = np.random.default_rng(seed)
    often = 1 / np.arange(10, VOCABULARY + 10)
    words = rng.choice(VOCABULARY, (count, LONGEST), p=often / often.sum())
    return [tuple(row[: rng.integers(SHORTEST, LONGEST + 1)].tolist()) for row in words]


def filled(texts: Sequence[Text]) -> dict[str, torch.Tensor]:
    """A batch as transformers reads it, with its labels."""
    longest = max(map(len, texts))
    ids = torch.tensor([text + (0,) * (longest - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    labels = ids.masked_fill(mask == 0, -100)
    return {
        name: value.to(DEVICE) for name, value in (("input_ids", ids), ("attention_mask", mask), ("labels", labels))
    }


def plain(model: Any, texts: list[Text], recipe: FineTune, seed: int) -> Any:
    """What one writes without thinking about speed: one model, one loop."""
    torch.manual_seed(seed)
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    tuned: Any = get_peft_model(copy.deepcopy(model), config)
    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0)
    steps = recipe.epochs * -(-len(texts) // recipe.batch_size)
    pace = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / steps))
    rng = np.random.default_rng(seed)
    tuned.train()
    for _ in range(recipe.epochs):
        order = rng.permutation(len(texts))
        for start in range(0, len(texts), recipe.batch_size):
            optimizer.zero_grad()
            tuned(**filled([texts[place] for place in order[start : start + recipe.batch_size]])).loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, CLIP)
            optimizer.step()
            pace.step()
    return tuned.merge_and_unload().eval()


def loss(model: Any, texts: list[Text]) -> float:
    """Mean over texts of the loss of their tokens."""
    with torch.no_grad():
        return float(np.mean([model(**filled([text])).loss.item() for text in texts]))


@dataclass
class Race:
    """The loop and the engine on the same models, in turns.

    models: trained together.  alone: trained by the loop, in each round.
    """

    base: Any
    recipe: FineTune
    texts: list[Text]
    models: int
    alone: int = 1

    def __post_init__(self) -> None:
        rng, count = np.random.default_rng(1), len(self.texts)
        self.keep = np.stack([rng.permutation(count) < count // 2 for _ in range(self.models)])
        self.seeds = list(range(self.models))
        self.told = ""
        self.losses: list[tuple[float, float]] = []

    def own(self, model: int) -> list[Text]:
        """The texts of one model."""
        return [self.texts[place] for place in np.flatnonzero(self.keep[model])]

    def looped(self) -> float:
        """Seconds of a model."""
        return timed(lambda: [plain(self.base, self.own(m), self.recipe, m) for m in range(self.alone)]) / self.alone

    def stacked(self, recipe: Any = None) -> float:
        """Seconds of a model; recipe: another one than that of the loop."""
        trainer, records = Trainer(), as_records(self.texts)

        def work() -> None:
            for _ in trainer.fit_many(recipe or self.recipe, records, self.keep, self.seeds):
                pass

        took = timed(work)
        self.told = trainer.told[0].rpartition(": ")[2].rpartition(", ")[0]
        return took / self.models

    def gap(self) -> float:
        """By what share the losses of both ways differ, on the texts of the models."""
        found = dict(Trainer().fit_many(self.recipe, as_records(self.texts), self.keep, self.seeds))
        pairs = [
            (loss(plain(self.base, self.own(m), self.recipe, m), self.own(m)), loss(found[m].model, self.own(m)))
            for m in range(self.alone)
        ]
        theirs, ours = np.mean(pairs, axis=0)
        return float(abs(ours / theirs - 1))


def timed(work: Callable[[], object]) -> float:
    """Wall-clock seconds, until the device has done it."""
    gc.collect()
    started = time.perf_counter()
    work()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def ratio(name: str, pairs: list[tuple[float, float]], bar: float | None) -> Row:
    """How many times as fast, over all rounds; from the slowest round to the fastest."""
    each = [slow / fast for slow, fast in pairs]
    slow, fast = np.sum(pairs, axis=0)
    return Row(f"{DEVICE}: {name}", float(slow / fast), min(each), max(each), bar)


def race(batch: int, quick: bool, base: Any) -> Race:
    """Of one batch size: three epochs on 150 texts, or few steps."""
    steps, models = (5, 4) if quick else (20, 8)
    recipe = FineTune(
        CausalTarget(base, max_tokens=LONGEST, name="SmolLM2's shape"),
        "lora",
        learning_rate=RATE,
        epochs=1,
        batch_size=batch,
        clip=CLIP,
        rank=RANK,
        alpha=ALPHA,
        proxy_learning_rate=2 * RATE,
    )
    if DEVICE == "cuda":
        models, steps = 32, 20
    return Race(base, recipe, texts_of(2 * steps * batch), models)


def training(quick: bool) -> Iterator[Row]:
    """Adapters an hour."""
    base = base_model()
    for batch in (2, 8) if quick else (1, 2, 4, 8):
        run = race(batch, quick, base)
        pairs = [(run.looped(), run.stacked()) for _ in range(1 if quick else 3)]
        yield ratio(f"batch {batch}, adapters an hour, times the loop's", pairs, BARS[batch])
        print(f"  {run.told}", flush=True)
        if batch == 8 or not quick:
            yield Row(f"{DEVICE}: batch {batch}, loss apart", run.gap(), bar=0.01, better="below")


def proxies(quick: bool) -> Iterator[Row]:
    """Adapters of the top layers alone; what they lose is what smollm2.py shows."""
    base = base_model()
    for batch in (8,) if quick else (2, 8):
        run = race(batch, quick, base)
        cheap = replace(run.recipe, proxy_layers=PROXY_LAYERS).for_shadows()
        cheap.below.of(cheap.tuned().encoded(as_records(run.texts)))
        rounds = [(run.looped(), run.stacked(), run.stacked(cheap)) for _ in range(1 if quick else 3)]
        yield ratio(f"batch {batch}, proxies an hour, times the loop's adapters", [(a, c) for a, _, c in rounds], 3.5)
        yield ratio(f"batch {batch}, proxies an hour, times our adapters", [(b, c) for _, b, c in rounds], None)


def scored_plainly(model: Any, texts: list[Text]) -> Array:
    """Mean log p of each text, eight at a time."""
    found: list[float] = []
    with torch.no_grad():
        for start in range(0, len(texts), 8):
            batch = filled(texts[start : start + 8])
            logs = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1].log_softmax(-1)
            own = logs.gather(-1, batch["input_ids"][:, 1:, None])[..., 0]
            mask = batch["attention_mask"][:, 1:]
            found += ((own * mask).sum(1) / mask.sum(1)).tolist()
    return np.array(found)


def scoring(quick: bool) -> Iterator[Row]:
    """Texts an hour, of a fine-tuned model in bfloat16 against the same in float32."""
    run = race(4, True, base_model())
    ours = run.recipe.fit(as_records(run.own(0)), 0)
    exact = copy.deepcopy(ours.model).float()
    texts = texts_of(64 if quick else 300, seed=2)
    pairs, scores, plainly = [], [], np.zeros(0)
    for _ in range(1 if quick else 3):
        begun = time.perf_counter()
        plainly = scored_plainly(exact, texts)
        between = time.perf_counter()
        answered = of_padded(ours.answer(Access.TOKEN_LOGPROBS, as_records(texts)))
        pairs.append((between - begun, time.perf_counter() - between))
        scores = answered.mean_of(answered.logprob)
    yield ratio("texts scored an hour, times a float32 loop's", pairs, 3.0)
    yield Row(f"{DEVICE}: rank correlation of scores", float(spearmanr(plainly, scores).statistic), bar=0.999)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(__doc__ or "", {"training": training, "proxies": proxies, "scoring": scoring})
