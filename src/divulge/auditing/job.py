"""A job: everything that decides the results of an audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from divulge.auditing.resources import Resources
from divulge.core.attack import Attack
from divulge.core.capability.declared import able
from divulge.core.capability.defenses import ChangesQuestions, Fitted, GuardsBehind
from divulge.core.capability.recipes import Distils, Packable, for_shadows, settings_of
from divulge.core.defense import UpdateDefense
from divulge.core.hashing import Array, digest
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.results.audit_result import DataFacts
from divulge.core.results.policy import Policy
from divulge.core.target import Oracle, Target
from divulge.core.threat import Access, ThreatModel
from divulge.core.views.membership import Shadows
from divulge.defenses.data.minimized_target import MinimizedTarget
from divulge.defenses.interface.defended_target import shielded
from divulge.games.properties import PropertyPlan
from divulge.games.rebuild import RebuildPlan
from divulge.training.engines.engine import Trainer
from divulge.training.recipes.knobs import knobs

See = Callable[[Target], Oracle]


class ModelRecipe(Protocol):
    """A recipe of the training room: it makes bare models, which are no targets yet."""

    def fit(self, records: Records, seed: int) -> Any:
        """A trained model."""
        ...

    def overfitted(self) -> ModelRecipe:
        """See core.recipe.Recipe."""
        ...

    def describe(self) -> str:
        """See core.recipe.Recipe."""
        ...

    def fingerprint(self) -> str:
        """See core.recipe.Recipe."""
        ...


@dataclass(frozen=True)
class BoundRecipe:
    """A model recipe together with the adapter that makes its models targets."""

    recipe: ModelRecipe
    adapt: Callable[[Any], Target]
    trainer: Trainer = field(default_factory=Trainer)
    behind: tuple[Any, ...] = ()
    before: tuple[Any, ...] = ()
    reference: Records | None = None

    def _target(self, model: Any, records: Records, seed: int) -> Target:
        target = self.adapt(model)
        for defense in self.before:
            if able(defense, ChangesQuestions):
                target = MinimizedTarget(target, defense)
        return self.guarded(target, records, seed)

    def guarded(self, target: Target, records: Records, seed: int) -> Target:
        """A target that was trained on these records, behind its defences, of which some are made for it alone."""

        def ask(asked: Records) -> Array:
            return target.answer(Access.SCORES, asked)

        behind = [d.behind(ask, records, seed) for d in self.before if able(d, GuardsBehind)]
        for defense in self.behind:
            if able(defense, Fitted):
                assert self.reference is not None
                behind.append(defense.fitted(ask(records), ask(self.reference), seed))
            else:
                behind.append(defense)
        return shielded(target, behind)

    def train(self, records: Records, seed: int) -> Target:
        """See core.recipe.Recipe."""
        return self._target(self.trainer.fit(self.recipe, records, seed), records, seed)

    def train_many(self, records: Records, keep: Array, seeds: Sequence[int]) -> Iterator[tuple[int, Target]]:
        """See core.recipe.Recipe."""
        for number, model in self.trainer.fit_many(self.recipe, records, keep, seeds):
            yield number, self._target(model, records.take(keep[number]), seeds[number])

    @property
    def teachable(self) -> bool:
        """Whether its models can learn from scores instead of classes."""
        return able(self.recipe, Distils)

    @property
    def settings(self) -> Mapping[str, float | str]:
        """What the extraction game may compare claims about the training with."""
        return settings_of(self.recipe)

    def distil(self, records: Records, log_scores: Array, seed: int) -> list[Target]:
        """A model that learns from scores [records, classes], as it was after every few epochs."""
        return [self.adapt(model) for model in self.recipe.distil(records, log_scores, seed)]  # type: ignore[attr-defined]

    def knobs(self) -> list[tuple[str, Recipe]]:
        """What could be turned towards less memory, in words, and the recipe with it turned."""
        return [(words, replace(self, recipe=changed)) for words, changed in knobs(self.recipe)]

    def overfitted(self) -> Recipe:
        """See core.recipe.Recipe."""
        loose = tuple(d for d in self.behind if not able(d, Fitted))
        shown = tuple(d for d in self.before if able(d, ChangesQuestions))
        return replace(self, recipe=self.recipe.overfitted(), behind=loose, before=shown)

    def for_shadows(self) -> Recipe:
        """See core.capability.recipes.Proxied."""
        return replace(self, recipe=for_shadows(self.recipe))

    @property
    def cacheable(self) -> bool:
        """Whether the fingerprint tells everything, so that what the recipe made may be used again by a later run."""
        return able(self.recipe, Packable)

    def describe(self) -> str:
        """See core.recipe.Recipe."""
        return self.recipe.describe()

    def fingerprint(self) -> str:
        """See core.recipe.Recipe."""
        recipe_print = self.recipe.fingerprint()
        return (
            digest(recipe_print, repr(self.behind), repr(self.before)) if self.behind or self.before else recipe_print
        )


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What only the reconstruction game needs.

    public: records of other classes, which an adversary may learn from.  plan: what it is played on.  protections: what
    clients do to their updates before they are sent, in order.
    """

    public: Records | None = None
    plan: RebuildPlan = field(default_factory=RebuildPlan)
    protections: tuple[UpdateDefense, ...] = ()

    def fingerprints(self) -> tuple[str, ...]:
        """What tells it from others; empty where all of it is as by default."""
        shared = (self.public.fingerprint() if self.public is not None else "", self.plan.fingerprint())
        usual = ("", RebuildPlan().fingerprint())
        return (*shared, repr(self.protections)) if shared != usual or self.protections else ()


@dataclass(frozen=True, eq=False)
class Job:
    """What `run_audit` plays.

    candidates, member, row: the records in question in random order, who is a member, and where each stood in the
    set it was given in.  shadows: the adversary's own models, made with its view of them; None where there are none.
    poisoned: the same, trained with records that the adversary contributes.
    chain: steps that go on from the closest copy, see explain.copy_chain.
    detectors: names of those that watch, see auditing.detection.
    most_shadows: how many there can be, None for as many as one asks for.
    asked: families that were asked for by name, so that one which cannot be examined leaves the audit incomplete.
    expect: what the owner knows of the target, see auditing.handshake.EXPECTED.
    own: whether divulge itself trained the target by the recipe, so that there is nothing to compare it with.
    shadows_tell: why the shadow models alone say something of who was a member; empty where they do not.
    reference: a language model that never saw the candidates.
    persons: the label behind each number of the candidates' groups.  aggregate: how scores of a person's rows become
    one, see core.persons.
    """

    name: str
    target: Target
    candidates: Records
    member: Array
    row: Array
    threat: ThreatModel
    attacks: Sequence[Attack[Any, Any]]
    data: DataFacts
    policy: Policy = field(default_factory=Policy)
    seed: int = 0
    recipe: Recipe | None = None
    population: Records | None = None
    features: Records | None = None
    shadows: Callable[[int, See], Shadows] | None = None
    poisoned: Callable[[Records], Callable[[int, See], Shadows]] | None = None
    most_shadows: int | None = None
    resources: Resources = field(default_factory=Resources)
    chain: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()
    reconstruction: Reconstruction = field(default_factory=Reconstruction)
    properties: PropertyPlan = field(default_factory=PropertyPlan)
    asked: tuple[str, ...] = ()
    expect: Mapping[str, float] = field(default_factory=dict)
    own: bool = False
    shadows_tell: str = ""
    persons: tuple[str, ...] = ()
    aggregate: str = "mean"
    reference: Target | None = None

    def records_fingerprint(self) -> str:
        """Content hash of everything that decides one attack's guess: equal for jobs with other attacks or policies."""
        known = self.__dict__.get("_records_fingerprint")
        if known is None:
            known = digest(
                self.target.fingerprint(),
                self.candidates.fingerprint(),
                self.member,
                self.row,
                self.features.fingerprint() if self.features is not None else "",
                self.population.fingerprint() if self.population is not None else "",
                self.recipe.fingerprint() if self.recipe is not None else "",
                _threat_text(self.threat),
                str(self.seed),
                *self.reconstruction.fingerprints(),
                *((self.reference.fingerprint(),) if self.reference is not None else ()),
                *((self.properties.fingerprint(),) if self.properties != PropertyPlan() else ()),
            )
            object.__setattr__(self, "_records_fingerprint", known)
        return str(known)

    def fingerprint(self) -> str:
        """Content hash: equal jobs have equal results."""
        return digest(
            self.records_fingerprint(),
            repr([(attack.card.name, attack) for attack in self.attacks]),
            repr((sorted(self.policy.thresholds.items()), self.policy.confidence, self.policy.delta)),
            *((repr((self.chain, self.detectors)),) if self.chain or self.detectors else ()),
            *((self.aggregate, repr(self.persons)) if self.candidates.groups is not None else ()),
        )


def _threat_text(threat: ThreatModel) -> str:
    """The threat model as text that does not depend on the order of sets."""
    access = sorted(port.value for port in threat.access)
    knowledge = sorted(fact.value for fact in threat.knowledge)
    rest = (threat.name, threat.phase.value, threat.behavior.value, threat.query_budget, threat.top_k)
    tokens = () if threat.token_budget is None else (threat.token_budget,)
    return repr((access, knowledge, rest + tokens))
