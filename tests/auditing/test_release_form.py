"""A release in another form than the real table: no row lies near any, and finding nothing says nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import divulge
from divulge.stats.handshake import other_form

RNG = np.random.default_rng(0)
PEOPLE = pd.DataFrame({"age": RNG.integers(18, 90, 600), "town": RNG.choice(["north", "south"], 600)})
PEOPLE["pay"] = np.round(RNG.normal(30, 5, 600) + PEOPLE["age"] / 10, 2)
REAL, HOLDOUT, OTHERS = PEOPLE[:200], PEOPLE[200:400], PEOPLE[400:]
AGAIN = REAL.sample(200, replace=True, random_state=1)


def standardized(table):
    numbers = table[["age", "pay"]]
    return table.assign(**((numbers - numbers.mean()) / numbers.std()))


FORMS = {
    "another unit": lambda table: table.assign(pay=table["pay"] * 100),
    "standardized": standardized,
    "numbers as words": lambda table: table.assign(age=table["age"].astype(str)),
    "other codes": lambda table: table.assign(town=table["town"].str.upper()),
}


def audited(released, tmp_path, *attacks):
    how = {"threat": "synthetic-data", "attacks": list(attacks), "duplicates": "keep", "progress": None}
    return divulge.audit(released, REAL, HOLDOUT, OTHERS, out=tmp_path / "run", **how)


@pytest.mark.filterwarnings("ignore::divulge.core.errors.Notice")  # of columns that have another type
@pytest.mark.parametrize("form", FORMS)
def test_what_finds_nothing_there_is_not_measurable_and_says_which_columns(form, tmp_path):
    run = audited(FORMS[form](AGAIN), tmp_path, "exact_hits", "copied_rows")
    assert run.verdict is divulge.Verdict.NOT_MEASURABLE and not any(
        f.verdict.value == "not found" for f in run.findings
    )
    (concern,) = run.result.handshake.concerns
    assert (
        concern.kind == "form" and {"another unit": "'pay'", "numbers as words": "'age'"}.get(form, "'") in concern.seen
    )


def test_a_release_in_the_tables_form_raises_no_doubt_and_a_leak_stays_one(tmp_path):
    run = audited(AGAIN, tmp_path / "again", "exact_hits")
    assert run.verdict is divulge.Verdict.LEAK and not run.result.handshake.concerns
    coarse = audited(AGAIN.assign(pay=AGAIN["pay"].round(-1)), tmp_path / "coarse", "exact_hits")
    assert not coarse.result.handshake.concerns, "coarser values are no other form"
    others = audited(OTHERS, tmp_path / "others", "exact_hits")
    assert others.verdict is divulge.Verdict.NOT_FOUND and not others.result.handshake.concerns


def test_a_column_that_is_mostly_zero_is_compared_by_the_rest():
    rng = np.random.default_rng(1)
    gains = np.where(rng.random(1000) < 0.9, 0.0, rng.uniform(1_000, 99_999, 1000))
    assert other_form(gains, gains / 99_999, coded=False)
    assert not other_form(gains, rng.permutation(gains)[:300], coded=False)


@pytest.mark.parametrize("coded", [True, False])
def test_missing_values_are_a_form_too(coded):
    column, few = np.arange(100) % 7.0, np.full(100, np.nan)
    assert other_form(column, few, coded)
    few[:60] = column[:60]
    assert not other_form(column, few, coded)


def test_a_shift_of_the_mean_is_no_other_form():
    """Two normal distributions that lie d apart have distance 2 Phi(d / 2) - 1: 0.38 at 1, 0.68 at 2."""
    rng = np.random.default_rng(2)
    real = rng.normal(size=2000)
    assert not other_form(real, rng.normal(size=2000) + 1, coded=False)
    assert other_form(real, rng.normal(size=2000) + 2, coded=False)
