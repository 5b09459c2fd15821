"""An attack in somebody else's installed package is found, listed and played."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent.parent / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "plugin"
    source.mkdir()
    for path in PLUGIN.iterdir():
        if path.is_file():
            (source / path.name).write_bytes(path.read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", folder, source],
        check=True,
        capture_output=True,
    )
    return folder


def divulge(installed, *arguments, cwd=None):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, "-m", "divulge.cli.app", *arguments], env=environment, capture_output=True, text=True, cwd=cwd
    )


def test_it_is_listed(installed):
    listed = json.loads(divulge(installed, "attacks", "--json").stdout)
    assert next(a for a in listed if a["name"] == "first_feature")["title"] == "First feature"


def test_it_is_played_by_name(installed, tmp_path):
    (tmp_path / "audit.yaml").write_text(
        "target: {kind: scores, path: t.npz}\nattacks: [{first_feature: {sign: -1}}, loss]\n"
    )
    import numpy as np

    rng = np.random.default_rng(0)
    keep = np.arange(200)[None] % 2 == 0
    np.savez(tmp_path / "t.npz", scores=rng.normal(size=(1, 200)), keep=keep, y=np.zeros(200, dtype=int))
    done = divulge(installed, "audit", "audit.yaml", cwd=tmp_path)
    assert "First feature" in done.stdout + done.stderr and done.returncode == 0, done.stderr
