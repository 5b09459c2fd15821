"""Canaries are exact under exactly the lot that was drawn, for any model, and asked as the model is asked."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from divulge.claims import dataset_use as claim
from divulge.core.errors import InputError, Notice
from divulge.core.threat import Task
from divulge.data.arrays import from_arrays
from divulge.setup.audit_file import DataPart
from divulge.setup.sources.canaries_from import marked
from divulge.stats.exchange import FEW_SUMS, drawn_sum_p_value, rank_sum_p_value
from divulge.targets.function import FunctionTarget

NAMES = ["weight", "height", "age", "sugar", "pressure"]


def minted(folder, labels=(0, 1), number=40, names=NAMES, seed=0):
    """The secret of canaries of a table whose columns are out of the alphabet."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(60, len(names))), columns=list(names))
    table["outcome"] = [labels[i % len(labels)] for i in range(60)]
    claim.mint(table, "outcome", number, folder)
    return claim.read_secret(folder / "secret.json")


def asked(width, seen=None):
    """A function of arrays with so many outputs, which keeps what it is asked."""

    def model(x):
        if seen is not None:
            seen.append(np.asarray(x, dtype=float))
        return np.tile(np.arange(width, dtype=float), (len(x), 1))

    return FunctionTarget(model, "logits")


@pytest.mark.parametrize("chance", [[0.5, 0.5], [0.2, 0.3, 0.5], [0.25] * 4])
def test_the_p_value_of_a_lot_is_that_of_all_its_draws(chance):
    """By enumeration, with ties, of every draw that might have been."""
    rng, k = np.random.default_rng(0), len(chance)
    placed = np.array([2 * stats.rankdata(rng.integers(0, 3, k)) - 2 for _ in range(4)]).astype(int)
    draws = list(product(range(k), repeat=4))
    weight = np.array([np.prod([chance[i] for i in draw]) for draw in draws])
    total = np.array([sum(placed[row, i] for row, i in enumerate(draw)) for draw in draws])
    for draw, reached in zip(draws, total, strict=True):
        expected = weight[total <= reached].sum()
        assert drawn_sum_p_value(placed, np.array(draw), np.array(chance)) == pytest.approx(expected)


def test_without_ties_it_is_the_p_value_of_ranks_and_long_sums_agree_with_short_ones(monkeypatch):
    rng = np.random.default_rng(1)
    placed = np.array([rng.permutation(5) for _ in range(30)])
    drawn = rng.integers(0, 5, 30)
    p = drawn_sum_p_value(placed, drawn, np.full(5, 0.2))
    assert p == pytest.approx(rank_sum_p_value(placed[np.arange(30), drawn], 5))
    assert FEW_SUMS > 0
    monkeypatch.setattr("divulge.stats.exchange.FEW_SUMS", 0)
    assert drawn_sum_p_value(placed, drawn, np.full(5, 0.2)) == pytest.approx(p, abs=1e-11)


def test_a_model_that_knows_more_labels_than_the_lot_is_not_accused():
    """Nine classes, three of them in the lot, and a model that knows whose records these are and no canary."""
    rng, p_values = np.random.default_rng(0), []
    x = rng.normal(size=(40, 2))

    def knowing(v):
        return np.c_[np.zeros((len(v), 3)), 5 + v[:, :1], 5 + v, np.zeros((len(v), 3))]

    for _ in range(400):
        (canaries,) = from_arrays([(x, rng.integers(3, 6, 40))], classes=list(range(9)))
        p_values.append(claim.canaries_used(FunctionTarget(knowing, "logits"), canaries, "", labels=[3, 4, 5]).p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.075  # binomial(400, 0.05): more in one case of a hundred
    assert 0.4 < np.mean(p_values) < 0.62


def test_ties_are_exact_and_need_no_second_lot():
    """A model that answers with labels alone, and calls everything by one name."""
    rng = np.random.default_rng(2)
    (canaries,) = from_arrays([(rng.normal(size=(30, 2)), rng.integers(0, 3, 30))], classes=[0, 1, 2])
    model = FunctionTarget(lambda x: np.zeros(len(x), dtype=int), "labels")
    first, second = (claim.canaries_used(model, canaries, "", seed) for seed in (0, 1))
    hits = int((canaries.y == 0).sum())
    assert first == second
    assert first.p_value == pytest.approx(stats.binom.sf(hits - 1, 30, 1 / 3))


def test_a_lot_with_labels_that_no_canary_has_is_to_be_said():
    (canaries,) = from_arrays([(np.zeros((8, 1)), [0, 1] * 4)], classes=[0, 1, 2])
    with pytest.raises(InputError, match=r"no canary has the label 2.*labels="):
        claim.canaries_used(asked(3), canaries, "")
    assert claim.canaries_used(asked(3), canaries, "", labels=[0, 1]).sides == 2
    with pytest.raises(InputError, match="not in the lot"):
        claim.canaries_used(asked(3), canaries, "", labels=[1, 2])
    with pytest.raises(InputError, match="add up to 1"):
        claim.canaries_used(asked(3), canaries, "", labels=[0, 1], chances=[0.5, 0.2])


def test_a_regression_ranks_the_values_of_the_lot_by_nearness():
    rng = np.random.default_rng(3)
    x, values = rng.normal(size=(40, 1)), [1.5, 2.5, 4.0, 8.0]
    y = rng.choice(values, 40)
    (canaries,) = from_arrays([(x, y)], task=Task.REGRESSION)
    learned = dict(zip(x[:, 0].tolist(), y.tolist(), strict=True))
    by_heart = FunctionTarget(lambda v: np.array([learned[a] for a in v[:, 0].tolist()]), "values")
    ignorant = FunctionTarget(lambda v: np.full(len(v), 3.0), "values")
    assert claim.canaries_used(by_heart, canaries, "", labels=values).p_value == pytest.approx(4.0**-40)
    assert claim.canaries_used(ignorant, canaries, "", labels=values).p_value > 0.001


def test_columns_are_asked_in_the_order_in_which_they_were_published(tmp_path):
    seen = []
    secret = minted(tmp_path)
    records = marked(asked(2), secret, None, tmp_path).records
    published = pd.read_csv(tmp_path / "canaries.csv")
    assert list(published.columns) == [*NAMES, "outcome"]
    np.testing.assert_array_equal(records.x, published[NAMES].to_numpy())
    claim.canaries_used(asked(2, seen), records, "")
    np.testing.assert_array_equal(seen[-1], published[NAMES].to_numpy())


@pytest.mark.parametrize("names", [[f"p{i}" for i in range(12)], ["b", "a"], ["a", "b", "c"]])
def test_an_old_secret_takes_the_order_of_the_published_table_or_is_refused(tmp_path, names):
    """Secrets once had their columns in the order of the alphabet."""
    secret = minted(tmp_path, names=names)
    del secret["columns"]
    (tmp_path / "secret.json").write_text(json.dumps(secret, sort_keys=True))
    found = marked(asked(2), claim.read_secret(tmp_path / "secret.json"), None, tmp_path).records.x
    np.testing.assert_array_equal(found, pd.read_csv(tmp_path / "canaries.csv")[names].to_numpy())
    (tmp_path / "canaries.csv").unlink()
    with pytest.raises(InputError, match=r"canaries\.csv of the same mint beside it"):
        marked(asked(2), claim.read_secret(tmp_path / "secret.json"), None, tmp_path)


def test_the_columns_of_the_audits_own_tables_are_the_models(tmp_path):
    secret = minted(tmp_path)
    order = ["age", "outcome", "pressure", "weight", "height", "sugar"]
    pd.read_csv(tmp_path / "canaries.csv")[order].to_csv(tmp_path / "m.csv", index=False)
    part = DataPart(members=Path("m.csv"), nonmembers=Path("m.csv"), target="outcome")
    records = marked(asked(2), secret, part, tmp_path).records
    order.remove("outcome")
    np.testing.assert_array_equal(records.x, pd.read_csv(tmp_path / "canaries.csv")[order].to_numpy())
    pd.DataFrame({"shoe": [1.0], "outcome": [1]}).to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(InputError, match="no column 'shoe'"):
        marked(asked(2), secret, part, tmp_path)


def test_values_survive_the_secret_to_the_last_digit(tmp_path):
    table = pd.DataFrame({"tiny": np.random.default_rng(0).normal(size=30) * 1e-13, "code": ["007"] * 30})
    claim.mint(table.assign(y=[0, 1] * 15, gap=[np.nan] * 15 + [2.0] * 15), "y", 20, tmp_path)
    secret = claim.read_secret(tmp_path / "secret.json")
    assert {row["tiny"] for row in secret["canaries"]} <= set(table["tiny"])
    assert secret["canaries"][0]["code"] == "007" and {row["gap"] for row in secret["canaries"]} == {None, 2.0}
    with pytest.raises(InputError, match="'code' of the canaries holds text"):
        marked(asked(2), secret, None, tmp_path)


def test_labels_are_matched_to_outputs_by_name(tmp_path):
    """A model of five outputs; the owner has three of the labels."""
    secret = minted(tmp_path, labels=["eel", "bee", "cow"])
    part = DataPart(members=Path("no.npz"), nonmembers=Path("no.npz"), classes=["eel", "dog", "cow", "bee", "ant"])
    found = marked(asked(5), secret, part, tmp_path)
    assert found.records.schema.classes == tuple(part.classes) and set(found.labels) == {"eel", "cow", "bee"}
    drawn = [row["outcome"] for row in secret["canaries"]]
    assert [part.classes[code] for code in found.records.y] == drawn
    with pytest.raises(InputError, match="which output is which"):
        marked(asked(5), secret, None, tmp_path)
    numbers = minted(tmp_path / "n", labels=[1, 3])
    found = marked(asked(5), numbers, None, tmp_path)
    assert found.records.schema.classes == (0, 1, 2, 3, 4) and set(found.records.y) == {1, 3}


def test_labels_that_the_model_does_not_know_are_left_out_with_their_canaries(tmp_path):
    secret = minted(tmp_path, labels=["a", "b", "c"], number=60)
    part = DataPart(members=Path("no.npz"), nonmembers=Path("no.npz"), classes=["b", "a"])
    with pytest.warns(Notice, match="does not know the label 'c'"):
        found = marked(asked(2), secret, part, tmp_path)
    assert set(found.labels) == {"a", "b"}
    assert len(found.records) == sum(row["outcome"] != "c" for row in secret["canaries"])
    part = DataPart(members=Path("no.npz"), nonmembers=Path("no.npz"), classes=["x", "a"])
    with pytest.raises(InputError, match="are not those of the model"):
        marked(asked(2), secret, part, tmp_path)


def test_a_service_says_its_classes_by_name_or_they_are_to_be_said(tmp_path):
    pytest.importorskip("httpx")
    from tests.targets.server import App, serving

    from divulge.targets.services.http import HttpTarget, Service
    from divulge.targets.services.http_bodies import body_from

    secret = minted(tmp_path, labels=["cow", "ant"])
    named = App(lambda rows: [{"cow": 0.7, "ant": 0.3}] * len(rows))
    by_place = App(lambda rows: [[0.3, 0.7]] * len(rows))
    wider = App(lambda rows: [{"cow": 0.5, "ant": 0.3, "bee": 0.2}] * len(rows))
    part = DataPart(members=Path("no.npz"), nonmembers=Path("no.npz"), classes=["cow", "bee", "ant"])
    for app, said, refused in (
        (named, None, None),
        (by_place, None, "nothing says which is which"),
        (wider, None, r"'bee'.*data\.classes"),
        (wider, part, None),
    ):
        with serving(app) as url:
            target = HttpTarget(Service(url, body_from("fastapi", None, None), rate=1000.0))
            if refused is not None:
                with pytest.raises(InputError, match=refused):
                    marked(target, secret, said, tmp_path)
                continue
            found = marked(target, secret, said, tmp_path)
            test = claim.canaries_used(target, found.records, "", labels=found.labels)
            hits = sum(row["outcome"] == "cow" for row in secret["canaries"])
            assert test.p_value == pytest.approx(stats.binom.sf(hits - 1, 40, 0.5))
