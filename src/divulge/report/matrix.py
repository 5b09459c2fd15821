"""The page, and the words, about defences against attacks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from divulge.core.results.comparison import MetricChange
from divulge.core.results.finding import Reading
from divulge.core.results.guarantee import SEEDED
from divulge.core.results.matrix import Cell, Matrix, MatrixColumn, MatrixRow
from divulge.core.results.metric import AUC
from divulge.core.wording import counted, joined, percent
from divulge.report.drawing import asset, environment
from divulge.report.formats.content_policy import content_policy
from divulge.report.inert import for_markdown, shown
from divulge.report.metrics import metric_name
from divulge.report.words import LEAST

CLOSE = 0.01
"""Of quality: what counts as no loss."""

LEGEND = (
    "Below or behind each interval: the difference to the row without a defence on the same records, with bounds that "
    "hold together over all cells. ↓ shown to leak less, ↑ shown to leak more, ≈ no difference shown."
)

FAMILY_NAMES = {
    "membership": "Membership",
    "reconstruction": "Reconstruction",
    "property": "Property",
    "extraction": "Extraction",
}


def column_name(column: MatrixColumn) -> str:
    """What is measured."""
    return metric_name(column.metric, column.about)


def advice(matrix: Matrix) -> list[str]:
    """What follows from the figures, sentence by sentence."""
    rows = matrix.measured()
    if not rows:
        return ["Nothing could be measured."]
    data = [row.of_data for row in rows if row.of_data.worst is not None]
    sentences = [
        _best(matrix, data or rows),
        _helped(matrix, data or rows),
        _copies(matrix, rows),
        _nobody(matrix, rows),
    ]
    sentences += [_only_hidden(matrix, rows), _against_private(data)]
    sentences += [_canaries(matrix, rows), *_private(matrix)]
    return [*(part for part in sentences if part), LEAST]


def _plain(rows: list[MatrixRow]) -> MatrixRow | None:
    return next((row for row in rows if not row.defenses), None)


def _worst(row: MatrixRow) -> Reading:
    assert row.worst is not None
    return row.worst


def _quality(row: MatrixRow) -> Reading:
    assert row.quality is not None
    return row.quality


def _best(matrix: Matrix, rows: list[MatrixRow]) -> str:
    """Which to take where quality must not suffer, and which where it may."""
    plain = _plain(rows)
    if plain is None:
        best = min(rows, key=lambda row: _worst(row).value)
        return f"The least leaks with {best.name}: {_leak(best)}, {matrix.quality_name} {_quality(best).value:.3f}."
    near = [row for row in rows if row.defenses and _quality(row).value >= _quality(plain).value - CLOSE]
    start = (
        f"Without a defence {matrix.quality_name} is {_quality(plain).value:.3f}, and the worst leak of the training "
    )
    start += f"data {_leak(plain)}."
    if not any(row.defenses for row in rows):
        return start
    shown = [row for row in near if (cell := _where_worst(plain, row)) is not None and cell.helps]
    if shown:
        free = min(shown, key=lambda row: _worst(row).value)
        start += f" At no more than a point of {matrix.quality_name} less, {free.name} leaks least: {_leak(free)}."
    elif near:
        start += f" No defence that costs at most a point of {matrix.quality_name} is shown to leak less of it."
    else:
        start += f" Every defence costs more than a point of {matrix.quality_name}."
    least = min((row for row in rows if row.defenses), key=lambda row: _worst(row).value, default=None)
    cell = _where_worst(plain, least) if least is not None else None
    if least is not None and cell is not None and cell.helps and least not in shown:
        lost = _quality(plain).value - _quality(least).value
        start += f" The least of all leaks with {least.name}: {_leak(least)}, for {100 * lost:.1f} points."
    return start


def _where_worst(plain: MatrixRow, row: MatrixRow) -> Cell | None:
    """A row's cell in the column in which most leaks without a defence; None where it has none."""
    leaks = [(cell.leak.low, cell.leak.value) if cell.leak is not None else (-1.0, -1.0) for cell in plain.all_cells]
    worst = leaks.index(max(leaks))
    return row.all_cells[worst] if worst < len(row.all_cells) else None


def _helped(matrix: Matrix, rows: list[MatrixRow]) -> str:
    """Which defences are shown to help against what leaks most without one, by how much, and which are not."""
    plain = _plain(rows)
    if plain is None:
        return ""
    cells = [(row, cell) for row in rows if row.defenses and (cell := _where_worst(plain, row)) is not None]
    known = [(row, cell.change, cell) for row, cell in cells if cell.change is not None]
    if not known:
        return ""
    confidence = percent(matrix.confidence)
    parts = []
    for words, chosen in (
        ("Shown to help against what leaks most without a defence", [(r, c) for r, c, cell in known if cell.helps]),
        ("Shown to make it worse", [(r, c) for r, c, cell in known if cell.hurts]),
        ("Not shown to help", [(r, c) for r, c, cell in known if not cell.helps and not cell.hurts]),
    ):
        if chosen:
            parts.append(f"{words}: {joined([f'{row.name} ({difference(change)})' for row, change in chosen], 'and')}.")
    return f"{' '.join(parts)} Differences on the same records; all of this page hold together at {confidence}."


def difference(change: MetricChange) -> str:
    """A difference with its interval."""
    return f"{change.value:+.2f}, {change.low:+.2f} to {change.high:+.2f}"


def _leak(row: MatrixRow) -> str:
    worst = _worst(row)
    low, value = (percent(max(part, 0.0)) for part in (worst.low, worst.value))
    return f"{value} of what is possible ({low} to {percent(worst.high)})"


def _copies(matrix: Matrix, rows: list[MatrixRow]) -> str:
    """Whether the model can be copied under each defence."""
    places = [n for n, c in enumerate(matrix.columns) if c.family == "extraction"]
    if not places or len(places) == len(matrix.columns):
        return ""
    stolen = [row for row in rows if any(c.leak is not None and not c.gone for c in (row.cells[n] for n in places))]
    if not stolen:
        return "No copy of the model was closer than one made without it."
    return (
        f"Copying the model is another matter: with {len(stolen)} of {len(rows)} rows a copy came closer to it than "
        "one made without it."
    )


def _nobody(matrix: Matrix, rows: list[MatrixRow]) -> str:
    """Whether one stops everything."""
    stops = [row for row in rows if row.defenses and all(c.leak is None or c.gone for c in row.all_cells)]
    if stops:
        return f"Nothing of what was tried differs from chance with {joined([r.name for r in stops], 'or')}."
    return "No composition here stops every attack that was tried."


def _only_hidden(matrix: Matrix, rows: list[MatrixRow]) -> str:
    """Interfaces that stop attacks on scores and leave attacks on labels as they were."""
    plain = _plain(rows)
    by_labels = [n for n, c in enumerate(matrix.columns) if c.attack.startswith(("label_only", "boundary"))]
    by_scores = [
        n for n, c in enumerate(matrix.columns) if c.family == "membership" and n not in by_labels and c.metric == AUC
    ]
    if plain is None or not by_labels or not by_scores:
        return ""
    label, score = by_labels[0], by_scores[0]
    before = plain.cells[label].leak
    hidden = []
    for row in rows:
        after, shown = row.cells[label].leak, row.cells[score]
        stays = after is not None and before is not None and after.high >= before.value and before.low > 0
        if row.interface and stays and (shown.leak is None or shown.gone):
            hidden.append(row.name)
    if not hidden:
        return ""
    return (
        f"{joined(hidden, 'and')} hide{'s' if len(hidden) == 1 else ''} the scores and nothing else: attacks on scores "
        f"fall to chance, and {matrix.columns[label].title}, which needs labels alone, stays where it was."
    )


def _against_private(rows: list[MatrixRow]) -> str:
    """How many empirical defences are beaten by DP-SGD in both quality and leak."""
    private = [row for row in rows if row.private]
    others = [row for row in rows if row.defenses and not row.private]
    if not private or not others:
        return ""
    beaten = [
        o
        for o in others
        if any(_quality(p).value >= _quality(o).value and _worst(p).high <= _worst(o).low for p in private)
    ]
    return (
        f"Of {counted(len(others), 'composition')} without a guarantee, {len(beaten)} "
        f"{'is' if len(beaten) == 1 else 'are'} beaten in both quality and leak by one with differential privacy."
    )


def _canaries(matrix: Matrix, rows: list[MatrixRow]) -> str:
    """The worst case beside the average."""
    first = next((n for n, c in enumerate(matrix.columns) if c.attack == matrix.canary_attack), None)
    worse = [
        row
        for row in rows
        if first is not None
        and row.canaries is not None
        and row.canaries.leak is not None
        and row.cells[first].leak is not None
        and row.canaries.leak.low > row.cells[first].leak.high  # type: ignore[union-attr]
    ]
    if not worse:
        return ""
    return (
        f"An average hides the worst case: with {joined([r.name for r in worse[:4]], 'and')}"
        f"{' and others' if len(worse) > 4 else ''}, wrongly labelled records are identified more surely."
    )


def _private(matrix: Matrix) -> list[str]:
    """What only a guarantee gives, for whom it holds and what it takes; and where noise was added for none."""
    private = [row for row in matrix.measured() if row.private and row.epsilon is not None]
    undone = [f"No bound for {row.name}: {row.unbounded}." for row in matrix.rows if row.unbounded]
    if not private:
        return ["None of these compositions comes with a guarantee: another attack may find more.", *undone]
    named = joined([r.name if "epsilon" in r.name else f"{r.name} (epsilon {r.epsilon:.3g})" for r in private], "and")
    told = [f"Only {named} come{'s' * (len(private) == 1)} with a bound that holds for every attack on membership."]
    known = [(row.name, row.guarantee) for row in private if row.guarantee is not None]
    told += [" ".join((f"{name}: {bound}.", *bound.beside)) for name, bound in known]
    return [*told, *([SEEDED] if known else []), *undone]


def shade(cell: Cell) -> int:
    """0 for nothing found to 5 for everything."""
    if cell.leak is None or cell.gone:
        return 0
    return min(5, 1 + int(5 * max(cell.leak.value, 0.0) ** 0.5))


def text(cell: Cell) -> tuple[str, str]:
    """A cell's figure, and its interval."""
    if cell.reading is None:
        return {"refused": "⊘", "failed": "!"}.get(cell.verdict, "–"), ""
    digits = 2
    return f"{cell.reading.value:.{digits}f}", f"{cell.reading.low:.{digits}f} to {cell.reading.high:.{digits}f}"


def against(cell: Cell) -> str:
    """The difference to the row without a defence, with a sign of what it shows; empty where there is none."""
    if cell.change is None:
        return ""
    return f"{difference(cell.change)} {sign(cell)}"


def sign(cell: Cell) -> str:
    """Whether a cell is shown to leak less or more than without a defence, or neither."""
    return "" if cell.change is None else "↓" if cell.helps else "↑" if cell.hurts else "≈"


@dataclass(frozen=True)
class Point:
    """A row in the picture of quality against leak; places in the picture's units."""

    number: int
    x: float
    y: float
    low: float
    high: float
    front: bool
    private: bool
    name: str


WIDTH, HEIGHT, LEFT, BELOW = 720, 380, 62, 46
WIDE = 21
"""Of a point."""


def picture(matrix: Matrix) -> dict[str, object]:
    """Quality against worst leak: points, ticks and the front, in the units of an SVG of WIDTH by HEIGHT."""
    rows = matrix.measured()
    if len(rows) < 2:
        return {}
    qualities = [_quality(row).value for row in rows]
    span = max(max(qualities) - min(qualities), 0.02)
    middle = (max(qualities) + min(qualities)) / 2
    low, high = middle - 0.58 * span, middle + 0.58 * span
    top = min(1.0, max(0.1, 1.1 * max(_worst(row).high for row in rows)))

    def across(value: float) -> float:
        return LEFT + (WIDTH - LEFT - 16) * (value - low) / (high - low)

    def up(value: float) -> float:
        return HEIGHT - BELOW - (HEIGHT - BELOW - 14) * min(max(value, 0.0), top) / top

    front = {row.name for row in matrix.front()}
    numbers = {row.name: n for n, row in enumerate(matrix.rows, 1)}
    points = [
        Point(
            numbers[row.name],
            across(_quality(row).value),
            up(_worst(row).value),
            up(_worst(row).low),
            up(_worst(row).high),
            row.name in front,
            row.private,
            row.name,
        )
        for row in rows
    ]
    points = _side_by_side(points)
    ticks_x = [low + (high - low) * part / 5 for part in range(1, 5)]
    ticks_y = [top * part / 4 for part in range(5)]
    return {
        "points": points,
        "front": " ".join(f"{p.x:.1f},{p.y:.1f}" for p in sorted(points, key=lambda p: p.x) if p.front),
        "across": [(across(v), f"{v:.3f}") for v in ticks_x],
        "up": [(up(v), percent(v)) for v in ticks_y],
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "floor": HEIGHT - BELOW,
    }


def _side_by_side(points: list[Point]) -> list[Point]:
    """Points that would hide each other, moved to the right."""
    placed: list[Point] = []
    for point in points:
        x = point.x
        while any(abs(x - p.x) < WIDE and abs(point.y - p.y) < WIDE for p in placed):
            x += WIDE
        placed.append(replace(point, x=x))
    return placed


def _pictures(matrix: Matrix) -> list[tuple[str, dict[str, object]]]:
    """Of the training data, and of everything where that is more."""
    drawn = [("the worst leak of the training data", picture(matrix.of_data))]
    if {c.family for c in matrix.columns} > {"extraction"}:
        drawn.append(("the worst leak, copies of the model included", picture(matrix)))
    return [(title, made) for title, made in drawn if made]


def render(matrix: Matrix) -> str:
    """The whole page; works offline."""
    matrix = shown(matrix)
    front = {row.name for row in matrix.of_data.front()}
    style = asset("report.css") + asset("matrix.css")
    return (
        environment()
        .get_template("matrix.html.j2")
        .render(
            m=matrix,
            advice=advice(matrix),
            columns=[(FAMILY_NAMES.get(c.family, c.family), c.title, column_name(c)) for c in matrix.columns],
            front=front,
            pictures=_pictures(matrix),
            shade=shade,
            text=text,
            against=against,
            legend=LEGEND,
            percent=percent,
            counted=counted,
            style=style,
            policy=content_policy([style], []),
        )
    )


def markdown(matrix: Matrix) -> str:
    """The same as a table for a model card or a pull request."""
    matrix = for_markdown(matrix)
    heads = ["defence", matrix.quality_name, *(f"{c.title}: {column_name(c)}" for c in matrix.columns)]
    heads += ["wrong labels: AUC"] if any(row.canaries for row in matrix.rows) else []
    lines = [f"# Defences of {matrix.name}", "", *(f"- {part}" for part in advice(matrix)), ""]
    lines += [_row(heads), "|" + " --- |" * len(heads)]
    for row in matrix.rows:
        if row.failed:
            lines.append(_row([row.name, f"failed: {row.failed}"]) + " |" * (len(heads) - 2))
            continue
        cells = [*row.cells, *((row.canaries or Cell(),) if len(heads) > len(row.cells) + 2 else ())]
        cells_shown = [
            " ".join(filter(None, (text(c)[0], f"({text(c)[1]})" if text(c)[1] else "", against(c)))) for c in cells
        ]
        quality = f"{row.quality.value:.3f}" if row.quality else "–"
        lines.append(_row([row.name, quality, *cells_shown]))
    if any(c.change is not None for row in matrix.rows for c in row.all_cells):
        lines += ["", LEGEND]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
