"""L2 regularisation: weights are pulled towards zero."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass, replace
from typing import Any, ClassVar

from divulge.core.capability.declared import able
from divulge.core.capability.recipes import Decays
from divulge.core.capability.targets import estimator_of
from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.inside import settings_of

INVERSE = ("C",)
"""Settings of scikit-learn that grow as the penalty shrinks."""

DIRECT = ("alpha", "reg_lambda", "l2_regularization")


@dataclass(frozen=True)
class WeightDecay:
    """A penalty on squared weights (Krogh and Hertz 1992; against membership inference Shokri et al. 2017, section
    VII-D).

    strength: `weight_decay` of a network's optimiser; of an estimator its `alpha`, or one over its `C`.
    """

    strength: float = 1e-2

    card: ClassVar[DefenseCard] = DefenseCard(
        name="weight_decay",
        title="L2 regularisation",
        paper="shokri2017",
        summary="pulls weights towards zero while the model is trained",
        stage=Stage.SETTINGS,
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if self.strength <= 0:
            raise InputError(f"weight_decay: a strength of {self.strength} pulls at nothing: give a positive one")

    def adjust(self, recipe: Any) -> Any:
        """See SettingsDefense."""
        from sklearn.base import clone

        if is_dataclass(recipe) and able(recipe, Decays):
            return replace(recipe, weight_decay=self.strength)  # type: ignore[type-var]
        estimator = estimator_of(recipe)
        changes: dict[str, float] = {}
        for name in (settings_of(estimator) or ()) if estimator is not None else ():
            last = name.split("__")[-1]
            changes |= {name: 1 / self.strength} if last in INVERSE else {}
            changes |= {name: self.strength} if last in DIRECT else {}
        if not changes:
            raise InputError("defenses: 'weight_decay' finds no penalty on weights in this recipe")
        return replace(recipe, estimator=clone(estimator).set_params(**changes))
