"""Rules of disclosure control for classifiers: what a model's structure shows, before any attack and any training.

As environments that hold confidential data apply them to tables and regressions, and since the SACRO tools to models
(package sacroml): a model that leaves few degrees of freedom, groups few people together, says of a group that none
or few are of a class, or carries records, is looked at by a person before it leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from divulge.attacks.reconstruction.weights.stored_data import kept_of
from divulge.core.capability.declared import able
from divulge.core.capability.targets import CountsParameters, estimator_of, model_of
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.core.wording import counted

LEAST_GROUP = 10
LEAST_FREEDOM = 10
"""As the ACRO checker of outputs has them where an environment says nothing else."""


@dataclass(frozen=True)
class StructuralRule:
    """holds: None where it cannot be said.  measured: what was found, in words.  cure: what to try otherwise."""

    name: str
    holds: bool | None
    measured: str
    cure: str = ""


@dataclass(frozen=True)
class StructuralCheck:
    """What the rules say of one model.  parameters: that were learned, None if unknown.  smallest: people in the
    smallest group of equal outputs.  stored: training records that the model carries.
    """

    records: int
    parameters: int | None
    groups: int
    smallest: int
    stored: int
    rules: tuple[StructuralRule, ...]

    @property
    def broken(self) -> tuple[StructuralRule, ...]:
        """Rules that do not hold."""
        return tuple(rule for rule in self.rules if rule.holds is False)

    @property
    def unknown(self) -> tuple[StructuralRule, ...]:
        """Rules of which it cannot be said."""
        return tuple(rule for rule in self.rules if rule.holds is None)


def structure(
    target: Target, members: Records, group: int = LEAST_GROUP, freedom: int = LEAST_FREEDOM
) -> StructuralCheck:
    """Look at a classifier and the records that it was trained on.  group: how many people must be together at least;
    freedom: how many records there must be more than learned parameters.

    Raises InputError for what is no classifier, and for thresholds below 1.
    """
    if target.task is not Task.CLASSIFICATION or not target.offers & {Access.SCORES, Access.LABEL}:
        raise InputError(
            "structure: these rules are about classifiers: give a model that answers with classes or scores"
        )
    if group < 1 or freedom < 1:
        raise InputError("structure: group and freedom are numbers of records, at least 1")
    shares, which = _groups(target, members)
    sizes = np.bincount(which)
    parameters = _learned(target)
    model = model_of(target)
    stored = kept_of(model, members) if model is not None else 0
    rules = (
        _freedom(parameters, len(members), freedom),
        _anonymity(sizes, group),
        *_classes(shares, sizes, group),
        _stored(target, stored),
    )
    return StructuralCheck(len(members), parameters, len(sizes), int(sizes.min()), stored, rules)


def _groups(target: Target, members: Records) -> tuple[Array, Array]:
    """What the model says of each class of equal outputs [groups, classes], and to which each record belongs.

    Of one tree the classes are its leaves, which whoever holds it sees; of all others equal scores, or labels.
    """
    classes = max(len(members.schema.classes), 2)
    if Access.SCORES not in target.offers:
        labels, which = np.unique(target.answer(Access.LABEL, members), return_inverse=True)
        return np.eye(max(classes, int(labels.max()) + 1))[labels], which
    scores = np.exp(target.answer(Access.SCORES, members))
    keys: Array = np.round(scores, 12)
    if _is_tree(_last(estimator_of(target))) and Access.LEAVES in target.offers:
        keys = np.asarray(target.answer(Access.LEAVES, members)).reshape(len(members), -1)
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return scores[first], which.reshape(-1)


def _freedom(parameters: int | None, records: int, least: int) -> StructuralRule:
    name = "residual degrees of freedom"
    if parameters is None:
        return StructuralRule(name, None, "how many parameters were learned is not known of this kind of model")
    left = records - parameters
    learned = counted(parameters, "learned parameter")
    measured = f"{records:,} records less {learned}: {left:,}, at least {least} are asked"
    return StructuralRule(
        name, left >= least, measured, "a smaller model: fewer or shallower trees, fewer weights; or more records"
    )


def _anonymity(sizes: Array, least: int) -> StructuralRule:
    small = int((sizes < least).sum())
    smallest = counted(int(sizes.min()), "record")
    measured = f"{counted(len(sizes), 'group')} of equal outputs, the smallest of {smallest}"
    measured = f"{measured}; {small:,} are of fewer than {least}"
    return StructuralRule(
        "k-anonymity of equal outputs", small == 0, measured, f"at least {least} records in a leaf; rounded scores"
    )


def _classes(shares: Array, sizes: Array, least: int) -> Iterator[StructuralRule]:
    """Where a group is said to have none of a class, or few: who is known to be in it has another class, or is rare."""
    people = np.round(shares * sizes[:, None], 6)
    none, few = int((people <= 0).any(axis=1).sum()), int(((people > 0) & (people < least)).any(axis=1).sum())
    yield StructuralRule(
        "class disclosure",
        none == 0,
        f"{none:,} of {len(sizes):,} groups are said to have nobody of some class",
        "probabilities that are never 0 or 1: smoothing, calibration, larger leaves",
    )
    yield StructuralRule(
        "small groups",
        few == 0,
        f"{few:,} of {len(sizes):,} groups are said to have somebody, but fewer than {least}, of some class",
        "larger leaves; scores that are rounded to steps of many records",
    )


def _stored(target: Target, stored: int) -> StructuralRule:
    name, cure = "stored records", "another kind of model: this one answers by rows that it keeps"
    if model_of(target) is None:
        return StructuralRule(name, None, "what this model keeps was not looked into", cure)
    return StructuralRule(name, stored == 0, f"{counted(stored, 'training record')} in the model", cure)


def _last(estimator: Any) -> Any:
    """What answers in a pipeline, or behind a search."""
    while True:
        steps = getattr(estimator, "steps", None)
        inner = steps[-1][1] if steps else getattr(estimator, "best_estimator_", None)
        if inner is None:
            return estimator
        estimator = inner


def _is_tree(estimator: Any) -> bool:
    return hasattr(estimator, "tree_")


def _learned(target: Target) -> int | None:
    """Learned parameters: see `parameters_of`; None where they cannot be counted."""
    estimator = estimator_of(target)
    if estimator is not None:
        return parameters_of(_last(estimator))
    return int(target.parameters) if able(target, CountsParameters) else None


def parameters_of(model: Any) -> int | None:
    """How many parameters a fitted estimator has learned; None for kinds of which that is not known.

    A tree: a column and a threshold for each split, and for each leaf one number less than classes, or its value;
    ensembles: all of their trees; linear models and networks: weights and intercepts; naive Bayes: means and variances.
    """
    if _is_tree(model):
        return _of_tree(model)
    if hasattr(model, "_predictors"):  # histogram boosting
        nodes = [tree.nodes for stage in model._predictors for tree in stage]
        return int(sum(2 * (each["is_leaf"] == 0).sum() + (each["is_leaf"] != 0).sum() for each in nodes))
    if hasattr(model, "get_booster"):
        rows = model.get_booster().trees_to_dataframe()
        return int(2 * (rows["Feature"] != "Leaf").sum() + (rows["Feature"] == "Leaf").sum())
    members = getattr(model, "estimators_", None)
    if members is not None:
        each = [parameters_of(_last(one)) for one in np.ravel(np.asarray(members, dtype=object)).tolist()]
        return None if any(count is None for count in each) else int(sum(count or 0 for count in each))
    parts = [getattr(model, name, None) for name in ("coefs_", "intercepts_", "coef_", "intercept_", "theta_", "var_")]
    sizes = [np.size(a) for part in parts if part is not None for a in (part if isinstance(part, list) else [part])]
    return int(sum(sizes)) if sizes and not hasattr(model, "support_vectors_") else None


def _of_tree(model: Any) -> int:
    leaves = int((model.tree_.children_left == model.tree_.children_right).sum())
    classes = int(np.max(getattr(model, "n_classes_", 2)))
    return 2 * (int(model.tree_.node_count) - leaves) + leaves * max(classes - 1, 1)


def as_json(found: StructuralCheck) -> dict[str, Any]:
    """Plain values."""
    return asdict(found)
