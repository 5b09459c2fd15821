"""What a comparison of defences is about: the target, the records, and how each composition is audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from divulge.auditing.resources import Resources
from divulge.core.policy import Policy
from divulge.core.recipe import Recipe
from divulge.core.target import Target
from divulge.core.threat import ThreatModel
from divulge.games.properties import PropertyPlan
from divulge.games.rebuild import RebuildPlan
from divulge.setup.assemble import Sets

DEFAULT_CANARIES = 0.1


@dataclass(frozen=True, eq=False)
class MatrixPlan:
    """Everything that the rows have in common.

    canaries: share of the members, and of the non-members, whose labels are made wrong: the worst case of a record
    that a model can only learn by heart (Aerni, Zhang and Tramer 2024).  tuned: epsilons at which DP-SGD is tuned for
    accuracy, a row each where it can train such models, see setup.tuning.
    """

    target: Target
    recipe: Recipe
    sets: Sets
    threat: ThreatModel
    name: str
    attacks: Sequence[Any] | None = None
    policy: Policy = field(default_factory=Policy)
    properties: PropertyPlan | Sequence[str] = ()
    reconstruction: RebuildPlan | None = None
    public: Any = None
    canaries: float = DEFAULT_CANARIES
    tuned: tuple[float, ...] = (8.0,)
    shadows: int = 16
    seed: int = 0
    duplicates: str = "refuse"
    resources: Resources = field(default_factory=Resources)
