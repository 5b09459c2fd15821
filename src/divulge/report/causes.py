"""Why the other families leak: the survey's causes, each with what this run measured of it and the knob that moves it.

What makes membership leak is measured by training models otherwise (explain.what_if) and by looking at the records
(explain.causes).  Here are those that show in the findings themselves, and what is left of each leak when one thing is
changed (explain.mitigations).
"""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.results.audit_result import AuditResult, Mitigation
from divulge.core.results.finding import Finding, Reading
from divulge.core.results.metric import ATTRIBUTE_ACCURACY, FIDELITY
from divulge.core.threat import Access, Family
from divulge.core.wording import percent
from divulge.report.inferred import rows
from divulge.report.metrics import metric_name, shown
from divulge.report.property_words import in_words
from divulge.report.typography import plain_name

LABELS = Access.LABEL.value


@dataclass(frozen=True)
class FamilyCause:
    """family, name: of the cause.  measured: what this run shows of it.  knob: what moves it."""

    family: str
    name: str
    measured: str
    knob: str


@dataclass(frozen=True)
class Change:
    """One change, in the words of a table.  before, after: what is reached, and below it what is reached without the
    model.
    """

    family: str
    name: str
    attack: str
    knob: str
    before: tuple[str, str]
    after: tuple[str, str]
    share: str
    price: str


def changes(result: AuditResult) -> list[Change]:
    """Every change that was tried on a leak of another family, as it was tried."""
    return [_change(result, row) for row in result.mitigations]


@dataclass(frozen=True)
class Help:
    """A change that takes something of a leak away: for everybody, and with its figures."""

    in_short: str
    in_full: str
    price: str


def helpful(result: AuditResult, family: Family, metrics: str = "", least: float = 0.0) -> list[Help]:
    """Changes that take something of this family's leaks away, the most helpful first, with what is left and the price.

    metrics: how the metrics begin that are meant; all of them where it is empty.  least: share that must go away.
    """
    of = [r for r in result.mitigations if r.family == family.value and r.metric.startswith(metrics)]
    rows = [r for r in of if r.share > least]
    return [help_of(result, row) for row in sorted(rows, key=lambda r: -r.share)]


def help_of(result: AuditResult, row: Mitigation, release: bool = False) -> Help:
    """One change that helps.  release: it is another release."""
    change = _change(result, row)
    knob = f"release {row.knob}" if release and row.knob.startswith(("a ", "half ")) else row.knob
    return Help(
        f"{plain_name(knob)}: removes {change.share} of what the attack gains",
        f"{knob}: {change.name} {change.before[0]} before, {change.after[0]} after; {row.price}",
        row.price,
    )


def _change(result: AuditResult, row: Mitigation) -> Change:
    kind, about = row.metric, row.about
    name = metric_name(kind) + (f", {in_words(about)}" if about else "")
    attack = result.titles.get(row.attack, row.attack)
    if row.before is None or row.after is None:
        return Change(row.family, name, attack, row.knob, ("–", ""), ("–", ""), "–", f"not measured: {row.reason}")
    cells = []
    for reading, chance in ((row.before, row.chance), (row.after, row.chance_after)):
        value, low, high, without = (shown(v, row.metric) for v in (*_three(reading), chance))
        cells.append((f"{value} ({low} to {high})", f"{without} without the model"))
    return Change(row.family, name, attack, row.knob, cells[0], cells[1], percent(row.share), row.price)


def _three(reading: Reading) -> tuple[float, float, float]:
    return reading.value, reading.low, reading.high


def by_family(result: AuditResult) -> list[FamilyCause]:
    """Attributes, properties, copies; empty where nothing of them was measured."""
    return [*_attributes(result), *_properties(result), *_copies(result)]


def _strongest(findings: list[Finding]) -> Finding | None:
    measured = [f for f in findings if f.value is not None]
    return max(measured, key=lambda f: (f.advantage_low or 0.0, f.value or 0.0), default=None)


def _attributes(result: AuditResult) -> list[FamilyCause]:
    """How much of an attribute the other columns tell by themselves."""
    found = []
    of = [f for f in result.of(Family.RECONSTRUCTION) if f.key == ATTRIBUTE_ACCURACY]
    for name in dict.fromkeys(f.about for f in of):
        best = _strongest([f for f in of if f.about == name])
        if best is None:
            continue
        found.append(
            FamilyCause(
                Family.RECONSTRUCTION.value,
                f"{name} follows from other columns",
                f"an imputer without the model is right for {percent(best.chance)}, the strongest attack for "
                f"{percent(best.value or 0.0)}",
                "leave out or coarsen the columns it follows from (`minimization`), or the attribute itself",
            )
        )
    return found


def _properties(result: AuditResult) -> list[FamilyCause]:
    """What the model's figures of merit tell, beside what the model itself does."""
    found: dict[str, FamilyCause] = {}
    for row in rows(result):
        if row.what[0] in found or row.metrics in ("", "–"):
            continue
        found[row.what[0]] = FamilyCause(
            Family.PROPERTY.value,
            "classes and columns move with the property",
            f"{row.what[0]}: correct for {row.value[0]}; from the published accuracy and loss alone for {row.metrics}",
            "balance the training set in what must stay unknown; publish fewer figures; noise does not help here",
        )
    return list(found.values())


def _copies(result: AuditResult) -> list[FamilyCause]:
    """How much richer answers help a copy."""
    of = [f for f in result.of(Family.EXTRACTION) if f.metric == FIDELITY]
    rich, bare = (_strongest([f for f in of if (f.access == LABELS) is poor]) for poor in (False, True))
    best = _strongest(of)
    if best is None:
        return []
    cheap = "" if rich is None or bare is None else f"; from labels alone at best {shown(bare.value, bare.key)}"
    return [
        FamilyCause(
            Family.EXTRACTION.value,
            "a function simpler than the number of answers",
            f"{shown(best.value, best.key)} of unseen records agree after {best.queries:,} queries, "
            f"{shown(best.chance, best.key)} without any{cheap}",
            "limit and watch queries; show labels, or rounded scores, where they are enough",
        )
    ]
