"""A whole audit that several tests look at, each from its own side."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.games.properties import PropertyPlan


def table(out):
    """A tree that knows its table by heart: all four families, and an attribute."""
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    x, y = x.iloc[:, :5].copy(), y.map({0: "ill", 1: "well"})
    x["old"] = (x.iloc[:, 0] + np.random.default_rng(0).normal(0, 3, len(x)) > 14).astype(float)
    order = np.random.default_rng(1).permutation(len(x))
    sets = [(x.iloc[part], y.iloc[part]) for part in (order[:150], order[150:300], order[300:])]
    names = ["loss", "gap", "lira", "rmia", "learned_ratio", "attribute_learned", "csmia", "property_queries"]
    names += ["knockoff_random", "tree_paths_by_scores", "architecture"]
    return divulge.audit(
        DecisionTreeClassifier(max_depth=8, random_state=0).fit(*sets[0]),
        *sets,
        threat="published-model",
        attacks=names,
        sensitive=["old"],
        properties=PropertyPlan(("share(old == 1)",), values=(0.35, 0.65), victims=24, shadows=24),
        shadows=8,
        seed=3,
        name="Tumour diagnosis",
        out=out,
        progress=None,
    )
