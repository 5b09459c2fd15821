"""The page as a person opens it: headless Chromium, wide and narrow, light, dark and printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import divulge

from .pages import CHROMIUM

pytest.importorskip("playwright.sync_api")
pypdf = pytest.importorskip("pypdf")


@pytest.fixture(scope="module")
def page_file(leak):
    return leak.report()


@pytest.fixture
def opened(browser, page_file, request):
    width, scheme = getattr(request, "param", (1200, "light"))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.complaints = []
    page.requests = []
    page.on("console", lambda m: page.complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: page.complaints.append(str(e)))
    page.on("request", lambda r: page.requests.append(r.url))
    page.goto(page_file.resolve().as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    yield page
    context.close()


AXE = Path(__file__).parent / "axe-4.10.3.min.js"
SIZES = [(1200, "light"), (1200, "dark"), (390, "light"), (390, "dark"), (320, "light")]


@pytest.mark.parametrize("opened", SIZES, indirect=True, ids=str)
def test_figures_are_drawn_without_complaint_or_sideways_scrolling(opened):
    assert opened.complaints == []
    assert opened.locator(".js-plotly-plot").count() == 2
    assert opened.locator(".js-plotly-plot .scatterlayer .trace").count() >= 3
    assert opened.locator(".js-plotly-plot .bars .point").count() > 5
    width = opened.evaluate("document.documentElement.clientWidth")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert all(url.startswith(("file:", "data:", "blob:")) for url in opened.requests)


@pytest.mark.parametrize("opened", SIZES[:2], indirect=True, ids=str)
def test_text_stands_out_from_its_background(opened):
    """Contrast of at least 4.5 to 1 (WCAG 2.1, AA) for every piece of text outside the figures."""
    poor = opened.evaluate(
        """() => {
        const parse = c => c.match(/[\\d.]+/g).map(Number);
        const linear = v => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
        const light = c => { const [r, g, b] = c.map(linear);
          return .2126*r + .7152*g + .0722*b };
        const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
          if (c.length < 4 || c[3] > 0) return c } return [255,255,255] };
        const poor = [];
        for (const e of document.querySelectorAll('main *:not(svg *):not(script):not(style)')) {
          if (e.closest('.plot') || e.closest('svg') || e.tagName === 'SELECT' || e.tagName === 'OPTION') continue;
          if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
          const a = light(parse(getComputedStyle(e).color)) + .05, b = light(ground(e)) + .05;
          if (Math.max(a, b) / Math.min(a, b) < 4.5) poor.push(e.tagName + ': ' + e.textContent.trim().slice(0, 40));
        }
        return poor }"""
    )
    assert poor == []


def test_the_keyboard_reaches_everything_that_can_be_used(opened):
    usable = "a[href], select, summary, [tabindex='0']"
    shown = opened.locator(usable).evaluate_all("es => es.filter(e => e.checkVisibility()).length")
    reached = set()
    for _ in range(shown + 5):
        opened.keyboard.press("Tab")
        reached.add(opened.evaluate(f'[...document.querySelectorAll("{usable}")].indexOf(document.activeElement)'))
    assert len(reached - {-1}) == shown > 8


def test_another_attack_can_be_chosen_in_the_figure_of_scores(opened):
    chooser = opened.locator("select")
    before = opened.locator("[data-figure='spec-scores'] .barlayer").inner_html()
    chooser.select_option(index=1)
    opened.wait_for_timeout(200)
    assert opened.locator("[data-figure='spec-scores'] .barlayer").inner_html() != before


def test_the_same_numbers_stand_in_a_table(opened):
    assert opened.locator("[data-figure='spec-roc'] table tbody tr").count() >= 3
    assert opened.locator("[data-figure='spec-scores'] table").first.locator("tbody tr").count() == 10


def test_it_prints_on_a_few_pages(opened, tmp_path):
    opened.emulate_media(media="print")
    document = opened.pdf(path=str(tmp_path / "report.pdf"), format="A4")
    pages = re.findall(rb"/Type\s*/Page\b(?!s)", document)
    assert 2 <= len(pages) <= 8
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") in (
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    )


def test_figures_and_the_picture_have_words_for_those_who_cannot_see_them(opened):
    for selector in (".plot", "svg.threat"):
        for label in opened.locator(selector).evaluate_all("es => es.map(e => e.getAttribute('aria-label'))"):
            assert label and len(label) > 40


def violations(page):
    page.evaluate(AXE.read_text())  # by the debugger: the page itself lets no other script run
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [(v["id"], v["help"], [node["html"][:120] for node in v["nodes"][:3]]) for v in found]


@pytest.mark.parametrize("opened", [(1200, "light"), (390, "dark")], indirect=True, ids=str)
def test_axe_finds_no_violation_in_the_report(opened):
    assert violations(opened) == []


@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_no_violation_in_the_decision_and_it_does_not_scroll_sideways(browser, page_file, width, tmp_path):
    path = divulge.Run.open(page_file.parent).report(tmp_path / "decision.html", page="decision")
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(path.as_uri())
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("page", ["report", "decision"])
def test_the_pdf_is_well_formed_and_small(page_file, tmp_path, page):
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    path = divulge.Run.open(page_file.parent).report(tmp_path / "r.pdf", page=page)
    document = pypdf.PdfReader(path, strict=True)
    text = " ".join(" ".join(sheet.extract_text() for sheet in document.pages).split())
    assert 1 <= len(document.pages) <= 12 and path.stat().st_size < 2_000_000
    assert "two questions of EDPB Opinion 28/2024" in text and "lower bound" in text
    assert "The means assumed" in text and "on an ordinary computer" in text  # what is folded on screen


def test_what_was_found_follows_the_verdict_without_a_gap_on_a_phone(browser, page_file):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(page_file.resolve().as_uri())
    gap = page.evaluate(
        """() => { const verdict = document.querySelector('#verdict');
          return verdict.nextElementSibling.getBoundingClientRect().top
            - verdict.lastElementChild.getBoundingClientRect().bottom }"""
    )
    assert 0 <= gap <= 60
    page.close()
