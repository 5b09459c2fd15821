"""Whatever a service does, an audit ends, in one line, without a secret in anything that it leaves behind."""

from __future__ import annotations

import base64
import json
import logging
import threading
from urllib.parse import quote

import numpy as np
import pytest
from tests.targets.hostile import MISBEHAVIORS, PASSWORD, QUERY, TOKEN, hostile
from typer.testing import CliRunner

from divulge.cli.app import app
from divulge.core.errors import InputError, TargetError
from divulge.core.threat import Access
from divulge.core.wording import printable
from divulge.data.arrays import from_arrays
from divulge.targets.services.http import HttpTarget
from divulge.targets.services.http_service import Service

X = np.random.default_rng(0).normal(size=(40, 2))
(RECORDS,) = from_arrays([(X, np.where(X[:, 0] > 0, "yes", "no"))])
LIMITS = {"timeout": 0.4, "tries": 1, "rate": 1000.0, "most_bytes": 1_000_000}
LONGEST = 40
"""Seconds after which something is called a hang; nothing comes near."""

ENCODED = [
    form
    for secret in (TOKEN, PASSWORD, QUERY)
    for text in (secret, secret[: len(secret) // 2], secret[len(secret) // 2 :])
    for form in (
        text,
        quote(text, safe=""),
        quote(quote(text, safe=""), safe=""),
        text.encode().hex(),
        text[::-1],
        "".join(f"\\u{ord(c):04x}" for c in text),
        "".join(f"&#{ord(c)};" for c in text),
        *(base64.b64encode(b"\0" * shift + text.encode())[4:-4].decode() for shift in range(3)),
    )
]


def service_at(port, **more):
    return Service(
        f"http://user:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/predict?api_key={QUERY}",
        headers={"Authorization": "SERVICE_TOKEN"},
        **(LIMITS | more),
    )


def in_time(work):
    """What becomes of it, unless it hangs."""
    found = []

    def noted():
        try:
            found.append(work())
        except BaseException as error:  # looked at by the test
            found.append(error)

    thread = threading.Thread(target=noted, daemon=True)
    thread.start()
    thread.join(LONGEST)
    assert found, "it hangs"
    return found[0]


def leaks(text):
    """The secrets that a text holds, in whatever form."""
    low = text.lower()
    return [form for form in ENCODED if len(form) >= 8 and form.lower() in low]


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", f"Bearer {TOKEN}")


def test_there_are_enough_of_them():
    assert len(MISBEHAVIORS) >= 60
    assert leaks(f"x {base64.b64encode(f'abc {TOKEN} def'.encode()).decode()}"), "a leak is seen where there is one"


@pytest.mark.parametrize("after", [0, 2], ids=["at once", "midway"])
@pytest.mark.parametrize("kind", MISBEHAVIORS)
def test_misbehavior_is_one_line_without_secrets(kind, after, tmp_path):
    with hostile(MISBEHAVIORS[kind], after) as port:
        target = HttpTarget(service_at(port), cache=tmp_path / "kept.sqlite")

        def ask():
            for _ in range(3):  # the first records, the others, and once more
                target.answer(Access.LABEL, RECORDS)
                if target.recheck():
                    raise TargetError(target.drift)
            raise AssertionError("it was taken for a good service")

        found = in_time(ask)
    assert type(found) is TargetError, repr(found)
    text = str(found)
    assert len(text.splitlines()) == 1 and len(text) < 500 and printable(text) == text
    assert found.__cause__ is None or not leaks(str(found.__cause__))
    assert not leaks(text) and not leaks(repr(target.service))
    for path in tmp_path.rglob("*"):
        assert not leaks(path.read_bytes().decode("latin-1"))


AUDITED = [
    "trickles its headers",
    "sends a bomb",
    "nests 200,000 deep",
    "a score that is a word",
    "a bare infinity",
    "a strange class",
    "moves to another port",
    "asks to wait for a power of two",
    "echoes the token",
    "echoes it quoted in base64",
    "echoes it where it is cut off",
    "echoes it as a class",
    "echoes it as the name of a score",
    "echoes it as its reason",
    "echoes it in a header that is none",
]


@pytest.mark.parametrize(("kind", "after"), [(kind, 3) for kind in AUDITED] + [(kind, 0) for kind in AUDITED[-3:]])
def test_no_artifact_of_an_audit_holds_a_secret(kind, after, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SERVICE_PASSWORD", quote(PASSWORD, safe=""))
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    for name, part in (("members", X[:20]), ("nonmembers", X[20:])):
        np.savez(tmp_path / f"{name}.npz", x=part, y=np.where(part[:, 0] > 0, "yes", "no"))
    with hostile(MISBEHAVIORS[kind], after) as port:
        url = f"http://user:${{SERVICE_PASSWORD}}@127.0.0.1:{port}/predict?api_key={QUERY}"
        content = {
            "target": {
                "kind": "http",
                "service": {"url": url, "headers": {"Authorization": "SERVICE_TOKEN"}, "batch": 8, **LIMITS},
            },
            "data": {"members": "members.npz", "nonmembers": "nonmembers.npz"},
            "recipe": {"kind": "none"},
            "attacks": ["loss"],
        }
        file = tmp_path / "audit.yaml"
        file.write_text(json.dumps(content))
        result = in_time(lambda: CliRunner().invoke(app, ["audit", str(file), "--out", "runs"]))
        assert result.exit_code in (2, 3), result.output
        run = next((tmp_path / "runs").glob("*/run.json"), None)
        if run is not None:
            for more in (["report", "--output", "r.html"], ["report", "--format", "sarif", "--output", "r.sarif"]):
                CliRunner().invoke(app, [more[0], str(run.parent), *more[1:]])
            CliRunner().invoke(app, ["gate", str(run.parent), "--junit", "junit.xml"])
    file.unlink()
    shown = result.output + caplog.text
    assert "Traceback" not in result.output and not leaks(result.output)
    assert not leaks("\n".join(line for line in shown.splitlines() if "receive_response" in line or "send_re" in line))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert not leaks(path.read_bytes().decode("latin-1")), path


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", f"502 {PASSWORD}"])
def test_the_account_of_a_proxy_is_a_secret_too(status, monkeypatch):
    """A proxy that the environment names, and whatever lies behind it, may repeat what it was sent."""
    account = base64.b64encode(f"courier:{PASSWORD}".encode()).decode()

    def react(asked):
        asked.send(f"no: {account} {PASSWORD} {quote(PASSWORD, safe='')}".encode(), status)

    with hostile(react) as port:
        monkeypatch.setenv("http_proxy", f"http://courier:{quote(PASSWORD, safe='')}@127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "")
        target = HttpTarget(Service("http://model.invalid/predict", **LIMITS))
        with pytest.raises(TargetError) as told:
            target.meet(RECORDS)
    assert "model.invalid" in str(told.value)
    assert not [form for form in (account, PASSWORD, quote(PASSWORD, safe="")) if form in str(told.value)]


@pytest.mark.parametrize("proxy", ["nonsense", "http://[::1", "nosuch://127.0.0.1:1"])
def test_a_proxy_that_is_none_is_named_by_its_variable(proxy, monkeypatch):
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(TargetError, match="correct the variable HTTP_PROXY"):
        HttpTarget(Service("http://model.invalid/predict", **LIMITS)).meet(RECORDS)


def test_a_service_may_be_waited_for_as_long_as_a_system_can(monkeypatch):
    with hostile(lambda asked: asked.send({"predictions": asked.good()})) as port:
        target = HttpTarget(
            Service(f"http://127.0.0.1:{port}/p", **{**LIMITS, "timeout": float("inf")}), classes=["no", "yes"]
        )
        target.meet(RECORDS)


def test_a_rate_at_which_no_audit_ends_is_refused():
    with pytest.raises(InputError, match="less than one an hour"):
        Service("http://127.0.0.1:9/predict", rate=1e-9)
