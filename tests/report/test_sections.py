"""A section is one object: whoever registers one, or installs a package that brings one, edits no other file."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from divulge.core import plugins
from divulge.core.errors import InputError
from divulge.report.formats import html, markdown, model_card
from divulge.report.section import Page, Place, Section
from divulge.report.sections import registry

from .pages import text_of

WEATHER = Section(
    name="weather",
    title="The weather on that day",
    context=lambda result: {"sky": f"<clear> over {result.facts.target.name}"},
    template="<p>{{ sky }}</p>",
    markdown=lambda c: f"Sky: {c['sky']}",
    card=lambda c: "It was a fine day.",
)
NO_SECTION = object()
AS = "announces as divulge.report_sections,"


@pytest.fixture
def registered():
    registry.register(WEATHER)
    yield
    registry.unregister("weather")


@pytest.fixture
def installed(monkeypatch):
    """Entry points that packages would bring: name and value."""

    def bring(*points):
        made = [EntryPoint(name, value, registry.GROUP) for name, value in points]
        monkeypatch.setattr(plugins, "entry_points", lambda group: made if group == registry.GROUP else [])

    return bring


def test_a_registered_section_appears_everywhere(registered, quiet):
    page = html.render(quiet.result)
    assert '<details class="section" id="weather">' in page and "&lt;clear&gt; over LogisticRegression" in page
    assert "The weather on that day" in text_of(page) and "over LogisticRegression" not in text_of(page)
    assert "### The weather on that day\n\nSky: <clear> over LogisticRegression" in markdown.render(quiet.result)
    assert "It was a fine day." in model_card.render(quiet.result)
    assert "weather" not in html.render_decision(quiet.result)


def test_it_is_gone_when_it_is_taken_away(quiet):
    assert "The weather" not in html.render(quiet.result)


def test_a_section_says_where_it_stands_and_when_it_applies(quiet, leak, monkeypatch):
    shown = replace(
        WEATHER,
        pages={Page.DECISION: Place.OPEN},
        applies=lambda result: result.facts.name == "Quiet model",
    )
    monkeypatch.setattr(registry, "_registered", [shown])
    assert "over LogisticRegression" in text_of(html.render_decision(quiet.result))
    assert "weather" not in html.render_decision(leak.result) and "weather" not in html.render(quiet.result)


def test_a_name_is_taken_once(registered):
    for name in ("weather", "limits"):
        with pytest.raises(InputError, match=f"has a section '{name}' already"):
            registry.register(replace(WEATHER, name=name))


def test_an_installed_package_brings_a_section(installed, quiet):
    installed(("weather", f"{__name__}:WEATHER"))
    assert "The weather on that day" in html.render(quiet.result)


def test_what_cannot_be_used_is_a_line_in_the_report_and_harms_nothing_else(installed, quiet, monkeypatch):
    failing = replace(WEATHER, name="failing", context=lambda result: {"sky": 1 / 0})
    doubtful = replace(WEATHER, name="doubtful", applies=lambda result: 1 / 0)
    monkeypatch.setattr(f"{__name__}.FAILING", failing, raising=False)
    monkeypatch.setattr(f"{__name__}.DOUBTFUL", doubtful, raising=False)
    monkeypatch.setattr(f"{__name__}.TAKEN", replace(WEATHER, name="limits"), raising=False)
    installed(
        ("gone", "no_such_module_at_all:SECTION"),
        ("odd", f"{__name__}:NO_SECTION"),
        ("mine", f"{__name__}:TAKEN"),
        ("late", f"{__name__}:FAILING"),
        ("unsure", f"{__name__}:DOUBTFUL"),
    )
    page = text_of(html.render(quiet.result))
    for text in (page, markdown.render(quiet.result)):
        assert (
            f"he section 'gone' (no_such_module_at_all:SECTION), which the package no_such_module_at_all {AS}" in text
        )
        assert f"{AS} cannot be loaded: ModuleNotFoundError" in text
        assert f"{AS} is no Section" in text
        assert f"he section 'mine' of the package {__name__} was left out: the name 'limits' is taken" in text
        assert "he section 'failing' could not be shown (ZeroDivisionError" in text
        assert "he section 'doubtful' could not be shown (ZeroDivisionError" in text
        assert "What was not tried or measured" in text


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        (("gone", "no_such_module_at_all:SECTION"), "cannot be loaded"),
        (("limits", f"{__name__}:WEATHER"), f"package {__name__} announces 'limits' as divulge.report_sections"),
        (("sunshine", f"{__name__}:WEATHER"), "calls itself 'weather'"),
    ],
)
def test_an_audit_does_not_begin_with_a_section_that_cannot_be_shown(installed, point, reason):
    installed(point)
    with pytest.raises(InputError, match=reason):
        registry.refuse_unusable()


def test_a_section_of_divulge_that_fails_is_no_warning(quiet, monkeypatch):
    broken = replace(registry.SECTIONS[0], context=lambda result: 1 / 0)
    monkeypatch.setattr(registry, "SECTIONS", (broken,))
    with pytest.raises(ZeroDivisionError):
        html.render(quiet.result)


def test_names_and_titles_are_unique():
    assert len({s.name for s in registry.SECTIONS}) == len({s.title for s in registry.SECTIONS}) > 10


def test_the_report_says_it_of_what_was_played(quiet):
    def played(differs):
        return replace(quiet.result, outcomes=tuple(replace(o, differs=differs) for o in quiet.result.outcomes))

    for render in (html.render, markdown.render):
        unlike = render(played("it looks twice"))
        assert "it looks twice" in unlike and "nlike the papers" in unlike
        assert "nlike the papers" not in render(played(""))
    assert "pooled within records" in html.render(quiet.result), "as the card of LiRA has it"
