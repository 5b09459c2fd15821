"""The settings of an audit: one model for audit files and for Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, InstanceOf, PrivateAttr, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema

from divulge.auditing.resources import Resources, resources
from divulge.catalog.attacks import attack
from divulge.catalog.former import SETTINGS_KEYS, current_keys
from divulge.core.attack import Attack
from divulge.core.errors import InputError
from divulge.core.results.policy import Policy
from divulge.core.threat import ThreatModel
from divulge.data.files import existing, read_arrays
from divulge.games.properties import PropertyPlan
from divulge.games.rebuild import RebuildPlan
from divulge.runs.policies import load_policy, shipped
from divulge.runs.policy_file import PolicyFile
from divulge.setup.extensions import refuse_unusable
from divulge.setup.option_types import Output
from divulge.setup.parts import (
    GivenObject,
    Named,
    Names,
    Part,
    Properties,
    PropertyPart,
    RecipePart,
    Reconstruction,
    ReconstructionPart,
    Threat,
    Values,
    threat_from,
)
from divulge.setup.validation import complaints

GIVEN = ("groups", "public", "recipe", "reference")
"""Settings that Python has objects for of whatever kind."""


class TargetSettings(Part):
    """How the model is asked, and what it answers with."""

    task: Literal["classification", "regression"] | None = None
    """classification or regression; found out when left out"""
    output: Output | None = None
    """what a model returns, where it is not to be recognised"""
    pick: str | int | None = None
    """which of several things that a network returns"""
    encrypted: Literal["ckks", "mpc"] | None = None
    """the model is asked under CKKS, or shared among three parties"""
    average: int = Field(default=1, ge=1)
    """how often each question is put to a model that answers at random; its answer is the mean"""


class DataSettings(Part):
    """What is to be known of the records."""

    public: Path | SkipJsonSchema[InstanceOf[GivenObject]] | None = None
    """records of other classes than the model's, from which an adversary may learn what records look like: an .npz
    file, or in Python (x, y)"""
    sensitive: Names = Field(default=[])
    """columns whose values must not come out"""
    classes: Values = Field(default=[])
    """the labels that the outputs of a network, a function or an ONNX file stand for, in their order, where they are
    not the outputs' numbers"""
    duplicates: Literal["refuse", "drop", "keep"] = "refuse"
    """what is done with records that stand among members and non-members alike; refuse keeps those that may stand there
    by coincidence"""
    expect: dict[str, float] = Field(default={})
    """what you know of the model, accuracy (on members), accuracy_nonmembers, r2 or loss_per_token: where it answers
    otherwise, the audit stops before anything is attacked"""
    groups: str | SkipJsonSchema[InstanceOf[GivenObject]] | None = None
    """whose records they are, where a person has several: the column, or array of an .npz, that says it, which is no
    feature unless the model was fitted with it; in Python also (labels of members, labels of non-members[, labels of
    the population]), and for a score table one label a record.  Persons are split, trained on, compared and counted
    whole"""
    aggregate: Literal["mean", "max", "sum"] = "mean"
    """how the scores of a person's records become one: max is that of the record which gives most away, sum adds log
    likelihood ratios, as `lira` has them"""


class AuditSettings(Part):
    """What is tried, by whom, and how."""

    name: str | None = None
    """of the run and its report"""
    recipe: Literal["auto", "chosen", "none"] | RecipePart | SkipJsonSchema[InstanceOf[GivenObject]] = RecipePart()
    """how such a model is trained: auto, chosen or none, or keys"""
    reference: Path | SkipJsonSchema[InstanceOf[GivenObject]] | None = None
    """of a language model, one that never saw the texts, what it was fine-tuned from say: a folder, a table of token
    log-probabilities, or in Python the model; the base of an adapter, or of the recipe, when left out"""
    threat: Threat = "mlaas"
    """who attacks: a preset's name, or keys"""
    attacks: Named | None = None
    """names, or a name with its settings; all of `families` that fit the target when left out"""
    families: Names | None = None
    """membership, reconstruction, property, extraction; where neither attacks nor families are named, everything that
    the threat model allows in `minutes`, which are 10 on the command line when left out; in Python it is then
    membership alone"""
    minutes: float | None = Field(default=None, gt=0)
    """start attacks only as far as they fit, the most telling first, and say what is left out"""
    defenses: Named = Field(default=[])
    """in order, names, a name with its settings, or in Python objects; shadow models are defended alike, and where one
    acts before or while a model is trained, the model that is audited is trained anew by the recipe, on the members"""
    detectors: Names = Field(default=[])
    """when `prada` and `distribution_test` would notice an attack that copies the model"""
    chain: Names = Field(default=[])
    """what the closest copy opens up; membership, adversarial and inversion can be asked for"""
    reconstruction: Reconstruction = ReconstructionPart()
    """what reconstruction is played on: keys, or in Python a RebuildPlan"""
    properties: Properties = PropertyPart()
    """what is asked about the training set as a whole: expressions, share(sex == 'Female') say, keys, or in Python a
    PropertyPlan"""
    policy: str | PolicyFile | SkipJsonSchema[InstanceOf[Path] | InstanceOf[Policy]] = PolicyFile()
    """what is tolerated: a policy's name, its file, keys, or in Python a Policy"""
    seed: int = 0
    """equal seeds give equal results"""
    shadows: int = Field(default=16, ge=2)
    """models to train for attacks that learn from models of their own; more find more and cost more"""
    engine: str = "auto"
    """how models are trained: auto, stacked, threads, processes, sequential or ray"""
    jobs: int | None = None
    """worker processes; all cores when left out"""
    cache: bool = True
    """keep models, answers and guesses for later runs, in DIVULGE_CACHE or the user's cache folder"""

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        return current_keys(values, SETTINGS_KEYS)


class Options(AuditSettings, DataSettings, TargetSettings):
    """All settings of one audit, whichever way they came."""

    _folder: Path = PrivateAttr(default_factory=Path)

    @classmethod
    def of(cls, values: Mapping[str, Any], *, beside: tuple[str, ...] = ()) -> Self:
        """From the keywords of a Python call; raises InputError with one line as an audit file does.

        beside: further keywords of that call, for what a wrong one may have meant.
        """
        return part_from(cls, {key: _held(key, value) for key, value in values.items()}, beside)

    @classmethod
    def gathered(cls, folder: Path, *parts: Part | None) -> Self:
        """From the parts of an audit file that have been checked; folder: what paths are relative to."""
        options = cls.model_construct(
            **{
                name: getattr(part, name)
                for part in parts
                if part is not None
                for name in type(part).model_fields
                if name in cls.model_fields and not (name == "name" and isinstance(part, TargetSettings))
            }
        )
        options._folder = folder
        return options

    def changed(self, **values: Any) -> Self:
        """The same with some settings changed, to what is known to be right."""
        return self.model_copy(update=values)

    def checked(self) -> None:
        """Raises InputError for a preset, a policy or an attack that does not exist, and for installed packages whose
        extensions clash or cannot be loaded, before anything else is.
        """
        refuse_unusable()
        _ = self.threat_model, self.tolerated, self.chosen

    @property
    def threat_model(self) -> ThreatModel:
        """Raises InputError for an unknown preset."""
        return threat_from(self.threat)

    @property
    def tolerated(self) -> Policy:
        """The policy, by its name, from its file, or as it is written here."""
        return tolerated(self.policy, self._folder)

    @property
    def chosen(self) -> list[str | Attack[Any, Any]] | None:
        """The attacks that were named, those with settings as objects."""
        if self.attacks is None:
            return None
        found: list[str | Attack[Any, Any]] = []
        for item in self.attacks:
            found += (
                [attack(name, **(settings or {})) for name, settings in item.items()]
                if isinstance(item, dict)
                else [item]
            )
        return found

    @property
    def rebuilt(self) -> RebuildPlan:
        """What reconstruction is played on."""
        part = self.reconstruction
        return part.plan(self._folder) if isinstance(part, ReconstructionPart) else part

    @property
    def asked(self) -> PropertyPlan:
        """What is asked about the training set as a whole."""
        part = self.properties
        if isinstance(part, PropertyPlan):
            return part
        return part.plan() if isinstance(part, PropertyPart) else PropertyPlan(tuple(part))

    @property
    def others(self) -> Any:
        """Records of other classes, (x, y) or Records; None where there are none."""
        if isinstance(self.public, Path):
            return read_arrays(existing(self._folder / self.public, "data.public"), "data.public")
        return self.public.value if self.public is not None else None

    def path(self, given: Path | str) -> Path:
        """A path as it is meant: relative to the folder of an audit file."""
        return self._folder / given

    @property
    def persons(self) -> Any:
        """Whose records they are, as it was said."""
        return self.groups.value if isinstance(self.groups, GivenObject) else self.groups

    @property
    def resources(self) -> Resources:
        """What models are trained with, and where they are kept."""
        return resources(self.engine, self.jobs, self.cache)


PartType = TypeVar("PartType", bound=Part)


def part_from(kind: type[PartType], values: Mapping[str, Any], beside: tuple[str, ...] = ()) -> PartType:
    """A part from keywords; raises InputError with one line for what is wrong with them.  beside: see Options.of."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError(complaints(error, kind, beside)) from error


def tolerated(policy: str | PolicyFile | Path | Policy, folder: Path) -> Policy:
    """A policy by the name of one that comes with divulge, from a file, from its keys, or as it is."""
    if isinstance(policy, Policy):
        return policy
    if isinstance(policy, PolicyFile):
        return policy.policy("policy")
    return load_policy(policy if str(policy) in shipped() else folder / policy)


def _held(key: str, value: Any) -> Any:
    """What a file cannot hold, in a case of its own; None where that is an answer and not the lack of one."""
    if key not in GIVEN or isinstance(value, str | int | float | Path | Mapping | GivenObject | RecipePart):
        return value
    if value is None:
        return "none" if key == "recipe" else None
    return GivenObject(value)
