"""Generators of synthetic records as targets, and what their samples tell about the set they learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn.mixture import GaussianMixture

import divulge
from divulge.attacks.property.property_samples import PropertySamples
from divulge.core.errors import AccessDenied, BudgetSpent, InputError, TargetError
from divulge.core.records import Column, Kind, Schema
from divulge.core.results.exhibits import Fact
from divulge.core.results.finding import Refused, Verdict
from divulge.core.threat import PRESETS, Access
from divulge.games.properties import PropertyPlan
from divulge.targets.generator import GeneratorTarget

KIND = "share(kind == 1)"


@dataclass
class Bootstrap:
    """Gives its own training records again, drawn with replacement."""

    x: np.ndarray
    y: np.ndarray

    def sample(self, count, seed):
        rows = np.random.default_rng(seed).integers(len(self.x), size=count)
        return self.x[rows], self.y[rows]


@dataclass
class Mixture:
    """A mixture of Gaussians over inputs and class."""

    model: GaussianMixture

    def sample(self, count, seed):
        self.model.random_state = seed % 2**31
        rows = self.model.sample(count)[0]
        return rows[:, :-1], (rows[:, -1] > 0.5).astype(int)


class Deaf:
    """Has learned nothing."""

    def sample(self, count, seed):
        rng = np.random.default_rng(seed)
        return rng.normal(size=(count, 3)), rng.integers(0, 2, count)


def bootstrap(x, y, seed):
    return Bootstrap(np.asarray(x, dtype=float), y)


def mixture(x, y, seed):
    model = GaussianMixture(6, random_state=seed % 2**31, reg_covar=1e-3)
    return Mixture(model.fit(np.column_stack([x, y])))


def deaf(x, y, seed):
    return Deaf()


def people(count, seed, as_frame=False):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, count)
    x = np.column_stack([rng.normal(size=count) + kind, rng.normal(size=count), kind])
    y = (rng.random(count) < 0.3 + 0.3 * kind).astype(int)
    frame = pd.DataFrame(x, columns=["a", "b", "kind"]).astype({"kind": int})
    return (frame, y) if as_frame else (x, y)


def audited(tmp_path, train, **how):
    members, nonmembers, population = (people(count, k, as_frame=True) for k, count in enumerate((1500, 1500, 5000)))
    generator = train(members[0].to_numpy(float), members[1], 0)
    plan = PropertyPlan((KIND,), victims=48, shadows=32, queries=600)
    given = {"families": ["property"], "threat": "synthetic-data", "recipe": train, "properties": plan} | how
    return divulge.audit(GeneratorTarget(generator), members, nonmembers, population, out=tmp_path / "r", **given)


def of(run, metric):
    return next(f for f in run.findings if f.key == metric)


def test_a_generator_that_gives_its_records_again_tells_the_share_as_well_as_so_many_draws(tmp_path):
    """Derivable: a share of 2,000 draws has a standard error of 0.011 at most, a mean absolute error of 0.009."""
    run = audited(tmp_path, bootstrap)
    assert run.verdict is Verdict.LEAK and {f.attack for f in run.findings} == {"property_samples"}
    assert of(run, "property_told").value == 1.0
    (fact,) = run.result.evidence["property_samples"].of(Fact)
    assert fact.error < 0.02 < fact.baseline_error
    truth = people(1500, 0)[0][:, 2].mean()
    assert fact.answer.low <= truth <= fact.answer.high and fact.answer.high - fact.answer.low < 0.1
    assert fact.metrics_told is None, "a generator has no accuracy to publish"


def test_few_samples_tell_no_more_than_the_best_of_all_guessers_makes_of_them(tmp_path):
    """Ten draws from a set: half of them of the kind, or four of five?  The best border is six, which is right for
    85.4 % of the sets, by the binomial distribution.
    """
    best = (binom.cdf(6, 10, 0.5) + binom.sf(6, 10, 0.8)) / 2
    assert best == pytest.approx(0.8537, abs=1e-4)
    plan = PropertyPlan((KIND,), victims=500, shadows=128, queries=600, size=300, values=(0.5, 0.8))
    run = audited(tmp_path, bootstrap, attacks=[PropertySamples(samples=10)], families=None, properties=plan)
    value = of(run, "property_told").value
    assert best - 4 * 0.016 < value < best + 3 * 0.016


def test_a_generator_that_has_learned_something_tells_it(tmp_path):
    run = audited(tmp_path, mixture)
    assert of(run, "property_told").value > 0.9 and run.verdict is Verdict.LEAK
    assert of(run, "property_told").control == pytest.approx(0.5, abs=0.25)
    assert of(run, "property_told").positive_control > 0.9


def test_a_generator_that_has_learned_nothing_tells_nothing(tmp_path):
    run = audited(tmp_path, deaf)
    found = of(run, "property_told")
    assert found.verdict is not Verdict.LEAK and found.low < 0.5 < found.high


def test_other_attacks_are_refused_and_properties_must_be_about_a_kind(tmp_path):
    run = audited(tmp_path, bootstrap, families=None, attacks=["loss", "property_samples", "knockoff"], threat="mlaas")
    reasons = {o.attack: o.result.reason for o in run.result.outcomes if isinstance(o.result, Refused)}
    assert set(reasons) == {"loss", "property_samples", "knockoff"}
    assert "does not offer scores" in reasons["loss"] and "generated samples" in reasons["property_samples"]
    plan = PropertyPlan(("size()",), victims=12, shadows=16, queries=300)
    (_, refused) = audited(tmp_path / "size", bootstrap, properties=plan).result.refused()[0]
    assert "not about a kind" in refused
    with pytest.raises(InputError, match="no attack of extraction"):
        audited(tmp_path / "none", bootstrap, families=["extraction"])


# The target


SCHEMA = Schema((Column("a"), Column("town", Kind.CATEGORICAL, ("north", "south"))), target="y", classes=("no", "yes"))


def framed(town="south", label="yes", count=None):
    def sample(number, seed):
        number = count or number
        return pd.DataFrame({"a": np.arange(number), "town": [town] * number}), np.array([label] * number)

    return GeneratorTarget(sample)


def test_what_is_no_generator_is_said():
    with pytest.raises(InputError, match="function sample"):
        GeneratorTarget(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="GeneratorTarget"):
        divulge.audit(object(), people(10, 0), people(10, 1))
    with pytest.raises(InputError, match="no target column: give it as a pair"):
        divulge.audit(pd.DataFrame({"a": [1.0]}), people(10, 0), people(10, 1))


def test_frames_and_names_of_classes_are_coded_as_the_records_are():
    made = framed().draw(3, 0, SCHEMA)
    assert made.x.tolist() == [[0, 1], [1, 1], [2, 1]] and made.y.tolist() == [1, 1, 1]
    assert GeneratorTarget(Deaf()).draw(
        5, 0, Schema((Column("a"), Column("b"), Column("c")), classes=("0", "1"))
    ).x.shape == (
        5,
        3,
    )


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (framed(town="west"), "'west' in column 'town'"),
        (framed(label="perhaps"), "class 'perhaps'"),
        (framed(count=2), "made 2 records instead of 3"),
        (GeneratorTarget(lambda n, s: (pd.DataFrame({"a": np.zeros(n)}), np.zeros(n))), "no column 'town'"),
        (GeneratorTarget(lambda n, s: (np.zeros((n, 5)), np.zeros(n))), "5 columns, and the records have 2"),
        (GeneratorTarget(lambda n, s: (np.full((n, 2), np.nan), np.zeros(n))), "NaN"),
        (GeneratorTarget(lambda n, s: (np.zeros((n, 2)), np.full(n, 7))), "outside 0 to 1"),
        (GeneratorTarget(lambda n, s: 1 / 0), "ZeroDivisionError"),
    ],
)
def test_what_a_generator_gets_wrong_is_said(target, says):
    with pytest.raises(TargetError, match=says):
        target.draw(3, 0, SCHEMA)


def test_samples_count_as_queries_and_later_ones_are_others():
    from dataclasses import replace

    from divulge.auditing.oracle import GrantedOracle

    schema = Schema((Column("a"), Column("b"), Column("c")), classes=("0", "1"))
    threat = replace(PRESETS["synthetic-data"], query_budget=10)
    oracle = GrantedOracle(GeneratorTarget(Deaf()), threat, Access.SAMPLES)
    first, second = oracle.samples(4, schema), oracle.samples(4, schema)
    assert oracle.queries == 8 and not np.array_equal(first.x, second.x)
    with pytest.raises(BudgetSpent):
        oracle.samples(4, schema)
    with pytest.raises(AccessDenied):
        oracle.labels(first)
    with pytest.raises(TargetError, match="answers none"):
        GeneratorTarget(Deaf()).answer(Access.LABEL, first)
    denied = GrantedOracle(GeneratorTarget(Deaf()), PRESETS["mlaas"], Access.SCORES)
    with pytest.raises(AccessDenied, match="samples"):
        denied.samples(1, schema)
