"""Questions to the table of papers: which match, which are implemented, how many of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from divulge.catalog.attacks import attack_class, table
from divulge.catalog.defenses import DEFENSES, defense_card
from divulge.catalog.paper import Paper
from divulge.catalog.papers import FAMILIES, PAPERS
from divulge.core.errors import InputError

NO_PAPERS = ("survey", "tool")
"""Entries that are no source of an attack or a defence."""

TOGETHER = {"binary class., regression": ("binary classification", "regression")}
"""Learning tasks that the survey's table names together."""


@dataclass(frozen=True)
class Coverage:
    """One family: entries of the public list, distinct papers, those that divulge implements."""

    family: str
    listed: int
    papers: int
    implemented: int


def search(
    words: Iterable[str] = (),
    family: str | None = None,
    years: tuple[int, int] | None = None,
    task: str | None = None,
    access: str | None = None,
) -> list[Paper]:
    """Papers that hold every word in authors, title, year or key, newest first.

    task, access: of the survey's table, which holds 42 of the papers.  Raises InputError for an unknown family.
    """
    if family is not None and family not in FAMILIES:
        raise InputError(f"--family: {family!r} is unknown: choose from {', '.join(FAMILIES)}")
    lowered = [word.lower() for word in words]
    found = [paper for paper in PAPERS.values() if all(word in _text(paper) for word in lowered)]
    if family is not None:
        found = [p for p in found if family == p.family or (p.surveyed and family in p.surveyed.attacks)]
    if years is not None:
        found = [p for p in found if p.year is not None and years[0] <= p.year <= years[1]]
    if task is not None:
        found = [p for p in found if p.surveyed and any(task.lower() in t.lower() for t in p.surveyed.tasks)]
    if access is not None:
        found = [p for p in found if p.surveyed and access.upper() in p.surveyed.access]
    return sorted(found, key=lambda p: (FAMILIES.index(p.family), -(p.year or 0), p.key))


def _text(paper: Paper) -> str:
    return f"{paper.key} {paper.authors} {paper.title} {paper.year or ''}".lower()


def implementing() -> Mapping[str, tuple[str, ...]]:
    """Names of the attacks and defences that come from a paper, by its key."""
    found: dict[str, list[str]] = {}
    for name in table():
        found.setdefault(attack_class(name).card.paper, []).append(name)
    for name in DEFENSES:
        found.setdefault(defense_card(name).paper, []).append(name)
    return {key: tuple(names) for key, names in found.items()}


def coverage() -> list[Coverage]:
    """For each family how many papers there are, and how many are implemented."""
    done = implementing()
    rows = []
    for family in FAMILIES:
        of = [p for p in PAPERS.values() if p.family == family]
        counted = 0 if family in NO_PAPERS else sum(p.key in done for p in of)
        rows.append(Coverage(family, sum(p.listed for p in of), len(of), counted))
    return rows


def per_attack_type() -> dict[str, tuple[int, int]]:
    """Of the survey's papers, by attack type: how many for certain, and how many where the table is unclear."""
    return _ranked(_tally("attacks"))


def per_task() -> dict[str, tuple[int, int]]:
    """The same by learning task, commonest first."""
    return _ranked(_tally("tasks"))


def _tally(field: str) -> dict[str, tuple[int, int]]:
    sure: Counter[str] = Counter()
    unsure: Counter[str] = Counter()
    for paper in PAPERS.values():
        if paper.surveyed is None:
            continue
        values = [v for value in getattr(paper.surveyed, field) for v in TOGETHER.get(value, (value,))]
        for value in dict.fromkeys(v for v in values if not v.startswith("(")):
            (unsure if field in paper.surveyed.unsure else sure)[value] += 1
    return {value: (sure[value], unsure[value]) for value in {**sure, **unsure}}


def per_year() -> dict[int, dict[str, int]]:
    """All papers on attacks and defences, by year and family; those without a year are left out."""
    found: dict[int, dict[str, int]] = {}
    for paper in PAPERS.values():
        if paper.year is not None and paper.family not in NO_PAPERS:
            year = found.setdefault(paper.year, dict.fromkeys(FAMILIES, 0))
            year[paper.family] += 1
    return dict(sorted(found.items()))


def _ranked(found: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return dict(sorted(found.items(), key=lambda item: -sum(item[1])))
