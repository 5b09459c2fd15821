"""The readable table name -> defence."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any

from divulge.core.defense import Defense, UpdateDefense
from divulge.core.errors import InputError

DEFENSES: dict[str, str] = {
    "gaussian_noise": "divulge.defenses.gaussian_noise:GaussianNoise",
    "label_only": "divulge.defenses.label_only:LabelOnly",
    "prediction_poisoning": "divulge.defenses.prediction_poisoning:PredictionPoisoning",
    "reverse_sigmoid": "divulge.defenses.reverse_sigmoid:ReverseSigmoid",
    "rounding": "divulge.defenses.rounding:Rounding",
    "temperature": "divulge.defenses.temperature:Temperature",
    "top_k": "divulge.defenses.top_k:TopK",
    "update_clipping": "divulge.defenses.updates:UpdateClipping",
    "update_noise": "divulge.defenses.updates:UpdateNoise",
    "update_pruning": "divulge.defenses.updates:UpdatePruning",
    "update_quantisation": "divulge.defenses.updates:UpdateQuantisation",
}


def defense(name: str, **settings: Any) -> Defense | UpdateDefense:
    """A defence with these settings; raises InputError for an unknown one, or for settings that it does not have."""
    if name not in DEFENSES:
        near = difflib.get_close_matches(name, DEFENSES, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"defense {name!r} is unknown: {hint}choose from {', '.join(DEFENSES)}")
    module, _, attribute = DEFENSES[name].partition(":")
    try:
        made: Defense | UpdateDefense = getattr(import_module(module), attribute)(**settings)
    except TypeError as error:
        raise InputError(f"defense {name!r} does not take these settings: {error}") from error
    return made
