"""Train many: stacked, in threads, in worker processes, on Ray, or one after the other."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.recipes import CountsSteps, Packable, SizesStacks, stackable, threadable
from divulge.core.errors import FOREIGN, InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.training.artifact_cache import ArtifactCache, code_version
from divulge.training.engines.packed import fit_packed

Made = TypeVar("Made")


class Trainable(Protocol):
    """A recipe that makes bare models.  One that can also `pack` and `unpack` them is cached and sent to workers."""

    def fit(self, records: Records, seed: int) -> Any:
        """A trained model."""
        ...

    def describe(self) -> str:
        """One line."""
        ...

    def fingerprint(self) -> str:
        """Content hash of everything that decides the result, besides records and seed."""
        ...


class Way(Enum):
    """How many models are trained."""

    SEQUENTIAL = "one after the other"
    STACKED = "stacked"
    THREADS = "side by side in threads"
    PROCESSES = "in worker processes"
    RAY = "on Ray workers"


@dataclass(frozen=True)
class Plan:
    """A way with its settings.  together: models in one stack.  half: multiply in bfloat16.  speed: measured, relative
    to one after the other; None where nothing was measured.  cached: what frozen layers make of records is kept.
    """

    way: Way
    together: int = 1
    half: bool = False
    workers: int = 1
    speed: float | None = None
    cached: bool = False

    def __str__(self) -> str:
        words = self.way.value
        if self.way is Way.STACKED:
            words += f", {self.together} at a time{', multiplied in bfloat16' if self.half else ''}"
            words += f", {self.workers} stacks side by side" if self.workers > 1 else ""
            words += ", over cached activations" if self.cached else ""
        if self.way is Way.THREADS:
            words += f", {self.workers} at a time{', multiplied in bfloat16' if self.half else ''}"
        if self.way in (Way.PROCESSES, Way.RAY):
            words += f", {self.workers} of one thread each"
        return words if self.speed is None else f"{words} (measured {self.speed:.1f} times as fast as one by one)"


FEWEST_TO_MEASURE = 4
STACKS = (4, 8, 16, 32, 64)
MOST_STACKED_BYTES = 64 * 1024**2
"""Of weights, gradients and moments of one stack: more networks share the cost of a call, fewer stay in the cache."""


WORKERS_COST, WORKERS_THERE_COST = 4.0, 0.2
"""Seconds: of starting worker processes, which import what models are made of, and of asking those that are there."""


def _remembered(kept: ArtifactCache, key: str, recipe: Trainable) -> Any:
    """The model that the cache has; None where it has none, or one that this version of its library cannot read."""
    packed = kept.read(key)
    try:
        return None if packed is None else recipe.unpack(packed)  # type: ignore[attr-defined]
    except FOREIGN:  # a pickle of another version of a library may raise anything
        return None


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Trainer:
    """Trains and remembers.  cache: where models are kept between runs; None for nowhere.

    way: one way for all, None to choose.  told: what was trained how, for the report.
    """

    artifact_cache: ArtifactCache | None = None
    way: Way | None = None
    jobs: int | None = None
    address: str | None = None
    told: list[str] = field(default_factory=list)
    trained: int = 0
    _started: bool = False
    _here: float = 0.0
    _all_here: bool = False

    def fit(self, recipe: Trainable, records: Records, seed: int) -> Any:
        """One model, from the cache where it lies there."""
        keep = np.ones((1, len(records)), dtype=bool)
        ((_, model),) = self.fit_many(recipe, records, keep, [seed])
        return model

    def fit_many(
        self, recipe: Trainable, records: Records, keep: Array, seeds: Sequence[int]
    ) -> Iterator[tuple[int, Any]]:
        """A model for each row of `keep` [models, records], with its number, in whatever order they are ready.

        Each goes to the cache when it is ready, so that a run that is cut short goes on model by model.  Models of one
        seed are there to be compared weight by weight, so they are never multiplied in bfloat16.
        """
        keys, missing, kept = [""] * len(seeds), [], self.artifact_cache if able(recipe, Packable) else None
        if kept is not None:
            alike = ("model", code_version(), recipe.fingerprint(), records.fingerprint())
            keys = [digest(*alike, row, str(seed)) for row, seed in zip(keep, seeds, strict=True)]
        for number, key in enumerate(keys):
            model = _remembered(kept, key, recipe) if kept is not None else None
            if model is None:
                missing.append(number)
            else:
                yield number, model
        if not missing:
            return
        plan = self._plan(recipe, records, keep[missing])
        if len(seeds) > 1 and len(set(seeds)) == 1:
            plan = replace(plan, half=False)
        steps = plan.way in (Way.STACKED, Way.THREADS) and able(recipe, CountsSteps)
        alone = alone_seconds(recipe, records, keep[missing[0]]) if steps else None
        started = time.perf_counter()
        for place, model in self._made(recipe, records, keep[missing], [seeds[n] for n in missing], plan):
            if kept is not None:
                kept.write(keys[missing[place]], recipe.pack(model))  # type: ignore[attr-defined]
            self.trained += 1
            yield missing[place], model
        if len(missing) > 1:
            took = time.perf_counter() - started
            if alone is not None and len(missing) >= FEWEST_TO_MEASURE:
                plan = replace(plan, speed=alone / (took / len(missing)))
            plan = Plan(Way.SEQUENTIAL) if self._all_here else plan
            self.told.append(f"{len(missing)} models of {recipe.describe()}: {plan}, {took:.1f} s")

    def _made(
        self, recipe: Trainable, records: Records, keep: Array, seeds: Sequence[int], plan: Plan
    ) -> Iterator[tuple[int, Any]]:
        """The models of a plan.  Where worker processes were chosen for, not asked for, models are trained here as long
        as all that was trained here, and what is left, takes less than workers would cost.

        Here they have one thread, as they have there: how many are trained where follows from the clock, and models of
        equal seeds are equal all the same.
        """
        first = 0
        self._all_here = plan.way is Way.PROCESSES and self.way is None
        if self._all_here:
            from threadpoolctl import threadpool_limits

            while first < len(keep) and self._here < (WORKERS_THERE_COST if self._started else WORKERS_COST):
                begun = time.perf_counter()
                with threadpool_limits(1):
                    model = recipe.fit(records.take(keep[first]), seeds[first])
                took = time.perf_counter() - begun
                yield first, model
                first += 1
                left = took * (len(keep) - first)
                self._here += took
                if left > (WORKERS_THERE_COST if self._started else WORKERS_COST):
                    break
            if first == len(keep):
                return
            self._started, self._here, self._all_here = True, 0.0, False
        for number, model in train(recipe, records, keep[first:], seeds[first:], plan, self.address):
            yield first + number, model

    def _plan(self, recipe: Trainable, records: Records, keep: Array) -> Plan:
        workers = self.jobs or cores()
        if self.way is None:
            return choose(recipe, records, keep, workers)
        if self.way is Way.STACKED and not stackable(recipe):
            raise InputError(
                f"{recipe.describe()} cannot be stacked: only networks of linear layers can, and plain adapters"
            )
        if self.way is Way.THREADS and not threadable(recipe):
            raise InputError(f"{recipe.describe()} cannot be trained in threads: only plain PyTorch modules can")
        if self.way is Way.STACKED:
            return stacks(recipe, records, keep, workers)
        return Plan(self.way, workers=workers)


def choose(recipe: Trainable, records: Records, keep: Array, workers: int) -> Plan:
    """Stacked where the networks allow it, else in threads or worker processes where there are cores for them."""
    models = len(keep)
    if able(recipe, SizesStacks) and models > 1 and stackable(recipe):
        return stacks(recipe, records, keep, workers)
    if models < FEWEST_TO_MEASURE:
        return Plan(Way.SEQUENTIAL)
    if stackable(recipe) and len(set(keep.sum(axis=1).tolist())) == 1:
        return stacks(recipe, records, keep, workers)
    if workers > 1 and threadable(recipe):
        half = bool(recipe.half_is_fast())  # type: ignore[attr-defined]
        return Plan(Way.THREADS, half=half, workers=min(workers, models))
    if workers > 1 and able(recipe, Packable):
        return Plan(Way.PROCESSES, workers=min(workers, models))
    return Plan(Way.SEQUENTIAL)


def stacks(recipe: Any, records: Records, keep: Array, workers: int) -> Plan:
    """How many networks go into one stack, and how many stacks are trained side by side, a core each.

    It follows from the networks' size and the machine, never from the clock: sums are added up in another order in
    another stack, so a clock that decided would give unequal models for equal seeds.
    """
    models = len(keep)
    if able(recipe, SizesStacks):
        together, side_by_side, cached = recipe.stack_sizes(records, keep, workers)
        return Plan(Way.STACKED, together, workers=side_by_side, cached=cached)
    side_by_side = min(workers, models) if threadable(recipe) and not recipe.tiny() else 1
    rounds = -(-models // (side_by_side * stack_size(recipe, models)))
    together = -(-models // (side_by_side * rounds))
    return Plan(Way.STACKED, together, bool(recipe.half_is_fast()) and not recipe.small(), side_by_side)


def alone_seconds(recipe: Any, records: Records, row: Array) -> float:
    """What one network would take that is trained alone, from a few of its steps."""

    def some(steps: int) -> None:
        recipe.fit(records.take(row), 0, steps=steps)

    return _timed(some) * int(recipe.steps(int(row.sum())))


def stack_size(recipe: Any, models: int) -> int:
    """The most networks of which weights, gradients and the optimiser's two moments fit into the memory set aside."""
    fitting = [n for n in STACKS if n * recipe.parameter_bytes() * 4 <= MOST_STACKED_BYTES]
    return min(max(fitting, default=1), models)


def _timed(work: Callable[[int], object], steps: int = 4) -> float:
    """Seconds of one step: a longer call less a shorter one, so that setting up does not count."""
    work(1)
    t = [time.perf_counter()]
    for n in (1, 1 + steps):
        work(n)
        t.append(time.perf_counter())
    return max(t[2] - t[1] - (t[1] - t[0]), 1e-6) / steps


def train(
    recipe: Trainable,
    records: Records,
    keep: Array,
    seeds: Sequence[int],
    plan: Plan,
    address: str | None = None,
    steps: int | None = None,
) -> Iterator[tuple[int, Any]]:
    """The models of one plan with their numbers, each as soon as it is ready.  steps: stop after so many (networks)."""
    if plan.way is Way.STACKED:
        yield from _stacked(recipe, records, keep, seeds, plan, steps)
    elif plan.way is Way.THREADS:
        yield from _in_threads(recipe, records, keep, seeds, plan, steps)
    elif plan.way is Way.PROCESSES:
        yield from _in_processes(recipe, records, keep, seeds, plan.workers)
    elif plan.way is Way.RAY:
        from divulge.training.engines.ray_cluster import train_on_ray

        yield from train_on_ray(recipe, records, keep, seeds, address, plan.workers)
    else:
        for number, (row, seed) in enumerate(zip(keep, seeds, strict=True)):
            yield number, recipe.fit(records.take(row), seed)


def _stacked(
    recipe: Any, records: Records, keep: Array, seeds: Sequence[int], plan: Plan, steps: int | None
) -> Iterator[tuple[int, Any]]:
    """Rows of equal size go into one stack; of a recipe that stacks any, of like size."""
    sizes, parts = keep.sum(axis=1), []
    if able(recipe, SizesStacks):
        groups = [np.argsort(sizes, kind="stable")]
    else:
        groups = [np.flatnonzero(sizes == size) for size in np.unique(sizes)]
    for alike in groups:
        parts += [alike[start : start + plan.together] for start in range(0, len(alike), plan.together)]

    def one(part: Array) -> Iterator[tuple[int, Any]]:
        models = recipe.fit_stack(records, keep[part], [seeds[n] for n in part], half=plan.half, steps=steps)
        return zip(part.tolist(), models, strict=True)

    for found in _side_by_side(recipe, [partial(one, part) for part in parts], plan.workers):
        yield from found


def _in_threads(
    recipe: Any, records: Records, keep: Array, seeds: Sequence[int], plan: Plan, steps: int | None
) -> Iterator[tuple[int, Any]]:
    """A network a thread; nothing travels, since threads share their memory."""

    def one(number: int) -> tuple[int, Any]:
        return number, recipe.fit(records.take(keep[number]), seeds[number], half=plan.half, steps=steps)

    yield from _side_by_side(recipe, [partial(one, number) for number in range(len(keep))], plan.workers)


def _side_by_side(recipe: Any, work: Sequence[Callable[[], Made]], workers: int) -> Iterator[Made]:
    """What each piece of work gives, as soon as it is ready.  Each runs on one thread of its own."""
    if workers < 2:
        yield from (piece() for piece in work)
        return
    before = recipe.threads()
    pool = ThreadPoolExecutor(workers, initializer=recipe.one_thread)
    try:
        for ready in as_completed([pool.submit(piece) for piece in work]):
            yield ready.result()
    finally:
        pool.shutdown(cancel_futures=True)
        recipe.all_threads(before)


def _in_processes(
    recipe: Any, records: Records, keep: Array, seeds: Sequence[int], workers: int
) -> Iterator[tuple[int, Any]]:
    """Records travel once, as files that all workers map; models come back as bytes."""
    import joblib

    # joblib replaces a worker whose memory has grown, and warns of it in a thread of its own: where warnings are errors
    # that thread would end, and every model be waited for in vain.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        mapped = _mapped(records, Path(folder))
        with joblib.parallel_config("loky", n_jobs=workers, inner_max_num_threads=1):
            parallel = joblib.Parallel(return_as="generator", pre_dispatch="all")
        # Nothing is yielded inside of that setting: whoever asks a model in between would be set to it as well.
        packed = parallel(
            joblib.delayed(fit_packed)(recipe, mapped, row, seed) for row, seed in zip(keep, seeds, strict=True)
        )
        for number in range(len(keep)):
            try:
                content = next(packed)
            except BrokenProcessPool as error:
                raise TargetError(
                    f"a worker process died while it trained {recipe.describe()}: was there too little memory? "
                    "(--jobs 1 trains in this process)"
                ) from error
            yield number, recipe.unpack(content)


def _mapped(records: Records, folder: Path) -> Records:
    """The records on disk, mapped: joblib's own mapping says at exit that its files were left behind."""
    if records.x.dtype.hasobject or records.y.dtype.hasobject:
        return records
    for name in ("x", "y"):
        np.save(folder / name, getattr(records, name))
    x, y = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("x", "y"))
    mapped = replace(records, x=x, y=y)
    return mapped.as_given(records.given) if records.schema.framed else mapped
