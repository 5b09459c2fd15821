"""A target through an adversary's eyes: it grants, counts, remembers and stops."""

from __future__ import annotations

import threading
from collections import ChainMap
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.releases import ShowsCounts
from divulge.core.capability.targets import Completes, Generates, TellsSampling, model_of
from divulge.core.errors import AccessDenied, BudgetSpent, Impossible, TargetError
from divulge.core.hashing import Array, derived_seed, row_digests
from divulge.core.language.texts import Text, as_records, text_key, texts_of
from divulge.core.language.token_meter import TokenMeter
from divulge.core.language.token_scores import TokenScores, of_padded, padded, trimmed
from divulge.core.mixed.counted import CellCounts
from divulge.core.records import Records, Schema
from divulge.core.signals import log_softmax
from divulge.core.target import Target
from divulge.core.threat import Access, Task, ThreatModel, closure, reach

STRONGEST_FIRST = (Access.LOGITS, Access.SCORES, Access.LABEL)

WITH_TARGETS = frozenset({Access.GRADIENTS, Access.INTERNALS})
"""Ports whose answer depends on the record's own class too."""

FROM_STRONGER = frozenset({Access.LABEL, Access.TOPK, Access.SCORES, Access.LOGITS})
"""Ports whose answer is made from the strongest one that is granted; at any other the target itself is asked."""

WITHOUT_RECORDS = frozenset(
    {
        *(Access.PARAMETERS, Access.UPDATES, Access.ACTIVATIONS, Access.VERSIONS),
        *(Access.SCORES_OVER_TIME, Access.SAMPLES, Access.COUNTS, Access.COMPLETIONS),
        *(Access.CUT_GRADIENTS, Access.JOINT_SCORES),
    }
)
"""Ports that are no question about records."""

MOST_REMEMBERED = 200_000
"""Answers that are kept; beyond, an attack that asks about ever new records is answered without keeping."""


@dataclass
class Memory:
    """What one target has answered, so that a record is computed once however many attacks ask for it.

    Answers are kept as rows at the strongest port that was asked; guarded by one lock, since models are not
    generally safe to call from several threads.
    """

    rows: dict[tuple[Access, bytes], Array] = field(default_factory=dict)
    token_counts: dict[bytes, int] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, target: Target, port: Access, records: Records, keys: list[bytes]) -> Array:
        """Rows for all records; only those not remembered are sent to the target, each once."""
        with self.lock:
            new = {key: i for i, key in reversed(list(enumerate(keys))) if (port, key) not in self.rows}
            if new:
                places = np.array(sorted(new.values()))
                answer = target.answer(port, records.take(places))
                room = len(self.rows) + len(new) <= MOST_REMEMBERED
                remembered: MutableMapping[tuple[Access, bytes], Array]
                remembered = self.rows if room else ChainMap({}, self.rows)
                if len(answer) != len(places) or not _sound(port, answer):
                    raise TargetError(f"{target.name} gave {len(answer)} answers, or NaN, for {len(places)} records")
                for place, row in zip(places, answer, strict=True):
                    remembered[port, keys[place]] = trimmed(row) if port is Access.TOKEN_LOGPROBS else row
                return _joined(port, [remembered[port, key] for key in keys])
            return _joined(port, [self.rows[port, key] for key in keys])


def _sound(port: Access, answer: Array) -> bool:
    """Whether an answer holds numbers only; of texts, whether every one has scored tokens."""
    return len(of_padded(answer)) == len(answer) if port is Access.TOKEN_LOGPROBS else bool(np.isfinite(answer).all())


def _joined(port: Access, rows: list[Array]) -> Array:
    return padded(rows) if port is Access.TOKEN_LOGPROBS else np.stack(rows)


def keys_of(port: Access, records: Records) -> list[bytes]:
    """By what an answer is remembered: texts by what they are, since an attack may write its own."""
    if port is Access.TOKEN_LOGPROBS:
        return [text_key(text) for text in texts_of(records)]
    return row_digests(records.x) if port not in WITH_TARGETS else records.row_keys()


class GrantedOracle:
    """See core.target.Oracle.  Only what both the threat model and the attack's card name is granted.

    A batch that would exceed the budget is refused whole and costs nothing; records asked before are free.  A free
    oracle without a memory, a shadow model's, asks on every call and counts nothing.
    """

    def __init__(
        self, target: Target, threat: ThreatModel, needed: Access, memory: Memory | None = None, free: bool = False
    ) -> None:
        self._target, self._threat = target, threat
        self._granted = reach({needed}) & reach(threat.access)
        self._budget = None if free else threat.query_budget
        self._memory = None if free and memory is None else memory or Memory()
        self._asked: set[bytes] = set()
        self._drawn = 0
        self._free = free
        self.meter = TokenMeter(target, None if free else threat.token_budget)
        self.watched: list[Records] | None = None
        """What was asked, in order, where somebody wants to know."""
        seen = closure(threat.access)
        self._port = next((p for p in STRONGEST_FIRST if p in seen and p in target.offers), Access.LABEL)
        if self._port is Access.LABEL and Access.TOPK in seen:
            self._port = next((p for p in (Access.SCORES, Access.TOPK) if p in target.offers), Access.LABEL)

    @property
    def port(self) -> Access:
        """Where the target is asked for labels, scores and logits: an answer is remembered by the port it came from."""
        return self._port

    @property
    def task(self) -> Task:
        """See Oracle."""
        return self._target.task

    @property
    def queries(self) -> int:
        """See Oracle."""
        return len(self._asked) + self._drawn

    @property
    def tokens(self) -> int:
        """Of a language model, sent and written; see TokenMeter."""
        return self.meter.spent

    @property
    def ports(self) -> frozenset[Access]:
        """See Oracle."""
        return self._granted & self._target.offers

    def ask(self, port: Access, records: Records) -> Array:
        """See Oracle."""
        if port is Access.TOPK:
            return np.stack(self.top_k(records), axis=-1)
        answer = self._ask(port, records)
        if port is Access.SCORES:
            return self._log_scores(answer)
        scored = port is Access.LABEL and self.task is Task.CLASSIFICATION and self._port is not Access.LABEL
        return np.asarray(answer.argmax(axis=1)) if scored else answer

    def labels(self, records: Records) -> Array:
        """See Oracle."""
        return self.ask(Access.LABEL, records)

    def top_k(self, records: Records) -> tuple[Array, Array]:
        """See Oracle."""
        log_scores = self._log_scores(self._ask(Access.TOPK, records))
        k = min(self._threat.top_k, log_scores.shape[1])
        best = np.argsort(-log_scores, axis=1, kind="stable")[:, :k]
        return best, np.take_along_axis(log_scores, best, axis=1)

    def log_scores(self, records: Records) -> Array:
        """See Oracle."""
        return self.ask(Access.SCORES, records)

    def logits(self, records: Records) -> Array:
        """See Oracle."""
        return self.ask(Access.LOGITS, records)

    def gradient_norms(self, records: Records) -> Array:
        """See Oracle."""
        return self.ask(Access.GRADIENTS, records)

    def internals(self, records: Records) -> Array:
        """See Oracle."""
        return self.ask(Access.INTERNALS, records)

    def leaves(self, records: Records) -> Array:
        """See Oracle."""
        return self.ask(Access.LEAVES, records)

    def parameters(self) -> Any:
        """See Oracle."""
        if Access.PARAMETERS not in self._granted:
            raise AccessDenied("parameters are not granted here")
        model = model_of(self._target)
        if model is None:
            raise AccessDenied(f"the target {self._target.name} has no parameters that can be read here")
        return model

    @property
    def budget(self) -> int | None:
        """Distinct records that may be asked about."""
        return self._budget

    def values(self, records: Records) -> Array:
        """See Oracle."""
        if self.task is not Task.REGRESSION:
            raise AccessDenied(f"{self._target.name} is a classifier: it predicts no values, ask for its labels")
        return self.ask(Access.LABEL, records)

    def samples(self, count: int, schema: Schema) -> Records:
        """See Oracle.  Later calls bring others, in the same order in every run."""
        if Access.SAMPLES not in self._granted:
            raise AccessDenied("generated samples are not granted here")
        if not able(self._target, Generates):
            raise AccessDenied(f"the target {self._target.name} generates no records")
        if self._budget is not None and self.queries + count > self._budget:
            raise BudgetSpent(f"{count:,} records are too many: {self.queries:,} of {self._budget:,} queries are spent")
        seed = derived_seed(self._drawn, "samples", self._target.fingerprint())  # none is drawn like another's
        self._drawn += count
        return self._target.draw(count, seed, schema)

    def counts(self, schema: Schema) -> CellCounts:
        """See Oracle."""
        if Access.COUNTS not in self._granted:
            raise AccessDenied("published counts are not granted here")
        if not able(self._target, ShowsCounts):
            raise AccessDenied(f"the target {self._target.name} is no table of counts")
        return self._target.counts(schema)

    def token_logprobs(self, texts: Records | Sequence[Text]) -> TokenScores:
        """See Oracle."""
        return of_padded(self._ask(Access.TOKEN_LOGPROBS, as_records(texts)))

    def sampling_logprobs(
        self, texts: Records | Sequence[Text], temperature: float = 1.0, top_k: int | None = None
    ) -> list[Array]:
        """See Oracle."""
        records = as_records(texts)
        scores = self.token_logprobs(records)
        if temperature == 1 and top_k is None:
            return scores.by_text(scores.logprob)
        if not able(self._target, TellsSampling):
            raise Impossible(f"{self._target.name} tells log-probabilities at temperature 1 alone, of all its tokens")
        return self._target.sampling_logprobs(records, temperature, top_k)

    def complete(
        self, prefixes: Sequence[Text], n: int = 1, temperature: float = 1.0, max_tokens: int = 50, seed: int = 0
    ) -> list[list[str]]:
        """See Oracle."""
        if Access.COMPLETIONS not in self._granted:
            raise AccessDenied("sampled text is not granted here")
        if not able(self._target, Completes):
            raise AccessDenied(f"the target {self._target.name} writes no text")
        count = len(prefixes) * n
        if self._budget is not None and self.queries + count > self._budget:
            raise BudgetSpent(f"{count:,} texts are too many: {self.queries:,} of {self._budget:,} queries are spent")
        self.meter.reserve(prefixes, n, max_tokens)
        self._drawn += count
        written = self._target.complete(prefixes, n, temperature, max_tokens, seed)
        self.meter.wrote(prefixes, written, max_tokens)
        return written

    def _log_scores(self, answer: Array) -> Array:
        return log_softmax(answer) if self._port is Access.LOGITS else answer

    def _ask(self, access: Access, records: Records) -> Array:
        if access not in self._granted:
            seen = ", ".join(sorted(port.value for port in self._granted)) or "nothing"
            raise AccessDenied(f"{access.value} are not granted here: this attack may see {seen}")
        if access in WITHOUT_RECORDS:
            raise AccessDenied(f"{access.value} are no answers about records: the view of an attack has them")
        port = self._port if access in FROM_STRONGER else access
        if self._memory is None:
            return np.asarray(self._target.answer(port, records), dtype=np.float64)
        keys = keys_of(port, records)
        with self._memory.lock:
            new = dict.fromkeys(key for key in keys if key not in self._asked)
            if self._budget is not None and self.queries + len(new) > self._budget:
                raise BudgetSpent(
                    f"{len(new):,} more queries are needed and {self.queries:,} of "
                    f"{self._budget:,} are spent: raise `query_budget` or audit fewer records"
                )
            if port is Access.TOKEN_LOGPROBS and new and not self._free:
                self._pay(records, keys, list(new))
            answer = self._memory.answer(self._target, port, records, keys)
            if self.watched is not None and new:
                first = {key: i for i, key in reversed(list(enumerate(keys))) if key in new}
                self.watched.append(records.take(np.array(sorted(first.values()))))
            self._asked.update(new)
        return answer

    def _pay(self, records: Records, keys: list[bytes], new: list[bytes]) -> None:
        """Count the tokens of new texts; where they are not known beforehand, by asking about as many as surely fit."""
        memory, port, place = self._memory, Access.TOKEN_LOGPROBS, {key: i for i, key in enumerate(keys)}
        assert memory is not None
        while new:
            part = records.take(np.array([place[key] for key in new]))
            texts = texts_of(part)
            unknown = [i for i, key in enumerate(new) if key not in memory.token_counts]
            costs = [memory.token_counts.get(key, 0) for key in new]
            for i, cost in zip(unknown, self.meter.costs([texts[i] for i in unknown]), strict=True):
                costs[i] = cost
            fit = self.meter.fitting(costs)
            if not self.meter.exact:
                part = part.take(np.arange(fit))
                found = of_padded(memory.answer(self._target, port, part, new[:fit]))
                costs = self.meter.scored(texts[:fit], found.counts.tolist())
            memory.token_counts.update(zip(new[:fit], costs[:fit], strict=True))
            self.meter.spent += sum(costs[:fit])
            self._asked.update(new[:fit])
            new = new[fit:]
