"""Models that an adversary teaches from a target's answers: networks and gradient-boosted trees."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.core.errors import Impossible, InputError, TargetError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.signals import log_of_scores
from divulge.core.threat import Task
from divulge.core.views.extraction import Student
from divulge.training.surrogates.kernel_student import KernelStudent

if TYPE_CHECKING:
    from divulge.training.surrogates.net_student import NetStudent

NETWORK, TREES, LINEAR, KERNEL, BEST = "network", "trees", "linear", "kernel", "best"
KEPT_APART = 0.2
"""Share of the answers by which the best of several kinds is chosen."""
FEW = 20_000
CERTAIN_ENOUGH = 0.02
"""A class with less than this share of a soft answer is not shown to trees as a record of its own."""


@dataclass(frozen=True, eq=False)
class SurrogateTrainer:
    """See core.extraction.Students.

    example: records that show what they look like.  steps: of gradient descent; by the number of records when None.
    """

    example: Records
    steps: int | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """See Students."""
        able = (NETWORK,) if find_spec("torch") is not None else ()
        if self.example.schema.is_image and able:
            return able
        smooth = (KERNEL,) if self.example.schema.task is Task.REGRESSION else ()
        return (
            BEST,
            *able,
            TREES,
            LINEAR,
            *smooth,
        )  # which follows best depends on the target: steps, curves or planes

    def teach(
        self, kind: str, records: Records, answers: Array, seed: int, unlabeled: Records | None = None
    ) -> Student:
        """See Students; raises InputError for an unknown kind and TargetError where nothing can be learned."""
        lessons_given = lessons(records, answers)
        if kind == NETWORK:
            from divulge.training.surrogates.net_student import teach

            return teach(records, lessons_given, seed, steps=self.steps, unlabeled=unlabeled)
        if kind == TREES:
            return FittedStudent.taught(records, lessons_given, seed)
        if kind == LINEAR:
            return linear_student(records, lessons_given)
        if kind == KERNEL and lessons_given.ndim == 1:
            return KernelStudent.taught(records, lessons_given, seed)
        if kind == BEST:
            return self.teach(self._best(records, answers, seed), records, answers, seed, unlabeled)
        raise InputError(f"student {kind!r} is unknown: choose network, trees, linear, best or, of values, kernel")

    def _best(self, records: Records, answers: Array, seed: int) -> str:
        """The kind whose student comes closest to answers that it was not taught."""
        kinds = [kind for kind in self.kinds if kind != BEST]
        order = np.random.default_rng(seed).permutation(len(records))
        apart, rest = np.split(order, [max(int(KEPT_APART * len(records)), 1)])
        if len(rest) < 1:
            return kinds[-1]
        truth = lessons(records.take(apart), answers[apart])

        def error(kind: str) -> float:
            answered = self.teach(kind, records.take(rest), answers[rest], seed).log_scores(records.take(apart))
            # Losses of classes are those of their shares; infinite where a certain copy is wrong, so they are capped.
            return float(np.mean((answered - truth) ** 2 if truth.ndim == 1 else -truth * np.maximum(answered, -30)))

        return min(kinds, key=error)

    def untrained(self, seed: int) -> NetStudent:
        """See Students."""
        if find_spec("torch") is None:
            raise Impossible('it trains a network, which needs PyTorch: pip install "divulge[torch]"')
        from divulge.training.surrogates.net_student import fresh

        return fresh(self.example.take(np.array([0])), seed)


def lessons(records: Records, answers: Array) -> Array:
    """What is to be learned: probabilities [records, classes], or values [records] for regression.

    Raises TargetError for answers that are neither labels nor log-probabilities: logits, say.
    """
    answers = np.asarray(answers)
    if len(answers) != len(records):
        raise TargetError(f"there are {len(answers)} answers for {len(records)} records")
    if records.schema.task is Task.REGRESSION:
        return np.asarray(answers, dtype=np.float64).reshape(len(records))
    classes = len(records.schema.classes)
    if answers.ndim == 1:
        return np.eye(classes)[answers.astype(np.int64)]
    shares = np.exp(answers)
    total = shares.sum(axis=1)  # of rounded scores not exactly 1
    if answers.shape[1] != classes or answers.max() > 1e-6 or total.min() < 0.5 or total.max() > 1.5:
        raise TargetError("a student learns from labels or log-probabilities: these answers are neither (logits?)")
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def few_threads(records: int) -> AbstractContextManager[Any]:
    """One thread for few records: on a busy machine, threads that share small steps wait for each other."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="openmp") if records < FEW else nullcontext()


def linear_student(records: Records, wanted: Array) -> FittedStudent:
    """Least squares, or a softmax over linear logits for classes; inputs are brought to one scale."""
    from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = records.flat()
    if wanted.ndim == 1:
        line = RidgeCV(np.logspace(-6, 3, 10)) if len(x) > x.shape[1] else Ridge()
        return FittedStudent(make_pipeline(StandardScaler(), line).fit(x, wanted), 0)
    row, label = soft_rows(wanted)
    model: Any = make_pipeline(StandardScaler(), LogisticRegression(C=100.0, max_iter=1000))
    if len(np.unique(label)) < 2:
        return FittedStudent.taught(records, wanted, 0)
    model.fit(x[row], label, logisticregression__sample_weight=wanted[row, label])
    return FittedStudent(model, wanted.shape[1])


def soft_rows(wanted: Array) -> tuple[Array, Array]:
    """Places (record, class) of soft answers that are worth a weighted record of their own."""
    row, label = np.nonzero((wanted >= CERTAIN_ENOUGH) | (wanted == wanted.max(axis=1, keepdims=True)))
    return row, label


@dataclass(frozen=True, eq=False)
class FittedStudent:
    """An estimator of scikit-learn: gradient-boosted trees (`taught`), or a linear model.  A soft answer becomes one
    weighted record for each class with a share in it.
    """

    model: Any
    width: int

    @classmethod
    def taught(cls, records: Records, wanted: Array, seed: int) -> FittedStudent:
        """See Students.teach."""
        from sklearn.dummy import DummyClassifier
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        x = records.flat()
        settings: dict[str, Any] = {"random_state": seed % 2**31, "early_stopping": False}
        if len(x) < 100:
            settings["min_samples_leaf"] = 5
        if wanted.ndim == 1:
            with few_threads(len(x)):
                return cls(HistGradientBoostingRegressor(**settings).fit(x, wanted), 0)
        row, label = soft_rows(wanted)
        weight = wanted[row, label]
        settings["max_iter"] = 100 if wanted.shape[1] <= 3 else 50
        lone = len(np.unique(label)) < 2
        model = DummyClassifier() if lone else HistGradientBoostingClassifier(**settings)
        with few_threads(len(x)):
            return cls(model.fit(x[row], label, sample_weight=weight), wanted.shape[1])

    @property
    def module(self) -> Any:
        """See Student."""
        return self.model

    def log_scores(self, records: Records) -> Array:
        """See Surrogate."""
        if not self.width:
            return np.asarray(self.model.predict(records.flat()))
        scores = np.zeros((len(records), self.width))
        with few_threads(len(records)):
            scores[:, self.model.classes_] = self.model.predict_proba(records.flat())
        return log_of_scores(scores)
