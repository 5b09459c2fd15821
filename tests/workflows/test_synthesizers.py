"""The variational autoencoder of tables: its modes by hand, its tables, and its place in the demonstration."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from divulge.core.errors import Notice
from divulge.workflows import demos

pytest.importorskip("torch")

from divulge.workflows.synthesizers import coded_table
from divulge.workflows.tabular_vae import Modes, tvae


def mixed(count, seed=0):
    """A quantity of two modes that go with a category, one with holes, and a truth value."""
    rng = np.random.default_rng(seed)
    kind = rng.random(count) < 0.3
    return pd.DataFrame(
        {
            "pay": np.where(kind, rng.normal(100, 3, count), rng.normal(20, 2, count)),
            "kind": np.where(kind, "rich", "poor"),
            "days": np.where(rng.random(count) < 0.2, np.nan, rng.integers(0, 30, count)),
            "owns": rng.random(count) < 0.6,
        }
    )


def test_a_value_is_written_as_its_mode_and_place_in_it_and_read_again():
    columns, numbers = coded_table(mixed(800))
    pay, kind, days = (Modes.of(columns[k], numbers[:, k], 0) for k in range(3))
    inside, which = pay.written(numbers[:, 0], np.random.default_rng(0))
    assert set(np.round(pay.means[np.unique(which)], -1).tolist()) == {20.0, 100.0}
    assert pay.read(inside, which) == pytest.approx(numbers[:, 0]) and np.abs(inside).max() < 1
    assert inside == pytest.approx((numbers[:, 0] - pay.means[which]) / (4 * pay.widths[which]))
    assert (kind.size, kind.quantity) == (2, False) and np.isnan(days.alone).tolist() == [True]
    again = days.read(*days.written(numbers[:, 2], np.random.default_rng(0)))
    assert (np.isnan(again) == np.isnan(numbers[:, 2])).all()


def test_a_value_that_is_common_is_a_kind_of_its_own_and_bounds_are_kept():
    gains = np.where(np.arange(200) % 4, 0.0, np.random.default_rng(0).lognormal(7, 1, 200))
    (column,), numbers = coded_table(pd.DataFrame({"gains": gains}))
    modes = Modes.of(column, numbers[:, 0], 0)
    assert modes.alone == (0.0,) and modes.size == len(modes.means) + 1
    inside, which = modes.written(numbers[:, 0], np.random.default_rng(0))
    again = modes.read(inside, which)
    assert (again[gains == 0] == 0).all() and again.max() <= gains.max()
    assert modes.read(np.full(1, -1.0), np.zeros(1, dtype=int))[0] >= 0


def test_it_keeps_modes_what_goes_together_and_types_and_equal_seeds_give_equal_tables():
    frame = mixed(500)
    made = tvae(frame, 0, epochs=150).sample(500, 1)
    assert list(made.columns) == list(frame.columns) and set(made["kind"]) == {"rich", "poor"}
    assert made["owns"].dtype == bool and 0.05 < made["days"].isna().mean() < 0.4
    rich, poor = (made.loc[made["kind"] == kind, "pay"].median() for kind in ("rich", "poor"))
    assert rich > 80 and poor < 40, "each category has its own mode"
    assert tvae(frame, 0, epochs=2).sample(50, 1).equals(tvae(frame, 0, epochs=2).sample(50, 1))


def test_the_demonstration_says_so_where_pytorch_is_missing(monkeypatch):
    assert "a variational autoencoder" in demos._generators()
    monkeypatch.setattr(demos, "find_spec", lambda name: None)
    with pytest.warns(Notice, match="left out: PyTorch is not installed"):
        assert "a variational autoencoder" not in demos._generators()
