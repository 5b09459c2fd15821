"""What was said of training sets, judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Estimated, Fact, Quality
from divulge.core.results.metric import PROPERTY_ESTIMATED, PROPERTY_TOLD
from divulge.core.results.trials import Paired
from divulge.core.signals import of_class
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.core.views.property import PropertyAnswer


@dataclass(frozen=True)
class FactJudge:
    """values: [victims], the truth.  pair_rows: of each pair the victims at the lower and at the higher value.

    pairs, reach: as the attack was told.  actual: the truth about the audited model; None where it is not asked about.
    """

    text: str
    kind: str
    values: Array
    pair_rows: Sequence[tuple[Array, Array]]
    pairs: tuple[tuple[float, float], ...]
    reach: tuple[float, float]
    actual: float | None

    def judge(self, answer: PropertyAnswer, metrics: tuple[float, float] | None, notes: Sequence[str] = ()) -> Evidence:
        """How often the first pair is told apart, and how close the estimates come, against one who knows the values
        and nothing of the models.  Raises TargetError for an answer of the wrong shape.
        """
        told_apart = [
            self._right(scores, rows) for scores, rows in zip(self._scores(answer), self.pair_rows, strict=True)
        ]
        hits = told_apart[0]
        lots = tuple(np.full(len(hits), 0.5))
        note = f"{self.pairs[0][0]:.2g} or {self.pairs[0][1]:.2g}"
        units = tuple(range(len(hits)))
        measures = [Paired(PROPERTY_TOLD, tuple(hits), lots, units, note, known=True, about=self.text)]
        estimates, own = self._estimates(answer)
        qualities: tuple[Quality, ...] = ()
        if estimates:
            measures.append(self._closeness(np.array([e.estimate for e in estimates])))
            qualities = (Quality("error", tuple(abs(e.estimate - e.truth) for e in estimates), about=self.text),)
        inside = [e.low <= e.truth <= e.high for e in estimates if e.low is not None and e.high is not None]
        covered = float(np.mean(inside)) if inside else None
        low_value, high_value = self.pairs[0]
        fact = Fact(
            text=self.text,
            estimates=estimates,
            answer=own,
            low=self.reach[0],
            high=self.reach[1],
            pairs=self.pairs,
            told_apart=tuple(float(np.mean(part)) for part in told_apart),
            kind=self.kind,
            confidence=answer.confidence,
            covered=covered,
            metrics_told=metrics[0] if metrics is not None else None,
            metrics_error=metrics[1] if metrics is not None else None,
            leaked=leaked_records(float(np.mean(hits)), low_value, high_value) if self.kind == "share" else None,
            notes=(*answer.told, *notes),
        )
        return Evidence(tuple(measures), (*qualities, fact))

    def _estimates(self, answer: PropertyAnswer) -> tuple[tuple[Estimated, ...], Estimated | None]:
        """Of the victims, and of the audited model where it was asked about."""
        if answer.estimates is None:
            return (), None
        said, low, high = (
            None if part is None else np.clip(np.asarray(part, dtype=np.float64), *self.reach)
            for part in (answer.estimates, answer.low, answer.high)
        )
        assert said is not None

        def one(k: int, truth: float) -> Estimated:
            bounds = (None, None) if low is None or high is None else (float(low[k]), float(high[k]))
            return Estimated(truth, float(said[k]), *bounds)

        count = len(self.values)
        own = one(count, self.actual) if self.actual is not None and len(said) > count else None
        return tuple(one(k, float(self.values[k])) for k in range(count)), own

    def _scores(self, answer: PropertyAnswer) -> list[Array]:
        if len(answer.scores) != len(self.pairs):
            raise TargetError(
                f"the attack told {len(answer.scores)} pairs apart, and {len(self.pairs)} were asked about"
            )
        for scores in answer.scores:
            if len(scores) < len(self.values) or not np.isfinite(scores).all():
                raise TargetError("the attack gave no finite score for every model")
        return [np.asarray(s, dtype=np.float64) for s in answer.scores]

    @staticmethod
    def _right(scores: Array, rows: tuple[Array, Array]) -> Array:
        """[models of the pair] 1 for the right value, half for a tie."""
        low, high = (0.5 * (1 + np.sign(scores[part])) for part in rows)
        return np.concatenate([1 - low, high])

    def _closeness(self, said: Array) -> Paired:
        span = max(self.reach[1] - self.reach[0], 1e-12)
        middle = sum(self.reach) / 2
        near = 1 - np.abs(said - self.values) / span
        blind = 1 - np.abs(middle - self.values) / span
        units = tuple(range(len(near)))
        note = "1 less the error as a share of the range"
        return Paired(PROPERTY_ESTIMATED, tuple(near), tuple(blind), units, note, about=self.text)


def leaked_records(accuracy: float, low: float, high: float) -> float | None:
    """n_leaked: how many training records, drawn at random and shown, would let two shares of a kind of records be told
    apart as often: log(1 - (2 accuracy - 1)^2) / log(max(a0 / a1, (1 - a1) / (1 - a0))) for a0 < a1 (Suri and Evans
    2022, theorem 4.2).

    None where no finite number would do: at an accuracy of 1, or where one share is 0 or 1.
    """
    if accuracy >= 1 or high <= low:
        return None
    base = max(low / high, (1 - high) / (1 - low))
    if base <= 0:
        return None
    return float(np.log(1 - max(0.0, 2 * accuracy - 1) ** 2) / np.log(base))


def metrics_alone(world: Any, records: Records) -> tuple[float, float] | None:
    """What published metrics tell: how often the first pair is told apart, and the mean absolute error, by one who
    knows accuracy and mean loss on records of the population, of the adversary's models and of the victims.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def metrics(model: Target) -> Array:
        if model.task is Task.REGRESSION:
            predicted = model.answer(Access.LABEL, records)
            return np.array([np.abs(predicted - records.y).mean(), np.square(predicted - records.y).mean()])
        right = np.mean(model.answer(Access.LABEL, records) == records.y)
        if Access.SCORES not in model.offers:
            return np.array([right])
        return np.array([right, -of_class(model.answer(Access.SCORES, records), records.y).mean()])

    cohort = world.cohort(lambda model: model)
    if Access.LABEL not in cohort.oracles[0].offers:
        return None
    own = np.stack([metrics(model) for model in cohort.oracles])
    theirs = np.stack([metrics(model) for model in world.victims])
    learned = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15))).fit(own, cohort.values)
    predicted = np.clip(learned.predict(theirs), *world.reach)
    low, high = world.pair_rows[0]
    border = sum(world.pairs[0]) / 2
    right = np.concatenate([predicted[low] <= border, predicted[high] > border])
    return float(right.mean()), float(np.abs(predicted - world.said).mean())
