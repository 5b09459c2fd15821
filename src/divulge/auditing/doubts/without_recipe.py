"""What the answers alone tell of a target where no model of its recipe can be trained beside it."""

from __future__ import annotations

import numpy as np

from divulge.auditing.answers import Seen, bare
from divulge.auditing.job import Job
from divulge.auditing.likeness import (
    FEWEST,
    LOSS_TELLS,
    MOST_RECORDS,
    RIGHT_ONE,
    SOUND_SO,
    SeenSides,
    forest,
    numbers_of,
    told_by_loss,
)
from divulge.core.capability.declared import able
from divulge.core.capability.reading import HasPeers
from divulge.core.hashing import Array, derived_seed
from divulge.core.results.handshake import Concern
from divulge.core.wording import joined

BOASTS, ALIKE = 0.15, 0.08
"""By how much surer than right a model must be on its members; and at most how much less so than on non-members."""

CERTAIN = 5.0
"""Standard errors from which a share is held to be another one."""

SLIGHTLY = 3.0
"""The same for a model that is far surer than it is right: one of many looks at what chance may give."""

UNTOLD = 2.5
"""Standard errors of kappa, or of a correlation, up to which answers have nothing to do with the truth."""

ONE_HOT = 1 - 1e-6
"""A mean highest probability above this is that of labels written as scores, which are sure of everything."""


def boasts_to_strangers(side: SeenSides) -> Concern | None:
    """What speaks against a target that is far surer of its members than it is right, and that answers them as it
    answers others.  Whatever is fitted to records by their likelihood is about as sure of them as it is right.
    """
    members, others = side.members, side.nonmembers
    if min(len(members), len(others)) < FEWEST or members.log_scores is None or members.right >= 1 - BOASTS:
        return None
    sure = np.exp(members.log_scores).max(axis=1)
    if sure.mean() >= ONE_HOT or abs(members.boast - others.boast) > ALIKE or loss_tells(side, SLIGHTLY):
        return None
    spread = np.sqrt(members.right * (1 - members.right) / len(members)) + 1 / len(members)
    if members.boast < max(BOASTS, CERTAIN * spread):
        return None
    seen = (
        f"the model is {sure.mean():.0%} sure of its answers about members and right for {members.right:.0%}, as about "
        "non-members, while a model that learned from them is about as sure as it is right"
    )
    cause = "it was not trained on these members, or the records reach it in another form" + SOUND_SO
    return Concern("strangers", False, seen, cause, RIGHT_ONE + ", or say how good it is (`expect`)", doubt=True)


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
    if job.recipe is not None or job.own or job.expect or able(bare(job.target), HasPeers) or loss_tells(side):
        return ()
    if any(concern.fault or concern.doubt for concern in concerns):
        return ()
    if not len(side.members) or not len(side.nonmembers):
        return ()
    ways = joined(["a `recipe` to compare it with", "`expect`, its accuracy or r2 on members"], "or")
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
