"""What long work says while it goes on."""

from __future__ import annotations

from typing import Protocol

from divulge.core.results.finding import Outcome
from divulge.core.results.handshake import Handshake


class Progress(Protocol):
    """Receives what happens; draws it, or not."""

    def plan(self, steps: int) -> None:
        """How many steps there will be."""
        ...

    def met(self, handshake: Handshake) -> None:
        """The target has been asked, and nothing has been attacked yet."""
        ...

    def step(self, doing: str) -> None:
        """The next step begins."""
        ...

    def outcome(self, outcome: Outcome) -> None:
        """An attack has ended."""
        ...


class Quiet:
    """Says nothing."""

    def plan(self, steps: int) -> None:
        """See Progress."""

    def met(self, handshake: Handshake) -> None:
        """See Progress."""

    def step(self, doing: str) -> None:
        """See Progress."""

    def outcome(self, outcome: Outcome) -> None:
        """See Progress."""
