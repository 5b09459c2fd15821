"""The literature as a picture: papers per attack type, per learning task and per year, as one SVG file."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

WIDTH = 860
ROW = 24
LABEL = 210
INK, FAINT = "#1d2530", "#5b6675"
COLORS = {
    "membership": "#2b6cb0",
    "reconstruction": "#b7791f",
    "property": "#2f855a",
    "extraction": "#9b2c2c",
    "defense": "#553c9a",
    "other": "#718096",
}


def draw(
    attacks: Mapping[str, tuple[int, int]],
    tasks: Mapping[str, tuple[int, int]],
    years: Mapping[int, Mapping[str, int]],
) -> str:
    """attacks, tasks: how many papers for certain, and how many more where the source is unclear.  years: how many
    papers of each family.
    """
    parts: list[str] = []
    top = 34
    heads = (
        ("Papers of the survey, by attack type", attacks),
        ("Papers of the survey, by learning task", tasks),
    )
    for title, counts in heads:
        parts.append(_title(title, top))
        parts += _bars(counts, top + 14)
        top += 34 + ROW * len(counts) + 26
    parts.append(
        _note(
            "Pale: the survey's table is unclear there. A paper counts once for each type or task it names.", top - 18
        )
    )
    top += 26
    parts.append(_title("Papers in the catalogue, by year", top))
    body, bottom = _columns(years, top + 20)
    parts += body
    summary = "; ".join(f"{title}: {_said(counts)}" for title, counts in heads)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom}" width="{WIDTH}" height="{bottom}" '
        f'role="img" aria-label="{escape(summary)}" font-family="system-ui, sans-serif" font-size="13" fill="{INK}">'
        f'<rect width="{WIDTH}" height="{bottom}" fill="#ffffff"/>' + "".join(parts) + "</svg>\n"
    )


def _said(counts: Mapping[str, tuple[int, int]]) -> str:
    return ", ".join(f"{name} {sure + unsure}" for name, (sure, unsure) in counts.items())


def _title(text: str, y: int) -> str:
    return f'<text x="16" y="{y}" font-size="15" font-weight="600">{escape(text)}</text>'


def _note(text: str, y: int) -> str:
    return f'<text x="16" y="{y}" fill="{FAINT}">{escape(text)}</text>'


def _bars(counts: Mapping[str, tuple[int, int]], top: int) -> list[str]:
    most = max((sure + unsure for sure, unsure in counts.values()), default=1)
    scale = (WIDTH - LABEL - 130) / most
    parts = []
    for row, (name, (sure, unsure)) in enumerate(counts.items()):
        y, color = top + row * ROW, COLORS.get(name, COLORS["membership"])
        end = LABEL + scale * (sure + unsure)
        words = f"{sure + unsure}" + (f", {unsure} unclear" if unsure else "")
        parts.append(f'<text x="{LABEL - 10}" y="{y + 16}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect x="{LABEL}" y="{y + 3}" width="{scale * sure:.1f}" height="{ROW - 7}" fill="{color}"/>')
        if unsure:
            parts.append(
                f'<rect x="{LABEL + scale * sure:.1f}" y="{y + 3}" width="{scale * unsure:.1f}" height="{ROW - 7}" '
                f'fill="{color}" opacity="0.4"/>'
            )
        parts.append(f'<text x="{end + 8:.1f}" y="{y + 16}" fill="{FAINT}">{words}</text>')
    return parts


def _columns(years: Mapping[int, Mapping[str, int]], top: int) -> tuple[list[str], int]:
    """Stacked columns, one a year, with a legend below; and where the picture ends."""
    height, left = 220, 50
    most = max((sum(of.values()) for of in years.values()), default=1)
    step = (WIDTH - left - 20) / max(len(years), 1)
    floor = top + height
    parts = [f'<line x1="{left}" x2="{WIDTH - 20}" y1="{floor}" y2="{floor}" stroke="{FAINT}"/>']
    for place, (year, of) in enumerate(years.items()):
        x, y = left + step * place, float(floor)
        for family, color in COLORS.items():
            tall = (height - 20) * of.get(family, 0) / most
            y -= tall
            if tall:
                parts.append(
                    f'<rect x="{x + 3:.1f}" y="{y:.1f}" width="{step - 6:.1f}" height="{tall:.1f}" fill="{color}"/>'
                )
        middle = x + step / 2
        parts.append(f'<text x="{middle:.1f}" y="{y - 5:.1f}" text-anchor="middle">{sum(of.values())}</text>')
        parts.append(f'<text x="{middle:.1f}" y="{floor + 18}" text-anchor="middle" fill="{FAINT}">{year}</text>')
    x = left
    for family, color in COLORS.items():
        parts.append(f'<rect x="{x}" y="{floor + 36}" width="12" height="12" fill="{color}"/>')
        parts.append(f'<text x="{x + 18}" y="{floor + 47}">{family}</text>')
        x += 34 + 8 * len(family)
    return parts, floor + 64
