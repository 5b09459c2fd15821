"""The inversion game: what does a record of this class look like?  An independent evaluator recognises it, or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.capability.declared import able
from divulge.core.capability.targets import Renewable
from divulge.core.errors import Impossible, InputError, TargetError
from divulge.core.game import Arm, Round
from divulge.core.hashing import Array, derived_rng
from divulge.core.records import Records, Schema
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Quality
from divulge.core.results.metric import CLASSES_RECOGNIZED, CLASSES_SHOWN
from divulge.core.results.trials import Paired, Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Family, Task
from divulge.core.views.extraction import Surrogate
from divulge.core.views.membership import Poison
from divulge.core.views.reconstruction import ClassGuess, ClassView, ReconstructionAuxiliary
from divulge.games.extraction import ranges
from divulge.games.judges.image import Scale, class_means, picture, ssim

MOST_CLASSES = 50


def disjoint(public: Records, private: Records) -> None:
    """Raises InputError where public records are among the private ones, or of one of their classes."""
    if public.x.shape[1:] != private.x.shape[1:]:
        raise InputError(f"public records have shape {public.x.shape[1:]}, the model's {private.x.shape[1:]}")
    shared = set(public.schema.classes) & set(private.schema.classes)
    if shared:
        raise InputError(
            f"public records are of class {sorted(map(str, shared))[0]!r}, which is one of the model's: give "
            "records of other classes (and name them otherwise), or the prior would know what is to be found out"
        )
    if set(public.row_keys(6)) & set(private.row_keys(6)):
        raise InputError("some public records are among the model's own: leave them out")


@dataclass(eq=False)
class InversionGame:
    """held: records that the target never saw; the evaluator learned from `learned_from`, other ones still.

    public: of other classes; None where there are none.
    """

    target: Target
    training: Records
    held: Records
    evaluator: Callable[[], Surrogate]
    public: Records | None
    seed: int
    _seen: list[Surrogate] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if self.held.schema.task is not Task.CLASSIFICATION:
            raise Impossible("inversion shows what a class looks like, and this target predicts values")
        if self.public is not None:
            disjoint(self.public, self.training)
        low, high, _ = ranges(self.held)
        self.scale = Scale(low, high, self.held.schema)
        number = len(self.held.schema.classes)
        order = derived_rng(self.seed, "classes").permutation(number)
        self.classes = tuple(int(c) for c in order[:MOST_CLASSES])
        self.truth = class_means(self.training, number)

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.RECONSTRUCTION

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[ClassView, ClassGuess]]:
        """One round.  NEGATIVE: an untrained model of the same form.  There is no easier case to be a positive one."""
        target = self.target
        if arm is Arm.POSITIVE:
            raise Impossible("no class is easier to show than another")
        if arm is Arm.NEGATIVE:
            if not able(target, Renewable):
                raise Impossible("only a module of PyTorch can be had untrained")
            target = target.fresh(self.seed)

        def open_view(oracle: Oracle, card: Card, means: ReconstructionAuxiliary, rng: Generator) -> ClassView:
            box = self.scale.low, self.scale.high
            return ClassView(oracle, self.held.schema, *box, rng, card.needs, means, self.classes)

        yield Round(target, open_view, self.judge)

    def baseline(self) -> Iterator[Scored]:
        """The baseline of this game is the mean of what is public."""
        raise Impossible("each class is compared with the mean of public records")

    def judge(self, guess: ClassGuess) -> Evidence:
        """Recognised by the evaluator, and alike the mean training record of the class."""
        images = np.nan_to_num(np.asarray(guess.images, dtype=np.float64))
        if images.shape != (len(self.classes), *self.held.x.shape[1:]):
            raise TargetError(f"the attack drew {images.shape} for {len(self.classes)} classes")
        schema = self.held.schema
        if not self._seen:
            self._seen.append(self.evaluator())
        classes = np.array(self.classes)
        shown = np.clip(images, self.scale.low, self.scale.high).astype(self.held.x.dtype)
        known = self.public if self.public is not None else self.held
        blind = np.repeat(known.x.astype(np.float64).mean(axis=0)[None], len(classes), axis=0)
        hits, missed = (self._recognized(side, schema, classes) for side in (shown, blind.astype(shown.dtype)))
        units = tuple(range(len(classes)))
        measure = Paired(CLASSES_RECOGNIZED, hits, missed, units, "an independent evaluator sees the class", known=True)
        truth = self.truth[classes]
        near, far = (_distances(self.scale(truth), self.scale(side)) for side in (shown, blind))
        seen = tuple(float(hit and a < b) for hit, a, b in zip(hits, near, far, strict=True))
        note = "recognised, and nearer to the mean of the class's training records than what is public"
        measures = (measure, Paired(CLASSES_SHOWN, seen, (0.0,) * len(seen), units, note, known=True))
        qualities = []
        if schema.is_image and find_spec("skimage") is not None:
            alike = [
                tuple(ssim(self.scale(t), self.scale(g)) for t, g in zip(truth, side, strict=True))
                for side in (shown, blind)
            ]
            qualities.append(Quality("SSIM with the mean of the class", alike[0], alike[1]))
        qualities.append(Quality("distance to the mean of the class", near, far))
        drawn = [
            picture(
                self.scale, truth[i], shown[i], blind[i], _scores(hits[i], missed[i]), str(schema.classes[classes[i]])
            )
            for i in range(min(len(classes), 10))
        ]
        what = (
            "the mean of public records of other classes" if self.public is not None else "the mean of unseen records"
        )
        return Evidence(measures, (*qualities, *drawn), what)

    def _recognized(self, x: Array, schema: Schema, wanted: Array) -> tuple[float, ...]:
        log_scores: Any = self._seen[0].log_scores(Records(x, np.zeros(len(x), dtype=np.int64), schema))
        return tuple((np.asarray(log_scores).argmax(axis=1) == wanted).astype(float).tolist())


def _distances(truth: Array, guess: Array) -> tuple[float, ...]:
    """Root mean squared difference of each, on a scale of [0, 1]."""
    return tuple(np.sqrt(((truth - guess) ** 2).reshape(len(truth), -1).mean(axis=1)).tolist())


def _scores(hit: float, missed: float) -> tuple[str, str]:
    return tuple("recognised" if value else "not recognised" for value in (hit, missed))  # type: ignore[return-value]
