"""What a privacy officer reads before anything is unfolded: little, in plain words, and all else one click away."""

from __future__ import annotations

import re

import pytest

from divulge.core.results.finding import Verdict
from divulge.core.threat import Family
from divulge.report import plain
from divulge.report.formats import html, markdown, model_card

from .pages import CHROMIUM, JARGON, PHONE, WORDS_ABOVE, text_of, words_in

RUNS = ["families", "leak", "quiet", "invalid", "regression", "persons"]


@pytest.fixture(params=RUNS)
def run(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("draw", [html.render, html.render_decision], ids=["report", "decision"])
def test_little_is_read_before_anything_is_unfolded_and_without_jargon(run, draw):
    text = text_of(draw(run.result))
    assert 200 < len(words_in(text)) <= 2_500
    own = text.replace(run.result.facts.name, "")  # a user may call a model what they like
    found = JARGON.search(own)
    assert found is None, own[max(0, found.start() - 60) : found.end() + 60]


def test_what_is_counted_as_folded_is_folded():
    page = "<main><p>a b</p><details><summary>c</summary>d<details><summary>e</summary></details></details>f</main>"
    assert text_of(page) == "a b c f" and text_of(page, everything=True) == "a b c d e f"


def test_the_first_screen_of_a_phone_has_the_verdicts_and_the_recommendation(browser, run, tmp_path):
    page = browser.new_page(viewport=PHONE)
    path = tmp_path / "r.html"
    path.write_text(html.render(run.result))
    page.goto(path.as_uri())
    text = page.evaluate(WORDS_ABOVE, PHONE["height"])
    assert len(words_in(text)) <= 120
    assert f"{plain.headline(run.result)}." in text
    for line in plain.families(run.result):
        assert f"{line.name}: {line.verdict.value} {line.title}" in text
    assert plain.recommendation(run.result) in text and "Recommended:" in text
    page.close()


@pytest.mark.parametrize("draw", [html.render, html.render_decision], ids=["report", "decision"])
def test_it_is_ten_phone_screens_at_most_and_does_not_scroll_sideways(browser, run, draw, tmp_path):
    page = browser.new_page(viewport=PHONE)
    path = tmp_path / "r.html"
    path.write_text(draw(run.result))
    page.goto(path.as_uri())
    height, width = page.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]")
    assert height <= 10 * PHONE["height"] and width <= PHONE["width"]
    page.close()


def test_each_family_has_the_color_of_its_own_verdict(families):
    page = html.render(families.result)
    for line in plain.families(families.result):
        tone = line.verdict.value.replace(" ", "-")
        item = re.search(rf'<li class="([\w-]+)">(?:(?!</li>).)*<b>{line.name}: {line.verdict.value}</b>', page, re.S)
        assert item is not None and item.group(1) == tone


def test_expressions_are_in_words_where_everybody_reads_and_complete_in_the_details(families):
    result = families.result
    assert any("share(old == 1)" in f.about for f in result.findings)
    page = html.render(result)
    assert "the share of training records with old = 1" in text_of(page) and "share(" not in text_of(page)
    assert "share(old == 1)" in text_of(page, everything=True)


def test_nothing_of_a_run_is_lost(run):
    """Every attack, reason, hash and step stands somewhere, folded or not; in Markdown too."""
    result = run.result
    facts = result.facts
    everything = [o.title for o in result.outcomes] + [reason.partition("; ")[0] for _, reason in result.refused()]
    everything += [left.reason for left in result.left_out] + [error for _, error in result.failed()]
    everything += [facts.target.fingerprint, facts.data.fingerprint, facts.job, facts.data.overlap]
    everything += [cause.advice for cause in result.what_if] + [facts.threat.adversary, str(facts.provenance.seed)]
    everything += [f"{f.value:.3f}" for f in result.findings if f.metric == "auc" and f.value is not None]
    pages = (text_of(html.render(result), everything=True), markdown.render(result))
    for text in (re.sub(r"\s+", " ", page).lower() for page in pages):
        for said in everything:
            assert re.sub(r"\s+", " ", said).lower().rstrip(".") in text, said


def test_markdown_begins_with_a_short_summary(run):
    text = markdown.render(run.result)
    summary, _, details = text.partition("\n## Details\n")
    assert len(words_in(summary)) <= 900 and len(details) > len(summary)
    assert JARGON.search(summary.partition("\n")[2].replace("**", "").replace(run.result.facts.name, "")) is None
    assert plain.headline(run.result) in summary and "## What follows for a decision" in summary


def test_a_model_card_is_short_and_says_what_was_found(run):
    card = model_card.render(run.result)
    assert len(words_in(card)) <= 450 and card.startswith("## Privacy\n")
    for line in plain.families(run.result):
        assert line.text.replace("|", "\\|") in card


def test_paper_shows_what_a_screen_folds_away(browser, families, tmp_path):
    pypdf = pytest.importorskip("pypdf")
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    path, printed = tmp_path / "r.html", tmp_path / "r.pdf"
    path.write_text(html.render(families.result))
    page.goto(path.as_uri())
    page.pdf(path=str(printed), format="A4")
    text = " ".join(" ".join(sheet.extract_text() for sheet in pypdf.PdfReader(printed).pages).split())
    assert families.result.facts.job in text.replace(" ", "") and "What was not measured, and why" in text
    assert "members rightly named" in text, "figures are drawn for paper too"
    page.close()


def test_the_verdict_names_the_policy_and_an_incomplete_audit_is_no_all_clear(quiet, leak):
    from dataclasses import replace

    assert plain.headline(leak.result) == "This model gives away more than the default policy tolerates"
    facts = replace(leak.result.facts, policy=replace(leak.result.facts.policy, name="share-inside"))
    assert "the policy share-inside tolerates" in plain.headline(replace(leak.result, facts=facts))
    assert plain.headline(quiet.result).startswith("No attack of this audit found more")
    cut = replace(quiet.result, complete=False)
    assert plain.headline(cut) == "No leak was found, but parts of the audit are missing"
    assert quiet.verdict is Verdict.NOT_FOUND and quiet.result.verdict_of(Family.PROPERTY) is Verdict.NOT_EXAMINED


def test_the_decision_is_one_page_of_paper_and_what_it_rests_on_follows(run, tmp_path):
    pypdf = pytest.importorskip("pypdf")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    path = run.report(tmp_path / "d.pdf", page="decision")
    first, *others = (" ".join(sheet.extract_text().split()) for sheet in pypdf.PdfReader(path).pages)
    assert plain.headline(run.result) in first and "Facts about groups" in first and "Who the attacker is" in first
    assert "The evidence" not in first and "The reasons in full" not in first
    assert "The evidence" in " ".join(others) and "The reasons in full" in " ".join(others)
    assert run.result.facts.job in "".join(others).replace(" ", "")
