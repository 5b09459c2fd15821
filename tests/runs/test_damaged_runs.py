"""A run folder that was damaged, or comes from a stranger: one line that names it, exit code 2, and nothing is run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import divulge
from divulge.cli import app
from divulge.runs import index
from divulge.runs.files.whole_files import SUMS, content_of, put
from divulge.runs.find import new_folder, runs_in
from divulge.runs.folder import RunFolder

RNG = np.random.default_rng(0)
KEEP = (np.arange(200) < 100)[None]
SCORES = RNG.normal(size=(1, 200)) + 2 * KEEP


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs") / "run"
    divulge.audit(divulge.ScoreTable(None, SCORES, KEEP, np.zeros(200, int)), attacks=["loss"], out=place)
    return place


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def ended(*arguments, capsys):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["divulge", *map(str, arguments)])
        with pytest.raises(SystemExit) as code:
            app.main()
    said = capsys.readouterr()
    return code.value.code, said.err


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


DAMAGES = {
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "one bit flipped": flip,
    "garbage": lambda path: path.write_bytes(b"PAR1 and then nothing that makes sense"),
    "a number": lambda path: path.write_bytes(b"17"),
    "deep": lambda path: path.write_bytes(b"[" * 100_000),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "gone": lambda path: path.unlink(),
}
FILES = [
    *("run.json", "handshake.json", "baseline.json", "findings.json", "complete.json", "outcomes/loss.json"),
    *("evidence/loss.json", "evidence/loss.parquet"),
]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_readers_name_the_file_and_judge_nothing(name, damage, run, capsys):
    assert (run / name).is_file()
    DAMAGES[damage](run / name)
    if (name, damage) == ("complete.json", "gone"):
        assert ended("gate", run, capsys=capsys)[0] in (1, 3)  # as a run that was cut short
        return
    for command in (["report", run], ["gate", run], ["compare", run], ["gate", run, "--before", run]):
        code, said = ended(*command, capsys=capsys)
        assert code == 2 and said.startswith("divulge: ") and said.count("\n") == 1, (command, said)
        assert run.name in said and (name in said or damage in ("a folder", "gone")), said


def test_a_run_without_checksums_is_read_as_before_and_its_damage_is_one_line_too(run, capsys):
    (run / SUMS).unlink()
    assert ended("gate", run, capsys=capsys)[0] == 1
    for name in FILES[:3] + FILES[5:]:
        kept = (run / name).read_bytes()
        for damage in ("cut", "emptied", "garbage", "a number"):
            DAMAGES[damage](run / name)
            code, said = ended("report", run, capsys=capsys)
            assert code == 2 and said.count("\n") == 1 and "damaged" in said, (name, damage, said)
            (run / name).write_bytes(kept)
    for column, values in {"score": ["x"] * 200, "member": [2.0] * 200}.items():
        frame = RunFolder(run).scores("loss")
        frame.assign(**{column: values}).to_parquet(run / "evidence" / "loss.parquet")
        assert ended("report", run, capsys=capsys)[0] == 2
        frame.drop(columns=column).to_parquet(run / "evidence" / "loss.parquet")
        assert ended("report", run, capsys=capsys)[0] == 2
        frame.to_parquet(run / "evidence" / "loss.parquet")


def test_garbage_of_any_kind_in_a_stored_run_ends_in_one_line(run, capsys):
    (run / SUMS).unlink()
    rng = np.random.default_rng(3)
    odd = [None, -1, 1e308, "", "x" * 3000, [], {}, [1], True, "\x00", 10**30]

    def altered(value):
        if isinstance(value, dict) and value and rng.random() < 0.7:
            key = list(value)[rng.integers(len(value))]
            return value | {key: altered(value[key])}
        if isinstance(value, list) and value and rng.random() < 0.7:
            place = int(rng.integers(len(value)))
            return [*value[:place], altered(value[place]), *value[place + 1 :]]
        return odd[rng.integers(len(odd))]

    for name in ("run.json", "outcomes/loss.json", "evidence/loss.json", "handshake.json"):
        kept = (run / name).read_text()
        for _ in range(6):
            (run / name).write_text(json.dumps(altered(json.loads(kept))))
            for command in ("report", "gate"):
                code, said = ended(command, run, capsys=capsys)
                assert code in (0, 1, 2, 3) and "fault of divulge" not in said, (name, said)
                assert code != 2 or said.count("\n") == 1
        (run / name).write_text(kept)


def test_checksums_are_those_of_sha256sum(run):
    lines = dict(reversed(line.split("  ", 1)) for line in (run / SUMS).read_text().splitlines())
    if shutil.which("sha256sum"):
        (run / "last").write_text("".join(f"{digest}  {name}\n" for name, digest in lines.items()))
        subprocess.run(["sha256sum", "-c", "--quiet", "last"], cwd=run, check=True)
    assert {"run.json", "outcomes/loss.json", "evidence/loss.parquet"} <= set(lines)


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path):
    put(tmp_path, "a.json", b"1")
    with (tmp_path / SUMS).open("ab") as stream:
        stream.write(b"0123")  # the power went
    put(tmp_path, "b.json", b"2")
    assert content_of(tmp_path, tmp_path / "a.json") == b"1" and content_of(tmp_path, tmp_path / "b.json") == b"2"
    (tmp_path / "b.json").write_bytes(b"3")
    with pytest.raises(divulge.InputError, match=r"b\.json is damaged"):
        content_of(tmp_path, tmp_path / "b.json")


def test_checksums_name_nothing_outside_of_the_run(run, capsys):
    with (run / SUMS).open("a") as stream:
        stream.write(f"{'0' * 64}  ../../etc/passwd\n")
    code, said = ended("gate", run, capsys=capsys)
    assert code == 2 and "outside of the run" in said


def test_audits_of_one_second_have_a_folder_each(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_folder(tmp_path, "same"), range(40)))
    assert len(set(made)) == 40 and all(path.is_dir() for path in made)
    (tmp_path / "file").write_text("")
    with pytest.raises(divulge.InputError, match="is a file"):
        new_folder(tmp_path / "file", "same")
    assert len(new_folder(tmp_path, "x" * 1000).name) < 120


def test_a_run_is_never_put_over_another(run):
    facts, before = RunFolder(run).facts(), (run / "run.json").read_bytes()
    with pytest.raises(divulge.InputError, match="already holds a run"):
        RunFolder(run).create(facts)
    with pytest.raises(FileExistsError):
        put(run, "run.json", b"{}", new=True)
    assert (run / "run.json").read_bytes() == before and not list(run.glob("*.partial"))


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks there")
def test_two_processes_do_not_write_to_one_run(run):
    first, second = RunFolder(run), RunFolder(run)
    first.hold()
    with pytest.raises(divulge.InputError, match="another process"):
        second.hold()
    first.release()
    second.hold()
    second.release()


def test_a_damaged_index_is_made_again(run, capsys):
    file = run.parent / index.FILE
    file.write_bytes(b"no database" * 100)
    assert [each.folder for each in index.runs(run.parent)] == [run.name]
    index.enter(run)
    assert file.read_bytes().startswith(b"SQLite format 3")
    assert [(each.folder, each.updated != each.started) for each in index.runs(run.parent)] == [(run.name, True)]
    (run / "run.json").write_text("{")
    assert runs_in(run.parent) == [run]


LINKED = [
    "report.html",
    "decision.html",
    "card.md",
    "report.sarif",
    "junit.xml",
    "outcomes/other.json",
    "evidence/x.txt",
]


@pytest.mark.parametrize("name", LINKED)
def test_nothing_outside_of_a_run_is_written_or_read_by_a_link_in_it(name, run, tmp_path, capsys):
    outside = tmp_path / "precious.txt"
    outside.write_text("precious")
    (run / name).symlink_to(outside)
    pages = (("report", run), ("report", run, "--format", "sarif"), ("report", run, "--page", "card"), ("gate", run))
    for command in (*pages, ("report", run, "--page", "decision"), ("push", run, tmp_path / "elsewhere")):
        code, said = ended(*command, capsys=capsys)
        assert code == 2 and "is no file of its own" in said and said.count("\n") == 1
    assert outside.read_text() == "precious" and not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have names on POSIX alone")
def test_a_pipe_in_a_run_is_not_waited_for(run, tmp_path, capsys):
    (run / "outcomes" / "loss.json").unlink()
    os.mkfifo(run / "outcomes" / "loss.json")
    code, said = ended("gate", run, capsys=capsys)
    assert code == 2 and "is no file of its own" in said
    (tmp_path / "other").mkdir()
    os.mkfifo(tmp_path / "other" / "run.json")
    assert runs_in(tmp_path) == [run]


def test_a_link_within_a_run_is_followed(run, capsys):
    (run / "linked.parquet").symlink_to("evidence/loss.parquet")
    code, said = ended("gate", run, capsys=capsys)
    assert code != 2, said
