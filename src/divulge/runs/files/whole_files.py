"""Files of a run as data: each appears whole or not at all, with its checksum, and what is read is what was written.

SHA256SUMS has a line for every version of every file, as `sha256sum` writes them; it is only ever added to: before a
file is replaced, so that a crash between the two leaves a file that still has its line, but after one that is new, so
that no line is left of a file that never was.  Folders of earlier versions, and files that nobody wrote down, are read
unchecked.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from divulge.core.errors import DivulgeError, InputError, raised

if TYPE_CHECKING:
    import pandas as pd

SUMS = "SHA256SUMS"
MOST_BYTES = 4 * 1024**3
"""Of a file."""

SMALL = 1 << 20
"""Bytes of a table up to which what it holds is remembered: a run that is going on reads all its scores after every
attack, and it takes several times as long to parse a small table as to read and check its bytes."""


def put(run: Path, name: str, content: bytes, new: bool = False) -> None:
    """Write beside the file, flush to disk, note the checksum, then put it in place: a reader never sees half a file.

    new: there must be none of that name yet; raises FileExistsError otherwise, also where two do this at once.
    """
    path = run / name
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        known = path.exists()
        if known:
            _note(run, name, content)
        if new:
            _link(partial, path)
        else:
            os.replace(partial, path)
        if not known:
            _note(run, name, content)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _link(partial: Path, path: Path) -> None:
    """Put a new file in place without replacing another."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with path.open("xb") as stream:
            stream.write(partial.read_bytes())


def _note(run: Path, name: str, content: bytes) -> None:
    """One line, in one write, so that lines of two processes do not mix; a line that a crash cut short stays alone."""
    line = f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode()
    with (run / SUMS).open("ab") as stream:
        if stream.tell() and not _ends_with_line(run / SUMS):
            line = b"\n" + line
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())


def _ends_with_line(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"


def content_of(run: Path, path: Path) -> bytes:
    """The bytes of a file of a run; raises InputError where it cannot be read, or is not what was written."""
    name = path.relative_to(run).as_posix()
    try:
        content = path.read_bytes()
        noted = _noted(run, name)
    except (OSError, MemoryError) as error:
        raise InputError(f"{path} cannot be read ({raised(error)}): audit again") from error
    if noted and hashlib.sha256(content).hexdigest() not in noted:
        raise InputError(f"{path} is damaged (it is not what was written, by its checksum in {SUMS}): audit again")
    return content


def check_plain(run: Path) -> None:
    """Raises InputError where a run holds anything but files, folders, and links within it.  By a link that leads out
    a stranger's folder would have files read, or overwritten, that are not of the run; a pipe never comes to its end.
    """
    home = run.resolve()
    waiting = [run]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_symlink() and Path(entry.path).resolve().is_relative_to(home):
                    continue  # `scores`, which earlier versions looked for
                elif not entry.is_file(follow_symlinks=False) or entry.stat().st_size > MOST_BYTES:
                    what = "is over 4 GiB" if entry.is_file(follow_symlinks=False) else "is no file of its own"
                    raise InputError(f"{entry.path} {what}, as nothing in a run is: take it away, or audit again")


def check_all(run: Path, complete: bool) -> None:
    """Raises InputError for the first file of a run that is not what was written; and where it is complete, for one
    that is gone.
    """
    if not (run / SUMS).is_file():
        return
    lines = (run / SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    for name in dict.fromkeys(line[66:] for line in lines if line[64:66] == "  "):
        path = run / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise InputError(f"{run / SUMS} is damaged (it names {name!r}, outside of the run): audit again")
        if path.exists():
            content_of(run, path)
        elif complete:
            raise InputError(f"{path} is gone, which this run was written with: audit again")


def _noted(run: Path, name: str) -> set[str]:
    """The checksums of all versions of a file; none where nobody noted any."""
    if not (run / SUMS).is_file():
        return set()
    lines = (run / SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    return {line[:64] for line in lines if line[64:] == f"  {name}"}


def put_table(run: Path, name: str, frame: pd.DataFrame) -> None:
    """Write a table as Parquet."""
    import io

    stream = io.BytesIO()
    frame.to_parquet(stream)
    put(run, name, stream.getvalue())


def table_in(run: Path, path: Path, *columns: str) -> pd.DataFrame:
    """A table; raises InputError where the file holds none, or has no numbers in one of these columns."""
    content = content_of(run, path)
    try:
        frame = _parsed_once(content).copy() if len(content) <= SMALL else _parsed(content)
    except Exception as error:  # a damaged file makes its reader raise anything
        raise InputError(f"{path} is damaged (it is no table: {raised(error)}): audit again") from error
    for name in columns:
        if name not in frame.columns or frame[name].dtype.kind not in "biuf":
            raise InputError(f"{path} is damaged (its column {name!r} is missing, or holds no numbers): audit again")
    return frame


def _parsed(content: bytes) -> pd.DataFrame:
    import io

    import pandas as pd

    return pd.read_parquet(io.BytesIO(content))


_parsed_once = lru_cache(maxsize=64)(_parsed)


@contextmanager
def run_read(run: Path) -> Iterator[None]:
    """While a run is read: whatever a stranger's folder makes us raise is one line that names it."""
    try:
        yield
    except DivulgeError:
        raise
    except Exception as error:
        raise InputError(f"{run} is damaged ({raised(error)}): audit again") from error


class Held:
    """That no two processes write to one run: held from its first file, or from when it is taken up again, to its end.

    The system lets go of it when the process ends, however it does.  Where it has no such locks nothing is held.
    """

    def __init__(self, run: Path) -> None:
        self._stream: IO[bytes] | None = None
        try:
            import fcntl
        except ImportError:
            return
        try:
            self._stream = (run / SUMS).open("ab")
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise InputError(f"{run} is being written to by another process: wait for its end, or end it") from None
        except OSError:  # a file system without locks, or one that is read-only, of which writing will tell
            self.release()

    def release(self) -> None:
        """Let others have it."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
