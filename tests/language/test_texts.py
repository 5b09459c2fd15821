"""Texts from whatever their owner has."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from divulge.core.errors import InputError
from divulge.core.language.texts import Chat, Prompted, texts_of
from divulge.core.threat import Task
from divulge.data.texts import read_texts, text_records

CHAT = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "well"}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["one", "two"], ["one", "two"]),
        (np.array(["one", "two"]), ["one", "two"]),
        (pd.Series(["one", "two"]), ["one", "two"]),
        (pd.DataFrame({"id": [1, 2], "text": ["one", "two"]}), ["one", "two"]),
        ([("say", "one"), {"prompt": "say", "completion": "two"}], [Prompted("say", "one"), Prompted("say", "two")]),
        (pd.DataFrame({"prompt": ["a"], "completion": ["b"]}), [Prompted("a", "b")]),
        ([CHAT, {"messages": CHAT}], [Chat((("user", "hello"), ("assistant", "well")))] * 2),
        ([[1, 2, 3], [4, 5]], [(1, 2, 3), (4, 5)]),
        (np.array([[1, 2], [3, 4]]), [(1, 2), (3, 4)]),
        ((np.array([[1, 2], [3, 4]]), np.array([5, 6])), [(1, 2, 5), (3, 4, 6)]),
    ],
)
def test_every_form_of_texts_is_read(given, expected):
    (records,) = text_records([given])
    assert texts_of(records) == expected
    assert records.schema.task is Task.LANGUAGE and len(records) == len(expected)


def test_equal_texts_are_equal_records_in_all_sets():
    members, others = text_records([["one", "two"], ["two", "three"]])
    assert members.row_keys()[1] == others.row_keys()[0]
    assert len({*members.row_keys(), *others.row_keys()}) == 3
    assert texts_of(others.take(np.array([1]))) == ["three"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["one", " "], "number 1: the text is empty"),
        ([], "no texts"),
        ("one", "no list of texts"),
        ([("a", "")], "completion is empty"),
        ((["a", "b"], [0, 1]), "without classes"),
        ([3.5], "no text"),
        (pd.DataFrame({"id": [1]}), "which column"),
        ([[{"role": "user"}]], "content"),
        (["a", [1, 2]], "token numbers"),
    ],
)
def test_what_is_no_text_is_refused(given, told):
    with pytest.raises(InputError, match=told):
        text_records([given])


def test_files_and_folders_are_read_with_their_authors(tmp_path):
    frame = pd.DataFrame({"note": ["one", "two"], "author": ["ann", "bob"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    rows = [json.dumps({"note": note, "author": author}) for note, author in frame.to_numpy()]
    (tmp_path / "a.jsonl").write_text("\n".join(rows) + "\n\n")
    import pyarrow as pa

    (tmp_path / "saved").mkdir()
    with pa.OSFile(str(tmp_path / "saved" / "data-00000-of-00001.arrow"), "wb") as sink:
        table = pa.Table.from_pandas(frame)
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    for name in ("a.csv", "a.parquet", "a.jsonl", "saved"):
        texts, authors = read_texts(tmp_path / name, "data.members", "note", "author")
        assert texts == ["one", "two"] and authors is not None and authors.tolist() == ["ann", "bob"]
    (tmp_path / "b.jsonl").write_text('"one"\n{"text": "two"}\n{"prompt": "a", "completion": "b"}\n')
    assert read_texts(tmp_path / "b.jsonl", "data.members", None, None)[0] == ["one", "two", Prompted("a", "b")]
    (tmp_path / "c.jsonl").write_text("{no")
    for name, column, groups, told in [
        ("c.jsonl", None, None, "JSON lines"),
        ("a.jsonl", "text", None, "no field 'text'"),
        ("a.csv", "note", "name", "no column 'name'"),
        ("none.jsonl", None, None, "no file"),
    ]:
        with pytest.raises(InputError, match=told):
            read_texts(tmp_path / name, "data.members", column, groups)
