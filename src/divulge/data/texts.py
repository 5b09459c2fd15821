"""Texts from whatever their owner has: lists, frames, data sets of Hugging Face; JSONL, CSV, Parquet and folders."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.language.texts import Chat, Prompted, Text
from divulge.core.records import Records, Schema
from divulge.core.threat import Task
from divulge.data.files import read_table
from divulge.data.given import GivenRows, is_tensor
from divulge.data.pools import pooled

USUAL = ("text", "content", "completion", "messages")
"""Columns that hold a text where none is named; beside `completion` stands `prompt`."""

LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".json")


def text_records(sets: Sequence[Any], column: str | None = None, names: Sequence[str] = ()) -> list[Records]:
    """One `Records` for every set of texts, all with one schema, which has no target.

    sets: lists of texts, of pairs (prompt, completion) or {"prompt", "completion"}, of chats ({"messages": [...]} or
        lists of {"role", "content"}), of token numbers; frames, and data sets of Hugging Face, with such columns.
    column: which one holds the text.  names: of the sets, for messages.
    Raises InputError for what is no text, and for empty ones.
    """
    named = [*names, *[f"set {place}" for place in range(len(names), len(sets))]][: len(sets)]
    listed = [listed_texts(value, name, column) for value, name in zip(sets, named, strict=True)]
    together = [text for texts in listed for text in texts]
    if len({isinstance(text, tuple) for text in together}) > 1:
        raise InputError("some texts are written and some are token numbers: give all of them alike")
    code, numbers, form = pooled(together)
    schema = Schema((code,), Task.LANGUAGE, form=form)
    everything, start, records = GivenRows(together), 0, []
    for texts in listed:
        rows = np.arange(start, start + len(texts))
        start += len(texts)
        found = Records(numbers[rows], np.zeros(len(rows), dtype=np.int64), schema)
        records.append(found.as_given(everything.take(rows)))
    return records


def listed_texts(value: Any, name: str = "texts", column: str | None = None) -> list[Text]:
    """The texts of one set; see `text_records`."""
    rows = _rows(value, column, name)
    texts = [_text(row, f"{name}, number {place}") for place, row in enumerate(rows)]
    if not texts:
        raise InputError(f"{name}: there are no texts: pass at least one")
    return texts


def _rows(value: Any, column: str | None, name: str) -> Iterable[Any]:
    columns = getattr(value, "columns", None)
    columns = getattr(value, "column_names", None) if columns is None else columns
    if columns is not None:
        return _of_columns(value, [str(c) for c in columns], column, name)
    if is_tensor(value):
        return value.tolist()  # type: ignore[no-any-return]
    if isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], str):
        return _with_next(value[0], value[1], name)
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
        raise InputError(f"{name}: a {type(value).__name__} is no list of texts: pass a list, one text a record")
    rows = list(value)
    if column is not None and all(isinstance(row, Mapping) for row in rows):
        lacking = next((place for place, row in enumerate(rows) if column not in row), None)
        if lacking is not None:
            raise InputError(f"{name}: number {lacking} has no field {column!r}")
        return [row[column] for row in rows]
    return rows


def _of_columns(value: Any, columns: list[str], column: str | None, name: str) -> list[Any]:
    """Of a frame, or a data set of Hugging Face, the columns that hold texts."""
    if column is not None and column not in columns:
        raise InputError(f"{name}: there is no column {column!r}; the columns are {', '.join(columns[:12])}")
    chosen = column or next((known for known in USUAL if known in columns), None)
    if chosen is None:
        raise InputError(f"{name}: which column holds the text? They are {', '.join(columns[:12])}: say data.text")
    if chosen == "completion" and "prompt" in columns and column is None:
        return [Prompted(str(p), str(c)) for p, c in zip(value["prompt"], value["completion"], strict=True)]
    return list(value[chosen])


def _with_next(x: Any, y: Any, name: str) -> list[list[int]]:
    """Rows of token numbers and the token that follows each, as models of one next token are given."""
    rows, following = [_numbers(row) for row in x], np.asarray(y)
    if following.ndim != 1 or len(following) != len(rows) or following.dtype.kind not in "iu":
        raise InputError(f"{name}: a language model is given texts alone, without classes: pass a list of texts")
    if any(row is None for row in rows):
        raise InputError(f"{name}: a language model is given texts alone, without classes: pass a list of texts")
    return [[*row, int(token)] for row, token in zip(rows, following, strict=True) if row is not None]


def _numbers(row: Any) -> list[int] | None:
    if isinstance(row, str | Mapping | Prompted | Chat):
        return None
    array: Array = np.asarray(row.cpu() if is_tensor(row) else row)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iuf" or (array != array.round()).any():
        return None
    return [int(token) for token in array]


def _text(row: Any, where: str) -> Text:
    if isinstance(row, Prompted | Chat):
        return row
    if isinstance(row, str):
        if not row.strip():
            raise InputError(f"{where}: the text is empty: leave it out")
        return str(row)
    if isinstance(row, Mapping):
        return _of_fields(row, where)
    if isinstance(row, list | tuple | np.ndarray) and len(row) and all(isinstance(m, Mapping) for m in row):
        return _chat(row, where)
    if isinstance(row, tuple) and len(row) == 2 and all(isinstance(part, str) for part in row):
        return _pair(*row, where)
    tokens = _numbers(row)
    if tokens is None:
        raise InputError(f"{where}: {row!r:.60} is no text, no pair (prompt, completion), no chat and no tokens")
    return tuple(tokens)


def _of_fields(row: Mapping[str, Any], where: str) -> Text:
    if "prompt" in row and "completion" in row:
        return _pair(str(row["prompt"]), str(row["completion"]), where)
    for key in USUAL:
        if key in row:
            return _text(row[key], where)
    if "input_ids" in row:
        return _text(row["input_ids"], where)
    raise InputError(f"{where}: has none of the fields {', '.join(USUAL)}: say which holds the text, data.text")


def _pair(prompt: str, completion: str, where: str) -> Prompted:
    if not completion.strip():
        raise InputError(f"{where}: the completion is empty: leave it out")
    return Prompted(prompt, completion)


def _chat(row: Any, where: str) -> Chat:
    try:
        messages = tuple((str(message["role"]), message["content"]) for message in row)
    except KeyError as error:
        raise InputError(f"{where}: a message of the chat has no {error}") from error
    strange = next((content for _, content in messages if not isinstance(content, str)), "")
    if strange != "":
        raise InputError(
            f"{where}: a message of the chat holds {type(strange).__name__}, and no text: put the chat into the form "
            "of the training yourself, tokenizer.apply_chat_template(chat, tokenize=False), and pass the texts"
        )
    return Chat(messages)


def read_texts(path: Path, field: str, column: str | None, groups: str | None) -> tuple[list[Text], Array | None]:
    """The texts of a file (JSONL, CSV, TSV, Parquet) or of a folder that `datasets` saved, and whose each is where
    `groups` names a column.  Raises InputError that names the file.
    """
    rows = _read(path, field)
    texts = listed_texts(rows, field, column)
    if groups is None:
        return texts, None
    if isinstance(rows, list):
        lacking = next((place for place, row in enumerate(rows) if groups not in row), None)
        if lacking is not None:
            raise InputError(f"data.groups: number {lacking} of {path.name} has no field {groups!r}")
        return texts, np.array([str(row[groups]) for row in rows], dtype=object)
    columns = [str(c) for c in getattr(rows, "columns", getattr(rows, "column_names", ()))]
    if groups not in columns:
        raise InputError(f"data.groups: there is no column {groups!r}; the columns are {', '.join(columns[:12])}")
    return texts, np.array([str(label) for label in rows[groups]], dtype=object)


def _read(path: Path, field: str) -> Any:
    if path.is_dir():
        return _folder(path, field)
    if not path.name.endswith(LINES):
        return read_table(path, field)
    if not path.is_file():
        raise InputError(f"{field}: no file at {path} (looked in {path.absolute().parent})")
    try:
        return list(_lines(path))
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{field}: cannot read {path.name} as JSON lines ({error})") from error


def _lines(path: Path) -> list[Any]:
    import gzip

    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = content.decode("utf-8-sig")
    rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(row) for row in text.splitlines() if row]
    return [row if isinstance(row, Mapping) else {"text": row} for row in rows]


def _folder(path: Path, field: str) -> Any:
    """A data set of Hugging Face on disk: the Arrow files that `save_to_disk` leaves, read without the library."""
    files = sorted(path.glob("*.arrow")) or sorted(path.glob("*.parquet"))
    if not files:
        raise InputError(f"{field}: the folder {path} holds no data set: name the one of a single split")
    import pandas as pd
    import pyarrow as pa

    parts = []
    for file in files:
        if file.suffix == ".parquet":
            parts.append(pd.read_parquet(file))
            continue
        with pa.memory_map(str(file)) as source:
            parts.append(pa.ipc.open_stream(source).read_pandas())
    return pd.concat(parts, ignore_index=True)
