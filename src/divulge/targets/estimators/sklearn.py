"""scikit-learn estimators and pipelines, classifiers and regressors, and whatever else has their interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from divulge.core.errors import TargetError
from divulge.core.hashing import Array, digest
from divulge.core.identity import content_hash
from divulge.core.inside import taken_apart, unwrapped
from divulge.core.outputs import OutputForm, form_of
from divulge.core.records import Records
from divulge.core.signals import LOG_FLOOR, log_of_scores, log_softmax
from divulge.core.threat import Access, Task
from divulge.core.views.extraction import Secrets
from divulge.targets.answers import LABEL_PORTS, SCORER_PORTS, VALUE_PORTS, checked, guarded
from divulge.targets.batches import Batches
from divulge.targets.estimators.estimator_kinds import (
    ONE_VALUE,
    by_pairs,
    classes_of,
    of_pairs,
    one_column,
    one_margin,
    one_score,
    task_of,
)
from divulge.targets.estimators.estimator_secrets import of_estimator
from divulge.targets.estimators.sklearn_frames import Presenter, quietly
from divulge.targets.estimators.tree_internals import has_internals, internals
from divulge.targets.scores import Scores


class SklearnTarget:
    """A fitted estimator.  Classes are matched by `classes_`, columns by name where it was fitted on a frame."""

    def __init__(self, estimator: Any, name: str | None = None, output: OutputForm | str | None = None) -> None:
        self._task = task_of(estimator)
        self.estimator = estimator
        self._name = name or type(taken_apart(estimator)[1]).__name__
        self._known = classes_of(estimator) if self._task is Task.CLASSIFICATION else ()
        self._scored = hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")
        self._log_domain: bool | None = None
        self._presenter = Presenter(self._name, estimator)
        self._stated = form_of(output)
        self.score_reading = Scores(self._name, self._stated, strict=False)
        self.batches = Batches()
        self._hash: str | None = None

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return self._task

    @property
    def offers(self) -> frozenset[Access]:
        """Scores where the estimator has predict_proba or decision_function, else labels only; internals of trees."""
        if self._task is Task.REGRESSION:
            return VALUE_PORTS
        if not self._scored:
            return LABEL_PORTS
        ports = SCORER_PORTS | {Access.INTERNALS} if has_internals(self.estimator) else SCORER_PORTS
        leaves = isinstance(unwrapped(self.estimator), DecisionTreeClassifier)
        return ports | {Access.LEAVES} if leaves else ports

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels that the estimator knows, in its order."""
        return self._known

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access not in self.offers:
            raise TargetError(f"{self._name} has no port for {access.value}")
        if access is Access.LEAVES:
            x = self._presenter.rows(records)
            tree = unwrapped(self.estimator)
            return checked(self._name, _asked(self._name, lambda: tree.apply(x)), len(records), None)
        if access is Access.INTERNALS:
            x = self._presenter.rows(records)
            inside = np.asarray(_asked(self._name, lambda: internals(self.estimator, x, self._own_codes(records))))
            return checked(self._name, inside, len(records), inside.shape[-1])
        if self._task is Task.REGRESSION:
            values = one_column(self._name, self._in_parts(records, "predict"), ONE_VALUE)
            return checked(self._name, values, len(records), None)
        if access is Access.LABEL:  # not the likeliest class: thresholds and votes have a say of their own
            return self._codes(self._in_parts(records, "predict"), records)
        return self._align(self._log_scores(records), records)

    def fingerprint(self) -> str:
        """See Target."""
        if self._hash is None:
            found = content_hash(self.estimator)
            self._hash = found if self._stated is None else digest(found, self._stated.value)
        return self._hash

    def settle(self, records: Records) -> str:
        """What predict_proba returns, seen from records of which the truth is known: probabilities, for most.

        Raises TargetError, with the cure, where that cannot be known.
        """
        if self._task is Task.CLASSIFICATION and hasattr(self.estimator, "predict_proba"):
            self.score_reading.settle(records, self._own_codes(records), len(self.classes), self._probabilities)
        return str(self.score_reading)

    @property
    def settings_told(self) -> str:
        """How scores are read, where they are no probabilities."""
        return self.score_reading.told

    @property
    def model(self) -> Any:
        """The bare model: what whoever holds the file sees."""
        return self.estimator

    def secrets(self) -> Secrets:
        """What the extraction game compares claims with."""
        return of_estimator(self.estimator)

    def _log_scores(self, records: Records) -> Array:
        """Log-probabilities; from the decision function where softmax of it *is* predict_proba, so that nothing
        saturates at 1.0.
        """
        width, count = len(self.classes), len(records)
        margins = None
        if hasattr(self.estimator, "decision_function") and self._log_domain is not False:
            raw = one_margin(self._in_parts(records, "decision_function"))
            if by_pairs(self.estimator):
                raw = of_pairs(raw, width)
            if raw.shape[1] == width:
                margins = log_softmax(checked(self._name, raw, count, width))
        if not hasattr(self.estimator, "predict_proba"):
            if margins is None:
                raise TargetError(f"{self._name} answered with neither probabilities nor one margin a class")
            return margins
        if margins is not None and self._log_domain:
            return margins
        asked = self._probabilities(records)
        scores, probable = self.score_reading.table(
            asked, count, width, self._own_codes(records) if self.score_reading.told else None
        )
        self._log_domain = margins is not None and bool(np.allclose(np.exp(margins), scores, atol=1e-6))
        if margins is not None and self._log_domain:
            return margins
        if self.score_reading.form is OutputForm.LOG_PROBABILITIES:
            return np.where(np.isneginf(scores), LOG_FLOOR, scores)
        return log_of_scores(scores) if probable else log_softmax(scores)

    def _probabilities(self, records: Records) -> object:
        return one_score(self._in_parts(records, "predict_proba"))

    def _in_parts(self, records: Records, method: str) -> object:
        """What a method of the estimator answers, in as many calls as it takes."""

        def ask(places: Array | None) -> object:
            rows = self._presenter.rows(records if places is None else records.take(places))
            return _asked(self._name, lambda: getattr(self.estimator, method)(rows))

        return cast(object, self.batches.ask(len(records), ask))

    def _codes(self, labels: object, records: Records) -> Array:
        wanted = records.schema.classes
        code = {label: i for i, label in enumerate(wanted if set(wanted) & set(self.classes) else self.classes)}
        answered = one_column(self._name, labels).tolist()
        strange = next((label for label in answered if label not in code), None)
        if len(answered) != len(records) or strange is not None:
            problem = f"{len(answered)} labels" if strange is None else f"the label {strange!r}"
            raise TargetError(
                f"the model {self._name} answered {len(records)} records with {problem}: not one class each"
            )
        return np.array([code[label] for label in answered], dtype=np.int64)

    def _own_codes(self, records: Records) -> Array:
        """The records' classes as positions among the estimator's own; one that it never saw becomes the first."""
        wanted, known = records.schema.classes or self.classes, self.classes
        if not set(wanted) & set(known):
            return np.asarray(np.minimum(records.y, len(known) - 1))
        place = np.array([known.index(label) if label in known else 0 for label in wanted])
        return np.asarray(place[records.y])

    def _align(self, log_scores: Array, records: Records) -> Array:
        """Columns in the order of the records' classes; a class that the estimator never saw gets a score of zero."""
        wanted, known = records.schema.classes, self.classes
        if not wanted or wanted == known or not set(wanted) & set(known):
            return log_scores
        aligned = log_of_scores(np.zeros((len(log_scores), len(wanted))))
        for position, label in enumerate(wanted):
            if label in known:
                aligned[:, position] = log_scores[:, known.index(label)]
        return aligned


def _asked(name: str, call: Callable[[], object]) -> object:
    return guarded(name, lambda: quietly(call))
