"""The papers of the field: one table, papers.tsv beside this module.

Most rows come from the public list of papers that accompanies the survey "A Survey of Privacy Attacks in Machine
Learning" (Rigaki and Garcia 2023); 42 carry what the survey's table 2 says about them.  Where divulge implements a
paper that the list leaves out, it adds a row with listed = 0.
"""

from __future__ import annotations

import csv
import re
from importlib.resources import files

from divulge.catalog.paper import Paper, Surveyed

FAMILIES = ("membership", "reconstruction", "property", "extraction", "defense", "survey", "tool", "other")
"""What a paper can be about, in the order in which they are shown."""

_LISTS = ("attacks", "access", "timing", "algorithms", "architecture", "tasks", "data")


def _paper(row: dict[str, str]) -> Paper:
    return Paper(
        key=row["key"],
        authors=row["authors"],
        title=row["title"],
        year=int(row["year"]) if row["year"] else None,
        link=row["link"],
        family=row["family"],
        code=row["code"],
        listed=int(row["listed"]),
        also=tuple(row["also"].split()),
        surveyed=_surveyed(row) if row["ref"] else None,
    )


def _surveyed(row: dict[str, str]) -> Surveyed:
    """A question mark after a value, or a bar between two, says that the survey's table is unclear there."""
    values = {name: tuple(_values(row[name], name)) for name in _LISTS}
    unsure = tuple(name for name in _LISTS if re.search(r"[?|]|\(theory\)", row[name]))
    return Surveyed(ref=int(row["ref"]), unsure=unsure, note=row["note"], **values)


def _values(text: str, name: str) -> list[str]:
    cut = r";" if name in ("tasks", "data") else r"[,+|]"
    found = [part.strip().rstrip("?") for part in re.split(cut, text)]
    return list(dict.fromkeys(part for part in found if part))


def _read() -> dict[str, Paper]:
    text = (files("divulge.catalog") / "papers.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {paper.key: paper for paper in map(_paper, rows)}


PAPERS: dict[str, Paper] = _read()
"""Every paper by its key, 'yeom2018' for instance."""
