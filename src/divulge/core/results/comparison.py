"""What differs between two audits, or two attacks of one audit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricChange:
    """One metric of one attack, in two audits of which one comes before the other, or of two attacks.

    value: now - before.  low, high: its bounds, which hold together with those of all changes that are shown with it.
    p_more, p_less: of the hypotheses that it has not grown, and not shrunk.  p_adjusted: two-sided, corrected for all
    (Holm).  method: how they were compared, in words.  matched: records, or persons, that both have, of so many.
    e_value: of growth, by which one may look again and again; None where it was not computed.
    """

    attack: str
    title: str
    metric: str
    before: float
    now: float
    value: float
    low: float
    high: float
    p_more: float
    p_less: float
    p_adjusted: float
    method: str
    matched: int = 0
    of: int = 0
    e_value: float | None = None
    against: str = ""
    beside: tuple[tuple[str, float], ...] = ()
    differs: bool = False
    """Whether the corrected test says so."""

    @property
    def words(self) -> str:
        """What it comes to."""
        return "no difference shown" if not self.differs else "more" if self.value > 0 else "less"


@dataclass(frozen=True)
class Overlay:
    """Two ROC curves on one grid of false positive rates, and the band of their difference, which holds everywhere at
    once.
    """

    attack: str
    title: str
    names: tuple[str, str]
    fpr: tuple[float, ...]
    before: tuple[float, ...]
    now: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    confidence: float
    matched: int = 0
    of: int = 0


@dataclass(frozen=True)
class OverTime:
    """One audit in a row of audits of one model.  value: its own e-value against the hypothesis that nothing leaks
    beyond what is tolerated; together: of all audits so far.  fresh: records that no earlier one had, None where that
    is not known.
    """

    run: str
    name: str
    model: str
    started: str
    value: float
    together: float
    records: int
    fresh: int | None
    note: str = ""
