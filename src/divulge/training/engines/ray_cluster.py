"""Training on Ray: a task a model, retried when its worker dies; on this machine, or on a cluster by its address."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from divulge.core.errors import MissingExtra, TargetError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.training.engines.packed import fit_packed

RETRIES = 3


def train_on_ray(
    recipe: Any, records: Records, keep: Array, seeds: Sequence[int], address: str | None, workers: int
) -> Iterator[tuple[int, Any]]:
    """The models with their numbers, each as soon as it is ready.

    Records travel once, through the object store.  A killed worker costs the model it was training, which is trained
    again; an error of the recipe itself is raised as TargetError.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtra("ray", "ray") from error

    if not ray.is_initialized():
        local: dict[str, Any] = {} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(fit_packed)
    shared = ray.put(records)
    waiting = {task.remote(recipe, shared, row, seed): n for n, (row, seed) in enumerate(zip(keep, seeds, strict=True))}
    while waiting:
        (ready, *_), _ = ray.wait(list(waiting), num_returns=1)
        number = waiting.pop(ready)
        try:
            packed = ray.get(ready)
        except ray.exceptions.RayError as error:
            first = (str(error).strip().splitlines() or [""])[-1]
            raise TargetError(f"training {recipe.describe()} on Ray failed: {first}") from error
        yield number, recipe.unpack(packed)
