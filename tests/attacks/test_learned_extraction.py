"""Copies that are taught: they agree with the target, another model's copy does not, nothing is asked beyond budget."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeRegressor
from torch import nn

from divulge.attacks.extraction.active_thief import STRATEGIES, ActiveThief, boundary_distance
from divulge.attacks.extraction.architecture import CHOICES, Architecture, Reader, random_designs
from divulge.attacks.extraction.bandits.knockoff_adaptive import GradientBandit, KnockoffAdaptive, rewards_of
from divulge.attacks.extraction.copycat import Copycat
from divulge.attacks.extraction.data_free import DataFree
from divulge.attacks.extraction.equation_solving import EquationSolving
from divulge.attacks.extraction.jacobian import Jacobian, input_gradient
from divulge.attacks.extraction.knockoff import Knockoff, KnockoffRandom
from divulge.attacks.extraction.learning import ask, spread_out
from divulge.attacks.extraction.semi_supervised import SemiSupervised
from divulge.core.errors import Impossible, InputError, TargetError
from divulge.core.game import Arm
from divulge.core.records import Column, Kind, Records, Schema
from divulge.core.results.exhibits import Step
from divulge.core.results.metric import ARCHITECTURE_RECOVERED, VALUES_COPIED
from divulge.core.results.policy import Policy
from divulge.core.threat import PRESETS, Access, Task
from divulge.core.views.extraction import ExtractionGuess
from divulge.defenses.interface.defended_target import shielded
from divulge.defenses.interface.top_k import TopK
from divulge.games.extraction import ExtractionGame
from divulge.stats.weigh import weigh
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.function import FunctionTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.surrogates.kernel_student import _chosen
from divulge.training.surrogates.students import FittedStudent, SurrogateTrainer, lessons
from divulge.training.surrogates.zoo import build, train_one, train_zoo
from tests.attacks.extraction_games import MLAAS, blobs, fidelity, records, steal

OWN, HELD, POOL = blobs(400), blobs(300, seed=1), blobs(600, seed=2)
TARGET = SklearnTarget(LogisticRegression().fit(OWN.flat(), OWN.y))
LABELS = PRESETS["label-only"]

LEARNED = [
    Knockoff((50, 300)),
    Knockoff((50, 300), student="trees"),
    KnockoffRandom((300,)),
    KnockoffAdaptive((50, 300)),
    Copycat((50, 300)),
    Jacobian((50, 300), seeds=40),
    SemiSupervised((300,)),
    DataFree((2_000, 6_000)),
    *(ActiveThief((50, 300), strategy=s) for s in STRATEGIES),
]
NAMES = [f"{a.card.name} {getattr(a, 'strategy', getattr(a, 'student', ''))}" for a in LEARNED]


@pytest.mark.parametrize("attack", LEARNED, ids=NAMES)
def test_a_copy_agrees_and_pays_for_what_it_asks(attack):
    guess, theft, oracle = steal(TARGET, HELD, attack, POOL)
    assert fidelity(theft) > (0.85 if attack.card.name != "data_free" else 0.6)
    assert oracle.queries <= max(attack.queries)
    assert [s.queries for s in guess.stages] == sorted({s.queries for s in guess.stages})
    assert guess.stages[-1].queries == oracle.queries
    assert all(s.agreement.points == len(HELD) for s in theft.of(Step))


@pytest.mark.parametrize("attack", [Knockoff((300,)), Copycat((300,)), Jacobian((300,))], ids=lambda a: a.card.name)
def test_the_copy_of_another_model_is_no_copy_of_this_one(attack):
    _, theft, _ = steal(TARGET, HELD, attack, POOL, arm=Arm.NEGATIVE)
    assert fidelity(theft) < 0.7


FROM_LABELS = [a for a in LEARNED if not hasattr(a, "strategy")]


@pytest.mark.parametrize("attack", FROM_LABELS, ids=lambda a: f"{a.card.name} {getattr(a, 'student', '')}")
def test_labels_are_enough(attack):
    _, theft, _ = steal(TARGET, HELD, attack, POOL, threat=LABELS)
    assert fidelity(theft) > (0.8 if attack.card.name != "data_free" else 0.6)


def test_categories_are_not_moved_along_gradients():
    columns = (Column("colour", Kind.CATEGORICAL, ("red", "green", "blue")), Column("size"))
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.integers(0, 3, 300), rng.standard_normal(300)]).astype(float)
    table = Records(x, rng.integers(0, 2, 300), Schema(columns, classes=(0, 1)))
    target = FunctionTarget(lambda x: np.column_stack([x[:, 1], -x[:, 1]]), "logits")
    for attack in (ActiveThief((50,), strategy="dfal"), Jacobian((50,)), DataFree((500,))):
        with pytest.raises(Impossible, match="'colour' holds categories"):
            steal(target, table, attack, table)
    _, theft, _ = steal(target, table, Knockoff((200,)), table)
    assert fidelity(theft) > 0.9


def test_the_budget_ends_the_last_stage():
    guess, _, _oracle = steal(TARGET, HELD, Knockoff((50, 300)), POOL, threat=MLAAS.with_budget(120))
    assert [s.queries for s in guess.stages] == [50, 120]
    with pytest.raises(Impossible, match="ten queries"):
        steal(TARGET, HELD, Knockoff(), POOL, threat=MLAAS.with_budget(9))


def test_what_lies_beyond_the_top_k_is_spread_evenly():
    threat = replace(MLAAS, access=frozenset({Access.TOPK}), top_k=1)
    seen = []

    class Peek(Knockoff):
        def run(self, view):
            seen.append(ask(view, HELD))
            return super().run(view)

    _, theft, _ = steal(shielded(TARGET, [TopK(1)]), HELD, Peek((300,)), POOL, threat=threat)
    shares = np.exp(seen[0])
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    rest = np.sort(shares, axis=1)[:, :2]
    np.testing.assert_allclose(rest[:, 0], rest[:, 1])
    assert fidelity(theft) > 0.85
    with pytest.raises(InputError, match="choose best"):
        steal(TARGET, HELD, Knockoff((300,), answers="all"), POOL)


def test_values_are_copied_too():
    y = OWN.flat() @ np.arange(6.0)
    target = SklearnTarget(LinearRegression().fit(OWN.flat(), y))
    held, pool = (records(r.flat(), r.flat() @ np.arange(6.0), task=Task.REGRESSION) for r in (HELD, POOL))
    for student in ("network", "trees"):
        guess, _, _ = steal(target, held, Knockoff((600,), student=student), pool)
        off = guess.surrogate.log_scores(held) - held.y
        assert off.std() < 0.35 * held.y.std()


def noisy_curve(count, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3))
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 1.5 * rng.normal(size=count)
    return records(x, y, task=Task.REGRESSION)


class Constant:
    """A copy that gives one answer."""

    def __init__(self, answer):
        self.answer = np.asarray(answer)

    def log_scores(self, records):
        return np.tile(self.answer, (len(records), *(1,) * self.answer.ndim))


def r2(found):
    return next(t for t in found.trials if getattr(t, "metric", "") == VALUES_COPIED)


def test_a_copy_of_a_regression_model_is_judged_by_what_it_explains():
    own, held, pool = noisy_curve(200, 0), noisy_curve(300, 1), noisy_curve(1200, 2)
    model = DecisionTreeRegressor(max_leaf_nodes=15, random_state=0).fit(own.flat(), own.y)
    guess, theft, _ = steal(SklearnTarget(model), held, Knockoff((1200,)), pool)
    truth, copied = model.predict(held.flat()), guess.surrogate.log_scores(held)
    assert r2(theft).value == pytest.approx(
        r2_score(truth, copied), abs=0.02
    )  # a lone error counts as nine usual ones at most
    by_hand = HistGradientBoostingRegressor().fit(pool.flat(), model.predict(pool.flat()))
    assert r2(theft).value > r2_score(truth, by_hand.predict(held.flat())) - 0.02
    assert r2(theft).chance < 0.3  # of a student of public values, and of their mean
    (estimate,) = (e for e in weigh(theft, Policy()) if e.metric == VALUES_COPIED)
    assert estimate.low < estimate.value < estimate.high <= 1 and estimate.advantage_low > 0.3
    _, elsewhere, _ = steal(SklearnTarget(model), held, Knockoff((1200,)), pool, arm=Arm.NEGATIVE)
    assert r2(elsewhere).value < 0.3


def test_a_perfect_copy_is_a_leak_though_public_labels_teach_most_of_it():
    own, held, pool = (records(r.flat(), r.flat() @ np.arange(6.0), task=Task.REGRESSION) for r in (OWN, HELD, POOL))
    noisy = records(pool.flat(), pool.y + 4 * np.random.default_rng(0).standard_normal(len(pool)), task=Task.REGRESSION)
    model = SklearnTarget(LinearRegression().fit(own.flat(), own.y))
    guess, theft, _ = steal(model, held, EquationSolving(), noisy)
    (estimate,) = (e for e in weigh(theft, Policy()) if e.metric == VALUES_COPIED)
    assert guess.surrogate is not None and estimate.value == pytest.approx(1) and estimate.chance > 0.8
    assert estimate.advantage == pytest.approx(1) and estimate.advantage_low > 0.5  # of the error that was left


def test_r2_of_the_mean_is_nothing_and_of_the_model_itself_one():
    held = noisy_curve(300, 1)
    model = LinearRegression().fit(held.flat(), held.y)
    game = ExtractionGame(SklearnTarget(model), held, 0, None, held, None, SurrogateTrainer(held, 20))
    (dealt,) = game.deal(Arm.TARGET)
    exact = dealt.judge(ExtractionGuess(FittedStudent(model, 0)))
    flat = dealt.judge(ExtractionGuess(Constant(float(model.predict(held.flat()).mean()))))
    assert r2(exact).value == 1.0 and r2(flat).value == pytest.approx(0, abs=0.05)


def test_one_answer_for_all_inputs_rivals_every_copy_where_the_target_gives_it_most():
    target = SklearnTarget(GaussianNB().fit(OWN.flat(), OWN.y))
    game = ExtractionGame(target, HELD, 0, None, POOL, None, SurrogateTrainer(HELD, 20))
    (dealt,) = game.deal(Arm.TARGET)
    evidence = dealt.judge(ExtractionGuess(Constant(np.log([0.9, 0.05, 0.05]))))
    for trial in evidence.counted:
        assert trial.baseline >= trial.copy  # a constant is never better than the best constant


@pytest.mark.parametrize("kind", ["linear", "best"])
def test_further_students_learn_what_is_linear(kind):
    y = POOL.flat() @ np.arange(6.0)
    pool, held = (records(r.flat(), r.flat() @ np.arange(6.0), task=Task.REGRESSION) for r in (POOL, HELD))
    taught = SurrogateTrainer(pool, 50).teach(kind, pool, y, 0)
    assert r2_score(held.y, taught.log_scores(held)) > 0.999
    classes = SurrogateTrainer(POOL, 50).teach("linear", POOL, TARGET.answer(Access.SCORES, POOL), 0)
    np.testing.assert_array_equal(classes.log_scores(HELD).argmax(axis=1), TARGET.answer(Access.LABEL, HELD))


def smooth():
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, (900, 4))
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.3 * rng.standard_normal(900) + 10
    return x, y, GaussianProcessRegressor(alpha=0.1).fit(x[:200], y[:200])


def test_a_smooth_regressor_is_followed_as_closely_as_a_kernel_can():
    """A network of one layer at a small rate was left at 0.94, below a student of the public labels."""
    x, _, model = smooth()
    pool, held = (records(part, model.predict(part), task=Task.REGRESSION) for part in (x[200:700], x[700:]))
    trainer = SurrogateTrainer(pool)
    taught = {kind: trainer.teach(kind, pool, pool.y, 0).log_scores(held) for kind in ("kernel", "network")}
    assert r2_score(held.y, taught["kernel"]) > 0.9999 and r2_score(held.y, taught["network"]) > 0.98
    assert (
        SurrogateTrainer(pool, 50)._best(pool, pool.y, 0) == "kernel" and "kernel" not in SurrogateTrainer(POOL).kinds
    )


def test_the_penalty_of_the_kernel_is_that_of_the_smallest_error_left_one_out():
    x, y, _ = smooth()
    z, t = x[:40] / x[:40].std(axis=0), y[:40] - y[:40].mean()
    gamma, penalty = _chosen(z, t)

    def error(width, strength):
        gone = [np.delete(np.arange(40), row) for row in range(40)]
        models = [KernelRidge(kernel="rbf", gamma=width, alpha=strength).fit(z[rest], t[rest]) for rest in gone]
        return np.mean([(m.predict(z[[row]])[0] - t[row]) ** 2 for row, m in enumerate(models)])

    own = error(gamma, penalty)
    assert all(own <= error(w / 4, p) + 1e-9 for w in (0.2, 0.8) for p in (1e-4, 1e-2, 1.0))


def test_logits_cannot_be_taken_for_probabilities():
    logits = np.random.default_rng(0).standard_normal((len(HELD), 3)) * 5
    with pytest.raises(TargetError, match="logits"):
        lessons(HELD, logits)
    with pytest.raises(TargetError, match="2 answers"):
        lessons(HELD, np.zeros(2))
    np.testing.assert_array_equal(lessons(HELD, HELD.y).argmax(axis=1), HELD.y)
    rounded = np.log(np.tile([0.3, 0.3, 0.3], (len(HELD), 1)))  # scores to one decimal do not add up to one
    np.testing.assert_allclose(lessons(HELD, rounded), 1 / 3)
    with pytest.raises(InputError, match="linear, best or, of values, kernel"):
        SurrogateTrainer(HELD).teach("forest", HELD, HELD.y, 0)


def test_equal_seeds_teach_equal_students():
    room = SurrogateTrainer(HELD, 50)
    for kind in ("network", "trees"):
        a, b = (room.teach(kind, HELD, HELD.y, 3).log_scores(POOL) for _ in range(2))
        np.testing.assert_array_equal(a, b)


def test_the_farthest_points_are_chosen():
    points = np.array([[0.0], [1.0], [10.0], [5.0]])
    assert spread_out(points, np.array([[0.0]]), 2) == [2, 3]


def test_gradients_of_a_linear_student_are_its_weights():
    class Linear:
        module = nn.Linear(6, 3, bias=False)

    w = Linear.module.weight.detach().numpy()
    r = HELD.take(np.arange(4))
    label = np.array([0, 1, 2, 0])
    shares = np.exp(r.flat() @ w.T)
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(input_gradient(Linear, r, label), w[label] - shares @ w, atol=1e-5)
    out = np.sort(r.flat() @ w.T, axis=1)
    order = np.argsort(-(r.flat() @ w.T), axis=1)
    expected = (out[:, -1] - out[:, -2]) / np.linalg.norm(w[order[:, 0]] - w[order[:, 1]], axis=1)
    np.testing.assert_allclose(boundary_distance(Linear, r), expected, rtol=1e-4)


def test_designs_are_built_as_they_say_and_trained_alike_under_equal_seeds():
    (design,) = random_designs(np.random.default_rng(0), 1)
    module = build(design, 6, 3)
    widths = [p.out_features for p in module if isinstance(p, nn.Linear)]
    assert widths == [design.width] * design.depth + [3]
    a, b = (train_one(OWN, design, 5, epochs=1) for _ in range(2))
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


def test_a_meta_model_reads_what_is_written_and_chance_where_nothing_is():
    rng = np.random.default_rng(0)
    designs = random_designs(rng, 200)
    codes = np.array([CHOICES["activation"].index(d.activation) for d in designs])
    answers = rng.standard_normal((200, 20, 3))
    answers += codes[:, None, None] * np.linspace(-1, 1, 3)
    answers -= np.log(np.exp(answers).sum(axis=2, keepdims=True))
    reader = Reader(answers[:120], designs[:120], 0)
    told = reader.read("activation", answers[120:])
    assert np.mean([t == d.activation for t, d in zip(told, designs[120:], strict=True)]) > 0.9
    told = reader.read("depth", answers[120:])
    assert np.mean([t == d.depth for t, d in zip(told, designs[120:], strict=True)]) < 0.55


@pytest.mark.slow
def test_attributes_of_unseen_networks_are_told_from_their_scores():
    designs = random_designs(np.random.default_rng(1), 10)
    right = 0
    for number, design in enumerate(designs[:3]):
        victim = TorchTarget(train_one(blobs(900, seed=7), design, number))
        zoo = lambda wanted, seed: train_zoo(POOL, wanted, seed)  # noqa: E731
        guess, theft, oracle = steal(victim, HELD, Architecture(models=120, queries=100), POOL, zoo=zoo)
        assert oracle.queries == 100
        assert theft.exact[0].metric == ARCHITECTURE_RECOVERED
        assert theft.exact[0].values == 4  # what a bare module tells; the recipe would tell more
        right += {c.name: c.value for c in guess.claims}["activation"] == design.activation
    assert right == 3


def test_the_bandit_pushes_the_other_actions_down_by_hand():
    """Sutton and Barto 2018, equation 2.12: from even preferences and a mean of 0, a reward of 1 for the first of four
    raises it by 3 / 4 and lowers each other by 1 / 4; the next is compared with the mean, and counts half.
    """
    bandit = GradientBandit(4)
    bandit.learn(0, 1.0)
    np.testing.assert_allclose(bandit.liking, [0.75, -0.25, -0.25, -0.25])
    policy = np.exp(bandit.liking) / np.exp(bandit.liking).sum()
    bandit.learn(0, 0.0)
    np.testing.assert_allclose(bandit.liking, [0.75, -0.25, -0.25, -0.25] + (0 - 1) / 2 * (np.eye(4)[0] - policy))
    assert bandit.liking.sum() == pytest.approx(0)
    assert bandit.choose(np.array([False, False, True, False]), np.random.default_rng(0)) == 2


def test_the_bandit_comes_to_like_what_pays():
    bandit, rng = GradientBandit(3), np.random.default_rng(0)
    for _ in range(400):
        action = bandit.choose(np.ones(3, dtype=bool), rng)
        bandit.learn(action, float(action == 1))
    assert bandit.policy.argmax() == 1 and bandit.policy[1] > 0.5
    even = GradientBandit(3)
    for _ in range(400):
        even.learn(even.choose(np.ones(3, dtype=bool), rng), 0.5)
    assert even.policy.max() < 0.6


def test_rewards_by_hand():
    shares = np.array([[0.9, 0.1], [0.5, 0.5]])
    before = [np.array([[0.5, 0.5]])]
    copied = np.log(np.array([[0.5, 0.5], [0.9, 0.1]]))
    found = rewards_of(shares, before, copied)
    assert found == pytest.approx([2 / 3, 1 / 3])  # surest and most diverse is the first, worst copied the second
    assert rewards_of(shares, before, None) == pytest.approx([1.0, 0.0])
