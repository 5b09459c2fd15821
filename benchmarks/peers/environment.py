"""A virtual environment for one peer, so that its requirements and divulge's never meet."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = Path(os.environ.get("DIVULGE_PEERS", Path.home() / ".cache" / "divulge-peers"))


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, made from peers/PEER.txt when there is none.

    Raises CalledProcessError where the registry cannot be reached.
    """
    folder = ENVIRONMENTS / peer
    python = folder / "bin" / "python"
    done = folder / ".made"
    wanted = (HERE / f"{peer}.txt").read_text()
    if not done.is_file() or done.read_text() != wanted:
        print(f"installing {peer} into {folder}", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for line in wanted.split("\n"):  # in order: torch goes first, lest a range be answered by a build with CUDA
            if line:
                subprocess.run([*pip, line], check=True, stdout=sys.stderr)
        done.write_text(wanted)
    return python


def run_attack(peer: str, script: str, given: Path, answer: Path) -> None:
    """Run peers/SCRIPT in the peer's environment; it reads arrays from `given` and writes arrays to `answer`."""
    subprocess.run([python_of(peer), HERE / script, given, answer], check=True, stdout=sys.stderr)
