"""Names that are public and were changed: the old one is understood for a while, and says what it is now."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

ATTACKS = {"regularisation": "regularization"}
DEFENSES = {
    "adversarial_regularisation": "adversarial_regularization",
    "minimisation": "minimization",
    "update_quantisation": "update_quantization",
}
PART_KEYS = {"behaviour": "behavior", "optimiser": "optimizer"}
SETTINGS_KEYS = {"property": "properties"}
CLASSES = {"MembershipScene": "MembershipView"}


def current(name: str, former: Mapping[str, str]) -> str:
    """The name as it is now; warns (DeprecationWarning) where an old one was given."""
    if name not in former:
        return name
    warnings.warn(f"{name} is now called {former[name]}", DeprecationWarning, stacklevel=3)
    return former[name]


def current_keys(values: Any, former: Mapping[str, str]) -> Any:
    """The same mapping with its keys as they are called now; anything but a mapping comes back as it is."""
    if not isinstance(values, Mapping) or not former.keys() & values.keys():
        return values
    return {(key if former.get(key, key) in values else current(key, former)): value for key, value in values.items()}
