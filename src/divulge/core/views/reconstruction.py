"""The reconstruction game as an attack sees it: what is to be rebuilt, and what may be handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.errors import AccessDenied, Impossible
from divulge.core.hashing import Array
from divulge.core.mixed.fields import TableField
from divulge.core.records import Kind, Records, Schema, filled
from divulge.core.target import Oracle
from divulge.core.threat import Behavior, Knowledge, Needs
from divulge.core.views.membership import Shadows, demand


@dataclass(frozen=True)
class ReconstructionAuxiliary:
    """What this adversary holds besides the oracle.

    public: records of other classes than the private ones, for priors over what records look like.
    """

    population: Records | None = None
    public: Records | None = None
    shadows: Callable[[int], Shadows] | None = None


@dataclass(frozen=True)
class _View:
    """What all views of this family have.

    low, high: the range of every input, shaped like a record.
    """

    target: Oracle
    schema: Schema
    low: Array
    high: Array
    rng: Generator
    needs: Needs
    means: ReconstructionAuxiliary = field(default_factory=ReconstructionAuxiliary, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one record."""
        return tuple(self.low.shape)

    def records(self, x: Array, y: Array | None = None) -> Records:
        """Inputs [records, ...] as records that can be sent, whole where a column takes whole numbers only; without `y`
        their class is a placeholder.
        """
        given = np.zeros(len(x), dtype=np.int64) if y is None else y
        return Records(np.asarray(x).reshape(len(x), *self.shape), given, self.schema).settled()

    @property
    def population(self) -> Records:
        """Records from the same population."""
        demand(self.needs, Knowledge.POPULATION)
        if self.means.population is None:
            raise AccessDenied("the audit was given no population records")
        return self.means.population

    @property
    def public(self) -> Records:
        """Records of other classes; Impossible where none were given."""
        demand(self.needs, Knowledge.PUBLIC)
        if self.means.public is None:
            raise Impossible("it needs public records of other classes than the model's: pass `public`")
        return self.means.public

    def shadows(self, models: int) -> Shadows:
        """Shadow models; the same ones for every attack of a run."""
        demand(self.needs, Knowledge.RECIPE)
        if self.means.shadows is None:
            raise AccessDenied("the audit was given no recipe and no shadow models")
        return self.means.shadows(models)


@dataclass(frozen=True, eq=False)
class Question:
    """Attributes of records that are known otherwise.

    known: the records with their classes; the unknown columns hold 0.  unknown: positions of those columns.
    completions: [completions, unknown], every combination of values that they may have.
    exact: whether a guess must be equal to the truth (categories) or only near it.
    """

    name: str
    known: Records
    unknown: tuple[int, ...]
    completions: Array
    exact: bool

    def completed(self, number: int, records: Records | None = None) -> Records:
        """The records with one completion filled in."""
        records = records or self.known
        x = np.array(records.x)
        x[:, self.unknown] = self.completions[number]
        return Records(x, records.y, records.schema)

    def features(self, records: Records) -> Array:
        """All but the unknown columns, categories one by one, and the class: [records, features]."""
        parts = []
        for place, column in enumerate(records.schema.columns):
            if place in self.unknown:
                continue
            values = filled(records.x[:, place], column)
            if column.kind is Kind.CATEGORICAL and column.categories:
                parts.append(np.eye(len(column.categories))[values.astype(np.int64)])
            else:
                parts.append(values[:, None])
        classes = len(records.schema.classes)
        parts.append(np.eye(classes)[records.y] if classes else np.asarray(records.y, dtype=np.float64)[:, None])
        return np.concatenate(parts, axis=1)

    def codes(self, records: Records) -> Array:
        """All but the unknown columns as they are, and the class: [records, features], for trees."""
        kept = [place for place in range(records.x.shape[1]) if place not in self.unknown]
        return np.column_stack([records.flat()[:, kept], np.asarray(records.y, dtype=np.float64)])

    def nearest(self, records: Records) -> Array:
        """Which completion comes nearest to the values that complete records have: [records].  Where a value is missing
        that is any: see `known_in`.
        """
        spread = np.maximum(self.completions.std(axis=0), 1e-12)
        gap = np.zeros((len(records), len(self.completions)))
        for place, column in enumerate(self.unknown):
            values = filled(records.x[:, column], records.schema.columns[column])
            gap += np.abs(values[:, None] - self.completions[None, :, place]) / spread[place]
        return np.asarray(gap.argmin(axis=1))

    def known_in(self, records: Records) -> Array:
        """In which complete records the attributes have values at all, which could be guessed: bool [records]."""
        return np.asarray(np.isfinite(np.asarray(records.x[:, self.unknown], dtype=np.float64)).all(axis=1))


@dataclass(frozen=True)
class AttributeView(_View):
    """Records minus one attribute, or several.  questions: each to be answered for itself."""

    questions: tuple[Question, ...] = ()

    def telling(self, question: Question, most: int | None = None) -> Records:
        """The first so many population records in which the attribute is known; all population records where it is
        known in none.
        """
        rows = np.flatnonzero(question.known_in(self.population))[:most]
        return self.population.take(rows) if len(rows) else self.population

    def log_prior(self, question: Question) -> Array:
        """How common each completion is in the population, add-one smoothed: [completions]."""
        counts = np.bincount(question.nearest(self.telling(question)), minlength=len(question.completions)) + 1.0
        return np.asarray(np.log(counts / counts.sum()))


@dataclass(frozen=True, eq=False)
class AttributeGuess:
    """choices: for each question the number of a completion, [records]."""

    choices: tuple[Array, ...]


@dataclass(frozen=True)
class ClassView(_View):
    """What does a record of these classes look like?  classes: codes."""

    classes: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class ClassGuess:
    """images: [classes, ...], one representative of each class."""

    images: Array


def local_parts(count: int, steps: int, epochs: int = 1) -> list[slice]:
    """Which records of a batch of `count` each local step is on: a part each, or all where there are more steps than
    records; `epochs` times over in the same order.
    """
    size = -(-count // steps)
    once = [slice(n, n + size) for n in range(0, count, size)] if steps <= count else [slice(None)] * steps
    return once * epochs


@dataclass(frozen=True, eq=False)
class Update:
    """What a client sends.  change: by parameter, the gradient of the batch's mean loss, or what its local steps
    changed, divided by minus the rate (the same thing after one step).

    batch: records that it was computed from.  steps, rate: of the local training; epochs: how often it went through the
    batch, in the same order, a step for each of `steps` parts.
    train: whether the client computed it in training mode: batch norm then sees the batch alone, and dropout is on.
    buffers: what became of the module's buffers meanwhile, in their order: what batch norm remembers is sent along.
    """

    change: tuple[Array, ...]
    batch: int
    steps: int = 1
    rate: float = 0.1
    epochs: int = 1
    train: bool = False
    buffers: tuple[Array, ...] = ()

    @property
    def several(self) -> bool:
        """Whether it is of more than one step."""
        return self.steps * self.epochs > 1


@dataclass(frozen=True)
class Sent:
    """What a client sends: see Update."""

    change: tuple[Array, ...]
    buffers: tuple[Array, ...] = ()
    train: bool = False


@dataclass(frozen=True)
class UpdateView(_View):
    """Training seen from the server.  updates: each of other records, computed on the module of `target.parameters()`.

    Classes are not told.  tokens: the inputs are token ids.  fields: the attributes of a table with categories, and by
    which columns the module is given them; none of other records.  `_ask` computes the updates on another module
    instead.
    """

    updates: tuple[Update, ...] = ()
    classes: int = 0
    tokens: bool = False
    fields: tuple[TableField, ...] = ()
    _ask: Callable[[Any], tuple[Update, ...]] | None = field(default=None, repr=False)

    def ask(self, module: Any) -> tuple[Update, ...]:
        """The clients' updates on a module that the server made up.  Needs an active adversary."""
        if self.needs.behavior is not Behavior.ACTIVE:
            raise AccessDenied("only an active adversary can send clients a module of their own")
        if self._ask is None:
            raise AccessDenied("a captured update was computed already: leave it out to play an active server")
        return self._ask(module)


@dataclass(frozen=True, eq=False)
class PreparedRows:
    """Rows [guesses, width] as a model's own steps prepare records.  through: what these steps make of others."""

    rows: Array
    through: Callable[[Records], Array]


@dataclass(frozen=True, eq=False)
class SampleGuess:
    """Records, in any order.

    samples: one array [guesses, ...] for each update (or one in all); what is no guess at all is left out.
    classes: as many class codes each, in the same order, where they are guessed too.
    entropy: of each attribute of each guess, the higher the less it is to be trusted: [guesses, fields] each.
    prepared: what a model keeps of records, where that is not the records themselves (of a file only).
    """

    samples: tuple[Array, ...]
    classes: tuple[Array, ...] = ()
    told: tuple[str, ...] = ()
    prepared: tuple[PreparedRows, ...] = ()
    entropy: tuple[Array, ...] = ()


@dataclass(frozen=True)
class FileView(_View):
    """A model file.  classes: how many."""

    classes: int = 0


@dataclass(frozen=True)
class ActivationView(_View):
    """Half of a model runs elsewhere.  activations: [records, ...], what it was sent.

    front: the layers that made them, where the parameters are known.  `_embed` asks them about records of one's own.
    """

    activations: Array = field(default_factory=lambda: np.zeros((0, 1)))
    _front: Any = None
    _embed: Callable[[Array], Array] | None = field(default=None, repr=False)

    @property
    def front(self) -> Any:
        """The layers before the split, a torch module."""
        self.target.parameters()
        return self._front

    def embed(self, x: Array) -> Array:
        """What other records become: [records, ...]."""
        if self._embed is None:
            raise AccessDenied("the front of this model cannot be asked")
        return self._embed(x)


@dataclass(frozen=True)
class VersionView(_View):
    """Two versions of a model that differ by one record or a batch of them, several times over.

    versions: (with them, without them); size: how many records the first was trained on.
    """

    versions: tuple[tuple[Oracle, Oracle], ...] = ()
    size: int = 0
    batch: int = 1


@dataclass(frozen=True)
class UpdatedView(_View):
    """A service whose model is updated with new records, several times over from the same version.

    updated: it, after each of the updates.  batch: new records of each.  how: steps, rate and epochs of an update.
    Their classes are not told.
    """

    updated: tuple[Oracle, ...] = ()
    batch: int = 1
    how: tuple[int, float, int] = (1, 0.1, 1)


@dataclass(frozen=True)
class InformedView(_View):
    """All training records are known but one.  known: for each trial, the rest."""

    known: Sequence[Records] = ()


@dataclass(frozen=True)
class RepeatedView(_View):
    """All training records are known but one, and so is how the training went: its recipe, order and seed.

    rest: the known records.  released: for each trial, the model that was trained on them and one record more.
    """

    rest: Records | None = None
    released: tuple[Oracle, ...] = ()
    _repeat: Callable[[Records, bool], Iterator[tuple[int, Oracle]]] | None = field(default=None, repr=False)

    def repeat(self, records: Records, same_seed: bool = True) -> Iterator[tuple[int, Oracle]]:
        """The same training with each of these records in the unknown one's place: its number and the model.

        same_seed: False for an adversary who does not know the seed, and takes another one for each model.
        """
        demand(self.needs, Knowledge.RECIPE)
        if self._repeat is None:
            raise AccessDenied("the training cannot be repeated: no recipe is known")
        return self._repeat(records, same_seed)
