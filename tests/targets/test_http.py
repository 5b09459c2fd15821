"""A real service on 127.0.0.1: what its answers mean, what they cost, and what happens when it misbehaves."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier
from tests.targets.server import App, serving
from typer.testing import CliRunner

import divulge
from divulge.cli.app import app as command
from divulge.core.errors import TargetError
from divulge.core.threat import Access, Task
from divulge.data.arrays import from_arrays, from_frames
from divulge.targets.services.http import HttpTarget
from divulge.targets.services.http_answers import AnswerForm, Understood, understand
from divulge.targets.services.http_bodies import Body, body_from, predictions_in, request_of
from divulge.targets.services.http_service import Service

X = np.random.default_rng(0).normal(size=(50, 4))
(RECORDS,) = from_arrays([(X, np.arange(50) % 3)])
LOGITS = X[:, :3] * 2
P = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


def scores(rows):
    """Softmax of twice the first three features."""
    z = 2 * rows[:, :3].astype(float)
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def target(url, tmp_path=None, **settings):
    body = settings.pop("body", body_from("fastapi", None, None))
    options = {k: settings.pop(k) for k in ("classes", "task") if k in settings}
    service = Service(url, body, **({"rate": 1000.0, "timeout": 2.0} | settings))
    return HttpTarget(service, cache=None if tmp_path is None else tmp_path / "kept.sqlite", **options)


ANSWERS = {
    "scores": (lambda r: scores(r).tolist(), AnswerForm.SCORES),
    "logits": (lambda r: (2 * r[:, :3].astype(float)).tolist(), AnswerForm.LOGITS),
    "rounded": (lambda r: scores(r).round(2).tolist(), AnswerForm.SCORES),
    "labels": (lambda r: scores(r).argmax(axis=1).tolist(), AnswerForm.LABELS),
    "labels in rows": (lambda r: scores(r).argmax(axis=1)[:, None].tolist(), AnswerForm.LABELS),
    "by name": (
        lambda r: [{str(c): row[c] for c in (2, 0, 1)} for row in scores(r)],
        AnswerForm.SCORES,
    ),
    "by name, inside": (
        lambda r: [{"probabilities": {str(c): p for c, p in enumerate(row.tolist())}, "id": 7} for row in scores(r)],
        AnswerForm.SCORES,
    ),
    "pairs, best first": (
        lambda r: [[{"label": str(c), "score": float(row[c])} for c in np.argsort(-row)] for row in scores(r)],
        AnswerForm.SCORES,
    ),
    "the best one": (
        lambda r: [{"label": str(row.argmax()), "score": float(row.max())} for row in scores(r)],
        AnswerForm.TOPK,
    ),
    "the two best": (
        lambda r: [[{"class": int(c), "prob": float(row[c])} for c in np.argsort(-row)[:2]] for row in scores(r)],
        AnswerForm.TOPK,
    ),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_are_understood(kind):
    answer, form = ANSWERS[kind]
    with serving(App(answer)) as url:
        service = target(url)
        how = service.meet(RECORDS)
        assert how.form is form
        assert (service.answer(Access.LABEL, RECORDS) == P.argmax(axis=1)).all()
        if form in (AnswerForm.SCORES, AnswerForm.LOGITS):
            found = np.exp(service.answer(Access.SCORES, RECORDS))
            np.testing.assert_allclose(found, P, atol=6e-3 if kind == "rounded" else 1e-9)
        if kind == "rounded":
            assert how.decimals == 2 and "rounded to 2 decimals" in str(how)
        if form is AnswerForm.LOGITS:
            np.testing.assert_allclose(service.answer(Access.LOGITS, RECORDS), LOGITS)
        if form is AnswerForm.TOPK:
            assert service.offers == {Access.LABEL, Access.TOPK}
            best = np.exp(service.answer(Access.TOPK, RECORDS)).max(axis=1)
            np.testing.assert_allclose(best, P.max(axis=1))
            with pytest.raises(TargetError, match="no port for scores"):
                service.answer(Access.SCORES, RECORDS)


def test_one_number_about_two_classes():
    two = from_arrays([(X, np.arange(50) % 2)])[0]
    first = X[:, 0]
    for answer, form in ((1 / (1 + np.exp(-first)), AnswerForm.SCORES), (first, AnswerForm.LOGITS)):
        assert understand(answer.tolist(), (0, 1), Task.CLASSIFICATION).form is form
        assert understand(answer[:, None].tolist(), (0, 1), Task.CLASSIFICATION).form is form
    with serving(App(lambda r: (1 / (1 + np.exp(-r[:, 0].astype(float)))).tolist())) as url:
        found = target(url).answer(Access.SCORES, two)
        np.testing.assert_allclose(np.exp(found[:, 1]), 1 / (1 + np.exp(-first)))


def test_values_of_a_regression():
    records = from_arrays([(X, X[:, 0])])[0]
    with serving(App(lambda r: r[:, :1].tolist())) as url:
        np.testing.assert_allclose(target(url, task=Task.REGRESSION).answer(Access.LABEL, records), X[:, 0])


def test_every_record_is_asked_about_once_and_the_logs_agree(tmp_path):
    app = App(lambda r: scores(r).tolist())
    with serving(app) as url:
        service = target(url, tmp_path, batch=7, concurrency=3)
        service.meet(RECORDS)
        assert app.log.records == 3
        twice = RECORDS.take(np.r_[np.arange(50), np.arange(50)])
        service.answer(Access.SCORES, twice)
        assert app.log.records == 50 and app.log.requests == service.requests == 1 + 7
        again = target(url, tmp_path)
        np.testing.assert_allclose(again.answer(Access.SCORES, RECORDS), np.log(P))
        assert app.log.records == 53 and again.requests == 1, "a new run asks about three records, to see who is there"


def test_what_was_answered_before_a_crash_is_kept(tmp_path):
    app = App(lambda r: scores(r).tolist(), trouble=lambda n: (400, {}, b"no more") if n > 4 else None)
    with serving(app) as url:
        service = target(url, tmp_path, batch=10, concurrency=1)
        with pytest.raises(TargetError, match="400 no more"):
            service.answer(Access.SCORES, RECORDS)
        assert app.log.records == 33, "three of the dry run, and three tens"
        app.trouble = lambda n: None
        np.testing.assert_allclose(target(url, tmp_path).answer(Access.SCORES, RECORDS), np.log(P))
        assert app.log.records == 53 and len(app.log.different) == 50, "three again, to see who is there"


def broken_until(good, status=503, headers=None):
    """Fails until request number `good`."""
    return lambda n: (status, headers or {}, b"busy") if n < good else None


def test_a_service_that_fails_now_and_then_is_asked_again():
    app = App(lambda r: scores(r).tolist(), trouble=broken_until(3))
    with serving(app) as url:
        np.testing.assert_allclose(target(url).answer(Access.SCORES, RECORDS), np.log(P))


def test_retry_after_is_heeded():
    app = App(lambda r: scores(r).tolist(), trouble=broken_until(2, 429, {"retry-after": "1"}))
    with serving(app) as url:
        started = time.monotonic()
        target(url).meet(RECORDS)
        assert 0.95 <= time.monotonic() - started < 5


def hanging(number):
    time.sleep(1.0)


MISBEHAVIOR = {
    "fails always": ({"trouble": lambda n: (500, {}, b"oops")}, "status 500, 2 times in a row"),
    "hangs": ({"trouble": hanging}, "no answer within 0.3 s"),
    "forbids": ({"trouble": lambda n: (401, {}, b"who are you?")}, "refused: 401 who are you?"),
    "no JSON": ({"trouble": lambda n: (200, {}, b"<html>hello</html>")}, "answered no JSON: '<html>hello</html>'"),
    "NaN": ({"answer": lambda r: np.full((len(r), 3), np.nan).tolist()}, "NaN or infinity for 3 of 3 records"),
    "None": ({"answer": lambda r: [[None] * 3] * len(r)}, "something else than numbers|NaN"),
    "too few": ({"answer": lambda r: scores(r).tolist()[:-1]}, "2 predictions for 3 records"),
    "too wide": ({"answer": lambda r: np.ones((len(r), 5)).tolist()}, "5 numbers a record, and the records"),
    "elsewhere": ({"pack": lambda p: {"result": p}}, "nothing at 'predictions' .it holds result."),
    "strange labels": ({"answer": lambda r: ["cat"] * len(r)}, "'cat', which is no class"),
    "strange names": ({"answer": lambda r: [{"cat": 0.5, "dog": 0.5}] * len(r)}, "the class 'cat'"),
}


@pytest.mark.parametrize("kind", MISBEHAVIOR)
def test_misbehavior_is_one_clear_error(kind):
    settings, message = MISBEHAVIOR[kind]
    with serving(App(**({"answer": lambda r: scores(r).tolist()} | settings))) as url:
        service = target(url, tries=2, timeout=0.3)
        with pytest.raises(TargetError, match=message):
            service.answer(Access.LABEL, RECORDS)


def test_nobody_there():
    with pytest.raises(TargetError, match="cannot be reached"):
        target("http://127.0.0.1:9/predict", tries=1).meet(RECORDS)


def test_the_rate_is_kept_to():
    app = App(lambda r: scores(r).tolist())
    with serving(app) as url:
        target(url, rate=20.0, batch=10, concurrency=4).answer(Access.SCORES, RECORDS)
    apart = np.diff(app.log.times)
    assert len(apart) == 5 and apart.sum() >= 5 / 20 - 0.02


def test_headers_come_from_the_environment_and_are_kept_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "a-secret-token")
    app = App(lambda r: scores(r).tolist())
    with serving(app) as url:
        service = target(url, tmp_path, headers={"authorization": "SERVICE_TOKEN"})
        service.answer(Access.SCORES, RECORDS)
    assert app.log.headers["authorization"] == "a-secret-token"
    assert b"a-secret-token" not in (tmp_path / "kept.sqlite").read_bytes()
    assert "a-secret-token" not in repr(service.service)
    monkeypatch.delenv("SERVICE_TOKEN")
    with pytest.raises(divulge.InputError, match="SERVICE_TOKEN is not set"):
        target("http://127.0.0.1:9/", headers={"authorization": "SERVICE_TOKEN"}).meet(RECORDS)


@pytest.mark.parametrize("preset", ["kserve-v2", "torchserve", "bentoml", "fastapi"])
def test_presets_speak_to_their_servers(preset):
    unpack, pack = {
        "kserve-v2": (
            lambda c: np.reshape(c["inputs"][0]["data"], c["inputs"][0]["shape"]),
            lambda p: {"outputs": [{"name": "p", "shape": [len(p), 3], "data": np.ravel(p).tolist()}]},
        ),
        "bentoml": (lambda c: c["input_data"], lambda p: p),
    }.get(preset, (lambda c: c["instances"], lambda p: {"predictions": p}))
    with serving(App(lambda r: scores(r).tolist(), unpack, pack)) as url:
        service = target(url, body=body_from(preset, None, None))
        np.testing.assert_allclose(service.answer(Access.SCORES, RECORDS), np.log(P))


def test_records_by_column_name():
    import pandas as pd

    frame = pd.DataFrame({"age": [30.0, 40.0], "town": ["Ulm", "Rom"], "ill": [0, 1]})
    (records,) = from_frames([frame], target="ill")
    body = Body({"data": "$rows", "n": "$count", "names": "$columns"}, "0.out")
    assert request_of(body, records) == {
        "data": [{"age": 30.0, "town": "Ulm"}, {"age": 40.0, "town": "Rom"}],
        "n": 2,
        "names": ["age", "town"],
    }
    assert predictions_in(body, [{"out": [1, 0]}], 2) == [1, 0]


def test_bad_descriptions_name_the_cure():
    with pytest.raises(divulge.InputError, match="no address"):
        Service("127.0.0.1:8080", body_from("fastapi", None, None))
    with pytest.raises(divulge.InputError, match="choose one of kserve-v2"):
        body_from("flask", None, None)
    with pytest.raises(divulge.InputError, match="names no records"):
        body_from(None, {"rows": "records"}, None)
    with pytest.raises(divulge.InputError, match="rate is 0"):
        Service("http://127.0.0.1/", body_from("fastapi", None, None), rate=0)
    assert str(Understood(AnswerForm.TOPK, best=2)) == "the 2 best classes with their scores"


@pytest.fixture
def audited(tmp_path, monkeypatch):
    """A folder with records and an audit file, and a service of a tree that knows the members by heart."""
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    y[::6] = 1 - y[::6]
    model = DecisionTreeClassifier(random_state=0).fit(x[:250], y[:250])
    np.savez(tmp_path / "members.npz", x=x[:250], y=y[:250])
    np.savez(tmp_path / "nonmembers.npz", x=x[250:500], y=y[250:500])
    (tmp_path / "build.py").write_text(
        "from sklearn.tree import DecisionTreeClassifier\n\ndef build():\n    return DecisionTreeClassifier()\n"
    )

    def describe(url, **service):
        audit = {
            "name": "service",
            "target": {"kind": "http", "service": {"url": url, "rate": 1000, "tries": 2, **service}},
            "data": {"members": "members.npz", "nonmembers": "nonmembers.npz"},
            "recipe": {"kind": "sklearn", "factory": "build.py:build"},
            "attacks": ["loss", "lira", "correctness"],
            "shadows": 4,
        }
        (tmp_path / "audit.yaml").write_text(json.dumps(audit))
        return tmp_path / "audit.yaml"

    return describe, model, tmp_path


def test_a_dry_run_sends_three_records_and_says_what_was_understood(audited):
    describe, model, _ = audited
    app = App(lambda r: model.predict_proba(r.astype(float)).tolist())
    with serving(app) as url:
        told = CliRunner().invoke(command, ["audit", str(describe(url)), "--dry-run"])
        assert told.exit_code == 0, told.output
        assert "answers with scores of every class" in told.output and "lira" in told.output
        assert app.log.records == 3


def test_a_service_is_audited_by_its_url(audited):
    describe, model, folder = audited
    app = App(lambda r: model.predict_proba(r.astype(float)).tolist())
    with serving(app) as url:
        told = CliRunner().invoke(command, ["audit", str(describe(url)), "--out", str(folder / "runs")])
        assert told.exit_code == 1, told.output
        assert len(app.log.different) == 500, "each record once, for all attacks"
        assert app.log.records == 506, "and the first three again before and after"
        run = divulge.Run.open(next((folder / "runs").glob("*/run.json")).parent)
        assert {f.queries for f in run.findings} == {500}
        assert {o.attack for o in run.outcomes if hasattr(o.result, "measurements")} == {"loss", "lira", "correctness"}
        CliRunner().invoke(command, ["audit", str(describe(url)), "--out", str(folder / "more")])
        assert app.log.records == 512, "a repeat costs no query, but for the first three, twice"


def test_a_service_that_breaks_off_leaves_failed_findings_and_nothing_is_lost(audited):
    describe, model, folder = audited
    app = App(lambda r: model.predict_proba(r.astype(float)).tolist())
    app.trouble = lambda n: (500, {}, b"down") if n > 5 else None
    with serving(app) as url:
        file = describe(url, concurrency=1)
        told = CliRunner().invoke(command, ["audit", str(file), "--out", str(folder / "runs")])
        assert told.exit_code == 3, told.output
        assert "answered status 500" in told.output and "incomplete" in told.output
        seen = app.log.records
        app.trouble = lambda n: None
        told = CliRunner().invoke(command, ["audit", str(file), "--out", str(folder / "more")])
        assert told.exit_code == 1 and len(app.log.different) == 500 and seen > 100


def test_a_service_that_means_nothing_is_wrong_input(audited):
    describe, _, _ = audited
    with serving(App(lambda r: ["cat"] * len(r))) as url:
        told = CliRunner().invoke(command, ["audit", str(describe(url))])
        said = " ".join(told.output.split())
        assert told.exit_code == 2 and "target.service" in said and "'cat'" in said


def test_a_service_in_the_library(tmp_path):
    """Ten lines of Python: a preset body, met by itself, audited like any other model."""
    x, y = load_breast_cancer(return_X_y=True)
    model = DecisionTreeClassifier(random_state=0).fit(x[:250], y[:250])
    with serving(App(lambda r: model.predict_proba(r.astype(float)).tolist())) as url:
        service = divulge.HttpTarget(divulge.Service(url, rate=1000))
        run = divulge.audit(
            service, (x[:250], y[:250]), (x[250:500], y[250:500]), recipe=None, attacks=["loss"], out=tmp_path / "r"
        )
    assert run.findings and run.outcomes[0].queries == 500
