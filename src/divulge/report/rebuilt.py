"""What a report says about rebuilt records: sentences, a table, pictures."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.estimate import Detail
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Picture, ValueRow
from divulge.core.results.finding import Finding, Verdict
from divulge.core.results.metric import (
    ATTRIBUTE_ACCURACY,
    ATTRIBUTE_DEDUCED,
    ATTRIBUTES_REBUILT,
    CLASSES_RECOGNIZED,
    CLASSES_SHOWN,
    LABELS_COUNTED,
    LABELS_TOLD,
    PASSAGES_SHOWN,
    RECORDS_LINKED,
    SINGLED_OUT,
    TEXTS_NEARLY_WRITTEN,
    TEXTS_WRITTEN,
)
from divulge.core.threat import Family
from divulge.core.wording import counted, percent
from divulge.report.figures.png import data_uri
from divulge.report.language import written
from divulge.report.metrics import OF_SECRETS, OF_TEXTS, metric_name
from divulge.report.metrics import WHOLE_RECORDS as WHOLE
from divulge.report.releases.advice import copied, thing
from divulge.report.typography import capital, lower

MOST_DETAILS = 3


def _leaks(result: AuditResult) -> list[Finding]:
    return [f for f in result.of(Family.RECONSTRUCTION) if f.verdict is Verdict.LEAK]


HEADLINES = (
    ((TEXTS_WRITTEN,), "Training texts come out word for word"),
    ((TEXTS_NEARLY_WRITTEN,), "Training texts come out nearly word for word"),
    ((PASSAGES_SHOWN,), "The model writes passages of its training texts by itself"),
    (WHOLE, "Training records can be reconstructed"),
    ((SINGLED_OUT,), "Single persons can be picked out by what the release shows"),
    ((RECORDS_LINKED,), "Parts of a person's record can be put together by the release"),
    ((ATTRIBUTE_DEDUCED,), "What is not known of a person can be read off the release"),
    (OF_SECRETS, "Personal secrets in the training texts can be told"),
    ((LABELS_TOLD,), "The labels of single training records can be told"),
    ((ATTRIBUTES_REBUILT,), "Attributes of training records can be reconstructed"),
    ((ATTRIBUTE_ACCURACY,), "Sensitive attributes can be inferred"),
    ((CLASSES_SHOWN,), "The typical look of a class can be reconstructed"),
    ((CLASSES_RECOGNIZED,), "Inputs representative of a class can be generated"),
    ((LABELS_COUNTED,), "The classes behind an update can be counted"),
)
"""Metrics, and what is said where one of them leaks; the first that does is named."""


def headline(result: AuditResult) -> str:
    """The verdict on reconstruction in a few words."""
    found = {f.key for f in _leaks(result)}
    for metrics, words in HEADLINES:
        if found & set(metrics):
            return words
    if found:  # a metric that another package brought
        return f"{capital(metric_name(min(found)))}, better than by guessing"
    return "Nothing was reconstructed better than by guessing"


def sentence(result: AuditResult) -> str:
    """What the audit says about reconstruction, for a reader of nothing else, with the attacks that showed it."""
    return _said(result, named=True)


def plain(result: AuditResult) -> str:
    """The same in everyday words, without the names of attacks."""
    return _said(result, named=False)


def telling(result: AuditResult) -> list[Finding]:
    """The findings that a reader hears of: the best of each kind that leaks, whole records first; else of those where
    nothing was found the one that gained most.
    """
    kinds: dict[str, Finding] = {}
    for finding in _leaks(result):
        best = kinds.get(finding.metric)
        if finding.value is not None and (best is None or (finding.advantage or 0) > (best.advantage or 0)):
            kinds[finding.metric] = finding
    whole = next((kinds[m] for m in WHOLE if m in kinds), None)
    chosen = [whole] if whole is not None else []
    chosen += [
        f for f in kinds.values() if f.key in (*OF_SECRETS, ATTRIBUTE_ACCURACY, CLASSES_RECOGNIZED, CLASSES_SHOWN)
    ]
    if chosen or kinds:
        return chosen or list(kinds.values())[:1]
    found = [f for f in result.of(Family.RECONSTRUCTION) if f.verdict is Verdict.NOT_FOUND and f.value is not None]
    return sorted(found, key=lambda f: -(f.advantage or 0.0))[:1]


def _said(result: AuditResult, named: bool) -> str:
    chosen = telling(result)
    lines = " ".join(_one(result, f, named) for f in chosen)
    if not chosen or chosen[0].verdict is Verdict.LEAK:
        return lines
    there = copied(result)
    beside = f" {there}: too few to rule out chance, and each of them is somebody's." if there else ""
    return (
        f"No attack reconstructed more than can be guessed without the {thing(result)}. At best: {lower(lines)}{beside}"
    )


def _one(result: AuditResult, finding: Finding, named: bool) -> str:
    title = f"“{result.titles.get(finding.attack, finding.attack)}”, " if named else ""
    if finding.key in (*OF_TEXTS, *OF_SECRETS):
        return f"{title}{written.in_people(result, finding)}" if named else written.in_people(result, finding)
    bounds = f"{percent(finding.low or 0.0)} to {percent(finding.high or 0.0)}"
    evidence = result.evidence.get(finding.attack)
    blind = evidence.baseline if evidence is not None and named else ""
    without = f"best guess without the {thing(result)}{f' ({blind})' if blind and len(blind) < 60 else ''}"
    about = finding.about
    name = metric_name(finding.key, about) if named or not about else f"“{about.replace('_', ' ')}” inferred correctly"
    return (
        f"{title}{name if named else capital(name)}: {percent(finding.value or 0.0)} ({percent(finding.confidence)} "
        f"CI {bounds}); {without}: {percent(finding.chance)}."
    )


def certainty(result: AuditResult) -> str:
    """On how much it was judged."""
    sizes = {len(m.hits) for r in result.evidence_of(Family.RECONSTRUCTION).values() for m in r.paired}
    if not sizes:
        return ""
    span = f"{min(sizes):,}" if len(sizes) == 1 else f"{min(sizes):,} to {max(sizes):,}"
    return f"Reconstructions were compared with the truth on {span} records or guesses an attack."


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
    costs = {o.attack: o.asked for o, _ in result.played()}
    built: list[RebuiltRow] = []
    seen: set[str] = set()
    for f in findings:
        once = f.attack not in seen or f.about  # the qualities of the records stand once
        seen.add(f.attack)
        bounds = f"{percent(f.low)} to {percent(f.high)}" if f.low is not None and f.high is not None else ""
        built.append(
            RebuiltRow(
                title=result.titles.get(f.attack, f.attack),
                paper=result.papers.get(f.paper, f.paper),
                verdict=f.verdict,
                what=metric_name(f.key, f.about),
                value=(percent(f.value or 0.0), bounds),
                blind=percent(f.chance),
                control=_share(f.control),
                positive=_share(f.positive_control),
                quality=_qualities(f) if once else (),
                cost=costs.get(f.attack) or counted(f.queries, "query"),
                effort=f"{f.seconds:.1f} s",
                note=notes.get(f.attack, ""),
            )
        )
    return built


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value)


def _qualities(finding: Finding) -> tuple[str, ...]:
    """'PSNR, dB: 46.7 (41.0 to 50.2), without the model 14.2'."""
    about = finding.about
    blind = {d.name.removesuffix(", without the model"): d for d in finding.details if "without" in d.name}
    lines = []
    for detail in finding.details:
        if "without the model" in detail.name:
            continue
        other = blind.get(detail.name)
        beside = f", without the model {_number(other.value)}" if other is not None else ""
        name = detail.name.removeprefix(f"{about}: ")
        lines.append(f"{name}: {_number(detail.value)}{_bounds(detail)}{beside}")
    return tuple(lines[:MOST_DETAILS])


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
    notes: tuple[str, ...]


def galleries(result: AuditResult) -> list[Gallery]:
    """Of every attack that has something to look at, leaks first."""
    leaking = {f.attack for f in _leaks(result)}
    built = [
        Gallery(
            result.titles.get(attack, attack),
            rebuilt.baseline,
            attack in leaking,
            tuple(_shown(p) for p in rebuilt.of(Picture)),
            rebuilt.of(ValueRow),
            rebuilt.notes,
        )
        for attack, rebuilt in _by_gain(result)
        if rebuilt.notes or any(isinstance(each, Picture | ValueRow) for each in rebuilt.exhibits)
    ]
    return sorted(built, key=lambda g: not g.leak)


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
    marked: list[tuple[str, bool]] = []
    for kind, _, _, low, high in difflib.SequenceMatcher(a=own, b=given, autojunk=False).get_opcodes():
        marked += [(word, kind == "equal") for word in given[low:high]]
    return marked
