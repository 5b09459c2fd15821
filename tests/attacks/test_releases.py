"""Synthetic tables as targets, and who was in the table behind them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gaussian_kde
from sklearn.metrics import roc_auc_score

import divulge
from divulge.attacks.membership.synthetic.calibrated_distance import CalibratedDistance
from divulge.attacks.membership.synthetic.closest_record import ClosestRecord
from divulge.attacks.membership.synthetic.distance_ratio import DistanceRatio
from divulge.attacks.membership.synthetic.domias import Domias
from divulge.attacks.membership.synthetic.exact_hits import ExactHits
from divulge.attacks.membership.synthetic.generator import (
    GeneratorLira,
    GeneratorRatio,
    GeneratorRmia,
    Signals,
    joint_ratio,
    learned_ratio,
)
from divulge.attacks.membership.synthetic.groundhog import Groundhog, by_summary
from divulge.attacks.membership.synthetic.kernel_likelihood import KernelLikelihood, fitted_width
from divulge.attacks.membership.synthetic.local_likelihood import LocalLikelihood
from divulge.attacks.membership.synthetic.monte_carlo import MonteCarlo
from divulge.attacks.membership.synthetic.plagiarism_index import PlagiarismIndex
from divulge.attacks.membership.synthetic.query_features import QueryFeatures
from divulge.attacks.membership.synthetic.release_classifier import ReleaseClassifier
from divulge.core.errors import InputError, TargetError
from divulge.core.mixed.space import Space, gower_nearest, log_density, nearest
from divulge.core.results.finding import Refused, Verdict
from divulge.core.views.membership import Auxiliary, MembershipView
from divulge.data.arrays import from_arrays
from divulge.setup.sources.records_from import records_from
from divulge.setup.sources.targets_from import target_from
from divulge.targets.generator import GeneratorTarget
from divulge.training.recipes.generator import GeneratorRecipe, Replay
from divulge.training.shadow import ShadowTrainer
from divulge.workflows.synthesizers import bayesian_network, bootstrap, cart, gaussian_copula, smote
from tests.attacks.release_tables import half_copied, people, tables

FROM_THE_TABLE = (
    *(CalibratedDistance, ClosestRecord, DistanceRatio, Domias, ExactHits),
    *(KernelLikelihood, LocalLikelihood, MonteCarlo, PlagiarismIndex, ReleaseClassifier),
)
WITH_GENERATORS = (GeneratorLira, GeneratorRatio, GeneratorRmia, QueryFeatures)


class Seen:
    """An oracle of a table."""

    def __init__(self, table):
        self.table = table

    def samples(self, count, schema):
        return self.table


def unlabeled(*sets):
    pairs = [(each, np.zeros(len(each))) for each in sets]
    return from_arrays(pairs, labeled=False)


def ranks(guess):
    return guess.scores if guess.tie_break is None else np.lexsort((guess.tie_break, guess.scores)).argsort()


def scored(attack, candidates, table, population=None, shadows=None):
    rng = np.random.default_rng(0)
    view = MembershipView(Seen(table), candidates, rng, attack.card.needs, Auxiliary(population, shadows))
    return ranks(attack.run(view))


def dated(frame):
    return frame.assign(born=pd.to_datetime(frame["born"]))


def dense(count, seed, width=4):
    return np.random.default_rng(seed).normal(size=(count, width))


# The space of mixed columns


def test_distances_by_hand():
    """age has a standard deviation of 10 here; another town is as far as one of these."""
    frame = pd.DataFrame({"age": [20.0, 40.0, 40.0, 20.0], "town": ["n", "n", "s", "s"]})
    (records,) = unlabeled(frame)
    points = Space.around(records).points(records)
    assert nearest(points[:1], points[1:], 3)[0] == pytest.approx([1.0, 2.0, 5**0.5])


def test_what_is_missing_is_near_what_is_missing_and_gower_counts_columns_alike():
    frame = pd.DataFrame({"age": [20.0, np.nan, np.nan, 60.0, 22.0], "town": ["n", "n", "s", "s", "s"]})
    (records,) = unlabeled(frame)
    rows = records.take(np.array([2, 3, 4]))
    asked = records.take(np.array([0, 1]))
    # of the first: 1 + 1, 1 + 1, 0.05 + 1; of the second: 0 + 1, 1 + 1, 1 + 1
    assert gower_nearest(asked, rows, (0, 1), 1).tolist() == [[2], [0]]
    assert gower_nearest(asked, rows, (0, 1), 9).shape == (2, 3)


def test_a_density_is_that_of_scipy():
    data, asked = dense(50, 0, 1), np.array([[0.0], [1.5]])
    width = 0.4
    kernel = gaussian_kde(data.T, bw_method=width / data.std(ddof=1))
    expected = np.log(kernel(asked.T)) + 0.5 * np.log(2 * np.pi * width**2)
    assert log_density(asked, data, width) == pytest.approx(expected)


def test_many_categories_share_axes_and_stay_apart():
    frame = pd.DataFrame({"code": [f"c{number}" for number in range(200)]})
    (records,) = unlabeled(frame)
    points = Space.around(records).points(records)
    assert points.shape[1] == 32 and 0.5 < nearest(points, points, 2)[:, 1].min() < 1.1


# Membership


def test_density_ratio_and_local_likelihood_by_hand():
    """One axis, kernels of width 1: p(0 | S) = (1 + e^-2) / 2, p(0 | real) = e^-1/2."""
    candidates, table, real = unlabeled(np.array([[0.0], [9.0]]), np.array([[0.0], [2.0]]), np.array([[1.0], [-1.0]]))
    scale = Space.around(candidates).axes[0].spread
    rng = np.random.default_rng(0)
    view = MembershipView(Seen(table), candidates, rng, Domias.card.needs, Auxiliary(real))
    found = Domias(width=1 / scale).run(view).scores[0]
    assert found == pytest.approx(np.log((1 + np.exp(-2)) / 2) + 0.5)


@pytest.mark.parametrize("kind", FROM_THE_TABLE)
def test_rows_given_again_are_found_and_a_table_about_others_tells_nothing(kind):
    """Of n rows drawn n times 1 - (1 - 1/n)^n stand there: what equals no row is guessed."""
    x = dense(400, 0)
    candidates, population = unlabeled(x, dense(600, 1))
    member = np.arange(400) < 200
    (copied,) = unlabeled(x[np.random.default_rng(2).integers(0, 200, 200)])
    (others,) = unlabeled(dense(200, 3))
    there = 1 - (1 - 1 / 200) ** 200
    area = roc_auc_score(member, scored(kind(), candidates, copied, population))
    if kind in (ClosestRecord, ExactHits, MonteCarlo):
        assert area == pytest.approx(0.5 + there / 2, abs=0.06)
    assert area > 0.6
    assert abs(roc_auc_score(member, scored(kind(), candidates, others, population)) - 0.5) < 3.5 * 0.029


def pool(records, fit, models, seed=0):
    from divulge.auditing.job import BoundRecipe
    from divulge.auditing.oracle import GrantedOracle
    from divulge.core.threat import PRESETS, Access

    trainer = ShadowTrainer(BoundRecipe(GeneratorRecipe(fit), GeneratorTarget), records, seed)
    see = lambda target: GrantedOracle(target, PRESETS["synthetic-data"], Access.SAMPLES, free=True)  # noqa: E731
    return lambda count: trainer.pool(min(count, models), see)


@pytest.mark.parametrize("kind", WITH_GENERATORS)
def test_generators_of_ones_own_find_rows_that_are_given_again(kind):
    frame = dated(people(300, np.random.default_rng(0)))
    (candidates,) = unlabeled(frame)
    member = np.random.default_rng(1).permutation(300) < 150
    table = GeneratorTarget(bootstrap(frame[member], 0)).draw(150, 5, candidates.schema)
    own = pool(candidates, bootstrap, 8)
    area = roc_auc_score(member, scored(kind(shadows=8), candidates, table, shadows=own))
    assert area > 0.75
    others = GeneratorTarget(bootstrap(dated(people(150, np.random.default_rng(9))), 0))
    nothing = others.draw(150, 5, candidates.schema)
    assert abs(roc_auc_score(member, scored(kind(shadows=8), candidates, nothing, shadows=own)) - 0.5) < 3.5 * 0.034


def test_signals_that_say_nothing_teach_nothing():
    """With one generator alone left out the number of those that are averaged would tell who was seen."""
    rng = np.random.default_rng(0)
    half = rng.random((4, 600)) < 0.5
    seen = np.stack([side for row in half for side in (row, ~row)])
    member = rng.random(600) < 0.5
    signals = Signals(rng.integers(0, 2, (600, 2)) * 1.0, rng.integers(0, 2, (8, 600, 2)) * 1.0, seen)
    assert abs(roc_auc_score(member, learned_ratio(signals)) - 0.5) < 0.09
    assert learned_ratio(signals).std() < 0.6, "what was learned from noise is little"
    told = Signals(
        member[:, None] + rng.normal(0, 0.5, (600, 1)), seen[:, :, None] + rng.normal(0, 0.5, (8, 600, 1)), seen
    )
    best = 0.909  # Phi(1 / sqrt(2 (0.25 + 0.25 / 8))): the middle of eight generators is known that well
    assert roc_auc_score(member, joint_ratio(told)) == pytest.approx(best, abs=0.035)
    assert roc_auc_score(member, learned_ratio(told)) == pytest.approx(best, abs=0.035)


def test_a_summary_that_follows_a_record_names_it():
    rng = np.random.default_rng(0)
    half = rng.random((24, 5)) < 0.5
    seen = np.stack([side for row in half for side in (row, ~row)])
    effect = np.eye(5, 10) * 4
    own = (seen @ effect + rng.normal(0, 0.3, (48, 10)))[:, None]
    for record in range(5):
        target = effect[record][None] + rng.normal(0, 0.3, (1, 10))
        assert by_summary(Signals(target, own, seen), 0.1).argmax() == record


def test_groundhog_runs_on_mixed_tables():
    frame = people(60, np.random.default_rng(0))
    (candidates,) = unlabeled(frame)
    found = scored(Groundhog(shadows=4), candidates, candidates, shadows=pool(candidates, bootstrap, 4))
    assert len(found) == 60 and np.isfinite(found).all()


# Targets


def test_a_release_need_not_have_the_types_of_the_real_table():
    members, others, release = tables(0.5, 60)
    release["age"] = release["age"].astype(float)
    release["owns"] = release["owns"].astype(str)
    target = target_from(release[release.columns[::-1]])
    sets = records_from(target, members, others)
    assert not sets.members.schema.labeled and sets.population is None
    kinds = dict(zip(sets.members.schema.names, (c.kind.value for c in sets.members.schema.columns), strict=True))
    assert kinds["born"] == "datetime" and kinds["age"] == "numeric" and kinds["town"] == "categorical"
    drawn = target.draw(1000, 0, sets.members.schema)
    assert len(drawn) == 60 and len(target.draw(10, 0, sets.members.schema)) == 10
    assert target.fingerprint() == target_from(release[release.columns[::-1]]).fingerprint()
    copied = set(drawn.take(np.arange(60)).x[:, 1].tolist()) & set(sets.members.x[:, 1].tolist())
    assert len(copied) > 15


def test_what_does_not_fit_is_said():
    members, others, release = tables(0.5, 40)
    with pytest.raises(InputError, match="the release lacks"):
        divulge.audit(release.drop(columns="town"), members, others)
    with pytest.raises(InputError, match="give all sets in one way"):
        divulge.audit(release, members, (others, np.zeros(40)))
    schema = records_from(target_from(release), members, others).members.schema
    strange = GeneratorTarget(lambda count, seed: release.assign(town="moon").head(count))
    with pytest.raises(TargetError, match="'moon' in column 'town'"):
        strange.draw(5, 0, schema)
    with pytest.raises(TargetError, match="no column 'pay'"):
        GeneratorTarget(lambda count, seed: release.drop(columns="pay").head(count)).draw(5, 0, schema)
    for made, why in ((None, "no table"), ("abc", "no table of numbers"), ([{"age": 1}], "no table of numbers")):
        with pytest.raises(TargetError, match=why):
            GeneratorTarget(lambda count, seed, made=made: made).draw(5, 0, schema)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t.assign(pay=np.inf), "column 'pay' of the release has infinite values"),
        (lambda t: t.assign(pay=t["pay"] * 1e300), "column 'pay' of the release has values beyond 1e"),
        (lambda t: t.assign(town=[["a"]] * len(t)), "column 'town' of the release holds a list in a cell"),
        (lambda t: pd.concat([t, t[["age"]]], axis=1), "two columns of the release are called 'age'"),
        (lambda t: t.rename(columns={"age": "Age"}), "the release lacks 'age' and has 'Age', .*rename them"),
        (lambda t: t.assign(more=1), "the release has 'more', which the members lack: drop them"),
    ],
)
def test_a_release_that_cannot_be_compared_is_refused_with_its_column(change, why):
    members, others, release = tables(0.5, 40)
    with pytest.raises(InputError, match=why):
        divulge.audit(change(release), members, others)


class Library:
    """As samplers of libraries are: without a seed, and with settings that are none."""

    def __init__(self, table):
        self.table, self.asked = table, 0

    def sample(self, num_rows, max_tries_per_batch=100):
        assert max_tries_per_batch == 100
        self.asked += 1
        return self.table.sample(num_rows, random_state=self.asked)


def test_a_sampler_without_a_seed_is_asked_once():
    members, others, release = tables(0.5, 40)
    library = Library(release)
    target, schema = GeneratorTarget(library), records_from(target_from(release), members, others).members.schema
    assert target.draw(9, 0, schema).row_keys() == target.draw(9, 1, schema).row_keys() and library.asked == 1


def test_a_recipe_is_handed_the_whole_table():
    frame = people(30, np.random.default_rng(0))
    (labeled,) = from_arrays([(frame, np.array(["yes", "no"] * 15))], target="answer")
    seen = []
    GeneratorRecipe(lambda table, seed: seen.append(table) or Replay(table)).fit(labeled, 3)
    assert list(seen[0].columns) == [*frame.columns, "answer"] and seen[0]["answer"].tolist() == ["yes", "no"] * 15
    made = GeneratorTarget(Replay(seen[0])).draw(12, 0, labeled.schema)
    assert set(made.row_keys()) <= set(labeled.row_keys())


@pytest.mark.parametrize("fit", [bootstrap, gaussian_copula, bayesian_network, cart, smote])
def test_the_generators_of_demonstrations_keep_types_and_holes(fit):
    frame = people(80, np.random.default_rng(0)).assign(born=lambda t: pd.to_datetime(t["born"]))
    made = fit(frame, 0).sample(300, 1)
    assert (made.dtypes == frame.dtypes).all() and made["pay"].isna().any()
    assert fit(frame, 0).sample(300, 1).equals(made) and set(made["town"]) <= set(frame["town"])


# Whole audits


def test_a_release_that_leaks_is_found_with_the_table_alone(tmp_path):
    members, others, release = tables(0.9, 150)
    attacks = ["domias", "exact_hits", "closest_record", "generator_ratio", "loss"]
    population = people(300, np.random.default_rng(7))
    run = divulge.audit(
        release, members, others, population, attacks=attacks, threat="synthetic-data", out=tmp_path / "r"
    )
    assert run.verdict is Verdict.LEAK
    refused = {o.attack: o.result.reason for o in run.result.outcomes if isinstance(o.result, Refused)}
    assert "recipe" in refused["generator_ratio"] and "sees only generated samples" in refused["loss"]
    area = next(f for f in run.findings if f.attack == "domias" and f.key == "auc")
    assert area.value > 0.58 and 0.35 < area.control < 0.65 and area.positive_control > 0.7


AUDIT = """
synthetic: released.csv
data:
  members: members.csv
  nonmembers: others.csv
attacks: [closest_record, copied_rows, linkability]
"""


def test_ten_lines_of_an_audit_file_do(tmp_path):
    from divulge.setup.audit_file import load
    from divulge.setup.from_file import job_from_file

    for name, table in zip(("members", "others", "released"), tables(0.5, 120), strict=True):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "audit.yaml").write_text(AUDIT, encoding="utf-8")
    job = job_from_file(load(tmp_path / "audit.yaml"), tmp_path)
    assert job.threat.name == "synthetic-data" and job.target.name == "released" and len(job.candidates) == 240
    assert not job.candidates.schema.labeled and job.recipe is None


def test_tables_of_no_leak_are_called_so(tmp_path):
    members, others, release = tables(0.0, 150, seed=4)
    population, chosen = people(300, np.random.default_rng(8)), ["calibrated_distance", "domias", "monte_carlo"]
    run = divulge.audit(
        release, members, others, population, attacks=chosen, threat="synthetic-data", out=tmp_path / "r"
    )
    assert run.verdict is not Verdict.LEAK
    assert half_copied(members, np.random.default_rng(0)).shape == members.shape


def test_rows_whose_digests_end_in_zeros_are_found_too():
    """Of 2,000 digests about eight end in a zero byte, which arrays of bytes drop."""
    candidates, table = unlabeled(dense(2000, 4), dense(2000, 4))
    assert any(key.endswith(b"\0") for key in table.row_keys())
    assert scored(ExactHits(), candidates, table).tolist() == [1.0] * 2000


def test_the_width_of_kernels_is_found_and_the_likelihood_of_the_table_is_nearly_the_best():
    """Rows with noise of 0.3 on them: with the true width and the very densities nobody can do better."""
    rng, size, width = np.random.default_rng(0), 1000, 0.3
    x, member = rng.normal(size=(size, 3)), np.arange(size) < size // 2
    drawn = x[member][rng.integers(size // 2, size=size // 2)] + width * rng.normal(size=(size // 2, 3))
    assert fitted_width(x, drawn) == pytest.approx(width, rel=0.2)
    squared = ((x[:, None] - drawn[None]) ** 2).sum(axis=2)
    spread = 1 + width**2
    base = -0.5 * (drawn**2).sum(axis=1) / spread - 1.5 * np.log(spread)
    odds = np.logaddexp(np.log(size // 2 - 1) + base, -squared / (2 * width**2) - 3 * np.log(width)) - base
    candidates, table, population = unlabeled(x, drawn, rng.normal(size=(4000, 3)))
    best = roc_auc_score(member, odds.sum(axis=1))
    assert roc_auc_score(member, scored(KernelLikelihood(), candidates, table, population)) > best - 0.015


def test_few_public_records_and_many_columns_do_not_spoil_the_likelihood_of_the_table():
    """The best attack knows the width and the densities; with the generator's own narrow kernels at 400 public records
    the likelihood of the table was 0.05 behind it.
    """
    for columns, width in ((4, 0.35), (12, 1.0)):
        behind = []
        for seed in range(3):
            rng, size = np.random.default_rng(seed), 400
            x, public = rng.normal(size=(2 * size, columns)), rng.normal(size=(size, columns))
            member = np.arange(2 * size) < size
            drawn = x[member][rng.integers(size, size=size)] + width * rng.normal(size=(size, columns))
            squared = ((x[:, None] - drawn[None]) ** 2).sum(axis=2)
            base = -0.5 * ((drawn**2).sum(axis=1) / (1 + width**2) + columns * np.log(1 + width**2))
            kernel = -squared / (2 * width**2) - columns * np.log(width) - base[None]
            best = roc_auc_score(member, np.logaddexp(np.log(size - 1), kernel).sum(axis=1))
            found = scored(KernelLikelihood(), *unlabeled(x, drawn, public))
            behind.append(best - roc_auc_score(member, found))
        assert np.mean(behind) < 0.03


def test_a_network_over_pairs_keeps_pairs_and_nothing_else():
    """Two columns that follow from a third come out as they went in; what takes three columns to see does not."""
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 2, 2000), rng.integers(0, 2, 2000)
    frame = pd.DataFrame({"one": one, "same": one, "two": two, "odd": one ^ two}).astype(str)
    made = bayesian_network(frame, 0).sample(2000, 1)
    assert (made["one"] == made["same"]).all()
    assert 0.4 < (made["odd"] == (made["one"] != made["two"]).astype(int).astype(str)).mean() < 0.6
