"""What is kept between runs is used again by an equal audit, in another process too, and by no other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

import divulge
import divulge.auditing.cache
import divulge.training.engines.engine
import divulge.training.shadow
from divulge.core.records import Records
from divulge.data.arrays import from_arrays
from divulge.targets.function import FunctionTarget
from divulge.training.artifact_cache import ArtifactCache
from divulge.training.recipes.function import FunctionRecipe

N = 40


def sets():
    rng = np.random.default_rng(0)
    x = pd.DataFrame(
        {
            "age": rng.integers(18, 90, 2 * N),
            "pay": np.where(rng.random(2 * N) < 0.2, np.nan, rng.normal(size=2 * N)),
            "zip": pd.Categorical(rng.choice([8001, 8002, 8003], 2 * N), categories=[8001, 8002, 8003]),
        }
    )
    return x, ((x["age"] > 50) ^ (rng.random(2 * N) < 0.2)).astype(int).to_numpy()


def pipeline(depth=None, split=2):
    coded = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), [2]), remainder="passthrough"
    )
    return make_pipeline(coded, DecisionTreeClassifier(max_depth=depth, min_samples_split=split, random_state=0))


def audited(folder, x=None, y=None, recipe_split=2, target_depth=None, **options):
    base_x, base_y = sets()
    x, y = base_x if x is None else x, base_y if y is None else y
    model = pipeline(target_depth).fit(x[:N], y[:N])
    said = {"recipe": pipeline(split=recipe_split), "attacks": ["loss", "lira"], "shadows": 4, "engine": "sequential"}
    return divulge.audit(model, (x[:N], y[:N]), (x[N:], y[N:]), out=folder, **(said | options))


@pytest.fixture
def reads(monkeypatch):
    """Who asked the cache for something, and whether it was there."""
    seen: list[tuple[str, bool]] = []
    read = ArtifactCache.read

    def spied(self, key):
        found = read(self, key)
        seen.append((sys._getframe(1).f_code.co_name, found is not None))
        return found

    monkeypatch.setattr(ArtifactCache, "read", spied)
    return seen


def _recolored(x):
    return x.assign(zip=pd.Categorical(x["zip"].astype(int) + 1, categories=[8002, 8003, 8004]))


def _changed():
    x, y = sets()
    one = x.copy()
    one.loc[3, "age"] += 1
    return {
        "a value": {"x": one},
        "a missing value": {"x": x.assign(pay=x["pay"].where(x.index != int(x["pay"].notna().idxmax())))},
        "a type": {"x": x.astype({"age": np.int32})},
        "values of categories": {"x": _recolored(x)},
        "the order of categories": {"x": x.assign(zip=x["zip"].cat.reorder_categories([8003, 8002, 8001]))},
        "a name of a column": {"x": x.rename(columns={"pay": "wage"})},
        "names of classes": {"y": np.where(y == 1, "yes", "no")},
        "a label": {"y": np.where(np.arange(2 * N) == 5, 1 - y, y)},
        "the sensitive columns": {"sensitive": ["age"]},
        "the seed": {"seed": 1},
    }


OF_ONE_RECORD = {"a value", "a label"}
"""The control model that was trained without that record is the same model."""


@pytest.mark.parametrize("what", sorted(_changed()))
def test_nothing_is_used_again_where_anything_differs(what, tmp_path, monkeypatch, reads):
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    audited(tmp_path / "first")
    reads.clear()
    audited(tmp_path / "second", **_changed()[what])
    assert len(reads) > 5
    used = {who for who, found in reads if found}
    assert used <= ({"_remembered"} if what in OF_ONE_RECORD else set())


def test_another_version_of_divulge_uses_nothing(tmp_path, monkeypatch, reads):
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    audited(tmp_path / "first")
    for module in (divulge.auditing.cache, divulge.training.engines.engine, divulge.training.shadow):
        monkeypatch.setattr(module, "code_version", lambda: "another")
    reads.clear()
    audited(tmp_path / "second")
    assert len(reads) > 5 and not any(found for _, found in reads)


@pytest.mark.parametrize(
    ("what", "options", "kept"),
    [
        ("the model", {"target_depth": 2}, {"baseline_of", "_read", "_remembered"}),
        ("the recipe", {"recipe_split": 6}, {"baseline_of"}),
        ("the threat", {"threat": "acquaintance"}, {"baseline_of", "_read", "_remembered"}),
    ],
)
def test_only_what_does_not_depend_on_it_is_used_again(what, options, kept, tmp_path, monkeypatch, reads):
    """Another model under the same recipe has the same shadow models, and no baseline knows of any model."""
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    audited(tmp_path / "first")
    reads.clear()
    audited(tmp_path / "second", **options)
    assert {who for who, found in reads if found} == kept


def test_an_equal_audit_uses_everything_again_in_another_process_too(tmp_path, monkeypatch, reads):
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    first = audited(tmp_path / "first")
    reads.clear()
    second = audited(tmp_path / "second")
    assert len(reads) >= 3 and all(found for _, found in reads)
    shown = ["attack", "metric", "value", "low", "high", "verdict"]
    assert second.to_frame()[shown].equals(first.to_frame()[shown])
    script = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from tests.auditing import test_cached_answers as here\n"
        "from divulge.training.artifact_cache import ArtifactCache\n"
        "seen, read = [], ArtifactCache.read\n"
        "def spied(self, key):\n"
        "    found = read(self, key)\n"
        "    seen.append(found is not None)\n"
        "    return found\n"
        "ArtifactCache.read = spied\n"
        f"here.audited(Path({str(tmp_path / 'third')!r}))\n"
        "print(json.dumps(seen))\n"
    )
    root = Path(__file__).parents[2]
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root)
    assert told.returncode == 0, told.stderr
    seen = json.loads(told.stdout.splitlines()[-1])
    assert len(seen) == len(reads) and all(seen)


def test_groups_and_the_task_are_part_of_what_records_are():
    x, y = sets()
    (records,) = from_arrays([(x, y)])
    grouped = Records(records.x, records.y, records.schema, np.arange(len(y)) // 2).as_given(records.given)
    other = Records(records.x, records.y, records.schema, np.arange(len(y)) // 4).as_given(records.given)
    (quantity,) = from_arrays([(x, y.astype(float))], task=divulge.Task.REGRESSION)
    (named,) = from_arrays([(x, y)], target="ill")
    told = {r.fingerprint() for r in (records, grouped, other, quantity, named)}
    assert len(told) == 5


def _threshold(at):
    return lambda x: np.column_stack([np.asarray(x)[:, 0] > at, np.asarray(x)[:, 0] <= at]).astype(float)


def test_functions_are_told_apart_by_what_they_hold():
    assert FunctionTarget(_threshold(1)).fingerprint() == FunctionTarget(_threshold(1)).fingerprint()
    assert FunctionTarget(_threshold(1)).fingerprint() != FunctionTarget(_threshold(2)).fingerprint()
    assert FunctionTarget(_threshold(1)).fingerprint() != FunctionTarget(_threshold(1), "logits").fingerprint()

    def made(depth):
        def train(x, y, seed):
            return DecisionTreeClassifier(max_depth=depth).fit(x, y)

        return FunctionRecipe(train)

    assert made(2).fingerprint() == made(2).fingerprint() != made(3).fingerprint()
    x, y = sets()
    a, b = (pipeline(depth).fit(x, y).predict_proba for depth in (2, 3))
    assert FunctionTarget(a).fingerprint() != FunctionTarget(b).fingerprint()
