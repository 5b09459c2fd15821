"""What defences share that let one model learn from others."""

from __future__ import annotations

from typing import Any

import numpy as np

from divulge.core.hashing import Array
from divulge.core.outputs import OutputForm, OutputReading, embeds, ending, picked, recognized, tried_ending, whole
from divulge.core.records import Records
from divulge.defenses.training.altered_loss import wide


def log_scores_of(model: Any, records: Records) -> Array:
    """A module's log-scores [records, classes]."""
    import torch

    ids = embeds(model) and whole(records.x)
    x = torch.from_numpy(np.ascontiguousarray(records.x, dtype=np.int64 if ids else np.float32))
    known = ending(picked(model(x[:2])))
    parameters = dict(model.named_parameters())

    def ask(weights: dict[str, Any]) -> Any:
        return picked(torch.func.functional_call(model, weights, (x[:2],)))

    with torch.no_grad():
        returned = model(x)
        values = OutputReading(OutputForm.LOGITS).logits(returned, x).double().numpy()
        ends = tried_ending(known, values, ask, parameters)
        form = recognized(values, records.y if records.y.dtype.kind in "iu" else None, ends)
        return np.asarray(torch.log_softmax(wide(OutputReading(form).logits(returned, x)), dim=1).double().numpy())


def classes_told(model: Any, records: Records) -> Array:
    """The class codes that a module, or an estimator, predicts: [records]."""
    from torch import nn

    if isinstance(model, nn.Module):
        return np.asarray(log_scores_of(model, records).argmax(axis=1))
    native = records.native()
    predicted = model.predict(native.reshape(len(native), -1) if isinstance(native, np.ndarray) else native)
    if not records.schema.classes:
        return np.asarray(predicted)
    code = {label: place for place, label in enumerate(records.schema.classes)}
    return np.array([code[label] for label in predicted], dtype=np.int64)
