"""A stranger's package is installed, and adds one of everything to an audit without an edit of divulge."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

PLUGIN = Path(__file__).parent.parent / "plugin"


def install(source, folder):
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", folder, source],
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "plugin"
    shutil.copytree(PLUGIN, source, ignore=shutil.ignore_patterns("__pycache__"))
    install(source, folder)
    return folder


def run(installed, *arguments, cwd=None):
    path = os.pathsep.join(filter(None, [str(installed), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        cwd=cwd,
    )


def divulge(installed, *arguments, cwd=None):
    return run(installed, "-m", "divulge.cli.app", *arguments, cwd=cwd)


def sequences(rng, count, seen):
    """Different sequences with labels by a fair coin, so that only memory tells a label."""
    events = ("arrive", "wait", "talk", "pay", "leave")
    found = []
    while len(found) < count:
        visit = tuple(map(str, rng.choice(events, rng.integers(4, 12))))
        if visit not in seen:
            seen.add(visit)
            found.append((visit, int(rng.random() < 0.5)))
    return found


@pytest.fixture(scope="module")
def audited(installed, tmp_path_factory):
    """The folder of an audit file that names something of every kind, and of what became of it."""
    folder, rng, seen = tmp_path_factory.mktemp("audit"), np.random.default_rng(0), set()
    for name in ("members", "nonmembers", "population"):
        rows = sequences(rng, 150, seen)
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps({"events": v, "y": y}) for v, y in rows))
        if name == "members":
            known = {" ".join(visit): label for visit, label in rows}
            (folder / "model.json").write_text(json.dumps({"classes": 2, "known": known}))
    (folder / "audit.yaml").write_text(
        textwrap.dedent("""
            target: {kind: lookup, path: model.json, settings: {certainty: 0.95}}
            data: {members: members.jsonl, nonmembers: nonmembers.jsonl, population: population.jsonl, classes: [0, 1]}
            attacks: [{first_feature: {sign: -1}}, loss, answered_label]
            defenses: [{capped: {at: 0.85}}]
        """)
    )
    done = divulge(installed, "audit", "audit.yaml", cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    (run_folder,) = (path for path in (folder / "divulge-runs").iterdir() if path.is_dir())
    return folder, run_folder, json.loads((run_folder / "findings.json").read_text())


def found(audited, attack, metric):
    return next(f for f in audited[2]["findings"] if (f["attack"], f["metric"]) == (attack, metric))


def test_it_is_listed(installed):
    listed = json.loads(divulge(installed, "attacks", "--json").stdout)
    assert next(a for a in listed if a["name"] == "first_feature")["title"] == "First feature"


def test_a_target_kind_and_a_data_kind_are_audited_from_a_file(audited):
    loss = found(audited, "loss", "auc")
    assert loss["verdict"] == "leak" and loss["value"] > 0.9


def test_numbers_of_records_of_an_announced_kind_do_not_tell_members_apart(audited):
    assert found(audited, "first_feature", "auc")["verdict"] == "not found"


def test_a_challenge_with_its_game_and_metric_is_judged_like_ours(audited):
    label = found(audited, "answered_label", "labels_inferred")
    assert label["verdict"] == "leak" and label["value"] == 1.0 and label["threshold"] == 0.05
    assert 0.4 < label["baseline"] < 0.6


def test_a_defence_stands_before_the_model(audited):
    assert "capped" in json.loads((audited[1] / "run.json").read_text())["target"]["name"]


def test_a_section_and_the_metric_stand_in_the_report(audited):
    report = (audited[1] / "report.html").read_text()
    assert "How many attempts were made" in report and "3 attacks were measured" in report
    assert "Training labels inferred, better than by guessing" in report


def test_python_recognizes_target_and_records_and_plays_both_controls(installed, tmp_path):
    """The model is an object of the package's class without a `predict`, the records a list of tuples."""
    script = """
        import numpy as np
        import divulge
        from divulge_visits.lookup import train

        rng, seen = np.random.default_rng(1), set()
        sets = []
        for size in (100, 100, 100):
            visits, labels = zip(*sequences(rng, size, seen))
            sets.append((list(visits), np.array(labels)))
        model = train(*sets[0], seed=0)
        options = {"recipe": train, "classes": [0, 1], "attacks": ["answered_label"], "progress": None}
        run = divulge.audit(model, *sets, out="run", **options)
        (finding,) = run.findings
        assert finding.verdict is divulge.Verdict.LEAK and finding.value == 1.0, finding
        assert 0.3 < finding.control < finding.positive_control < 0.7, finding  # it remembers an eighth
    """
    done = run(installed, "-c", inspect.getsource(sequences) + textwrap.dedent(script), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def rival(tmp_path, group, point, module="", name="divulge-rival"):
    """A folder with a second package that announces one more thing; it is a .dist-info and a module."""
    folder = tmp_path / name
    info = folder / f"{name.replace('-', '_')}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{point}\n")
    (folder / "rival.py").write_text(module)
    return folder


CLASHES = {
    "divulge.attacks": ("lira = rival:x", "announces 'lira' as divulge.attacks"),
    "divulge.defenses": ("rounding = rival:x", "announces 'rounding' as divulge.defenses"),
    "divulge.targets": ("sklearn = rival:x", "announces 'sklearn' as divulge.targets"),
    "divulge.data_kinds": ("table = rival:x", "announces 'table' as divulge.data_kinds"),
    "divulge.metrics": ("auc = rival:x", "announces 'auc' as divulge.metrics"),
    "divulge.report_sections": ("verdict = rival:x", "announces 'verdict' as divulge.report_sections"),
    "divulge.challenges": ("x = rival:SPEC", "is a challenge that there is already: who was in the training data"),
}
RIVAL = "from divulge.auditing.challenges.membership import MEMBERSHIP as SPEC\nx = 1\n"


def checked(folder):
    return run(folder, "-c", "from divulge.setup.extensions import refuse_unusable; refuse_unusable()")


@pytest.mark.parametrize("group", CLASHES)
def test_a_name_of_ours_is_refused_with_package_and_name(tmp_path, group):
    point, reason = CLASHES[group]
    done = checked(rival(tmp_path, group, point, RIVAL))
    assert done.returncode == 1 and "InputError" in done.stderr
    assert "package divulge-rival announces" in done.stderr and reason in done.stderr


@pytest.mark.parametrize("group", sorted(set(CLASHES) - {"divulge.attacks", "divulge.defenses"}))
@pytest.mark.parametrize(
    ("point", "reason"),
    [("fresh = no_such_room:x", "cannot be loaded: ModuleNotFoundError"), ("fresh = rival:x", "is no ")],
)
def test_what_cannot_be_loaded_is_named(tmp_path, group, point, reason):
    done = checked(rival(tmp_path, group, point, RIVAL))
    assert "InputError" in done.stderr and reason in done.stderr
    assert "'fresh'" in done.stderr and "the package divulge-rival announces" in done.stderr


@pytest.mark.parametrize(
    "call",
    ["catalog.attacks import attack as make", "catalog.defenses import defense as make"],
    ids=["attack", "defense"],
)
def test_an_attack_or_a_defence_that_cannot_be_loaded_is_named_where_it_is_used(tmp_path, call):
    group = "divulge.attacks" if "attacks" in call else "divulge.defenses"
    for point, reason in (("fresh = no_such_room:x", "cannot be loaded"), ("fresh = rival:x", "is no type")):
        folder = rival(tmp_path / reason[-4:], group, point, RIVAL)
        done = run(folder, "-c", f"from divulge.{call}; make('fresh')")
        assert "InputError" in done.stderr and "package divulge-rival" in done.stderr and reason in done.stderr


def test_two_packages_of_one_name_are_both_named(installed, tmp_path):
    folder = rival(tmp_path, "divulge.targets", "lookup = rival:x", RIVAL)
    done = checked(f"{folder}{os.pathsep}{installed}")
    assert "the packages divulge-visits and divulge-rival both announce 'lookup'" in done.stderr


def test_an_audit_is_refused_before_anything_is_loaded(tmp_path):
    folder = rival(tmp_path, "divulge.metrics", "auc = rival:x", RIVAL)
    (tmp_path / "audit.yaml").write_text(
        "target: {kind: sklearn, path: m.joblib}\ndata: {members: a.csv, nonmembers: b.csv}"
    )
    done = divulge(folder, "audit", "audit.yaml", cwd=tmp_path)
    assert done.returncode == 2 and "the package divulge-rival announces 'auc'" in " ".join(done.stderr.split())


def test_the_conformance_suite_passes_on_the_package(installed):
    """Its challenge too: an attack on it is played with both controls."""
    script = """
        from divulge import testing
        from divulge_visits.answered_label import AnsweredLabel
        print(testing.check_package("divulge-visits"))
        measured = testing.check_attack(AnsweredLabel())
        assert measured.target[0].value > 0.95, measured
    """
    done = run(installed, "-c", textwrap.dedent(script))
    assert done.returncode == 0, done.stderr
    assert "'divulge.challenges': ['training_label']" in done.stdout and done.stdout.count("divulge.") == 7
