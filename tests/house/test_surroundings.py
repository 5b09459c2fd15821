"""What lies around the code: licences in what is shipped, the pages of the root, the map of the house."""

from __future__ import annotations

import re
import tarfile
import tomllib
import zipfile

import pytest
import yaml
from tests.house.pages import ROOT

import divulge
from divulge.catalog import former

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BUNDLE = "divulge/report/assets/plotly-basic.min.js"
LICENCE = "divulge/report/assets/LICENSE.plotly.txt"
FRONT = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "examples/README.md")
DESIGN = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_wheel_holds_every_licence(tmp_path):
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert {BUNDLE, LICENCE, "divulge/py.typed"} <= set(names)
        (own,) = (name for name in names if name.endswith("dist-info/licenses/LICENSE"))
        assert archive.read(own).decode("utf-8") == text_of("LICENSE")
        assert any(re.search(r"dist-info/licenses/.*LICENSE\.plotly\.txt$", name) for name in names)
        (metadata,) = (name for name in names if name.endswith("dist-info/METADATA"))
        told = archive.read(metadata).decode("utf-8")
    assert "License-Expression: Apache-2.0 AND MIT" in told and "Author: The divulge authors" in told


def test_the_source_archive_holds_every_licence(tmp_path):
    from hatchling.builders.sdist import SdistBuilder

    (archive,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(archive) as content:
        names = {name.partition("/")[2] for name in content.getnames()}
    assert {"LICENSE", f"src/{LICENCE}", f"src/{BUNDLE}", "CHANGELOG.md", "CITATION.cff"} <= names


def test_the_licence_of_the_bundle_is_the_one_that_the_bundle_names():
    head = (ROOT / "src" / BUNDLE).read_text(encoding="utf-8")[:300]
    licence = text_of(f"src/{LICENCE}")
    assert "plotly.js" in head and "Licensed under the MIT license" in head
    assert licence.startswith("MIT License") and "Plotly Technologies Inc." in licence and "WITHOUT WARRANTY" in licence


def test_whoever_cites_it_cites_this_version():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0" and citation["license"] == "Apache-2.0"
    assert citation["version"] == PROJECT["project"]["version"] == divulge.__version__
    assert citation["authors"] == PROJECT["project"]["authors"]


def test_changes_keep_their_form():
    text = text_of("CHANGELOG.md")
    first = re.search(r"^## (.*)$", text, re.M)
    assert first is not None and first[1] == "[Unreleased]"
    unreleased = text.split("\n## ")[1]
    kinds = re.findall(r"^### (.*)$", unreleased, re.M)
    assert kinds == ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    deprecated = unreleased.split("### Deprecated")[1].split("###")[0]
    assert all(f"divulge.{old}`" in deprecated for old in former.CLASSES), "every old name stands under Deprecated"


@pytest.mark.parametrize(("old", "new"), former.CLASSES.items())
def test_an_old_name_still_works_and_names_its_successor(old, new):
    with pytest.warns(DeprecationWarning, match=new):
        assert getattr(divulge, old) is getattr(divulge, new)


@pytest.mark.parametrize("name", FRONT)
def test_links_of_the_front_pages_lead_somewhere(name):
    page = ROOT / name
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text_of(name)):
        assert (page.parent / target).exists(), target


def test_what_contributing_points_to_is_there():
    text = text_of("CONTRIBUTING.md")
    paths = [p for p in re.findall(r"`((?:src|tests|docs)/[\w./]+)`", text) if "FAMILY" not in p]
    assert len(paths) > 20
    assert [p for p in paths if not (ROOT / p).exists()] == []
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.M))
    assert set(re.findall(r"`?make ([a-z]+)", text)) <= targets


def test_the_map_names_the_rooms_and_their_floors():
    (block,) = re.findall(r"## The house\n\n((?: {4}.*\n)+)", DESIGN)
    drawn = {m[1]: int(m[2]) for m in re.finditer(r"^ {4}(\w+)/ +(\d) ", block, re.M)}
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    floors = {room: floor for floor, layer in enumerate(reversed(layers)) for room in layer.split(" | ")}
    rooms = {path.parent.name for path in (ROOT / "src" / "divulge").glob("*/__init__.py")}
    files = {path.stem for path in (ROOT / "src" / "divulge").glob("*.py")}
    assert drawn == {room: floor for room, floor in floors.items() if room not in files} and set(drawn) == rooms


def test_eight_files_are_there_to_be_read_first():
    section = DESIGN.split("## Read these eight files first")[1].split("\n## ")[0]
    files = re.findall(r"^\d\. `([\w/]+\.py)`", section, re.M)
    assert len(files) == 8
    assert [name for name in files if not (ROOT / "src" / "divulge" / name).is_file()] == []


@pytest.mark.parametrize("name", ["bug", "wrong_verdict", "new_attack"])
def test_a_template_of_an_issue_can_be_filled_in(name):
    form = yaml.safe_load(text_of(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert form["name"] and form["description"]
    assert len({part["id"] for part in form["body"]}) == len(form["body"]) > 2
    for part in form["body"]:
        assert part["type"] in ("textarea", "input", "dropdown", "checkboxes") and part["attributes"]["label"]
        assert part["type"] not in ("dropdown", "checkboxes") or part["attributes"]["options"]
    assert any(part.get("validations", {}).get("required") for part in form["body"])


@pytest.mark.parametrize("name", [*FRONT[:5], "docs/audit-file.md", "docs/services.md", "docs/networks.md"])
def test_pip_lines_can_be_pasted_into_any_shell(name):
    """cmd.exe does not take single quotes for quotes."""
    assert [line for line in text_of(name).splitlines() if "pip install" in line and "'" in line] == []
