"""What a report says about rebuilt records: sentences, a table, pictures."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from divulge.core.audit_result import AuditResult
from divulge.core.estimate import Detail
from divulge.core.evidence import Evidence
from divulge.core.exhibits import Picture, ValueRow
from divulge.core.finding import Finding, Verdict
from divulge.core.threat import Family
from divulge.core.wording import counted, percent
from divulge.report.png import data_uri

WHOLE = ("records_exact", "text_exact", "records_rebuilt", "text_rebuilt", "batches_opened", "guesses_nearer_training")
"""Metrics of whole records, the most telling first."""

NAMES = {
    "attribute_accuracy": "right answers",
    "records_rebuilt": "records rebuilt",
    "records_exact": "records rebuilt exactly",
    "batches_opened": "batches with a rebuilt record",
    "guesses_nearer_training": "guesses that show a training record",
    "classes_recognised": "classes recognised",
    "classes_shown": "classes shown as they look",
    "labels_counted": "classes of a batch counted",
    "text_rebuilt": "words rebuilt",
    "text_exact": "texts rebuilt to the word",
}
MOST_DETAILS = 3


def name_of(finding: Finding) -> str:
    """'right answers: sex'."""
    return f"{finding.kind.label}: {finding.about}" if finding.about else finding.kind.label


def _leaks(result: AuditResult) -> list[Finding]:
    return [f for f in result.of(Family.RECONSTRUCTION) if f.verdict is Verdict.LEAK]


def headline(result: AuditResult) -> str:
    """The verdict on reconstruction in a few words."""
    found = {f.metric for f in _leaks(result)}
    if found & set(WHOLE):
        return "Training records can be rebuilt"
    if "attribute_accuracy" in found:
        return "Sensitive attributes can be told"
    if "classes_shown" in found:
        return "What a class looks like can be seen"
    if "classes_recognised" in found:
        return "Inputs that stand for a class can be made"
    if "labels_counted" in found:
        return "The classes behind an update can be counted"
    return "Nothing was rebuilt better than by guessing"


def sentence(result: AuditResult) -> str:
    """What the audit says about reconstruction, for a reader of nothing else."""
    found = [f for f in result.of(Family.RECONSTRUCTION) if f.verdict is Verdict.NOT_FOUND and f.value is not None]
    leaks = [f for f in _leaks(result) if f.value is not None]
    kinds: dict[str, Finding] = {}
    for finding in leaks:
        best = kinds.get(finding.metric)
        if best is None or (finding.advantage or 0) > (best.advantage or 0):
            kinds[finding.metric] = finding
    whole = next((kinds[m] for m in WHOLE if m in kinds), None)
    told = [whole] if whole is not None else []
    told += [f for m, f in kinds.items() if m.startswith(("attribute_accuracy", "classes_"))]
    if not told:
        told = list(kinds.values())[:1]
    if told:
        return " ".join(_told(result, f) for f in told)
    best = max(found, key=lambda f: f.advantage or 0.0, default=None)
    if best is None:
        return ""
    return f"No attack rebuilt more than what can be guessed without the model: at best {_told(result, best)}"


def _told(result: AuditResult, finding: Finding) -> str:
    title = result.titles.get(finding.attack, finding.attack)
    bounds = f"{percent(finding.low or 0.0)} to {percent(finding.high or 0.0)}"
    blind = (
        result.evidence_of(Family.RECONSTRUCTION)[finding.attack].baseline
        if finding.attack in result.evidence_of(Family.RECONSTRUCTION)
        else ""
    )
    without = f"the best guess without the model{f' ({blind})' if blind and len(blind) < 60 else ''}"
    return (
        f"“{title}”, {name_of(finding)}: {percent(finding.value or 0.0)} "
        f"({percent(finding.confidence)} interval {bounds}); {without}: {percent(finding.chance)}."
    )


def certainty(result: AuditResult) -> str:
    """On how much it was judged."""
    sizes = {len(m.hits) for r in result.evidence_of(Family.RECONSTRUCTION).values() for m in r.paired}
    if not sizes:
        return ""
    span = f"{min(sizes):,}" if len(sizes) == 1 else f"{min(sizes):,} to {max(sizes):,}"
    return f"What was rebuilt was compared with the truth on {span} records or guesses an attack."


@dataclass(frozen=True)
class RebuiltRow:
    """One finding in the table."""

    title: str
    paper: str
    verdict: Verdict
    what: str
    value: tuple[str, str]
    blind: str
    control: str
    positive: str
    quality: tuple[str, ...]
    cost: str
    effort: str
    note: str


def rows(result: AuditResult) -> list[RebuiltRow]:
    """All findings of the family, leaks first, then by what was gained."""
    findings = [f for f in result.of(Family.RECONSTRUCTION) if f.value is not None]
    findings.sort(key=lambda f: (f.verdict is not Verdict.LEAK, -(f.advantage_low or 0.0)))
    notes = {o.attack: p.note for o, p in result.played()}
    made: list[RebuiltRow] = []
    told: set[str] = set()
    for f in findings:
        once = f.attack not in told or ":" in f.metric  # what is said of the records need not be said again
        told.add(f.attack)
        bounds = f"{percent(f.low)} to {percent(f.high)}" if f.low is not None and f.high is not None else ""
        made.append(
            RebuiltRow(
                title=result.titles.get(f.attack, f.attack),
                paper=result.papers.get(f.paper, f.paper),
                verdict=f.verdict,
                what=name_of(f),
                value=(percent(f.value or 0.0), bounds),
                blind=percent(f.chance),
                control=_share(f.control),
                positive=_share(f.positive_control),
                quality=_qualities(f) if once else (),
                cost=counted(f.queries, "query"),
                effort=f"{f.seconds:.1f} s",
                note=notes.get(f.attack, ""),
            )
        )
    return made


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value)


def _qualities(finding: Finding) -> tuple[str, ...]:
    """'PSNR, dB: 46.7 (41.0 to 50.2), without the model 14.2'."""
    blind = {d.name.removesuffix(", without the model"): d for d in finding.details if "without" in d.name}
    told = []
    for detail in finding.details:
        if "without the model" in detail.name:
            continue
        other = blind.get(detail.name)
        beside = f", without the model {_number(other.value)}" if other is not None else ""
        told.append(f"{detail.name}: {_number(detail.value)}{_bounds(detail)}{beside}")
    return tuple(told[:MOST_DETAILS])


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _bounds(detail: Detail) -> str:
    return "" if detail.low is None or detail.high is None else f" ({_number(detail.low)} to {_number(detail.high)})"


@dataclass(frozen=True)
class Shown:
    """One picture: three images, rows or texts, and what stands under the last two."""

    kind: str
    title: str
    truth: str
    guess: str
    blind: str
    score: str
    blind_score: str


@dataclass(frozen=True)
class Gallery:
    """The pictures and tables of one attack."""

    title: str
    baseline: str
    leak: bool
    shown: tuple[Shown, ...]
    values: tuple[ValueRow, ...]
    told: tuple[str, ...]


def galleries(result: AuditResult) -> list[Gallery]:
    """Of every attack that has something to look at, leaks first."""
    leaking = {f.attack for f in _leaks(result)}
    made = [
        Gallery(
            result.titles.get(attack, attack),
            rebuilt.baseline,
            attack in leaking,
            tuple(_shown(p) for p in rebuilt.of(Picture)),
            rebuilt.of(ValueRow),
            rebuilt.notes,
        )
        for attack, rebuilt in _by_gain(result)
        if rebuilt.exhibits or rebuilt.notes
    ]
    return sorted(made, key=lambda g: not g.leak)


def _by_gain(result: AuditResult) -> list[tuple[str, Evidence]]:
    gain = {f.attack: f.advantage_low or 0.0 for f in result.of(Family.RECONSTRUCTION)}
    return sorted(result.evidence_of(Family.RECONSTRUCTION).items(), key=lambda item: -gain.get(item[0], 0.0))


def _shown(p: Picture) -> Shown:
    if p.kind == "image":
        drawn = [data_uri(part, p.shape) for part in (p.truth, p.guess, p.baseline)]
        return Shown(p.kind, p.title, drawn[0], drawn[1], drawn[2], p.score, p.baseline_score)
    return Shown(p.kind, p.title, p.truth, p.guess, p.baseline, p.score, p.baseline_score)


def differing(truth: str, guess: str) -> list[tuple[str, bool]]:
    """A guess word by word, each with whether it is as in the truth."""
    own, given = truth.split(), guess.split()
    made: list[tuple[str, bool]] = []
    for kind, _, _, low, high in difflib.SequenceMatcher(a=own, b=given, autojunk=False).get_opcodes():
        made += [(word, kind == "equal") for word in given[low:high]]
    return made
