"""What a terminal shows: progress, findings as they are made, tables."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.measure import Measurement as Width
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from divulge.core.boundary.streams import silence, stand_in
from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Failed, Measurement, Outcome, Played, Refused, Verdict
from divulge.core.results.handshake import Handshake
from divulge.core.results.metric import AUC, FIDELITY, Trials, tpr_at
from divulge.core.wording import counted, one_line, printable
from divulge.report import words
from divulge.report.metrics import metric_name, shown
from divulge.report.next_steps import first_step

if TYPE_CHECKING:
    from divulge.auditing.job import Job

STYLES = {
    Verdict.LEAK: "bold red",
    Verdict.NOT_FOUND: "green",
    Verdict.INVALID: "bold yellow",
    Verdict.NOT_MEASURABLE: "yellow",
    Verdict.NOT_EXAMINED: "yellow",
    Verdict.REFUSED: "yellow",
    Verdict.FAILED: "bold yellow",
}

WIDE = 160
"""Columns where the output is no terminal, so that tables in logs are not folded."""

TITLE, LONGEST = 200, 2_000
"""Characters of a title, and of a message."""


class _Shown:
    """Something to print, with every character written out that would do something to the terminal."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._inner, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Width:
        return Width.get(console, options, self._inner)


class _WrittenOut(RenderHook):
    """Names of models, columns and files, errors, and what services answer are printed as they are, not obeyed."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Shown(part) for part in renderables]


class _Folding(Console):
    """Breaks text between words where somebody reads it at a width; in a log a line stays a line.  lost: why what was
    printed has reached nobody; empty where it has.
    """

    lost = ""

    @property
    def folds(self) -> bool:
        """Whether there is a width to keep to: of a terminal, or the one that COLUMNS asks for."""
        return self.is_terminal or os.environ.get("COLUMNS", "").lstrip("0").isdigit()

    def print(self, *objects: Any, **settings: Any) -> None:
        """See rich.  Words that are wider than the screen, as paths are, stay whole."""
        if self.folds and all(isinstance(part, str | Text) for part in objects):
            objects = tuple(self._folded(part) for part in objects)
            settings["soft_wrap"] = True
        elif any(isinstance(part, Grid) for part in objects):
            settings["crop"] = False
        try:
            super().print(*objects, **settings)
        except BrokenPipeError:
            raise
        except OSError as error:
            self.lost = error.strerror or str(error)
            silence(2 if self.stderr else 1)

    def _folded(self, part: str | Text) -> Text:
        found = Text(folded(str(part), self.width))
        if isinstance(part, Text):
            found.stylize(part.style)
        return found


MARKS = "▲○✕⊘–!·•"
_BEFORE_PERCENT = re.compile(r"(?<=\d) (?=%)")


def folded(text: str, width: int, hanging: int | None = None) -> str:
    """Lines of at most so many columns, broken between words.  hanging: by how much the second and later ones are
    indented; as far as the first one's words where None.
    """
    lines = []
    for line in text.split("\n"):
        lead = len(line) - len(line.lstrip(" "))
        indent = lead + 2 * (line[lead : lead + 1] in MARKS) if hanging is None and line.strip() else hanging or 0
        rest: dict[str, Any] = {"subsequent_indent": " " * indent, "break_long_words": False, "break_on_hyphens": False}
        if len(line.split()) == 2 and line.split()[0].endswith(":"):  # "Report: PATH", which scripts look for
            lines.append(line)
            continue
        whole = _BEFORE_PERCENT.sub("\u00a0", line)
        lines.append(line if len(line) <= width else fill(whole, max(width, indent + 1), **rest).replace("\u00a0", " "))
    return "\n".join(lines)


def _console(**settings: Any) -> _Folding:
    """Without markup: names may hold brackets, and mean them."""
    console = _Folding(highlight=False, markup=False, emoji=False, **settings)
    console.push_render_hook(_WrittenOut())
    return console


stand_in()
out = _console(width=None if sys.stdout.isatty() or os.environ.get("COLUMNS", "").lstrip("0").isdigit() else WIDE)
err = _console(stderr=True)


def complain(message: str) -> None:
    """One line on standard error."""
    line = Text("divulge: " + one_line(message, LONGEST))
    err.print(line, style="bold red" if err.is_terminal else None, soft_wrap=True)


class Screen:
    """See core.progress.Progress.  A bar on a terminal; elsewhere only the findings, line by line.

    refusals: whether attacks that cannot run are shown one by one, or counted.
    """

    def __init__(self, quiet: bool = False, refusals: bool = True) -> None:
        self.quiet = quiet
        self._refusals = refusals
        self._refused = 0
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=quiet or not err.is_terminal,
        )
        self._task = self._bar.add_task("planning", total=None)

    def __enter__(self) -> Screen:
        self._bar.start()
        return self

    def met(self, handshake: Handshake) -> None:
        """See Progress."""
        if not self.quiet:
            show_handshake(handshake, self._bar.console if err.is_terminal else out)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        if self._refused and not self.quiet:
            cannot = counted(self._refused, "attack")
            self._bar.console.print(
                f"  ⊘ {cannot} cannot run under this threat model or with what was given; the report says why",
                soft_wrap=True,
            )

    def plan(self, steps: int) -> None:
        """See Progress."""
        self._bar.update(self._task, total=steps, completed=0)
        self._begun = False

    def step(self, doing: str) -> None:
        """See Progress."""
        if self._begun:
            self._bar.advance(self._task)
        self._begun = True
        self._bar.update(self._task, description=one_line(doing).ljust(38)[:38])

    def outcome(self, outcome: Outcome) -> None:
        """See Progress."""
        if not self._refusals and isinstance(outcome.result, Refused):
            self._refused += 1
        elif not self.quiet:
            self._bar.console.print(_line(outcome), soft_wrap=True)


def _line(outcome: Outcome) -> Text:
    """One finished attack; verdicts are settled at the end of the run, so none is shown here."""
    title = one_line(outcome.title, TITLE).ljust(40)
    match outcome.result:
        case Refused(reason):
            return Text(f"  ⊘ {title} refused: {one_line(reason, LONGEST)}", style="yellow")
        case Failed(error):
            return Text(f"  ! {title} failed: {one_line(error, LONGEST)}", style="bold yellow")
        case Played(measured):
            found = {m.metric: m for m in measured}
            if outcome.game == "extraction":
                return Text(f"  · {title} {_stolen(found)}, {outcome.queries:,} queries")
            area, low = found.get(AUC), found.get(tpr_at(0.01))
            if area is None or area.value is None:
                return Text(f"  · {title} {_most(measured)}")
            text = f"  · {title} AUC {area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
            if low is not None and low.value is not None:
                text += f"   TPR at 1 % FPR {shown(low.value, low.key)}"
            return Text(text)


def _most(findings: Sequence[Measurement]) -> str:
    """What an attack that rebuilds, or tells properties, achieved most of beyond guessing."""
    measured = [f for f in findings if f.value is not None and f.chance is not None]
    if not measured:
        return "done"
    best = {f.about: f for f in sorted(measured, key=lambda f: f.advantage_low or 0.0)}  # the best about each
    return "; ".join(
        f"{metric_name(f.key, f.about)} {shown(f.value, f.key)} (guessing: {shown(f.chance, f.key)})"
        for f in best.values()
    )


def _stolen(found: dict[str, Measurement]) -> str:
    """What an attack of the extraction game brought home."""
    measured = [f for f in found.values() if f.value is not None]
    if not measured:
        return "done"
    parts = [
        f"{'agrees on' if f.metric == FIDELITY else f.kind.label} {shown(f.value, f.key)}"
        for f in measured
        if f.metric == FIDELITY or f.kind.trials is Trials.EXACT
    ]
    return ", ".join(parts)


def show_summary(result: AuditResult, report: str, folder: Path) -> None:
    """The verdict and where the report is.  folder: of the run."""
    out.print()
    out.print(Text(one_line(result.facts.name, LONGEST), style="bold"), soft_wrap=True)
    for line in words.lines(result):
        out.print(Text(f"{line.mark} {line.title}", style=STYLES[line.verdict]), soft_wrap=True)
        if line.text:
            out.print(Text(f"  {line.text}"), soft_wrap=True)
    step = first_step(result)
    if step:
        out.print(Text(f"What to do first: {step[:1].lower()}{step[1:]}"), soft_wrap=True)
    if result.left_out:
        left = counted(len(result.left_out), "attack")
        out.print(
            f"There was no time for {left}, see the report; to go on with them: "
            f"divulge audit --resume {folder} --minutes N",
            soft_wrap=True,
        )
    for outcome, error in result.failed():
        failed = f"! incomplete: {one_line(outcome.title, TITLE)} failed: {one_line(error, LONGEST)}"
        out.print(Text(failed, style="bold yellow"), soft_wrap=True)
    out.print(f"Report: {report}", soft_wrap=True)


def show_handshake(met: Handshake, where: Console = out) -> None:
    """How the model answered before anything was attacked, and what is odd about it."""
    where.print(Text(met.sentence[:1].upper() + met.sentence[1:]), soft_wrap=True)
    for fault in met.faults:
        where.print(Text(f"✕ invalid: {fault}", style="bold yellow"), soft_wrap=True)
    for warning in met.warnings:
        where.print(Text(f"! {warning}", style="yellow"), soft_wrap=True)


def show_plan(job: Job) -> None:
    """What a service was understood to answer, and which attacks would run at what cost."""
    from divulge.auditing.handshake import shake
    from divulge.auditing.plan import plan, queries_of
    from divulge.core.capability.declared import able
    from divulge.core.capability.targets import Meets

    show_handshake(shake(job, dry=True))
    if able(job.target, Meets):
        found = job.target.meet(job.candidates)
        out.print(f"{job.target.name} answers with {found} (it was asked about three records)")
    ports = ", ".join(sorted(port.value for port in job.target.offers))
    asked = f"{len(job.candidates):,} records are in question under the threat model {job.threat.name}"
    out.print(f"It offers {ports}; {asked}.")
    shown = table("attack", "queries", "can run")
    for step in plan(job):
        cost = queries_of(step.attack, len(job.candidates))
        shown.add_row(
            step.card.name,
            "as needed" if cost is None else f"about {cost:,}",
            "yes" if not step.lacks else "; ".join(step.lacks),
        )
    out.print(shown)
    out.print("Nothing else was sent.  Records that were asked about before are not sent again.")


class Grid:
    """A plain table.  Where its columns are too many for the screen to hold their longest words, one row is shown below
    the other, each cell with the head of its column.
    """

    between = 2

    def __init__(self, *heads: str) -> None:
        self.heads, self.rows = heads, list[tuple[str, ...]]()

    def add_row(self, *cells: str | Text) -> None:
        """One more row; cells that it lacks are empty."""
        row = [one_line(str(cell), LONGEST) for cell in cells]
        self.rows.append((*row, *[""] * (len(self.heads) - len(row))))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = list(zip(self.heads, *self.rows, strict=True))
        widths = [max((len(word) for cell in column for word in cell.split()), default=0) for column in columns]
        spare = options.max_width - self.between * (len(columns) - 1) - sum(widths)
        if spare < 0:
            yield from self._stacked(options.max_width)
            return
        wanted = [max(map(len, column)) for column in columns]
        for place in sorted(range(len(columns)), key=lambda at: wanted[at] - widths[at]):
            more = min(spare, wanted[place] - widths[place])
            widths[place], spare = widths[place] + more, spare - more
        grid = Table(box=None, pad_edge=False, header_style="bold")
        for head, width in zip(self.heads, widths, strict=True):
            grid.add_column(head, width=width, overflow="fold")
        for row in self.rows:
            grid.add_row(*map(Text, row))
        yield grid

    def _stacked(self, width: int) -> RenderResult:
        for row in self.rows:
            filled = [(head, cell) for head, cell in zip(self.heads, row, strict=True) if cell]
            for at, (head, cell) in enumerate(filled):
                line = f"{head}: {cell}" if head else cell
                text = folded(line if at == 0 else f"  {line}", width, hanging=4)
                yield Text(text, style="bold" if at == 0 else "", no_wrap=True, overflow="ignore")


def table(*heads: str) -> Grid:
    """See Grid."""
    return Grid(*heads)
