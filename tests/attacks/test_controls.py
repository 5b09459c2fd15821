"""Every attack: chance against a model that never saw the records, a finding against one that memorised them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_regression
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeRegressor

from divulge.auditing.challenges.membership import MEMBERSHIP
from divulge.auditing.run_attack import play_arm
from divulge.auditing.session import Session
from divulge.auditing.sessions import findings_expected
from divulge.catalog.attacks import cards
from divulge.core.game import Arm
from divulge.core.threat import Access, Family, Task
from divulge.games.membership import MembershipGame
from divulge.setup.assemble import job_from_records
from divulge.setup.settings import Options
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.records_from import records_from
from divulge.setup.sources.targets_from import target_from
from divulge.stats.auc import auc, null_deviation

# The white-box attack needs a network: tests/attacks/test_gradient_norm.py has its controls.
BLACK_BOX = [
    card
    for card in cards()
    if card.family is Family.MEMBERSHIP
    and card.needs.tasks & {Task.CLASSIFICATION, Task.REGRESSION}  # of texts: tests/language
    and card.needs.access is not Access.SAMPLES  # of releases: tests/attacks/test_releases.py
    and card.needs.access is not Access.COUNTS  # tests/attacks/test_counts.py
    and card.needs.access not in (Access.GRADIENTS, Access.INTERNALS, Access.EXPLANATIONS)  # test_explanations.py
    and card.name not in ("loss_trajectory", "lira_augmented", "truth_serum", "label_only_augmentation")
]


@cache
def played(task):
    """A memorising model on real digits with a fifth of the labels wrong, or on noisy values."""
    rng = np.random.default_rng(0)
    if task is Task.CLASSIFICATION:
        x, y = load_digits(return_X_y=True)
        order = rng.permutation(len(x))
        wrong = order[::5]  # as many among members as among non-members: what differs between them is membership alone
        y[wrong] = rng.integers(0, 10, len(wrong))
        model = MLPClassifier((64,), alpha=0.0, max_iter=300, tol=0, n_iter_no_change=300, random_state=0)
    else:
        x, y = make_regression(1800, 10, noise=30, random_state=0)
        y = y / y.std()
        order = rng.permutation(len(x))
        model = DecisionTreeRegressor(min_samples_leaf=2, random_state=0)
    a, b, c = order[:450], order[450:900], order[900:1700]
    target = target_from(model.fit(x[a], y[a]))
    sets = records_from(target, (x[a], y[a]), (x[b], y[b]), (x[c], y[c]))
    job = job_from_records(
        target,
        sets,
        Options(
            threat="published-model",
            attacks=[card.name for card in BLACK_BOX if target.task in card.needs.tasks],
            duplicates="drop",
            seed=1,
        ),
        recipe=recipe_for("auto", model, target),
    )
    game = MembershipGame(target, job.candidates, job.member, job.seed, job.recipe, job.population)
    return job, Session(job, game, findings_expected(job, [a.card for a in job.attacks]), MEMBERSHIP)


def area(card, arm):
    job, table = played(min(card.needs.tasks, key=lambda t: t.value))
    made = next(a for a in job.attacks if a.card.name == card.name)
    return auc(play_arm(table, made, arm)[0].scored), job


@pytest.mark.parametrize("card", BLACK_BOX, ids=lambda c: c.name)
def test_negative_control_is_at_chance(card):
    measured, job = area(card, Arm.NEGATIVE)
    low, high = measured.interval(0.002)
    assert low <= 0.5 <= high
    assert abs(measured.value - 0.5) <= 3.1 * null_deviation(int(job.member.sum()), int((~job.member).sum()))


@pytest.mark.parametrize("card", BLACK_BOX, ids=lambda c: c.name)
def test_positive_control_fires(card):
    measured, _ = area(card, Arm.POSITIVE)
    assert measured.interval(0.001).low > 0.5


@pytest.mark.parametrize("card", BLACK_BOX, ids=lambda c: c.name)
def test_a_memorizing_target_is_found(card):
    measured, _ = area(card, Arm.TARGET)
    assert measured.interval(0.001).low > 0.5
