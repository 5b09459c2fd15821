"""What would the next model of this recipe give away?  The shadow models are trainings of it, so each can be attacked.

An interval of an audit is about the model that was audited: another training of the same recipe, on records drawn
alike, gives away more or less.  Here models of the pool are the target in turn, and the attack is played as it was on
the real one, with the other models as its references.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from divulge.auditing.budget import USUAL_SIZE
from divulge.auditing.challenge_table import spec_of
from divulge.auditing.job import Job, See
from divulge.auditing.oracle import GrantedOracle
from divulge.auditing.resources import Resources
from divulge.auditing.run_attack import play_arm
from divulge.auditing.session import Session
from divulge.core.attack import Card
from divulge.core.capability.attacks import Poisons
from divulge.core.capability.declared import able
from divulge.core.errors import FOREIGN
from divulge.core.game import Arm
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores
from divulge.core.records import Records
from divulge.core.results.finding import Finding, Reading
from divulge.core.results.forecasts import NextModel
from divulge.core.results.metric import AUC, BALANCED_ACCURACY, FALSE_POSITIVE_RATES, tpr_at
from divulge.core.target import Oracle, Target
from divulge.core.threat import Access, Family
from divulge.core.views.membership import Shadows
from divulge.games.membership import MembershipGame
from divulge.stats.forecast.prediction import FEWEST, next_share
from divulge.stats.weigh import weigh
from divulge.training.shadow import SignalOf

MOST = 8
"""Models that are attacked: one of each pair, since the two models of a pair share out the same records."""

ATTACKS = 2
FOLLOWED = (AUC, BALANCED_ACCURACY, *(tpr_at(rate) for rate in FALSE_POSITIVE_RATES))


@dataclass(frozen=True, eq=False)
class Rest:
    """A pool without some of its models; see core.views.membership.Shadows."""

    pool: Shadows
    models: tuple[int, ...]

    @property
    def records(self) -> Records:
        """See Shadows."""
        return self.pool.records

    @property
    def keep(self) -> Array:
        """See Shadows."""
        return self.pool.keep[list(self.models)]

    def __len__(self) -> int:
        return len(self.models)

    def trained_on(self, records: Records) -> Array:
        """See Shadows."""
        return self.pool.trained_on(records)[list(self.models)]

    def oracle(self, model: int) -> Oracle:
        """See Shadows."""
        return self.pool.oracle(self.models[model])

    def updated(self, model: int, records: Records, how: tuple[int, float, int]) -> Oracle:
        """See Shadows."""
        return self.pool.updated(self.models[model], records, how)

    def signals(self, records: Records, signal_of: SignalOf) -> Array:
        """See Shadows."""
        return self.pool.signals(records, signal_of)[list(self.models)]

    def token_signals(self, records: Records, signal_of: Callable[[TokenScores], Array]) -> Array:
        """See Shadows."""
        return self.pool.token_signals(records, signal_of)[list(self.models)]


def followed(job: Job, findings: Sequence[Finding]) -> list[str]:
    """The attacks on membership with the highest lower bounds of their AUC, among those that ask about each record once
    and train nothing but what is in the pool.
    """
    cards = {attack.card.name: attack.card for attack in job.attacks if not able(attack, Poisons)}
    areas = [f for f in findings if f.metric == AUC and f.low is not None and f.game == Family.MEMBERSHIP.value]
    areas.sort(key=lambda f: -(f.low or 0.0))
    chosen: dict[tuple[float | None, float | None], str] = {}
    for each in areas:  # attacks that rank alike, as RMIA and InfoRMIA do, would say everything twice
        if each.attack in cards and _cheap(cards[each.attack]):
            chosen.setdefault((each.value, each.low), each.attack)
    return list(chosen.values())[:ATTACKS]


def seconds_of(job: Job, names: Sequence[str]) -> float:
    """What these attacks are expected to take on all models that stand in for the target, going by their cards."""
    own = sum(attack.card.seconds for attack in job.attacks if attack.card.name in names)
    return MOST * own * len(job.candidates) / USUAL_SIZE


def _cheap(card: Card) -> bool:
    return card.queries_per_record <= 1 and not (card.alters or card.students) and card.needs.access is Access.SCORES


def next_models(job: Job, models: int, findings: Sequence[Finding]) -> tuple[NextModel, ...]:
    """What the next training is expected to give away to the strongest attacks, beside what this one does.

    models: of the pool.  Nothing where there are fewer than four pairs of them, or none that answer with scores.

    The next training is one on another random half of these records, with another seed, that is judged on these records
    and attacked with as many reference models.  Models of different pairs are drawn independently, and each is attacked
    by all pairs but its own: given the records they could as well have come in another order, and so could the next.
    """
    made: list[NextModel] = []
    for name in followed(job, findings):
        made += _predicted(job, name, retrained(job, name, models), findings)
    return tuple(made)


def retrained(job: Job, name: str, models: int) -> list[dict[str, float]]:
    """What one attack reaches on one model of each pair of the pool, by metric; see `next_models`."""
    pairs = models // 2
    if job.shadows is None or pairs < FEWEST or not job.threat.grants(Access.SCORES):
        return []
    try:
        pool = job.shadows(models, lambda target: GrantedOracle(target, job.threat, Access.SCORES, free=True))
        targets, seen = _targets(pool), pool.trained_on(job.candidates)
        if targets is None or any((seen[2 * p] == seen[2 * p + 1]).any() for p in range(pairs)):
            return []
        return [_attacked(job, name, targets, seen, 2 * pair, models) for pair in range(min(pairs, MOST))]
    except FOREIGN:  # an attack or a model may be foreign code, and the audit itself is done
        return []


def _targets(pool: Shadows) -> tuple[Target, ...] | None:
    """The models themselves, which only a pool of divulge's own holds."""
    return getattr(pool, "targets", None)


def _attacked(job: Job, name: str, targets: Sequence[Target], seen: Array, model: int, models: int) -> dict[str, float]:
    """What one attack reaches on one model of the pool, with all pairs but its own as references."""
    others = tuple(other for other in range(models) if other // 2 != model // 2)
    attack = next(attack for attack in job.attacks if attack.card.name == name)

    def shadows(wanted: int, see: See) -> Shadows:
        assert job.shadows is not None
        return Rest(job.shadows(models, see), others[: max(wanted, 2)])

    alone = replace(
        job,
        target=targets[model],
        member=seen[model],
        shadows=shadows,
        most_shadows=len(others),
        attacks=(attack,),
        resources=Resources(),
        detectors=(),
    )
    game = MembershipGame(alone.target, alone.candidates, alone.member, alone.seed, aggregate=alone.aggregate)
    evidence, _ = play_arm(Session(alone, game, 1, spec_of(attack.card)), attack, Arm.TARGET)
    return {each.metric: each.value for each in weigh(evidence, job.policy) if each.value is not None}


def _predicted(job: Job, name: str, values: Sequence[dict[str, float]], findings: Sequence[Finding]) -> list[NextModel]:
    """One line for each metric that was measured on every training."""
    arm = min(int(job.member.sum()), int((~job.member).sum()), len(job.member) // 2)
    lines = []
    for metric in FOLLOWED:
        reached = np.array([each[metric] for each in values if metric in each])
        own = next((f for f in findings if f.attack == name and f.metric == metric), None)
        if len(reached) < max(FEWEST, len(values)) or own is None or own.value is None:
            continue
        foretold = next_share(reached, job.policy.confidence, arm)
        low, high = (own.value if end is None else end for end in (own.low, own.high))
        lines.append(
            NextModel(
                attack=name,
                metric=metric,
                this=Reading(own.value, low, high),
                next=Reading(foretold.expected, foretold.low, foretold.high),
                confidence=job.policy.confidence,
                trainings=len(reached),
                least=float(reached.min()),
                most=float(reached.max()),
                unlike=not foretold.low <= own.value <= foretold.high,
            )
        )
    return lines
