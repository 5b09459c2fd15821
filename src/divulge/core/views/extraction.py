"""The extraction game as an attack sees it, and what it may hand in: a copy, parameters, settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator

from divulge.core.errors import AccessDenied, Impossible
from divulge.core.hashing import Array
from divulge.core.records import CODED, Records, Schema
from divulge.core.target import Oracle
from divulge.core.threat import Knowledge, Needs, Task
from divulge.core.views.membership import demand


class Surrogate(Protocol):
    """A copy of the target, as an attack built it."""

    def log_scores(self, records: Records) -> Array:
        """Log-probabilities [records, classes]; predicted values [records] for regression."""
        ...


class Student(Surrogate, Protocol):
    """A model of the adversary's own that was taught from answers."""

    @property
    def module(self) -> Any:
        """The bare model: a torch.nn.Module, or a list of estimators."""
        ...


class Students(Protocol):
    """The families of models that the adversary can teach."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """'network' where PyTorch is installed, 'trees' for tables; the best suited first."""
        ...

    def teach(
        self, kind: str, records: Records, answers: Array, seed: int, unlabeled: Records | None = None
    ) -> Student:
        """A model that answers as the target did.

        answers: log-probabilities [records, classes], class codes [records], or values [records] for regression; what
        they are is told by their shape and by the task, so that logits can never be taken for probabilities.
        unlabelled: records that were not asked about, for semi-supervised learning (networks only).
        """
        ...

    def untrained(self, seed: int) -> Any:
        """A network of the family 'network' with its first weights; Impossible without PyTorch."""
        ...


@dataclass(frozen=True)
class NetworkDesign:
    """How one network of a zoo is built and trained: the attributes that a meta-model guesses."""

    activation: str
    depth: int
    width: int
    dropout: float
    optimizer: str
    batch_size: int
    share: float


@dataclass(frozen=True)
class ExtractionAuxiliary:
    """What this adversary holds besides the oracle.  zoo: networks of these designs, trained on population records."""

    population: Records | None = None
    training_data: Records | None = None
    students: Students | None = None
    zoo: Callable[[Sequence[NetworkDesign], int], Sequence[Surrogate]] | None = None


@dataclass(frozen=True)
class ExtractionView:
    """A model behind an interface, to be copied.

    example: one record, which shows what the interface takes; its class means nothing.
    low, high: the range of every input, shaped like a record: what the documentation of an interface tells.
    whole: bool, shaped like a record: inputs that take whole numbers only (codes of categories, counts).
    budget: distinct records that may be asked about; None is without limit.
    """

    target: Oracle
    example: Records
    low: Array
    high: Array
    whole: Array
    budget: int | None
    rng: Generator
    needs: Needs
    _means: ExtractionAuxiliary = field(default_factory=ExtractionAuxiliary, repr=False)

    @property
    def schema(self) -> Schema:
        """Columns and classes."""
        return self.example.schema

    @property
    def classes(self) -> int:
        """How many classes; 0 for regression."""
        return len(self.schema.classes) if self.schema.task is Task.CLASSIFICATION else 0

    def records(self, x: Array) -> Records:
        """Inputs [records, ...] as records that can be sent, whole where a column takes whole numbers only; their class
        is a placeholder.
        """
        shape = (len(x), *self.example.x.shape[1:])
        y = np.zeros(len(x), dtype=self.example.y.dtype)
        return Records(np.asarray(x).reshape(shape), y, self.schema).settled()

    def uniform(self, count: int) -> Records:
        """Records drawn evenly from the range of inputs; whole numbers where only those are taken."""
        shape = (count, *self.example.x.shape[1:])
        x = self.rng.uniform(self.low, self.high, shape)
        lots = self.rng.integers(self.low.astype(np.int64), self.high.astype(np.int64) + 1, shape)
        return self.records(np.where(self.whole, lots, x).astype(self.example.x.dtype))

    def affordable(self, wished: int) -> int:
        """How many queries an attack may plan with."""
        return wished if self.budget is None else min(wished, self.budget - self.target.queries)

    def numeric(self, fine: bool = False) -> None:
        """Raises Impossible where an input is a category: such an attack moves inputs.  fine: by any small amount,
        which columns of whole numbers do not take either.
        """
        named = next((c.name for c in self.schema.columns if c.kind in CODED), None)
        if named is not None:
            raise Impossible(f"it moves every input by small amounts, and column {named!r} holds categories")
        whole = next((c.name for c in self.schema.columns if c.whole), None)
        if fine and whole is not None:
            raise Impossible(f"it moves every input by small amounts, and column {whole!r} takes whole numbers only")

    def _demand(self, fact: Knowledge) -> None:
        demand(self.needs, fact)

    @property
    def population(self) -> Records:
        """Records from the same population, with public labels."""
        self._demand(Knowledge.POPULATION)
        if self._means.population is None:
            raise AccessDenied("the audit was given no population records")
        return self._means.population

    @property
    def training_data(self) -> Records:
        """The records that the target was trained on."""
        self._demand(Knowledge.TRAINING_DATA)
        if self._means.training_data is None:
            raise AccessDenied("the audit was not given the training data")
        return self._means.training_data

    @property
    def students(self) -> Students:
        """What the adversary can teach."""
        if self._means.students is None:
            raise AccessDenied("no students can be taught here")
        return self._means.students

    def zoo(self, designs: Sequence[NetworkDesign]) -> Sequence[Surrogate]:
        """Networks of these designs, each trained on its share of the population."""
        self._demand(Knowledge.POPULATION)
        if self._means.zoo is None:
            raise Impossible('it trains networks of many designs, which needs PyTorch: pip install "divulge[torch]"')
        return self._means.zoo(designs, int(self.rng.integers(2**31)))


LINEAR, NETWORK, TREE, PROJECTION = "linear", "network", "tree", "projection"


@dataclass(frozen=True, eq=False)
class Parameters:
    """Parameters, claimed or true.

    kind: LINEAR: arrays (weights [outputs, inputs], bias [outputs]); equal up to a shift of all classes.
    NETWORK: weights and biases of fully connected layers with ReLU between them, (w [out, in], b [out], w, b, ...);
    equal up to the order and the positive scale of hidden neurons.
    PROJECTION: one array [classes, width], of the last layer; equal up to a shift of all classes and an invertible map
    of the hidden units.
    TREE: one array [leaves, 2, inputs], the lower and upper ends of every leaf's box (low < x <= high).
    up_to_scale: only ratios are claimed, as labels tell no more.
    """

    kind: str
    arrays: tuple[Array, ...]
    up_to_scale: bool = False


@dataclass(frozen=True)
class Claim:
    """A setting of the target, guessed.  chance: the probability of guessing it right without the model.  low, high:
    between which ends it certainly lies; None for the value itself.
    """

    name: str
    value: float | str
    chance: float = 0.0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, eq=False)
class Secrets:
    """What the game knows of the target's inside.  settings: hyper-parameters and architecture by name.  defaults: what
    whoever has not seen the model would say of them, by name.  projection: weights of the last layer [classes, width],
    where it is a linear one.
    """

    parameters: Parameters | None = None
    settings: Mapping[str, float | str] = field(default_factory=dict)
    defaults: Mapping[str, float] = field(default_factory=dict)
    projection: Array | None = None


@dataclass(frozen=True, eq=False)
class CopyStage:
    """A copy on the way: what the attack had after so many queries."""

    queries: int
    surrogate: Surrogate


@dataclass(frozen=True, eq=False)
class ExtractionGuess:
    """What an attack made of its queries.  stages: copies on the way, for the curve over queries.

    student: the family that was taught, so that the baseline is the same family taught without the target.
    """

    surrogate: Surrogate | None = None
    parameters: Parameters | None = None
    claims: tuple[Claim, ...] = ()
    stages: tuple[CopyStage, ...] = ()
    student: str | None = None
