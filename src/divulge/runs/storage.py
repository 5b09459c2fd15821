"""Runs on other machines and in object storage: a finished folder is pushed there, and pulled from there.

Addresses are those of fsspec: s3://bucket/runs, gs://..., abfs://..., sftp://..., memory://..., or a folder; what one
of them needs (s3fs, gcsfs, adlfs) says its own error.  What is pulled is a stranger's: names outside of the folder are
refused, its size is bounded, and every file is held against its checksum before the run appears.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from divulge.core.boundary.secret import plain_address, without_secrets
from divulge.core.errors import DivulgeError, InputError, MissingExtra, raised
from divulge.runs.files.whole_files import SUMS
from divulge.runs.folder import RunFolder

LAST = "complete.json"
"""Pushed after everything else: a run that has it is there whole."""

MOST_FILES, MOST_BYTES = 10_000, 4 * 1024**3


def push(run: Path, address: str) -> str:
    """Put a copy of a run under an address, in a folder of its name; where that is.

    Raises InputError where the run is damaged, where another run of that name is there, and where nothing can be
    written.  A run that has grown since is brought up to date.
    """
    held = RunFolder(run)
    held.facts()
    held.check()
    files, place = _opened(address)
    folder = f"{place.rstrip('/')}/{run.resolve().name}"
    whole = sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
    names = [name for name in whole if not name.endswith(".partial")]
    with _spoken(address):
        if _content(files, f"{folder}/run.json") not in (None, (run / "run.json").read_bytes()):
            raise InputError(f"{shown(address)} holds another run of the name {run.name}: name another folder")
        for name in sorted(names, key=lambda name: (name == LAST, name == SUMS, name)):
            files.makedirs(f"{folder}/{name}".rpartition("/")[0], exist_ok=True)
            files.pipe_file(f"{folder}/{name}", (run / name).read_bytes())
    return f"{address.rstrip('/')}/{run.resolve().name}"


def pull(address: str, into: Path) -> Path:
    """Bring a run here, into a folder of its name below `into`; its folder.

    Raises InputError where there is none, where it is damaged or too large, and where the folder exists.
    """
    files, place = _opened(address)
    name = PurePosixPath(place).name
    if name in ("", ".."):
        raise InputError(f"{shown(address)} names no run: give the address of its folder")
    final = into / name
    if final.exists():
        raise InputError(f"{final} exists already: name another folder with --out")
    with _spoken(address):
        sizes = _sizes(files, place, address)
    into.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=into, prefix=".pulled-"))
    try:
        with _spoken(address):
            for inner in sizes:
                path = partial / inner
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(files.cat_file(f"{place.rstrip('/')}/{inner}"))
        held = RunFolder(partial)
        _checked(held, address)
        partial.chmod(0o755)
        partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final


def pushed(address: str) -> list[dict[str, Any]]:
    """The runs under an address, by name: folder, verdict (empty where there is none yet) and whether complete."""
    files, place = _opened(address)
    rows = []
    with _spoken(address):
        found = files.ls(place, detail=False) if files.exists(place) else []
        for folder in sorted(str(each).rstrip("/") for each in found):
            if files.exists(f"{folder}/run.json"):
                row = {"folder": folder.rpartition("/")[2], "verdict": "", "complete": files.exists(f"{folder}/{LAST}")}
                rows.append(row | {"verdict": _verdict(_content(files, f"{folder}/findings.json"))})
    return rows


def shown(address: str) -> str:
    """An address without user info and values; a folder as it is."""
    return plain_address(address) if "://" in address else address


def _opened(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path there."""
    try:
        import fsspec
    except ImportError as error:
        raise MissingExtra("fsspec", "storage") from error
    with _spoken(address):
        files, place = fsspec.url_to_fs(address, use_listings_cache=False)
    return files, str(place)


def _sizes(files: Any, place: str, address: str) -> dict[str, int]:
    """The files of a run, by name, in bytes; raises InputError where that is none, or none that may be brought here."""
    found = {
        str(path)[len(place.rstrip("/")) + 1 :]: int(facts["size"] or 0)
        for path, facts in files.find(place, detail=True).items()
    }
    outside = [name for name in found if ".." in Path(name).parts or Path(name).is_absolute() or "\\" in name]
    if outside:
        raise InputError(f"{shown(address)} holds {outside[0]!r}, which lies outside of a run")
    if "run.json" not in found:
        raise InputError(f"{shown(address)} is not a run: it has no run.json")
    if len(found) > MOST_FILES or sum(found.values()) > MOST_BYTES:
        raise InputError(f"{shown(address)} is no run of divulge's: it has {len(found)} files, or over 4 GiB")
    return found


def _checked(held: RunFolder, address: str) -> None:
    """Raises InputError, which names the address rather than a folder that is about to vanish, for a damaged run."""
    try:
        held.facts()
        held.check()
    except InputError as error:
        words = str(error).replace(f"{held.path}/", "").removesuffix(": audit again")
        raise InputError(f"{shown(address)} is damaged, or is being pushed: {words}") from error


def _content(files: Any, path: str) -> bytes | None:
    try:
        return bytes(files.cat_file(path))
    except FileNotFoundError:
        return None


def _verdict(content: bytes | None) -> str:
    try:
        return str(json.loads(content or b"{}")["verdict"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


@contextmanager
def _spoken(address: str) -> Iterator[None]:
    """Whatever a file system raises is one line without secrets."""
    try:
        yield
    except DivulgeError:
        raise
    except Exception as error:
        raise InputError(f"{shown(address)} cannot be used: {without_secrets(raised(error))}") from error
