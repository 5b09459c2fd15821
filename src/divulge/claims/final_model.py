"""A claimed epsilon put to the test by the final model alone: it is trained many times with and without one record.

Whoever sees only the last model, and no step, is the adversary of the hidden-state threat model (Cebere et al. 2025).
The bound is as good as the record: several are tried, as far from all others as a record can be.  The start may be the
worst one, for the guarantee holds for any: one from which private records pull no more, since it was trained without
noise on public ones like them (Annamalai and De Cristofaro 2024, section 4.2).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from divulge.claims.mechanism import MechanismAudit, audit_mechanism
from divulge.claims.neighbors import Pair
from divulge.core.errors import InputError
from divulge.core.hashing import Array

Records = tuple[Array, Array]
Train = Callable[[Array, Array, int], Callable[[Array], Array]]


def audit_final_model(
    train: Train,
    records: Records,
    *,
    canaries: Records | None = None,
    claimed: float | None = None,
    delta: float = 1e-5,
    confidence: float = 0.95,
    trainings: int = 1_000,
    seed: int = 0,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> MechanismAudit:
    """Bound the epsilon of a training from below by what its final model says of one record.

    train: train(x, y, seed) -> model, a function from records to scores [records, classes], from any start that the
        adversary likes.  records: (x, y), float [records, ...] and class numbers.  canaries: (x, y) of the records
        that are tried, one at a time; `worst_records` of these where it is None.
    trainings: with the record, and as many without; a half of them learns the threshold, the other judges it.
    claimed, delta, confidence, seed, out, resume: as of `audit_mechanism`.
    Raises InputError, with the cure, for input that cannot be used.
    """
    x, y = (np.asarray(part) for part in records)
    if len(x) != len(y) or not len(x):
        raise InputError("records: give (x, y) with as many labels as records")
    tried_x, tried_y = canaries if canaries is not None else worst_records(x, y)
    pairs = [
        Pair(
            f"record {at + 1} of {len(tried_x)}", ((x, y), at), ((_with(x, tried_x[at]), np.append(y, tried_y[at])), at)
        )
        for at in range(len(tried_x))
    ]

    def scores_of_the_record(data: tuple[Records, int], seed: int) -> list[float]:
        (kept_x, kept_y), at = data
        model = train(kept_x, kept_y, seed)
        scores = np.clip(np.asarray(model(tried_x[at : at + 1]), dtype=np.float64)[0], 1e-30, 1.0)
        own = float(np.log(scores[tried_y[at]]))
        rest = np.delete(scores, tried_y[at]).sum()
        return [own - float(np.log(max(rest, 1e-30)))]

    return audit_mechanism(
        scores_of_the_record,
        pairs,
        claimed=claimed,
        delta=delta,
        confidence=confidence,
        samples=trainings,
        seed=seed,
        out=out,
        resume=resume,
    )


def worst_records(x: Array, y: Array, most: int = 4) -> Records:
    """Records unlike all others, within the range of each column: an empty one, one with just those columns at their
    end that are seldom used, and the mirror image of the mean, each with the rarest label; and the record farthest from
    the mean of its class, with another label.
    """
    rows = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
    low, high, mean = rows.min(axis=0), rows.max(axis=0), rows.mean(axis=0)
    label, counts = np.unique(y, return_counts=True)
    rare = int(label[np.argmin(counts)])
    largest, least = float(rows.max()), float(rows.min())
    unused = np.where(rows.std(axis=0) <= np.quantile(rows.std(axis=0), 0.05), largest, least)
    centers = np.stack([rows[y == each].mean(axis=0) for each in label])
    far = int(np.argmax(np.linalg.norm(rows - centers[np.searchsorted(label, y)], axis=1)))
    other = int(label[(np.searchsorted(label, y[far]) + 1) % len(label)])
    inputs = [(np.full(rows.shape[1], least), rare), (unused, rare), (low + high - mean, rare), (rows[far], other)][
        :most
    ]
    kept = np.stack([row for row, _ in inputs]).reshape(len(inputs), *x.shape[1:]).astype(x.dtype)
    return kept, np.array([label for _, label in inputs])


def _with(x: Array, row: Array) -> Array:
    return np.concatenate([x, row[None].astype(x.dtype)])
