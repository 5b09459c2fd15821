"""Rows of a table behind an update, categories included: known answers, a control, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from divulge.attacks.reconstruction.gradients.tables.relaxed import Relaxed
from divulge.attacks.reconstruction.gradients.tables.tableak import pool
from divulge.core.errors import Impossible
from divulge.core.game import Arm
from divulge.core.mixed.fields import TableField, commonest, fields_of, right_in
from divulge.data.arrays import from_arrays, from_frames
from divulge.games.rebuild import RebuildPlan
from tests.attacks.reconstruction_games import dense, pictures, played, share

JOBS, TOWNS = 6, 4


def persons(count, seed):
    """Age, job as indicators, income, town as indicators, a flag; the class follows from them."""
    rng = np.random.default_rng(seed)
    job, town = rng.choice(JOBS, count, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.05]), rng.integers(TOWNS, size=count)
    age, income = rng.uniform(size=count), rng.normal(size=count).clip(-3, 3)
    flag = rng.random(count) < 0.3
    x = np.column_stack([age, np.eye(JOBS)[job], income, np.eye(TOWNS)[town], flag]).astype(np.float32)
    return x, (job + town + 2 * flag > 3).astype(int)


SETS = tuple(from_arrays([persons(n, seed) for seed, n in enumerate((60, 60, 600))]))


def net(seed=0, columns=13):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(columns, 40), nn.ReLU(), nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 2))


def test_attributes_are_seen_in_the_columns():
    fields = fields_of(SETS[2])
    assert [f.values for f in fields] == [0, JOBS, 0, TOWNS, 2]
    assert [len(f.places) for f in fields] == [1, JOBS, 1, TOWNS, 1]
    scaled = from_arrays([((SETS[2].x - 0.3) / 0.7, SETS[2].y)])[0]  # indicators that were standardised
    assert [f.values for f in fields_of(scaled)] == [0, JOBS, 0, TOWNS, 2]
    rare = SETS[2].x.copy()
    rare[rare[:, 4] == 1, 3:5] = [1, 0]  # a category that no record of the population has
    assert [f.places for f in fields_of(from_arrays([(rare, SETS[2].y)])[0])] == [f.places for f in fields]
    assert fields_of(pictures(20)) == () and fields_of(from_arrays([(SETS[2].x[:, [0, 7]], SETS[2].y)])[0]) == ()


def test_a_row_is_right_attribute_by_attribute():
    fields, truth = fields_of(SETS[2]), SETS[0].x[:5].astype(float)
    assert right_in(fields, truth, truth).all()
    other = truth.copy()
    other[:, 1:7] = np.roll(other[:, 1:7], 1, axis=1)
    other[:, 0] += 0.5 * fields[0].tolerance
    assert right_in(fields, truth, other).mean(axis=0).tolist() == [1, 0, 1, 1, 1]
    assert not right_in(fields, truth, np.full_like(truth, np.nan)).any()
    usual = commonest(fields, SETS[2].x)
    assert usual[1:7].argmax() == 0 and usual[12] == 0


@pytest.mark.parametrize("batch", [1, 3])
def test_the_rows_behind_an_update_are_told(batch):
    plan = RebuildPlan(4, batch=batch)
    found = played("tableak", net(), SETS, plan=plan, ensemble=6, steps=200)
    told = next(m for m in found.paired if m.metric == "attributes_rebuilt")
    assert told.value > (0.95 if batch == 1 else 0.85) and np.mean(told.baseline) < 0.7
    assert any(note.startswith("categories: of the quarter") for note in found.notes)


def test_updates_of_others_tell_no_more_than_the_commonest_values():
    other = played("tableak", net(), SETS, Arm.NEGATIVE, plan=RebuildPlan(6), ensemble=6, steps=200)
    told = next(m for m in other.paired if m.metric == "attributes_rebuilt")
    assert told.value <= np.mean(told.baseline) and share(other, "records_rebuilt") == 0


def test_local_steps_are_followed():
    plan = RebuildPlan(3, batch=2, steps=2, rate=0.1)
    assert share(played("tableak", net(), SETS, plan=plan, ensemble=6, steps=200), "attributes_rebuilt") > 0.8


class Embedded(nn.Module):
    """Codes are looked up inside: one by an embedding, one as indicators."""

    def __init__(self, mixed=False):
        super().__init__()
        torch.manual_seed(1)
        self.table, self.mixed = nn.Embedding(JOBS, 8), mixed
        self.body = nn.Sequential(nn.Linear(8 + TOWNS + 1, 40), nn.ReLU(), nn.Linear(40, 2))

    def forward(self, x):
        job, town = x[:, 0].round().long(), x[:, 2].round().long()
        parts = [self.table(job), nn.functional.one_hot(town, TOWNS).to(x.dtype), x[:, 1:2]]
        if self.mixed:
            parts[0] = parts[0] * x[:, 1:2]
        return self.body(torch.cat(parts, dim=1).to(self.table.weight.dtype))


def frames(count, seed):
    rng = np.random.default_rng(seed)
    job, town = rng.integers(JOBS, size=count), rng.integers(TOWNS, size=count)
    age = rng.uniform(size=count)
    frame = pd.DataFrame({"job": [f"job {j}" for j in job], "age": age, "town": [f"town {t}" for t in town]})
    return frame.assign(rich=(job + town > 4).astype(int))


def test_codes_that_are_looked_up_inside_are_sought_too():
    sets = tuple(from_frames([frames(n, seed) for seed, n in enumerate((40, 40, 400))], target="rich"))
    assert [f.code for f in fields_of(sets[2])] == [True, False, True]
    found = played("tableak", Embedded(), sets, plan=RebuildPlan(4), ensemble=6, steps=200)
    assert share(found, "attributes_rebuilt") > 0.9
    with pytest.raises(Impossible, match="not a sum over the attributes"):
        played("tableak", Embedded(mixed=True), sets, plan=RebuildPlan(2), ensemble=2, steps=2)


def test_searches_are_brought_into_one_order_and_pooled():
    """Two of three agree on a batch of two; the third has the second record wrong, and an own order."""
    fields = (TableField((0, 1), 2, (0, 0), (1, 1)), TableField((2,), 0, (0.0,), (1.0,), 0.1))
    batch = np.array([[1.0, 0.0, 0.2], [0.0, 1.0, 0.8]])
    third = np.array([[0.4, 0.6, 0.7], [1.0, 0.0, 0.2]])
    pooled, doubt = pool(np.stack([batch, batch[::-1], third]), np.array([0.1, 0.2, 0.3]), fields)
    assert np.allclose(pooled, [[1, 0, 0.2], [0.4 / 3, 2.6 / 3, 0.8]])
    assert doubt[0, 0] < 1e-6 < doubt[1, 0] and doubt[0, 1] < doubt[1, 1]


def test_decided_rows_are_answered_as_by_the_module():
    fields = fields_of(SETS[2])
    relaxed = Relaxed(net().double(), fields, 13)
    relaxed.checked(np.random.default_rng(0), torch.float64)
    assert relaxed.slots == 1 + JOBS + 1 + TOWNS + 2


def test_what_it_is_not_for():
    images = pictures(30, seed=1), pictures(30, seed=2), pictures(60, seed=3)
    with pytest.raises(Impossible, match="tables with categories"):
        played("tableak", dense(), images)


def test_what_is_drawn_of_updates_are_updates():
    images = pictures(30, seed=1), pictures(30, seed=2), pictures(60, seed=3)
    found = played("analytic_gradient", dense(), images, plan=RebuildPlan(2, batch=2))
    assert {m.unit for m in found.paired} == {"update"}
