"""Thresholds that differ from class to class, learned on one shadow model (Song and Mittal 2021, section 3.1.2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from divulge.core.hashing import Array
from divulge.core.views.membership import MembershipView

SignalOf = Callable[[Array, Array], Array]

FEWEST = 10
"""A class with fewer shadow members or non-members takes the threshold of all classes together."""


def above_class_threshold(view: MembershipView, signal_of: SignalOf) -> Array:
    """How far each candidate's signal lies above the threshold of its class: [candidates].

    signal_of(log_scores [records, classes], y [records]) is high for members.
    """
    shadows = view.shadows(1)
    records, member = shadows.records, shadows.keep[0]
    known = signal_of(shadows.oracle(0).log_scores(records), records.y)
    fallback = best_threshold(known, member)
    signal = signal_of(view.target.log_scores(view.candidates), view.candidates.y)
    thresholds = np.full(len(signal), fallback)
    for label in np.unique(view.candidates.y):
        same = records.y == label
        if min((same & member).sum(), (same & ~member).sum()) >= FEWEST:
            thresholds[view.candidates.y == label] = best_threshold(known[same], member[same])
    return np.asarray(signal - thresholds)


def best_threshold(signal: Array, member: Array) -> float:
    """The value of `signal` at and above which calling 'member' has the best balanced accuracy."""
    order = np.argsort(-signal, kind="stable")
    gain = np.where(member[order], 1 / member.sum(), -1 / (~member).sum()).cumsum()
    ordered = signal[order]
    last_of_ties = np.append(ordered[1:] != ordered[:-1], True)
    return float(ordered[np.where(last_of_ties, gain, -np.inf).argmax()])
