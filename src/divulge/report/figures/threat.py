"""The threat model as a small picture: actors, assets, what the adversary may do."""

from __future__ import annotations

from html import escape

from divulge.core.threat import TRAINING_DATA_ASSETS, Access, Asset, Phase, ThreatModel

WIDTH, HEIGHT = 760, 280


def draw(threat: ThreatModel, verdict_of: dict[Asset, str]) -> str:
    """An SVG.  verdict_of: a mark and a few words for every asset that the audit speaks about."""
    training = threat.phase is Phase.TRAINING
    inside = threat.grants(Access.PARAMETERS)
    data_rows = [a for a in threat.assets if a in TRAINING_DATA_ASSETS]
    model_rows = [a for a in threat.assets if a not in TRAINING_DATA_ASSETS]
    access = ", ".join(sorted(port.value for port in threat.access))
    act = "holds" if inside else "queries"
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="threat" '
        f'aria-label="{escape(_described(threat, access))}">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z" fill="currentColor"/></marker></defs>',
        _actor(75, 50, "data owner"),
        _actor(330, 50, "model owner"),
        _actor(690, 50, "model consumer"),
        _actor(690, 236, "adversary", strong=True),
        _box(5, 100, 212, "training data", data_rows, verdict_of),
        _box(262, 100, 232, "model", model_rows, verdict_of),
        _arrow(75, 62, 75, 98, ""),
        _arrow(330, 62, 330, 98, ""),
        _arrow(217, 160, 260, 160, "trains"),
        _arrow(640, 66, 496, 120, "queries"),
        _arrow(660, 222, 496, 170, f"{act}: {access}", strong=True, below=True),
    ]
    if training:
        parts.append(_arrow(650, 254, 207, 254, "acts in training", strong=True, dashed=True))
    return "".join([*parts, "</svg>"])


def _described(threat: ThreatModel, access: str) -> str:
    assets = ", ".join(asset.value for asset in threat.assets)
    return f"Threat model {threat.name}: {threat.adversary}; sees {access}; {threat.phase.value}; assets: {assets}"


def _actor(x: int, y: int, name: str, strong: bool = False) -> str:
    style = ' class="adversary"' if strong else ""
    return (
        f'<g{style}><circle cx="{x}" cy="{y - 26}" r="7" fill="none" stroke="currentColor" stroke-width="2"/>'
        f'<path d="M{x - 13},{y - 4} a13,13 0 0 1 26,0" fill="none" stroke="currentColor" stroke-width="2"/>'
        f'<text x="{x}" y="{y + 10}" text-anchor="middle">{escape(name)}</text></g>'
    )


def _box(x: int, y: int, width: int, title: str, assets: list[Asset], verdict_of: dict[Asset, str]) -> str:
    height = 34 + 24 * max(len(assets), 1)
    lines = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="none" stroke="currentColor"/>',
        f'<text x="{x + 12}" y="{y + 21}" font-weight="600">{escape(title)}</text>',
    ]
    for row, asset in enumerate(assets):
        top = y + 44 + 24 * row
        judged = asset in verdict_of
        words = f"{asset.value}: {verdict_of[asset]}" if judged else asset.value
        lines.append(f'<text x="{x + 12}" y="{top}"{"" if judged else " opacity=0.62"}>{escape(words)}</text>')
    return "".join(lines).replace("opacity=0.62", 'class="faint"')


def _arrow(
    x1: int, y1: int, x2: int, y2: int, words: str, strong: bool = False, dashed: bool = False, below: bool = False
) -> str:
    style = f'stroke-width="{2.4 if strong else 1.4}"' + (' stroke-dasharray="6 4"' if dashed else "")
    label = ""
    if words:
        x, y = (x1 + x2) // 2, (y1 + y2) // 2 + (24 if below else -9)
        label = f'<text x="{x}" y="{y}" text-anchor="middle" class="act">{escape(words)}</text>'
    tone = ' class="adversary"' if strong else ""
    line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="currentColor" {style} marker-end="url(#tip)"/>'
    return f"<g{tone}>{line}{label}</g>"
