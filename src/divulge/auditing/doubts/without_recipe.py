"""What the answers alone tell of a target where no model of its recipe can be trained beside it."""

from __future__ import annotations

import numpy as np

from divulge.auditing.answers import Seen, bare
from divulge.auditing.job import Job
from divulge.auditing.likeness import (
    FEWEST,
    KNOWN,
    LOSS_TELLS,
    MOST_RECORDS,
    POOR,
    RIGHT_ONE,
    SOUND_SO,
    SeenSides,
    forest,
    numbers_of,
    told_by_loss,
)
from divulge.auditing.probes import FEWEST_PEERS
from divulge.core.capability.declared import able
from divulge.core.capability.reading import HasPeers
from divulge.core.hashing import Array, derived_seed
from divulge.core.results.handshake import Concern
from divulge.core.threat import Access
from divulge.core.wording import joined
from divulge.stats.handshake import line

BOASTS, ALIKE = 0.15, 0.08
"""By how much surer than right a model must be on its members; and at most how much less so than on non-members."""

CERTAIN = 5.0
"""Standard errors from which a share is held to be another one."""

SLIGHTLY = 3.0
"""The same for a model that is far surer than it is right: one of many looks at what chance may give."""

MANY = 100
"""Members from which on chance is not taken for few records."""

FOLLOWED = 0.6
"""Slope of the truth on the values from which on it follows them: 1 for a line that was fitted to these records."""

UNTOLD = 2.5
"""Standard errors of kappa, or of a correlation, up to which answers have nothing to do with the truth."""

ONE_HOT = 1 - 1e-6
"""A mean highest probability above this is that of labels written as scores, which are sure of everything."""


def boasts_to_strangers(side: SeenSides) -> Concern | None:
    """What speaks against a target that is far surer of its members than it is right, and that answers them as it
    answers others.  Whatever is fitted to records by their likelihood is about as sure of them as it is right, and
    its values vary no more than the truth follows them.
    """
    members, others = side.members, side.nonmembers
    if min(len(members), len(others)) < FEWEST or members.right >= 1 - BOASTS:
        return None
    if not members.width and np.ptp(members.y) == 0:  # scores of which the highest are asked for: nothing is true
        return None
    if not members.width:
        return strays(side) or hidden_by_scale(side)
    if loss_tells(side, SLIGHTLY):
        return None
    sure = np.exp(members.log_scores).max(axis=1) if members.log_scores is not None else np.ones(len(members))
    if sure.mean() >= ONE_HOT:
        return _hardly_right(members)
    if abs(members.boast - others.boast) > max(ALIKE, SLIGHTLY * np.hypot(_error(members), _error(others))):
        return None
    if members.boast < max(BOASTS, CERTAIN * (_error(members) + 1 / len(members))):
        return None
    seen = (
        f"the model is {sure.mean():.0%} sure of its answers about members and right for {members.right:.0%}, as about "
        "non-members, while a model that learned from them is about as sure as it is right"
    )
    cause = "it was not trained on these members, or the records reach it in another form" + SOUND_SO
    return Concern("strangers", False, seen, cause, RIGHT_ONE + ", or say how good it is (`expect`)", doubt=True)


def modest(like: SeenSides) -> bool:
    """Whether a model of the recipe is about as sure of its members as it is right, so that the target ought to be."""
    return like.members.boast < BOASTS / 3 and boasts_to_strangers(like) is None


def _error(seen: Seen) -> float:
    """Standard error of an accuracy."""
    return float(np.sqrt(seen.right * (1 - seen.right) / len(seen)))


def _hardly_right(members: Seen) -> Concern | None:
    """What speaks against labels, or scores that are as sure as labels, that have nothing to do with the truth."""
    if len(members) < MANY or not members.at_chance:
        return None
    seen = (
        f"members are answered no better than by chance (accuracy {members.right:.2f}), by labels that do not say how "
        "sure they are"
    )
    return Concern("chance", False, seen, POOR, KNOWN, doubt=True)


def strays(side: SeenSides) -> Concern | None:
    """What speaks against values that vary far more than the truth of the members follows them."""
    members = side.members
    _, slope, reached = line(members.said, members.y)
    if reached - members.right < BOASTS or loss_tells(side, SLIGHTLY):
        return None
    spread = np.sqrt((1 - reached) * np.var(members.y) / (len(members) * np.var(members.said)))
    if slope + CERTAIN * spread >= FOLLOWED:
        return None
    seen = (
        f"where values about members differ by 1, the truth differs by {slope:.2g} (R2 {members.right:.2f}), as about "
        "non-members, while it follows the values of a model that learned from them"
    )
    cause = "it was not trained on these members, or the records reach it in another form"
    cause += "; a sound model is like that where it predicts a quantile, leaves out outliers, or with noise on it"
    return Concern("strangers", False, seen, cause, RIGHT_ONE + ", or say how good it is (`expect`)", doubt=True)


def hidden_by_scale(side: SeenSides) -> Concern | None:
    """What speaks against values by whose errors members cannot be told, and can be once they are on the line of the
    truth.
    """
    members = side.members
    intercept, slope, reached = line(members.said, members.y)
    if reached - members.right < BOASTS or loss_tells(side, SLIGHTLY):
        return None
    moved = [Seen(one.y, intercept + slope * one.said, 0) for one in (members, side.nonmembers)]
    if not loss_tells(SeenSides(*moved), CERTAIN):
        return None
    seen = (
        f"{intercept:.3g} {'+' if slope >= 0 else '-'} {abs(slope):.3g} times the value is far nearer to the truth of "
        f"members (R2 {reached:.2f} instead of {members.right:.2f}), and errors tell members then"
    )
    cause = "the target was scaled or transformed in training, or the model was trained for a few steps only"
    cure = "let the model answer in the units of the records"
    return Concern("scale", False, seen, cause, cure, doubt=True)


def loss_tells(side: SeenSides, by: float = LOSS_TELLS) -> bool:
    """Whether members can be told from others by their loss, so that they are no strangers to the model.  by: standard
    errors by which the AUC must lie above a half.
    """
    if not len(side.members) or not len(side.nonmembers):
        return False
    area, spread = told_by_loss(side)
    return area - 0.5 > by * spread


def not_looked_at(job: Job, side: SeenSides, concerns: tuple[Concern, ...]) -> tuple[str, ...]:
    """What nobody can see: a model that answers its members as it answers others may be another model than the one
    that was trained on them, unless one of its recipe is trained beside it or its owner says how good it is.
    """
    target = bare(job.target)
    peers = target.remembered()[1] if able(target, HasPeers) else None
    if job.recipe is not None or job.own or job.expect or loss_tells(side):
        return ()
    if peers is not None and len(peers) >= FEWEST_PEERS:
        return ()
    if any(concern.fault or concern.doubt for concern in concerns):
        return ()
    if not len(side.members) or not len(side.nonmembers):
        return ()
    more = "a `recipe` to compare it with" if peers is None else "more models in the table"
    stated = ["`expect`, its accuracy or r2 on members"] if Access.LABEL in target.offers else []
    ways = joined([more, *stated], "or")
    return (f"whether it was trained on these members, of which its answers show nothing: give {ways}",)


def told_in_one_set(job: Job, places: Array, member: Array, plain: Seen) -> Concern | None:
    """What speaks against the sets where records tell their truth in one, and nothing of it in the other: neither to
    the target, nor to a forest of the first set, nor to one of the other set itself.

    places: which candidates were asked about.  member: [asked].  plain: what the target said of them.
    """
    sides = {inside: np.flatnonzero(member == inside)[:MOST_RECORDS] for inside in (True, False)}
    target = {inside: plain.take(where) for inside, where in sides.items()}
    if min(map(len, sides.values())) < 2 * FEWEST:
        return None
    lacks = next((side for side in (True, False) if _nothing_in(target[side]) and target[not side].well), None)
    known = {} if lacks is None else {side: numbers_of(job, places[where]) for side, where in sides.items()}
    lacking, telling = known.get(bool(lacks)), known.get(not lacks)
    if lacks is None or lacking is None or telling is None:
        return None
    seed = derived_seed(job.seed, "one side") % 2**31
    good, across = forest(*telling, seed), forest(*telling, seed, asked=lacking)
    spread = np.sqrt(1 / len(good) + 1 / len(across))
    if not good.well or not _nothing_in(across) or good.skill - max(across.skill, 0.0) < CERTAIN * spread:
        return None
    if forest(*lacking, seed).well:  # told otherwise there, not untold
        return None
    names = {True: "members", False: "non-members"}
    measure = "accuracy" if plain.width else "R2"
    seen = (
        f"{names[lacks]} tell nothing of their true answer, to the model ({measure} {target[lacks].right:.2f}) as to a "
        f"forest of the {names[not lacks]} ({across.right:.2f}), which tell theirs ({target[not lacks].right:.2f} and "
        f"{good.right:.2f})"
    )
    cause = f"the labels of the {names[lacks]} stand in another order than their records, or are of another kind"
    return Concern("one side", True, seen, cause, f"give the {names[lacks]} with their own labels")


def _nothing_in(seen: Seen) -> bool:
    """Whether answers have no more to do with the truth than chance would give."""
    most = UNTOLD / np.sqrt(len(seen))
    return seen.skill < most and (not seen.width or abs(seen.order) < 2 * most)
