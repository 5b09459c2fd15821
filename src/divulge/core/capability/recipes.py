"""Of recipes: of those of an audit, which make targets, and of those of the training room, which make bare models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from divulge.core.capability.declared import able
from divulge.core.capability.targets import TellsCaching
from divulge.core.hashing import Array
from divulge.core.recipe import Recipe
from divulge.core.records import Records


class TrainsTargets(Protocol):
    """A recipe of an audit: it makes targets."""

    def train(self, records: Records, seed: int) -> Any:
        """See core.recipe.Recipe."""
        ...


class TrainsMany(Protocol):
    """A recipe that trains many models in a way of its own."""

    def train_many(self, records: Records, keep: Array, seeds: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """See core.recipe.Recipe."""
        ...


class Overfittable(Protocol):
    """A recipe that knows its own easiest case."""

    def overfitted(self) -> Any:
        """See core.recipe.Recipe."""
        ...


class TellsTeachable(Protocol):
    """A recipe of an audit that says whether its models can learn from scores."""

    teachable: bool


class Proxied(Protocol):
    """A recipe whose shadow models may be trained in another, cheaper way than the model that is audited."""

    def for_shadows(self) -> Any:
        """The recipe of shadow models."""
        ...


class Distils(Protocol):
    """A recipe whose models can learn from scores instead of classes."""

    def distil(self, records: Records, log_scores: Array, seed: int) -> list[Any]:
        """A model that learns from scores [records, classes], as it was after every few epochs."""
        ...


class Tunable(Recipe, Protocol):
    """A recipe with settings that could be turned towards less memory."""

    def knobs(self) -> list[tuple[str, Any]]:
        """What was turned, in words, and the recipe with it turned."""
        ...


class TellsSettings(Protocol):
    """A recipe that tells its settings as a guess at them would name them."""

    settings: Mapping[str, float | str]


class Packable(Protocol):
    """A recipe whose models can be kept and sent to workers."""

    def pack(self, model: Any) -> bytes:
        """A model as bytes."""
        ...

    def unpack(self, packed: bytes) -> Any:
        """The model again."""
        ...


class Untrained(Protocol):
    """A recipe that hands out its network before it is trained."""

    def untrained(self, seed: int) -> Any:
        """A module with its first weights, and a generator that goes on from there."""
        ...


class FitsBy(Protocol):
    """A recipe that trains by another loss than its own."""

    def fit_by(self, records: Records, seed: int, objective: Any, after_epoch: Any = None) -> Any:
        """A model trained by this loss."""
        ...


class FitsTexts(Protocol):
    """A recipe of a language model that trains by steps, or by a loss, other than its own."""

    def fit_with(self, records: Records, seed: int, descend: Callable[[Any, list[Any]], None]) -> Any:
        """A model trained by `descend`, of a model whose weights to be trained want a gradient, and its texts."""
        ...

    def loss_of(self, model: Any, texts: Sequence[Any], passed: Any = None) -> Any:
        """The mean over the tokens that count of a batch of texts; `passed` names places of a text that do not."""
        ...

    def optimize(self, model: Any, texts: Sequence[Any], seed: int, loss_of: Any, after_epoch: Any = None) -> None:
        """Its own steps, by another loss of a model and a batch of texts."""
        ...

    def optimizer_for(self, weights: list[Any], steps: int) -> tuple[Any, Any]:
        """Its optimiser, and what sets its rate after each of so many steps."""
        ...


class CountsSteps(Protocol):
    """A recipe that knows how many steps a training takes."""

    def steps(self, records: int, merged: bool = False) -> int:
        """For so many records."""
        ...


class Stackable(Protocol):
    """A recipe that may train many networks as one stack."""

    def stackable(self) -> bool:
        """Whether it can."""
        ...


class SizesStacks(Protocol):
    """A recipe that says itself how its models are stacked, of any numbers of records."""

    def stack_sizes(self, records: Records, keep: Array, workers: int) -> tuple[int, int, bool]:
        """How many of the models of `keep` [models, records] go into one stack, how many stacks go side by side, and
        whether what frozen layers make of records is kept.
        """
        ...


class Threadable(Protocol):
    """A recipe that may train networks side by side in threads."""

    def threadable(self) -> bool:
        """Whether it can."""
        ...


class LimitsThreads(Protocol):
    """A recipe whose library shares its work among threads."""

    def one_thread(self) -> None:
        """Let it work on one."""
        ...


class HasFactory(Protocol):
    """A recipe of a network that a function builds."""

    factory: Callable[[], Any]


class ByEpochs(Protocol):
    """A recipe that goes through the records several times."""

    epochs: int


class ByBatches(ByEpochs, Protocol):
    """One that does so batch by batch."""

    batch_size: int


class Decays(Protocol):
    """A recipe that pulls weights towards zero."""

    weight_decay: float


def reusable(recipe: object) -> bool:
    """Whether a later run may rely on what a recipe made: only where the recipe says so, since a fingerprint of
    somebody else's may not tell everything.
    """
    return able(recipe, TellsCaching) and bool(recipe.cacheable)


def teachable(recipe: object) -> bool:
    """Whether a recipe's models can learn from scores: no, unless it says so."""
    return able(recipe, TellsTeachable) and bool(recipe.teachable)


def for_shadows(recipe: Any) -> Any:
    """What shadow models are trained by: the recipe itself, unless it says otherwise."""
    return recipe.for_shadows() if able(recipe, Proxied) else recipe


def knobs_of(recipe: object) -> list[tuple[str, Any]]:
    """What could be turned, in words, and the recipe with it turned; empty where nothing is known."""
    return recipe.knobs() if able(recipe, Tunable) else []


def settings_of(recipe: object) -> Mapping[str, float | str]:
    """By name, as a guess at them would name them; empty where the recipe tells none."""
    return recipe.settings if able(recipe, TellsSettings) else {}


def stackable(recipe: object) -> bool:
    """Whether networks are trained as one stack: no, unless the recipe says so."""
    return able(recipe, Stackable) and bool(recipe.stackable())


def threadable(recipe: object) -> bool:
    """Whether networks are trained in threads: no, unless the recipe says so."""
    return able(recipe, Threadable) and bool(recipe.threadable())


def limit_threads(recipe: object) -> None:
    """Let the library of a recipe work on one thread, where it would share its work among several."""
    if able(recipe, LimitsThreads):
        recipe.one_thread()
