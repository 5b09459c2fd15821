"""In what an attack is not as its paper has it is printed by the command and stands in the pages."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from divulge.catalog.attacks import ATTACKS, cards
from divulge.cli.app import app
from divulge.core.threat import Family
from tests.house.pages import ROOT

UNLIKE = [card for card in cards() if card.differs]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("card", UNLIKE, ids=lambda card: card.name)
def test_the_command_and_the_page_say_it(card):
    out = CliRunner().invoke(app, ["attacks", card.name]).output
    assert f"unlike the paper {card.differs}" in squeezed(out)
    if card.family is Family.MEMBERSHIP:
        page = "language" if ".language" in ATTACKS[card.name] else "membership"
    else:
        page = card.family.value
    assert f"| `{card.name}` | {card.differs} |" in (ROOT / "docs" / f"{page}.md").read_text()


def test_of_others_nothing_is_said():
    named = {card.name for card in UNLIKE}
    assert {"gmi", "ked_mi", "brep_mi", "plug_and_play", "grad_inversion", "kkt", "knockoff_adaptive"} <= named
    out = squeezed(CliRunner().invoke(app, ["attacks", "loss"]).output)
    assert "unlike the paper nothing that is known" in out and "Yeom et al. 2018" in out
    pages = "".join((ROOT / "docs" / f"{page}.md").read_text() for page in ("reconstruction", "extraction"))
    tables = pages.count("## Unlike the papers")
    assert tables == 2 and "| `idlg` | " not in pages.split("## Unlike the papers")[1].split("## ")[0]


def test_json_has_it():
    (listed,) = json.loads(CliRunner().invoke(app, ["attacks", "kkt", "--json"]).output)
    assert listed["differs"].startswith("records are kept in range") and listed["equations"] == "equation 7"


def test_an_unknown_name_is_one_line():
    done = CliRunner().invoke(app, ["attacks", "gmy"])
    assert done.exit_code == 2 and "did you mean 'gmi'" in done.output
