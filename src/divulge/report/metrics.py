"""Order and words of metrics in reports, beyond what core.results.metric says of each."""

from __future__ import annotations

from divulge.core.results.metric import (
    ARCHITECTURE_RECOVERED,
    AUC,
    BALANCED_ACCURACY,
    BATCHES_OPENED,
    EPSILON,
    FIDELITY,
    FIDELITY_BOUNDARY,
    FIDELITY_UNIFORM,
    HYPERPARAMETERS_RECOVERED,
    NEARER_TRAINING,
    PARAMETERS_RECOVERED,
    PASSAGES_SHOWN,
    RECORDS_EXACT,
    RECORDS_REBUILT,
    ROWS_COPIED,
    SECRETS_CHOSEN,
    SECRETS_NAMED,
    TEXT_EXACT,
    TEXT_REBUILT,
    TEXTS_NEARLY_WRITTEN,
    TEXTS_WRITTEN,
    Format,
    metrics,
    tpr_at,
)
from divulge.core.threat import Family
from divulge.core.wording import percent

MEMBERSHIP_COLUMNS = (AUC, tpr_at(0.01), tpr_at(0.001), BALANCED_ACCURACY, EPSILON)
"""Of the table of membership attacks."""

MEMBERSHIP_ORDER = (tpr_at(0.01), tpr_at(0.001), tpr_at(0.1), AUC, BALANCED_ACCURACY, EPSILON)
"""Metrics of membership, those that say most of a single person first."""

COPY_PLACES = {
    FIDELITY: ("unseen records", "of unseen records"),
    FIDELITY_UNIFORM: ("random inputs", "of random inputs"),
    FIDELITY_BOUNDARY: ("boundary", "of points at its decision boundary"),
}
"""Where a copy is compared with the model: the head of a column, and within a sentence."""

RECOVERED = {
    PARAMETERS_RECOVERED: "of the model's parameters",
    HYPERPARAMETERS_RECOVERED: "of the hyper-parameters that were asked for",
    ARCHITECTURE_RECOVERED: "of the facts about the architecture that were asked for",
}

OF_TEXTS = (TEXTS_WRITTEN, TEXTS_NEARLY_WRITTEN, PASSAGES_SHOWN)
"""Metrics of training texts that a language model writes out."""

OF_SECRETS = (SECRETS_NAMED, SECRETS_CHOSEN)
"""Metrics of personal secrets in such texts."""

REBUILT = (RECORDS_EXACT, TEXT_EXACT, RECORDS_REBUILT, TEXT_REBUILT, BATCHES_OPENED, NEARER_TRAINING)

WHOLE_RECORDS = (*OF_TEXTS, ROWS_COPIED, *REBUILT)
"""Metrics of whole records, the most telling first."""


def metric_name(metric: str, about: str = "") -> str:
    """'attribute inferred correctly: sex': the name of a metric and what it is about."""
    named = known[metric].label if metric in (known := metrics()) else metric
    return f"{named}: {about}" if about else named


def shown(value: float | None, metric: str) -> str:
    """A metric's value as it stands in a table."""
    if value is None:
        return "–"
    known = metrics().get(metric)
    if known is not None and known.family is Family.EXTRACTION:
        return exact_percent(value)
    return percent(value) if known is not None and known.format is Format.SHARE else f"{value:.3f}"


def exact_percent(rate: float) -> str:
    """One decimal, and 100 % only for all."""
    if rate in (0, 1):
        return percent(rate)
    return f"{min(100 * rate, 99.9):.1f} %" if rate < 0.9995 else "> 99.9 %"
