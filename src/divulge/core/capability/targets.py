"""Of targets: what is inside them, how they are asked and trained further, and what they tell of themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from divulge.core.capability.declared import able
from divulge.core.hashing import Array
from divulge.core.records import Records, Schema
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.core.views.reconstruction import Sent

if TYPE_CHECKING:
    from divulge.core.language.texts import Text
    from divulge.core.views.extraction import Secrets


class Answering(Protocol):
    """Whatever is asked as a target is."""

    def answer(self, access: Access, records: Records) -> Array:
        """See core.target.Target."""
        ...


class TellsCaching(Protocol):
    """One that says itself whether its fingerprint tells everything that decides its answers."""

    cacheable: bool


class ExplainsOrigin(Protocol):
    """One that has a line for the report about how its answers came about."""

    def provenance_note(self) -> str:
        """The line, of what was asked so far."""
        ...


class ExplainsLacks(Target, Protocol):
    """One that knows why it does not offer ports that its kind usually has."""

    lacks: Mapping[Access, str]


class Meets(Target, Protocol):
    """A service: it has to be asked about a few records before it is known what it answers with."""

    def meet(self, records: Records) -> object:
        """What it was understood to answer with; raises TargetError where it cannot be understood."""
        ...


class Rechecks(Meets, Protocol):
    """A service that can be asked about the same records again, to see whether it is still the one that was met.

    met_with: the records that it was met with.  replaced: since when it answered otherwise than now, empty where it did
    not.
    """

    met_with: Records | None
    replaced: str

    def wobble(self) -> float:
        """How far two answers to one record are apart: probability, share of a value, 1 for another label."""
        ...

    def recheck(self) -> str:
        """What has changed since it was met, in words; empty where nothing has."""
        ...


class Settles(Target, Protocol):
    """One whose outputs are understood by the records that they are about."""

    def settle(self, records: Records) -> object:
        """What its outputs stand for, in words; raises TargetError where that cannot be known."""
        ...


class Adapts(Target, Protocol):
    """One that makes a target of another model in the way in which it was made itself."""

    def alike(self, model: Any) -> Target:
        """The other model, asked and read alike."""
        ...


class Wraps(Target, Protocol):
    """One that stands in front of another target."""

    inner: Target


class TellsReading(Target, Protocol):
    """One whose answers depend on how it was told to read its model."""

    settings_told: str


class HasModel(Target, Protocol):
    """One that hands out the bare model: a fitted estimator or a torch module."""

    model: Any


class HasEstimator(Protocol):
    """A target, or a recipe, of an estimator of scikit-learn's form."""

    estimator: Any


class HasBooster(Target, Protocol):
    """A target of a raw booster."""

    booster: Any


class HasModule(Protocol):
    """A target, or a copy of one, that is a module of PyTorch."""

    module: Any


class CountsParameters(Target, Protocol):
    """One that knows how many weights it has."""

    parameters: int


class HasSecrets(Protocol):
    """One that knows what an extraction attack tries to find out."""

    def secrets(self) -> Secrets:
        """Parameters and settings, as far as they are known."""
        ...


class SendsUpdates(Target, Protocol):
    """One that computes what a client of a federated training sends."""

    def update(
        self, records: Records, steps: int = 1, rate: float = 0.1, module: Any = None, epochs: int = 1
    ) -> tuple[Array, ...]:
        """One array for each parameter."""
        ...


class SendsBuffers(SendsUpdates, Protocol):
    """One that computes it in training mode too, and what becomes of a module's buffers."""

    def sent(
        self,
        records: Records,
        steps: int = 1,
        rate: float = 0.1,
        module: Any = None,
        epochs: int = 1,
        train: bool = True,
    ) -> Sent:
        """See Sent."""
        ...


class Updatable(Target, Protocol):
    """One that can be trained further."""

    def updated(self, records: Records, steps: int, rate: float, epochs: int) -> Target:
        """The next version."""
        ...


class Renewable(Target, Protocol):
    """One of which an untrained twin can be had."""

    def fresh(self, seed: int) -> Target:
        """A target of the same form with untrained weights."""
        ...


class SplitModel(Target, Protocol):
    """A model that can be cut in two, for a server to run its second half."""

    def front(self, layer: str | None = None) -> Any:
        """The layers up to this one: half way when not given, or the first learned one ('first')."""
        ...

    def through(self, front: Any, x: Array) -> Array:
        """What a front makes of inputs: [records, ...]."""
        ...


class Generates(Target, Protocol):
    """A generator of records."""

    def draw(self, count: int, seed: int, schema: Schema) -> Records:
        """So many records in the form that the schema says."""
        ...


class Released(Generates, Protocol):
    """A table of generated records, as it was given, whose values belong to the schema that all sets have together."""

    table: Any


class Completes(Target, Protocol):
    """A language model that writes."""

    def complete(
        self, prefixes: Sequence[Text], n: int, temperature: float, max_tokens: int, seed: int
    ) -> list[list[str]]:
        """See core.target.Oracle."""
        ...


class TellsSampling(Target, Protocol):
    """A language model that tells how likely it is to write tokens under a scheme of sampling."""

    def sampling_logprobs(self, records: Records, temperature: float, top_k: int | None) -> list[Array]:
        """See core.target.Oracle."""
        ...


class CountsTokens(Target, Protocol):
    """A language model that says how many tokens a text costs."""

    def token_counts(self, texts: Sequence[Text]) -> list[int]:
        """Those that it reads of each text."""
        ...


class ReadsTexts(Target, Protocol):
    """A language model that says how it cuts texts into tokens, so that others can be trained on texts alike."""

    max_tokens: int

    def encode(self, text: Text) -> Any:
        """Its tokens: `ids`, and `first`, the first one that counts."""
        ...

    def alike(self, model: Any) -> Target:
        """Another model, read alike."""
        ...


class TellsNext(ReadsTexts, Protocol):
    """A language model that tells how likely it is to go on with each of some tokens, at the cost of one pass."""

    def next_logprobs(self, texts: Sequence[Text], tokens: Sequence[int]) -> Array:
        """Log-probability of each of these tokens after each of these texts: [texts, tokens]."""
        ...


class StartsFrom(Protocol):
    """A language model, or a recipe for some, that was trained on from another one, which may be at hand."""

    def started_from(self) -> Target | None:
        """That one; None where it is not known."""
        ...


class ReadsTokens(Target, Protocol):
    """One that says whether its inputs are token ids."""

    reads_tokens: bool


class Decodes(Target, Protocol):
    """One that writes out token ids."""

    def decode(self, tokens: Sequence[int]) -> str:
        """As a person reads them."""
        ...


class Surprised(Target, Protocol):
    """One that tells its loss on texts."""

    def surprise(self, records: Records) -> Array:
        """Of every record, the mean over its tokens: [records]."""
        ...


class LanguageModel(Target, Protocol):
    """One that is judged by its loss on the tokens of a text rather than by classes."""

    def loss_per_token(self, records: Records) -> Array:
        """The mean over the tokens of each record: [records]."""
        ...


class HasVocabulary(Target, Protocol):
    """One that knows how many tokens there are."""

    vocabulary: int


class HasClasses(Target, Protocol):
    """One that may know the labels behind its class codes; None or empty where it does not."""

    classes: Sequence[Any] | None


class NeedsClasses(Target, Protocol):
    """One whose model may not tell which label an output stands for, so that somebody else has to."""

    needs_classes: bool


class CountsOutputs(Target, Protocol):
    """One that can be asked how many numbers it gives for a record."""

    def outputs(self, x: Any) -> int | None:
        """Seen from a few records as their owner gave them; None for labels."""
        ...


class AnswersLabels(Target, Protocol):
    """One that may answer with the labels themselves."""

    def labels_in(self, x: Any) -> list[object] | None:
        """What it answers about records as their owner gave them [records]; None where that is no labels."""
        ...


class TakesTask(Target, Protocol):
    """One that can be told what it predicts."""

    def tell_task(self, task: Task) -> None:
        """What it predicts, where only the records could tell."""
        ...


class StatesTask(Target, Protocol):
    """One that tells whether it was said what it predicts; None where it was not."""

    stated_task: Task | None


def cacheable(target: object) -> bool:
    """Whether a target's fingerprint tells everything, so that a later run may rely on its answers: yes, unless it
    says otherwise.
    """
    return not able(target, TellsCaching) or bool(target.cacheable)


def model_of(target: object) -> Any:
    """The bare model; None where it cannot be had."""
    return target.model if able(target, HasModel) else None


def estimator_of(thing: object) -> Any:
    """The estimator of a target or a recipe; None for one of something else."""
    return thing.estimator if able(thing, HasEstimator) else None


def module_of(thing: object) -> Any:
    """The module of PyTorch of a target or a copy; None for one of something else."""
    return thing.module if able(thing, HasModule) else None


def classes_of(target: object) -> Sequence[Any]:
    """The labels behind the class codes; empty where they are not known."""
    return (target.classes or ()) if able(target, HasClasses) else ()


def needs_classes(target: object) -> bool:
    """Whether somebody else has to say which label an output stands for: no, unless the target says so."""
    return able(target, NeedsClasses) and bool(target.needs_classes)


def reads_tokens(target: object) -> bool:
    """Whether inputs are token ids: no, unless the target says so."""
    return able(target, ReadsTokens) and bool(target.reads_tokens)


def secrets_of(target: object) -> Secrets:
    """What an extraction attack tries to find out; empty where it is not known."""
    from divulge.core.views.extraction import Secrets

    return target.secrets() if able(target, HasSecrets) else Secrets()


def started_from(thing: object) -> Target | None:
    """What a language model, or a recipe for some, was trained on from; None where that is not known."""
    return thing.started_from() if able(thing, StartsFrom) else None


def origin_of(target: object) -> Callable[[], str] | None:
    """What tells how answers came about, for the report; None where there is nothing to tell."""
    return target.provenance_note if able(target, ExplainsOrigin) else None


def reason_against(target: object, port: Access) -> str | None:
    """Why a target does not offer a port; None where it does not say."""
    return target.lacks.get(port) if able(target, ExplainsLacks) else None
