"""The membership game: here are records; which were trained on?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError, TargetError
from divulge.core.game import Arm, Round
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.language.token_scores import of_padded
from divulge.core.persons import count, half_of_persons, whole
from divulge.core.recipe import Recipe
from divulge.core.records import Records, concat
from divulge.core.results.evidence import Evidence
from divulge.core.results.trials import Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Access, Family
from divulge.core.views.membership import Auxiliary, MembershipGuess, MembershipView, Poison
from divulge.games.blind import blind_guesses, blind_width, most_telling

FEWEST_OTHERS = 20
FEWEST_FOR_CONTROL = 100


@dataclass(frozen=True, eq=False)
class MembershipGame:
    """Members and non-members, shuffled once, so that position does not leak the truth.

    recipe: trains the control models.  others: records, none of them a candidate, for the negative control.
    features: what the model-blind baseline sees of each candidate, where `candidates` are only row numbers.
    aggregate: how the scores of a person's rows become one, see core.persons; persons are drawn whole throughout.
    reference: a language model that never saw the candidates.
    """

    target: Target
    candidates: Records
    member: Array
    seed: int
    recipe: Recipe | None = None
    others: Records | None = None
    features: Records | None = None
    aggregate: str = "mean"
    reference: Target | None = None

    def __post_init__(self) -> None:
        if not self.member.any() or self.member.all():
            raise InputError("the membership game needs members and non-members: give at least one record of each")

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.MEMBERSHIP

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[MembershipView, MembershipGuess]]:
        """One round.  The controls train a model with the recipe, and so does an adversary who poisons the training
        data; Impossible where there is none.
        """
        if arm is Arm.TARGET and poison is None:
            yield self._round(self.target, self.member, self.candidates)
        elif self.recipe is None:
            what = "control model can be trained" if poison is None else "model can be trained on the poisoned records"
            raise Impossible(f"no recipe is known, so no {what}")
        elif arm is Arm.TARGET:
            records = _with(self.candidates.take(self.member), poison)
            target = self.recipe.train(records, derived_seed(self.seed, "poisoned"))
            yield self._round(target, self.member, self.candidates, poison)
        elif arm is Arm.NEGATIVE:
            target, asked = self._negative_control(self.recipe, poison)
            if poison is not None:
                poison = Poison(poison.records, poison.about[asked])
            yield self._round(target, self.member[asked], self.candidates.take(asked), poison)
        else:
            target, member = self._positive_control(self.recipe, poison)
            yield self._round(target, member, self.candidates, poison)

    def baseline(self) -> Iterator[Scored]:
        """Guesses from the records alone; Impossible where the records are not here."""
        features = self.features if self.features is not None else self.candidates
        if features.schema.names == ("row",):
            raise Impossible("the records themselves were not given, so nobody can guess from them alone")
        return blind_guesses(features, self.member, self.seed, self.aggregate)

    def by_the_reference(self) -> Scored | None:
        """What the reference's own loss tells of the two sets, whichever of them it is lower on: nothing, if it saw
        neither and they were drawn alike.  None where there is no reference, or it gives no answer.
        """
        if self.reference is None or Access.TOKEN_LOGPROBS not in self.reference.offers:
            return None
        try:
            scores = of_padded(self.reference.answer(Access.TOKEN_LOGPROBS, self.candidates))
        except TargetError:  # the attacks that ask it say so
            return None
        told = scores.mean_of(scores.logprob)
        groups = self.candidates.groups
        unit = np.arange(len(told)) if groups is None else groups
        side = 1.0 if told[self.member].mean() >= told[~self.member].mean() else -1.0
        return Scored(side * told, self.member, unit, np.arange(len(told)), aggregate=self.aggregate)

    def features_guessed_from(self) -> int:
        """How many numbers the guessers without the model see of a record."""
        return blind_width(self.features if self.features is not None else self.candidates)

    def most_telling(self) -> tuple[str, float] | None:
        """The column of the records that alone tells members best, and its AUC."""
        return most_telling(self.features if self.features is not None else self.candidates, self.member)

    def _negative_control(self, recipe: Recipe, poison: Poison | None) -> tuple[Target, Array]:
        """A model of the same recipe that saw none of the records it is asked about, and which those are.

        It is trained on population records; where there are too few, on half of the non-members, which then are no
        candidates any more.
        """
        rng = derived_rng(self.seed, "negative control records")
        members, asked = int(self.member.sum()), np.ones(len(self.member), dtype=bool)
        if self.others is not None and len(self.others) >= min(members, FEWEST_FOR_CONTROL):
            groups = self.others.groups
            drawn = rng.permutation(len(self.others))[:members] if groups is None else whole(groups, members, rng)
            records = self.others.take(drawn)
        else:
            outside, groups = np.flatnonzero(~self.member), self.candidates.groups
            if (len(outside) if groups is None else count(groups[outside])) < 2 * FEWEST_OTHERS:
                who = "non-members" if groups is None else "persons among the non-members"
                raise Impossible(
                    f"the negative control needs at least {2 * FEWEST_OTHERS} {who}, or population records"
                )
            if groups is None:
                asked[rng.permutation(outside)[: len(outside) // 2]] = False
            else:
                asked[outside[half_of_persons(groups[outside], rng)]] = False
            records = self.candidates.take(~asked)
        return recipe.train(_with(records, poison), derived_seed(self.seed, "negative control")), asked

    def _positive_control(self, recipe: Recipe, poison: Poison | None) -> tuple[Target, Array]:
        """A model of the recipe without its regularisation, trained on half of the candidates."""
        rng = derived_rng(self.seed, "positive control records")
        size = min(int(self.member.sum()), len(self.member) // 2)
        member, groups = np.zeros(len(self.member), dtype=bool), self.candidates.groups
        drawn = rng.permutation(len(member))[: max(size, 1)] if groups is None else half_of_persons(groups, rng)
        member[drawn] = True
        records = _with(self.candidates.take(member), poison)
        return recipe.overfitted().train(records, derived_seed(self.seed, "positive control")), member

    def _round(
        self, target: Target, member: Array, candidates: Records, poison: Poison | None = None
    ) -> Round[MembershipView, MembershipGuess]:
        def open_view(oracle: Oracle, card: Card, means: Auxiliary, rng: Generator) -> MembershipView:
            return MembershipView(oracle, candidates, rng, card.needs, means, poison)

        def judge(guess: MembershipGuess) -> Evidence:
            for name, given in (("scores", guess.scores), ("tie_break", guess.tie_break), ("about", guess.about)):
                if given is not None and np.shape(given) != (len(member),):
                    raise TargetError(
                        f"the attack returned {name} of shape {np.shape(given)} for {len(member)} candidates"
                    )
            index = np.arange(len(member)) if guess.about is None else np.flatnonzero(guess.about)
            scores = np.asarray(guess.scores, dtype=np.float64)[index]
            ties = guess.tie_break[index] if guess.tie_break is not None else None
            unit = index if candidates.groups is None else candidates.groups[index]
            return Evidence((Scored(scores, member[index], unit, index, ties, self.aggregate),))

        return Round(target, open_view, judge)


def _with(records: Records, poison: Poison | None) -> Records:
    return records if poison is None else concat([records, poison.records])


def shuffled(members: Records, nonmembers: Records, seed: int) -> tuple[Records, Array, Array]:
    """Candidates in random order, who of them is a member [records], and where each stood in its own set [records]."""
    order = derived_rng(seed, "shuffle").permutation(len(members) + len(nonmembers))
    member = order < len(members)
    return concat([members, nonmembers]).take(order), member, np.where(member, order, order - len(members))
