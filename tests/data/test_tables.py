"""Tables as people have them: every encoding and separator, codes that look like numbers, files that are cut off."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divulge.core.errors import InputError
from divulge.data.delimited import TableReading, sniffed, typed
from divulge.data.files import read_arrays, read_table

FRAME = pd.DataFrame({"name": ["Zoë", "Ümit", "Ann, B."], "age": [31, 42, 53], "rate": [0.5, 1.25, -3.0]})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_are_found_out(tmp_path, encoding, separator):
    path = tmp_path / "t.csv"
    path.write_bytes(FRAME.to_csv(index=False, sep=separator).encode(encoding))
    pd.testing.assert_frame_equal(read_table(path, "data"), FRAME, check_dtype=False)
    assert read_table(path, "data")["age"].dtype == np.int64


def test_what_is_said_of_a_file_goes_before_what_is_found(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("a:b\nÅ:1\n".encode("cp437"))
    found = read_table(path, "data", TableReading(":", "cp437"))
    assert found.to_dict("list") == {"a": ["Å"], "b": [1]}
    with pytest.raises(InputError, match="is no encoding"):
        read_table(path, "data", TableReading(":", "nonsense"))


def test_one_column_and_decimal_commas(tmp_path):
    assert sniffed("only\n1\n2\n") == ","
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1,5;2\n-0,25;3\n")
    assert read_table(path, "data").to_dict("list") == {"a": [1.5, -0.25], "b": [2, 3]}


def columns(**texts):
    return pd.DataFrame(texts, dtype=str)


TEXTS = {
    "zeros": ["01234", "56789"],
    "job": ["007", "7"],
    "codes": ["1e5", "2e7"],
    "phone": ["+41", "+44"],
    "huge": ["12345678901234567890123", "1"],
    "dates": ["2020-01-01", "2021-02-03"],
    "words": ["NA", "east"],
}
NUMBERS = {"int": ["7", "-12"], "float": ["1.50", ".5"], "science": ["1.2e-05", "1e-05"], "hole": ["NA", "3"]}


@pytest.mark.parametrize("name", TEXTS)
def test_codes_stay_text(name):
    assert typed(columns(**{name: TEXTS[name]}), {})[name].tolist() == TEXTS[name]


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_become_numbers(name):
    found = typed(columns(**{name: NUMBERS[name]}), {})[name]
    wanted = [np.nan if text == "NA" else float(text) for text in NUMBERS[name]]
    np.testing.assert_array_equal(found.to_numpy(dtype=float), wanted)


def test_truths_are_truths_and_types_can_be_said():
    table = columns(flag=["True", "False"], zip=["1", "2"], since=["2020-01-01", "2021-02-03"], n=["007", "010"])
    assert typed(table, {})["flag"].tolist() == [True, False]
    said = typed(table, {"zip": "str", "since": "datetime", "n": "int", "flag": "category"})
    assert said["zip"].tolist() == ["1", "2"] and said["n"].tolist() == [7, 10]
    assert said["since"].dt.year.tolist() == [2020, 2021]
    assert said["flag"].cat.categories.tolist() == [False, True]
    with pytest.raises(InputError, match="did you mean 'zip'"):
        typed(table, {"zpi": "str"})
    with pytest.raises(InputError, match="column 'since' cannot be float"):
        typed(table, {"since": "float"})


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.integers(-(10**17), 10**17), st.floats(allow_nan=False, allow_infinity=False)), min_size=1)
)
def test_what_pandas_writes_comes_back(values):
    frame = pd.DataFrame({"a": values, "b": [f"{abs(hash(v)) % 1000:05d}" for v in values]})
    text = io.StringIO(frame.to_csv(index=False))
    found = typed(pd.read_csv(text, dtype=str, keep_default_na=False), {})
    np.testing.assert_array_equal(found["a"].to_numpy(dtype=float), frame["a"].to_numpy(dtype=float))
    assert found["b"].tolist() == frame["b"].tolist()


def test_a_file_that_is_cut_off_is_named(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 3)), columns=list("abc"))
    text = frame.to_csv(index=False)
    (tmp_path / "a.csv").write_text(text[: text.rindex(",", 0, 9000)])
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text.encode())[:1500])
    (tmp_path / "f.csv.gz").write_bytes(gzip.compress(text.encode())[:1500] + b"junk" * 90)
    frame.to_parquet(tmp_path / "c.parquet")
    np.savez(tmp_path / "d.npz", x=frame, y=frame["a"])
    for name in ("c.parquet", "d.npz"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / f"cut-{name}").write_bytes(content[: len(content) // 2])
        (tmp_path / f"spoilt-{name}").write_bytes(content[:200] + b"\xff" * 400 + content[600:])
    for name in ("a.csv", "b.csv.gz", "f.csv.gz", "cut-c.parquet"):
        with pytest.raises(InputError, match=f"cannot read {name}"):
            read_table(tmp_path / name, "data.members")
    for name in ("cut-d.npz", "spoilt-d.npz"):
        with pytest.raises(InputError, match=f"cannot read {name}"):
            read_arrays(tmp_path / name, "data.members")
