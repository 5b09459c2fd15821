"""What a comparison of defences is about: the target, the records, and how each composition is audited."""

from __future__ import annotations

from dataclasses import dataclass, field

from divulge.auditing.resources import Resources
from divulge.core.privacy_budget import check_epsilon
from divulge.core.recipe import Recipe
from divulge.core.target import Target
from divulge.setup.parts import ComparePart
from divulge.setup.settings import Options
from divulge.setup.sources.sets import Sets


@dataclass(frozen=True, eq=False)
class MatrixPlan:
    """Everything that the rows have in common.

    options: as for an audit; what is said there about attacks, shadow models and what is tolerated holds for each row.
    compare: how many labels are made wrong, the worst case of a record that a model can only learn by heart (Aerni,
    Zhang and Tramer 2024), and the epsilons at which DP-SGD is tuned for accuracy, a row each where it can train such
    models, see setup.tuning.
    """

    target: Target
    recipe: Recipe
    sets: Sets
    options: Options = field(default_factory=Options)
    compare: ComparePart = field(default_factory=ComparePart)
    resources: Resources = field(default_factory=Resources)

    def __post_init__(self) -> None:
        for epsilon in self.compare.tuned:
            check_epsilon("tuned", epsilon)

    @property
    def name(self) -> str:
        """Of the comparison; the target's when none was given."""
        return self.options.name or self.target.name
