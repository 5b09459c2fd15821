from __future__ import annotations

import gzip
import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from divulge.core.errors import InputError
from divulge.core.records import Kind
from divulge.core.threat import Task
from divulge.data.arrays import from_arrays, from_frames
from divulge.data.files import read_arrays, read_idx, read_table
from divulge.data.splits import Duplicates, separate, split


def frame(**columns):
    return pd.DataFrame(columns)


def test_frames_get_one_schema_together():
    a = frame(age=[1, 2], town=["Ulm", "Rom"], ill=["no", "yes"])
    b = frame(age=[3, 4], town=["Bad", "Rom"], ill=["yes", "yes"])
    first, second = from_frames([a, b], target="ill", sensitive=["town"])
    assert first.schema is second.schema
    assert first.schema.columns[1].categories == ("Bad", "Rom", "Ulm")
    assert first.schema.columns[1].kind is Kind.CATEGORICAL
    assert first.schema.sensitive == ("town",)
    assert second.columns()["town"].tolist() == ["Bad", "Rom"]
    assert first.y.tolist() == [0, 1] and second.y.tolist() == [1, 1]


def test_class_codes_follow_the_models_order():
    (records,) = from_arrays([(np.zeros((3, 1)), ["b", "a", "b"])], classes=["b", "a"])
    assert records.y.tolist() == [0, 1, 0]


def test_fractions_are_regressed_and_whole_numbers_classified():
    assert from_arrays([(np.zeros((2, 1)), [0.5, 1.0])])[0].schema.task is Task.REGRESSION
    assert from_arrays([(np.zeros((2, 1)), [0.0, 1.0])])[0].schema.task is Task.CLASSIFICATION


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ([(np.zeros((2, 1)), [0, 1]), (np.zeros((2, 2)), [0, 1])], "must be alike"),
        ([(np.zeros(2), [0, 1])], "reshape"),
        ([(np.zeros((2, 1)), [[0, 1], [1, 0]])], r"y has shape \(2, 2\)"),
        ([(np.zeros((2, 1)), [0, 1]), (frame(a=[1, 2]), [0, 1])], "a data frame and an array"),
        ([(object(), [0, 1])], "cannot be read from a object"),
        ([(pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), [0, 1])], "two columns are called 'a'"),
        ([(np.zeros((2, 1)), [0, 0])], "one class only"),
        ([(np.zeros((2, 1)), [0, None])], "missing values"),
        ([(np.zeros((1500, 1)), np.arange(1500))], "task: regression"),
        ([(np.zeros((0, 1)), []), (np.zeros((2, 1)), [0, 1])], "empty"),
    ],
)
def test_bad_arrays_get_one_error_with_the_cure(sets, message):
    with pytest.raises(InputError, match=message):
        from_arrays(sets)


def test_a_label_that_the_model_does_not_know():
    with pytest.raises(InputError, match="'maybe', which the model does not know"):
        from_arrays([(np.zeros((2, 1)), ["yes", "maybe"])], classes=["yes", "no"])
    with pytest.raises(InputError, match=r"data\.dtypes: \{y: str\}"):
        from_arrays([(np.zeros((2, 1)), [0, 1])], classes=["0", "1"])


def test_tables_with_different_columns():
    with pytest.raises(InputError, match=r"different columns \(b\)"):
        from_frames([frame(a=[1, 2], y=[0, 1]), frame(a=[1], b=[2], y=[0])], target="y")
    with pytest.raises(InputError, match="no target column 'z'"):
        from_frames([frame(a=[1, 2], y=[0, 1])], target="z")


def test_csv_words_and_holes(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("code,age,y\nNA,1,a\nDE,NA,b\n")
    table = read_table(path, "data.members")
    assert table["code"].tolist() == ["NA", "DE"]
    assert np.isnan(table["age"].to_numpy()[1])


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "parquet"])
def test_tables_come_back_from_every_kind_of_file(tmp_path, ending):
    table = frame(a=[1.5, 2.0], b=["x", "y"])
    path = tmp_path / f"t.{ending}"
    if ending == "parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    pd.testing.assert_frame_equal(read_table(path, "t"), table, check_dtype=False)


@pytest.mark.parametrize("zipped", [True, False])
@given(values=st.lists(st.integers(0, 255), min_size=6, max_size=6))
def test_idx_round_trip(tmp_path_factory, zipped, values):
    raw = b"\0\0\x08\x02" + struct.pack(">2I", 2, 3) + bytes(values)
    path = tmp_path_factory.mktemp("idx") / ("a.gz" if zipped else "a")
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    assert read_idx(path).tolist() == np.reshape(values, (2, 3)).tolist()


def test_damaged_files(tmp_path):
    bad = tmp_path / "a.idx"
    bad.write_bytes(b"hello")
    with pytest.raises(InputError, match="not an idx file"):
        read_idx(bad)
    bad.write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 9) + b"12")
    with pytest.raises(InputError, match="cut short"):
        read_idx(bad)
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 1)))
    with pytest.raises(InputError, match="no array 'y'"):
        read_arrays(tmp_path / "a.npz", "data.members")


def test_splits_are_disjoint_and_seeded():
    (records,) = from_arrays([(np.arange(50.0)[:, None], np.arange(50) % 2)])
    parts = split(records, (20, 20, 10), np.random.default_rng(1))
    assert sorted(np.concatenate([p.x[:, 0] for p in parts])) == list(range(50))
    again = split(records, (20, 20, 10), np.random.default_rng(1))
    assert (parts[0].x == again[0].x).all()
    with pytest.raises(InputError, match="cannot be split"):
        split(records, (40, 20), np.random.default_rng(1))


def overlapping():
    x = np.arange(12.0)[:, None]
    y = np.arange(12) % 2
    return from_arrays([(x[:6], y[:6]), (x[4:10], y[4:10]), (x[8:], y[8:])])


def test_overlap_is_refused_dropped_or_kept_and_always_counted():
    members, nonmembers, population = overlapping()
    with pytest.raises(InputError, match=r"2 records stand among members and non-members alike .*duplicates: drop"):
        separate(members, nonmembers, population, Duplicates.REFUSE)
    _, kept, _, counts = separate(members, nonmembers, population, Duplicates.KEEP)
    assert (len(kept), counts.exact, counts.rounded, counts.population) == (6, 2, 2, 2)
    assert "2 non-members equal to a member, 2 after rounding; kept" in str(counts)
    _, dropped, rest, _ = separate(members, nonmembers, population, Duplicates.DROP)
    assert (len(dropped), len(rest)) == (4, 2)


def test_overlap_after_rounding_is_seen():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3))
    y = np.arange(20) % 2
    members, nonmembers = from_arrays([(x, y), (x + 1e-10, y)])
    with pytest.raises(InputError, match=r"20 records .*\(0 to the letter\)"):
        separate(members, nonmembers, None, Duplicates.REFUSE)
