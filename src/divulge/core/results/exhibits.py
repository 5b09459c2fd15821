"""Exhibits: what a reader is shown of an attack beside its figures.  Nothing is decided by them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from divulge.core.results.trials import Counted


@dataclass(frozen=True)
class Curve:
    """A ROC curve with its band, and both arms' scores as histograms; see stats.curves."""

    attack: str
    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    edges: tuple[float, ...]
    inside: tuple[float, ...]
    outside: tuple[float, ...]
    type: Literal["curve"] = field(default="curve", kw_only=True)


@dataclass(frozen=True)
class Quality:
    """How good guesses are, on a scale that everybody knows: PSNR, SSIM, edit distance."""

    name: str
    values: tuple[float, ...]
    """[trials] of the attack."""
    baseline: tuple[float, ...] = ()
    """[trials] of the best guess without the model."""
    about: str = field(default="", kw_only=True)
    """The attribute or property that it is about; empty for all."""
    type: Literal["quality"] = field(default="quality", kw_only=True)


@dataclass(frozen=True)
class ValueRow:
    """One value of an attribute.  records: that have it.  recall, precision: of the attack; baseline: imputer."""

    attribute: str
    value: str
    records: int
    recall: float
    precision: float
    baseline_recall: float
    baseline_precision: float
    type: Literal["value_row"] = field(default="value_row", kw_only=True)


@dataclass(frozen=True)
class Picture:
    """One thing side by side: the truth, the guess, and the best guess without the model.

    kind: 'image' (each a base64 string of bytes [height, width] or [height, width, 3]), 'row' or 'text' (as written).
    score, baseline_score: what stands under each.
    """

    kind: str
    truth: str
    guess: str
    baseline: str
    score: str
    baseline_score: str
    shape: tuple[int, ...] = ()
    title: str = ""
    type: Literal["picture"] = field(default="picture", kw_only=True)


@dataclass(frozen=True)
class Step:
    """A point of the curve over queries, on unseen records."""

    queries: int
    agreement: Counted
    low: float = 0.0
    """Of the 95 % interval of the copy's fidelity."""
    high: float = 1.0
    type: Literal["step"] = field(default="step", kw_only=True)


@dataclass(frozen=True)
class CopyQuality:
    """How a copy does beside its target on unseen records, of which `judged` were looked at."""

    right_copy: int = 0
    right_target: int = 0
    judged: int = 0
    divergence: float | None = None
    """Mean KL divergence of the copy's scores from the target's, in nats; None without scores."""
    divergence_error: float | None = None
    """Its standard error."""
    type: Literal["copy_quality"] = field(default="copy_quality", kw_only=True)


@dataclass(frozen=True)
class Alarm:
    """A detector that watched an attack.  at: after how many queries it raised the alarm, None for never within
    `watched` queries, which is 0 where there are too few benign queries to set its threshold.
    per_thousand: its false alarms in a thousand benign queries.
    """

    detector: str
    at: int | None
    watched: int
    per_thousand: float
    type: Literal["alarm"] = field(default="alarm", kw_only=True)


@dataclass(frozen=True)
class Estimated:
    """What was said of one model: the truth, the estimate and its interval."""

    truth: float
    estimate: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Fact:
    """What an attack of the property game achieved about one property, or one attribute of inputs.

    text: the property.  low, high: between which it was sought.  estimates: of all models but the audited one.
    answer: of the audited one.  metrics_told, metrics_error: what the published metrics alone tell: how often the pair
    is told apart, and the mean absolute error.  leaked: how many training records, shown to somebody, would tell the
    pair apart as often (n_leaked, Suri and Evans 2022, theorem 4.2); None where that has no meaning.
    confidence, covered: how often the intervals should hold the truth, and did.
    """

    text: str
    estimates: tuple[Estimated, ...] = ()
    answer: Estimated | None = None
    low: float = 0.0
    high: float = 1.0
    pairs: tuple[tuple[float, float], ...] = ()
    told_apart: tuple[float, ...] = ()
    kind: str = "share"
    confidence: float = 0.95
    covered: float | None = None
    metrics_told: float | None = None
    metrics_error: float | None = None
    leaked: float | None = None
    notes: tuple[str, ...] = ()
    type: Literal["fact"] = field(default="fact", kw_only=True)

    @property
    def error(self) -> float | None:
        """Mean absolute error of the estimates."""
        apart = [abs(e.estimate - e.truth) for e in self.estimates]
        return sum(apart) / len(apart) if apart else None

    @property
    def baseline_error(self) -> float | None:
        """The same of the middle of the range."""
        middle = (self.low + self.high) / 2
        apart = [abs(middle - e.truth) for e in self.estimates]
        return sum(apart) / len(apart) if apart else None


@dataclass(frozen=True)
class Claimed:
    """What a claim is, and how it was tested, in whole sentences.

    chance: what was left to chance, and so what the figures hold for.  upheld, open: what follows where the test
    found it, and where it did not.  figures: name and value, as they are read.  notes: what a reader should know.
    """

    claim: str
    test: str
    chance: str
    upheld: str
    open: str
    figures: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    type: Literal["claimed"] = field(default="claimed", kw_only=True)


@dataclass(frozen=True)
class Extractable:
    """How many texts come out within n tries with probability p at least (Hayes et al. 2024): of the training texts, of
    others, and of the training texts by the reference model, None where there is none.
    """

    n: int
    p: float
    members: int
    of_members: int
    nonmembers: int
    of_nonmembers: int
    reference: int | None = None
    type: Literal["extractable"] = field(default="extractable", kw_only=True)


Exhibit = Curve | Quality | ValueRow | Picture | Step | CopyQuality | Alarm | Fact | Claimed | Extractable
