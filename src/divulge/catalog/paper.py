"""A paper, as a reader needs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Surveyed:
    """What the survey by Rigaki and Garcia (2023), table 2, says about a paper.

    ref: its number there.  attacks: families.  access: BB, WB or PWB (partly white-box).  timing: training or
    inference.  algorithms: attacked model classes.  architecture: centralised or distributed.  tasks: of learning.
    data: sets that were used.  unsure: names of the fields that the table leaves unclear.  note: why.
    """

    ref: int
    attacks: tuple[str, ...]
    access: tuple[str, ...]
    timing: tuple[str, ...]
    algorithms: tuple[str, ...]
    architecture: tuple[str, ...]
    tasks: tuple[str, ...]
    data: tuple[str, ...]
    unsure: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Paper:
    """Bibliographic facts.

    family: a family of attacks, or defense, survey, tool, other.  year: of publication, None where unknown.  code:
    link to the authors' code, or empty.  listed: how many entries the public list of papers has for it; 0 for those
    that divulge adds.  also: further links to the same paper.  surveyed: None for papers that the survey leaves out.
    """

    key: str
    authors: str
    title: str
    year: int | None
    link: str
    family: str = "other"
    code: str = ""
    listed: int = 0
    also: tuple[str, ...] = ()
    surveyed: Surveyed | None = None

    @property
    def short(self) -> str:
        """'Yeom et al. 2018'."""
        return f"{self.authors or self.title} {self.year or ''}".strip()
