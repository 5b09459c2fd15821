"""The share of used records: intervals that hold the truth, with models and by simulation."""

from __future__ import annotations

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from typer.testing import CliRunner

import divulge
from divulge.claims.cardinality import interval, used_share
from divulge.cli.app import app
from divulge.core.results.estimate import Rate
from divulge.data.arrays import from_arrays
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.targets_from import target_from


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_interval_holds_the_truth(share):
    rng = np.random.default_rng(0)
    held, wide = 0, []
    for _ in range(400):
        own = rng.binomial(1000, share * 0.8 + (1 - share) * 0.2)
        low, high = interval(
            Rate(own, 1000), Rate(rng.binomial(1000, 0.2), 1000), Rate(rng.binomial(1000, 0.8), 1000), 0.05
        )
        held += low <= share <= high
        wide.append(high - low)
    assert held / 400 >= 0.95 and np.mean(wide) < 0.25


def test_where_used_records_look_like_fresh_ones_nothing_is_said():
    assert interval(Rate(50, 100), Rate(50, 100), Rate(52, 100), 0.05) == (0.0, 1.0)


def sets(used_share_of_own, seed):
    """A forest trained on 800 records of which some are the owner's 400."""
    x, y = make_classification(3000, 20, n_informative=5, flip_y=0.2, random_state=0)
    order = np.random.default_rng(seed).permutation(3000)
    own, fresh, others, beside = order[:400], order[400:800], order[800:1600], order[1600:2200]
    used = own[: int(used_share_of_own * 400)]
    trained = np.concatenate([used, others[: 800 - len(used)]])
    forest = RandomForestClassifier(50, min_samples_leaf=2, random_state=seed)
    return x, y, own, fresh, beside, trained, forest


@pytest.mark.parametrize("share", [0.0, 0.25, 0.75])
def test_the_share_that_a_forest_was_trained_on(share):
    x, y, own, fresh, beside, trained, forest = sets(share, 1)
    target = target_from(forest.fit(x[trained], y[trained]))
    parts = from_arrays([(x[p], y[p]) for p in (own, fresh, beside)])
    found = used_share(target, parts[0], parts[1], recipe_for("auto", forest, target), beside=parts[2])
    assert found.low <= share <= found.high and found.high - found.low < 0.5
    assert found.share == pytest.approx(share, abs=0.2)


def test_too_few_records_are_refused():
    x, y, own, fresh, _, trained, forest = sets(1.0, 1)
    target = target_from(forest.fit(x[trained], y[trained]))
    parts = from_arrays([(x[p], y[p]) for p in (own[:20], fresh)])
    with pytest.raises(divulge.InputError, match="at least 50 own"):
        used_share(target, parts[0], parts[1], recipe_for("auto", forest, target))


def test_the_command_tells_the_share(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y, own, fresh, beside, trained, forest = sets(0.5, 2)
    frame = pd.DataFrame(x, columns=[f"f{i}" for i in range(20)]).assign(ill=y)
    joblib.dump(forest.fit(frame.iloc[trained].drop(columns="ill"), y[trained]), tmp_path / "model.joblib")
    for name, part in (("own", own), ("fresh", fresh), ("beside", beside)):
        frame.iloc[part].to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "claim.yaml").write_text(
        "target: {kind: sklearn, path: model.joblib, trust: true}\n"
        "data: {members: own.csv, nonmembers: fresh.csv, population: beside.csv, target: ill}\n"
    )
    told = CliRunner().invoke(app, ["claim", "used", str(tmp_path / "claim.yaml"), "--share"])
    assert told.exit_code == 0 and "of them were used (" in told.output
    told = CliRunner().invoke(app, ["claim", "used", str(tmp_path / "claim.yaml"), "--share", "--json"])
    found = json.loads(told.output)["cardinality"]
    assert found["low"] <= 0.5 <= found["high"]
