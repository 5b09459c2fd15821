"""Answers of services, kept on disk under the identity of what gave them."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from divulge.core.errors import Notice

MOST_DAYS = 30
"""Age beyond which an answer is asked for again: nobody tells whether a service still runs the model that it ran."""

SECONDS = 30
"""How long one process waits for others that are writing."""

BUSY = (5, 6)
"""SQLITE_BUSY and SQLITE_LOCKED: the first byte of what the library says."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Identity:
    """What a service says of its model.  version: of a header, empty where it says nothing.  tag: the ETag of its
    answer to the first records.
    """

    version: str = ""
    tag: str = ""


class KeptAnswers:
    """Predictions by key, in a file of SQLite that its owner alone can read; each batch is on disk when `put` returns.

    path: None for as long as the process lives only.  service: whose, by address, form of the questions and account.
    A file that is damaged is begun anew; where none can be written, that is said once, and they are kept in memory.
    """

    def __init__(self, path: Path | None, service: str) -> None:
        self._service, self._path = service, path
        self._lock = threading.Lock()
        self._base: sqlite3.Connection | None = None
        try:
            try:
                self._base = _opened(path)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in BUSY:  # in use is not damaged
                    raise
                assert path is not None
                path.unlink(missing_ok=True)
                self._base = _opened(path)
        except (OSError, sqlite3.Error) as error:
            self._lost(error)
            self._base = _opened(None)

    def get(self, keys: Sequence[str]) -> dict[str, Any]:
        """What is known of these keys, and is not too old."""

        def read(base: sqlite3.Connection) -> dict[str, Any]:
            oldest = time.time() - MOST_DAYS * 86_400
            asked = "select key, answer from kept where key = ? and service = ? and asked between ? and ?"
            rows = [base.execute(asked, (k, self._service, oldest, time.time() + 60)).fetchone() for k in keys]
            return {row[0]: json.loads(row[1]) for row in rows if row is not None}

        return self._with(read, {})

    def put(self, found: Mapping[str, Any]) -> None:
        """Keep these."""
        rows = [(key, self._service, time.time(), json.dumps(value)) for key, value in found.items()]
        self._with(lambda base: base.executemany("insert or replace into kept values (?, ?, ?, ?)", rows), None)

    def identity(self) -> Identity | None:
        """What the service said of its model when it was last met; None where it was not."""

        def read(base: sqlite3.Connection) -> Identity | None:
            row = base.execute("select version, tag from met where service = ?", (self._service,)).fetchone()
            return Identity(*row) if row is not None else None

        return self._with(read, None)

    def meet(self, identity: Identity) -> None:
        """Keep what it says now."""
        row = (self._service, identity.version, identity.tag)
        self._with(lambda base: base.execute("insert or replace into met values (?, ?, ?)", row), None)

    def since(self) -> str:
        """The day of the oldest answer; empty where there is none."""

        def read(base: sqlite3.Connection) -> str:
            (oldest,) = base.execute("select min(asked) from kept where service = ?", (self._service,)).fetchone()
            return "" if oldest is None else f"{datetime.fromtimestamp(oldest, UTC):%Y-%m-%d}"

        return self._with(read, "")

    def forget(self, since: float = 0.0) -> int:
        """Throw away what this service answered from a moment on; how many answers that were."""
        statement = "delete from kept where service = ? and asked >= ?"
        return self._with(lambda base: base.execute(statement, (self._service, since)).rowcount, 0)

    def _with(self, work: Callable[[sqlite3.Connection], Result | Any], without: Result) -> Result:
        """The work done in the file; `without` where it cannot be."""
        with self._lock:
            if self._base is None:
                return without
            try:
                with self._base:
                    found: Result = work(self._base)
                return found
            except (sqlite3.Error, ValueError, TypeError, OSError) as error:
                self._lost(error)
                return without

    def _lost(self, error: Exception) -> None:
        self._base = None
        warnings.warn(f"answers of the service are not kept: {self._path}: {error}", Notice, stacklevel=3)


def _opened(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        os.chmod(path, 0o600)
    base = sqlite3.connect(path or ":memory:", check_same_thread=False, timeout=SECONDS)
    try:
        with base:
            base.execute(
                "create table if not exists kept (key text primary key, service text, asked real, answer text)"
            )
            base.execute("create table if not exists met (service text primary key, version text, tag text)")
            base.execute("select key, service, asked, answer from kept limit 1").fetchone()
    except sqlite3.Error:
        base.close()
        raise
    return base
