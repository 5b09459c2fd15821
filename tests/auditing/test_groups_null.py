"""Fair splits by person are called fair, a model that gives nothing away is not called leaky, unfair ones are seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import divulge
from divulge.auditing.run_attack import baseline
from divulge.core.results.finding import Verdict
from divulge.data.arrays import from_arrays
from divulge.games.membership import MembershipGame
from divulge.targets.function import FunctionTarget


def model(x):
    one = 1 / (1 + np.exp(-2 * x[:, 0]))
    return np.column_stack([1 - one, one])


def world(seed, persons=20, rows=(5, 5), drift=0.0):
    """Records near their persons, who were drawn into members and others at random."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(2 * persons), rng.integers(rows[0], rows[1] + 1, 2 * persons))
    x = rng.normal(size=(2 * persons, 4))[who] + 0.1 * rng.normal(size=(len(who), 4))
    y = (x[:, 0] + 0.3 * rng.normal(size=len(x)) > 0).astype(int)
    inside = np.isin(who, rng.permutation(2 * persons)[:persons])
    x[inside, 1] += drift
    return x, y, who, inside


def alarm(seed, told=True, **settings):
    """What the model-blind baseline says of one split."""
    x, y, who, inside = world(seed, **settings)
    (records,) = from_arrays([(x, y)])
    records = replace(records, groups=who if told else None).as_given(records.given)
    return baseline(MembershipGame(FunctionTarget(model), records, inside, seed)).alarm


@pytest.mark.parametrize("rows", [(5, 5), (1, 20)])
def test_a_fair_split_by_person_raises_no_alarm(rows):
    assert sum(alarm(seed, rows=rows) is not None for seed in range(8)) == 0


def test_without_persons_it_would_and_an_unfair_split_does():
    assert sum(alarm(seed, told=False) is not None for seed in range(2)) == 2
    assert all(alarm(seed, persons=40, drift=1.5) is not None for seed in range(2))


def test_audits_of_a_model_that_never_saw_anybody(tmp_path):
    for seed in range(2):
        x, y, who, inside = world(seed, persons=40, rows=(1, 20))
        run = divulge.audit(
            model,
            (x[inside], y[inside]),
            (x[~inside], y[~inside]),
            groups=(who[inside], who[~inside]),
            attacks=["loss", "correctness"],
            recipe=None,
            cache=False,
            seed=seed,
            out=tmp_path / str(seed),
        )
        assert run.verdict is Verdict.NOT_FOUND
