"""The README's and the documentation's examples run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests import forked
from tests.house.pages import PAGES, README, ROOT, blocks, said


def test_the_ten_lines(workplace):
    (example,) = blocks(README, "python")
    assert len(example.strip().splitlines()) <= 11
    fewer = example.replace("max_depth=8", "max_depth=8, n_estimators=20")  # a fifth of the trees for each model
    assert fewer != example
    done = forked.run(["-c", fewer])
    assert done.returncode == 0, done.stderr
    assert (workplace / "report.html").stat().st_size > 100_000


@pytest.mark.parametrize("name", ["sklearn", "torch"])
def test_the_audit_files(workplace, name):
    done = forked.run(["-m", "divulge.cli.app", "audit", f"{name}.yaml"])
    assert done.returncode in (0, 1), done.stderr
    (findings,) = Path("divulge-runs").glob("*/findings.json")
    content = json.loads(findings.read_text())
    assert content["complete"] and content["verdict"] in ("leak", "not found")


def test_the_example_attack(tmp_path, halves, careful_model):
    import divulge

    example = blocks((ROOT / "docs" / "adding-an-attack.md").read_text(), "python")[0]
    path = tmp_path / "top_score.py"
    path.write_text(example)
    sys.path.insert(0, str(tmp_path))
    try:
        from top_score import TopScore  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(tmp_path))
    x, y, u, v = halves
    run = divulge.audit(careful_model, (x, y), (u, v), attacks=[TopScore()], out=tmp_path / "r")
    assert {f.attack for f in run.findings} == {"top_score"}


def test_the_test_in_the_page_on_decisions_passes(tmp_path):
    (example,) = blocks((ROOT / "docs" / "decision.md").read_text(), "python")
    (tmp_path / "test_model.py").write_text(example)
    done = forked.run(["-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=tmp_path)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


@pytest.mark.parametrize(
    "page", ["extraction", "language", "networks", "property", "reconstruction", "synthetic", "worst-record"]
)
def test_the_python_of_a_page_runs(tmp_path, page):
    (example,) = blocks((ROOT / "docs" / f"{page}.md").read_text(), "python")
    done = forked.run(["-c", example], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "NOT_MEASURABLE" not in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_yaml_of_a_page_is_an_audit_file_or_a_part_of_one(page):
    from divulge.setup.audit_file import AuditFile

    least = {"target": {"kind": "sklearn", "path": "m.joblib"}, "data": {"members": "a.csv", "nonmembers": "b.csv"}}
    for block in blocks(page.read_text(), "yaml"):
        AuditFile.model_validate(least | yaml.safe_load(block))


def test_commands_that_the_pages_speak_of_exist():
    """Every `divulge VERB --option` in a page is one that the command knows."""
    from typer.main import get_command

    from divulge.cli.app import app

    known = get_command(app).commands  # type: ignore[attr-defined]
    lines = [(page, line) for page in PAGES for line in said(page)]
    assert len(lines) > 40
    for page, line in lines:
        command, *words = line.split()
        here = known.get(command)
        assert here is not None, f"{page.name}: divulge {line}"
        if words and words[0] in getattr(here, "commands", {}):
            here = here.commands[words[0]]
        options = {option for parameter in here.params for option in parameter.opts} | {"--help"}
        for word in words:
            if word == "&&":
                break
            assert not word.startswith("--") or word.split("=")[0] in options, f"{page.name}: divulge {line}"


def test_the_site_builds(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    reference = (tmp_path / "site" / "api" / "index.html").read_text()
    assert "nonmembers" in reference and "Raises InputError" in reference
    assert len(list((tmp_path / "site" / "tutorials").iterdir())) == 4


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_attack_and_every_benchmark_is_documented():
    from divulge.catalog.attacks import ATTACKS

    pages = "".join(p.read_text() for p in PAGES)
    assert [name for name in ATTACKS if f"`{name}`" not in pages] == []
    commands = {p.name for p in (ROOT / "benchmarks").glob("*.py")} - {"harness.py", "seeded.py"}
    assert [name for name in commands if f"benchmarks/{name}" not in pages] == []
