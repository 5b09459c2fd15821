"""Data minimisation: attributes are left out or made coarser, in the training and in every question."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.records import CODED, Kind, Records


@dataclass(frozen=True)
class Minimization:
    """What a model is never given it cannot give away (GDPR article 5(1)(c); Goldsteen et al. 2022 choose what).

    drop: columns that become one value for everybody.  coarsen: widths of steps to which numbers are rounded, by
    column (of times in seconds); what is missing stays missing.  Both act on what the model is asked about too, so
    that it is used as it was trained.
    """

    drop: tuple[str, ...] = ()
    coarsen: dict[str, float] = field(default_factory=dict)

    card: ClassVar[DefenseCard] = DefenseCard(
        name="minimization",
        title="Data minimisation",
        paper="goldsteen2022",
        summary="leaves attributes out, or makes them coarser",
        stage=Stage.DATA,
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "drop", tuple(self.drop))
        if not self.drop and not self.coarsen:
            raise InputError("minimization: name columns to drop, or to coarsen with the width of a step")
        if any(width <= 0 for width in self.coarsen.values()):
            raise InputError("minimization: the width of a step must be positive")

    def prepare(self, records: Records, seed: int) -> Records:
        """See DataDefense."""
        return self.show(records)

    def show(self, records: Records) -> Records:
        """See DataDefense; raises InputError for a column that is not there."""
        names = records.schema.names
        if records.x.ndim != 2 or records.schema.opaque:
            raise InputError("minimization: only tables have attributes to leave out")
        unknown = [name for name in (*self.drop, *self.coarsen) if name not in names]
        if unknown:
            raise InputError(f"minimization: there is no column {unknown[0]!r}: there are {', '.join(names[:12])}")
        x = np.array(records.x)
        for name in self.drop:
            x[:, names.index(name)] = 0
        for name, width in self.coarsen.items():
            place = names.index(name)
            if records.schema.columns[place].kind in (*CODED, Kind.BOOLEAN):
                raise InputError(f"minimization: {name!r} holds no numbers, so it has no steps: drop it instead")
            x[:, place] = np.round(x[:, place] / width) * width
        return replace(records, x=x).settled()
