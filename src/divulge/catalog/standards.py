"""Identifiers of the standards that a reader may have to answer to, with their versions and names.

Of OWASP's list for language models two editions are named, since the numbers moved.  MITRE ATLAS AML.T0025 is
exfiltration by cyber means and no attack of this kind, whatever some pages say; it is on no list here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from divulge.core.attack import Card
from divulge.core.threat import Behavior, Challenge, Family, Phase


@dataclass(frozen=True)
class Standard:
    """An entry of a standard.  str() is what findings carry: 'NIST AI 100-2e2025 NISTAML.033'."""

    issuer: str
    key: str
    name: str

    def __str__(self) -> str:
        return f"{self.issuer} {self.key}"


_ATLAS, _NIST, _ML = "MITRE ATLAS", "NIST AI 100-2e2025", "OWASP ML 2023"
_LLM = ("OWASP LLM 2025", "OWASP LLM 2026")

INFER_MEMBERSHIP = Standard(_ATLAS, "AML.T0024.000", "Infer Training Data Membership")
INVERT = Standard(_ATLAS, "AML.T0024.001", "Invert AI Model")
EXTRACT = Standard(_ATLAS, "AML.T0024.002", "Extract AI Model")
FAMILY_OF_MODEL = Standard(_ATLAS, "AML.T0014", "Discover AI Model Family")
POISON = Standard(_ATLAS, "AML.T0020", "Poison Training Data")
FULL_ACCESS = Standard(_ATLAS, "AML.T0044", "Full AI Model Access")
DISCLOSURE = tuple(Standard(edition, "LLM02", "Sensitive Information Disclosure") for edition in _LLM)
CONSUMPTION = (Standard(_LLM[0], "LLM10", "Unbounded Consumption"), Standard(_LLM[1], "LLM06", "Unbounded Consumption"))
POISONED = (
    Standard(_NIST, "NISTAML.013", "Data Poisoning"),
    Standard(_ML, "ML02", "Data Poisoning Attack"),
    Standard(_LLM[0], "LLM04", "Data and Model Poisoning"),
    Standard(_LLM[1], "LLM05", "Data and Model Poisoning"),
)

STANDARDS: dict[Family, tuple[Standard, ...]] = {
    Family.MEMBERSHIP: (
        INFER_MEMBERSHIP,
        Standard(_NIST, "NISTAML.033", "Membership Inference"),
        Standard(_ML, "ML04", "Membership Inference Attack"),
        *DISCLOSURE,
    ),
    Family.RECONSTRUCTION: (
        INVERT,
        Standard(_NIST, "NISTAML.032", "Data Reconstruction"),
        Standard(_ML, "ML03", "Model Inversion Attack"),
        *DISCLOSURE,
    ),
    Family.PROPERTY: (
        INFER_MEMBERSHIP,
        Standard(_NIST, "NISTAML.034", "Property Inference"),
        Standard(_ML, "ML03", "Model Inversion Attack"),
        *DISCLOSURE,
    ),
    Family.EXTRACTION: (
        EXTRACT,
        Standard(_NIST, "NISTAML.031", "Model Extraction"),
        Standard(_ML, "ML05", "Model Theft"),
        *CONSUMPTION,
    ),
}
"""What every attack of a family is filed under.  OWASP ML 2023 has no entry of its own for property inference: the
nearest is named; the description of AML.T0024.000 speaks of global characteristics of the training data.
"""

_NAMES = {
    str(entry): entry.name
    for entry in (
        *(e for entries in STANDARDS.values() for e in entries),
        *POISONED,
        POISON,
        FULL_ACCESS,
        FAMILY_OF_MODEL,
    )
}

ARCHITECTURE = ("architecture", "regularization")
"""Attacks on how the model was made rather than on what it computes."""


def standards_of(card: Card) -> tuple[str, ...]:
    """Ids for one attack: those of its family, and those of what else it does."""
    found = list(STANDARDS[card.family])
    if card.challenge in (Challenge.UPDATES, Challenge.FILE, Challenge.VERSIONS, Challenge.BATCH):
        found.insert(1, FULL_ACCESS)
    if card.name in ARCHITECTURE:
        found.insert(1, FAMILY_OF_MODEL)
    contributes = card.challenge in (None, Challenge.TRAINING_SET)  # records of its own, where it interferes at all
    if card.needs.phase is Phase.TRAINING and card.needs.behavior is Behavior.ACTIVE and contributes:
        found += [POISON, *POISONED]
    return tuple(map(str, found))


def names_of(ids: Iterable[str]) -> dict[str, str]:
    """What the entries with these ids are called; ids of no entry here are left out."""
    return {key: _NAMES[key] for key in ids if key in _NAMES}
