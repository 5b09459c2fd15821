"""Evidence of the extraction game: counts, from which everything else is computed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """On so many points the copy and the baseline gave the target's answer: both, one of them, or neither.

    where: 'data' (unseen records), 'uniform' (drawn from the range of inputs) or 'boundary' (where the target changes
    its mind).  baseline: the best guess without any query.
    """

    where: str
    both: int
    copy_only: int
    baseline_only: int
    neither: int

    @property
    def points(self) -> int:
        """How many points were compared."""
        return self.both + self.copy_only + self.baseline_only + self.neither

    @property
    def copy(self) -> float:
        """Share of the points on which the copy answers as the target does: its fidelity."""
        return (self.both + self.copy_only) / self.points

    @property
    def baseline(self) -> float:
        """The same of the baseline."""
        return (self.both + self.baseline_only) / self.points


@dataclass(frozen=True)
class Recovery:
    """Secrets that were claimed, against the truth.

    what: 'parameters', 'hyperparameters' or 'architecture'.  recovered: how many of `values` are right, within
    `tolerance` where they are numbers.  chance: probability of guessing so each, one a value (empty: none).
    worst: largest error, relative to the size of what was claimed.
    """

    what: str
    values: int
    recovered: int
    tolerance: float
    chance: tuple[float, ...] = ()
    worst: float | None = None
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A point of the curve over queries, on unseen records.  low, high: 95 % interval of the copy's fidelity."""

    queries: int
    agreement: Agreement
    low: float = 0.0
    high: float = 1.0


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


@dataclass(frozen=True)
class Theft:
    """What an attack of the extraction game achieved.

    right_copy, right_target, judged: how many of the unseen records each classifies rightly.  divergence: mean KL
    divergence of the copy's scores from the target's, in nats, with its standard error; None without scores.
    lacking: why something could not be judged, by metric.
    """

    agreements: tuple[Agreement, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
    curve: tuple[Step, ...] = ()
    right_copy: int = 0
    right_target: int = 0
    judged: int = 0
    divergence: float | None = None
    divergence_error: float | None = None
    baseline: str = ""
    alarms: tuple[Alarm, ...] = ()
    lacking: tuple[tuple[str, str], ...] = ()
