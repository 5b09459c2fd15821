"""`divulge.compare_defenses(...)`, and what it leaves in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

from divulge.core.errors import InputError
from divulge.core.progress import Progress
from divulge.core.results.matrix import Matrix
from divulge.core.threat import ThreatModel
from divulge.report.matrix import markdown, render
from divulge.setup.from_objects import matrix_from_objects
from divulge.setup.option_types import AuditOptions, CompareOptions, ComparisonOptions
from divulge.setup.parts import ComparePart
from divulge.setup.settings import Options, part_from
from divulge.setup.sources.arguments import in_order
from divulge.workflows.defense_matrix import matrix

COMPARED = frozenset(ComparisonOptions.__annotations__)
"""Options of an audit that a comparison has too."""


def as_json(found: Matrix) -> str:
    """For a machine to read."""
    return json.dumps(asdict(found), indent=2)


def write(found: Matrix, folder: Path) -> Path:
    """matrix.html, matrix.md and matrix.json in the folder; the first of them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "matrix.json").write_text(as_json(found), encoding="utf-8")
    (folder / "matrix.md").write_text(markdown(found), encoding="utf-8")
    (folder / "matrix.html").write_text(render(found), encoding="utf-8")
    return folder / "matrix.html"


@in_order
def compare_defenses(  # as audit() has them
    target: Any,
    members: Any,
    nonmembers: Any,
    population: Any = None,
    *,
    defenses: Sequence[Sequence[Any]],
    recipe: Any = "auto",
    threat: str | ThreatModel | Mapping[str, Any] = "mlaas",
    attacks: Sequence[Any] | None = None,
    seed: int = 0,
    out: Path | str = "divulge-runs/defenses",
    progress: Progress | None = None,
    **options: Unpack[CompareOptions],
) -> Matrix:
    """Train the model anew under each composition of defences, attack every one, and put them side by side.

    target: as for `audit`; only how it is asked matters, since each row trains a model of its own by `recipe`.
    defenses: lists of names or defences, [] for none.  attacks: the default one of each family when not given.
    canaries: share of the members whose labels are made wrong, for the worst case.
    tuned: epsilons at which DP-SGD, tuned for accuracy, is a row besides; () for none.
    out: a folder; each row is a run in it, matrix.html the picture.  What is there already is not done again.
    The other options are those of `audit` that models which are compared can have.
    Raises InputError, with the cure, for input that cannot be used.
    """
    given: dict[str, Any] = {"threat": threat, "recipe": recipe, "attacks": attacks, "seed": seed, **options}
    compared: dict[str, Any] = {key: given.pop(key) for key in ("canaries", "tuned") if key in given}
    alone = next((key for key in AuditOptions.__annotations__ if key in given and key not in COMPARED), None)
    if alone is not None:
        raise InputError(f"{alone}: is no part of a comparison of defences: leave it out")
    settings = Options.of(given, beside=("defenses", "canaries", "tuned", "out", "progress"))
    compare = part_from(ComparePart, {"defenses": defenses, **compared})
    plan = matrix_from_objects(target, (members, nonmembers, population), settings, compare)
    found = matrix(plan, compare.defenses, Path(out), progress)
    write(found, Path(out))
    return found
