"""Evidence of the reconstruction game: how often, and how well, something of the training data was rebuilt."""

from __future__ import annotations

from dataclasses import dataclass

REBUILT = (
    *("attribute_accuracy", "records_rebuilt", "records_exact", "guesses_nearer_training", "classes_recognised"),
    "batches_opened",
    "classes_shown",
    *("labels_counted", "text_rebuilt", "text_exact"),
)
"""Metrics; that of an attribute is followed by a colon and its name."""


@dataclass(frozen=True)
class Measure:
    """One metric, trial by trial.

    hits: [trials] in [0, 1], what the attack achieved on each thing that was to be rebuilt.
    blind: [trials], the same of the best guess without the model.
    units: [trials], what was drawn independently of each other (a person, an update).
    note: what counts as a hit, in words.  known: whether what the blind guess reaches is known rather than measured, as
    of one image for all classes, which is recognised as one of them.
    """

    metric: str
    hits: tuple[float, ...]
    blind: tuple[float, ...]
    units: tuple[int, ...]
    note: str = ""
    known: bool = False

    @property
    def value(self) -> float:
        """Mean over the units of what the attack achieved."""
        return _mean_of_units(self.hits, self.units)

    @property
    def chance(self) -> float:
        """The same of the best guess without the model."""
        return _mean_of_units(self.blind, self.units)


def _mean_of_units(values: tuple[float, ...], units: tuple[int, ...]) -> float:
    by: dict[int, list[float]] = {}
    for value, unit in zip(values, units, strict=True):
        by.setdefault(unit, []).append(value)
    return sum(sum(part) / len(part) for part in by.values()) / len(by) if by else 0.0


@dataclass(frozen=True)
class Quality:
    """How good guesses are, on a scale that everybody knows: PSNR, SSIM, edit distance.  values, blind: [trials]."""

    name: str
    values: tuple[float, ...]
    blind: tuple[float, ...] = ()


@dataclass(frozen=True)
class ValueRow:
    """One value of an attribute.  records: that have it.  recall, precision: of the attack; blind: of the imputer."""

    attribute: str
    value: str
    records: int
    recall: float
    precision: float
    blind_recall: float
    blind_precision: float


@dataclass(frozen=True)
class Picture:
    """One thing side by side: the truth, the guess, and the best guess without the model.

    kind: 'image' (each a base64 string of bytes [height, width] or [height, width, 3]), 'row' or 'text' (as written).
    score, blind_score: what stands under each.
    """

    kind: str
    truth: str
    guess: str
    blind: str
    score: str
    blind_score: str
    shape: tuple[int, ...] = ()
    title: str = ""


@dataclass(frozen=True)
class Rebuilt:
    """What an attack of the reconstruction game achieved.

    baseline: the guess without the model, in words.  told: what was found, in words.
    lacking: why something could not be judged, by metric.
    """

    measures: tuple[Measure, ...] = ()
    qualities: tuple[Quality, ...] = ()
    values: tuple[ValueRow, ...] = ()
    pictures: tuple[Picture, ...] = ()
    baseline: str = ""
    told: tuple[str, ...] = ()
    lacking: tuple[tuple[str, str], ...] = ()
