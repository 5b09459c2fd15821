"""The threat model: who attacks what, seeing and knowing what, and when.  Plain frozen data.

Vocabulary of Rigaki and Garcia, "A survey of privacy attacks in machine learning" (2023), section 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import ClassVar


class Actor(Enum):
    """Who takes part.  The adversary may be any of the others."""

    DATA_OWNER = "data owner"
    MODEL_OWNER = "model owner"
    MODEL_CONSUMER = "model consumer"
    ADVERSARY = "adversary"


class Asset(Enum):
    """What can be lost.  The first four belong to the training data, the last four to the model."""

    MEMBERSHIP = "membership"
    RECORDS = "records"
    ATTRIBUTES = "attributes"
    PROPERTIES = "properties"
    PARAMETERS = "parameters"
    HYPERPARAMETERS = "hyper-parameters"
    ARCHITECTURE = "architecture"
    FUNCTIONALITY = "functionality"


TRAINING_DATA_ASSETS = frozenset({Asset.MEMBERSHIP, Asset.RECORDS, Asset.ATTRIBUTES, Asset.PROPERTIES})


class Family(Enum):
    """The four families of attacks."""

    MEMBERSHIP = "membership"
    RECONSTRUCTION = "reconstruction"
    PROPERTY = "property"
    EXTRACTION = "extraction"


@dataclass(frozen=True)
class Challenge:
    """What an attack is asked to do.  A plug-in may make others; how one is played says auditing.challenge."""

    family: Family
    value: str
    """In words."""

    MEMBERSHIP: ClassVar[Challenge]
    ATTRIBUTES: ClassVar[Challenge]
    CLASSES: ClassVar[Challenge]
    UPDATES: ClassVar[Challenge]
    FILE: ClassVar[Challenge]
    ACTIVATIONS: ClassVar[Challenge]
    VERSIONS: ClassVar[Challenge]
    UPDATED: ClassVar[Challenge]
    INFORMED: ClassVar[Challenge]
    REPEATED: ClassVar[Challenge]
    TEXTS: ClassVar[Challenge]
    TRAINING_SET: ClassVar[Challenge]
    BATCH: ClassVar[Challenge]
    INPUTS: ClassVar[Challenge]
    COPY: ClassVar[Challenge]
    COPIED: ClassVar[Challenge]
    SINGLED: ClassVar[Challenge]
    LINKED: ClassVar[Challenge]
    DEDUCED: ClassVar[Challenge]
    SOLVED: ClassVar[Challenge]
    LABELS: ClassVar[Challenge]
    COLUMNS: ClassVar[Challenge]

    def __str__(self) -> str:
        return self.value


Challenge.MEMBERSHIP = Challenge(Family.MEMBERSHIP, "who was in the training data")
Challenge.ATTRIBUTES = Challenge(Family.RECONSTRUCTION, "attributes of known records")
Challenge.CLASSES = Challenge(Family.RECONSTRUCTION, "what a class looks like")
Challenge.UPDATES = Challenge(Family.RECONSTRUCTION, "records behind a training update")
Challenge.FILE = Challenge(Family.RECONSTRUCTION, "records behind a model file")
Challenge.ACTIVATIONS = Challenge(Family.RECONSTRUCTION, "records behind intermediate results")
Challenge.VERSIONS = Challenge(Family.RECONSTRUCTION, "the record between two versions of a model")
Challenge.UPDATED = Challenge(Family.RECONSTRUCTION, "records that a model was updated with")
Challenge.INFORMED = Challenge(Family.RECONSTRUCTION, "the one training record that is not known")
Challenge.REPEATED = Challenge(Family.RECONSTRUCTION, "the one unknown record of a training that can be repeated")
Challenge.TEXTS = Challenge(Family.RECONSTRUCTION, "training texts, word for word")
Challenge.TRAINING_SET = Challenge(Family.PROPERTY, "a property of the training set")
Challenge.BATCH = Challenge(Family.PROPERTY, "a property of the batch behind an update")
Challenge.INPUTS = Challenge(Family.PROPERTY, "attributes of an input that the model carries")
Challenge.COPY = Challenge(Family.EXTRACTION, "the model itself")
Challenge.COPIED = Challenge(Family.RECONSTRUCTION, "training rows in a release")
Challenge.SINGLED = Challenge(Family.RECONSTRUCTION, "what is true of one person alone")
Challenge.LINKED = Challenge(Family.RECONSTRUCTION, "two parts of a record that belong together")
Challenge.DEDUCED = Challenge(Family.RECONSTRUCTION, "what a release tells about known people")
Challenge.SOLVED = Challenge(Family.RECONSTRUCTION, "what published counts tell about known people")
Challenge.LABELS = Challenge(Family.RECONSTRUCTION, "labels that another party trains with")
Challenge.COLUMNS = Challenge(Family.RECONSTRUCTION, "columns that another party holds")


class Access(Enum):
    """A port of the target.  `LABEL < TOPK < SCORES < LOGITS`; `PARAMETERS` gives all that can be computed."""

    LABEL = "labels"
    TOPK = "top-k scores"
    SCORES = "scores"
    LOGITS = "logits"
    EXPLANATIONS = "explanations"
    GRADIENTS = "gradients"
    INTERNALS = "internal computations"
    LEAVES = "leaf identities"
    PARAMETERS = "parameters"
    UPDATES = "training updates"
    ACTIVATIONS = "intermediate results of others"
    CUT_GRADIENTS = "gradients of what a party sends"
    JOINT_SCORES = "scores of records that two parties hold together"
    VERSIONS = "two versions of the model"
    SCORES_OVER_TIME = "scores before and after an update"
    SAMPLES = "generated samples"
    COUNTS = "published counts"
    TOKEN_LOGPROBS = "token log-probabilities"
    COMPLETIONS = "sampled text"


_WHOLE = frozenset(
    {
        *(Access.LOGITS, Access.SCORES, Access.TOPK, Access.LABEL),
        *(Access.GRADIENTS, Access.INTERNALS, Access.LEAVES, Access.EXPLANATIONS),
    }
)
_IMPLIES: Mapping[Access, frozenset[Access]] = MappingProxyType(
    {
        Access.UPDATES: frozenset({Access.PARAMETERS, *_WHOLE}),
        Access.VERSIONS: frozenset({Access.PARAMETERS, Access.SCORES_OVER_TIME, *_WHOLE}),
        Access.SCORES_OVER_TIME: frozenset({Access.SCORES, Access.TOPK, Access.LABEL}),
        Access.TOPK: frozenset({Access.LABEL}),
        Access.SCORES: frozenset({Access.TOPK, Access.LABEL}),
        Access.LOGITS: frozenset({Access.SCORES, Access.TOPK, Access.LABEL}),
        Access.INTERNALS: frozenset({Access.SCORES, Access.TOPK, Access.LABEL}),
        Access.LEAVES: frozenset({Access.SCORES, Access.TOPK, Access.LABEL}),
        Access.EXPLANATIONS: frozenset({Access.SCORES, Access.TOPK, Access.LABEL}),
        Access.PARAMETERS: _WHOLE,
    }
)
_OF_TEXT: Mapping[Access, frozenset[Access]] = MappingProxyType(
    {
        Access.SCORES: frozenset({Access.TOKEN_LOGPROBS, Access.COMPLETIONS}),
        Access.TOKEN_LOGPROBS: frozenset({Access.COMPLETIONS}),
        Access.LABEL: frozenset({Access.COMPLETIONS}),
    }
)
"""What the same interface shows of a language model: instead of scores of classes those of tokens, instead of a label
a text.
"""


RELEASES = frozenset({Access.SAMPLES, Access.COUNTS})
"""Ports of what was published instead of records or a model: it answers no question about a record."""


def closure(access: Iterable[Access]) -> frozenset[Access]:
    """All that is granted when `access` is granted: scores give labels, parameters give logits."""
    granted = set(access)
    for port in tuple(granted):
        granted |= _IMPLIES.get(port, frozenset())
    return frozenset(granted)


def reach(access: Iterable[Access]) -> frozenset[Access]:
    """All that an adversary with this access sees, of whatever kind the target is."""
    granted = closure(access)
    return granted.union(*(_OF_TEXT.get(port, frozenset()) for port in granted))


class Knowledge(Enum):
    """What the adversary knows besides what the target answers."""

    POPULATION = "records from the same population"
    PARTIAL_RECORD = "a record minus one attribute"
    TRAINING_DATA = "the training data"
    RECIPE = "how the model was trained"
    PUBLIC = "public records of other classes"
    REFERENCE = "a model that never saw the records"


class Phase(Enum):
    """When the adversary acts."""

    TRAINING = "while the model is trained"
    DEPLOYED = "after the model is deployed"


class Behavior(Enum):
    """An active adversary changes training or inputs; a passive one only looks."""

    PASSIVE = "passive"
    ACTIVE = "active"


class Task(Enum):
    """What the target predicts."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    LANGUAGE = "language"


@dataclass(frozen=True)
class ThreatModel:
    """Who attacks, what they see and know, when, and how often they may ask.

    query_budget: distinct records that one attack may send to the target; None is without limit.
    token_budget: tokens that one attack may send to a language model and have it write; None is without limit.
    top_k: how many scores the interface shows where access is `TOPK`.
    """

    name: str
    adversary: str
    access: frozenset[Access]
    knowledge: frozenset[Knowledge]
    assets: tuple[Asset, ...] = tuple(Asset)
    actors: tuple[Actor, ...] = tuple(Actor)
    phase: Phase = Phase.DEPLOYED
    behavior: Behavior = Behavior.PASSIVE
    query_budget: int | None = None
    top_k: int = 3
    token_budget: int | None = None

    def grants(self, access: Access) -> bool:
        """Whether the adversary may use this port."""
        return access in reach(self.access)

    def with_budget(self, query_budget: int | None) -> ThreatModel:
        """The same adversary with another query budget."""
        return replace(self, query_budget=query_budget)


@dataclass(frozen=True)
class Needs:
    """What an attack needs to run: it is stated on the attack's card, never probed."""

    access: Access
    knowledge: frozenset[Knowledge] = frozenset()
    phase: Phase | None = None
    behavior: Behavior = Behavior.PASSIVE
    tasks: frozenset[Task] = field(default_factory=lambda: frozenset({Task.CLASSIFICATION}))


_ANYBODYS = frozenset({Knowledge.REFERENCE})
"""What every adversary may hold: models that were published."""


def missing(needs: Needs, threat: ThreatModel) -> list[str]:
    """Why this adversary cannot run an attack with these needs, in plain words; empty when it can."""
    lacks = []
    if not threat.grants(needs.access):
        seen = ", ".join(sorted(port.value for port in threat.access)) or "nothing"
        lacks.append(f"it needs {needs.access.value}, and the {threat.name} adversary sees only {seen}")
    for fact in sorted(needs.knowledge - threat.knowledge - _ANYBODYS, key=lambda k: k.value):
        lacks.append(f"it needs to know {fact.value}, and the {threat.name} adversary does not")
    if needs.phase is not None and needs.phase is not threat.phase:
        lacks.append(f"it acts {needs.phase.value}, and the {threat.name} adversary acts {threat.phase.value}")
    if needs.behavior is Behavior.ACTIVE and threat.behavior is Behavior.PASSIVE:
        lacks.append(f"it interferes, and the {threat.name} adversary only looks")
    return lacks
