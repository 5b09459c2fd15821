"""Groups of settings, as an audit file and Python have them: what each is called, means, and is when left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PlainValidator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from divulge.catalog import former
from divulge.catalog.former import current_keys
from divulge.core.capability.declared import able
from divulge.core.capability.defenses import HasCard
from divulge.core.errors import InputError
from divulge.core.threat import PRESETS, Access, Behavior, Knowledge, ThreatModel, preset
from divulge.data.files import existing, read_update
from divulge.games.properties import PropertyPlan
from divulge.games.rebuild import RebuildPlan


class Part(BaseModel):
    """Keys and values; a key without a value is left out, and one that does not exist is refused."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, values: Any) -> Any:
        values = current_keys(values, former.PART_KEYS)
        if not isinstance(values, Mapping):
            return values
        plain = {key: _value(value) for key, value in values.items()}
        return {key: value for key, value in plain.items() if value is not None or key not in cls.model_fields}


def _value(value: Any) -> Any:
    """A value as a file would have it, where Python has a type of its own for it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.generic):
        return value.item()
    return {key: _value(inner) for key, inner in value.items()} if isinstance(value, dict) else value


@dataclass(frozen=True, eq=False)
class GivenObject:
    """An object that was given in Python, where a file has a name or a path."""

    value: Any


def _with_card(value: Any) -> Any:
    if isinstance(value, type) or not able(value, HasCard):
        raise ValueError("expected a name, a name with its settings, or an object with a card")
    return value


def _listed(value: Any) -> Any:
    """Arrays, index objects and ranges as lists."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return value
    return [_value(element) for element in value]


Carded = SkipJsonSchema[Annotated[Any, PlainValidator(_with_card)]]
"""An attack or a defence as an object: YAML has none."""

Named = Annotated[list[str | dict[str, dict[str, Any] | None] | Carded], BeforeValidator(_listed)]
"""Attacks or defences: names, names with settings, or objects."""

Names = Annotated[list[str], BeforeValidator(_listed)]
Values = Annotated[list[Any], BeforeValidator(_listed)]
Numbers = Annotated[list[float], BeforeValidator(_listed)]


class RecipePart(Part):
    """How such a model is trained, for controls and shadow models."""

    kind: Literal["auto", "chosen", "none", "torch", "sklearn", "generator", "fine_tune"] = "auto"
    """auto trains it as the scikit-learn estimator was, tuning anew what it tunes; chosen with the settings that it has
    chosen; none not at all; torch with the settings below; sklearn as the estimator that `factory` builds; generator as
    `factory`, a function fit(table, seed), makes a generator of a table; fine_tune a language model on texts, from
    `base`"""
    factory: str | SkipJsonSchema[Callable[[], Any]] | None = None
    """`file.py:function`; of the target where it has one"""
    epochs: int = Field(default=30, gt=0)
    """of the training, for torch"""
    batch_size: int = Field(default=128, gt=0)
    """of the training, for torch"""
    learning_rate: float = Field(default=1e-3, gt=0)
    """of the training, for torch"""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """of the training, for torch"""
    weight_decay: float = Field(default=0.0, ge=0)
    """of the training, for torch"""
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """of the training, for torch"""
    schedule: Literal["constant", "cosine", "steps"] = "constant"
    """of the training, for torch"""
    augmentation: Literal["none", "flip", "shift", "both"] = "none"
    """what is done to images at random while they are trained on"""
    base: Path | None = None
    """for fine_tune, the folder of the model that is trained on; the target's own base when left out"""
    method: Literal["full", "lora"] = "full"
    """for fine_tune, all weights or adapters of low rank"""
    rank: int = Field(default=8, gt=0)
    """of the adapters, for fine_tune"""
    alpha: int = Field(default=16, gt=0)
    """of the adapters, for fine_tune"""
    max_tokens: int | None = Field(default=None, ge=2)
    """of each text, for fine_tune; as the target reads them when left out"""
    proxy_layers: int | None = Field(default=None, gt=0)
    """for fine_tune: shadow models adapt only so many of the topmost layers, which is cheaper"""
    proxy_learning_rate: float | None = Field(default=None, gt=0)
    """of such shadow models, where it is another one"""


class ThreatPart(Part):
    """Who attacks: a preset with changes."""

    preset: str = "mlaas"
    """its name, mlaas or published-model say"""
    query_budget: int | None = Field(default=None, gt=0)
    """the most queries of one attack"""
    token_budget: int | None = Field(default=None, gt=0)
    """the most tokens that one attack may send to a language model and have it write"""
    top_k: int | None = Field(default=None, gt=0)
    """only so many of the highest scores are shown"""
    access: Names | None = None
    """what is seen: label, scores, parameters and so on"""
    knowledge: Names | None = None
    """what is known besides"""
    behavior: Literal["passive", "active"] | None = None
    """passive, or active where the adversary interferes with the training"""

    def model(self) -> ThreatModel:
        """The threat model; raises InputError for an unknown preset or word."""
        if self.preset not in PRESETS:
            raise InputError(f"threat: preset {self.preset!r} is unknown: choose one of {', '.join(PRESETS)}")
        threat = PRESETS[self.preset]
        numbers = ("query_budget", "token_budget", "top_k")
        changes: dict[str, Any] = {k: getattr(self, k) for k in numbers if getattr(self, k) is not None}
        if self.access is not None:
            changes["access"] = frozenset(_word(Access, name, "access") for name in self.access)
        if self.knowledge is not None:
            changes["knowledge"] = frozenset(_word(Knowledge, name, "knowledge") for name in self.knowledge)
        if self.behavior is not None:
            changes["behavior"] = Behavior(self.behavior)
        return ThreatModel(**{**vars(threat), **changes})


def _word(kind: Any, name: str, field: str) -> Any:
    names = [member.name.lower() for member in kind]
    if name.lower() not in names:
        raise InputError(f"threat.{field}: {name!r} is unknown: choose from {', '.join(names)}")
    return kind[name.upper()]


def threat_from(threat: str | ThreatModel | ThreatPart) -> ThreatModel:
    """A preset by name, a preset with changes, or the threat model itself."""
    if isinstance(threat, ThreatModel):
        return threat
    if isinstance(threat, ThreatPart):
        return threat.model()
    return preset(threat)


class ReconstructionPart(Part):
    """What reconstruction is played on."""

    trials: int = Field(default=RebuildPlan.trials, gt=0)
    """updates, pairs of versions or records"""
    batch: int = Field(default=RebuildPlan.batch, gt=0)
    """records of an update"""
    steps: int = Field(default=RebuildPlan.steps, gt=0)
    """of the local training behind it"""
    rate: float = Field(default=RebuildPlan.rate, gt=0)
    """of the local training behind it"""
    epochs: int = Field(default=RebuildPlan.epochs, gt=0)
    """of the local training behind it"""
    layer: str | None = RebuildPlan.layer
    """where a split model is cut"""
    other: tuple[str, ...] = RebuildPlan.other
    """names of the columns that another party of a vertical federation holds, the second half when left out"""
    asked: int = Field(default=RebuildPlan.asked, gt=0)
    """training records, and as many others, whose sensitive attributes are asked about"""
    update: Path | None = None
    """.npz of an update that really was sent: arrays in the order of the parameters, and `rows`, which of the members
    are behind it"""
    clients: int = Field(default=RebuildPlan.clients, ge=0)
    """updates come out of federated rounds of so many"""
    secure: bool = RebuildPlan.secure
    """under secure aggregation"""
    sees: Literal["sum", "client"] = "sum"
    """their sum, or what one client sends"""
    mode: Literal["train", "eval"] = "train"
    """in which clients compute updates: with batch norm of the batch and dropout on, or as the model is asked"""

    def plan(self, folder: Path = Path()) -> RebuildPlan:
        """The plan; folder: what the path of an update is relative to."""
        values = self.model_dump(exclude={"update"})
        if self.update is not None:
            path = existing(folder / self.update, "reconstruction.update")
            train = self.mode == "train"
            values["captured"] = read_update(path, self.steps, self.rate, self.epochs, train)
        return RebuildPlan(**values)


class PropertyPart(Part):
    """What is asked about the training set as a whole."""

    properties: Names = Field(default=list(PropertyPlan.properties))
    """expressions over the columns, such as share(sex == 'Female'), present(race == 'Other'), mean(age),
    correlation(age, income), size(), duplicates()"""
    values: Numbers | None = None
    """of the models that are told apart; usual ones when left out"""
    victims: int = Field(default=PropertyPlan.victims, ge=12)
    """models that are trained to be attacked"""
    shadows: int = Field(default=PropertyPlan.shadows, ge=16)
    """models that are trained to learn from"""
    size: int | None = Field(default=PropertyPlan.size, ge=100)
    """records of every training set"""
    queries: int = Field(default=PropertyPlan.queries, ge=50)
    """records that the adversary asks about"""
    trials: int = Field(default=PropertyPlan.trials, ge=20)
    """updates of a federated training"""
    batch: int = Field(default=PropertyPlan.batch, ge=2)
    """records in each update"""

    def plan(self) -> PropertyPlan:
        """The plan."""
        values = tuple(self.values) if self.values is not None else None
        kept = self.model_dump(exclude={"properties", "values"})
        return PropertyPlan(tuple(self.properties), values, **kept)


class ComparePart(Part):
    """Compositions of defences that `compare --defenses` puts side by side."""

    defenses: Annotated[list[Named], BeforeValidator(_listed)] = Field(default=[])
    """lists of names, or of names with settings; [] for none"""
    canaries: float = Field(default=0.1, ge=0, lt=0.5)
    """share of the members whose labels are made wrong: the worst case"""
    tuned: Numbers = Field(default=[8.0])
    """epsilons at which DP-SGD, tuned for accuracy, is a row besides, where it can train such models"""


Reconstruction = ReconstructionPart | SkipJsonSchema[InstanceOf[RebuildPlan]]
Properties = Names | PropertyPart | SkipJsonSchema[InstanceOf[PropertyPlan]]
Threat = str | ThreatPart | SkipJsonSchema[InstanceOf[ThreatModel]]
