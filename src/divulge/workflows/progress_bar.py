"""A progress bar for audits that are started in Python: on a terminal, in a notebook, or none at all."""

from __future__ import annotations

import html
import importlib
import sys
from typing import Any

from divulge.core.errors import InputError
from divulge.core.progress import Progress, Quiet
from divulge.core.results.finding import Outcome
from divulge.core.results.handshake import Handshake


def progress_of(given: Progress | str | None) -> Progress:
    """The one that was given; for "auto" a bar where somebody is looking at one; none for None."""
    if given is None:
        return Quiet()
    if not isinstance(given, str):
        return given
    if given != "auto":
        raise InputError(f"progress {given!r} is unknown: pass 'auto', None, or an object with plan, step and outcome")
    if in_notebook():
        return NotebookBar()
    return TerminalBar() if sys.stderr is not None and sys.stderr.isatty() else Quiet()


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this code."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ in ("ZMQInteractiveShell", "Shell")


class _Counted:
    """Counts the steps; what is drawn is up to the others.  See core.progress.Progress."""

    def __init__(self) -> None:
        self.steps, self.done, self.doing = 0, -1, "planning"

    def plan(self, steps: int) -> None:
        """See Progress."""
        self.steps, self.done = max(steps, 1), -1
        self.draw()

    def met(self, handshake: Handshake) -> None:
        """See Progress."""

    def step(self, doing: str) -> None:
        """See Progress."""
        self.done, self.doing = self.done + 1, doing
        self.steps = max(self.steps, self.done + 1)
        self.draw()

    def outcome(self, outcome: Outcome) -> None:
        """See Progress."""

    def draw(self) -> None:
        """Show it."""

    def close(self) -> None:
        """Take it away."""


class TerminalBar(_Counted):
    """One line on standard error, gone when the audit ends."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("planning", total=None)

    def draw(self) -> None:
        """Show it."""
        self._bar.start()
        self._bar.update(
            self._task, description=self.doing.ljust(38)[:38], total=self.steps, completed=max(self.done, 0)
        )

    def close(self) -> None:
        """Take it away."""
        self._bar.stop()


class NotebookBar(_Counted):
    """One line below the cell, drawn anew at every step; it needs no widgets."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: Any = None

    def draw(self) -> None:
        """Show it."""
        done = max(self.done, 0)
        drawn = f'<progress value="{done}" max="{self.steps}"></progress> {done}/{self.steps} {html.escape(self.doing)}'
        self._display(drawn, f"{done}/{self.steps} {self.doing}")

    def close(self) -> None:
        """Leave an empty line."""
        if self._shown is not None:
            self._display("", "")

    def _display(self, page: str, text: str) -> None:
        content = {"text/html": page, "text/plain": text}
        if self._shown is None:
            show = importlib.import_module("IPython.display").display
            self._shown = show(content, raw=True, display_id=True)
        else:
            self._shown.update(content, raw=True)
