"""What an audit works with: it decides what a result costs, and never the result."""

from __future__ import annotations

from dataclasses import dataclass, field

from divulge.core.errors import InputError
from divulge.training.engine import Trainer, Way
from divulge.training.shelf import Shelf, default_shelf

ENGINES: dict[str, Way | None] = {
    "auto": None,
    "sequential": Way.SEQUENTIAL,
    "stacked": Way.STACKED,
    "threads": Way.THREADS,
    "processes": Way.PROCESSES,
    "ray": Way.RAY,
}


@dataclass(frozen=True)
class Workshop:
    """shelf: where models, answers and guesses are kept between runs; None for nowhere.  trainer: trains many."""

    shelf: Shelf | None = None
    trainer: Trainer = field(default_factory=Trainer)


def workshop(engine: str = "auto", jobs: int | None = None, cache: bool = True, address: str | None = None) -> Workshop:
    """A workshop from what a user says.

    engine: one of ENGINES.  jobs: worker processes, all cores when not given.  address: of a Ray cluster.
    Raises InputError for an unknown engine or a number of jobs below 1.
    """
    if engine not in ENGINES:
        raise InputError(f"engine {engine!r} is unknown: choose one of {', '.join(ENGINES)}")
    if jobs is not None and jobs < 1:
        raise InputError(f"jobs is {jobs}: it must be at least 1")
    shelf = default_shelf() if cache else None
    return Workshop(shelf, Trainer(shelf, ENGINES[engine], jobs, address))
