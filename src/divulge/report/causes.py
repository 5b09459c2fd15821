"""Why the other families leak: the survey's causes, each with what this run measured of it and the knob that moves it.

What makes membership leak is measured by training models otherwise (auditing.whatif) and by looking at the records
(auditing.causes).  Here are those that show in the findings themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.dossier import Dossier
from divulge.core.finding import Finding
from divulge.core.threat import Access, Family
from divulge.core.wording import percent
from divulge.report import words

LABELS = Access.LABEL.value


@dataclass(frozen=True)
class FamilyCause:
    """family, name: of the cause.  measured: what this run shows of it.  knob: what moves it."""

    family: str
    name: str
    measured: str
    knob: str


def by_family(dossier: Dossier) -> list[FamilyCause]:
    """Attributes, properties, copies; empty where nothing of them was measured."""
    return [*_attributes(dossier), *_properties(dossier), *_copies(dossier)]


def _strongest(findings: list[Finding]) -> Finding | None:
    measured = [f for f in findings if f.value is not None]
    return max(measured, key=lambda f: (f.advantage_low or 0.0, f.value or 0.0), default=None)


def _attributes(dossier: Dossier) -> list[FamilyCause]:
    """How much of an attribute the other columns tell by themselves."""
    found = []
    of = [f for f in dossier.of(Family.RECONSTRUCTION) if f.metric.startswith("attribute_accuracy:")]
    for metric in dict.fromkeys(f.metric for f in of):
        best = _strongest([f for f in of if f.metric == metric])
        if best is None:
            continue
        name = metric.partition(":")[2]
        found.append(
            FamilyCause(
                Family.RECONSTRUCTION.value,
                f"other columns tell {name}",
                f"an imputer without the model is right for {percent(best.chance)}, the strongest attack for "
                f"{percent(best.value or 0.0)}",
                "leave out or coarsen the columns that tell it (minimisation), or the attribute itself",
            )
        )
    return found


def _properties(dossier: Dossier) -> list[FamilyCause]:
    """What the model's figures of merit tell, beside what the model itself does."""
    from divulge.report.inferred import rows

    found: dict[str, FamilyCause] = {}
    for row in rows(dossier):
        if row.what in found or row.metrics in ("", "–"):
            continue
        found[row.what] = FamilyCause(
            Family.PROPERTY.value,
            "classes and columns move with the property",
            f"{row.what}: told right for {row.value[0]}; from the published accuracy and loss alone for {row.metrics}",
            "balance the training set in what must not be told; publish fewer figures; noise does not help here",
        )
    return list(found.values())


def _copies(dossier: Dossier) -> list[FamilyCause]:
    """How much richer answers help a copy."""
    of = [f for f in dossier.of(Family.EXTRACTION) if f.metric == "fidelity"]
    rich, bare = (_strongest([f for f in of if (f.access == LABELS) is poor]) for poor in (False, True))
    best = _strongest(of)
    if best is None:
        return []
    cheap = (
        "" if rich is None or bare is None else f"; from labels alone at best {words.shown(bare.value, bare.metric)}"
    )
    return [
        FamilyCause(
            Family.EXTRACTION.value,
            "a function simpler than the number of answers",
            f"{words.shown(best.value, best.metric)} of unseen records agree after {best.queries:,} queries, "
            f"{words.shown(best.chance, best.metric)} without any{cheap}",
            "limit and watch queries; show labels, or rounded scores, where they are enough",
        )
    ]
