"""Two runs, record by record: which records both have, what differs, and what the gate makes of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import divulge
from divulge.cli.app import app
from divulge.core.records import Column, Kind, Records, Schema
from divulge.core.threat import Task
from divulge.runs.compare import attacks_of, compare
from divulge.runs.differences import record_keys
from divulge.runs.differences.matching import matching
from divulge.runs.differences.over_time import followed
from divulge.runs.differences.record_keys import read_keys, write_keys
from divulge.runs.folder import RunFolder
from divulge.runs.gate import judge
from divulge.runs.result import open_run
from divulge.stats.many.e_values import Look, averaged, over_time

SIZE = 400
POOL = np.random.default_rng(98).normal(size=(8000, 2))
"""Features of all records there are."""


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv(record_keys.VARIABLE, "a key of these tests")


def table(seed, shift, common=None, known=True, n=SIZE, first=0, attacks=("loss",)):
    """Scores of n members and n others, whose members lie higher; `first` is the number of the first record."""
    rng = np.random.default_rng(seed)
    keep = (np.arange(2 * n) < n)[None]
    own = rng.normal(size=2 * n)
    score = own if common is None else np.sqrt(0.9) * common + np.sqrt(0.1) * own
    x = POOL[first : first + 2 * n]
    logits = (score + shift * keep[0])[None]
    return divulge.ScoreTable(None, logits, keep, np.zeros(2 * n, int), x if known else None)


def audited(folder, name, *args, attacks=("loss",), **more):
    return divulge.audit(table(*args, **more), attacks=list(attacks), out=folder / name, name=name, progress=None)


COMMON = np.random.default_rng(99).normal(size=2 * SIZE)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run, one of an equal model and one of a leakier one on the same records, and equal ones on fresh records."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(record_keys.VARIABLE, "a key of these tests")
        folder = tmp_path_factory.mktemp("runs")
        made = {
            "before": audited(folder, "before", 1, 1.0, COMMON),
            "equal": audited(folder, "equal", 2, 1.0, COMMON),
            "leakier": audited(folder, "leakier", 3, 1.3, COMMON),
            "fresh": audited(folder, "fresh", 4, 1.0, first=5000),
            "unknown": audited(folder, "unknown", 5, 1.0, known=False),
            "also-unknown": audited(folder, "also-unknown", 6, 1.0, known=False),
        }
    return {name: run.folder for name, run in made.items()}


def worse(runs, now, before, same=None):
    return judge(runs[now], before=runs[before], same_records=same)


def test_the_same_records_are_compared_record_by_record(runs):
    judgment = worse(runs, "leakier", "before")
    (grown,) = {w.finding.metric for w in judgment.worse} & {"auc"}
    assert grown and judgment.progressed.records == "the same records"
    area = next(w for w in judgment.worse if w.finding.metric == "auc")
    assert area.method == "DeLong 1988, paired" and area.low < area.growth < area.high
    assert "DeLong 1988, paired" in " ".join(judgment.said())


def test_equal_models_are_not_called_worse_whatever_is_known_of_their_records(runs):
    for now in ("equal", "fresh", "unknown"):
        assert worse(runs, now, "before").worse == ()
    assert worse(runs, "fresh", "before").progressed.records == "different records"
    assert worse(runs, "unknown", "before").progressed.records == "records not known to be the same"


def test_what_is_stated_is_believed_where_contents_are_not_known(runs):
    assert worse(runs, "also-unknown", "unknown", True).progressed.records == "the same records, as stated"
    assert worse(runs, "leakier", "before", False).progressed.records == "different records, as stated"
    paired, apart = (worse(runs, "leakier", "before", same).progressed.headline for same in (None, False))
    assert paired[2] - paired[1] < 0.6 * (apart[2] - apart[1])


def test_different_numbers_of_records_are_not_the_same_ones(runs, tmp_path):
    fewer = audited(tmp_path, "fewer", 7, 1.0, n=100)
    with pytest.raises(divulge.InputError, match="cannot be about the same records"):
        judge(fewer.folder, before=runs["before"], same_records=True)


def test_a_file_of_keys_that_is_damaged_is_said_so(runs, tmp_path):
    run = audited(tmp_path, "damaged", 8, 1.0, n=100)
    (run.folder / record_keys.FILE).write_bytes(b"no table")
    with pytest.raises(divulge.InputError, match="damaged"):
        judge(run.folder, before=runs["before"])


SCHEMA = Schema(
    (Column("town", Kind.CATEGORICAL, ("Rom", "Ulm")), Column("age")), task=Task.CLASSIFICATION, classes=("a", "b")
)


def records(x, y, schema=SCHEMA, groups=None):
    return Records(np.asarray(x, dtype=float), np.asarray(y), schema, groups)


def kept(folder, given, member=(True, True, False), monkeypatch=None):
    folder.mkdir()
    write_keys(folder, given, np.array(member), np.array([0, 1, 0]))
    return read_keys(folder)


def test_records_are_equal_by_what_their_numbers_stand_for(tmp_path):
    """Two tables number towns and classes otherwise, have their columns in another order, and share two records."""
    one = kept(tmp_path / "one", records([[0, 30], [1, 40], [1, np.nan]], [0, 1, 0]))
    turned = Schema((Column("age"), Column("town", Kind.CATEGORICAL, ("Ulm", "Rom"))), classes=("b", "a"))
    other = kept(tmp_path / "other", records([[41, 0], [30, 1], [np.nan, 0]], [0, 1, 1], turned))
    assert set(one.key) & set(other.key) == {one.key[0], one.key[2]}
    assert one.whole != other.whole


def test_keys_tell_nothing_to_whoever_has_the_folder_alone(tmp_path, monkeypatch):
    given = records([[0, 30], [1, 40], [1, 50]], [0, 1, 0])
    one = kept(tmp_path / "one", given)
    monkeypatch.setenv(record_keys.VARIABLE, "another key")
    other = kept(tmp_path / "other", given)
    assert not set(one.key) & set(other.key) and one.secret != other.secret and one.whole == other.whole


def test_a_machine_makes_its_key_once_and_keeps_it_to_itself(tmp_path, monkeypatch):
    monkeypatch.delenv(record_keys.VARIABLE)
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    given = records([[0, 30], [1, 40], [1, 50]], [0, 1, 0])
    assert (kept(tmp_path / "one", given).key == kept(tmp_path / "other", given).key).all()
    assert (tmp_path / "cache" / "record.key").stat().st_mode & 0o077 == 0
    (tmp_path / "cache" / "record.key").write_bytes(b"short")
    weak = kept(tmp_path / "weak", given)
    assert weak.secret == "" and not weak.key.any()  # no key is better than one that can be guessed


def test_runs_that_share_some_records_are_paired_where_they_do(runs, tmp_path):
    moved = audited(tmp_path, "moved", 9, 1.0, first=SIZE)  # its members are the others of the first run
    how = matching(RunFolder(runs["before"]), RunFolder(moved.folder))
    assert how.words == f"{SIZE} records in both"
    assert judge(moved.folder, before=runs["before"]).worse == ()


def test_compare_says_what_differs_from_the_first(runs, tmp_path):
    first, equal, leakier = compare([runs[n] for n in ("before", "equal", "leakier")], curves=True)
    assert first.changes == () and equal.records == "the same records"
    area = {row.name: next(c for c in row.changes if c.metric == "auc") for row in (equal, leakier)}
    assert (area["equal"].words, area["leakier"].words) == ("no difference shown", "more")
    assert area["equal"].low < 0 < area["equal"].high and area["leakier"].low > 0
    assert area["leakier"].e_value > 1 and area["equal"].e_value < 1.1
    over = leakier.overlay
    assert over.matched == over.of == 2 * SIZE and any(low > 0 for low in over.low)
    flat = zip(equal.overlay.low, equal.overlay.high, strict=True)
    assert all(low <= 0 <= high for low, high in flat)


def test_the_page_of_a_comparison_is_whole_in_every_format(runs, tmp_path):
    command = ["compare", str(runs["before"]), str(runs["leakier"]), "--out", str(tmp_path)]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0 and "the same records" in shown.output
    page = (tmp_path / "comparison.html").read_text()
    assert 'data-figure="spec-roc-0"' in page and "leakier against before" in page and "Plotly" in page
    assert "DeLong 1988, paired" in (tmp_path / "comparison.md").read_text()
    told = json.loads((tmp_path / "comparison.json").read_text())
    assert told["runs"][1]["changes"][0]["metric"] == "auc" and told["runs"][1]["changes"][0]["low"] > 0


def test_attacks_of_one_run_are_compared_two_by_two(tmp_path):
    rng = np.random.default_rng(10)
    keep = np.concatenate([(np.arange(600) < 300)[None], rng.random((8, 600)) < 0.5])
    logits = rng.normal(size=(9, 600, 2)) + 2.0 * keep[..., None] * np.array([1.0, 0.0])
    given = divulge.ScoreTable(logits, None, keep, np.zeros(600, int))
    run = divulge.audit(given, attacks=["loss", "correctness", "entropy"], out=tmp_path / "r", progress=None)
    found = attacks_of(run.folder)
    assert len(found) == 3 and all(c.value >= 0 and c.method.endswith("paired") for c in found)
    assert found[0].now >= found[-1].now
    shown = CliRunner().invoke(app, ["compare", str(run.folder)])
    assert shown.exit_code == 0 and "of the AUC" in shown.output
    told = json.loads(CliRunner().invoke(app, ["compare", str(run.folder), "--json"]).output)
    assert len(told[0]["attacks"]) == 3


def test_evidence_over_time_multiplies_over_fresh_records_and_averages_over_known_ones(runs, monkeypatch):
    monkeypatch.setattr("divulge.runs.differences.over_time._models", lambda each: {"one": list(each)})
    rows = followed([runs["before"], runs["equal"], runs["fresh"]])
    values = [row.value for row in rows]
    assert [row.fresh for row in rows] == [2 * SIZE, 0, 2 * SIZE]
    looks = [Look(v, block) for v, block in zip(values, (0, 0, 1), strict=True)]
    assert [row.together for row in rows] == pytest.approx(over_time(looks))
    assert rows[1].note.startswith("records of an earlier audit")
    unknown = followed([runs["before"], runs["unknown"]])
    assert unknown[1].together == unknown[0].together and "not known to be fresh" in unknown[1].note
    stated = followed([runs["before"], runs["unknown"]], same=False)
    assert stated[1].together > unknown[1].together


def test_one_model_is_not_another(runs):
    rows = followed([runs["before"], runs["leakier"]])
    assert len({row.model for row in rows}) == 2


def test_an_audit_of_fresh_and_known_records_counts_with_its_fresh_ones(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("divulge.runs.differences.over_time._models", lambda each: {"one": list(each)})
    grown = audited(tmp_path, "grown", 11, 1.0, n=SIZE, first=SIZE + SIZE // 2)  # overlaps with the others
    rows = followed([runs["before"], grown.folder])
    assert rows[1].fresh == 2 * SIZE - SIZE // 2 and rows[1].note == "counts with its fresh records"


def test_the_evidence_of_a_run_stands_in_its_result_and_at_the_gate(runs):
    result = open_run(runs["before"])
    assert set(result.e_values) == {"loss"}
    assert judge(runs["before"]).e_value == pytest.approx(averaged(list(result.e_values.values())))
    assert "e-value" in CliRunner().invoke(app, ["gate", str(runs["before"])]).output


def test_the_command_shows_audits_over_time(runs):
    shown = CliRunner().invoke(app, ["compare", str(runs["before"]), str(runs["fresh"]), "--over-time"])
    assert shown.exit_code == 0 and "so far" in shown.output
    told = json.loads(CliRunner().invoke(app, ["compare", str(runs["before"]), "--over-time", "--json"]).output)
    assert told[0]["together"] == pytest.approx(told[0]["value"] / 2)


def test_a_named_record_is_a_member_with_an_interval_over_base_rates(runs):
    usual, narrow = open_run(runs["before"]), open_run(runs["before"], "0.1")
    assert usual.predictive and usual.predictive[0].prior == "1.0 % to 50 % are members"
    assert usual.predictive[0].low < narrow.predictive[0].low < narrow.predictive[0].high < usual.predictive[0].high
    command = ["report", str(runs["before"]), "--prior", "beta:2,50", "--format", "md", "-o", "-"]
    assert "Beta(2, 50)" in CliRunner().invoke(app, command).output
    assert CliRunner().invoke(app, [*command[:2], "--prior", "much"]).exit_code != 0
