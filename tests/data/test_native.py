"""Whatever the owner hands to a model, the model is handed by divulge: the same rows, the same types."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from divulge.core.errors import Impossible, Notice
from divulge.core.records import Kind, Records, concat
from divulge.core.threat import Access
from divulge.data.arrays import from_arrays
from divulge.targets.function import FunctionTarget

COLUMNS = {
    "ints": lambda rng, n: rng.integers(-5, 5, n),
    "small": lambda rng, n: rng.integers(0, 200, n).astype(np.uint8),
    "ids": lambda rng, n: rng.integers(2**60, 2**62, n),
    "floats": lambda rng, n: rng.normal(size=n),
    "single": lambda rng, n: rng.normal(size=n).astype(np.float32),
    "holes": lambda rng, n: np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
    "bools": lambda rng, n: rng.random(n) < 0.5,
    "nullable": lambda rng, n: pd.array(rng.integers(0, 9, n), dtype="Int64"),
    "nullable_holes": lambda rng, n: pd.array(
        [None if v < 3 else int(v) for v in rng.integers(0, 9, n)], dtype="Int16"
    ),
    "maybe": lambda rng, n: pd.array([None if v == 2 else bool(v) for v in rng.integers(0, 3, n)], dtype="boolean"),
    "words": lambda rng, n: rng.choice(["a", "b", "c"], n),
    "texts": lambda rng, n: [f"the patient number {i} of this long ward round" for i in rng.permutation(n)],
    "strings": lambda rng, n: pd.array(rng.choice(["x", "y"], n), dtype="string"),
    "word_holes": lambda rng, n: pd.Series([None if v == 0 else str(v) for v in rng.integers(0, 4, n)], dtype=object),
    "objects": lambda rng, n: pd.Series([[1, "1", True, 1.5, None][v] for v in rng.integers(0, 5, n)], dtype=object),
    "object_ints": lambda rng, n: pd.Series(rng.integers(0, 1000, n).tolist(), dtype=object),
    "decimals": lambda rng, n: pd.Series([decimal.Decimal(int(v)) / 4 for v in rng.integers(0, 9, n)], dtype=object),
    "days": lambda rng, n: pd.Series([datetime.date(2020, 1, 1 + v) for v in rng.integers(0, 9, n)], dtype=object),
    "codes": lambda rng, n: pd.Categorical(rng.integers(1000, 1010, n)),
    "cuts": lambda rng, n: pd.Categorical(rng.choice([0.5, 1.5], n), categories=[1.5, 0.5, 9.5], ordered=True),
    "category_holes": lambda rng, n: pd.Categorical([None if v == 0 else v for v in rng.integers(0, 4, n)]),
    "flags": lambda rng, n: pd.Categorical(rng.random(n) < 0.5),
    "times": lambda rng, n: pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 10**9, n), "s"),
    "zoned": lambda rng, n: (
        pd.Timestamp("2015-01-01", tz="Europe/Paris") + pd.to_timedelta(rng.integers(0, 99, n), "h")
    ),
    "spans": lambda rng, n: pd.to_timedelta(rng.integers(0, 10**6, n), "s"),
    "periods": lambda rng, n: pd.period_range("2020-01", periods=n, freq="M"),
}


def frame_of(names, n, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: COLUMNS[name](rng, n) for name in names}, index=rng.permutation(n) + 7)


@settings(deadline=None, max_examples=60)
@given(
    names=st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=6, unique=True),
    n=st.integers(6, 40),
    seed=st.integers(0, 10**6),
)
def test_a_target_receives_the_rows_of_the_owners_frame(names, n, seed):
    frame = frame_of(names, n, seed)
    y = np.arange(n) % 2
    members, others = from_arrays([(frame[: n // 2], y[: n // 2]), (frame[n // 2 :], y[n // 2 :])])
    order = np.random.default_rng(seed).permutation(n)
    seen = []

    def model(x):
        seen.append(x)
        return np.full((len(x), 2), 0.5)

    FunctionTarget(model).answer(Access.SCORES, concat([members, others]).take(order))
    pd.testing.assert_frame_equal(seen[0], frame.iloc[order])
    pd.testing.assert_frame_equal(others.native(), frame[n // 2 :])


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_records_that_divulge_made_have_the_owners_types(name):
    """From the numbers alone, as for a record with one value changed, the very frame comes back."""
    frame = frame_of([name], 30, 3)
    (records,) = from_arrays([(frame, np.arange(30) % 2)])
    again = Records(records.x, records.y, records.schema).native()
    pd.testing.assert_frame_equal(again, frame.reset_index(drop=True))


def test_an_adversarys_fractions_become_what_a_column_holds():
    """A table that wants whole numbers is never asked about others; an array, which has no such columns, is."""
    frame = pd.DataFrame({"n": np.arange(6), "m": pd.array(range(6), dtype="Int32"), "b": [True, False] * 3})
    frame["s"] = frame["n"].astype(np.uint8)
    frame["c"] = pd.Categorical(frame["n"] // 2 + 8000)
    (records,) = from_arrays([(frame, np.arange(6) % 2)])
    for step in (0.25, -0.25):
        pd.testing.assert_frame_equal(Records(records.x + step, records.y, records.schema).native(), frame)
        assert (Records(records.x + step, records.y, records.schema).settled().x == records.x).all()
    far = Records(records.x + 1e6, records.y, records.schema).native()
    assert far.dtypes.equals(frame.dtypes) and far["s"].max() == 255 and far["c"].tolist() == [8002] * 6
    (images,) = from_arrays([(np.zeros((4, 2, 2), dtype=np.uint8), [0, 1, 0, 1])])
    assert Records(images.x + 3, images.y, images.schema).native().dtype == np.uint8
    assert Records(images.x + 0.5, images.y, images.schema).native().max() == 0.5


@pytest.mark.parametrize("kind", [int, np.uint8, np.float32, np.float64, bool])
def test_arrays_keep_their_type(kind):
    x = np.random.default_rng(0).integers(0, 2, (8, 3)).astype(kind)
    a, b = from_arrays([(x[:4], [0, 1, 0, 1]), (x[4:], [0, 1, 0, 1])])
    assert a.native().dtype == kind and (a.native() == x[:4]).all()
    assert Records(b.x, b.y, b.schema).native().dtype == kind


def test_whole_numbers_too_large_for_a_float_are_told_apart():
    x = np.array([[2**60], [2**60 + 1], [2**60]])
    (records,) = from_arrays([(x, [0, 1, 0])])
    keys = records.input_keys()
    assert keys[0] == keys[2] != keys[1]
    again = Records(records.x, records.y, records.schema).native()
    assert again.dtype == np.int64 and again.tolist() == x.tolist()


def test_arrays_of_objects_and_of_words():
    x = np.array([["a", 1], ["b", 2], ["a", 3], ["c", 1]], dtype=object)
    (records,) = from_arrays([(x, [0, 1, 0, 1])])
    again = Records(records.x, records.y, records.schema).native()
    assert again.tolist() == x.tolist() and [type(v) for v in again[0]] == [str, int]
    (words,) = from_arrays([(np.array([["a", "bb"], ["b", "cc"]]), [0, 1])])
    assert words.native().dtype.kind == "U"
    assert Records(words.x, words.y, words.schema).native().tolist() == [["a", "bb"], ["b", "cc"]]


@pytest.mark.parametrize("made", [sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix, sparse.csr_array])
def test_sparse_matrices(made):
    dense = np.eye(6)[:, :4] * 2
    a, b = from_arrays([(made(dense[:3]), [0, 1, 0]), (made(dense[3:]), [0, 1, 0])])
    assert sparse.issparse(b.native()) and (b.native().toarray() == dense[3:]).all()
    assert sparse.issparse(Records(a.x + 1, a.y, a.schema).native())


def test_sparse_matrices_too_wide_to_be_written_out(monkeypatch):
    monkeypatch.setattr("divulge.data.arrays.WIDEST", 10)
    dense = np.eye(6)[[0, 1, 2, 3, 0, 1]]
    (records,) = from_arrays([(sparse.csr_matrix(dense), np.arange(6) % 2)])
    assert records.x.shape == (6, 1)
    assert records.input_keys()[0] == records.input_keys()[4] != records.input_keys()[1]
    assert (Records(records.x, records.y, records.schema).native().toarray() == dense).all()
    assert np.isfinite(records.features()).all()


@pytest.mark.parametrize("form", [list, pd.Series, np.array])
def test_texts(form):
    texts = ["the cat", "a dog barks", "the cat", "no"]
    (records,) = from_arrays([(form(texts), [0, 1, 0, 1])])
    assert list(records.take(np.array([2, 1])).native()) == ["the cat", "a dog barks"]
    assert records.schema.columns[0].kind is Kind.TEXT
    keys = records.input_keys()
    assert keys[0] == keys[2] != keys[1]
    features = records.features()
    assert (features[0] == features[2]).all() and (features[0] != features[1]).any()


def test_token_lists_of_unequal_length():
    tokens = [[1, 2, 3], [4], [1, 2, 3], [9, 9, 9, 9]]
    (records,) = from_arrays([(tokens, [0, 1, 0, 1])])
    assert records.native() == tokens
    assert records.schema.columns[0].kind is Kind.TOKENS
    assert records.features()[1, -1] == 1 and records.features()[3, -1] == 4


def test_mappings_as_tokenizers_give_them():
    x = {"input_ids": np.arange(12).reshape(4, 3), "attention_mask": np.ones((4, 3), dtype=int)}
    (records,) = from_arrays([(x, [0, 1, 0, 1])])
    assert records.take(np.array([1])).native()["input_ids"].tolist() == [[3, 4, 5]]
    assert np.isfinite(records.features()).all()


def test_tensors_keep_type_and_lose_gradients():
    torch = pytest.importorskip("torch")
    x = torch.arange(12.0, requires_grad=True).reshape(6, 2).to(torch.bfloat16)
    a, b = from_arrays([(x[:3], torch.tensor([0, 1, 0])), (x[3:], torch.tensor([0, 1, 0]))])
    assert a.native().dtype is torch.bfloat16 and not a.native().requires_grad
    assert torch.equal(b.native(), x[3:].detach())
    assert Records(a.x + 1, a.y, a.schema).native().dtype is torch.bfloat16
    (ids,) = from_arrays([(torch.arange(6).reshape(3, 2), [0, 1, 0])])
    assert Records(ids.x, ids.y, ids.schema).native().dtype is torch.int64


def test_records_that_say_nothing_in_numbers_are_not_guessed_about():
    (records,) = from_arrays([([{"a": 1}, {"b": 2}, {"c": 3}], [0, 1, 0])])
    with pytest.raises(Impossible, match="nothing meaningful"):
        records.features()


def test_whether_a_number_is_missing_is_a_feature():
    x = np.array([[1.0, np.nan], [2.0, 5.0], [3.0, 7.0]])
    (records,) = from_arrays([(x, [0, 1, 0])])
    assert records.features().tolist() == [[1, 6, 1], [2, 5, 0], [3, 7, 0]]


def test_columns_of_another_order_and_categories_of_another_list():
    a = pd.DataFrame({"n": [1, 2], "c": pd.Categorical(["x", "y"])})
    b = pd.DataFrame({"c": pd.Categorical(["z", "x"]), "n": [3, 4]})
    with pytest.warns(Notice, match="column 'c' has other categories"):
        first, second = from_arrays([(a, [0, 1]), (b, [0, 1])])
    assert first.native()["c"].cat.codes.tolist() == a["c"].cat.codes.tolist()
    assert list(second.native().columns) == ["n", "c"]
    assert first.native()["c"].dtype == second.native()["c"].dtype
    assert second.native()["c"].tolist() == ["z", "x"]


def test_a_type_that_differs_between_the_sets_is_said():
    a, b = pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [1.5, np.nan]})
    with pytest.warns(Notice, match="column 'n' is of another type in one set than in another, .* handed float64"):
        from_arrays([(a, [0, 1]), (b, [0, 1])])


def test_a_feature_named_like_the_target_stays():
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    (records,) = from_arrays([(frame, ["a", "b"])])
    assert records.columns()["y"].tolist() == [3.0, 4.0] and records.schema.target not in frame.columns


def test_whole_numbers_that_float64_does_not_tell_apart_are_told_apart():
    x = np.array([[2**60, 1], [2**60 + 1, 1], [2**60 + 2, 5], [2**60 + 3, 6]], dtype=np.int64)
    (records,) = from_arrays([(x, [0, 1, 0, 1])])
    assert len(set(records.input_keys())) == 4
    again = Records(records.x, records.y, records.schema).native()
    assert again.dtype == np.int64 and (again == x).all()
