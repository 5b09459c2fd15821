"""A paper, as a reader needs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """Bibliographic facts."""

    key: str
    authors: str
    title: str
    year: int
    link: str

    @property
    def short(self) -> str:
        """'Yeom et al. 2018'."""
        return f"{self.authors} {self.year}"
