"""Values of people that fit published counts best (Dinur and Nissim 2003)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from divulge.attacks.reconstruction.aggregates.asked import KNOWING, Equations, equations
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Asset, Challenge, Family
from divulge.core.views.counts import CountsView, GroupsGuess


@dataclass(frozen=True)
class LinearProgram:
    """Of everybody, the value whose share is largest where the sum of absolute errors of all counts is least."""

    card: ClassVar[Card] = Card(
        name="linear_program",
        title="Values that fit the counts",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.SOLVED,
        paper="dinur2003",
        equations="theorem 4, linear programming",
        summary="solves for the value of everybody whose other columns are known",
        needs=KNOWING,
        strength=0.7,
        differs="values of several kinds instead of bits; people who are counted alike are solved for together",
    )

    def run(self, view: CountsView) -> GroupsGuess:
        """Cost: one linear program for each column and group, of a variable for each kind of person and value."""
        counts, values, naive = view.counts(), {}, {}
        for column in view.columns:
            asked = [equations(counts, known, column, view.size) for known in view.groups(column)]
            values[column] = tuple(_likeliest(each) for each in asked)
            naive[column] = tuple(np.full(len(each.people), each.usual) for each in asked)
        return GroupsGuess(values, naive)


def _likeliest(asked: Equations) -> Array:
    """Of each person the value with the largest share; of equal ones that which most have."""
    kinds, which, sizes = np.unique(asked.people, axis=0, return_inverse=True, return_counts=True)
    found = shares(kinds, sizes, asked)
    found[:, asked.values == asked.usual] += 1e-6
    return np.asarray(asked.values[found.argmax(axis=1)][which.ravel()])


def shares(kinds: Array, sizes: Array, asked: Equations) -> Array:
    """Of each kind of person the share of each value: [kinds, values].  kinds: bool [kinds, cells].  sizes: [kinds]."""
    from scipy import optimize
    from scipy import sparse as matrices

    sparse, linprog = cast(Any, matrices), cast(Any, optimize.linprog)  # their stubs know no stacks of matrices

    many, values, cells = len(kinds), len(asked.values), len(asked.numbers)
    incidence = sparse.csr_matrix(kinds.T.astype(float))  # cells by kinds
    blocks = [sparse.diags(asked.allowed[:, value].astype(float)) @ incidence for value in range(values)]
    counted, slack = sparse.hstack(blocks), sparse.identity(cells)
    limits = sparse.vstack([sparse.hstack([counted, -slack]), sparse.hstack([-counted, -slack])]).tocsr()
    whole = sparse.hstack([*[sparse.identity(many)] * values, sparse.csr_matrix((many, cells))]).tocsr()
    cost = np.concatenate([np.zeros(many * values), np.ones(cells)])
    sides = np.concatenate([asked.numbers, -asked.numbers])
    found = linprog(cost, A_ub=limits, b_ub=sides, A_eq=whole, b_eq=sizes, bounds=(0, None), method="highs")
    if not found.success:
        raise Impossible(f"no values fit the counts: {found.message}")
    return np.asarray(found.x[: many * values]).reshape(values, many).T / sizes[:, None]
