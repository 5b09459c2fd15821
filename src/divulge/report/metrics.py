"""Names, order and formats of metrics in reports: no other module of this room knows them."""

from __future__ import annotations

from divulge.core.wording import percent

_RECONSTRUCTION = {
    "attribute_accuracy": "attribute inferred correctly",
    "records_rebuilt": "records reconstructed",
    "records_exact": "records reconstructed exactly",
    "batches_opened": "batches with a reconstructed record",
    "guesses_nearer_training": "guesses that show a training record",
    "classes_recognised": "classes recognised in generated inputs",
    "classes_shown": "classes whose typical look was reconstructed",
    "labels_counted": "classes of a batch counted",
    "text_rebuilt": "words reconstructed",
    "text_exact": "texts reconstructed word for word",
}

_PROPERTY = {
    "property_told": "property inferred (two values)",
    "property_estimated": "property estimated",
    "batch_property_told": "property of a batch inferred",
    "input_attribute_told": "attribute of an input inferred",
}

METRIC_NAMES = {
    "auc": "AUC",
    "balanced_accuracy": "balanced accuracy",
    "tpr_at_fpr_0.1": "TPR at 10 % FPR",
    "tpr_at_fpr_0.01": "TPR at 1 % FPR",
    "tpr_at_fpr_0.001": "TPR at 0.1 % FPR",
    "epsilon": "epsilon, at least",
    "fidelity": "agreement on unseen records",
    "fidelity_uniform": "agreement on random inputs",
    "fidelity_boundary": "agreement at the boundary",
    "parameters_recovered": "parameters recovered",
    "hyperparameters_recovered": "hyper-parameters recovered",
    "architecture_recovered": "architecture recovered",
    **_RECONSTRUCTION,
    **_PROPERTY,
}

MEMBERSHIP_COLUMNS = ("auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "balanced_accuracy", "epsilon")
"""Of the table of membership attacks."""

MEMBERSHIP_ORDER = (
    "tpr_at_fpr_0.01",
    "tpr_at_fpr_0.001",
    "tpr_at_fpr_0.1",
    "auc",
    "balanced_accuracy",
    "epsilon",
)
"""Metrics of membership, those that say most of a single person first."""

COPY_PLACES = {
    "fidelity": ("unseen records", "of unseen records"),
    "fidelity_uniform": ("random inputs", "of random inputs"),
    "fidelity_boundary": ("boundary", "of points at its decision boundary"),
}
"""Where a copy is compared with the model: the head of a column, and within a sentence."""

RECOVERED = {
    "parameters_recovered": "of the model's parameters",
    "hyperparameters_recovered": "of the hyper-parameters that were asked for",
    "architecture_recovered": "of the facts about the architecture that were asked for",
}

WHOLE_RECORDS = (
    *("records_exact", "text_exact", "records_rebuilt", "text_rebuilt", "batches_opened"),
    "guesses_nearer_training",
)
"""Metrics of whole records, the most telling first."""


def metric_name(metric: str) -> str:
    """'attribute inferred correctly: sex': the name of a metric and what it is about."""
    kind, _, about = metric.partition(":")
    named = METRIC_NAMES.get(kind, kind)
    return f"{named}: {about}" if about else named


def shown(value: float | None, metric: str) -> str:
    """A metric's value as it stands in a table."""
    if value is None:
        return "–"
    kind = metric.partition(":")[0]
    if kind in _RECONSTRUCTION or kind in _PROPERTY:
        return percent(value)
    if kind in COPY_PLACES or kind in RECOVERED:
        return exact_percent(value)
    return percent(value) if metric.startswith("tpr_at_fpr_") else f"{value:.3f}"


def exact_percent(rate: float) -> str:
    """One decimal, and 100 % only for all."""
    if rate in (0, 1):
        return percent(rate)
    return f"{min(100 * rate, 99.9):.1f} %" if rate < 0.9995 else "> 99.9 %"
