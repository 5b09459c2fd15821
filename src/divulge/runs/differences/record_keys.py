"""Which records a run was about, so that another run can tell whether it was about the same.

A digest of a record's content beside the word "member" would be a list of members that anybody could look a record up
in.  So digests are made with a key that stays on this machine, and tell nothing to whoever has the run's folder alone.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array, digest, row_digests
from divulge.core.identity import content_hash
from divulge.core.records import CODED, Records
from divulge.runs.files.whole_files import put_table, table_in
from divulge.training.artifact_cache import default_folder

FILE = "record_keys.parquet"
KEY_BYTES = 32

VARIABLE = "DIVULGE_RECORD_KEY"
"""Environment variable with a key of your own, for machines that share runs: any text."""


@dataclass(frozen=True, eq=False)
class RecordKeys:
    """member, row: where each record stood in the set that it was given in.  key: uint64 [records], of its content;
    equal for equal records where `secret` is.  whole: digest of all records in their order.
    person: int [records], whose each is in this run, where a person may have several.
    """

    member: Array
    row: Array
    key: Array
    secret: str
    whole: str
    person: Array | None = None


def write_keys(folder: Path, records: Records, member: Array, row: Array) -> None:
    """Keep the keys of a run's records; nothing where only row numbers are known of them."""
    if records.schema.names == ("row",):
        return
    import pandas as pd

    contents = _contents(records)
    order = np.lexsort((row, ~member))
    whole = digest(*(contents[i] for i in order), np.asarray(member)[order])
    secret = _secret()
    name = hashlib.blake2b(secret, digest_size=8, person=b"name").hexdigest() if secret else ""
    keys = [int.from_bytes(hashlib.blake2b(c, digest_size=8, key=secret).digest(), "big") for c in contents]
    frame = pd.DataFrame(
        {"member": member, "row": row, "key": np.array(keys if secret else [0] * len(keys), np.uint64)}
    )
    frame["secret"], frame["whole"] = name, whole
    if records.groups is not None:
        frame["person"] = np.unique(records.groups, return_inverse=True)[1]
    put_table(folder, FILE, frame.iloc[order].reset_index(drop=True))


def read_keys(folder: Path) -> RecordKeys | None:
    """Those of a run; None where it has none.  Raises InputError where the file is damaged."""
    path = folder / FILE
    if not path.is_file():
        return None
    frame = table_in(folder, path, "member", "row", "key")
    try:
        member, row, key = (frame[name].to_numpy() for name in ("member", "row", "key"))
        person = frame["person"].to_numpy() if "person" in frame.columns else None
        return RecordKeys(member, row, key, str(frame["secret"].iloc[0]), str(frame["whole"].iloc[0]), person)
    except (KeyError, IndexError) as error:
        raise InputError(f"{path} is damaged: delete it, and state whether the records are the same") from error


def _contents(records: Records) -> list[bytes]:
    """One digest a record, of its values and target as their owner has them: categories and classes by their names,
    since their numbers are those of one table.
    """
    columns = list(records.schema.columns)
    flat = np.asarray(records.x.reshape(len(records), -1), dtype=np.float64)
    parts = [_bits(flat)]
    if len(columns) == flat.shape[1]:
        placed = sorted(range(len(columns)), key=lambda place: columns[place].name)
        parts = [
            _named(flat[:, place], columns[place].categories)
            if columns[place].kind in CODED and columns[place].categories
            else _bits(flat[:, place])
            for place in placed
        ]
    y = np.asarray(records.y, dtype=np.float64)
    parts.append(_named(y, records.schema.classes) if records.schema.classes else _bits(y))
    return row_digests(np.column_stack(parts))


def _bits(values: Array) -> Array:
    """Numbers as they are in memory, with one zero and one missing value."""
    plain = np.where(np.isnan(values), np.nan, values + 0.0)
    return np.ascontiguousarray(plain).view(np.uint64)


def _named(codes: Array, names: tuple[object, ...]) -> Array:
    """Of every code a digest of what it stands for."""
    words = [str(n) if isinstance(n, str | int | float | tuple | np.generic) else content_hash(n) for n in names]
    table = [int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big") for word in words]
    return np.array([*table, 0], dtype=np.uint64)[np.where(np.isnan(codes), len(table), codes).astype(np.int64)]


def _secret() -> bytes:
    """The key of this machine, made when it is first needed; empty where none can be kept."""
    given = os.environ.get(VARIABLE)
    if given:
        return hashlib.blake2b(given.encode(), digest_size=KEY_BYTES).digest()
    path = default_folder() / "record.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        descriptor = -1
    except OSError:
        return b""
    if descriptor >= 0:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(KEY_BYTES))
    try:
        known = path.read_bytes()
    except OSError:
        return b""
    return known if len(known) == KEY_BYTES else b""  # another process may be writing it
