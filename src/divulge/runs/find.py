"""Which folder is meant: a run by its path, by its short name, or as the latest one."""

from __future__ import annotations

import contextlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

from divulge.core.errors import InputError
from divulge.core.wording import counted

RUNS = Path("divulge-runs")
"""Where runs go unless told otherwise, below the working directory."""

LATEST = "latest"
MOST_OF_A_NAME = 80
"""Characters of an audit's name in the name of its folder: a file system takes 255 bytes."""

_STAMP = re.compile(r"^\d{8}-\d{6}-")


def runs_in(root: Path) -> list[Path]:
    """The runs below a folder, oldest first."""
    found = (path.parent for path in root.glob("*/run.json") if path.is_file())
    return sorted(found, key=lambda run: (_started(run), run.name))


def run_at(given: Path | str, root: Path | None = None) -> Path:
    """The folder of a run.

    given: the folder itself; `latest`, or FOLDER/latest; or a name under `root`, whole or without its time, when the
    newest run of that name is meant.  root: ./divulge-runs when not given.
    Raises InputError for a folder of several runs, which says what to do; a path that is nothing is given back.
    """
    path, root = Path(given), RUNS if root is None else root
    if (path / "run.json").is_file():
        return path
    if path.name == LATEST:
        folder = root if len(path.parts) == 1 else path.parent
        found = runs_in(folder)
        if not found:
            raise InputError(f"there is no latest run: {folder} holds none (looked in {folder.absolute()})")
        return found[-1]
    if len(path.parts) == 1:
        named = [run for run in runs_in(root) if path.name in _names(run)]
        if named:
            return named[-1]
    runs = runs_in(path)
    if runs:
        raise InputError(
            f"{path} is not a run, but holds {counted(len(runs), 'run')}: name one of them, {runs[-1]} say, or "
            f"{path}/latest"
        )
    return path


def _names(run: Path) -> set[str]:
    """What a run is called: its folder's name, without its time, and without the number of a second one."""
    bare = _STAMP.sub("", run.name)
    return {run.name, bare, re.sub(r"-\d+$", "", bare)}


def _started(run: Path) -> str:
    """When it began, as text that sorts; nothing for a run whose file is damaged."""
    try:
        return str(json.loads((run / "run.json").read_text(encoding="utf-8"))["provenance"]["started"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def named_in_unicode(path: Path) -> Path:
    """The path; raises InputError where its name is no UTF-8, as no file of a run, nor a report, could hold it."""
    whole = str(path.absolute())
    try:
        whole.encode()
    except UnicodeEncodeError:
        raise InputError(f"{whole} is not UTF-8: give the file, or the folder, another name") from None
    return path


def new_folder(root: Path, name: str) -> Path:
    """A new folder under `root`, by time and name, which nobody else is given; raises InputError where none can be
    made.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:MOST_OF_A_NAME].strip("-") or "audit"
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    named_in_unicode(root)
    for number in range(1, 1000):
        folder = root / (f"{stamp}-{slug}" if number == 1 else f"{stamp}-{slug}-{number}")
        try:
            root.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except FileExistsError:
            if root.is_dir():
                continue
            raise InputError(f"{root} is a file: name another folder for runs with --out") from None
        except OSError as error:
            raise InputError(f"{root} cannot be written to ({error.strerror}): name another with --out") from error
        return folder
    raise InputError(f"{root} has a thousand runs of this second: choose another folder")


def discard_empty(folder: Path) -> None:
    """Take a folder away again into which nothing was written."""
    with contextlib.suppress(OSError):
        folder.rmdir()
