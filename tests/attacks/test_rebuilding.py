"""Records out of files, versions, weights and intermediate results; what a class looks like."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn

from divulge.attacks.reconstruction.inversion import image_generator
from divulge.attacks.reconstruction.inversion.image_generator import generator_for
from divulge.attacks.reconstruction.linear_models import LinearModel, linear_model
from divulge.attacks.reconstruction.versions.unlearned_batch import batch_behind
from divulge.attacks.reconstruction.weights.kkt import agreeing
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.errors import Impossible, InputError
from divulge.core.game import Arm
from divulge.core.results.evidence import Lacking
from divulge.core.threat import PRESETS
from divulge.core.views.reconstruction import FileView, ReconstructionAuxiliary
from divulge.data.arrays import from_arrays
from divulge.games.classes import InversionGame
from divulge.games.extraction import ranges
from divulge.games.rebuild import RebuildPlan
from divulge.setup.sources.recipes_from import recipe_for
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.surrogates.students import SurrogateTrainer
from tests.attacks.reconstruction_games import Convolutions, dense, pictures, played, quality, share, taught

SETS = pictures(90, seed=1), pictures(90, seed=2), pictures(400, seed=3)


def clouds(count, seed=0, task="classification"):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 5)) @ np.random.default_rng(9).normal(size=(5, 5))
    signal = x @ np.array([1.0, -1.0, 0.5, 0.0, 0.2]) + rng.normal(size=count)
    return x, (signal > 0).astype(int) if task == "classification" else signal


def tables(task="classification", sizes=(120, 120, 4000)):
    from divulge.core.threat import Task

    made = [clouds(n, seed, task) for seed, n in enumerate(sizes)]
    kind = Task.CLASSIFICATION if task == "classification" else Task.REGRESSION
    return tuple(from_arrays(made, task=kind))


def fitted(model, sets):
    target = SklearnTarget(model.fit(sets[0].x, sets[0].y))
    return target, recipe_for(model, model, target)


@pytest.mark.parametrize(
    ("model", "least"),
    [
        (KNeighborsClassifier(3), 1.0),
        (make_pipeline(StandardScaler(), KNeighborsClassifier(3)), 1.0),
        (SVC(), 0.2),
        (GaussianProcessClassifier(), 1.0),
        (LogisticRegression(), 0.0),
    ],
    ids=lambda m: type(m).__name__,
)
def test_records_that_lie_in_the_file_are_found(model, least):
    sets = tables()
    target, recipe = fitted(model, sets)
    found = played("stored_data", target, sets, threat="published-model", recipe=recipe)
    if least == 0:
        assert not found.paired and found.lacking == (Lacking("records_exact", "the attack found no record"),)
        return
    assert share(found, "records_exact") >= least and found.notes
    other = played("stored_data", target, sets, Arm.NEGATIVE, threat="published-model", recipe=recipe)
    assert share(other, "records_exact") == 0


def test_a_wrapper_that_keeps_its_loader_is_caught():
    class Careless(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = dense()
            self.loader = [("batch", torch.as_tensor(SETS[0].x))]

        def forward(self, x):
            return self.inner(x)

    found = played("stored_data", Careless(), SETS, threat="published-model")
    assert share(found, "records_exact") == 1 and "loader" in found.notes[0]


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_all_records_but_one_give_the_last_one_away(task):
    sets = tables(task)
    model = LogisticRegression(solver="newton-cholesky", tol=1e-12) if task == "classification" else Ridge(0.5)
    target, recipe = fitted(model, sets)
    found = played("informed_adversary", target, sets, threat="informed", recipe=recipe, plan=RebuildPlan(20))
    assert share(found, "records_exact") >= 0.9
    other = played("informed_adversary", target, sets, Arm.NEGATIVE, threat="informed", recipe=recipe)
    assert share(other, "records_exact") == 0
    with pytest.raises(Impossible, match="easiest"):
        played("informed_adversary", target, sets, Arm.POSITIVE, threat="informed", recipe=recipe)


def test_a_deleted_record_is_the_difference_of_two_versions():
    """With the training records themselves as the public ones the Hessian is exact, and so is the record (Sherman and
    Morrison: w - w' = H^-1 x r).
    """
    training, unseen, population = tables("regression", (150, 150, 4000))
    target, recipe = fitted(LinearRegression(), (training,))
    exact = played("deleted_record", target, (training, unseen, training), threat="informed", recipe=recipe)
    assert np.min(quality(exact, "cosine, less the mean")) > 0.9999
    near = played("deleted_record", target, (training, unseen, population), threat="informed", recipe=recipe)
    assert np.median(quality(near, "cosine, less the mean")) > 0.97
    other = played("deleted_record", target, (training, unseen, population), Arm.NEGATIVE, "informed", recipe)
    assert abs(np.median(quality(other, "cosine, less the mean"))) < 0.5
    assert share(other, "records_exact") == 0


@pytest.mark.parametrize("classes", [2, 3])
def test_a_deleted_record_of_logistic_regression(classes):
    rng = np.random.default_rng(0)
    data = []
    for n in (200, 200, 6000):
        x = rng.normal(size=(n, 4))
        data.append((x, (x @ rng.normal(size=(4, classes)) * 0 + x[:, :classes]).argmax(axis=1)))
    sets = tuple(from_arrays(data))
    target, recipe = fitted(LogisticRegression(C=0.05, tol=1e-12, max_iter=10_000), sets)
    found = played("deleted_record", target, sets, threat="informed", recipe=recipe, plan=RebuildPlan(10))
    assert np.median(quality(found, "cosine, less the mean")) > 0.95


def test_only_linear_models_with_an_intercept_are_read():
    sets = tables()
    with pytest.raises(Impossible, match="KNeighbors"):
        linear_model(KNeighborsClassifier().fit(sets[0].x, sets[0].y))
    with pytest.raises(Impossible, match="intercept"):
        linear_model(LogisticRegression(fit_intercept=False).fit(sets[0].x, sets[0].y))


def test_activations_are_inverted_and_decoded():
    module = taught(Convolutions(), SETS[0], 60)
    for name, least in (("activation_inversion", 25), ("activation_decoder", 17)):
        own = played(name, module, SETS, threat="split-server", plan=RebuildPlan(10, layer="body.0"))
        other = played(name, module, SETS, Arm.NEGATIVE, threat="split-server", plan=RebuildPlan(10, layer="body.0"))
        assert np.median(quality(own, "PSNR, dB")) >= least
        assert np.median(quality(other, "PSNR, dB")) < least - 4 and share(other, "records_exact") == 0
    with pytest.raises(InputError, match="no layer"):
        played("activation_inversion", module, SETS, threat="split-server", plan=RebuildPlan(3, layer="attic"))


class Wide(nn.Module):
    """One hidden layer without anything else that could hold a record."""

    def __init__(self):
        super().__init__()
        self.one, self.act, self.two = nn.Linear(64, 60), nn.ReLU(), nn.Linear(60, 1, bias=False)

    def forward(self, x):
        return self.two(self.act(self.one(x.flatten(1))))


def test_weights_that_are_the_gradient_of_one_record_give_it_away():
    """With w_j = a v_j (x, 1) and a = 1 / |(x, 1)| the weights are a times the gradient of the output at x, and the
    conditions of Karush, Kuhn and Tucker hold for this record alone.
    """
    from divulge.attacks.reconstruction.weights.kkt_search import solve

    record = torch.as_tensor(SETS[0].x[0]).flatten()
    wide = torch.cat([record, torch.ones(1)])
    module, values = Wide(), torch.linspace(0.2, 1.0, 60)
    with torch.no_grad():
        module.two.weight.copy_(values[None])
        module.one.weight.copy_(values[:, None] * record / wide.norm())
        module.one.bias.copy_(values / wide.norm())
    box = np.zeros((8, 8)), np.ones((8, 8))
    view = FileView(None, SETS[0].schema, *box, np.random.default_rng(0), None, classes=2)
    made, left = solve(module, view, np.full((8, 8), 0.5), 0, 2, 3_000, 0.02, 0.0)
    errors = ((made - SETS[0].x[0]) ** 2).mean(axis=(1, 2))
    nonmembers = ((made[:, None] - SETS[1].x[None]) ** 2).mean(axis=(2, 3))
    assert left < 1e-3 and errors.min() < 0.1 * nonmembers.min()


def test_candidates_that_agree_by_hand():
    near = np.array([[0.0], [10.0], [0.1], [20.0], [10.2], [0.2]])
    assert [group.tolist() for group in agreeing(near, 1.0)] == [[0, 2, 5], [1, 4]]
    assert agreeing(near, 0.01) == [] and agreeing(near[:1], 1.0) == []


def test_the_kkt_attack_hands_in_as_many_as_it_is_sure_of_and_reads_networks_only():
    sets = tables()
    target, recipe = fitted(LogisticRegression(), sets)
    with pytest.raises(Impossible, match="network"):
        played("kkt", target, sets, threat="published-model", recipe=recipe)
    module = dense()
    module[3].bias = None
    found = played("kkt", module, SETS, threat="published-model", candidates=12, kept=4, steps=20)
    (nearer,) = [m for m in found.paired if m.metric == "guesses_nearer_training"]
    assert len(nearer.hits) == 4 and "unexplained" in found.notes[0]


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ((nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 3, bias=False)), "no ReLU"),
        ((nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3)), "power of its weights"),
        ((nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3, bias=False)), "power of its weights"),
        ((nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 8, bias=False), nn.GELU(), nn.Linear(8, 3, bias=False)), "power"),
    ],
)
def test_networks_that_the_theory_of_kkt_excludes_are_refused(layers, why):
    with pytest.raises(Impossible, match=why):
        played("kkt", nn.Sequential(nn.Flatten(), *layers), SETS, threat="published-model", candidates=12, steps=20)


def classes_of(name, module, arm=Arm.TARGET, public=None, threat="published-model", seed=0, **settings):
    training, unseen, population = SETS
    game = InversionGame(
        TorchTarget(module), training, unseen,
        lambda: SurrogateTrainer(population, 300).teach("network", population, population.y, 0), public, seed,
    )  # fmt: skip
    made = attack(name, **settings)
    (dealt,) = game.deal(arm)
    oracle = GrantedOracle(dealt.target, PRESETS[threat], made.card.needs.access)
    view = dealt.open(oracle, made.card, ReconstructionAuxiliary(population, public), np.random.default_rng(seed))
    return dealt.judge(made.run(view))


@pytest.fixture(scope="module", autouse=True)
def quick_generator():
    """Pictures of three classes are learned in less than photographs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_generator, "STEPS", 700)
        yield


def others(count=400):
    """Public records of two other classes: blobs in other places."""
    records = pictures(count, 2, seed=7)
    return from_arrays([(np.flip(records.x, axis=1).copy(), np.array(["left", "right"])[records.y])])[0]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("fredrikson_inversion", {"steps": 150}),
        ("black_box_inversion", {"steps": 80}),
        ("inversion_network", {"epochs": 20}),
        ("gmi", {"starts": 4, "steps": 100}),
        pytest.param("ked_mi", {"starts": 4, "steps": 100}, marks=pytest.mark.slow),
        ("plug_and_play", {"starts": 4, "steps": 100}),
        ("brep_mi", {"steps": 40}),
    ],
)
def test_the_evaluator_recognizes_classes_of_the_model_and_not_of_an_untrained_one(name, settings):
    module = taught(dense(), SETS[2])
    own = classes_of(name, module, public=others(), **settings)
    assert share(own, "classes_recognised") >= 2 / 3
    other = classes_of(name, module, Arm.NEGATIVE, public=others(), **settings)
    assert share(other, "classes_recognised") <= 2 / 3
    assert own.paired[0].chance == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", ["fredrikson_inversion", "inversion_network"])
def test_untrained_models_show_their_classes_by_chance(name):
    """Twelve untrained models of three classes: a third is recognised, give or take."""
    few = {"steps": 60} if name == "fredrikson_inversion" else {"epochs": 5}
    module, public = dense(), others()
    told = [
        share(classes_of(name, module, Arm.NEGATIVE, public=public, seed=seed, **few), "classes_recognised")
        for seed in range(12)
    ]
    assert 0.1 < np.mean(told) < 0.56  # 1 / 3 and three standard errors


def test_a_generator_learns_what_public_records_look_like_once():
    public = others()
    low, high, _ = ranges(SETS[1])  # as in the games above, which have taught this generator
    made = generator_for(public, low, high)
    assert generator_for(others(), low.copy(), high.copy()) is made
    images = made.images(np.random.default_rng(0).normal(size=(200, made.size)))
    assert images.shape == (200, 8, 8) and images.min() >= 0 and images.max() <= 1
    gap = ((images.mean(axis=0) - public.x.mean(axis=0)) ** 2).mean()
    assert gap < 0.3 * ((0.5 - public.x.mean(axis=0)) ** 2).mean() + 0.01


def test_public_records_are_of_other_classes_and_other_records():
    with pytest.raises(InputError, match="one of the model's"):
        classes_of("gmi", dense(), public=SETS[1])
    same = from_arrays([(SETS[0].x, np.array(["a", "b"])[SETS[0].y % 2])])[0]
    with pytest.raises(InputError, match="among the model's own"):
        classes_of("gmi", dense(), public=same)


def test_a_batch_behind_the_sum_of_its_slopes():
    """The sum is made by hand: what comes back are the records themselves, and the slope of the misfit is right."""
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(5, 6)), rng.normal(size=5)
    model = LinearModel(weights, bias, "softmax", 1.0, (), tuple(range(5)))
    known = rng.normal(size=(500, 6))
    records, classes = rng.normal(size=(2, 6)).clip(-1.5, 1.5), np.array([1, 4])
    errors = model.errors(records, classes)
    slope = errors.T @ np.column_stack([records, np.ones(2)])
    found = batch_behind(model, slope, 2, known)
    near = min(np.abs(found - records).max(), np.abs(found[::-1] - records).max())
    assert near < 0.05
    with pytest.raises(Impossible, match="no unique answer"):
        batch_behind(replace(model, link="sigmoid"), slope, 2, known)
    with pytest.raises(Impossible, match="a batch of 6"):
        batch_behind(model, slope, 6, known)


def test_batches_of_deleted_records_come_back():
    sets = tuple(scaled_digits(600, 400, 797))
    target, recipe = fitted(LogisticRegression(C=1.0, tol=1e-10, max_iter=5_000), sets)
    plan = RebuildPlan(8, batch=2)
    found = played("deleted_record", target, sets, threat="informed", recipe=recipe, plan=plan)
    assert share(found, "records_rebuilt") > 0.5 and share(found, "batches_opened") > 0.7
    other = played("deleted_record", target, sets, Arm.NEGATIVE, "informed", recipe, plan=plan)
    assert share(other, "records_rebuilt") == 0


def scaled_digits(*sizes):
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    edges = np.cumsum((0, *sizes))
    return from_arrays([(x[order[a:b]] / 16, y[order[a:b]]) for a, b in pairwise(edges)])
