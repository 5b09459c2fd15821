"""Which value of the attribute explains the record's class best (Fredrikson et al. 2014, 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.attacks.reconstruction.attributes.answers_by_value import Answerer, log_likelihood_of_class
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs, Task
from divulge.core.views.reconstruction import AttributeGuess, AttributeView, Question

BOTH = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
KNOWN = frozenset({Knowledge.POPULATION, Knowledge.PARTIAL_RECORD})


@dataclass(frozen=True)
class FredriksonMap:
    """Maximum a posteriori: how common the value is, times how likely the record's class is if the record has it
    (Fredrikson et al. 2014, figure 2; 2015, section 4).
    """

    card: ClassVar[Card] = Card(
        name="fredrikson_map",
        title="Attribute by MAP",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.ATTRIBUTES,
        paper="fredrikson2014",
        equations="figure 2 (algorithm A_pi)",
        summary="tries every value and takes the one that is common and makes the model say the record's true class",
        needs=Needs(Access.LABEL, KNOWN, tasks=BOTH),
        uses=Access.SCORES,
    )

    def run(self, view: AttributeView) -> AttributeGuess:
        """Cost: one query for each record and value."""
        return Answerer(lambda s, q: log_likelihood_of_class(s, q) + s.log_prior(q))(view)


@dataclass(frozen=True)
class FredriksonTreeCounts:
    """A decision tree's file says how many training records of each class lie in a leaf: of the leaves that the record
    may lie in, the fuller is the likelier (Fredrikson et al. 2015, section 4.3, white-box with counts).
    """

    card: ClassVar[Card] = Card(
        name="fredrikson_tree_counts",
        title="Attribute by the counts of a tree",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.ATTRIBUTES,
        paper="fredrikson2015",
        equations="section 4.3 (white-box with counts)",
        summary="of the leaves that the record may lie in takes the one with most training records of its class",
        needs=Needs(Access.PARAMETERS, KNOWN),
    )

    def run(self, view: AttributeView) -> AttributeGuess:
        """Cost: no query."""
        model = view.target.parameters()
        model = model.steps[-1][1] if hasattr(model, "steps") else model
        if not hasattr(model, "tree_") or not hasattr(model, "classes_"):
            raise Impossible("it reads the counts of one decision tree for classes, and this model is none")
        return Answerer(lambda s, q: _counts(model, q, s) + s.log_prior(q))(view)


def _counts(model: Any, question: Question, view: AttributeView) -> Array:
    """Log of the number of training records of the record's class in its leaf: [records, completions]."""
    tree = model.tree_
    shares = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)
    counts = shares * tree.weighted_n_node_samples[:, None]
    labels = view.schema.classes
    own = [list(model.classes_).index(c) if c in model.classes_ else i for i, c in enumerate(labels)]
    column = np.asarray(own)[question.known.y]

    def in_leaf(number: int) -> Array:
        leaf = view.target.leaves(question.completed(number))
        return np.asarray(np.log(counts[np.asarray(leaf, dtype=np.int64), column] + 1e-6))

    return np.stack([in_leaf(v) for v in range(len(question.completions))], axis=1)
