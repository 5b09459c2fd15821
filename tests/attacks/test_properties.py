"""Attacks on properties: answers derived by hand, planted properties told, idle ones at chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from divulge.attacks.property.contributed import poison_of
from divulge.attacks.property.fitted import as_rows, parameters_of
from divulge.attacks.property.melis import MelisPassive, told_apart
from divulge.attacks.property.meta import Learned
from divulge.attacks.property.neurons import layers_of, read
from divulge.attacks.property.property_chosen import weighed
from divulge.attacks.property.property_kl_test import divergence
from divulge.attacks.property.property_threshold_test import best_cut
from divulge.attacks.property.snap import log_ratio
from divulge.catalog.attacks import attack
from divulge.core.errors import AccessDenied, Impossible, InputError, TargetError
from divulge.core.game import Arm
from divulge.core.records import Column, Records, Schema
from divulge.core.results.exhibits import Fact
from divulge.core.views.property import BatchGuess, PropertyAnswer, PropertyAuxiliary, PropertyGuess
from divulge.games.batches import BatchGame
from divulge.games.inputs import MINE, InputGame
from divulge.games.judges.property import leaked_records
from divulge.games.properties import PropertyGame, PropertyPlan
from divulge.games.sides import Side
from divulge.stats.paired import mean_bounds
from divulge.targets.networks.pytorch import TorchTarget
from tests.attacks.property_games import drawn, game, played, raising, told

BLACK_BOX = ("property_chosen", "property_queries", "property_kl_test", "property_threshold_test", "property_labels")


def regression(seed):
    return LogisticRegression(C=1.0)


@pytest.fixture(scope="module")
def kinds():
    return game(regression, "share(kind == 1)")


# Known answers


def test_a_model_that_says_the_share_of_a_class_tells_it_exactly():
    plain = game(lambda seed: DummyClassifier(strategy="prior"), "share(y == 1)")
    fact = told(plain, "property_chosen")
    assert fact.told_apart == (1.0, 1.0, 1.0) and fact.error < 0.01
    assert fact.answer.truth == pytest.approx(plain.actual.records.y.mean())
    assert abs(fact.answer.estimate - fact.answer.truth) < 0.02
    assert fact.metrics_told == 1.0


def test_the_counts_of_naive_bayes_tell_a_share_of_classes_exactly():
    fact = told(game(lambda seed: GaussianNB(), "share(y == 1)"), "property_parameters")
    assert fact.told_apart[0] == 1.0 and fact.error < 0.02


def test_the_mean_that_a_pipeline_scales_by_tells_a_mean():
    scaled = game(lambda seed: make_pipeline(StandardScaler(), LogisticRegression()), "mean(x1)")
    fact = told(scaled, "property_parameters")
    assert fact.told_apart[0] == 1.0 and fact.error < 0.2 * fact.baseline_error


def test_leaked_records_by_the_formula():
    assert leaked_records(0.95, 0.2, 0.8) == pytest.approx(np.log(1 - 0.81) / np.log(0.25))
    assert leaked_records(0.5, 0.2, 0.8) == 0 and leaked_records(0.3, 0.2, 0.8) == 0
    assert leaked_records(1.0, 0.2, 0.8) is None and leaked_records(0.9, 0.0, 0.5) is not None
    shown = [1, 2]  # with n records seen, the best guess is right no more often than the bound for n allows
    for n in shown:
        low, high = (stats.binom.pmf(np.arange(n + 1), n, share) for share in (0.2, 0.8))
        assert leaked_records(float(np.maximum(low, high).sum() / 2), 0.2, 0.8) <= n


def test_where_to_cut_by_hand():
    cut, way, right = best_cut(np.array([1.0, 2.0, 3.0]), np.array([2.5, 4.0, 5.0]))
    assert way == 1.0 and right == pytest.approx(5 / 6) and cut in (2.25, 3.5)
    assert best_cut(np.array([5.0, 6.0]), np.array([1.0, 2.0]))[1:] == (-1.0, 1.0)


def test_divergence_by_hand():
    p, q = np.log([[[0.5, 0.5]], [[0.9, 0.1]]]), np.log([[[0.25, 0.75]]])
    assert divergence(p, q)[:, 0] == pytest.approx(
        [stats.entropy([0.5, 0.5], [0.25, 0.75]), stats.entropy([0.9, 0.1], [0.25, 0.75])]
    )


def test_the_ratio_of_two_normal_densities():
    low, high = np.array([-1.0, 0.0, 1.0]), np.array([2.0, 3.0, 4.0])
    asked = np.array([0.0, 1.5, 3.0])
    expected = stats.norm.logpdf(asked, 3, 1) - stats.norm.logpdf(asked, 0, 1)
    assert log_ratio(asked, low, high) == pytest.approx(expected)


def test_errors_of_opposite_sign_are_weighed_against_each_other():
    values = np.array([0.0, 1.0, 2.0, 3.0])
    up, down = Learned(values + 1, values + 1, 1.0, "up"), Learned(values - 1, values - 1, 1.0, "down")
    best = weighed([up, down], values)
    assert set(best.name.split(" + ")) == {"up", "down"} and best.error == pytest.approx(0, abs=1e-9)
    assert best.values == pytest.approx(values)


def test_what_tells_nothing_has_no_weight():
    rng = np.random.default_rng(0)
    values = rng.uniform(size=100)
    noise, backwards = rng.normal(0.5, 0.1, 100), 1 - values
    right = Learned(values, values, 0.0, "right")
    best = weighed(
        [Learned(noise, noise, 1.0, "noise"), right, Learned(backwards, backwards, 1.0, "backwards")], values
    )
    assert best.name == "right" and best.values == pytest.approx(values)
    nothing = weighed([Learned(backwards, backwards, 1.0, "backwards")], values)
    assert nothing.values == pytest.approx(np.full(100, values.mean())), "no weight is negative"


def test_what_is_contributed_is_of_the_kind_with_one_class(kinds):
    made = attack("snap")
    (dealt,) = kinds.deal(Arm.TARGET)
    question = dealt.open(None, made.card, PropertyAuxiliary(lambda t: t), np.random.default_rng(0)).questions[0]
    poison, left, target = poison_of(question, 0.1)
    assert len(poison) == 30 and set(poison.y) == {target}
    kept = {row.tobytes() for row in question.queries.x[question.flags]}
    asked = {row.tobytes() for row in question.queries.x[left]}
    added = {row.tobytes() for row in poison.x}
    assert added <= kept and not added & asked


# Planted and idle properties


@pytest.mark.parametrize("name", [*BLACK_BOX, "property_parameters"])
def test_a_property_that_moves_the_model_is_told(kinds, name):
    found = played(kinds, name)
    (fact,) = found.of(Fact)
    assert fact.told_apart[0] >= (0.7 if name in ("property_threshold_test", "property_labels") else 0.85)
    assert len(found.paired[0].hits) == 24


@pytest.mark.parametrize("name", [*BLACK_BOX, "property_parameters", "property_loss_test"])
def test_a_property_that_the_model_never_meets_is_at_chance(name):
    idle = game(regression, "share(idle == 1)", victims=90, shadows=40)
    hits = np.array(played(idle, name).paired[0].hits)
    low, high = mean_bounds(hits, 0.002)
    assert low <= 0.5 <= high


@pytest.mark.parametrize("name", BLACK_BOX)
def test_controls(kinds, name):
    flat = np.array(played(kinds, name, Arm.NEGATIVE).paired[0].hits)
    low, high = mean_bounds(flat, 0.002)
    assert low <= 0.5 <= high
    assert told(kinds, name, Arm.POSITIVE).told_apart[0] >= 0.95


def test_the_loss_test_names_the_kind_that_a_model_is_better_on():
    made = game(regression, "share(kind == 1)")
    (dealt,) = made.deal(Arm.TARGET)
    card = attack("property_loss_test").card
    question = dealt.open(None, card, PropertyAuxiliary(lambda t: t), np.random.default_rng(0)).questions[0]

    class Model:
        ports = frozenset()
        task = made.target.task

        def __init__(self, good):
            self.good = good

        def labels(self, records):
            right = question.flags if self.good else ~question.flags
            return np.where(right, records.y, 1 - records.y)

    answer = attack("property_loss_test")._about(replace(question, victims=(Model(True), Model(False))))
    assert answer.scores[0].tolist() == [1.0, -1.0]


def test_intervals_hold_as_often_as_they_say():
    held = [told(game(regression, "share(kind == 1)", victims=60, shadows=64), "property_chosen").covered]
    held.append(
        told(game(lambda s: GaussianNB(), "share(kind == 1)", victims=60, shadows=64), "property_queries").covered
    )
    assert min(held) > 0.85


def test_halves_of_the_adversarys_models_share_no_record(kinds):
    world = kinds.world(kinds.designs[0], Arm.TARGET)
    cohort = world.cohort(lambda model: model)
    assert not kinds.designs[0].shared and sorted(np.unique(cohort.half)) == [0, 1]
    (rest, part), _ = cohort.folds()
    assert set(cohort.half[rest]) == {0} and set(cohort.half[part]) == {1}


def test_presence_size_and_copies():
    present = told(game(regression, "present(kind == 1)"), "property_chosen")
    assert present.pairs[0][0] == 0 and present.told_apart[0] > 0.8
    size = told(game(lambda seed: DecisionTreeClassifier(random_state=seed), "size()"), "property_parameters")
    assert size.told_apart[0] == 1.0
    copies = game(lambda seed: DecisionTreeClassifier(random_state=seed), "duplicates()")
    fact = told(copies, "property_parameters")
    assert fact.pairs[0] == (0.0, 0.5) and fact.told_apart[0] >= 0.9 and fact.answer.truth == 0


def test_poisoning_raises_what_is_told():
    shares = []
    for rate in (0.0, 0.15):
        quiet = game(regression, "share(kind == 1)", 0.0, 4.0, values=(0.4, 0.6), victims=60, shadows=60, size=1_000)
        shares.append(told(quiet, "snap", threat="data-contributor", rate=rate).told_apart[0])
    assert shares[1] > 0.7 and shares[1] > shares[0] + 0.15
    far = game(regression, "share(kind == 1)", 0.0, 4.0, values=(0.1, 0.9), size=1_000)
    assert told(far, "property_poisoning", threat="data-contributor", rate=0.1).told_apart[0] >= 0.8
    flat = np.array(played(far, "snap", Arm.NEGATIVE, threat="data-contributor").paired[0].hits)
    low, high = mean_bounds(flat, 0.002)
    assert low <= 0.5 <= high


# Parameters


def test_a_network_reads_the_same_when_its_neurons_change_places():
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2))
    order = torch.randperm(7)
    second = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2))
    with torch.no_grad():
        second[0].weight.copy_(first[0].weight[order])
        second[0].bias.copy_(first[0].bias[order])
        second[2].weight.copy_(first[2].weight[:, order])
        second[2].bias.copy_(first[2].bias)
    rows = as_rows([parameters_of(first), parameters_of(second)])
    assert rows[0] == pytest.approx(rows[1], abs=1e-6)
    values = np.linspace(0, 1, 40)
    crowd = [layers_of(_network_with(v, i)) for i, v in enumerate(values)]
    said = read(crowd, values, [layers_of(first), layers_of(second)], 0, 60, 1)
    assert said[0] == pytest.approx(said[1], abs=1e-5)


def _network_with(value, seed):
    """Weights whose spread is told by a value."""
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 2))
    with torch.no_grad():
        made[0].weight.normal_(0, 0.2 + value)
    return made


def test_a_deep_set_finds_what_neurons_have_in_common():
    rng = np.random.default_rng(0)
    values, asked = rng.random(150), rng.random(40)
    crowd = [layers_of(_network_with(v, i)) for i, v in enumerate(values)]
    others = [layers_of(_network_with(v, 1_000 + i)) for i, v in enumerate(asked)]
    said = read(crowd, values, others, 0, 400, 2)
    assert np.abs(said - asked).mean() < 0.5 * np.abs(asked - 0.5).mean()
    lots = read(crowd, rng.permutation(values), others, 0, 400, 1)
    assert abs(np.corrcoef(lots, asked)[0, 1]) < 0.5


def test_kernels_are_neurons_and_other_models_are_refused():
    layers = layers_of(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2)))
    assert layers[0].shape[0] == 4 and layers[0].shape[1] >= 10 and layers[1].shape == (1, 2)
    with pytest.raises(Impossible, match="has none"):
        layers_of(nn.Sequential(nn.Flatten()))
    with pytest.raises(Impossible, match="reads the neurons"):
        played(game(regression, "share(kind == 1)", victims=12, shadows=16), "property_neurons")


# The game


def test_what_the_game_refuses():
    side, other = drawn(3_000, 1), drawn(3_000, 2)
    models = raising(regression)
    plan = PropertyPlan(("share(kind == 1)",), victims=12, shadows=16)
    with pytest.raises(InputError, match="disjoint"):
        PropertyGame(None, side, side.take(np.arange(2_000)), None, models, 0, plan)
    with pytest.raises(Impossible, match="no property"):
        PropertyGame(None, side, other, None, models, 0, PropertyPlan())
    with pytest.raises(Impossible, match="no recipe"):
        PropertyGame(None, side, other, None, None, 0, plan)
    with pytest.raises(InputError, match="give more records"):
        PropertyGame(None, side.take(np.arange(120)), other, None, models, 0, plan)
    with pytest.raises(InputError, match="the same for all"):
        PropertyGame(None, side, other, None, models, 0, PropertyPlan(("share(kind == 7)",)))


def test_answers_of_the_wrong_shape_are_refused(kinds):
    with pytest.raises(TargetError, match="no finite score"):
        kinds.judge(PropertyGuess((PropertyAnswer((np.zeros(2),) * 3),)), Arm.TARGET)
    with pytest.raises(TargetError, match="pairs apart"):
        kinds.judge(PropertyGuess((PropertyAnswer((np.zeros(36),)),)), Arm.TARGET)
    with pytest.raises(InputError, match="answers were handed in"):
        kinds.judge(PropertyGuess(()), Arm.TARGET)


def test_a_guess_by_lot_is_worth_nothing(kinds):
    rng = np.random.default_rng(3)
    middle = PropertyAnswer(tuple(rng.normal(size=37) for _ in range(3)), np.full(37, 0.5))
    found = kinds.judge(PropertyGuess((middle,)), Arm.TARGET)
    (fact,) = found.of(Fact)
    assert 0.15 < fact.told_apart[0] < 0.85
    assert fact.error == pytest.approx(fact.baseline_error) and found.paired[1].value == found.paired[1].chance


def test_only_an_active_adversary_contributes(kinds):
    (dealt,) = kinds.deal(Arm.TARGET)
    card = attack("property_chosen").card
    question = dealt.open(None, card, PropertyAuxiliary(lambda t: t), np.random.default_rng(0)).questions[0]
    with pytest.raises(AccessDenied, match="active"):
        question.poisoned(question.queries)


# Batches and inputs


def federated(told: float = 1.5) -> tuple[TorchTarget, Side, Side]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    return TorchTarget(module), drawn(2_000, 11, told), drawn(2_000, 12, told)


def batches(text: str) -> BatchGame:
    target, clients, adversary = federated()
    clients.records.x[:, 3] = 2.5 * np.asarray(clients.columns["kind"]) + 0.1 * clients.records.x[:, 3]
    adversary.records.x[:, 3] = 2.5 * np.asarray(adversary.columns["kind"]) + 0.1 * adversary.records.x[:, 3]
    return BatchGame(target, clients, adversary, 0, PropertyPlan((text,), trials=60, batch=16))


def asked(dealt: BatchGame, name: str, arm: Arm = Arm.TARGET, **settings):
    made = attack(name, **settings)
    (dealt_round,) = dealt.deal(arm)
    return dealt_round.judge(made.run(dealt_round.open(None, made.card, None, np.random.default_rng(0))))


@pytest.mark.parametrize("name", ["melis_passive", "melis_active"])
def test_kinds_of_batches(name):
    visible = batches("share(kind == 1)")
    assert asked(visible, name, batches=60).paired[0].value > 0.85
    assert asked(visible, name, Arm.POSITIVE, batches=60).paired[0].value > 0.8
    low, high = mean_bounds(np.array(asked(visible, name, Arm.NEGATIVE, batches=60).paired[0].hits), 0.002)
    assert low <= 0.5 <= high
    low, high = mean_bounds(np.array(asked(batches("share(idle == 1)"), name, batches=60).paired[0].hits), 0.002)
    assert low <= 0.5 <= high


def test_updates_told_apart_by_hand_and_what_the_batch_game_refuses():
    rng = np.random.default_rng(0)
    held = np.arange(60) % 2 == 1
    own = rng.normal(size=(60, 9))
    own[held, 4] += 5
    score = told_apart(own, held, np.array([[0.0] * 9, [0.0] * 4 + [5.0] + [0.0] * 4]))
    assert score[1] > 1 > -1 > score[0]
    target, clients, adversary = federated()
    with pytest.raises(Impossible, match="name a share"):
        BatchGame(target, clients, adversary, 0, PropertyPlan(("mean(x1)",)))
    made = BatchGame(target, clients, adversary, 0, PropertyPlan(("share(kind == 1)",), trials=20, batch=8))
    (dealt,) = made.deal(Arm.TARGET)
    with pytest.raises(TargetError, match="no finite score"):
        dealt.judge(BatchGuess((np.zeros(3),)))
    question = dealt.open(None, MelisPassive.card, None, np.random.default_rng(0)).questions[0]
    with pytest.raises(AccessDenied, match="active"):
        question.ask(0, None)


def inputs(carries: bool) -> InputGame:
    """A network whose first layer passes on the kind, or all but the kind."""
    side, other = drawn(1_500, 21), drawn(1_500, 22)
    for part in (side, other):
        part.records.x[:, 0] = np.asarray(part.columns["kind"]) + 0.1 * np.random.default_rng(0).normal(size=1_500)
    module = nn.Sequential(nn.Linear(4, 4), nn.Identity(), nn.Linear(4, 2))
    with torch.no_grad():
        module[0].weight.copy_(torch.diag(torch.tensor([1.0 if carries else 0.0, 1.0, 0.0, 1.0])))
    plan = PropertyPlan(("share(kind == 1)",))
    return InputGame(TorchTarget(module), side, other, 0, plan, layer="0")


def test_what_is_passed_on_tells_an_attribute_or_does_not():
    def probed(dealt, arm=Arm.TARGET):
        made = attack("overlearning")
        (dealt_round,) = dealt.deal(arm)
        return dealt_round.judge(made.run(dealt_round.open(None, made.card, None, np.random.default_rng(0))))

    open_ = probed(inputs(True)).paired[0]
    assert open_.value > 0.95 and open_.chance < 0.6
    for found in (probed(inputs(True), Arm.NEGATIVE), probed(_idle())):
        assert found.paired[0].value == pytest.approx(found.paired[0].chance, abs=0.08)
    assert probed(inputs(True), Arm.POSITIVE).paired[0].value > 0.9
    (fact,) = probed(inputs(True)).of(Fact)
    assert any("control task" in line and MINE in line for line in fact.notes)


def _idle() -> InputGame:
    made = inputs(False)
    return InputGame(made.target, made.records, made.adversary, 0, PropertyPlan(("share(idle == 1)",)), layer="0")


def test_sensitive_columns_are_asked_about_too():
    schema = Schema((Column("a"), Column("b")), classes=(0, 1))
    assert isinstance(Side.of(Records(np.zeros((3, 2)), np.array([0, 1, 0]), schema)), Side)
    with pytest.raises(Impossible, match="no attribute"):
        InputGame(inputs(True).target, drawn(200, 1), drawn(200, 2), 0, PropertyPlan())
