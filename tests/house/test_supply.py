"""What divulge is delivered as, and with what: the same wheel twice, its bill of materials, the licences, the pins."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
EPOCH = "1700000000"


def tool(name):
    """A script of .ci as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tools():
    pytest.importorskip("cyclonedx")
    found = {name: tool(name) for name in ("dependencies", "licenses", "bom")}
    yield found
    for name in found:
        sys.modules.pop(name)


def built(source, into):
    """The wheel of a checkout."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)],
        cwd=source, env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH}, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = into.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, so that nothing is written into the checkout."""
    folder = tmp_path_factory.mktemp("one")
    copied(folder / "source")
    return built(folder / "source", folder / "dist")


def copied(folder):
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"):
        shutil.copyfile(ROOT / name, folder / name)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))


def test_the_same_source_makes_the_same_wheel_anywhere_and_at_any_time(wheel, tmp_path):
    copied(tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere").rglob("*"):
        os.utime(path, (1, 1))
    again = built(tmp_path / "elsewhere", tmp_path / "dist")
    assert again.read_bytes() == wheel.read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert "divulge/cli/app.py" in names and not [name for name in names if name.endswith(".pyc")]
        assert {info.date_time[0] for info in archive.infolist()} == {2023}


def test_the_bill_of_materials_names_the_wheel_and_what_it_needs(wheel, tools, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    text = tools["bom"].bom_of(wheel)
    assert text == tools["bom"].bom_of(wheel)
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["timestamp"].startswith("2023-11-14T22:13:20")
    (checksum,) = bill["metadata"]["component"]["hashes"]
    assert len(checksum["content"]) == 64
    parts = {part["name"]: part for part in bill["components"]}
    assert parts["numpy"]["scope"] == "required" and parts["numpy"]["version"] and parts["numpy"]["licenses"]
    assert parts["torch"]["scope"] == "optional"
    graph = {node["ref"]: node.get("dependsOn", []) for node in bill["dependencies"]}
    root = bill["metadata"]["component"]["bom-ref"]
    assert parts["pydantic"]["bom-ref"] in graph[root]
    assert parts["pydantic-core"]["bom-ref"] in graph[parts["pydantic"]["bom-ref"]]


def test_the_licenses_of_all_dependencies_are_known_and_allowed(tools):
    packages = tools["dependencies"].dependencies()
    assert {"numpy", "pydantic-core", "torch"} <= packages.keys()
    assert not packages["numpy"].extra and packages["torch"].extra
    assert tools["licenses"].refused(packages) == []


@pytest.mark.parametrize(
    ("expression", "extra", "may"),
    (
        ("MIT", False, True),
        ("MIT AND GPL-3.0-only", True, False),
        ("MIT OR GPL-3.0-only", False, True),
        ("Apache-2.0 WITH LLVM-exception", False, True),
        ("LGPL-3.0-only", False, False),
        ("LGPL-3.0-only", True, True),
        ("AGPL-3.0-or-later", True, False),
        ("Some License", True, False),
        ("", True, False),
    ),
)
def test_a_license_that_is_not_allowed_is_found(tools, expression, extra, may):
    assert tools["licenses"].allowed(expression, extra) is may


def test_actions_of_others_are_pinned_by_digest():
    for path in (ROOT / "action.yml", ROOT / "docs" / "examples" / "divulge.yml"):
        used = re.findall(r"uses: ([^\s#]+)", path.read_text())
        foreign = [each for each in used if not each.startswith("./")]
        assert foreign and all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each) for each in foreign)
