"""Membership inference: who was in the training data?"""

from __future__ import annotations

from typing import Any

from divulge.auditing.challenge import Adversary, ChallengeSpec, Estimates, control_models
from divulge.auditing.challenges.counts import counting
from divulge.auditing.job import BoundRecipe, Job
from divulge.core.attack import Attack, Card
from divulge.core.capability.attacks import shadows_of
from divulge.core.game import Game
from divulge.core.results.metric import AUC, Trials, of_trials
from divulge.core.threat import Access, Challenge, Phase
from divulge.games.membership import MembershipGame
from divulge.targets.generator import GeneratorTarget
from divulge.training.recipes.generator import ReplayRecipe


def _lay(job: Job) -> tuple[Game, Adversary | None]:
    records = (job.candidates, job.member, job.seed)
    recipe = job.recipe
    if recipe is None and Access.SAMPLES in job.target.offers:  # a table of other rows, and one of these, need none
        recipe = BoundRecipe(ReplayRecipe(), GeneratorTarget, job.resources.trainer)
    elif Access.COUNTS in job.target.offers:
        recipe = counting(job)
    game = MembershipGame(job.target, *records, recipe, job.population, job.features, job.aggregate, job.reference)
    return game, None


def _models(attack: Attack[Any, Any], job: Job) -> tuple[str, int]:
    contributes = attack.card.needs.phase is Phase.TRAINING  # its models learn from its records, too
    return f"membership {attack.card.name if contributes else ''}", shadows_of(attack) + control_models(job)


def _queries(attack: Attack[Any, Any], records: int) -> int:
    return round(attack.card.queries_per_record * records)


def _lacks(card: Card, job: Job) -> list[str]:
    queries, budget = card.queries_per_record * len(job.candidates), job.threat.query_budget
    if budget is None or queries <= 1.5 * budget:
        return []
    return [f"it needs about {queries:,.0f} queries, and the budget is {budget:,}"]


def _fires(positive: Estimates) -> bool:
    area = positive.get((AUC, ""))
    return area is None or (area.low or 0.0) > 0.5


MEMBERSHIP = ChallengeSpec(
    Challenge.MEMBERSHIP,
    _lay,
    _models,
    tests=lambda card, job: len(of_trials(Trials.SCORED)),
    lacks=_lacks,
    queries=_queries,
    fires=_fires,
    blunt="the attack did not find members even in the model that was overfitted on purpose",
    of_records=True,
    shares_answers=True,
)

ALL = (MEMBERSHIP,)
