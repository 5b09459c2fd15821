"""What to release instead: other tables that were attacked like this one, what they still tell, and who is at risk."""

from __future__ import annotations

import math
from collections.abc import Callable

from divulge.core.results.audit_result import AuditResult, Mitigation
from divulge.core.results.finding import Verdict
from divulge.core.results.metric import AUC, ROWS_COPIED, ROWS_NEARLY_COPIED
from divulge.core.threat import RELEASES, Access, Family
from divulge.core.wording import counted, percent
from divulge.report.causes import Help, help_of

WORTH = 0.25
"""Share of a leak that another release must take away to be advised."""

USEFUL = 0.9
"""Of what could be learned from the release: with so much of it left another one comes before those with less."""

CURED, WORKABLE = 0.8, 0.75
"""A release that takes so much of every leak away, and leaves so much of what could be learned, comes before all that
leave more of a leak.
"""

FEWER = " rows"
"""How another release ends that is some of the same rows: of copies each is as much of a copy as before."""

COLUMN = " left out of the table"
PRIVATE = "differential privacy of epsilon "
AT_RISK = 5
COPIES = (ROWS_COPIED, ROWS_NEARLY_COPIED)


COARSER = Help(
    "publish fewer and coarser counts, or add noise with differential privacy, to the list of cells too",
    "publish fewer and coarser counts: tables of fewer columns, wider ranges, rare categories together, no counts of a "
    "few people and none that they can be taken from; or add noise with differential privacy to all cells, empty ones "
    "included; then audit those counts",
    "",
)


def of_release(result: AuditResult) -> bool:
    """Whether a release was audited, or what makes one, and no model that answers."""
    return set(result.facts.target.offers) <= {port.value for port in RELEASES} and bool(result.facts.target.offers)


def of_counts(result: AuditResult) -> bool:
    """Whether what was audited are published counts."""
    return result.facts.target.offers == (Access.COUNTS.value,)


def thing(result: AuditResult) -> str:
    """What was audited, in a word."""
    return "release" if of_release(result) else "model"


def steps_of(result: AuditResult) -> list[Help]:
    """What to do first about a release that leaks: the best other release, the best without noise, the column that
    tells most, the epsilon that promises what is tolerated, and whom to look at.
    """
    families = (Family.MEMBERSHIP, Family.RECONSTRUCTION)
    leaking = [f.value for f in families if result.verdict_of(f) is Verdict.LEAK]
    if not leaking:
        return []
    if of_counts(result):
        return [COARSER, *_promise(result), *_persons(result)]
    rows = [r for r in result.mitigations if r.family in leaking and r.share > WORTH]
    copies = any(f.key in COPIES and f.verdict is Verdict.LEAK for f in result.findings)
    whole = [r for r in rows if not r.knob.endswith((COLUMN, FEWER) if copies else COLUMN)]
    kinds: tuple[Callable[[Mitigation], bool], ...] = (
        lambda row: True,
        lambda row: PRIVATE not in row.knob,
    )
    found: dict[str, Help] = {}
    for kind in kinds:
        best = _best(result, [r for r in whole if kind(r)])
        if best is not None:
            found.setdefault(best.knob, help_of(result, best, release=True))
    return [*found.values(), *_column(result), *_promise(result), *_persons(result)]


def _best(result: AuditResult, rows: list[Mitigation]) -> Mitigation | None:
    """The one that helps most against the leak that it helps least against, so that none is forgotten: first what
    cures all and leaves a table to work with, then what leaves the table useful.
    """
    knobs: dict[str, list[Mitigation]] = {}
    for row in rows:
        knobs.setdefault(row.knob, []).append(row)
    tried: dict[str, int] = {}
    for row in result.mitigations:
        tried[row.knob] = tried.get(row.knob, 0) + (row.after is not None)

    def rank(item: tuple[str, list[Mitigation]]) -> tuple[bool, bool, bool, float]:
        knob, helped = item
        whole, kept, least = len(helped) == tried[knob], helped[0].kept or 0.0, min(row.share for row in helped)
        return whole and least >= CURED and kept >= WORKABLE, kept >= USEFUL, whole, least

    if not knobs:
        return None
    _, best = max(knobs.items(), key=rank)
    return min(best, key=lambda row: row.share)


def copied(result: AuditResult) -> str:
    """'8 of 400 training rows stand in the release word for word, and of as many others 0 do'; empty where no more
    members than others do.
    """
    for evidence in result.evidence_of(Family.RECONSTRUCTION).values():
        for measure in evidence.paired:
            there, usual = int(sum(measure.hits)), int(sum(measure.baseline))
            if measure.metric == ROWS_COPIED and there > usual:
                rows = counted(len(measure.hits), "training row")
                return f"{there:,} of {rows} stand in the release word for word, and of as many others {usual:,} do"
    return ""


def copies_of(result: AuditResult) -> list[Help]:
    """What to do about copies that are too few for a verdict: each is somebody all the same."""
    there = copied(result)
    if not there or any(f.key == ROWS_COPIED and f.verdict is Verdict.LEAK for f in result.findings):
        return []
    short = "look at the people whose rows stand in the release word for word, and take them out of it"
    return [Help(short, f"{short}: {there}", "")]


def _column(result: AuditResult) -> list[Help]:
    """The column without which least of the leak is left."""
    rows = [r for r in result.mitigations if r.knob.endswith(COLUMN) and r.share > 0.1]
    if not rows:
        return []
    best = max(rows, key=lambda row: row.share)
    name = best.knob.removesuffix(COLUMN)
    short = f"make {name} coarser, or leave it out: without it {percent(best.share)} of the leak goes away"
    return [Help(short, f"{short} ({help_of(result, best, release=True).in_full})", best.price)]


def _promise(result: AuditResult) -> list[Help]:
    """The epsilon at which differential privacy keeps every attack within the policy: since a true positive rate is at
    most e^epsilon times the false one, and a true negative rate likewise (Kairouz et al. 2015), an advantage is at most
    tanh(epsilon / 2).
    """
    tolerated = result.facts.policy.threshold(AUC, "")
    if result.verdict_of(Family.MEMBERSHIP) is not Verdict.LEAK or not 0 < tolerated < 1:
        return []
    epsilon = 2 * math.atanh(tolerated)
    short = (
        f"for a promise against every attack, publish with {PRIVATE}{epsilon:.2g} or less; what was measured above it "
        "holds for these attacks alone"
    )
    return [Help(short, f"{short} (an advantage of {tolerated:g} is tolerated)", "")]


def _persons(result: AuditResult) -> list[Help]:
    if not result.at_risk or result.verdict_of(Family.MEMBERSHIP) is not Verdict.LEAK:
        return []
    first = result.at_risk[:AT_RISK]
    rows = ", ".join(str(each.row) for each in first)
    short = f"leave the {counted(len(result.at_risk), 'person')} most at risk out, or merge their rare values"
    why = "; ".join(f"row {each.row}: {', '.join(each.why)}" for each in first if each.why)
    return [Help(short, f"{short}: rows {rows}{f' ({why})' if why else ''}", "make the table anew, and audit it again")]
