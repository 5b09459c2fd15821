"""The table of papers: complete, without duplicates, tied to what is implemented."""

import csv
import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from divulge.catalog.attacks import attack_class, table
from divulge.catalog.defenses import DEFENSES, defense_card
from divulge.catalog.papers import FAMILIES, PAPERS
from divulge.catalog.search import (
    NO_PAPERS,
    coverage,
    implementing,
    per_attack_type,
    per_task,
    per_year,
    search,
)
from divulge.cli.app import app
from divulge.core.errors import InputError

LISTED = {
    "membership": 64,
    "reconstruction": 65,
    "property": 12,
    "extraction": 59,
    "survey": 11,
    "tool": 5,
    "other": 21,
}
"""Entries of the public list, counted in it."""


def plain(text):
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def test_the_table_holds_the_public_list_entry_by_entry():
    counts = Counter()
    for paper in PAPERS.values():
        counts[paper.family] += paper.listed
    assert {family: n for family, n in counts.items() if n} == LISTED
    assert len(PAPERS) >= 235


@pytest.mark.skipif("DIVULGE_DATA" not in os.environ, reason="needs the folder of the data, DIVULGE_DATA")
def test_every_title_of_the_public_list_is_in_the_table():
    path = Path(os.environ["DIVULGE_DATA"]).parent / "catalog" / "papers.tsv"
    if not path.is_file():
        pytest.skip(f"no list at {path}")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    links = {link for paper in PAPERS.values() for link in (paper.link, *paper.also)}
    arxiv = {m for link in links for m in re.findall(r"arxiv\.org/\w+/(\d{4}\.\d{4,5})", link)}
    lost = [
        row["title"]
        for row in rows
        if row["url"] not in links and not set(re.findall(r"(\d{4}\.\d{4,5})", row["url"])) & arxiv
    ]
    assert lost == []
    assert Counter(row["family"] for row in rows) == LISTED


def test_no_paper_is_there_twice():
    for texts in ([plain(p.title) for p in PAPERS.values()], [p.link.lower() for p in PAPERS.values()]):
        assert [text for text, times in Counter(texts).items() if times > 1] == []
    numbers = Counter(
        number for p in PAPERS.values() for number in set(re.findall(r"arxiv\.org/\w+/(\d{4}\.\d{4,5})", p.link))
    )
    assert [n for n, times in numbers.items() if times > 1] == []


@pytest.mark.parametrize("paper", PAPERS.values(), ids=lambda p: p.key)
def test_a_paper_has_what_a_reader_needs(paper):
    for link in (paper.link, *paper.also, *([paper.code] if paper.code else [])):
        assert re.fullmatch(r"https?://[a-z0-9.-]+\.[a-z]{2,}(/\S*)?", link), link
    assert paper.family in FAMILIES and paper.title.strip() == paper.title and paper.title
    assert re.fullmatch(r"[a-z]+(\d{4})?[a-j]?", paper.key)
    assert paper.year is None or 2000 < paper.year <= 2026


def test_every_attack_and_defence_points_to_a_paper():
    for name in table():
        assert attack_class(name).card.paper in PAPERS, name
    for name in DEFENSES:
        assert defense_card(name).paper in PAPERS, name


def test_at_least_45_papers_are_implemented_and_counted_once():
    done = implementing()
    real = [key for key in done if PAPERS[key].family not in NO_PAPERS]
    assert len(real) >= 45
    assert sum(row.implemented for row in coverage()) == len(real)
    assert {row.family: row.listed for row in coverage() if row.listed} == LISTED
    assert sum(row.papers for row in coverage()) == len(PAPERS)
    lira = {"generator_lira", "lira", "lira_augmented", "lira_offline", "text_lira", "token_lira"}
    assert set(done["carlini2022"]) == lira


def test_the_surveys_table_says_what_it_is_unsure_of():
    surveyed = [p.surveyed for p in PAPERS.values() if p.surveyed]
    assert len(surveyed) == len({s.ref for s in surveyed}) == 42
    gan = PAPERS["melis2019"].surveyed
    assert gan.attacks == ("property", "membership") and gan.unsure == ("attacks",) and gan.timing == ("training",)
    assert sum(s.timing == ("inference",) for s in surveyed) == 37  # as the survey's text counts
    types = per_attack_type()
    assert sum(sure + unsure for sure, unsure in types.values()) == sum(len(s.attacks) for s in surveyed)
    assert set(types) == {"membership", "reconstruction", "property", "extraction"}
    assert next(iter(per_task())) == "multi-class classification"
    papers = [p for p in PAPERS.values() if p.year and p.family not in NO_PAPERS]
    assert sum(sum(of.values()) for of in per_year().values()) == len(papers)


def test_search_filters():
    assert [p.key for p in search(["yeom", "overfitting"])] == ["yeom2018"]
    assert {p.year for p in search(family="property", years=(2018, 2019))} == {2018, 2019}
    assert all("regression" in " ".join(p.surveyed.tasks) for p in search(task="regression"))
    assert search(access="wb") and search(["no", "such", "paper"]) == []
    assert "melis2019" in [p.key for p in search(family="membership")]  # the survey counts it there, too
    with pytest.raises(InputError, match="choose from membership"):
        search(family="leaks")


def test_the_command_searches_and_draws(tmp_path):
    run = CliRunner()
    found = json.loads(run.invoke(app, ["papers", "first principles", "--implemented", "--json"]).stdout)
    assert [paper["key"] for paper in found] == ["carlini2022"] and "lira" in found[0]["implemented_by"]
    listed = run.invoke(app, ["papers", "--implemented"]).stdout
    assert "entries of the list" in listed
    picture = tmp_path / "papers.svg"
    assert run.invoke(app, ["papers", "--figure", str(picture)]).exit_code == 0
    svg = picture.read_text()
    assert svg.startswith("<svg") and "multi-class classification 31" in svg and ">2020<" in svg
    assert run.invoke(app, ["papers", "--year", "twenty"]).exit_code == 2
