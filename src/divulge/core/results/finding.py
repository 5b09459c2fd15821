"""What an audit finds, and what it could not do: all are values that the report shows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum

from divulge.core.results.estimate import Detail
from divulge.core.results.metric import Metric, metric
from divulge.core.wording import counted


class Verdict(Enum):
    """What a finding says, or a family of attacks.  None of them says that a model keeps its secrets: a result is a
    lower bound.  `not found` is said only where the audit can show that it looked; `not examined` where nothing of a
    family could be played.
    """

    LEAK = "leak"
    NOT_FOUND = "not found"
    NOT_MEASURABLE = "not measurable"
    NOT_EXAMINED = "not examined"
    INVALID = "invalid"
    REFUSED = "refused"
    FAILED = "failed"

    def __str__(self) -> str:
        return self.value


CLAIM = "claim"
"""The game of what is tested besides a model's leaks: it belongs to no family of attacks, and says nothing of any."""


@dataclass(frozen=True)
class Reading:
    """The same metric in a comparison arm: the model-blind baseline, or a control model."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One metric of one attack, measured, before the correction for many tests: no verdict can be read off it.

    Field names are those of findings.json.
    """

    attack: str
    game: str
    """The family of attacks, or CLAIM."""
    asset: str
    access: str
    metric: str
    """Its whole name, "attribute_accuracy:sex" say."""
    about: str = ""
    """The attribute or property that it is about."""
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    chance: float
    baseline: float | None
    control: float | None
    positive_control: float | None
    advantage: float | None
    advantage_low: float | None
    power: float | None
    threshold: float
    p_value: float | None
    queries: int
    models_trained: int
    seconds: float
    seed: int
    paper: str
    standards: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()
    attainable: float | None = None
    """p-value of an attack that never errs, on as many trials."""
    enough: str = ""
    """What would do where that is too high, in words."""
    p_below: float | None = None
    """Of the hypothesis that the attack is right at least as often as chance."""
    unit: str = "record"
    """What was counted: "record", or "person" with all their rows; an epsilon is then one of persons (user-level)."""
    ranks_as: str = ""
    """The attack that is known to rank as this one does: where both say the same they are one test."""
    advantage_corrected: float | None = None
    """The lower bound of the advantage at an error rate shared by all tests of the run; None where unknown."""
    unmeasurable: str = ""
    """Why the evidence cannot carry this metric; the numbers are then None."""
    broken_control: str = ""
    """Why the positive control shows the attack to be broken, so that it is no evidence that nothing was found."""
    bound_to_labels: str = ""
    """How the scores depend on who was a member beyond the target, so that membership cannot be drawn anew for them."""

    @property
    def key(self) -> str:
        """The metric without what it is about: a key of core.results.metric.METRICS."""
        return self.metric.removesuffix(f":{self.about}") if self.about else self.metric

    def repeats(self, other: Measurement) -> bool:
        """Whether this is the same ranking once more: said of the attack, and borne out by the figures."""
        own, others = ((m.metric, m.value, m.low, m.high, m.p_value) for m in (self, other))
        return self.ranks_as == other.attack and own == others

    @property
    def kind(self) -> Metric:
        """What is known of the metric itself."""
        return metric(self.key)

    def judged(
        self, verdict: Verdict, reason: str, p_adjusted: float | None, correction: Correction | None = None
    ) -> Finding:
        """The same numbers under a verdict."""
        numbers = {each.name: getattr(self, each.name) for each in fields(Measurement)}
        by = correction or Correction()
        return Finding(
            **numbers,
            verdict=verdict,
            reason=reason,
            p_adjusted=p_adjusted,
            correction=by.method,
            low_all=by.low,
            advantage_low_all=by.advantage_low,
        )


@dataclass(frozen=True)
class Correction:
    """What looking at many findings makes of one.

    adjusted: its p-value, corrected; None where it has none.  best: what that would have been of an attack that never
    errs.  method: how it was corrected, in words.  low, advantage_low: see Finding.low_all.
    """

    adjusted: float | None = None
    best: float | None = None
    method: str = ""
    low: float | None = None
    advantage_low: float | None = None


@dataclass(frozen=True, kw_only=True)
class Finding(Measurement):
    """A measurement under its verdict, with everything needed to trust it."""

    p_adjusted: float | None
    """The p-value corrected for all tests of the run."""
    verdict: Verdict
    reason: str
    correction: str = ""
    """How it was corrected: "max-T over 96 findings" say, or "Holm over 12 findings"."""
    low_all: float | None = None
    """Lower bound of the value that holds for all findings of the run at once, so that the best of many attacks may be
    picked; None where none was computed.  `low` is of this finding alone."""
    advantage_low_all: float | None = None
    """The same of the advantage."""


@dataclass(frozen=True)
class Refused:
    """The attack cannot run under this threat model, or with what was given; nothing is said about the model."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """The attack was started and broke off.  error: one line; trace: for whoever mends it."""

    error: str
    trace: str = ""


@dataclass(frozen=True)
class Played:
    """The attack ran: what it measured, before the correction for many attacks.

    note: something about the play that a reader should know, a control that did not work for instance.
    fired: whether it shows something in the easiest case of its kind, the positive control; None where there is none.
    """

    measurements: tuple[Measurement, ...]
    note: str = ""
    fired: bool | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one attack of the plan.  strength, differs: how much it is expected to find, and in what it is not
    as its paper has it, see its card.  tokens: of a language model, sent and written, at most.
    """

    attack: str
    title: str
    game: str
    asset: str
    paper: str
    result: Played | Refused | Failed
    access: str = ""
    seconds: float = 0.0
    queries: int = 0
    models_trained: int = 0
    strength: float = 0.5
    differs: str = ""
    tokens: int = 0

    @property
    def asked(self) -> str:
        """What it asked the target, in words."""
        return counted(self.queries, "query") + (f", {counted(self.tokens, 'token')}" if self.tokens else "")
