"""The index of runs: one SQLite file beside the run folders, made again from them whenever it is lost."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import String, create_engine, select
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

FILE = "index.sqlite"


class _Table(DeclarativeBase):
    pass


class RunRow(_Table):
    """One run."""

    __tablename__ = "runs"
    folder: Mapped[str] = mapped_column(String, primary_key=True)
    name: Mapped[str]
    target: Mapped[str]
    threat: Mapped[str]
    started: Mapped[str]
    updated: Mapped[str]
    verdict: Mapped[str]
    leaks: Mapped[int]
    complete: Mapped[bool]


def record(root: Path, row: RunRow) -> None:
    """Enter a run, or what has changed about it."""
    row.updated = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        _entered(root, row)
    except OperationalError:  # locked, read-only or full: a run is complete without its line
        return
    except DatabaseError:  # damaged: it is but a list of what lies beside it
        (root / FILE).unlink(missing_ok=True)
        with suppress(DatabaseError):
            _entered(root, row)


def _entered(root: Path, row: RunRow) -> None:
    engine = create_engine(f"sqlite:///{root / FILE}")
    try:
        _Table.metadata.create_all(engine)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            session.merge(row)
    finally:
        engine.dispose()


def runs(root: Path) -> Sequence[RunRow]:
    """All runs entered, newest first; empty where there is no index, or a damaged one."""
    if not (root / FILE).is_file():
        return []
    engine = create_engine(f"sqlite:///{root / FILE}")
    try:
        _Table.metadata.create_all(engine)
        with Session(engine, expire_on_commit=False) as session:
            return session.scalars(select(RunRow).order_by(RunRow.started.desc())).all()
    except DatabaseError:
        return []
    finally:
        engine.dispose()
