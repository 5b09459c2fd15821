"""What an audit works with: it decides what a result costs, and never the result."""

from __future__ import annotations

from dataclasses import dataclass, field

from divulge.core.errors import InputError
from divulge.training.artifact_cache import ArtifactCache, default_cache
from divulge.training.engines.engine import Trainer, Way

ENGINES: dict[str, Way | None] = {
    "auto": None,
    "sequential": Way.SEQUENTIAL,
    "stacked": Way.STACKED,
    "threads": Way.THREADS,
    "processes": Way.PROCESSES,
    "ray": Way.RAY,
}


@dataclass(frozen=True)
class Resources:
    """cache: where models, answers and guesses are kept between runs; None for nowhere.  trainer: trains many."""

    artifact_cache: ArtifactCache | None = None
    trainer: Trainer = field(default_factory=Trainer)


def resources(
    engine: str = "auto", jobs: int | None = None, cache: bool = True, address: str | None = None
) -> Resources:
    """Resources from what a user says.

    engine: one of ENGINES.  jobs: worker processes, all cores when not given.  address: of a Ray cluster.
    Raises InputError for an unknown engine or a number of jobs below 1.
    """
    if engine not in ENGINES:
        raise InputError(f"engine {engine!r} is unknown: choose one of {', '.join(ENGINES)}")
    if jobs is not None and jobs < 1:
        raise InputError(f"jobs is {jobs}: it must be at least 1")
    artifact_cache = default_cache() if cache else None
    return Resources(artifact_cache, Trainer(artifact_cache, ENGINES[engine], jobs, address))
