"""Which shadow model of a score table is compared about which record, so that how many of them saw a record tells
nothing about whether the target did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng
from divulge.core.wording import counted

SURE = 1e-4
"""p-value below which shadow models are taken to be drawn by the target's records: one fair table of ten thousand."""


@dataclass(frozen=True, eq=False)
class Design:
    """keep: bool [shadows, records], which was trained on what.  model: int [shadows, records], the row of the table
    that answers in a shadow model's place.  note: what was done, for the report; empty where nothing was.
    """

    keep: Array
    model: Array
    note: str = ""


def design_of(keep: Array, groups: Array | None = None) -> Design:
    """The shadow models of a table, row 0 of which is the target.

    keep: bool [models, records].  groups: [records], whose records they are.
    A shadow model that was trained on exactly what the target was, or was not, trained on is left out.  Where every
    record was in the training data of equally many of all models, the target among them (Carlini et al. 2022, section
    IV-C: half of them), one fewer shadow model saw each member; then one is left out at every record, drawn at random
    from those that saw a non-member, and from those that did not see a member.  What is left are as many of either
    kind for every record, and every choice of them is equally likely, whatever the target saw.
    Raises InputError where shadow models depend on the target's records in another way.
    """
    target, rest = keep[0], np.arange(1, len(keep))
    copied = np.array([(keep[row] == target).all() or (keep[row] != target).all() for row in rest], dtype=bool)
    notes = []
    if copied.any():
        notes.append(
            f"{counted(int(copied.sum()), 'shadow model')} of the table left out: trained on exactly the target's "
            "members, or on exactly the other records"
        )
        rest = rest[~copied]
    saw = keep[rest].sum(axis=0)
    model = np.broadcast_to(rest[:, None], (len(rest), keep.shape[1]))
    if len(rest) and len(set((saw + target).tolist())) == 1:
        notes.append(
            f"every record was in the training data of {int(saw[0] + target[0])} of {len(rest) + 1} models, so that "
            "the number of shadow models that saw it tells whether the target did: at each record one shadow model, "
            "of the kind of which there is one more, is left out"
        )
        model = _balanced(keep, rest, saw, groups)
    else:
        _refuse_dependent(keep, rest, saw, groups)
    return Design(np.take_along_axis(keep, model, axis=0), model, "; ".join(notes))


def _balanced(keep: Array, rest: Array, saw: Array, groups: Array | None) -> Array:
    """The table with one shadow model less at every record, the same for all of a person's.  The last one stands in
    where another was left out.
    """
    records = np.arange(keep.shape[1])
    more = saw == saw.max()  # non-members: one shadow model more saw them
    place = records if groups is None else np.unique(groups, return_inverse=True)[1]
    lots = derived_rng(0, "design").random((len(rest), len(records)))[:, place]
    out = np.where(keep[rest] == more, lots, -1.0).argmax(axis=0)
    model = np.repeat(rest[:-1, None], len(records), axis=1)
    inside = out < len(rest) - 1
    model[out[inside], records[inside]] = rest[-1]
    return model


def _refuse_dependent(keep: Array, rest: Array, saw: Array, groups: Array | None) -> None:
    """Raise InputError where shadow models, each or all together, saw members more often, or less, than others."""
    from scipy import stats

    first = np.arange(keep.shape[1]) if groups is None else np.unique(groups, return_index=True)[1]
    target = keep[0, first].astype(float)
    for what, numbers in [("all shadow models together", saw), *((f"row {row} of keep", keep[row]) for row in rest)]:
        column = numbers[first].astype(float)
        if len(first) < 3 or column.std() == 0 or target.std() == 0:
            continue
        strength = float(np.corrcoef(column, target)[0, 1])
        p_value = 2 * float(stats.norm.sf(abs(strength) * np.sqrt(len(first) - 1)))
        if p_value * (len(rest) + 1) < SURE:
            raise InputError(
                f"score table: {what}: members were seen {'more' if strength > 0 else 'less'} often than non-members "
                f"(correlation with row 0 of keep {strength:.2f}, which chance hardly ever gives), so that attacks "
                "would read off the shadow models who is a member: draw what each of them is trained on without "
                "regard to the target, or let every record be in the training data of half of all models, the target "
                "among them"
            )
