"""Tables and images from files: CSV, Parquet, npz and idx, gzipped or not."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.views.reconstruction import Update
from divulge.data.delimited import TableReading, as_said, read_delimited

if TYPE_CHECKING:
    import pandas as pd

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def existing(path: Path, field: str) -> Path:
    """The path, if a file is there; else InputError that says where it was looked for."""
    if not path.is_file():
        raise InputError(f"{field}: no file at {path} (looked in {path.absolute().parent})")
    return path


def read_table(path: Path, field: str, reading: TableReading | None = None) -> pd.DataFrame:
    """A CSV (.csv, .csv.gz, .tsv) or Parquet file as a data frame; raises InputError that names the file."""
    import pandas as pd

    existing(path, field)
    name = path.name.lower()
    reading = reading or TableReading()
    try:
        if name.endswith((".parquet", ".pq")):
            frame = as_said(pd.read_parquet(path), reading.dtypes)
        elif name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz")):
            frame = read_delimited(path, reading)
        else:
            raise InputError(f"{field}: {path.name} is neither CSV, TSV nor Parquet: convert it to one of these")
    except InputError:
        raise
    except Exception as error:  # a damaged file makes its reader raise anything
        raise InputError(f"{field}: cannot read {path.name} as a table ({_first(error)})") from error
    if frame.empty:
        raise InputError(f"{field}: {path.name} has no records below its header")
    return frame


def header_of(path: Path) -> tuple[str, ...]:
    """The names of a table's columns; none for arrays."""
    return () if path.suffix == ".npz" else tuple(map(str, read_table(path, path.name).columns))


def read_arrays(path: Path, field: str) -> tuple[Array, Array]:
    """Arrays `x` and `y` of an .npz file; pickled content is refused."""
    existing(path, field)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            lacking = {"x", "y"} - set(archive.files)
            if lacking:
                raise InputError(
                    f"{field}: {path.name} has no array {min(lacking)!r} (it has {', '.join(archive.files)}): "
                    "save it with np.savez(path, x=..., y=...)"
                )
            return archive["x"], archive["y"]
    except InputError:
        raise
    except Exception as error:  # a damaged archive makes its reader raise anything
        raise InputError(f"{field}: cannot read {path.name} as .npz ({_first(error)})") from error


def read_labels(path: Path, field: str, name: str, needed: bool) -> Array | None:
    """A further array of an .npz file; None where it is not there and not needed."""
    with np.load(existing(path, field), allow_pickle=False) as archive:
        if name in archive.files:
            try:
                return np.asarray(archive[name])
            except ValueError as error:
                raise InputError(
                    f"{field}: cannot read {name!r} of {path.name} ({error}): save numbers or text"
                ) from error
        if needed:
            raise InputError(f"{field}: {path.name} has no array {name!r} (it has {', '.join(archive.files)})")
        return None


def read_idx(path: Path, field: str = "idx") -> Array:
    """An array from an idx file (the format of MNIST and its successors), gzipped or not."""
    existing(path, field)
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{field}: {path.name} is not a gzip file, or it is cut short: fetch it again") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        raise InputError(f"{field}: {path.name} is not an idx file (its first bytes are {content[:4]!r})")
    rank = content[3]
    shape = struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])
    values = np.frombuffer(content, dtype=IDX_TYPES[content[2]], offset=4 + 4 * rank)
    if values.size != int(np.prod(shape)):
        raise InputError(f"{field}: {path.name} is cut short: {values.size} values for the shape {shape}")
    return values.reshape(shape)


def read_update(
    path: Path, steps: int, rate: float, epochs: int = 1, train: bool = False
) -> tuple[tuple[Update, ...], tuple[tuple[int, ...], ...]]:
    """A captured update from an .npz file: arrays in the order of the parameters, and `rows` of the members."""
    existing(path, "reconstruction.update")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            if "rows" not in archive.files:
                raise InputError(
                    f"reconstruction.update: {path.name} has no array 'rows': which of the members is it of?  Save it "
                    "with np.savez(path, *gradients, rows=[...])"
                )
            rows = tuple(int(row) for row in archive["rows"])
            change = tuple(archive[name] for name in archive.files if name != "rows")
    except InputError:
        raise
    except Exception as error:  # a damaged archive makes its reader raise anything
        raise InputError(f"reconstruction.update: cannot read {path.name} as .npz ({_first(error)})") from error
    if not change or not rows or not all(np.isfinite(part).all() for part in change):
        raise InputError(f"reconstruction.update: {path.name} holds no finite arrays, or no rows")
    return (Update(change, len(rows), steps, rate, epochs, train),), (rows,)


def _first(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
