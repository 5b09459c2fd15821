"""The games of a vertical federation: labels behind gradients, and columns behind scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.capability.declared import able
from divulge.core.capability.parties import SendsCutGradients
from divulge.core.capability.targets import Renewable
from divulge.core.errors import Impossible, InputError, TargetError
from divulge.core.game import Arm, Round
from divulge.core.hashing import Array, derived_rng
from divulge.core.records import Records
from divulge.core.results.evidence import Evidence
from divulge.core.results.metric import LABELS_TOLD
from divulge.core.results.trials import Paired, Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Access, Challenge, Family, Task
from divulge.core.views.membership import Poison
from divulge.core.views.reconstruction import ReconstructionAuxiliary
from divulge.core.views.vertical import CutView, JointView, LabelGuess
from divulge.games.extraction import ranges
from divulge.games.judges.image import Scale
from divulge.games.rebuild import CONTROL_TRIALS, RebuildPlan, UpdateShield
from divulge.games.samples import SampleJudge

MOST = 1_000
"""Records whose labels are asked for."""

FEWEST = 20


@dataclass(eq=False)
class VerticalGame:
    """training: joint records that the model learned from.  unseen: what it never saw.  public: of the population.

    shield: what the party with the labels does to a gradient before it sends it.
    """

    challenge: Challenge
    target: Target
    training: Records
    unseen: Records
    public: Records | None
    seed: int
    plan: RebuildPlan
    shield: UpdateShield | None = None

    def __post_init__(self) -> None:
        self._known = self.public if self.public is not None else self.unseen

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.RECONSTRUCTION

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[Any, Any]]:
        """One round.  NEGATIVE: gradients, or scores, of other records than those it is judged by.  POSITIVE: gradients
        of a module that says the class shares of every record; a single unknown column.
        """
        if self.training.schema.task is not Task.CLASSIFICATION or self.training.x.ndim != 2:
            raise Impossible("a vertical federation is played with classifiers of tables")
        yield self._labels(arm) if self.challenge is Challenge.LABELS else self._columns(arm)

    def baseline(self) -> Iterator[Scored]:
        """The baseline of this game belongs to each record."""
        raise Impossible("each record is compared with the best guess without the model")

    def _view(self, kind: type[Any], **own: Any) -> Callable[[Oracle, Card, ReconstructionAuxiliary, Generator], Any]:
        low, high, _ = ranges(self._known)

        def open_view(oracle: Oracle, card: Card, means: ReconstructionAuxiliary, rng: Generator) -> Any:
            return kind(oracle, self.training.schema, low, high, rng, card.needs, means, **own)

        return open_view

    def _taken(self, records: Records, most: int, name: str) -> Records:
        return records.take(derived_rng(self.seed, name).permutation(len(records))[:most])

    def _labels(self, arm: Arm) -> Round[Any, Any]:
        """Gradients of single records; one more of each class is known with its label."""
        target: Any = self.target
        if not able(target, SendsCutGradients):
            raise Impossible("only a module of PyTorch can be trained by two parties: give the module itself")
        classes = len(self.training.schema.classes)
        shares = np.bincount(self._known.y, minlength=classes) / len(self._known)
        if arm is Arm.POSITIVE:
            if not able(target, Renewable):
                raise Impossible("no untrained module of the form can be made")
            fresh: Any = target.fresh(self.seed)
            target = fresh.sure_of_shares(shares)
        examples = self._examples(classes)
        asked = np.setdiff1d(np.arange(len(self.training)), examples)
        truth = self._taken(self.training.take(asked), MOST, "labels")
        sent = truth
        if arm is Arm.NEGATIVE:
            sent = self._taken(self.unseen, len(truth), "other labels")
            truth = truth.take(np.arange(len(sent)))
        if len(truth) < FEWEST:
            raise Impossible(f"{len(truth)} labels are too few to be told from guesses: {FEWEST} are needed")
        gradients = self._protected(target.cut_gradients(sent, self.plan.layer), arm)
        known = target.cut_gradients(self.training.take(examples), self.plan.layer)
        opened = self._view(CutView, gradients=gradients, shares=shares, examples=known)
        return Round(target, opened, lambda guess: self._told(guess, truth, shares))

    def _examples(self, classes: int) -> Array:
        """Places of a training record of each class; Impossible where a class has none."""
        order = derived_rng(self.seed, "examples").permutation(len(self.training))
        places = [next((int(p) for p in order if self.training.y[p] == code), -1) for code in range(classes)]
        if min(places, default=-1) < 0:
            raise Impossible("no training record of some class is there")
        return np.array(places)

    def _protected(self, gradients: Array, arm: Arm) -> Array:
        """Record by record, as each is a message."""
        if self.shield is None or arm is Arm.POSITIVE:
            return gradients
        rng = derived_rng(self.seed, "gradients", arm.value)
        return np.stack([self.shield((row,), rng)[0] for row in gradients])

    def _told(self, guess: LabelGuess, truth: Records, shares: Array) -> Evidence:
        labels = np.asarray(guess.labels)
        if labels.shape != (len(truth),):
            raise TargetError("the attack gave no label for every record")
        hits, blind = (labels == truth.y).astype(float), (truth.y == int(shares.argmax())).astype(float)
        note = "the label of a record of another party"
        paired = Paired(LABELS_TOLD, tuple(hits), tuple(blind), tuple(range(len(hits))), note)
        return Evidence((paired,), baseline="the commonest class", notes=(*guess.told, *_area(guess, truth, shares)))

    def _columns(self, arm: Arm) -> Round[Any, Any]:
        """Scores of whole records, of which one party knows its own columns."""
        if Access.SCORES not in self.target.offers:
            raise Impossible("the other party's columns are solved for from scores, and the model shows none")
        other = self._others() if arm is not Arm.POSITIVE else self._others()[:1]
        own = [place for place in range(self.training.x.shape[1]) if place not in other]
        trials = self.plan.trials if arm is Arm.TARGET else min(self.plan.trials, CONTROL_TRIALS)
        truth = self._taken(self.training, trials, "joint records")
        sent = truth
        if arm is Arm.NEGATIVE:
            sent = self._taken(self.unseen, len(truth), "other joint records")
            truth = truth.take(np.arange(len(sent)))
        scores = self.target.answer(Access.SCORES, sent)
        known = sent.flat()[:, own]
        opened = self._view(JointView, own=tuple(own), other=tuple(other), known=known, log_scores=scores)
        public = _part(self._known, other)
        low, high, _ = ranges(public)
        each = [_part(truth.take(np.array([n])), other) for n in range(len(truth))]
        judge = SampleJudge(each, public, Scale(low, high, public.schema), self.seed).judge
        return Round(self.target, opened, judge)

    def _others(self) -> list[int]:
        schema, names = self.training.schema, self.plan.other
        count = len(schema.columns)
        places = sorted({schema.position(name) for name in names}) or list(range(count - count // 2, count))
        if len(places) == count:
            raise InputError("reconstruction.other names every column: at least one is the adversary's own")
        if not places:
            raise Impossible("the records have one column, which one party holds")
        return places


def _part(records: Records, places: list[int]) -> Records:
    """The same records, these columns alone."""
    columns = tuple(records.schema.columns[p] for p in places)
    return Records(records.flat()[:, places], records.y, replace(records.schema, columns=columns, form=None))


def _area(guess: LabelGuess, truth: Records, shares: Array) -> tuple[str, ...]:
    """The leak AUC of Li et al. 2022, for two classes."""
    if guess.evidence is None or len(shares) != 2:
        return ()
    rare = truth.y == int(shares.argmin())
    if rare.all() or not rare.any():
        return ()
    from sklearn.metrics import roc_auc_score

    area = float(roc_auc_score(rare, guess.evidence))
    return (f"area under the ROC curve of the rarer class, by the number that it goes by: {area:.3f}",)
