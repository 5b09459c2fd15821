"""Any mechanism: wrong ones are refuted, right ones hardly ever, and no bound passes the truth of an accountant."""

from __future__ import annotations

import json

import dp_accounting
import numpy as np
import pytest
from dp_accounting.pld import privacy_loss_distribution as loss
from typer.testing import CliRunner

import divulge
from divulge.claims import known_mechanisms as known
from divulge.claims.likelihood import Columns, chosen, flat
from divulge.claims.mechanism import audit_mechanism
from divulge.claims.neighbors import pairs
from divulge.cli.app import app
from divulge.core.errors import Notice
from divulge.core.results.finding import Verdict
from divulge.runs.gate import judge

ADDED = (np.zeros(5), np.append(np.zeros(5), 1.0))
ABOVE = (np.ones(6), np.array([2.0, 0, 0, 0, 0, 0]))


def found(mechanism, neighbors=ADDED, samples=2_000, **options):
    return audit_mechanism(mechanism, neighbors, samples=samples, **{"delta": 0.0, "claimed": 1.0} | options)


RIGHT = {
    known.noisy_sum: ADDED,
    known.noisy_mean: ADDED,
    known.sparse_vector: ABOVE,
    known.randomized_response: (np.zeros(3), np.array([1.0, 0, 0])),
}
WRONG = {
    known.sum_with_half_the_noise: ADDED,
    known.mean_with_plain_count: (np.ones(5), np.append(np.ones(5), 0.0)),
    known.sparse_vector_without_noise_on_answers: ABOVE,
    known.sparse_vector_without_limit: (np.ones(10), np.repeat([0.0, 2.0], 5)),
    known.sparse_vector_that_tells_answers: (np.repeat([1.0, 0], 5), np.repeat([0, 1.0], 5)),
}


@pytest.mark.parametrize(("mechanism", "neighbors"), RIGHT.items(), ids=lambda x: getattr(x, "__name__", ""))
def test_a_right_mechanism_is_not_refuted(mechanism, neighbors):
    result = found(mechanism, neighbors)
    assert result.verdict == "not found" and result.epsilon <= 1.0 < result.ceiling


@pytest.mark.parametrize(("mechanism", "neighbors"), WRONG.items(), ids=lambda x: getattr(x, "__name__", ""))
def test_a_wrong_mechanism_is_refuted(mechanism, neighbors):
    result = found(mechanism, neighbors, samples=2_000 if "noise" in mechanism.__name__ else 6_000)
    assert result.verdict == "leak" and 1.0 < result.epsilon <= result.ceiling


def test_a_true_claim_is_refuted_in_at_most_five_percent():
    above = [found(known.randomized_response, (np.zeros(1), np.ones(1)), 200, seed=s).epsilon > 1 for s in range(40)]
    assert np.mean(above) <= 0.05 + 2 * (0.05 * 0.95 / 40) ** 0.5


@pytest.mark.parametrize("deviation", [0.7, 1.0])
def test_gaussian_noise_against_the_accountant(deviation):
    """The bound for any mechanism lies below, and that for a Gaussian one within an eighth of the truth."""
    delta = 1e-3
    truth = loss.from_gaussian_mechanism(deviation).get_epsilon_for_delta(delta)
    result = found(known.gaussian_sum(deviation), delta=delta, claimed=truth, samples=6_000)
    assert result.verdict == "not found" and 0.4 * truth < result.epsilon <= truth
    assert 0.875 * truth < result.epsilon_if_gaussian <= truth
    less = found(known.gaussian_sum(deviation / 10), delta=delta, claimed=truth, samples=4_000)
    assert less.verdict == "leak"


def test_laplace_noise_against_the_accountant():
    truth = loss.from_laplace_mechanism(0.5).get_epsilon_for_delta(1e-9)
    result = found(known.sum_with_half_the_noise, samples=4_000, claimed=None)
    assert truth == pytest.approx(2.0, abs=0.01) and 0.85 * truth < result.epsilon <= truth
    accountant = dp_accounting.pld.PLDAccountant()
    accountant.compose(dp_accounting.LaplaceDpEvent(0.5), 2)

    def twice(data, rng):
        return [known.sum_with_half_the_noise(data, rng), known.sum_with_half_the_noise(data, rng)]

    both = found(twice, samples=4_000, claimed=None, delta=0.01)
    assert result.epsilon < both.epsilon <= accountant.get_epsilon(0.01)


def test_many_numbers_are_told_apart_along_their_likelihood_ratio():
    """Thirty numbers moved by 0.3 each are mu = 0.3 sqrt 30 = 1.64 apart; any one of them tells mu = 0.3."""

    def vector(data, rng):
        return {"sums": data.sum() * 0.3 + rng.normal(size=(5, 6)), "name": "x"}

    result = found(vector, samples=2_000, delta=1e-3, claimed=None)
    assert 1.3 < result.mu <= 0.3 * 30**0.5 and result.statistic == "a linear classifier"


def test_the_worst_of_several_pairs_is_judged():
    result = found(known.sparse_vector_without_noise_on_answers, "answers", samples=2_000)
    assert result.verdict == "leak" and result.pair in [p.name for p in pairs("answers")]


def test_curve_and_posterior_are_given_beside():
    result = found(known.noisy_sum)
    assert result.fpr[0] == 0 and result.fnr[-1] == 0 and len(result.fpr) == len(result.fnr) > 2
    assert result.epsilon <= result.credible < 1.5


def test_no_noise_at_all_is_said_and_refuted():
    with pytest.warns(Notice, match="answers the same every time"):
        result = found(known.noise_of_a_fixed_seed)
    assert result.verdict == "leak" and result.epsilon == pytest.approx(result.ceiling, abs=1e-3)


def test_an_output_that_says_nothing_shows_nothing():
    assert found(lambda data, rng: None).epsilon == 0.0
    assert found(lambda data, rng: rng.normal(), claimed=None).epsilon < 0.3


def test_a_seed_is_handed_over_where_one_is_asked_for():
    seeds = []

    def by_seed(data, seed):
        seeds.append(seed)
        return float(data.sum() + np.random.default_rng(seed).laplace())

    result = found(by_seed)
    assert result.verdict == "not found" and len(set(seeds)) == len(seeds) == 4_000
    assert found(by_seed) == result


def test_outputs_of_any_form_become_columns():
    assert flat({"b": np.array([[1, 2]]), "a": [True, None, "x"]}) == ("a", 1.0, None, "x", "b", 1.0, 2.0)
    table = Columns([(1.0,), (1.0, "stop"), (2.0, "stop")])([(1.0,), (3.0, "stop"), (float("nan"), None)])
    assert np.isfinite(table).all() and len(np.unique(table, axis=0)) == 3
    with pytest.raises(divulge.InputError, match="return what an adversary would look at"):
        Columns([np.zeros(3_000)])


def test_a_value_that_repeats_is_seen_among_others():
    """Zero comes out three times as often on the second data set; no threshold on the value itself shows it."""
    rng = np.random.default_rng(0)
    sides = [np.where(rng.random(6_000) < share, 0.0, rng.normal(size=6_000)).tolist() for share in (0.1, 0.3)]
    guess = chosen(*(side[:3_000] for side in sides), 0.0, 0.05, 0)
    first, second = (guess.score(side[3_000:]) > guess.threshold for side in sides)
    assert guess.second and second.mean() / first.mean() > 2


def test_the_threshold_is_that_of_the_best_bound():
    """Of 1000 numbers from two uniform distributions, one of which reaches 1.1: nothing of the first lies above 1."""
    rng = np.random.default_rng(1)
    guess = chosen(rng.random(3_000).tolist(), (1.1 * rng.random(3_000)).tolist(), 0.0, 0.05, 0)
    assert guess.second and guess.shown > 2
    score = guess.score([0.99, 1.05])
    assert score[0] <= guess.threshold < score[1] or guess.name == "boosted trees"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mechanism": 3}, "give a function"),
        ({"mechanism": lambda data: 1}, "it takes two arguments"),
        ({"neighbors": "yellow"}, "'yellow' is unknown: choose records or answers"),
        ({"neighbors": [1]}, "give two data sets"),
        ({"neighbors": "records", "low": 1.0}, "low is below high"),
        ({"samples": 10}, "take at least 200"),
        ({"claimed": 0.0}, "claimed: an epsilon of 0"),
        ({"delta": 1.0}, "delta: a delta of 1"),
    ],
)
def test_bad_input_names_the_cure(given, message):
    mechanism = given.pop("mechanism", known.noisy_sum)
    with pytest.raises(divulge.InputError, match=message):
        found(mechanism, **given)


def test_a_mechanism_that_fails_is_named():
    with pytest.raises(divulge.TargetError, match=r"broken failed on the data of 'as given': ZeroDivisionError"):

        def broken(data, rng):
            return 1 / 0

        found(broken)


def test_it_is_a_run_like_any_other_claim(tmp_path):
    bare = found(known.sum_with_half_the_noise, claimed=1.0, samples=600)
    kept = found(known.sum_with_half_the_noise, claimed=1.0, samples=600, out=tmp_path / "r")
    assert kept == bare and judge(kept.run).exit_code == 1
    run = divulge.Run.open(kept.run)
    assert run.verdict is Verdict.LEAK and run.findings[0].value == kept.epsilon
    assert "The mechanism was run on two data sets" in run.report(tmp_path / "r.md").read_text()
    assert found(known.sum_with_half_the_noise, claimed=1.0, samples=600, resume=kept.run) == kept
    with pytest.raises(divulge.InputError, match="another claim"):
        found(known.sum_with_half_the_noise, claimed=2.0, samples=600, resume=kept.run)
    calm = found(known.noisy_sum, claimed=1.5, samples=600, out=tmp_path / "calm")
    assert judge(calm.run).exit_code == 0
    few = found(known.noisy_sum, samples=200, claimed=50.0, out=tmp_path / "few")
    assert judge(few.run).exit_code == 3
    assert judge(found(known.noisy_sum, claimed=None, samples=200, out=tmp_path / "none").run).exit_code == 3


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n\nPAIR = (np.zeros(3), np.ones(3) * [1, 0, 0])\n\n\n"
        "def noisy(data, rng):\n    return data.sum() + rng.laplace(scale=0.3)\n"
    )

    def said(*arguments):
        told = CliRunner().invoke(app, ["epsilon", *map(str, arguments)])
        return told.exit_code, told.output

    mine = ("--mechanism", "mine.py:noisy", "--neighbors", "mine.py:PAIR", "--samples", 2_000)
    code, text = said(*mine, "--claimed", 1, "--out", tmp_path / "runs")
    assert code == 1 and "The claim is refuted: epsilon 1 was claimed." in text and "report: " in text
    (run,) = (path.parent for path in (tmp_path / "runs").glob("*/run.json"))
    assert said(*mine, "--claimed", 1, "--resume", run) == (1, text)
    code, text = said(*mine, "--claimed", 4, "--json")
    assert code == 0 and json.loads(text)["verdict"] == "not found"
    code, text = said(*mine, "--claimed", 30)
    assert code == 3 and "could not have refuted it" in text
    assert said(*mine)[0] == 0
    assert said()[0] == 2 and said("audit.yaml", *mine)[0] == 2
    assert said("--mechanism", "mine.py:none")[0] == 2


def test_pairs_differ_as_they_should():
    for pair in pairs("answers", size=6):
        assert len(pair.first) == len(pair.second) == 6 and np.abs(pair.first - pair.second).max() == 1
    for pair in pairs("records", low=-1.0, high=3.0, size=4):
        values, counts = np.unique(np.concatenate([pair.first, pair.second]), return_counts=True)
        assert set(values) == {-1.0, 3.0} and abs(len(pair.first) - len(pair.second)) <= 1
        assert counts.min() == 1
