"""Score tables from Parquet, in batches."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from divulge.core.errors import InputError
from divulge.targets import score_files
from divulge.targets.score_table import ScoreTable


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    model, record = np.divmod(np.arange(60), 20)
    keep = rng.permuted(np.tile(np.arange(20) < 10, (3, 1)), axis=1).ravel()
    logits = {f"logit_{number}": rng.normal(size=60).astype(np.float32) for number in range(11)}
    return pd.DataFrame({"model": model, "record": record, "keep": keep, "y": record % 11, **logits})


def test_batches_of_any_size_and_rows_of_any_order_make_the_same_table(frame, tmp_path, monkeypatch):
    mixed = frame.sample(frac=1, random_state=1)
    mixed[sorted(mixed.columns)].to_parquet(tmp_path / "t.parquet", row_group_size=13)
    for size in (7, 65_536):
        monkeypatch.setattr(score_files, "BATCH", size)
        table = ScoreTable.load(tmp_path / "t.parquet")
        assert table.logits.dtype == np.float32 and table.logits.shape == (3, 20, 11)
        for number in range(11):  # logit_10 comes after logit_9
            assert (table.logits[:, :, number].ravel() == frame[f"logit_{number}"]).all()
        assert (table.keep.ravel() == frame["keep"]).all() and (table.y == np.arange(20) % 11).all()


@pytest.mark.parametrize("names", [["target", "a", "b"], ["shadow2", "Target", "shadow10"], ["1", "2", "10"]])
def test_a_model_with_a_name_is_the_target_by_its_name(frame, names, tmp_path):
    frame["model"] = np.array(names)[frame["model"]]
    frame.to_parquet(tmp_path / "t.parquet")
    target = next((name for name in names if name.lower() == "target"), "1")
    rows = frame[frame["model"] == target]
    assert (ScoreTable.load(tmp_path / "t.parquet").logits[0, :, 3] == rows["logit_3"]).all()


def test_names_that_do_not_say_which_is_the_target_are_refused(frame, tmp_path):
    frame.assign(model=np.array(["m0", "m1", "m2"])[frame["model"]]).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"'m0', 'm1' ... which is the target\? call it 'target'"):
        ScoreTable.load(tmp_path / "t.parquet")


def test_a_missing_label_is_named(frame, tmp_path):
    frame.assign(y=frame["y"].where(frame.index != 3)).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="y is missing in some rows"):
        ScoreTable.load(tmp_path / "t.parquet")


def test_a_row_twice_in_place_of_another_is_refused(frame, tmp_path):
    frame.loc[5, "record"] = 6
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="one row for each"):
        ScoreTable.load(tmp_path / "t.parquet")


@pytest.mark.parametrize("values", (["a"] * 60, [None] * 60, [[1]] * 60, pd.date_range("2026", periods=60)))
def test_what_is_no_number_is_refused(values, frame, tmp_path):
    frame.assign(logit_3=values).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"logit|cannot read"):
        ScoreTable.load(tmp_path / "t.parquet")


def test_reading_takes_little_more_than_what_is_read(tmp_path):
    records, classes = 40_000, 20
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"logit_{number}": rng.normal(size=records).astype(np.float32) for number in range(classes)})
    frame["model"], frame["record"], frame["y"] = 0, np.arange(records), 0
    frame["keep"] = np.arange(records) < records // 2
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=5_000)
    del frame
    ScoreTable.load(tmp_path / "t.parquet")
    tracemalloc.start()
    table = score_files.arrays_of(tmp_path / "t.parquet")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * table["logits"].nbytes


def test_a_record_has_one_label_for_all_models(tmp_path):
    rows = [
        {"model": m, "record": r, "keep": bool((m + r) % 2), "y": int(m == 2 and r == 1), "score": 0.1 * r}
        for m in range(3)
        for r in range(4)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"y of record 1 is 1 for model 2 and 0 for the first one \(1 rows differ"):
        ScoreTable.load(tmp_path / "t.parquet")
