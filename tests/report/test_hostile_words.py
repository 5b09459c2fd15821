"""Names, titles, errors and answers of others, sent through every exit: they show, and do nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import divulge
from divulge.cli import screen
from divulge.core.results.audit_result import AtRisk, LeftOut, Subgroup
from divulge.core.results.finding import Failed, Outcome, Reading, Refused
from divulge.core.results.handshake import Concern, Handshake
from divulge.core.results.matrix import Cell, Matrix, MatrixColumn, MatrixRow
from divulge.report import matrix as matrices
from divulge.report.formats import html, junit, markdown, model_card, sarif
from divulge.report.inert import for_script, plain_markdown
from divulge.runs.export import csv_of
from divulge.runs.files.evidence_files import json_of
from divulge.runs.summary import as_html, as_text

ATTACKS_ON_READERS = (
    "<!--<script>",
    "</script><script>window.owned=1</script>",
    "<img src=x onerror=window.owned=1>",
    "</title></style></textarea><svg onload=window.owned=1>",
    '" onmouseover="window.owned=1" x="',
    "--><style>*{display:none}</style>",
    "<base href=//evil.example><meta http-equiv=refresh content=0>",
    "[click](javascript:window.owned=1)",
    "![seen](http://evil.example/a.png)",
    "a\n\n# No leak was found\n\n| a | b |\n|---|---|",
    "# heading",
    "1. list",
    "```\ncode",
    "`",
    "| cell |",
    '=HYPERLINK("http://evil.example")',
    "@SUM(1)",
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b31m\x07\x08\x00\x7f",
    "\r○ nothing found",
    "\u202eevil\u202c\u2066x\u2069\u200b\ufeff",
    "\ufffe\uffff\ud800",
    "[/bold] [red]x[/red] :smile:",
    "{{ 7 * 7 }} {% raw %} ${7*7} %(x)s {0}",
    "]]><![CDATA[",
    "&lt;script&gt; &#x1b;",
    "::error::x",
    "a" * 300,
    "Ünï 東京 مرحبا ▲",
)
WORDS = st.lists(st.one_of(st.sampled_from(ATTACKS_ON_READERS), st.text(max_size=12)), min_size=1, max_size=3).map(
    lambda parts: "q" + " ".join(parts)
)
LATE = st.sampled_from(ATTACKS_ON_READERS)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    rng = np.random.default_rng(0)
    keep = (np.arange(200) < 100)[None]
    scores = rng.normal(size=(1, 200)) + 2 * keep
    table = divulge.ScoreTable(None, scores, keep, np.zeros(200, int))
    return divulge.audit(table, attacks=["loss"], out=tmp_path_factory.mktemp("words") / "r")


def said(result, word):
    """A result in which a stranger chose every word that is free."""
    facts = result.facts
    facts = replace(
        facts,
        name=word,
        target=replace(facts.target, name=word),
        data=replace(facts.data, classes=(word, word), sensitive=(word,), overlap=word),
        recipe=word,
        policy=replace(facts.policy, name=word),
    )
    first = replace(result.outcomes[0], title=word)
    more = [
        Outcome(f"a{n}", word, "membership", "records", word, r) for n, r in enumerate((Failed(word), Refused(word)))
    ]
    concern = Concern("random", False, word, word, word)
    return replace(
        result,
        facts=facts,
        outcomes=(first, *more),
        titles=dict.fromkeys(result.titles, word),
        papers=dict.fromkeys(result.papers, word),
        training=(word,),
        at_risk=(AtRisk(3, word, 0.9, 1, why=(word,)),),
        risk_attack=first.attack,
        subgroups=(Subgroup(word, word, 40, 40, Reading(0.7, 0.6, 0.8), 0.01, True),),
        left_out=(LeftOut("b", word, "membership", word),),
        handshake=Handshake("accuracy", 0.9, 0.8, (100, 100), 0.5, concerns=(concern,), unchecked=(word,)),
    )


def compared(word):
    """A comparison of defences, likewise."""
    cell = Cell(Reading(0.7, 0.6, 0.8), Reading(0.4, 0.2, 0.6), "leak", word, "membership")
    row = MatrixRow(word, (word,), Reading(0.9, 0.8, 1.0), 1.0, (cell,))
    column = MatrixColumn("loss", "auc", "", word, "membership")
    return Matrix(word, "accuracy", (column,), (row, replace(row, failed=word)))


class Structure(HTMLParser):
    """The elements of a page, and their attributes' names: all that is not text."""

    def __init__(self, page):
        super().__init__()
        self.found, self.scripts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag):
        self.found.append(("/", tag))

    def handle_comment(self, data):
        self.found.append(("comment",))

    def handle_data(self, data):
        if self.found and self.found[-1][0] == "script":
            self.scripts.append(data)


CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
PAGES = {
    "report": lambda run, word: html.render(said(run.result, word)),
    "decision": lambda run, word: html.render_decision(said(run.result, word)),
    "defences": lambda run, word: matrices.render(compared(word)),
    "notebook": lambda run, word: as_html(said(run.result, word), word),
}


@pytest.mark.parametrize("page", PAGES)
@settings(max_examples=6, deadline=None)
@given(word=WORDS)
def test_no_word_adds_an_element_to_a_page(run, page, word):
    made, plain = PAGES[page](run, word), PAGES[page](run, "plain")
    assert Structure(made).found == Structure(plain).found
    assert not CONTROL.search(made.partition("</style>")[2] or made)
    for script in Structure(made).scripts[:-3]:
        assert "<" not in script
        json.loads(script)


def counts(text):
    """What a reader of Markdown makes of a text: its lines, and what begins something."""
    starts = [re.match(r"\s*(#+ |\||- |\d+\. |>|```|\*\*)?", line)[1] or "" for line in text.splitlines()]
    live = len(re.findall(r"<[A-Za-z/!?]", text)), len(re.findall(r"(?<!\\)\]\(", text))
    return starts, live


@pytest.mark.parametrize(
    "render", [markdown.render, markdown.render_decision, model_card.render], ids=["report", "decision", "card"]
)
@settings(max_examples=25, deadline=None)
@given(word=WORDS)
def test_no_word_forges_markdown(run, render, word):
    made = render(said(run.result, word))
    assert counts(made) == counts(render(said(run.result, "plain"))) and not CONTROL.search(made)


@settings(max_examples=25, deadline=None)
@given(word=WORDS)
def test_no_word_forges_a_table_of_defences(word):
    made = matrices.markdown(compared(word))
    assert counts(made) == counts(matrices.markdown(compared("plain"))) and not CONTROL.search(made)
    pipes = [len(re.findall(r"(?<!\\)\|", line)) for line in made.splitlines() if line.startswith("|")]
    assert len(set(pipes)) == 1


@settings(max_examples=25, deadline=None)
@given(word=WORDS)
def test_no_word_breaks_what_machines_read(run, word):
    result = said(run.result, word)
    found = ElementTree.fromstring(junit.render(result, result.findings, {word: [word]}))
    plain = ElementTree.fromstring(junit.render(said(run.result, "p"), result.findings, {"p": ["p"]}))
    assert [e.tag for e in found.iter()] == [e.tag for e in plain.iter()]
    written = sarif.render(result)
    assert written.isascii() and len(json.loads(written)["runs"][0]["results"]) == len(result.findings)
    if not CONTROL.search(word):
        json.loads(json_of(result))


@settings(max_examples=25, deadline=None)
@given(word=st.one_of(WORDS, LATE))
def test_no_word_is_a_formula(word):
    word = word.replace("\ud800", "")  # a data frame cannot hold it
    made = csv_of(pd.DataFrame({"row": [-1.5, 2.0], word: [word, f"\t{word}"]}))
    rows = list(csv.reader(io.StringIO(made, newline="")))
    assert len(rows) == 3 and all(len(row) == 2 for row in rows) and rows[1][0] == "-1.5"
    assert not any(cell[:1] in tuple("=+-@\t\r\n") for row in rows for cell in row[1:] if cell)
    assert not CONTROL.search(made)


@settings(max_examples=25, deadline=None)
@given(word=WORDS)
def test_no_word_moves_the_terminal(run, word):
    def shown(text):
        result = said(run.result, text)
        with screen.out.capture() as captured:
            screen.show_summary(result, text, Path("run"))
            screen.show_handshake(result.handshake)
            for outcome in result.outcomes:
                screen.out.print(screen._line(outcome), soft_wrap=True)
        return captured.get()

    made = shown(word)
    table = screen.table("what", "why")
    table.add_row(screen.one_line(word), screen.one_line(word))
    with screen.out.capture() as captured:
        screen.out.print(table)
    assert not CONTROL.search(captured.get())
    assert not CONTROL.search(made)
    heads = [line[:2] for line in made.splitlines() if line[:2] in ("▲ ", "○ ", "✕ ", "! ")]
    assert heads == [line[:2] for line in shown("plain").splitlines() if line[:2] in ("▲ ", "○ ", "✕ ", "! ")]
    assert not CONTROL.search(as_text(run.result if word == "q" else said(run.result, word), "run").replace("\n", ""))


def test_an_error_without_end_is_cut(capsys):
    with screen.err.capture() as captured:
        screen.complain("a\x1b[31m\nb" * 1_000_000)
    assert len(captured.get()) < 5_000 and "\x1b" not in captured.get()


def test_names_are_printed_as_they_are():
    with screen.out.capture() as captured:
        screen.out.print("fraud [/bold] v2 :smile: <b> 東京 – ▲", soft_wrap=True)
    assert captured.get() == "fraud [/bold] v2 :smile: <b> 東京 – ▲\n"
    assert plain_markdown("share(age < 30) of `x`, a|b, 1.5 - 2") == "share(age < 30) of `x`, a|b, 1.5 - 2"
    assert json.loads(for_script(json.dumps("a <b>c</b> & d<br>e"))) == "a &lt;b>c&lt;/b> & d<br>e"


BREAKS_OUT = [word for word in ATTACKS_ON_READERS if "\ud800" not in word]


@pytest.mark.parametrize("kind", ["report", "decision", "defences"])
def test_in_a_browser_nothing_runs_and_nothing_is_hidden(browser, run, kind, tmp_path):
    """Also where a hostile element gets into the page after all: its policy stops what escaping would have to miss."""
    texts = {}
    for name, word in (("plain", "plain"), ("hostile", " ".join(BREAKS_OUT))):
        file = tmp_path / f"{name}.html"
        file.write_text(PAGES[kind](run, word), encoding="utf-8")
        page = browser.new_page()
        complaints, requests = [], []
        page.on("console", lambda m, seen=complaints: seen.append(m.text) if m.type in ("error", "warning") else None)
        page.on("request", lambda r, seen=requests: seen.append(r.url))
        page.goto(file.as_uri())
        page.wait_for_timeout(150)
        assert page.evaluate("window.owned") is None and complaints == []
        assert all(url.startswith(("file:", "data:")) for url in requests)
        visible = "es => es.filter(e => e.checkVisibility()).map(e => e.tagName + (e.id || ''))"
        texts[name] = page.locator("section, h1, h2, h3, footer").evaluate_all(visible)
        page.close()
    assert texts["hostile"] == texts["plain"] and len(texts["plain"]) > 3


def test_in_a_browser_the_policy_stops_what_was_put_into_a_page(browser, run, tmp_path):
    page_text = html.render(run.result)
    smuggled = (
        "<script>window.owned=1</script><img src=x onerror='window.owned=1'><style>main{display:none}</style>"
        "<p id=styled style='display:none'>seen</p><iframe srcdoc='<script>parent.owned=1</script>'></iframe>"
        "<img src='http://127.0.0.1:9/a.png'>"
    )
    file = tmp_path / "page.html"
    file.write_text(page_text.replace("<main>", f"<main>{smuggled}"), encoding="utf-8")
    page = browser.new_page()
    failed, requests = [], []
    page.on("console", lambda m: failed.append(m.text) if m.type == "error" else None)
    page.on("requestfinished", lambda r: requests.append(r.url))
    page.goto(file.as_uri())
    page.wait_for_timeout(150)
    assert page.evaluate("window.owned") is None
    assert page.locator("main").is_visible() and page.locator("#styled").is_visible()
    assert sum("Content Security Policy" in text for text in failed) >= 5
    assert not any("127.0.0.1" in url for url in requests)
    page.close()
