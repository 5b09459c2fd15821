"""The page for whoever decides: it answers the two questions by the evidence, and promises nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner

import divulge
from divulge.attacks.extraction.knockoff import Knockoff
from divulge.cli.app import app
from divulge.core.results.audit_result import LeftOut
from divulge.core.results.finding import Verdict
from divulge.report.decision import ALWAYS_UNTRIED, decision
from divulge.runs.export import PAGES, render

PROMISE = re.compile(r"\b(is|are|was) (anonymous|safe|private|secure)\b|no risk|risk-free|guarantee", re.IGNORECASE)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1800, 4))
    y = (x[:, 0] + rng.normal(size=1800) > 0).astype(int)
    return (x[:600], y[:600]), (x[600:1200], y[600:1200]), (x[1200:], y[1200:])


@pytest.fixture(scope="module")
def leaky(data, tmp_path_factory):
    model = DecisionTreeClassifier(min_samples_leaf=2, random_state=0).fit(*data[0])
    attacks = ["loss", "correctness", "lira", Knockoff((50, 200))]
    out = tmp_path_factory.mktemp("leaky") / "r"
    return divulge.audit(model, *data, attacks=attacks, threat="published-model", out=out)


@pytest.fixture(scope="module")
def quiet(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("quiet") / "r"
    return divulge.audit(LogisticRegression().fit(*data[0]), *data, attacks=["loss", "correctness"], out=out)


def test_a_leak_is_evidence_on_both_questions_for_whoever_holds_the_file(leaky):
    made = decision(leaky.result)
    assert made.verdict is Verdict.LEAK and "membership" in made.headline
    direct, asked = made.questions
    for question in (direct, asked):
        assert (
            question.answer == "Evidence that it can"
            and "not insignificant" in question.residual
            and "as personal data" in question.residual
        )
        assert any(line.startswith("▲") and "guessing: 0.500" in line for line in question.evidence)
        assert any("queries" in line and "on an ordinary computer" in line for line in question.means)
        assert set(ALWAYS_UNTRIED) <= set(question.untried)
    names = [risk.name for risk in made.risks]
    assert names == ["singling out", "linkability", "inference", "facts about groups"]
    assert made.risks[1].found.startswith("▲") and made.risks[2].found == "– not examined"
    assert any("compare --defenses" in step.full and "--" not in step.text for step in made.steps)


def test_nothing_found_is_said_with_what_would_have_been_seen(quiet):
    made = decision(quiet.result)
    direct, asked = made.questions
    assert asked.answer == "No evidence that it can was found" and "no proof" in asked.residual
    assert any("would probably have been seen" in line for line in asked.power)
    assert any(line == "reconstruction: no attack was measured" for line in asked.untried)
    assert direct.answer == "Not examined" and "published-model" in direct.evidence[0]
    assert made.headline.startswith("Nothing was found that speaks against it")
    assert any("audit again when the data" in step.text for step in made.steps)


def test_an_audit_that_failed_or_is_invalid_is_no_basis(quiet):
    cut = replace(quiet.result, complete=False)
    assert decision(cut).headline == "This audit is no basis for a decision yet"
    invalid = replace(quiet.result, findings=tuple(replace(f, verdict=Verdict.INVALID) for f in quiet.result.findings))
    assert "no basis" in decision(invalid).headline
    assert decision(invalid).questions[1].answer.startswith("Not answered")


def test_what_had_no_time_is_untried(quiet):
    left = LeftOut("lira", "LiRA, online", "membership", "it needs about 9 min")
    made = decision(replace(quiet.result, left_out=(left,)))
    assert "“LiRA, online”: it needs about 9 min" in made.questions[1].untried
    assert any("1 attack had none" in step.text for step in made.steps)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("format", ["html", "md"])
def test_no_page_promises_anything(leaky, quiet, page, format):
    for run in (leaky, quiet):
        if format not in PAGES[page]:
            with pytest.raises(divulge.InputError, match="cannot be shown"):
                render(run.result, format, page)
            continue
        text = render(run.result, format, page)
        found = PROMISE.search(text.partition("<script")[0])
        assert found is None, found
        assert "lower bound" in text


def test_the_model_card_says_what_was_measured_and_what_was_not(leaky, quiet):
    card = render(leaky.result, "md", "card")
    assert card.startswith("## Privacy\n") and "| Who was in the training data | ▲ leak |" in card
    assert "| What the records look like | – not measured |" in card
    assert "Not measured: reconstruction, property." in card
    assert "| Who was in the training data | ○ not found |" in render(quiet.result, "md", "card")


def test_the_command_writes_every_page(leaky, tmp_path):
    run = CliRunner()
    for page, ending in (("decision", "html"), ("decision", "md"), ("card", "md")):
        path = tmp_path / f"{page}.{ending}"
        done = run.invoke(app, ["report", str(leaky.folder), "--page", page, "--format", ending, "-o", str(path)])
        assert done.exit_code == 0 and path.stat().st_size > 500
    assert "EDPB Opinion 28/2024" in (tmp_path / "decision.html").read_text()
    assert run.invoke(app, ["report", str(leaky.folder), "--page", "card", "-o", "-"]).stdout.startswith("## Privacy")
    with pytest.raises(divulge.InputError, match="cannot be shown as sarif"):
        leaky.report(tmp_path / "x.sarif", page="decision")


def test_a_pdf_needs_a_browser(leaky, tmp_path, monkeypatch):
    from divulge.runs import pdf

    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    monkeypatch.delenv(pdf.VARIABLE, raising=False)
    with pytest.raises(divulge.InputError, match="none was found: install one"):
        leaky.report(tmp_path / "r.pdf")
    false = tmp_path / "browser"
    false.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    false.chmod(0o755)
    monkeypatch.setenv(pdf.VARIABLE, str(false))
    with pytest.raises(divulge.InputError, match="did not print the report \\(no display\\)"):
        leaky.report(tmp_path / "r.pdf")
