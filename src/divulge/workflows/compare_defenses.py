"""`divulge.compare_defenses(...)`, and what it leaves in its folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from divulge.auditing.resources import resources
from divulge.core.errors import InputError
from divulge.core.matrix import Matrix
from divulge.core.progress import Progress
from divulge.core.threat import ThreatModel
from divulge.games.properties import PropertyPlan
from divulge.report.matrix import markdown, render
from divulge.setup.assemble import recipe_for, records_from, target_from, threat_from
from divulge.setup.comparison import DEFAULT_CANARIES, MatrixPlan
from divulge.workflows.defense_matrix import matrix


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


def compare_defenses(  # noqa: PLR0913  # as audit() has them
    target: Any,
    members: tuple[Any, Any],
    nonmembers: tuple[Any, Any],
    population: tuple[Any, Any] | None = None,
    *,
    defenses: Sequence[Sequence[Any]],
    recipe: Any = "auto",
    threat: str | ThreatModel = "mlaas",
    attacks: Sequence[Any] | None = None,
    properties: PropertyPlan | Sequence[str] = (),
    sensitive: Sequence[str] = (),
    canaries: float = DEFAULT_CANARIES,
    tuned: Sequence[float] = (8.0,),
    shadows: int = 16,
    seed: int = 0,
    name: str | None = None,
    out: Path | str = "divulge-runs/defenses",
    progress: Progress | None = None,
) -> Matrix:
    """Train the model anew under each composition of defences, attack every one, and put them side by side.

    target: as for `audit`; only how it is asked matters, since each row trains a model of its own by `recipe`.
    defenses: lists of names or defences, [] for none.  attacks: the default one of each family when not given.
    canaries: share of the members whose labels are made wrong, for the worst case.
    tuned: epsilons at which DP-SGD, tuned for accuracy, is a row besides; () for none.
    out: a folder; each row is a run in it, matrix.html the picture.  What is there already is not done again.
    Raises InputError, with the cure, for input that cannot be used.
    """
    tools = resources()
    asked = target_from(target)
    sets = records_from(asked, members, nonmembers, population, sensitive)
    made = recipe_for(recipe, target, asked, tools)
    if made is None:
        raise InputError("a comparison of defences needs a recipe: a TorchRecipe, an unfitted estimator or a function")
    plan = MatrixPlan(
        asked,
        made,
        sets,
        threat_from(threat),
        name or asked.name,
        attacks=attacks,
        properties=properties,
        canaries=canaries,
        tuned=tuple(tuned),
        shadows=shadows,
        seed=seed,
        resources=tools,
    )
    found = matrix(plan, defenses, Path(out), progress)
    write(found, Path(out))
    return found
