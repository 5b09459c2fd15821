"""Audit files and tables by lot: whatever they hold, an audit ends in one of its exit codes, in words, and is calm only
about what it has examined.
"""

from __future__ import annotations

import io
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from divulge.cli.app import app

CODES = (0, 1, 2, 3)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).round(3)
Y = np.where(X[:, 0] + RNG.normal(size=60) > 0, "yes", "no")
FRAME = pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=Y)
MODEL = LogisticRegression().fit(FRAME[:30][["a", "b", "c"]], Y[:30])
KEEP = np.arange(60) < 30

WORDS = st.sampled_from([
    "", " ", "y", "a", "loss", "lira", "label", "scores", "members.csv", "nonmembers.csv", "scores.npz", "model.joblib",
    "..", "/dev/null", ".", "no such file", "no", "1e9", "0x10", "2026-01-01", "\u202e\u0000", "[/bold]", "ä" * 300,
    "<b>", "=1+1", "model-owner", "classification", "regression", "auto", "mean", "nan", "sklearn", "onnx", "torch",
    "a b", "${HOME}", "😀",
])  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.sampled_from([10**30, -(10**9), 2**63]), WORDS,
    st.floats(allow_nan=True, allow_infinity=True), st.dates(), st.text(max_size=8),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.integers(0, 2), inner, max_size=2),
    max_leaves=5,
)
KEYS = st.sampled_from(
    ["target", "data", "threat", "attacks", "seed", "name", "policy", "shadows", "minutes", "jobs", "cache", "limits",
     "recipe", "reconstruction", "properties", "expect", "families", "defenses", "detectors", "chain", "nonsense"]
)  # fmt: skip
INNER = {
    "target": ["kind", "path", "trust", "classes", "task", "output", "modules", "factory", "encrypted", "nonsense"],
    "data": ["members", "nonmembers", "target", "features", "sensitive", "groups", "duplicates", "population", "all"],
}
PLAIN: tuple[dict[str, Any], ...] = (
    {"target": {"kind": "scores", "path": "scores.npz"}, "attacks": ["loss"]},
    {"target": {"kind": "scores", "path": "scores.parquet"}, "attacks": ["loss"]},
    {
        "target": {"kind": "sklearn", "path": "model.joblib", "trust": True},
        "data": {"members": "members.csv", "nonmembers": "nonmembers.csv", "target": "y"},
        "attacks": ["loss"],
    },
)


def contents() -> dict[str, bytes]:
    """Files that are as they should be."""
    model, npz, parquet = io.BytesIO(), io.BytesIO(), io.BytesIO()
    joblib.dump(MODEL, model)
    scores = RNG.normal(size=60) + 2 * KEEP  # signals that tell nothing would be no evidence of anything
    np.savez(npz, scores=scores[None], keep=KEEP[None], y=np.zeros(60, int))
    pd.DataFrame({"model": 0, "record": range(60), "score": scores, "keep": KEEP, "y": 0}).to_parquet(parquet)
    return {
        "model.joblib": model.getvalue(),
        "scores.npz": npz.getvalue(),
        "scores.parquet": parquet.getvalue(),
        "members.csv": FRAME[:30].to_csv(index=False).encode(),
        "nonmembers.csv": FRAME[30:].to_csv(index=False).encode(),
    }


SOUND = contents()


@st.composite
def described(draw: st.DrawFn) -> tuple[str, bool]:
    """The text of an audit file, and whether it asks for one cheap attack."""
    audit = {
        key: dict(value) if isinstance(value, dict) else value for key, value in draw(st.sampled_from(PLAIN)).items()
    }
    for _ in range(draw(st.integers(0, 2))):
        part = draw(st.sampled_from(["", "target", "data"]))
        inside = audit.get(part) if part else audit
        if not isinstance(inside, dict):
            continue
        key = draw(st.sampled_from(INNER[part]) if part else KEYS)
        if draw(st.booleans()) and draw(st.booleans()):
            inside.pop(key, None)
        else:
            inside[key] = draw(VALUES)
    text = yaml.safe_dump(audit, allow_unicode=True, sort_keys=False)
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(text)))
        text = (
            text[:at]
            + draw(st.sampled_from(["\t", ":", "- ", "&a ", "*a", "!!python/object:os.x ", "{", "\x00", "\n", "? "]))
            + text[at:]
        )
    return text, audit.get("attacks") == ["loss"]


@st.composite
def spoiled(draw: st.DrawFn) -> dict[str, bytes]:
    """Files, of which one or none is not as it should be."""
    files = dict(SOUND)
    name = draw(st.sampled_from(sorted(files)))
    content, how = files[name], draw(st.integers(0, 7))
    at = draw(st.integers(0, len(content)))
    if how == 0:
        files[name] = content[:at]
    elif how == 1 and at < len(content):
        files[name] = content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :]
    elif how == 2:
        files[name] = draw(st.binary(max_size=40))
    elif how == 3:
        del files[name]
    elif how == 4:
        files[name] = files[draw(st.sampled_from(sorted(files)))]
    elif how == 5 and name.endswith(".csv"):
        lines = content.decode().splitlines()
        row = draw(st.integers(0, len(lines) - 1))
        cells = lines[row].split(",")
        cells[draw(st.integers(0, 3))] = draw(WORDS | st.text(max_size=5) | st.floats().map(str))
        lines[row] = ",".join(cells[: draw(st.integers(1, 4))] if draw(st.booleans()) else cells)
        encoding = draw(st.sampled_from(["utf-8", "utf-16", "latin-1", "cp1252", "utf-8-sig"]))
        files[name] = "\n".join(lines).encode(encoding, "replace")
    elif how == 6:
        files["scores.npz"] = draw(_npz())
    return files


@st.composite
def _npz(draw: st.DrawFn) -> bytes:
    shape = draw(st.sampled_from([(1, 60), (60,), (2, 60), (1, 60, 2), (0, 60), (1, 0), (1, 1)]))
    dtype = draw(st.sampled_from([np.float64, np.float16, np.int8, complex, bool, "U3", "datetime64[s]"]))
    fill = draw(st.sampled_from([0, 1, -1]))
    keep = draw(st.sampled_from([KEEP[None], KEEP, KEEP[None].astype(int), np.ones((1, 60), bool), np.zeros((2, 60))]))
    y = draw(st.sampled_from([np.zeros(60, int), np.full(60, -1), np.full(60, 0.5), np.zeros(3), np.array(["a"] * 60)]))
    stream = io.BytesIO()
    name = draw(st.sampled_from(["scores", "logits", "other"]))
    np.savez(stream, **{name: np.full(shape, fill).astype(dtype), "keep": keep, "y": y})
    return stream.getvalue()


def check(audit: tuple[str, bool], files: dict[str, bytes]) -> int:
    """Audit, and hold the end of it against what is promised; the exit code."""
    text, cheap = audit
    with tempfile.TemporaryDirectory(prefix="divulge-fuzz-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        place = Path(folder)
        for name, content in files.items():
            (place / name).write_bytes(content)
        (place / "audit.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
        limit = [] if cheap else ["--minutes", "0.001"]
        ended = CliRunner().invoke(
            app, ["audit", str(place / "audit.yaml"), "--out", str(place / "runs"), "-q", "--no-cache", *limit]
        )
        assert ended.exception is None or isinstance(ended.exception, SystemExit), repr(ended.exception)
        assert ended.exit_code in CODES, ended.output
        assert "Traceback" not in ended.output, ended.output
        assert ended.exit_code != 2 or len(ended.stderr.strip().splitlines()) >= 1
        if ended.exit_code == 0:
            (found,) = (place / "runs").glob("*/findings.json")
            stored = json.loads(found.read_text())
            assert "not found" in stored["families"].values() and "leak" not in stored["families"].values()
            assert [each for each in stored["findings"] if each["p_value"] is not None]
        return ended.exit_code


QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


@given(described(), spoiled())
@settings(max_examples=100, derandomize=True, database=None, suppress_health_check=QUIET)
def test_whatever_is_audited_ends_in_words(audit, files):
    check(audit, files)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@given(described(), spoiled())
@settings(max_examples=2_000, derandomize=True, database=None, suppress_health_check=QUIET)
def test_two_thousand_audits_end_in_words(audit, files):
    check(audit, files)


@pytest.mark.parametrize("plain", PLAIN)
def test_what_is_as_it_should_be_is_examined(plain):
    assert check((yaml.safe_dump(plain), True), SOUND) in (0, 1)
