"""How fast are adapters of a language model trained, and texts scored?  Against plain loops of peft."""

from __future__ import annotations

import copy
import gc
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
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
WHERE = torch.cuda.get_device_name() if DEVICE == "cuda" else "CPU thread"
VOCABULARY, SHORTEST, LONGEST = 49_152, 24, 48
RATE, RANK, ALPHA, CLIP = 1e-3, 8, 16, 1.0
BARS = {1: 2.0, 2: 2.0, 4: 2.0, 8: 1.5} if DEVICE == "cpu" else {1: 8.0, 2: 8.0, 4: 8.0, 8: 8.0}
"""Times as fast as the loop, by texts of a batch."""

Text = tuple[int, ...]


@cache
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


def repetitive(count: int) -> list[Text]:
    """Texts in which tokens repeat the one before, some more often than others: random weights find these likelier, so
    that scores differ as those of real texts do.
    """
    rng, found = np.random.default_rng(2), []
    for text in texts_of(count, seed=2):
        again = rng.random(len(text)) < rng.random()
        kept = np.maximum.accumulate(np.where(again, 0, np.arange(len(text))))
        found.append(tuple(np.array(text)[kept].tolist()))
    return found


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

    models: trained together.  rounds: how often each way is timed.  one_thread: each way has one, else all cores.
    """

    base: Any
    recipe: FineTune
    texts: list[Text]
    models: int
    rounds: int
    one_thread: bool

    def __post_init__(self) -> None:
        rng, count = np.random.default_rng(1), len(self.texts)
        self.keep = np.stack([rng.permutation(count) < count // 2 for _ in range(self.models)])
        self.told = ""
        self.trained: Any = None
        slow, fast = zip(
            *((self._looped(number), self.stacked(self.recipe)) for number in range(self.rounds)), strict=True
        )
        self.slow, self.fast = list(slow), list(fast)

    def _looped(self, model: int) -> float:
        """Seconds of a model."""
        texts = [self.texts[place] for place in np.flatnonzero(self.keep[model])]
        found = []
        took = self._timed(lambda: found.append(plain(self.base, texts, self.recipe, model)))
        if model == 0:
            self.loss = loss(found[0], texts)
        return took

    def stacked(self, recipe: Any) -> float:
        """Seconds of a model."""
        trainer, records = Trainer(jobs=1 if self.one_thread else None), as_records(self.texts)

        def work() -> None:
            for number, model in trainer.fit_many(recipe, records, self.keep, list(range(self.models))):
                if number == 0 and recipe is self.recipe:
                    self.trained = model

        took = self._timed(work)
        self.told = trainer.told[0].rpartition(": ")[2].rpartition(", ")[0]
        return took / self.models

    def _timed(self, work: Callable[[], object]) -> float:
        return timed(work, self.one_thread)

    def gap(self) -> float:
        """By what share the losses of both ways differ, on the texts of the first model."""
        own = loss(self.trained.model, [self.texts[place] for place in np.flatnonzero(self.keep[0])])
        return abs(own / self.loss - 1)


def timed(work: Callable[[], object], one_thread: bool = True) -> float:
    """Seconds until the device has done it: of the clock, or of a processor where one thread is to do it, which does
    not depend on what else a machine does.
    """
    gc.collect()
    clock = time.process_time if DEVICE == "cpu" and one_thread else time.perf_counter
    before = torch.get_num_threads()
    torch.set_num_threads(1 if one_thread else before)
    started = clock()
    work()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    took = clock() - started
    torch.set_num_threads(before)
    return took


def ratio(name: str, slow: list[float], fast: list[float], bar: float | None) -> Row:
    """How many times as fast, by the best round of each way: what else a machine does only ever adds; and the least and
    most of any two rounds.
    """
    return Row(f"{WHERE}: {name}", min(slow) / min(fast), min(slow) / max(fast), max(slow) / min(fast), bar)


@cache
def race(batch: int, quick: bool, one_thread: bool = True) -> Race:
    """Of one batch size.  Fewer steps than a real fine-tune takes: setting up weighs more here than it does there."""
    base = base_model()
    models = 32 if DEVICE == "cuda" else 4 if quick else 8
    steps = 48 if DEVICE == "cuda" else {2: 16, 8: 3}[batch] if quick else 24
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
    return Race(base, recipe, texts_of(2 * steps * batch), models, 2 if quick else 3, one_thread)


def training(quick: bool) -> Iterator[Row]:
    """Adapters an hour."""
    for batch in (2, 8) if quick else (1, 2, 4, 8):
        run = race(batch, quick)
        yield ratio(f"batch {batch}, adapters an hour, times the loop's", run.slow, run.fast, BARS[batch])
        print(f"  {run.told}", flush=True)
        yield Row(f"{WHERE}: batch {batch}, loss apart, share", run.gap(), bar=0.01, better="below")


def cores(quick: bool) -> Iterator[Row]:
    """The same on all cores by the clock: threads share the loop's products, and stacks are trained side by side.  On a
    machine that does something else these say little, so a short run leaves them out.
    """
    for batch in () if quick or DEVICE == "cuda" else (1, 2, 4, 8):
        run = race(batch, quick, one_thread=False)
        row = ratio(f"batch {batch}, adapters an hour, times the loop's", run.slow, run.fast, BARS[batch])
        yield replace(row, name=row.name.replace("CPU thread", f"{torch.get_num_threads()} CPU threads"))
        print(f"  {run.told}", flush=True)


def proxies(quick: bool) -> Iterator[Row]:
    """Adapters of the top layers alone; smollm2.py shows what they lose."""
    for batch in (8,) if quick else (2, 8):
        run = race(batch, quick)
        cheap = replace(run.recipe, proxy_layers=PROXY_LAYERS).for_shadows()
        took = [run.stacked(cheap) for _ in range(run.rounds)]
        yield ratio(f"batch {batch}, proxies an hour, times the loop's adapters", run.slow, took, 3.5)
        yield ratio(f"batch {batch}, proxies an hour, times our adapters", run.fast, took, None)


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
    ours = race(8, quick).trained
    exact = copy.deepcopy(ours.model).float()
    texts = repetitive(48 if quick else 300)
    slow, fast, plainly, answers = [], [], [], []
    for _ in range(2 if quick else 3):
        slow.append(timed(lambda: plainly.append(scored_plainly(exact, texts))))
        fast.append(timed(lambda: answers.append(ours.answer(Access.TOKEN_LOGPROBS, as_records(texts)))))
    answered = of_padded(answers[0])
    yield ratio("texts scored an hour, times a float32 loop's", slow, fast, 3.0)
    yield Row(
        f"{WHERE}: rank correlation of scores",
        float(spearmanr(plainly[0], answered.mean_of(answered.logprob)).statistic),
        bar=0.999,
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(__doc__ or "", {"training": training, "cores": cores, "proxies": proxies, "scoring": scoring})
