"""Ids of standards: each finding has those of its family, and none that means something else."""

import pytest

from divulge.catalog.attacks import attack_class, table
from divulge.catalog.standards import STANDARDS, names_of, standards_of
from divulge.core.threat import Family

CARDS = [attack_class(name).card for name in table()]


@pytest.mark.parametrize("card", CARDS, ids=lambda c: c.name)
def test_every_attack_is_filed_under_each_standard_with_its_version(card):
    ids = standards_of(card)
    for issuer in ("MITRE ATLAS AML.T00", "NIST AI 100-2e2025 NISTAML.0", "OWASP ML 2023 ML0", "OWASP LLM 2025 LLM"):
        assert any(name.startswith(issuer) for name in ids), issuer
    assert not any("T0025" in name for name in ids)  # exfiltration by cyber means, no inversion
    assert len(set(ids)) == len(ids) and set(names_of(ids)) == set(ids)


@pytest.mark.parametrize(
    ("family", "atlas", "nist", "owasp"),
    [
        (Family.MEMBERSHIP, "AML.T0024.000", "NISTAML.033", "ML04"),
        (Family.RECONSTRUCTION, "AML.T0024.001", "NISTAML.032", "ML03"),
        (Family.PROPERTY, "AML.T0024.000", "NISTAML.034", "ML03"),
        (Family.EXTRACTION, "AML.T0024.002", "NISTAML.031", "ML05"),
    ],
)
def test_families_have_their_published_ids(family, atlas, nist, owasp):
    keys = [entry.key for entry in STANDARDS[family]]
    assert keys[:3] == [atlas, nist, owasp]


def test_what_an_attack_does_besides_is_named():
    ids = {card.name: " ".join(standards_of(card)) for card in CARDS}
    assert "AML.T0020" in ids["truth_serum"] and "NISTAML.013" in ids["snap"] and "ML02" in ids["property_poisoning"]
    assert "AML.T0020" not in ids["imprint_block"] and "AML.T0044" in ids["imprint_block"]
    assert "AML.T0014" in ids["architecture"] and "AML.T0014" not in ids["knockoff"]
    assert {name for name, text in ids.items() if "AML.T0020" in text} == {
        "truth_serum",
        "snap",
        "property_poisoning",
    }
