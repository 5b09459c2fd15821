"""Whose answers are kept, for how long, and what happens when the model behind an address is another one."""

from __future__ import annotations

import json
import sqlite3
import stat

import numpy as np
import pytest
from tests.targets.server import App, serving
from tests.targets.test_http import LOGITS, RECORDS, P, scores, target
from typer.testing import CliRunner

import divulge
from divulge.cli.app import app as command
from divulge.core.errors import InputError, Notice, TargetError
from divulge.core.threat import Access
from divulge.targets.services.http_answers import AnswerForm, apart
from divulge.targets.services.http_bodies import Body


def other(rows):
    """A model that was trained again."""
    return scores(np.asarray(rows)[:, [1, 0, 2]])


def app_of(model=scores):
    return App(lambda r: model(r).tolist())


def asked(url, folder, **settings):
    """What it answers, and how many records it was sent for it."""
    service = target(url, folder, **settings)
    return np.exp(service.answer(Access.SCORES, RECORDS)), service


def test_another_model_behind_the_address_is_noticed(tmp_path):
    app = app_of()
    with serving(app) as url:
        asked(url, tmp_path)
        app.answer = lambda r: other(r).tolist()
        with pytest.warns(Notice, match=r"not the one that answered since \d{4}-.*50 kept answers"):
            found, service = asked(url, tmp_path)
        np.testing.assert_allclose(found, other(RECORDS.x))
        assert service.sent == 50 and service.replaced
        found, service = asked(url, tmp_path)
        assert service.sent == 3 and not service.replaced, "now these are kept"


@pytest.mark.parametrize("name", ["x-model-version", "etag"])
def test_a_version_that_the_service_names_is_believed(tmp_path, name):
    app = app_of()
    with serving(app) as url:
        app.reply = {name: "1"}
        asked(url, tmp_path)
        _, same = asked(url, tmp_path)
        assert same.sent == 3
        app.reply = {name: "2"}
        with pytest.warns(Notice, match="not the one"):
            _, service = asked(url, tmp_path)
        assert service.sent == 50


def test_a_version_in_a_header_of_ones_own(tmp_path):
    app = app_of()
    with serving(app) as url:
        app.reply = {"x-build": "a"}
        service = target(url, tmp_path, version_header="X-Build")
        service.answer(Access.SCORES, RECORDS)
        assert "model version a" in service.provenance_note()


def test_accounts_do_not_share_answers(tmp_path, monkeypatch):
    app = app_of()
    with serving(app) as url:
        for tenant, sent in (("one-tenant", 50), ("other-tenant", 50), ("one-tenant", 3)):
            monkeypatch.setenv("TENANT", tenant)
            _, service = asked(url, tmp_path, headers={"x-tenant": "TENANT"})
            assert service.sent == sent
        assert b"tenant" not in (tmp_path / "kept.sqlite").read_bytes()


def test_answers_grow_old(tmp_path, monkeypatch):
    app = app_of()
    with serving(app) as url:
        asked(url, tmp_path)
        base = sqlite3.connect(tmp_path / "kept.sqlite")
        with base:
            base.execute("update kept set asked = asked - 40 * 86400")
        base.close()
        assert asked(url, tmp_path)[1].sent == 50


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_begun_anew(tmp_path, content):
    (tmp_path / "kept.sqlite").write_bytes(content)
    app = app_of()
    with serving(app) as url:
        asked(url, tmp_path)
        assert asked(url, tmp_path)[1].sent == 3
    assert not stat.S_IMODE((tmp_path / "kept.sqlite").stat().st_mode) & 0o077


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "kept.sqlite").mkdir()
    with serving(app_of()) as url, pytest.warns(Notice, match="not kept"):
        assert asked(url, tmp_path)[1].sent == 50


def changing(app, at):
    """Another model from request number `at` on."""
    first = app.answer
    app.answer = lambda r: first(r) if app.log.requests < at else other(r).tolist()


def test_a_model_that_is_exchanged_midway_is_noticed(tmp_path):
    app = app_of()
    changing(app, 5)
    with serving(app) as url:
        service = target(url, tmp_path, batch=10, concurrency=1)
        service.answer(Access.SCORES, RECORDS)
        assert "other answers later" in service.recheck()
        with pytest.raises(TargetError, match="changed while it was asked"):
            service.answer(Access.SCORES, RECORDS)
        assert not sqlite3.connect(tmp_path / "kept.sqlite").execute("select * from kept").fetchall()


def test_a_service_that_stays_is_not_accused(tmp_path):
    rng = np.random.default_rng(0)
    for noise in (0.0, 1e-4):
        app = App(lambda r, noise=noise: (scores(r) * (1 + noise * rng.uniform(-1, 1, (len(r), 3)))).tolist())
        with serving(app) as url:
            service = target(url, batch=2)
            service.answer(Access.SCORES, RECORDS)
            assert service.wobble() < 5e-3 and service.recheck() == "" == service.drift


def test_distances_of_answers():
    log = np.log(P)
    assert apart(log, log, AnswerForm.SCORES) == 0 == apart(LOGITS, LOGITS + 3, AnswerForm.LOGITS) // 1
    assert apart(np.log([[0.5, 0.5]]), np.log([[0.4, 0.6]]), AnswerForm.SCORES) == pytest.approx(0.1)
    assert apart(np.array([1, 2]), np.array([1, 0]), AnswerForm.LABELS) == 1
    assert apart(np.array([1.0]), np.array([1.1]), AnswerForm.VALUES) == pytest.approx(0.1 / 1.1)
    assert apart(np.zeros(2), np.zeros(3), AnswerForm.LABELS) == np.inf


@pytest.fixture
def file(tmp_path, monkeypatch):
    """What writes an audit file about 60 records a side."""
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("members", "nonmembers"):
        x = rng.normal(size=(60, 4))
        np.savez(tmp_path / f"{name}.npz", x=x, y=scores(x).argmax(axis=1))

    def written(url, threat=None, attacks=("loss", "correctness"), **service):
        content = {
            "target": {"kind": "http", "service": {"url": url, "rate": 1000, "tries": 1, "batch": 10, **service}},
            "data": {"members": "members.npz", "nonmembers": "nonmembers.npz"},
            "recipe": {"kind": "none"},
            "attacks": list(attacks),
            "threat": threat or {"preset": "mlaas"},
        }
        (tmp_path / "audit.yaml").write_text(json.dumps(content))
        return str(tmp_path / "audit.yaml")

    return written


def invoked(*arguments):
    return CliRunner().invoke(command, list(arguments))


def test_an_audit_of_a_model_that_was_exchanged_is_invalid(file):
    app = app_of()
    changing(app, 8)
    with serving(app) as url:
        told = invoked("audit", file(url), "--out", "runs")
    assert told.exit_code == 3, told.output
    run = divulge.Run.open("runs/latest")
    assert run.result.verdict.value == "invalid" and "the service changed while it was asked" in run.result.faults[0]


def test_a_service_that_answers_at_random_is_invalid(file):
    rng = np.random.default_rng(0)
    app = App(lambda r: rng.dirichlet(np.ones(3), len(r)).tolist())
    with serving(app) as url:
        told = invoked("audit", file(url), "--out", "runs")
    assert told.exit_code == 3 and "other answers when they are asked again" in " ".join(told.output.split())


@pytest.mark.parametrize("budget", [1, 2, 3, 17, 50, 119])
def test_the_budget_counts_from_the_first_byte(file, budget):
    app = app_of()
    with serving(app) as url:
        told = invoked("audit", file(url, {"preset": "mlaas", "query_budget": budget}), "--dry-run")
        assert told.exit_code == 0 and len(app.log.different) == min(budget, 3) == app.log.records, told.output
        told = invoked("audit", file(url, {"preset": "mlaas", "query_budget": budget}), "--out", "runs")
        assert told.exit_code == 3 and len(app.log.different) == budget


def test_no_more_records_are_sent_than_the_owner_allows(file):
    app = app_of()
    with serving(app) as url:
        told = invoked("audit", file(url, most_records=40), "--out", "runs")
        assert told.exit_code == 3 and "at most 40 records" in told.output
        assert app.log.records == 39, "three first, three again, three tens, and three at the end"


def test_no_cache_and_clear_reach_the_answers_of_services(file):
    app = app_of()
    with serving(app) as url:
        invoked("audit", file(url), "--out", "runs")
        before = app.log.records
        invoked("audit", file(url), "--out", "runs", "--no-cache")
        assert app.log.records - before == 120 + 6
        invoked("audit", file(url), "--out", "runs")
        assert app.log.records - before == 120 + 12, "kept by the first"
        assert "0 things" in invoked("cache", "--clear").output
        invoked("audit", file(url), "--out", "runs")
        assert app.log.records - before == 240 + 18


def test_secrets_of_the_address_come_from_the_environment(file, monkeypatch, tmp_path):
    app = app_of()
    with serving(app) as url:
        monkeypatch.setenv("KEY", "basil-1234-thyme")
        told = invoked("audit", file(f"{url}?key=${{KEY}}"), "--out", "runs")
        assert told.exit_code in (0, 1), told.output
        told = invoked("audit", "--resume", "runs/latest")
        assert told.exit_code in (0, 1), told.output
        assert not any(b"basil" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        told = invoked("audit", file(f"{url}?key=onion-4711"), "--out", "more")
        assert told.exit_code in (0, 1)
        assert not any(b"onion-4711" in path.read_bytes() for path in (tmp_path / "more").rglob("*") if path.is_file())
        told = invoked("audit", "--resume", "more/latest")
        assert told.exit_code == 2 and "has lost its secret" in told.output


def test_the_body_may_hold_what_the_environment_holds(monkeypatch):
    monkeypatch.setenv("KEY", "basil-1234-thyme")
    app = app_of()
    seen = []
    app.unpack = lambda content: seen.append(content["key"]) or content["x"]
    with serving(app) as url:
        body = Body({"x": "$records", "key": "${KEY}"}, "predictions")
        target(url, body=body).answer(Access.SCORES, RECORDS)
    assert set(seen) == {"basil-1234-thyme"}
    monkeypatch.delenv("KEY")
    with pytest.raises(InputError, match="variable KEY is not set"):
        target(url, body=body).meet(RECORDS)


def test_a_redirect_is_followed_where_it_may_lead():
    app = app_of()
    with serving(app) as behind:
        port = behind.rsplit(":", 1)[1].partition("/")[0]
        moved = App(lambda r: [], trouble=lambda n: (307, {"location": behind}, b""))
        with serving(moved) as url:
            with pytest.raises(TargetError, match=r"another address, http://127\.0\.0\.1:.*name that in `redirects`"):
                target(url).meet(RECORDS)
            assert app.log.requests == 0
            asked(url, None, redirects=(f"http://127.0.0.1:{port}",))
        assert app.log.requests > 0
    near = App(lambda r: scores(r).tolist(), trouble=lambda n: (308, {"location": "/v2"}, b"") if n == 1 else None)
    with serving(near) as url:
        assert target(url).meet(RECORDS)
