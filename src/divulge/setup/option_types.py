"""The settings of an audit as type checkers and editors see them: what the model in settings.py accepts from Python.

Neither defaults nor meanings stand here; a test holds the keys, and the words to choose from, to those of the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from divulge.core.records import Records
from divulge.core.results.policy import Policy
from divulge.core.threat import Task
from divulge.data.splits import Duplicates
from divulge.games.properties import PropertyPlan
from divulge.games.rebuild import RebuildPlan

Output = Literal[
    "logits",
    "log_probabilities",
    "probabilities",
    "one_vs_rest",
    "shares",
    "logit",
    "probability",
    "percentage",
    "log_probability",
]
"""See core.outputs.OutputForm."""


class ComparisonOptions(TypedDict, total=False):
    """What an audit and a comparison of defences have in common."""

    name: str | None
    policy: Policy | Mapping[str, Any] | str | Path | None
    sensitive: Iterable[str]
    classes: Iterable[Any] | None
    task: Task | Literal["classification", "regression"] | None
    output: Output | None
    pick: str | int | None
    average: int
    duplicates: Duplicates | Literal["refuse", "drop", "keep"]
    groups: Any
    aggregate: Literal["mean", "max", "sum"]
    public: tuple[Any, Any] | Records | str | Path | None
    reconstruction: RebuildPlan | Mapping[str, Any] | None
    properties: PropertyPlan | Mapping[str, Any] | Iterable[str]
    shadows: int
    engine: Literal["auto", "stacked", "threads", "processes", "sequential", "ray"]
    jobs: int | None
    cache: bool


class AuditOptions(ComparisonOptions, total=False):
    """The options of `divulge.audit`."""

    families: Iterable[Literal["membership", "reconstruction", "property", "extraction"]] | None
    minutes: float | None
    defenses: Sequence[Any]
    detectors: Iterable[Literal["prada", "distribution_test"]]
    chain: Iterable[Literal["membership", "adversarial", "inversion"]]
    expect: Mapping[str, float] | None
    encrypted: Literal["ckks", "mpc"] | None
    reference: Any


class CompareOptions(ComparisonOptions, total=False):
    """The options of `divulge.compare_defenses`."""

    canaries: float
    tuned: Iterable[float]
