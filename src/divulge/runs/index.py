"""The index of runs: a list of what the run folders hold, for whoever looks for one.

By default it is a file of SQLite beside the folders, which is made again from them whenever it is lost.  Several
machines share one in PostgreSQL, which DIVULGE_RUNS names: postgresql+psycopg://user@host/base.

Many processes write at once.  Each line is one statement, so that no two of them wait for each other with half a line
written; in SQLite's WAL mode (https://www.sqlite.org/wal.html) readers wait for nobody.
"""

from __future__ import annotations

import os
import random
import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, NullPool, String, Table, create_engine, event, inspect, make_url, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateTable

from divulge.core.boundary.offline import is_offline
from divulge.core.errors import DivulgeError, InputError, MissingExtra, Notice, raised
from divulge.core.results.finding import Verdict
from divulge.runs.find import runs_in
from divulge.runs.folder import FindingsFile, RunFolder
from divulge.runs.index_address import SHARED

FILE = "index.sqlite"

SECONDS = 30
"""How long a line waits for other processes that are writing."""

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_BUSY = (5, 6)  # SQLITE_BUSY and SQLITE_LOCKED, of which the second byte says more
_ONE_AT_A_TIME = 7_340_212  # an advisory lock of PostgreSQL's: its "if not exists" is not safe from two at once


class _Table(DeclarativeBase):
    pass


class RunRow(_Table):
    """One run.  place: the machine and folder that hold it, empty in a file that lies beside it."""

    __tablename__ = "audits"
    place: Mapped[str] = mapped_column(String, primary_key=True, default="")
    folder: Mapped[str] = mapped_column(String, primary_key=True)
    name: Mapped[str]
    target: Mapped[str]
    threat: Mapped[str]
    started: Mapped[str]
    updated: Mapped[str]
    verdict: Mapped[str]
    leaks: Mapped[int]
    complete: Mapped[bool]


def row_of(run: RunFolder, found: FindingsFile | None = None) -> RunRow:
    """The line of a run as it stands.  found: its findings, where they are known; raises InputError for no run."""
    facts, found = run.facts(), found or run.findings()
    return RunRow(
        place="",
        folder=run.path.name,
        name=facts.name,
        target=facts.target.name,
        threat=facts.threat.name,
        started=facts.provenance.started,
        updated="",
        verdict=found.verdict if found is not None else "",
        leaks=sum(f.verdict is Verdict.LEAK for f in found.findings) if found is not None else 0,
        complete=run.complete,
    )


def check() -> None:
    """Raises InputError where DIVULGE_RUNS names an index that cannot be written to; nothing where it names none."""
    url = os.environ.get(SHARED)
    if not url:
        return
    try:
        with _opened(_shared(url)):
            pass
    except SQLAlchemyError as error:
        raise InputError(f"{SHARED}: the index of runs cannot be written to ({_cause(error)})") from error


def record(root: Path, row: RunRow) -> None:
    """Enter a run, or what has changed about it.  A run is complete without its line: a Notice says so."""
    row.updated = datetime.now(UTC).isoformat(timespec="seconds")
    url = os.environ.get(SHARED)
    if url:
        row.place = f"{socket.gethostname()}:{root.resolve()}"
        try:
            _enter(_shared(url), [row])
        except (SQLAlchemyError, InputError) as error:
            if not is_offline():  # a process without network is watched by one that has it, see cli.watched
                _not_entered(root / row.folder, error)
        return
    try:
        _enter(_beside(root), [row])
    except OperationalError as error:  # locked, read-only or full
        if _is_busy(error):
            _not_entered(root / row.folder, error)
    except DatabaseError:  # damaged: it is but a list of what lies beside it
        for file in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
            (root / file).unlink(missing_ok=True)
        with suppress(SQLAlchemyError):
            _enter(_beside(root), [row, *_from_folders(root, {row.folder})])


def enter(run: Path) -> None:
    """Enter a run as its folder says; nothing where that is no run, or a damaged one."""
    with suppress(DivulgeError):
        record(run.parent, row_of(RunFolder(run)))


def runs(root: Path) -> Sequence[RunRow]:
    """All runs, newest first: those of the shared index, or else those whose folders lie below `root`, those too that
    no process has lived to enter.  Raises InputError where the shared index cannot be read.
    """
    url = os.environ.get(SHARED)
    if url:
        try:
            return _listed(_shared(url))
        except SQLAlchemyError as error:
            raise InputError(f"{SHARED}: the index of runs cannot be read ({_cause(error)})") from error
    entered: Sequence[RunRow] = []
    if (root / FILE).is_file():
        with suppress(SQLAlchemyError):
            entered = [row for row in _listed(_beside(root)) if (root / row.folder / "run.json").is_file()]
    others = _from_folders(root, {row.folder for row in entered})
    return sorted([*entered, *others], key=lambda row: (row.started, row.folder), reverse=True)


def _from_folders(root: Path, known: set[str]) -> Iterator[RunRow]:
    """Lines of the runs that are not known, from their folders."""
    for run in runs_in(root):
        if run.name not in known:
            try:
                row = row_of(RunFolder(run))
            except DivulgeError:
                continue
            row.updated = row.started
            yield row


def _beside(root: Path) -> Engine:
    return _sqlite(f"sqlite:///{root / FILE}")


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": SECONDS})

    @event.listens_for(engine, "connect")
    def wal(connection: Any, _: object) -> None:
        connection.execute("pragma journal_mode=wal")  # stays as it is on file systems that cannot have it
        connection.execute("pragma synchronous=normal")

    return engine


def _shared(url: str) -> Engine:
    """The engine of a shared index; raises InputError for what is no address of one."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in _INSERT:
            raise ArgumentError
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(url)
        return create_engine(parsed, poolclass=NullPool, connect_args={"connect_timeout": SECONDS})
    except (ArgumentError, NoSuchModuleError, ValueError) as error:  # of a port, or a host, that is none
        raise InputError(
            f"{SHARED} is no address of an index of runs: postgresql+psycopg://user@host/base, or sqlite:///FILE"
        ) from error
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "postgresql") from error


@contextmanager
def _opened(engine: Engine) -> Iterator[Session]:
    """A session of an index that has its table; waits for processes that are making it."""
    try:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            if not inspect(session.connection()).has_table(RunRow.__tablename__):
                if engine.dialect.name == "postgresql":
                    session.execute(text(f"select pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
                session.execute(CreateTable(_table(), if_not_exists=True))
            yield session
    finally:
        engine.dispose()


def _enter(engine: Engine, rows: Sequence[RunRow]) -> None:
    """Each line in one statement; again for a while where another process has the file for itself."""
    names = [column.name for column in _table().columns]
    insert = _INSERT[engine.dialect.name](_table())
    changed = {name: insert.excluded[name] for name in names if name not in ("place", "folder")}
    given = [{name: getattr(row, name) for name in names} for row in rows]
    statement = insert.on_conflict_do_update(index_elements=["place", "folder"], set_=changed)
    until = time.monotonic() + SECONDS
    while True:
        try:
            with _opened(engine) as session:
                session.execute(statement, given)
            return
        except OperationalError as error:
            if not _is_busy(error) or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.01, 0.1))


def _listed(engine: Engine) -> Sequence[RunRow]:
    with _opened(engine) as session:
        return session.scalars(select(RunRow).order_by(RunRow.started.desc(), RunRow.folder.desc())).all()


def _table() -> Table:
    table = RunRow.__table__
    assert isinstance(table, Table)
    return table


def _is_busy(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _BUSY


def _cause(error: SQLAlchemyError | InputError) -> str:
    """What the database said, without the statement, in one line."""
    return raised(getattr(error, "orig", None) or error)


def _not_entered(run: Path, error: SQLAlchemyError | InputError) -> None:
    warnings.warn(f"{run} is not entered in the index of runs ({_cause(error)}); it is complete without", Notice, 3)
