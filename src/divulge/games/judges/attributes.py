"""Rebuilt rows of a table, attribute by attribute: how many are right, and whether the attack knows which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from divulge.core.hashing import Array
from divulge.core.mixed.fields import TableField, commonest, right_in
from divulge.core.records import Records
from divulge.core.results.metric import ATTRIBUTES_REBUILT
from divulge.core.results.trials import Paired
from divulge.core.views.reconstruction import SampleGuess

SUREST = 4
"""One in so many attributes are those that an attack is surest of."""


def attributes_rebuilt(
    fields: Sequence[TableField],
    truth: Sequence[Records],
    public: Records,
    matched: Sequence[Array],
    lots: Sequence[Array],
) -> Paired:
    """Share of each record's attributes that are right, against the best of three guesses without the model: the
    commonest value of each attribute, that of the record's class, and `lots`, whole public records.
    """
    fields = [field for field in fields if field.varies]
    usual = commonest(fields, public.x)
    by_class = {code: commonest(fields, public.x[public.y == code]) for code in np.unique(public.y)}
    hits: list[float] = []
    blind: list[float] = []
    for part, guess, other in zip(truth, matched, lots, strict=True):
        hits += right_in(fields, part.x, guess).mean(axis=1).tolist()
        rows = np.repeat(usual[None], len(part), axis=0)
        own = np.stack([by_class.get(code, usual) for code in part.y])
        blind += np.max([right_in(fields, part.x, g).mean(axis=1) for g in (rows, own, other)], axis=0).tolist()
    units = tuple(u for u, part in enumerate(truth) for _ in range(len(part)))
    note = "attributes of a record that are right: the category, or a quantity within 0.319 standard deviations"
    return Paired(ATTRIBUTES_REBUILT, tuple(hits), tuple(blind), units, note)


def trusted(fields: Sequence[TableField], truth: Sequence[Records], guess: SampleGuess) -> tuple[str, ...]:
    """Of the categories, and of the quantities, that the attack is surest of, by their entropy, how many are right, and
    of the others (Vero et al. 2023, section 4.3).
    """
    from scipy.optimize import linear_sum_assignment

    right, doubt = [], []
    for part, rows, entropy in zip(truth, guess.samples, guess.entropy, strict=True):
        alike = np.stack([right_in(fields, np.repeat(own[None], len(rows), axis=0), rows) for own in part.x])
        _, place = linear_sum_assignment(-alike.sum(axis=2))
        right.append(alike[np.arange(len(place)), place])
        doubt.append(np.asarray(entropy)[place])
    told, sure = np.concatenate(right), np.concatenate(doubt)
    lines = []
    for name, kind in (("categories", True), ("quantities", False)):
        columns = [n for n, field in enumerate(fields) if field.varies and bool(field.values) is kind]
        hits, order = told[:, columns].reshape(-1), sure[:, columns].reshape(-1).argsort(kind="stable")
        count = len(order) // SUREST
        if count:
            shares = hits[order[:count]].mean(), hits[order[count:]].mean()
            lines.append(f"{name}: of the quarter with the lowest entropy {shares[0]:.0%} right, else {shares[1]:.0%}")
    return tuple(lines)
