"""A model is handed the table of its owner, also where that is none of pandas: it may read columns by their names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

import divulge
from divulge.core.errors import InputError
from divulge.data.arrays import from_arrays

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(200, 3)), columns=list("abc"))
FRAME["k"] = RNG.integers(0, 5, 200)
FRAME["s"] = RNG.choice(["u", "v"], 200)
FRAME.loc[5, "a"] = np.nan
Y = (FRAME["b"] + FRAME["c"] + RNG.normal(size=200) > 0).astype(int).to_numpy()
MAKERS = {
    "polars": polars.from_pandas,
    "arrow": lambda frame: pyarrow.Table.from_pandas(frame, preserve_index=False),
    "batch": lambda frame: pyarrow.RecordBatch.from_pandas(frame, preserve_index=False),
}


def numbers(table):
    """By name, in another order than the table's."""
    return np.column_stack([np.nan_to_num(np.asarray(table[name], dtype=float)) for name in "cbak"])


MODEL = RandomForestClassifier(20, random_state=0).fit(numbers(FRAME[:100]), Y[:100])


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_the_model_is_handed_the_table_of_its_owner(make, tmp_path):
    members, others, seen = make(FRAME[:100]), make(FRAME[100:]), set()

    def model(table):
        seen.add(type(table))
        return MODEL.predict_proba(numbers(table))

    told = [model(side)[np.arange(100), y] for side, y in ((members, Y[:100]), (others, Y[100:]))]
    run = divulge.audit(model, (members, Y[:100]), (others, Y[100:]), attacks=["loss"], progress=None, out=tmp_path)
    (found,) = [f.value for f in run.findings if f.metric == "auc"]
    assert found == pytest.approx(roc_auc_score(np.repeat([1, 0], 100), np.concatenate(told)), abs=1e-9)
    assert seen == {type(members)}


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_rows_are_the_rows_of_the_owner_and_made_ones_have_their_types(make):
    (records,) = from_arrays([(make(FRAME), Y)])
    some = np.array([7, 5, 3])
    given = records.take(some).native()
    assert given.to_pandas().equals(make(FRAME).to_pandas().iloc[some].reset_index(drop=True))
    made = records.schema.form.decoded(records.x[some], records.schema)
    assert type(made) is type(given) and made.schema == given.schema
    assert [column.name for column in records.schema.columns] == list("abcks")


@pytest.mark.parametrize("make", [MAKERS["polars"], MAKERS["arrow"]], ids=["polars", "arrow"])
def test_a_whole_table_and_the_name_of_its_target(make, tmp_path):
    whole = make(FRAME.assign(ill=Y))
    halves = [(whole[:100], "ill"), (whole[100:], "ill")] if make is polars.from_pandas else None
    halves = halves or [(whole.slice(0, 100), "ill"), (whole.slice(100), "ill")]
    seen = set()

    def model(table):
        seen.add(type(table))
        return MODEL.predict_proba(numbers(table))

    run = divulge.audit(model, *halves, attacks=["loss"], progress=None, out=tmp_path / "a")
    both = [side for side, _ in halves]
    named = divulge.audit(model, *both, target="ill", attacks=["loss"], progress=None, out=tmp_path / "b")
    assert seen == {type(whole)} and named.result.handshake == run.result.handshake
    assert run.result.handshake.members == pytest.approx((MODEL.predict(numbers(FRAME[:100])) == Y[:100]).mean())
    with pytest.raises(InputError, match="no column 'well'"):
        divulge.audit(lambda t: t, (whole, "well"), (whole, "well"))


def test_words_that_arrow_cannot_take_rows_of():
    table = MAKERS["arrow"](FRAME)
    viewed = table.set_column(4, "s", table["s"].cast(pyarrow.string_view()))
    (records,) = from_arrays([(viewed, Y)])
    given = records.take(np.array([7, 3])).native()
    assert given.schema == viewed.schema and given["s"].to_pylist() == FRAME["s"].iloc[[7, 3]].tolist()


def test_tables_that_do_not_fit_together_are_refused():
    one, other = MAKERS["arrow"](FRAME), MAKERS["arrow"](FRAME.drop(columns="k"))
    with pytest.raises(InputError, match="different columns"):
        from_arrays([(one, Y), (other, Y)])
    with pytest.raises(InputError, match="same types"):
        from_arrays([(one, Y), (MAKERS["arrow"](FRAME.assign(k=FRAME["s"])), Y)])
    with pytest.raises(InputError, match="two columns are called 'a'"):
        from_arrays([(one.rename_columns(list("aabks")), Y)])
    with pytest.raises(InputError, match=r"pass x.collect\(\)"):
        from_arrays([(polars.from_pandas(FRAME).lazy(), Y)])
    with pytest.raises(InputError, match="as one kind"):
        from_arrays([(one, Y), (FRAME, Y)])
