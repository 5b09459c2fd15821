"""What an audit measures: one row a metric, with all that statistics, verdicts and reports need to know of it.

A finding names its metric by key, and says in a field of its own what that is about (an attribute, a property).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache

from divulge.core.errors import InputError
from divulge.core.plugins import loaded
from divulge.core.threat import Asset, Family

AUC = "auc"
BALANCED_ACCURACY = "balanced_accuracy"
EPSILON = "epsilon"
FIDELITY = "fidelity"
FIDELITY_UNIFORM = "fidelity_uniform"
FIDELITY_BOUNDARY = "fidelity_boundary"
VALUES_COPIED = "values_copied"
PARAMETERS_RECOVERED = "parameters_recovered"
HYPERPARAMETERS_RECOVERED = "hyperparameters_recovered"
ARCHITECTURE_RECOVERED = "architecture_recovered"
ATTRIBUTE_ACCURACY = "attribute_accuracy"
RECORDS_REBUILT = "records_rebuilt"
RECORDS_EXACT = "records_exact"
ATTRIBUTES_REBUILT = "attributes_rebuilt"
LABELS_TOLD = "labels_told"
BATCHES_OPENED = "batches_opened"
NEARER_TRAINING = "guesses_nearer_training"
CLASSES_RECOGNIZED = "classes_recognised"
CLASSES_SHOWN = "classes_shown"
LABELS_COUNTED = "labels_counted"
TEXT_REBUILT = "text_rebuilt"
TEXT_EXACT = "text_exact"
ROWS_COPIED = "rows_copied"
ROWS_NEARLY_COPIED = "rows_nearly_copied"
SINGLED_OUT = "singled_out"
RECORDS_LINKED = "records_linked"
ATTRIBUTE_DEDUCED = "attribute_deduced"
TEXTS_WRITTEN = "texts_written"
TEXTS_NEARLY_WRITTEN = "texts_nearly_written"
SECRETS_NAMED = "secrets_named"
SECRETS_CHOSEN = "secrets_chosen"
PASSAGES_SHOWN = "passages_shown"
PROPERTY_TOLD = "property_told"
PROPERTY_ESTIMATED = "property_estimated"
BATCH_PROPERTY_TOLD = "batch_property_told"
INPUT_ATTRIBUTE_TOLD = "input_attribute_told"
DATASET_USED = "dataset_used"
SHARE_USED = "share_used"
CANARIES_USED = "canaries_used"
EPSILON_ONE_RUN = "epsilon_one_run"
EPSILON_BY_STEP = "epsilon_by_step"
EPSILON_OF_MECHANISM = "epsilon_of_mechanism"
NOT_AS_CLAIMED = "not_as_claimed"
SOURCE_INFERRED = "source_inferred"
RECORD_NAMED = "record_named"
SECRETS_EXPOSED = "secrets_exposed"
SECRETS_READ_OFF = "secrets_read_off"

OF_BATCHES = (BATCHES_OPENED, LABELS_COUNTED, BATCH_PROPERTY_TOLD)
FALSE_POSITIVE_RATES = (0.1, 0.01, 0.001)


def tpr_at(rate: float) -> str:
    """The key of the true positive rate at one of FALSE_POSITIVE_RATES."""
    return f"tpr_at_fpr_{rate}"


class Trials(Enum):
    """How a metric is measured, which decides how it is weighed; see core.results.trials."""

    SCORED = "scores in two arms"
    PAIRED = "attack and baseline, trial by trial"
    COUNTED = "agreement of copy and baseline with the target"
    EXACT = "claims against the truth"
    OWN = "a test of its own"


class Format(Enum):
    """How a value is written."""

    NUMBER = "0.123"
    SHARE = "12.3 %"


@dataclass(frozen=True)
class Metric:
    """One thing that is measured.  More of it is always worse for whoever is attacked."""

    key: str
    """Its name in files."""
    family: Family | None
    """None for what a claim is tested by: no attack on a model, and no part of what was looked at."""
    label: str
    """Its name for readers, as it stands in a table."""
    trials: Trials
    threshold: float
    """Advantage that is tolerated where a policy says nothing else."""
    format: Format = Format.SHARE
    asset: Asset | None = None
    """What is lost; None for what the attack's card names."""
    fpr: float | None = None
    """The false positive rate that it is a true positive rate at."""
    relative: bool = False
    """Whether the advantage is the share of what chance leaves, (value - chance) / (1 - chance)."""
    needs_power: bool = False
    """Whether it is not measurable where an attack that never errs would probably be missed."""
    fixed_size: bool = False
    """Whether its trials belong to the model (its classes): other data would not make them more."""
    unbounded: bool = False
    """Whether it is a lower bound without an upper one."""
    unit: str = "record"
    """What one trial is, of which there can be more or fewer."""
    residual: bool = False
    """Whether its baseline is the same attack on other people, so that the residual risk of Giomi et al. is told."""

    @property
    def own_baseline(self) -> bool:
        """Whether chance is measured trial by trial, so that it is the baseline as well."""
        return self.trials in (Trials.PAIRED, Trials.COUNTED)


def _membership() -> list[Metric]:
    family, scored = Family.MEMBERSHIP, Trials.SCORED
    rates = [
        Metric(tpr_at(r), family, f"TPR at {100 * r:g} % FPR", scored, r, fpr=r, needs_power=True)
        for r in FALSE_POSITIVE_RATES
    ]
    number = Format.NUMBER
    return [
        Metric(AUC, family, "AUC", scored, 0.05, number, relative=True, needs_power=True),
        Metric(BALANCED_ACCURACY, family, "balanced accuracy", scored, 0.05, number, relative=True, needs_power=True),
        *rates,
        Metric(EPSILON, family, "epsilon, at least", scored, 0.1, number, unbounded=True),
    ]


def _extraction() -> list[Metric]:
    family, share = Family.EXTRACTION, Format.SHARE
    copied = [(FIDELITY, "unseen records"), (FIDELITY_UNIFORM, "random inputs"), (FIDELITY_BOUNDARY, "the boundary")]
    secrets = [
        (PARAMETERS_RECOVERED, "parameters recovered", 0.01),
        (HYPERPARAMETERS_RECOVERED, "hyper-parameters recovered", 0.01),
        (ARCHITECTURE_RECOVERED, "architecture recovered", 0.1),
    ]
    return [
        *(
            Metric(
                key,
                family,
                f"agreement {'at' if key == FIDELITY_BOUNDARY else 'on'} {where}",
                Trials.COUNTED,
                0.1,
                share,
                Asset.FUNCTIONALITY,
                relative=True,
                unit="point",
            )
            for key, where in copied
        ),
        Metric(
            VALUES_COPIED,
            family,
            "R² of the copy",
            Trials.PAIRED,
            0.1,
            Format.NUMBER,
            Asset.FUNCTIONALITY,
            relative=True,
        ),
        *(Metric(key, family, label, Trials.EXACT, threshold, share) for key, label, threshold in secrets),
    ]


def _paired() -> list[Metric]:
    rebuilt = [
        (ATTRIBUTE_ACCURACY, "attribute inferred correctly", 0.01),
        (RECORDS_REBUILT, "records reconstructed", 0.05),
        (RECORDS_EXACT, "records reconstructed exactly", 0.05),
        (LABELS_TOLD, "labels of single records told", 0.05),
        (ATTRIBUTES_REBUILT, "attributes of records reconstructed", 0.05),
        (BATCHES_OPENED, "batches with a reconstructed record", 0.05),
        (NEARER_TRAINING, "guesses that show a training record", 0.05),
        (CLASSES_RECOGNIZED, "classes recognised in generated inputs", 0.1),
        (CLASSES_SHOWN, "classes whose typical look was reconstructed", 0.1),
        (LABELS_COUNTED, "classes of a batch counted", 0.1),
        (TEXT_REBUILT, "words reconstructed", 0.05),
        (TEXT_EXACT, "texts reconstructed word for word", 0.05),
        (ROWS_COPIED, "training rows that stand in the release", 0.0),
        (ROWS_NEARLY_COPIED, "training rows that stand in the release, nearly", 0.0),
        (SINGLED_OUT, "guesses that single a person out", 0.05),
        (RECORDS_LINKED, "parts of a record linked", 0.05),
        (ATTRIBUTE_DEDUCED, "attribute deduced from the release", 0.05),
        (TEXTS_WRITTEN, "training texts written out word for word", 0.0),
        (TEXTS_NEARLY_WRITTEN, "training texts written out nearly word for word", 0.0),
        (SECRETS_NAMED, "secrets in texts named among all candidates", 0.0),
        (SECRETS_CHOSEN, "secrets in texts told from a few others", 0.0),
        (PASSAGES_SHOWN, "passages that show a training text", 0.0),
    ]
    inferred = [
        (PROPERTY_TOLD, "property inferred (two values)", 0.1),
        (PROPERTY_ESTIMATED, "property estimated", 0.1),
        (BATCH_PROPERTY_TOLD, "property of a batch inferred", 0.1),
        (INPUT_ATTRIBUTE_TOLD, "attribute of an input inferred", 0.05),
    ]
    others = (SINGLED_OUT, RECORDS_LINKED, ATTRIBUTE_DEDUCED)
    sized, played = (CLASSES_RECOGNIZED, CLASSES_SHOWN), (PROPERTY_TOLD, PROPERTY_ESTIMATED)
    unit = dict.fromkeys(played, "trained model") | dict.fromkeys(sized, "class") | dict.fromkeys(OF_BATCHES, "batch")
    unit |= {NEARER_TRAINING: "guess", TEXT_REBUILT: "text", TEXT_EXACT: "text"}
    return [
        Metric(
            key,
            family,
            label,
            Trials.PAIRED,
            threshold,
            fixed_size=key in sized,
            needs_power=key in played,
            unit=unit.get(key, "record"),
            residual=key in others,
        )
        for family, rows in ((Family.RECONSTRUCTION, rebuilt), (Family.PROPERTY, inferred))
        for key, label, threshold in rows
    ]


def _claims() -> list[Metric]:
    """A claim states what it tolerates itself, so that no policy does."""
    own, number = Trials.OWN, Format.NUMBER
    return [
        Metric(DATASET_USED, None, "share of a set that was used, at least", own, 0.0, unbounded=True),
        Metric(SHARE_USED, None, "share of a set that was used", own, 0.0),
        Metric(CANARIES_USED, None, "labels ranked below the one that was drawn", own, 0.0),
        Metric(EPSILON_ONE_RUN, None, "epsilon of one run, at least", own, 0.0, number, unbounded=True),
        Metric(EPSILON_BY_STEP, None, "epsilon by step, at least", own, 0.0, number, unbounded=True),
        Metric(EPSILON_OF_MECHANISM, None, "epsilon of a mechanism, at least", own, 0.0, number, unbounded=True),
        Metric(NOT_AS_CLAIMED, None, "parts of a training that are not as claimed", own, 0.0),
        Metric(SOURCE_INFERRED, None, "records whose client is inferred", own, 0.05),
        Metric(SECRETS_EXPOSED, None, "exposure of inserted secrets, of the most possible", own, 0.0),
        Metric(SECRETS_READ_OFF, None, "inserted secrets that are likelier than all others", own, 0.0),
        Metric(RECORD_NAMED, None, "advantage on one record", own, 0.05, number, needs_power=True),
    ]


METRICS: dict[str, Metric] = {m.key: m for m in (*_membership(), *_extraction(), *_paired(), *_claims())}
"""Those of divulge by key, in the order in which they are shown; see `metrics`."""

GROUP = "divulge.metrics"
"""Entry point group in which an installed package announces metrics: key = 'package.module:METRIC'."""

_registered: dict[str, Metric] = {}


def metrics() -> dict[str, Metric]:
    """All metrics by key: ours, those that installed packages announce, and what was registered in this process."""
    return METRICS | {key: each for key, each in _brought().items() if key not in METRICS} | _registered


@cache
def _brought() -> dict[str, Metric]:
    return loaded(GROUP, Metric, METRICS, lambda each: each.key)


def metric(key: str) -> Metric:
    """The metric behind a key; raises InputError for an unknown one."""
    known = METRICS.get(key) or metrics().get(key)
    if known is None:
        raise InputError(f"metric {key!r} is unknown: choose one of {', '.join(metrics())}")
    return known


def whole_name(key: str, about: str) -> str:
    """'attribute_accuracy:sex': a metric and what it is about, as findings, policies and rules of a gate name it."""
    return f"{key}:{about}" if about else key


def register(new: Metric) -> Metric:
    """Add a metric for this process; raises InputError where there is another of its key."""
    if (METRICS | _registered).get(new.key, new) != new:
        raise InputError(f"metric {new.key!r} is registered already: choose another key")
    _registered[new.key] = new
    return new


def of_trials(trials: Trials) -> tuple[str, ...]:
    """Keys of divulge's own metrics that are measured in this way: what is made of such evidence."""
    return tuple(key for key, each in METRICS.items() if each.trials is trials)


def rank(key: str) -> int:
    """Where a metric stands among others in a table; unknown ones last."""
    known = METRICS if key in METRICS else metrics()
    return list(known).index(key) if key in known else len(known)
