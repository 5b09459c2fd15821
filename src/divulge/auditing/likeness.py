"""Is the audited model like one that was trained on these records?  A model of the same recipe tells, or a forest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from divulge.auditing.answers import Seen, ask
from divulge.auditing.job import BoundRecipe, Job
from divulge.core.capability.targets import estimator_of
from divulge.core.errors import Impossible
from divulge.core.hashing import Array, derived_seed
from divulge.core.records import Kind, Records
from divulge.core.results.handshake import Concern
from divulge.core.signals import log_of_scores
from divulge.stats.handshake import falls_short, permutation, sign_test
from divulge.training.recipes.sklearn import SklearnRecipe

TRAININGS, TRAININGS_OF_ESTIMATORS = 3, 8
"""Models of the same recipe that must all contradict the target: one may be a lucky or an unlucky training."""

FEWEST = 20
LOSS_TELLS = 2.0
"""Standard errors by which the AUC of the loss must lie above a half to tell members from others."""

GAP, SLIGHT = 0.05, 0.02
HUMBLE = 1.05
"""How much more than the entropy of the classes the loss of a model is that says itself that it knows nothing."""

BOASTS = 0.25
"""How much surer than right a model is, from which on it is no poor one, but asked for another thing."""

LOST = 1 / 3
"""Share of what can be learned that a target must lack on records nobody trained on, to be called another model."""

RANKS_WORSE = 0.75
"""A model that is only set to another threshold ranks the records about as well as a forest."""

MOST_RECORDS, MOST_FEATURES, TREES = 2_000, 4_000, 60

CAUSES = (
    "the records reach it in another form than in its training (scaling, order of columns, categories, tokens), or it "
    "is another model"
)
LEARNED_OTHERWISE = (
    "; a sound model is like that where it was trained with weights of records or on labels with noise, which the "
    "recipe is not"
)
SOUND_SO = (
    "; a sound model is like that with weights of classes, noise on its weights or labels, features that repeat each "
    "other (naive Bayes), or little training"
)
CURE = "ask it about a few records yourself, and give the audit exactly what it then gets"
RIGHT_ONE = "check that it is the model that was trained on them"
WEIGHED = "it was trained with weights of records or classes, or set to another threshold, which the recipe is not"
POOR = "the model has learned no more than that, or the records reach it in another form than in its training"
KNOWN = (
    "where this is the quality that you know, say so (`expect`, its accuracy or r2); else ask it about a few records "
    "yourself, and give the audit exactly what it then gets"
)


@dataclass(frozen=True)
class SeenSides:
    """One model's answers about members and about non-members."""

    members: Seen
    nonmembers: Seen


@dataclass
class Likes:
    """Models of the same recipe, trained on the members one after the other as they are needed.

    number of them that were trained: len(found).
    """

    job: Job
    asked: Array
    found: list[SeenSides] = field(default_factory=list)
    failed: bool = False

    def __iter__(self) -> Iterator[SeenSides]:
        cheap = isinstance(self._inner, SklearnRecipe)
        for number in range(TRAININGS_OF_ESTIMATORS if cheap else TRAININGS):
            if number == len(self.found):
                trained = None if self.failed or self.job.recipe is None else self._train(number)
                if trained is None:
                    self.failed = True
                    return
                self.found.append(trained)
            yield self.found[number]
            if number == 1 and np.array_equal(self.found[0].members.loss, self.found[1].members.loss):
                return  # its seed decides nothing

    def _train(self, number: int) -> SeenSides | None:
        job = self.job
        member = job.member
        try:
            assert job.recipe is not None
            seed = derived_seed(job.seed, "handshake", str(number))
            model = job.recipe.train(job.candidates.take(member), seed)
        except Exception:  # foreign code; the attacks that train models say what it was
            return None
        sides = [self.asked[member[self.asked] == side] for side in (True, False)]
        if not all(map(len, sides)):
            return None
        answers = [ask(model, job.candidates.take(side)) for side in sides]
        return SeenSides(answers[0], answers[1]) if answers[0] is not None and answers[1] is not None else None

    @property
    def _inner(self) -> object:
        recipe = self.job.recipe
        return recipe.recipe if isinstance(recipe, BoundRecipe) else None

    @property
    def exact(self) -> bool:
        """Whether the recipe is the very estimator that is audited, with all its settings."""
        inner = self._inner
        estimator = estimator_of(self.job.target)
        if not isinstance(inner, SklearnRecipe) or estimator is None or inner.take_every != 1:
            return False
        try:
            same = str(inner.estimator) == str(estimator)
        except Exception:  # of an estimator that cannot say what its settings are
            same = inner.estimator is estimator
        return type(inner.estimator) is type(estimator) and same


def unlike(target: SeenSides, likes: Likes) -> Concern | None:
    """What speaks against the target once models of its recipe have been trained on the members; None where it
    behaves like one of them at least, or where they differ so much among themselves that it may be another of them.
    """
    if min(len(target.members), len(target.nonmembers)) < FEWEST:
        return None
    strongest: tuple[int, Concern] | None = None
    for like in likes:
        found = _against(target, like, likes.exact)
        if found is None:
            return None
        if strongest is None or found[0] < strongest[0]:
            strongest = found
    if strongest is None:
        return None
    shown = [(like.members.right, like.members.order) for like in likes.found]
    mine = (target.members.right, target.members.order)
    apart = any(falls_short(value, list(theirs)) for value, theirs in zip(mine, zip(*shown, strict=True), strict=True))
    return strongest[1] if apart else None


def _against(target: SeenSides, like: SeenSides, exact: bool) -> tuple[int, Concern] | None:
    """How grave, and what; compared with one model."""
    inside, outside = _paired(target.members, like.members), _paired(target.nonmembers, like.nonmembers)
    names = _names(target.members, like.members)
    if _empty(target.members, like.members) and (like.nonmembers.well or exact):
        seen = (
            f"members are answered no better than by chance, and a model of the same recipe answers them well ({names})"
        )
        return 3, Concern("chance", True, seen, CAUSES, CURE)
    known = like.nonmembers.skill
    lost = (known - target.nonmembers.skill) / known if like.nonmembers.well and known > 0 else 0.0
    if lost >= LOST and outside.p < 1e-3 and inside.gap >= GAP and inside.p < 1e-4:
        seen = f"a model of the same recipe is far better, on records that neither was trained on too ({names})"
        if _ranks_as_well(target.nonmembers, like.nonmembers):
            return 1, Concern("lower", False, seen, WEIGHED, KNOWN, doubt=True)
        return 2, Concern("other", True, seen, CAUSES + LEARNED_OTHERWISE, KNOWN)
    if inside.gap >= GAP and inside.p < 1e-4 and _no_better(outside, exact):
        seen = f"a model of the same recipe is better, on records that neither was trained on too ({names})"
        return 1, Concern("lower", False, seen, CAUSES + LEARNED_OTHERWISE, KNOWN, doubt=True)
    if exact and _nonmembers(target, like, outside) and inside.gap >= 2 * GAP and inside.p < 1e-6:
        seen = f"members are answered like non-members, and a model of the same recipe remembers its members ({names})"
        cause = "the model was not trained on these members"
        return 1, Concern("strangers", False, seen, cause, RIGHT_ONE, doubt=True)
    return None


def forgotten(target: SeenSides, likes: Likes) -> Concern | None:
    """What speaks against a target whose loss tells nothing of its members, where models of the very same recipe all
    tell theirs by it.  One that is better on records that nobody trained on was trained on more, of which the members
    are a part: it may well have forgotten them.
    """
    if not likes.exact or min(len(target.members), len(target.nonmembers)) < FEWEST:
        return None
    (mine, spread), found = told_by_loss(target), list[float]()
    if mine - 0.5 > LOSS_TELLS * spread:
        return None
    for like in islice(likes, TRAININGS):
        theirs, _ = told_by_loss(like)
        better = int((target.nonmembers.loss < like.nonmembers.loss).sum())
        worse = int((target.nonmembers.loss > like.nonmembers.loss).sum())
        if theirs - mine < max(2 * GAP, 4 * spread) or sign_test(better, worse) < 0.05:
            return None
        found.append(theirs)
    if not found or not falls_short(mine, found):
        return None
    seen = (
        f"the loss tells members from others with AUC {mine:.2f}, and with {np.mean(found):.2f} in models of the same "
        "recipe that were trained on these members"
    )
    cause = "the model was not trained on these members, or on far more records than these"
    return Concern("strangers", False, seen, cause, RIGHT_ONE, doubt=True)


def told_by_loss(side: SeenSides) -> tuple[float, float]:
    """The AUC of the loss, and its standard error where it tells nothing."""
    from scipy.stats import rankdata

    inside, outside = len(side.members), len(side.nonmembers)
    ranks = rankdata(-np.concatenate([side.members.loss, side.nonmembers.loss]))
    area = (ranks[:inside].sum() - inside * (inside + 1) / 2) / (inside * outside)
    return float(area), float(np.sqrt((inside + outside + 1) / (12 * inside * outside)))


def _no_better(outside: PairedGap, exact: bool) -> bool:
    """Whether the target lags on non-members too.  Where the very estimator is trained anew, it is enough that the
    target does not lead, as it would if it had been trained on more records.
    """
    return outside.gap >= 0 if exact else outside.gap >= SLIGHT and outside.p < 0.05


@dataclass(frozen=True)
class PairedGap:
    """gap: by how much the other model's measure is higher.  p: that it wins no more often, record by record.
    spread: the standard error of the gap, of shares that are right; 0 of values.
    """

    gap: float
    p: float
    spread: float = 0.0


def _paired(mine: Seen, theirs: Seen) -> PairedGap:
    if mine.width:
        hits, others = mine.said == mine.y, theirs.said == theirs.y
        wins, losses = int((others & ~hits).sum()), int((hits & ~others).sum())
    else:
        better = np.sign(np.abs(mine.said - mine.y) - np.abs(theirs.said - theirs.y))
        wins, losses = int((better > 0).sum()), int((better < 0).sum())
    spread = np.sqrt(wins + losses) / max(len(mine), 1) if mine.width else 0.0
    return PairedGap(theirs.right - mine.right, sign_test(wins, losses), float(spread))


def _ranks_as_well(mine: Seen, theirs: Seen) -> bool:
    """Whether scores order the records of two classes about as well, so that only the threshold is another."""
    scored = mine.width == 2 and mine.log_scores is not None and theirs.log_scores is not None
    return scored and mine.order >= RANKS_WORSE * theirs.order


def _empty(mine: Seen, theirs: Seen) -> bool:
    """Whether one says nothing where the other says a good deal."""
    if not mine.at_chance or not theirs.well:
        return False
    return theirs.skill - mine.skill >= 0.25 or (mine.width > 0 and theirs.order - mine.order >= 0.4)


def _nonmembers(target: SeenSides, like: SeenSides, outside: PairedGap) -> bool:
    """Whether the target answers its members as it does others, while the other model remembers them and is about as
    good on others: a model that was trained on far more records is better there.
    """
    within = abs(target.members.right - target.nonmembers.right) < 0.03
    remembers = like.members.right - like.nonmembers.right >= 2 * GAP
    return within and remembers and outside.gap >= -max(SLIGHT, 2 * outside.spread)


def _names(mine: Seen, theirs: Seen) -> str:
    measure = "accuracy" if mine.width else "R2"
    if mine.width and abs(mine.right - theirs.right) < GAP:
        return f"AUC over the classes {(1 + mine.order) / 2:.2f} and {(1 + theirs.order) / 2:.2f} on members"
    return f"{measure} {mine.right:.2f} and {theirs.right:.2f} on members"


def reference(job: Job, asked: Array) -> tuple[Array, Seen] | None:
    """A forest's answers about records that it was not trained on: their places among the candidates, and what it
    says; None where the records are not here, or are no numbers.
    """
    places = asked[:MOST_RECORDS]
    known = numbers_of(job, places)
    return None if known is None else (places, forest(*known, derived_seed(job.seed, "reference") % 2**31))


def numbers_of(job: Job, places: Array) -> tuple[Array, Records] | None:
    """What a forest can learn from about these candidates [records, features], and the candidates."""
    records = job.features or job.candidates
    columns = records.schema.columns
    if records.schema.names == ("row",) or any(column.kind is Kind.TEXT for column in columns):
        return None
    part = job.candidates.take(places)
    try:
        x = records.take(places).features()
    except Impossible:
        return None
    if len(places) < 2 * FEWEST or x.shape[1] > MOST_FEATURES or np.ptp(part.y) == 0:
        return None
    return x, part


def forest(x: Array, records: Records, seed: int, asked: tuple[Array, Records] | None = None) -> Seen:
    """What a forest says about records [records, features] that each tree did not see; or about those `asked`."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    settings = {"n_estimators": TREES, "oob_score": asked is None, "random_state": seed, "max_features": "sqrt"}
    y = (records if asked is None else asked[1]).y
    if not records.schema.classes:
        model = RandomForestRegressor(**settings).fit(x, records.y)
        return Seen(y, np.nan_to_num(model.oob_prediction_) if asked is None else model.predict(asked[0]), 0)
    model = RandomForestClassifier(**settings).fit(x, records.y)
    found = np.nan_to_num(model.oob_decision_function_) if asked is None else model.predict_proba(asked[0])
    scores = np.zeros((len(y), len(records.schema.classes)))
    scores[:, model.classes_.astype(int)] = found
    return Seen(y, scores.argmax(axis=1), scores.shape[1], log_of_scores(scores))


def all_alike(likes: Likes, known: bool) -> list[Concern]:
    """What is to be said where every record gets one answer: it may be all that the model has learned, or the records
    may reach it in a form in which they are all alike to it.  Nothing where models of the same recipe do it too, or
    where that is `known`.
    """
    if known or any(like.members.constant for like in likes):
        return []
    seen = "every record gets the same answer, so there is nothing to see in the answers"
    return [Concern("constant", False, seen, POOR, KNOWN, doubt=True)]


def poorer(target: Seen, simple: Seen, member: Array) -> Concern | None:
    """What speaks against a target without a recipe, beside a forest that was cross-fitted on the same records: that
    it is poor is no proof of anything, but nor is what is not found then.

    member: which of them the target was trained on, [records].
    """
    names = _names(target, simple).replace("on members", "on the same records")
    if _empty(target, simple):
        seen = f"records are answered no better than by chance, but a forest that never saw them is good ({names})"
        if _humble(target) or (target.width and target.boast < BOASTS):
            return Concern("chance", False, seen, POOR, KNOWN, doubt=True)
        return Concern("chance", True, seen, CAUSES + SOUND_SO, KNOWN)
    ranks_worse = target.order < max(simple.order, 0.0) * RANKS_WORSE or target.log_scores is None
    far = simple.well and target.skill < simple.skill * LOST and ranks_worse
    if far and simple.skill - target.skill >= 0.25:
        seen = f"a forest that never saw the records answers them far better ({names})"
        return Concern("lower", False, seen, POOR, KNOWN, doubt=True)
    mine, theirs = target.take(member), simple.take(member)
    found = _paired(mine, theirs)
    if mine.boast >= GAP and found.gap >= 2 * SLIGHT and found.p < 1e-4:
        seen = (
            f"members are answered {mine.boast:.0%} less often right than the model is sure, and a forest that never "
            f"saw them is better ({_names(mine, theirs)})"
        )
        return Concern("lower", False, seen, CAUSES + SOUND_SO, KNOWN, doubt=True)
    return None


def sure_and_wrong(target: Seen) -> Concern | None:
    """What speaks against a target that is sure of its answers about its own members, and right as often as by lot."""
    if len(target) < 2 * FEWEST or not target.at_chance or target.boast < BOASTS:
        return None
    seen = (
        f"members are answered no better than by chance (accuracy {target.right:.2f}), and the model is sure of itself"
    )
    return Concern("chance", False, seen, "the labels or the records are not the model's", CURE, doubt=True)


def _humble(target: Seen) -> bool:
    """Whether it may well be a model that knows nothing: its loss is that of the classes' shares, or hardly more, its
    values are about as near as the mean is.  A model that is asked something else than it was trained on is as sure as
    ever.  Of labels alone nobody can tell.
    """
    if not target.width:
        return target.right >= -SLIGHT
    if target.log_scores is None:
        return True
    shares = np.bincount(target.y) / len(target.y)
    entropy = -float(np.sum(shares[shares > 0] * np.log(shares[shares > 0])))
    return float(np.mean(target.loss)) <= HUMBLE * entropy


def believable(right: float, target: Seen, likes: Likes, simple: Callable[[], Seen | None]) -> bool:
    """Whether a permutation of the labels that makes this share of the answers right is more than a poor model's luck:
    it must come half as far above chance as a forest does (for two classes in how it ranks them), and models of the
    same recipe must not be as poor, nor so unlike each other that the target may be one of them.
    """
    forest = simple()
    if forest is not None and target.width == 2 and target.log_scores is not None:
        if -target.order < forest.order / 2:
            return False
    elif forest is not None and right - target.chance < (forest.right - target.chance) / 2:
        return False
    for like in likes:
        theirs = like.members
        same = permutation(theirs.said, theirs.y, theirs.width)
        if theirs.right < target.right + GAP and same is None:
            return False
    others = [like.members.right for like in likes.found]
    return not others or falls_short(target.right, others)
