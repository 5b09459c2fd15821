"""Every kind of model under every attack on it that needs no long training: judged, or refused with the reason; never
failed, and never judged otherwise than by a reference that is worked out beside it.

    python benchmarks/conformance_of_attacks.py              all of them, as a Markdown table
    python benchmarks/conformance_of_attacks.py --quick      one model in eight
    python benchmarks/conformance_of_attacks.py --write      into docs/conformance-of-attacks.md
    python benchmarks/conformance_of_attacks.py Ridge SVC    only these; with --write in place of their rows alone
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from attacked.cells import ATTACKS, Cell, Victim
from attacked.subjects import Subject, subjects

PAGE = Path(__file__).parents[1] / "docs" / "conformance-of-attacks.md"
QUICK = 8
LONGEST = 60


def chosen(quick: bool, names: Iterable[str] = ()) -> list[Subject]:
    """All models, one in eight, or those with these names."""
    wanted = set(names)
    every = [subject for subject in subjects() if not wanted or subject.name in wanted]
    return every[::QUICK] if quick else every


def row(subject: Subject, attacks: Iterable[str] = ATTACKS) -> list[Cell]:
    """One model under these attacks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        victim = Victim(subject)
        return [victim.cell(name) for name in attacks]


def table(rows: Sequence[tuple[Subject, list[Cell]]]) -> str:
    """As Markdown: what came of it, refusals by number, and the refusals below."""
    reasons: dict[str, int] = {}
    lines = [
        "| model | library | " + " | ".join(f"`{name}`" for name in ATTACKS) + " |",
        "|---" * (len(ATTACKS) + 2) + "|",
    ]
    lines += [_line(subject, cells, reasons) for subject, cells in rows]
    return "\n".join([*lines, *_told(reasons)])


def merged(known: str, rows: Sequence[tuple[Subject, list[Cell]]]) -> str:
    """A table made before, with these rows in place of those of the same models; reasons keep their numbers."""
    lines, _, told = known.strip().partition("\n\nRefused since\n\n")
    reasons = {text: int(number) for number, text in (line.split(". ", 1) for line in told.splitlines())}
    new = {f"| {s.name} | {s.library} |": _line(s, cells, reasons) for s, cells in rows}
    kept = [next((new[start] for start in new if line.startswith(start)), line) for line in lines.splitlines()]
    missing = [start for start in new if not any(line.startswith(start) for line in lines.splitlines())]
    return "\n".join([*kept, *(new[start] for start in missing), *_told(reasons)])


def _line(subject: Subject, cells: Iterable[Cell], reasons: dict[str, int]) -> str:
    """One row; a reason that is new to `reasons` gets the next number there."""
    shown = []
    for cell in cells:
        kind, _, reason = cell.shown.partition(": ")
        if kind == "refused":
            number = reasons.setdefault(_general(reason, subject), len(reasons) + 1)
            shown.append(f"– ({number})" + (" WRONG" if cell.wrong else ""))
        else:
            shown.append(cell.shown.replace("|", "/") + (" WRONG" if cell.wrong else ""))
    return "| " + " | ".join([subject.name, subject.library, *shown]) + " |"


def _told(reasons: dict[str, int]) -> list[str]:
    return ["", "Refused since", "", *(f"{number}. {reason}" for reason, number in reasons.items())]


def _general(reason: str, subject: Subject) -> str:
    """A reason without the figures and the name of the model, so that equal ones are told once."""
    words = ["…" if any(c.isdigit() for c in word) else word for word in reason.split()]
    return " ".join(words).replace("|", "/").replace(subject.name, "model")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one model in eight")
    parser.add_argument("--write", action="store_true", help="put the table into docs/conformance-of-attacks.md")
    parser.add_argument("names", nargs="*", help="only these models")
    options = parser.parse_args()
    rows, wrong = [], 0
    for subject in chosen(options.quick, options.names):
        started = time.perf_counter()
        cells = row(subject)
        rows.append((subject, cells))
        print(f"{subject.name} ({subject.library}), {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
        for cell in cells:
            if cell.wrong:
                wrong += 1
                print(f"    WRONG {cell.attack}: {cell.shown}: {cell.wrong}", file=sys.stderr, flush=True)
    made = table(rows)
    print(made)
    if options.write:
        head, start, known = PAGE.read_text().partition("| model |")
        PAGE.write_text(head + (merged(start + known, rows) if options.names else made) + "\n")
    print(f"\n{wrong} of {sum(len(cells) for _, cells in rows)} cells are wrong", file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
