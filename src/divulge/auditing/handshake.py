"""The handshake: before anything is attacked, the target is asked what its owner asks it, and it is looked at whether
the answers are those of the model that the owner knows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from divulge.auditing.answers import SCORED, TOLERANCE, Seen, as_expected, bare, checked, seen_of
from divulge.auditing.doubts.counted_otherwise import counted_otherwise
from divulge.auditing.doubts.other_forms import fits_better, other_line
from divulge.auditing.doubts.without_recipe import (
    boasts_to_strangers,
    loss_tells,
    modest,
    not_looked_at,
    told_in_one_set,
)
from divulge.auditing.job import BoundRecipe, Job
from divulge.auditing.likeness import (
    POOR,
    Likes,
    SeenSides,
    all_alike,
    believable,
    forgotten,
    poorer,
    reference,
    sure_and_wrong,
    unlike,
)
from divulge.auditing.oracle import GrantedOracle, Memory
from divulge.auditing.probes import (
    ANSWERS,
    as_owner_asks,
    few_of,
    in_parts,
    refuse_silence,
    released_otherwise,
    service_twice,
    twice,
    unlike_its_peers,
)
from divulge.auditing.texts import losses_of_texts, texts_twice
from divulge.core.capability.declared import able
from divulge.core.capability.reading import HasPeers
from divulge.core.capability.targets import HasEstimator, HasVocabulary, LanguageModel, Meets, Rechecks
from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, row_digests
from divulge.core.results.handshake import NO_ANSWERS, Concern, Handshake
from divulge.core.threat import Access, Task
from divulge.core.wording import joined
from divulge.defenses.interface.defended_target import DefendedTarget
from divulge.stats.handshake import Permutation, answered_worse, exchanged, permutation, second_softmax
from divulge.training.recipes.sklearn import SklearnRecipe

SWAPPED = 1e-4
CLEARLY = 6.0
GOOD, GOOD_VALUES, PERFECT = 0.95, 0.9, 0.99
"""Accuracy, and R2, on members from which on no model is trained to compare with, and no other form is tried."""

MOST_NAMED = 4


@dataclass(frozen=True, eq=False)
class Asked:
    """What the target said.  places: which candidates, and member: whether they are members, [records].  seen: what it
    answered as it is shown.  plain: the same without defences of the interface.  labelled: whether labels mean
    something; of a single signal a record they do not.
    """

    places: Array
    member: Array
    seen: Seen
    plain: Seen
    labeled: bool

    def side(self, member: bool) -> Array:
        """Which of the asked are on this side."""
        return np.flatnonzero(self.member == member)

    @property
    def sides(self) -> SeenSides:
        """What was answered without defences, of either side."""
        return SeenSides(self.plain.take(self.side(True)), self.plain.take(self.side(False)))


def places_of(job: Job) -> Array:
    """Which candidates the referee asks about before the game: all, but of a service no more than the query budget
    of the threat model allows an adversary.
    """
    budget = job.threat.query_budget
    if budget is None or not _service(job) or budget >= len(job.candidates):
        return np.arange(len(job.candidates))
    known = _met(job)
    order = np.argsort(~known, kind="stable")  # those that it was met with were asked about already: they count
    return np.sort(order[:budget])


def _met(job: Job) -> Array:
    """Which candidates a service was met with, [records]."""
    target = bare(job.target)
    if not able(target, Rechecks) or target.met_with is None:
        return np.zeros(len(job.candidates), dtype=bool)
    known = set(row_digests(target.met_with.x))
    return np.array([key in known for key in row_digests(job.candidates.x)])


def _service(job: Job) -> bool:
    return able(bare(job.target), Meets)


def shake(job: Job, memory: Memory | None = None, *, dry: bool = False, minutes: float | None = None) -> Handshake:
    """Ask, and look.

    memory: where answers are kept for the attacks.  dry: send a service no more than it was sent to meet it.
    minutes: of the audit; where they are limited, an expensive model is trained on a strong suspicion only.
    Raises InputError where the target answers nothing at all, and where it is not as `job.expect` says.
    """
    checked(job.expect)
    if job.target.task is Task.LANGUAGE:
        return _of_texts(job, memory if memory is not None else Memory())
    if not set(ANSWERS) & job.target.offers:
        return _unmeasured(job, NO_ANSWERS, *released_otherwise(job), *counted_otherwise(job))
    if _service(job):
        if dry:
            return _unmeasured(job, "a dry run sends a service three records only")
        repeated = service_twice(job)
    else:
        few = few_of(job)
        hidden = refuse_silence(job.target, job.candidates.take(few))
        if hidden:
            return _unmeasured(job, hidden, _unread(hidden))
        repeated = twice(job, few)
        if not repeated:  # what answers at random answers its owner otherwise as well
            repeated = as_owner_asks(job, few)
    if able(bare(job.target), LanguageModel):
        target: Any = bare(job.target)
        places = places_of(job)
        by_token = _by_token(job, repeated, places, np.asarray(target.loss_per_token(job.candidates.take(places))))
        as_expected(job.expect, by_token)
        return by_token
    try:
        asked = _ask(job, memory if memory is not None else Memory())
    except TargetError as error:
        return _unmeasured(job, str(error), _unread(str(error)), *repeated)
    found = _measured(job, asked)
    likes = Likes(job, asked.places)
    concerns = (
        *repeated,
        *in_parts(job.target),
        *_doubts(job, asked, likes, minutes),
        *unlike_its_peers(job),
    )
    like = min((side.members.right for side in likes.found), default=None)
    constant = asked.labeled and asked.plain.constant
    unseen = not_looked_at(job, asked.sides, concerns) if not constant else ()
    found = replace(found, concerns=concerns, like=like, constant=constant, unchecked=(*found.unchecked, *unseen))
    as_expected(job.expect, found)
    return found


def _unread(error: str) -> Concern:
    return Concern(
        "answers",
        False,
        f"the model does not answer all records ({error})",
        "some are unlike those that it was made for",
        "leave them out, or mend the model; attacks that ask about them fail",
    )


def _unmeasured(job: Job, why: str, *concerns: Concern) -> Handshake:
    if job.expect:
        raise InputError(f"expect: {next(iter(job.expect))} cannot be checked, since {why}: leave `expect` out")
    return Handshake(concerns=concerns, unchecked=(why,))


def _ask(job: Job, memory: Memory) -> Asked:
    """Everything that may be asked about; raises TargetError where one of the answers is none."""
    places = places_of(job)
    records, target = job.candidates.take(places), job.target
    port, keys = _port(job), row_digests(records.x)
    try:
        answer = memory.answer(target, port, records, keys)
    except TargetError:
        if _service(job) or port is Access.LABEL or Access.LABEL not in target.offers:
            raise
        port = Access.LABEL
        answer = memory.answer(target, port, records, keys)
    seen = plain = seen_of(answer, records, port, target.task)
    inner = bare(target)
    if able(inner, HasEstimator) and port in SCORED and Access.LABEL in target.offers:
        # an estimator may answer otherwise than its most probable class: with another threshold, say
        labels = np.asarray(memory.answer(target, Access.LABEL, records, keys))
        seen = plain = Seen(records.y, labels, seen.width, seen.log_scores)
    if isinstance(target, DefendedTarget):
        labels = np.asarray(target.answer(Access.LABEL, records))
        seen = Seen(records.y, labels, seen.width, seen.log_scores)
        own = next(p for p in ANSWERS if p in inner.offers)
        plain = seen_of(np.asarray(inner.answer(own, records)), records, own, inner.task)
    labeled = Access.LABEL in target.offers
    return Asked(places, job.member[places], seen, plain, labeled)


def _port(job: Job) -> Access:
    """The port that attacks will ask at, so that nothing is asked twice; scores where they see labels only and the
    model is here.
    """
    seen = GrantedOracle(job.target, job.threat, Access.LABEL, free=True).port
    if seen in SCORED or _service(job):
        return seen
    return Access.SCORES if Access.SCORES in job.target.offers else Access.LABEL


def _measured(job: Job, asked: Asked) -> Handshake:
    """The figures."""
    inside, outside = asked.side(True), asked.side(False)
    sides = [asked.seen.take(part) if len(part) else None for part in (inside, outside)]
    sizes = (len(inside), len(outside))
    if not asked.labeled:
        return Handshake(asked=sizes, unchecked=("single signals tell no labels",))
    shown = tuple(side.right if side is not None else None for side in sides)
    if job.target.task is Task.REGRESSION:
        errors = tuple(float(np.mean(s.loss)) if s is not None else None for s in sides)
        return Handshake("R2", shown[0], shown[1], sizes, 0.0, quality=(errors[0], errors[1]))
    chance = sides[0].chance if sides[0] is not None else asked.seen.chance
    return Handshake("accuracy", shown[0], shown[1], sizes, chance, quality=(shown[0], shown[1]))


def _of_texts(job: Job, memory: Memory) -> Handshake:
    """Of a language model: what it says of all candidates, which the attacks then need not ask again."""
    if Access.TOKEN_LOGPROBS not in job.target.offers:
        return _unmeasured(job, "it writes texts and tells no probabilities")
    found = _by_token(job, texts_twice(job), *losses_of_texts(job, memory))
    as_expected(job.expect, found)
    return found


def _by_token(job: Job, repeated: list[Concern], places: Array, losses: Array) -> Handshake:
    """Of a language model: the mean loss of a token [asked], and whether it is below that of naming any of its
    `vocabulary` tokens by lot.  places: which candidates were asked about.
    """
    target, member = bare(job.target), job.member[places]
    inside, outside = losses[member], losses[~member]
    means = [float(np.mean(part)) if len(part) else None for part in (inside, outside)]
    size = target.vocabulary if able(target, HasVocabulary) else None
    by_lot = float(np.log(size)) if size else None
    found = list(repeated)
    if by_lot is not None and means[0] is not None and means[0] >= by_lot * (1 - TOLERANCE):
        seen = f"tokens of members are predicted no better than by lot (loss {means[0]:.2f}, by lot {by_lot:.2f})"
        cure = "tokenize the texts as it was done in training"
        found.append(Concern("chance", True, seen, "the texts were tokenized for another model", cure))
    elif len(losses) > 1 and np.ptp(losses) == 0:
        seen = "every text gets the same answer, so there is nothing to see in the answers"
        found.append(Concern("constant", False, seen, POOR, "ask it about two texts yourself", doubt=True))
    elif answered_worse(inside, outside) <= SWAPPED:
        found.append(_swapped(inside, outside))
    return Handshake("loss per token", means[0], means[1], (len(inside), len(outside)), by_lot, concerns=tuple(found))


def _doubts(job: Job, asked: Asked, likes: Likes, minutes: float | None) -> list[Concern]:
    """What speaks against this being the model that its owner knows."""
    if len(asked.side(True)) == 0:
        return []
    side = asked.sides
    if not asked.labeled:
        return _late(side)
    if asked.plain.constant:
        known = job.own or bool(job.expect)
        other = _form(job, asked, side)
        if other is None and job.recipe is not None and not known:
            other = unlike(side, likes)
        return [other] if other is not None else all_alike(likes, known)
    grave = told_in_one_set(job, asked.places, asked.member, asked.plain) or _map(job, asked, side, likes)
    grave = grave or _form(job, asked, side)
    if grave is None and not job.own:
        grave = _unlike(job, asked, side, likes, minutes)
        if grave is None and not job.expect:
            boast = boasts_to_strangers(side)
            grave = boast if boast is not None and all(map(modest, likes)) else None
        if grave is None and not job.expect:
            grave = forgotten(side, likes)
        if grave is None and able(bare(job.target), HasPeers):
            grave = sure_and_wrong(side.members)
    found = [grave] if grave is not None else []
    scores = side.members.log_scores
    if scores is not None and not able(bare(job.target), HasEstimator) and second_softmax(scores, side.members.right):
        found.append(
            Concern(
                "softmax",
                False,
                "probabilities stay as close together as a softmax of probabilities does, while the answers are right",
                "a second softmax, so that confident answers can no longer be told apart",
                "return what the last layer gives, once through a softmax or not at all",
            )
        )
    return found + (_late(side) if grave is None else [])


def _map(job: Job, asked: Asked, side: SeenSides, likes: Likes) -> Concern | None:
    """Another reading of the outputs under which the answers fit: labels in another order, values on another scale."""
    mine = side.members
    if not mine.width:
        return other_line(side, likes)
    if mine.width == 2 and mine.log_scores is not None:
        found = exchanged(mine.log_scores, mine.y)
    else:
        found = permutation(mine.said, mine.y, mine.width)
    if found is None or not believable(found.right, mine, likes, lambda: _simple(job, asked)):
        return None
    return Concern(
        "labels",
        True,
        f"the answers would be right for {found.right:.0%} of the members, and not for {mine.right:.0%}, if "
        + joined(_meanings(job, found)),
        "the classes stand in another order than the model's outputs",
        "name the classes in the order of the outputs (`classes`)",
    )


def _meanings(job: Job, found: Permutation) -> list[str]:
    classes = job.candidates.schema.classes
    moved = [f"output {j} stood for {classes[found.means[j]]!r}" for j in found.moved[:MOST_NAMED]]
    more = len(found.moved) - MOST_NAMED
    return moved if more <= 0 else [*moved, f"{more} more were moved"]


def _unlike(job: Job, asked: Asked, side: SeenSides, likes: Likes, minutes: float | None) -> Concern | None:
    """What models of the same recipe say, or a forest where there is no recipe."""
    mine = side.members
    if mine.right >= (GOOD if mine.width else GOOD_VALUES) and not mine.at_chance:
        return None
    cheap = minutes is None or (isinstance(job.recipe, BoundRecipe) and isinstance(job.recipe.recipe, SklearnRecipe))
    if job.recipe is not None and (cheap or mine.at_chance):
        found = unlike(side, likes)
        if found is not None and job.expect and found.kind != "chance":
            return replace(found, fault=False, doubt=False)  # whoever states the quality of a model knows it
        if found is not None or likes.found:
            return found
    if mine.skill >= GOOD / 2 and mine.boast < 1 - GOOD:
        return None
    expected = reference(job, asked.places)
    if expected is None:
        return None
    found = poorer(asked.plain.take(expected[0]), expected[1], asked.member[expected[0]])
    # whoever states the quality of a poor model knows that it is poor; another quality ends the audit below
    return replace(found, fault=False, doubt=False) if found is not None and job.expect else found


def _form(job: Job, asked: Asked, side: SeenSides) -> Concern | None:
    """Another form of the records that fits far better, looked for where the loss does not clearly tell members."""
    if job.own or job.expect or side.members.right >= PERFECT or loss_tells(side, CLEARLY):
        return None
    return fits_better(job, asked.places[asked.side(True)], side.members, lambda: _simple(job, asked))


def _simple(job: Job, asked: Asked) -> Seen | None:
    expected = reference(job, asked.places)
    return expected[1] if expected is not None else None


def _late(side: SeenSides) -> list[Concern]:
    """Members that are answered worse than non-members."""
    inside, outside = side.members, side.nonmembers
    if not len(outside):
        return []
    if answered_worse(inside.loss, outside.loss) <= SWAPPED / 2:
        return [_swapped(inside.loss, outside.loss)]
    # a network is sure of what it gets wrong, and then only the mistakes tell
    missed, others = inside.missed, outside.missed
    if answered_worse(missed, others) > SWAPPED / 2:
        return []
    return [_swapped(missed, others, "share of mistakes")]


def _swapped(inside: Array, outside: Array, what: str = "mean loss") -> Concern:
    return Concern(
        "swapped",
        False,
        f"members are answered worse than non-members ({what} {inside.mean():.3g} and {outside.mean():.3g})",
        "members and non-members are swapped, or the model was trained on other records",
        "check which set it was trained on",
    )
