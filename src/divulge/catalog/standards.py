"""Identifiers of the standards that a reader may have to answer to, with their versions."""

from __future__ import annotations

from divulge.core.threat import Family

STANDARDS: dict[Family, tuple[str, ...]] = {
    Family.MEMBERSHIP: (
        "MITRE ATLAS AML.T0024.000",
        "NIST AI 100-2e2025 NISTAML.033",
        "OWASP ML 2023 ML04",
        "OWASP LLM 2025 LLM02",
    ),
    Family.RECONSTRUCTION: (
        "MITRE ATLAS AML.T0024.001",
        "NIST AI 100-2e2025 NISTAML.032",
        "OWASP ML 2023 ML03",
        "OWASP LLM 2025 LLM02",
    ),
    Family.PROPERTY: (
        "MITRE ATLAS AML.T0024.000",
        "NIST AI 100-2e2025 NISTAML.034",
        "OWASP ML 2023 ML03",
        "OWASP LLM 2025 LLM02",
    ),
    Family.EXTRACTION: (
        "MITRE ATLAS AML.T0024.002",
        "NIST AI 100-2e2025 NISTAML.031",
        "OWASP ML 2023 ML05",
        "OWASP LLM 2025 LLM10",
    ),
}
