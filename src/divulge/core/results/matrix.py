"""Defences against attacks: what was measured, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from divulge.core.results.comparison import MetricChange
from divulge.core.results.finding import Reading
from divulge.core.results.guarantee import Guarantee


@dataclass(frozen=True)
class MatrixColumn:
    """One measure of one attack.  chance: what guessing reaches."""

    attack: str
    metric: str
    about: str
    title: str
    family: str


@dataclass(frozen=True)
class Cell:
    """What one measure came to under one defence.

    reading: as measured.  leak: above chance, as a share of what would be possible: 0 for guessing, 1 for everything.
    why: the reason where nothing was measured.  change: against the same cell of the row without a defence, by the
    reading, with bounds that hold together over all cells; None where the two cannot be compared.
    """

    reading: Reading | None = None
    leak: Reading | None = None
    verdict: str = ""
    why: str = ""
    family: str = ""
    change: MetricChange | None = None

    @property
    def helps(self) -> bool:
        """Whether less leaks than without a defence, by an interval of the difference on the same records."""
        return self.change is not None and self.change.high < 0

    @property
    def hurts(self) -> bool:
        """Whether more does."""
        return self.change is not None and self.change.low > 0

    @property
    def gone(self) -> bool:
        """Whether the interval says that nothing is left, as far as it can."""
        return self.leak is not None and self.leak.low <= 0


@dataclass(frozen=True)
class MatrixRow:
    """One composition of defences.

    quality: of the model on records it has not seen, as they are.  seconds: of training the model once; audit_seconds:
    of all of it.
    cells: one for each column.  canaries: leak of the worst case, records with wrong labels, by the attack named.
    private: whether what it releases has a bound by differential privacy, `guarantee`, whose epsilon is `epsilon`;
    unbounded: why it has none though a part of it adds noise.  interface: whether it acts on answers alone.
    failed: why the row could not be measured.
    """

    name: str
    defenses: tuple[str, ...]
    quality: Reading | None
    seconds: float
    cells: tuple[Cell, ...]
    canaries: Cell | None = None
    private: bool = False
    interface: bool = False
    epsilon: float | None = None
    models_trained: int = 0
    audit_seconds: float = 0.0
    failed: str = ""
    guarantee: Guarantee | None = None
    unbounded: str = ""

    @property
    def all_cells(self) -> tuple[Cell, ...]:
        """With the canaries."""
        return (*self.cells, self.canaries) if self.canaries is not None else self.cells

    @property
    def worst(self) -> Reading | None:
        """The strongest leak over all columns and the canaries: that with the highest lower bound, since of many
        uncertain figures the largest is large by chance.
        """
        found = [c.leak for c in self.all_cells if c.leak is not None]
        return max(found, key=lambda leak: (leak.low, leak.value), default=None)

    @property
    def of_data(self) -> MatrixRow:
        """The same row, with what it leaks of the training data alone: a copied model is another matter."""
        return replace(self, cells=tuple(c for c in self.cells if c.family != "extraction"))


@dataclass(frozen=True)
class Matrix:
    """All of it.  canary_attack: by which canaries were told.  models_trained: really; models_apart: had every attack
    and every row trained its own.
    """

    name: str
    quality_name: str
    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]
    canaries: int = 0
    canary_attack: str = ""
    models_trained: int = 0
    models_apart: int = 0
    seconds: float = 0.0
    confidence: float = 0.95

    def measured(self) -> list[MatrixRow]:
        """Rows with a quality and a leak."""
        return [row for row in self.rows if row.quality is not None and row.worst is not None]

    @property
    def of_data(self) -> Matrix:
        """The same, of the training data alone."""
        return replace(self, rows=tuple(row.of_data for row in self.rows))

    def front(self) -> list[MatrixRow]:
        """Rows that no other beats in both quality and worst leak (Pareto), from least to most quality."""
        rows = self.measured()
        kept = [row for row in rows if not any(_beats(other, row) for other in rows)]
        return sorted(kept, key=lambda row: row.quality.value if row.quality else 0.0)


def _beats(one: MatrixRow, other: MatrixRow) -> bool:
    assert one.quality and other.quality and one.worst and other.worst
    better = one.quality.value >= other.quality.value and one.worst.value <= other.worst.value
    return better and (one.quality.value > other.quality.value or one.worst.value < other.worst.value)
