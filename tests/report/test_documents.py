"""What a report says, in every format."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

import divulge
from divulge.core.results.finding import Verdict
from divulge.report import limits, words
from divulge.report.drawing import asset
from divulge.report.formats import html, markdown, sarif

HERE = Path(__file__).parent


@pytest.fixture(params=["leak", "quiet", "invalid"])
def run(request):
    return request.getfixturevalue(request.param)


def text_of(page):
    page = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_verdicts_are_what_they_should_be(leak, quiet, invalid):
    assert (leak.verdict, quiet.verdict, invalid.verdict) == (Verdict.LEAK, Verdict.NOT_FOUND, Verdict.INVALID)


def test_no_report_promises_anything(run):
    for text in (text_of(html.render(run.result)), markdown.render(run.result)):
        assert not re.search(r"\b(safe|private|anonymous|anonymi[sz]ed|secure)\b", text, re.I)
        assert "lower bound" in text


def test_the_report_has_verdict_need_and_certainty(run):
    page = text_of(html.render(run.result))
    assert words.headline(run.result) in page
    assert "Who the attacker is" in page and "How sure this is" in page and "What was not tried" in page


def test_a_page_is_one_file_below_three_megabytes(run):
    page = html.render(run.result)
    assert len(page.encode()) < 3_000_000
    without_library = page.replace(asset("plotly-basic.min.js"), "")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", without_library)


class Tags(HTMLParser):
    VOID = frozenset({"meta", "link", "br", "img", "input", "rect", "circle", "path", "line"})

    def __init__(self):
        super().__init__()
        self.open, self.ids = [], []

    def handle_starttag(self, tag, attributes):
        self.ids += [v for k, v in attributes if k == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_well_formed_and_every_link_leads_somewhere(run):
    page = html.render(run.result)
    tags = Tags()
    tags.feed(page)
    assert tags.open == [] and len(tags.ids) == len(set(tags.ids))
    for target in re.findall(r'href="#([\w-]+)"', page):
        assert target in tags.ids


def test_names_are_escaped(leak):
    page = html.render(leak.result)
    assert "A &lt;leaky&gt; &amp; old tree" in page and "<leaky>" not in page


def test_a_leak_names_the_records_and_an_invalid_run_does_not(leak, invalid):
    assert leak.result.at_risk and "What is remarkable about it" in html.render(leak.result)
    assert "Not listed: the sets differ" in html.render(invalid.result)


def test_sarif_is_valid_and_fails_for_leaks_only(run):
    document = json.loads(sarif.render(run.result))
    schema = json.loads((HERE / "sarif-2.1.0.json").read_text())
    jsonschema.Draft4Validator(schema).validate(document)
    results = document["runs"][0]["results"]
    assert len(results) == len(run.findings)
    failing = [r for r in results if r["kind"] == "fail"]
    assert len(failing) == len(run.result.leaks())
    assert all(r["level"] == "error" for r in failing)


def test_sarif_tells_of_attacks_that_could_not_run(tmp_path, halves, careful_model):
    x, y, u, v = halves
    run = divulge.audit(careful_model, (x, y), (u, v), threat="label-only", out=tmp_path / "r")
    document = json.loads(sarif.render(run.result))
    notes = document["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert any("sees only labels" in n["message"]["text"] for n in notes)


def test_json_is_complete(run, tmp_path):
    content = json.loads(run.report(tmp_path / "r.json").read_text())
    assert content["complete"] is True and content["facts"]["schema_version"] == 2
    assert len(content["findings"]) == len(run.findings)


def test_markdown_tables_have_as_many_cells_as_heads(run):
    tables = re.findall(r"(?:^\|.*\n)+", markdown.render(run.result), re.M)
    assert len(tables) >= 3
    for table in tables:
        rows = table.strip().splitlines()
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1 and len(rows) > 2


def test_equal_reasons_stand_once(leak):
    listed = limits.unmeasured(leak.result)
    assert len(listed) == len(set(listed)) <= 6
