"""The shadow pool: models trained with the recipe on random halves, one pool for every attack and every run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.capability.declared import able
from divulge.core.capability.targets import Generates, HasClasses, TellsReading, Updatable
from divulge.core.errors import Impossible
from divulge.core.hashing import Array, derived_rng, derived_seed, digest
from divulge.core.language.token_scores import WIDTH, TokenScores
from divulge.core.persons import numbered
from divulge.core.recipe import Recipe
from divulge.core.records import Records, Schema, concat
from divulge.core.target import Oracle, Target
from divulge.core.threat import Access, Task
from divulge.training.artifact_cache import ArtifactCache, code_version
from divulge.training.mapped import is_mapped, kept, room

FEWEST_RECORDS = 20
MOST_REMEMBERED = 256 * 1024**2
"""Bytes of answers that are held in memory; the rest is read from the cache, or computed, again."""

SignalOf = Callable[[Array, Array], Array]


@dataclass
class Answers:
    """What shadow models answered about whole sets of records: in memory, or mapped where that is much, and in the
    cache as float32.
    """

    artifact_cache: ArtifactCache | None = None
    _held: OrderedDict[str, Array] = field(default_factory=OrderedDict)
    _bytes: int = 0

    def of(self, model: str, target: Target, access: Access, records: Records) -> Array:
        """The answer of the model of this name, computed at most once while it is remembered."""
        key = digest("answer", code_version(), model, access.value, records.fingerprint())
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        folder = self.artifact_cache.folder if self.artifact_cache is not None else None
        answer = kept(self._read(key, target, access, records), folder)
        self._held[key] = answer
        self._bytes += _in_memory(answer)
        while self._bytes > MOST_REMEMBERED and len(self._held) > 1:
            self._bytes -= _in_memory(self._held.popitem(last=False)[1])
        return answer

    def _read(self, key: str, target: Target, access: Access, records: Records) -> Array:
        stored = self.artifact_cache.read(key) if self.artifact_cache is not None else None
        if stored is not None:
            values = np.frombuffer(stored, dtype=np.float32)
            if access is Access.TOKEN_LOGPROBS:
                return values.reshape(len(records), -1, WIDTH)
            return values.reshape(len(records), -1) if values.size > len(records) else values
        answer = np.asarray(target.answer(access, records), dtype=np.float32)
        if self.artifact_cache is not None:
            self.artifact_cache.write(key, answer.tobytes())
        return answer


def _in_memory(values: Array) -> int:
    return 0 if is_mapped(values) else values.nbytes


def presented(target: Target) -> str:
    """How an adapter shows a model, in words: answers of one model shown in two ways are not the same."""
    kind = type(target)
    ports = sorted(port.value for port in target.offers)
    reading = target.settings_told if able(target, TellsReading) else ""
    classes = target.classes if able(target, HasClasses) else ()
    return repr((kind.__module__, kind.__qualname__, target.task.value, ports, (reading, classes)))


@dataclass(frozen=True, eq=False)
class Remembered:
    """A shadow model whose answers are remembered; see core.target.Target."""

    target: Target
    key: str
    answers: Answers

    @property
    def name(self) -> str:
        """See Target."""
        return self.target.name

    @property
    def task(self) -> Task:
        """See Target."""
        return self.target.task

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        return self.target.offers

    def answer(self, access: Access, records: Records) -> Array:
        """See Target; in float32."""
        return self.answers.of(self.key, self.target, access, records)

    def fingerprint(self) -> str:
        """See Target."""
        return self.key


class RememberedGenerator(Remembered):
    """A generator of the adversary's own: it is told from the others by its key, and asked for its records anew."""

    def draw(self, count: int, seed: int, schema: Schema) -> Records:
        """See capability.targets.Generates."""
        assert able(self.target, Generates)
        return self.target.draw(count, seed, schema)


@dataclass(frozen=True, eq=False)
class ShadowSet:
    """See core.view.Shadows.  see: shows a model through the adversary's access."""

    records: Records
    keep: Array
    targets: tuple[Target, ...]
    see: Callable[[Target], Oracle]
    _places: dict[str, Array] = field(default_factory=dict)
    _signals: dict[tuple[SignalOf, str], Array] = field(default_factory=dict)

    def token_signals(self, records: Records, signal_of: Callable[[TokenScores], Array]) -> Array:
        """See Shadows; answers are remembered, so that attacks share them."""
        return np.array([signal_of(self.oracle(model).token_logprobs(records)) for model in range(len(self))])

    def __len__(self) -> int:
        return len(self.targets)

    def trained_on(self, records: Records) -> Array:
        """See Shadows."""
        places = self._places.get(records.fingerprint())
        if places is None:
            place = {key: i for i, key in enumerate(_whose(self.records, records))}
            places = np.array([place.get(key, -1) for key in _whose(records, self.records)])
            self._places[records.fingerprint()] = places
        return np.where(places >= 0, self.keep[:, places], False)

    def oracle(self, model: int) -> Oracle:
        """See Shadows."""
        return self.see(self.targets[model])

    def updated(self, model: int, records: Records, how: tuple[int, float, int]) -> Oracle:
        """See Shadows."""
        target = self.targets[model]
        bare = target.target if isinstance(target, Remembered) else target
        if not able(bare, Updatable):
            raise Impossible("the recipe's models cannot be trained further: give a TorchRecipe")
        return self.see(bare.updated(records, *how))

    def signals(self, records: Records, signal_of: SignalOf) -> Array:
        """See Shadows; one model's answer is held at a time, and a signal is computed once for all attacks."""
        key = (signal_of, records.fingerprint())
        found = self._signals.get(key)
        have = 0 if found is None else len(found)
        self.oracle(0).log_scores(records.take(np.arange(1)))  # refuses an attack that may not see scores
        if have < len(self):
            rows = room((len(self), len(records)), float)
            if found is not None:
                rows[:have] = found
            for model in range(have, len(self)):
                rows[model] = signal_of(self.oracle(model).log_scores(records), records.y)
            self._signals[key] = found = rows
        while sum(map(_in_memory, self._signals.values())) > MOST_REMEMBERED and len(self._signals) > 1:
            self._signals.pop(next(iter(self._signals)))
        assert found is not None
        return found[: len(self)]


def _whose(records: Records, others: Records) -> list[tuple[bytes, int]]:
    """What a record is found by among others: itself, and its person where persons are known on both sides, for two
    persons may have equal rows.
    """
    known = records.groups is not None and others.groups is not None
    groups = records.groups.tolist() if known and records.groups is not None else [0] * len(records)
    return list(zip(records.row_keys(), groups, strict=True))


@dataclass
class ShadowTrainer:
    """Trains shadow models when first asked and remembers them.

    The records are those in question, so that every record is in the training data of exactly half of the models.
    beside: what every model is trained on besides, an adversary's own contribution.
    """

    recipe: Recipe
    records: Records
    seed: int
    artifact_cache: ArtifactCache | None = None
    beside: Records | None = None
    _targets: list[Remembered] = field(default_factory=list)
    _keep: list[Array] = field(default_factory=list)
    _places: dict[str, Array] = field(default_factory=dict)
    _signals: dict[tuple[SignalOf, str], Array] = field(default_factory=dict)

    @property
    def trained(self) -> int:
        """How many models exist."""
        return len(self._targets)

    def pool(self, models: int, see: Callable[[Target], Oracle]) -> ShadowSet:
        """The first `models` shadow models; raises Impossible when there are too few records to train on halves."""
        if len(self.records) < FEWEST_RECORDS:
            raise Impossible(f"shadow models need at least {FEWEST_RECORDS} records to be trained on halves of")
        have = len(self._targets)
        if have < models:
            self._train(have, models)
        return ShadowSet(
            self.records, np.array(self._keep[:models]), tuple(self._targets[:models]), see, self._places, self._signals
        )

    def _train(self, have: int, models: int) -> None:
        keep = np.array([self._half(model) for model in range(have, models)])
        seeds = [derived_seed(self.seed, "shadow", str(model)) for model in range(have, models)]
        records, rows = self.records, keep
        if self.beside is not None:
            records = concat([records, self.beside])
            rows = np.column_stack([keep, np.ones((len(keep), len(self.beside)), dtype=bool)])
        found: dict[int, Target] = dict(self.recipe.train_many(records, rows, seeds))
        answers = self._targets[0].answers if self._targets else Answers(self.artifact_cache)
        for place in range(models - have):
            trained = found[place]
            key = digest(
                self.recipe.fingerprint(),
                records.fingerprint(),
                str(self.seed),
                str(have + place),
                keep[place],
                presented(trained),
            )
            kind = RememberedGenerator if able(trained, Generates) else Remembered
            self._targets.append(kind(trained, key, answers))
            self._keep.append(keep[place])

    def _half(self, model: int) -> Array:
        """A paired design: models 2k and 2k + 1 share nothing and together use every record."""
        rng = derived_rng(self.seed, "shadow halves", str(model // 2))
        classes = self.records.y if self.records.schema.task is Task.CLASSIFICATION else None
        keep = half_of(len(self.records), classes, rng, self.records.groups)
        return keep if model % 2 == 0 else ~keep


def half_of(count: int, classes: Array | None, rng: Generator, groups: Array | None = None) -> Array:
    """Bool [records]: a random half, in which every class of two records or more has its share.  Each record is in it
    with probability one half.  groups: int [records], persons, who are in it with all their records or with none;
    classes are then halved as far as that allows.
    """
    if groups is not None:
        return _half_of_persons(groups, classes, rng)
    order = rng.permutation(count)
    if classes is not None:  # alike ones side by side, so that every other record is half of each class
        first = rng.permutation(int(classes.max()) + 1)
        order = order[np.argsort(first[classes[order]], kind="stable")]
    keep = np.zeros(count, dtype=bool)
    keep[order[::2]] = True
    return keep if rng.random() < 0.5 else ~keep


def _half_of_persons(groups: Array, classes: Array | None, rng: Generator) -> Array:
    """One person after the other, in random order, goes to where records, classes and persons are lacking most; which
    of the two halves it is in the end is a coin.
    """
    _, place, rows = numbered(groups)
    codes = classes.astype(np.int64) if classes is not None else np.zeros(len(groups), dtype=np.int64)
    counts = np.zeros((len(rows), int(codes.max()) + 1))
    np.add.at(counts, (place, codes), 1.0)
    counts /= np.maximum(counts.sum(axis=0), 1)  # a rare class counts as much as a common one
    profile = np.column_stack([counts, np.full(len(rows), 1 / len(rows))])
    ahead, first = np.zeros(profile.shape[1]), np.zeros(len(rows), dtype=bool)
    for person in rng.permutation(len(rows)):
        lead = float(ahead @ profile[person])
        first[person] = lead < -1e-15 or (lead <= 1e-15 and rng.random() < 0.5)
        ahead += profile[person] if first[person] else -profile[person]
    return np.asarray(first[place] if rng.random() < 0.5 else ~first[place])


@dataclass(frozen=True)
class OneByOne:
    """A recipe of somebody else's that only knows `train`, made one that trains many."""

    recipe: Any

    def train(self, records: Records, seed: int) -> Target:
        """See core.recipe.Recipe."""
        trained: Target = self.recipe.train(records, seed)
        return trained

    def train_many(self, records: Records, keep: Array, seeds: Sequence[int]) -> Iterator[tuple[int, Target]]:
        """See core.recipe.Recipe."""
        for number, (row, seed) in enumerate(zip(keep, seeds, strict=True)):
            yield number, self.train(records.take(row), seed)

    def overfitted(self) -> OneByOne:
        """See core.recipe.Recipe."""
        return OneByOne(self.recipe.overfitted())

    def describe(self) -> str:
        """See core.recipe.Recipe."""
        return str(self.recipe.describe())

    def fingerprint(self) -> str:
        """See core.recipe.Recipe."""
        return str(self.recipe.fingerprint())
