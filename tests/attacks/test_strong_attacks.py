"""Attacks that see, ask or do more: InfoRMIA, several queries, white box, loss trajectories, poisoning."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import divulge
from divulge.attacks.membership.labels.label_only_augmentation import LabelOnlyAugmentation
from divulge.attacks.membership.shadows.lira_augmented import LiraAugmented, _log_density
from divulge.attacks.membership.shadows.truth_serum import TruthSerum
from divulge.auditing.oracle import GrantedOracle
from divulge.core.errors import Impossible
from divulge.core.images import mirrored, shifted
from divulge.core.results.finding import Refused
from divulge.core.threat import Access
from divulge.core.views.membership import MembershipView, PoisonView
from divulge.data.arrays import from_arrays
from divulge.stats.auc import null_deviation
from divulge.targets.estimators.tree_internals import internals
from divulge.training.recipes.augment import Augmentation
from tests.attacks.toys import toy


def test_informia_by_hand():
    """p(x|model)/p(x) is 2 and 1: gains of 1 and 0 bits, and D(p(z) || p(z|model)) = -(1 + 0) / 2."""
    target = np.log([[0.8, 0.2], [0.5, 0.5]])
    shadows = [np.log([[0.6, 0.4], [0.5, 0.5]]), np.log([[0.2, 0.8], [0.5, 0.5]])]
    guess = toy(target, shadows, np.array([[True, False], [False, True]])).guess("informia", shadows=2)
    np.testing.assert_allclose(guess.scores, [0.5, -0.5])


def test_informia_ranks_as_rmia():
    """Its second term is the same for every record of one model."""
    rng = np.random.default_rng(0)
    target, *shadows = (np.log(rng.dirichlet([1, 1], 200)) for _ in range(5))
    seen = rng.random((4, 200)) < 0.5
    made = toy(target, shadows, seen)
    bits, shares = (made.guess(name, shadows=4) for name in ("informia", "rmia"))
    np.testing.assert_array_equal(np.argsort(bits.scores), np.lexsort((shares.tie_break, shares.scores)))


@pytest.mark.parametrize("copies", ["independent", "equal"])
def test_several_queries_reproduce_the_closed_form(copies):
    """Four independent signals of gap 1 are one of gap 2; four equal ones are one of gap 1."""
    rng = np.random.default_rng(0)
    models, records, queries = 257, 4000, 4
    seen = rng.random((models, records)) < 0.5
    noise = rng.normal(size=(models, records, queries if copies == "independent" else 1))
    signal = rng.normal(0, 3, (records, 1)) + seen[..., None] + np.broadcast_to(noise, (models, records, queries))
    asked, known, of = signal[0], signal[1:], seen[1:]
    score = _log_density(asked, known, of) - _log_density(asked, known, ~of)
    inside, outside = score[seen[0]], score[~seen[0]]
    gap = 2.0 if copies == "independent" else 1.0
    expected = stats.norm.cdf(stats.norm.ppf(0.05) + gap)
    assert (inside > np.quantile(outside, 0.95)).mean() == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("shape", [(2, 4, 5), (2, 4, 5, 3), (2, 3, 4, 5)])
def test_images_are_moved_and_mirrored(shape):
    images = np.arange(float(np.prod(shape))).reshape(shape) + 1
    tall, wide = (2, 3) if shape == (2, 3, 4, 5) else (1, 2)
    assert (np.flip(images, wide) == mirrored(images)).all()
    moved = shifted(images, 1, 0)
    assert (np.take(moved, 0, axis=tall) == 0).all()
    assert (np.take(moved, 3, axis=tall) == np.take(images, 2, axis=tall)).all()
    back = shifted(images, 0, -1)
    assert (np.take(back, 4, axis=wide) == 0).all()
    assert (np.take(back, 0, axis=wide) == np.take(images, 1, axis=wide)).all()


def data():
    """Digits as 8 x 8 images, every fifth label by lot."""
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    x, y = (x[order] / 16).astype(np.float32).reshape(-1, 8, 8), y[order].copy()
    y[::5] = rng.integers(0, 10, len(y[::5]))
    return x, y


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def roomy():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))


ABOUT_ALL = ("lira_augmented", "white_box", "loss_trajectory")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    x, y = data()
    recipe = divulge.TorchRecipe(build, epochs=60, batch_size=32)
    model = recipe.fit(from_arrays([(x[:450], y[:450])])[0], seed=0)
    return divulge.audit(
        model,
        (x[:450], y[:450]),
        (x[450:900], y[450:900]),
        (x[900:1700], y[900:1700]),
        threat="published-model",
        recipe=recipe,
        attacks=ABOUT_ALL,
        shadows=16,
        out=tmp_path_factory.mktemp("strong") / "r",
    )


@pytest.mark.parametrize("attack", ABOUT_ALL)
def test_members_are_found_and_the_controls_behave(run, attack):
    (area,) = (f for f in run.findings if f.metric == "auc" and f.attack == attack)
    assert area.low > 0.5 and area.positive_control > 0.56, "three standard errors of 900 records above a half"
    assert abs(area.control - 0.5) < 0.065


def test_queries_are_counted(run):
    queries = {f.attack: f.queries for f in run.findings}
    assert queries["lira_augmented"] == 6 * 900
    assert queries["loss_trajectory"] == 900 + 800
    assert queries["white_box"] == 2 * 900, "internals and scores"


def test_what_cannot_be_run_is_refused_with_the_reason(tmp_path):
    x, y = data()
    tree = DecisionTreeClassifier(max_depth=5).fit(x[:450].reshape(450, -1), y[:450])
    flat = x.reshape(len(x), -1)
    run = divulge.audit(
        tree,
        (flat[:450], y[:450]),
        (flat[450:900], y[450:900]),
        (flat[900:1300], y[900:1300]),
        attacks=["lira_augmented", "loss_trajectory", "truth_serum", "white_box"],
        out=tmp_path / "r",
    )
    reasons = {o.attack: o.result.reason for o in run.outcomes if isinstance(o.result, Refused)}
    assert "records are no images" in reasons["lira_augmented"]
    assert "learn from scores" in reasons["loss_trajectory"]
    assert "only looks" in reasons["truth_serum"] and "internal computations" in reasons["white_box"]


def test_the_internals_of_a_forest_by_hand():
    """One stump: the left leaf holds 3 of class 0 and 1 of class 1, the right one 2 of class 1."""
    x, y = np.array([[0.0], [0], [0], [0], [1], [1]]), np.array([0, 0, 0, 1, 1, 1])
    told = internals(DecisionTreeClassifier().fit(x, y), x, y)
    share = np.array([0.75, 0.75, 0.75, 0.25, 1, 1])
    np.testing.assert_allclose(told[:, :12], np.repeat(share[:, None], 12, axis=1))
    np.testing.assert_allclose(told[:, 12], share == 1)
    np.testing.assert_allclose(np.exp(told[:, 13:]), np.repeat([[4.0], [4], [4], [4], [2], [2]], 11, axis=1))


@pytest.mark.parametrize("kind", ["sklearn", "hist", "xgboost", "lightgbm"])
def test_the_last_stage_of_boosted_trees_is_the_model_itself(kind):
    x, y = load_digits(return_X_y=True)
    few = y < 2
    made = {
        "sklearn": lambda: GradientBoostingClassifier(n_estimators=12),
        "hist": lambda: HistGradientBoostingClassifier(max_iter=12),
        "xgboost": lambda: pytest.importorskip("xgboost").XGBClassifier(n_estimators=12),
        "lightgbm": lambda: pytest.importorskip("lightgbm").LGBMClassifier(n_estimators=12, verbose=-1),
    }[kind]()
    for part in (few, y < 4):
        model = made.fit(x[part], y[part])
        told = internals(model, x[part], y[part])
        p = model.predict_proba(x[part])[np.arange(part.sum()), y[part]]
        stages = told[:, :10]
        np.testing.assert_allclose(1 / (1 + np.exp(-stages[:, -1])), p, atol=1e-5)
        assert stages[:, -1].mean() > stages[:, 0].mean()


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(30, random_state=0),
        pytest.param(GradientBoostingClassifier(max_depth=6), marks=pytest.mark.slow),
    ],
)
def test_the_white_box_sees_more_in_trees_than_their_scores(model, tmp_path):
    x, y = data()
    flat = x.reshape(len(x), -1)
    kept = y < 4
    flat, y = flat[kept], y[kept]
    run = divulge.audit(
        model.fit(flat[:300], y[:300]),
        (flat[:300], y[:300]),
        (flat[300:600], y[300:600]),
        threat="published-model",
        attacks=["white_box"],
        out=tmp_path / "r",
    )
    (area,) = (f for f in run.findings if f.metric == "auc")
    assert area.low > 0.7 and abs(area.control - 0.5) < 0.08


def test_a_class_that_a_tree_never_saw_is_no_error():
    from divulge.targets.estimators.sklearn import SklearnTarget

    x, y = load_digits(return_X_y=True)
    model = RandomForestClassifier(5, random_state=0).fit(x[y < 9], y[y < 9])
    (records,) = from_arrays([(x, y)], classes=list(range(10)))
    assert np.isfinite(SklearnTarget(model).answer(Access.INTERNALS, records)).all()


def view(n=400, size=200, classes=10):
    x, y = data()
    (records,) = from_arrays([(x[:n], y[:n])])
    return PoisonView(records, size, np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["moved", "plain", "stranger"])
def test_a_model_trained_on_moved_images_knows_its_own_in_more_positions(kind, tmp_path):
    """Labels by lot can only be learned by heart: wherever the image stands, or only where it stood.  A model that was
    trained on other records knows neither set.
    """
    x, _ = data()
    x = np.pad(x[:900], ((0, 0), (2, 2), (2, 2)))
    y = np.random.default_rng(1).integers(0, 10, 900)

    def convolutional():
        return nn.Sequential(
            *(nn.Unflatten(1, (1, 12)), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(16 * 36, 128), nn.ReLU(), nn.Linear(128, 10)),
        )

    moved = Augmentation.SHIFT if kind == "moved" else Augmentation.NONE
    recipe = divulge.TorchRecipe(convolutional, epochs=150, batch_size=32, learning_rate=2e-3, augmentation=moved)
    trained_on = slice(600, 900) if kind == "stranger" else slice(0, 300)
    model = recipe.fit(from_arrays([(x[trained_on], y[trained_on])])[0], seed=0)
    sets = ((x[:300], y[:300]), (x[300:600], y[300:600]))
    attack = ["label_only_augmentation"]
    run = divulge.audit(model, *sets, threat="label-only", recipe=None, attacks=attack, out=tmp_path / "r")
    (area,) = (f for f in run.findings if f.metric == "auc")
    assert area.queries <= 26 * 600, "a copy that equals another is asked about once"
    if kind == "stranger":
        assert abs(area.value - 0.5) < 3 * null_deviation(300, 300)
    else:
        assert area.low > (0.7 if kind == "moved" else 0.5)


def test_moved_copies_by_hand():
    """A model that looks at the middle pixel of 3 x 3 is right on every copy that leaves ink there."""
    images = np.zeros((2, 3, 3))
    images[0] = 1.0
    images[1, 1, 1] = 1.0
    (records,) = from_arrays([(images, [1, 1])], classes=[0, 1])
    target = divulge.FunctionTarget(lambda x: (x[:, 1, 1] > 0).astype(int), "labels")
    attack = LabelOnlyAugmentation(reach=1)
    oracle = GrantedOracle(target, divulge.PRESETS["label-only"], Access.LABEL)
    guess = attack.run(MembershipView(oracle, records, np.random.default_rng(0), attack.card.needs))
    np.testing.assert_allclose(guess.scores, [1.0, 2 / 10])


def test_poison_is_copies_under_one_wrong_label_and_keeps_to_its_share():
    asked = view()
    made = TruthSerum(copies=2, share=0.3).poison(asked)
    assert made.about.sum() == 30 and len(made.records) == 60
    aimed = asked.candidates.x
    for first in range(0, 60, 2):
        pair = made.records.take(np.array([first, first + 1]))
        (at,) = np.flatnonzero((aimed == pair.x[0]).all(axis=(1, 2)) & made.about)
        assert (pair.x[1] == pair.x[0]).all() and pair.y[0] == pair.y[1] != asked.candidates.y[at]


def test_too_little_poison_is_refused():
    with pytest.raises(Impossible, match="at least 20 are needed"):
        TruthSerum(share=0.05).poison(view())


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory):
    """One model of clean digits with room to spare, attacked with and without poison."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (x[order] / 16).astype(np.float32).reshape(-1, 8, 8), y[order]
    recipe = divulge.TorchRecipe(roomy, epochs=40, batch_size=32)
    model = recipe.fit(from_arrays([(x[:600], y[:600])])[0], seed=0)
    return divulge.audit(
        model,
        (x[:600], y[:600]),
        (x[600:1200], y[600:1200]),
        (x[1200:], y[1200:]),
        threat="data-contributor",
        recipe=recipe,
        attacks=["lira", TruthSerum(copies=2, share=0.5, shadows=16)],
        shadows=16,
        out=tmp_path_factory.mktemp("poisoned") / "r",
    )


def test_poison_makes_members_stand_out(poisoned):
    """300 records with wrong labels, beside 600 honest ones, aim at 150 candidates."""
    areas = {f.attack: f for f in poisoned.findings if f.metric == "auc"}
    assert areas["truth_serum"].low > 0.5
    assert areas["truth_serum"].value > areas["lira"].value + 0.08
    assert abs(areas["truth_serum"].control - 0.5) < 3 * null_deviation(75, 75)


def test_scores_of_poisoned_records_only_are_kept(poisoned):
    assert len(poisoned.scores("truth_serum")) == 150
    assert len(poisoned.scores("lira")) == 1200
    assert poisoned.report(poisoned.folder / "r.html").stat().st_size > 10_000


def test_an_attack_with_one_query_has_the_same_scores_as_lira_on_one_copy():
    records = 50
    rng = np.random.default_rng(3)
    seen = np.arange(8)[:, None] < rng.integers(2, 7, records)
    known = rng.normal(size=(8, records, 1)) + 2 * seen[..., None]
    asked = rng.normal(size=(records, 1))
    ours = _log_density(asked, known, seen)
    mean = np.where(seen, known[..., 0], 0).sum(0) / seen.sum(0)
    freedom = np.maximum(seen.sum(0) - 1, 0).sum()
    variance = (np.where(seen, known[..., 0] - mean, 0) ** 2)[:, seen.sum(0) > 1].sum() / freedom
    expected = stats.norm.logpdf(asked[:, 0], mean, np.sqrt(variance)) + 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(ours, expected, rtol=2e-3, atol=2e-3)
    assert LiraAugmented().card.queries_per_record == 6
