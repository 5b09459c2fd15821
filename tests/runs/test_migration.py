"""A run that an earlier version has written is read by this one, figure for figure."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import divulge
from divulge.core.results.exhibits import Fact, Quality, Step
from divulge.core.threat import Family
from divulge.runs.folder import RunFolder
from divulge.runs.gate import judge

ZIP = Path(__file__).parent / "schema1" / "run.zip"


@pytest.fixture
def old(tmp_path):
    with zipfile.ZipFile(ZIP) as archive:
        archive.extractall(tmp_path / "run")
    return tmp_path / "run"


def test_every_finding_keeps_its_figures_and_its_verdict(old):
    before = json.loads((old / "findings.json").read_text())
    result = divulge.Run.open(old).result
    assert result.verdict.value == before["verdict"]
    assert {family.value: each.verdict.value for family, each in result.family_verdicts.items()} == before["families"]
    assert len(result.findings) == len(before["findings"]) > 20
    for now, then in zip(result.findings, before["findings"], strict=True):
        assert now.metric == then["metric"]
        for name in ("attack", "value", "low", "high", "p_value", "power", "control", "chance"):
            assert getattr(now, name) == then[name], (then["attack"], then["metric"], name)
        # The correction for many findings is that of today, which is hardly ever more severe than Holm was.
        assert now.p_adjusted is None or now.p_adjusted <= 1.2 * then["p_adjusted"] + 1e-9
        shown = then["verdict"] == "not found" and now.p_adjusted is not None and now.p_adjusted <= 0.05
        assert now.verdict.value == ("leak" if shown else then["verdict"])


def test_evidence_is_kept_in_the_new_form_and_weighs_the_same(old):
    run = divulge.Run.open(old)
    assert judge(old).verdict is run.verdict
    kept = run.result.evidence
    assert kept["equation_solving"].exact[0].recovered == 10 and kept["equation_solving"].of(Step)
    assert {q.about for q in kept["attribute_learned"].of(Quality)} == {"old"}
    assert kept["property_labels"].of(Fact)[0].text == "share(old == 1)"
    assert {t.about for t in kept["property_labels"].paired} == {"share(old == 1)"}
    assert len(run.scores("loss")) == 210 and len(run.roc("loss")) > 2
    assert set(run.result.evidence_of(Family.MEMBERSHIP)) == {"loss", "correctness"}
    assert {o.attack: o.strength for o in run.outcomes}["equation_solving"] == 1.0
    assert (old / "schema1" / "thefts" / "equation_solving.json").is_file() and not (old / "thefts").exists()


def test_a_migration_that_was_interrupted_is_done_again(old, monkeypatch):
    from divulge.runs.files import migration

    once = migration._outcome

    def broken(stored):
        if stored["outcome"]["attack"] == "loss":
            raise KeyboardInterrupt
        return once(stored)

    monkeypatch.setattr(migration, "_outcome", broken)
    with pytest.raises(KeyboardInterrupt):
        RunFolder(old).facts()
    monkeypatch.undo()
    test_every_finding_keeps_its_figures_and_its_verdict(old)


def test_a_version_that_nobody_knows_is_refused(old):
    facts = json.loads((old / "run.json").read_text())
    (old / "run.json").write_text(json.dumps(facts | {"schema_version": 99}))
    with pytest.raises(divulge.InputError, match="schema version 99"):
        divulge.Run.open(old)
