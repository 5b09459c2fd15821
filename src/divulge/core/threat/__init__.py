"""The threat model: who attacks what, seeing and knowing what, and when; and the adversaries that have names."""

from divulge.core.threat.model import (
    RELEASES,
    TRAINING_DATA_ASSETS,
    Access,
    Actor,
    Asset,
    Behavior,
    Challenge,
    Family,
    Knowledge,
    Needs,
    Phase,
    Task,
    ThreatModel,
    closure,
    missing,
    reach,
)
from divulge.core.threat.presets import PRESETS, preset

__all__ = [
    "PRESETS",
    "RELEASES",
    "TRAINING_DATA_ASSETS",
    "Access",
    "Actor",
    "Asset",
    "Behavior",
    "Challenge",
    "Family",
    "Knowledge",
    "Needs",
    "Phase",
    "Task",
    "ThreatModel",
    "closure",
    "missing",
    "preset",
    "reach",
]
