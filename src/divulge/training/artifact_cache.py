"""A cache of bytes by content hash, on disk and below a size limit: models and their answers outlive a run."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from divulge.core.boundary.seals import SEAL_BYTES, is_sealed, seal
from divulge.core.errors import InputError, Notice
from divulge.core.identity import LIBRARIES
from divulge.training.shared_store import SharedStore, default_store

DEFAULT_LIMIT = 4 * 1024**3
TRIM_TO = 0.8
"""When the limit is passed, the things used longest ago are thrown away until this share of it is left."""


def default_folder() -> Path:
    """DIVULGE_CACHE, or divulge in the user's cache folder, wherever the system has that."""
    named = os.environ.get("DIVULGE_CACHE")
    return Path(named) if named else user_cache(sys.platform) / "divulge"


def user_cache(platform: str) -> Path:
    """The folder for caches of a user, by sys.platform: XDG_CACHE_HOME where that is set, else what is usual there."""
    folder = os.environ.get("XDG_CACHE_HOME")
    if folder:
        return Path(folder)
    if platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path.home() / ("Library/Caches" if platform == "darwin" else ".cache")


def default_limit() -> int:
    """DIVULGE_CACHE_LIMIT in bytes, or 4 GiB.  Raises InputError for something that is no number."""
    given = os.environ.get("DIVULGE_CACHE_LIMIT")
    if given is None:
        return DEFAULT_LIMIT
    if not given.isdigit():
        raise InputError(f"DIVULGE_CACHE_LIMIT is {given!r}: it must be a number of bytes, 4294967296 for 4 GiB say")
    return int(given)


ANSWERS = "services.sqlite"
"""The file for answers of services."""

_OURS = re.compile(rf"[0-9a-f]+|tmp\w+\.partial|{re.escape(ANSWERS)}(-\w+)?")

OTHERWISE = {"imblearn": "imbalanced-learn", "skimage": "scikit-image", "sklearn": "scikit-learn"}
"""Packages that are installed under another name."""


@cache
def code_version() -> str:
    """Content hash of divulge's own source and of the versions of the libraries that a model may be made of: what
    another version has computed is not used.
    """
    state = hashlib.blake2b(digest_size=8)
    root = Path(__file__).parent.parent
    for path in sorted(root.rglob("*.py")):
        state.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    for name in sorted(LIBRARIES):
        with contextlib.suppress(metadata.PackageNotFoundError):
            state.update(f"{name} {metadata.version(OTHERWISE.get(name, name))}\0".encode())
    return state.hexdigest()


@dataclass
class ArtifactCache:
    """Bytes by key (hexadecimal).  Every file appears whole or not at all, so several processes may share a cache.

    The folder is readable by its owner only: models of private data lie there, some of them as pickles.  So nothing is
    read that this user's divulge has not sealed under that very key, see core.boundary.seals: what is damaged, or was
    put there by somebody else, is as good as not there.  A folder that is another user's, or that others can write to,
    is not used at all, and a Notice says so.

    store: object storage that is asked where the folder has nothing, and given what the folder is given.
    """

    folder: Path
    limit: int = DEFAULT_LIMIT
    store: SharedStore | None = None
    _written: int = 0
    _ours: bool | None = None

    def read(self, key: str) -> bytes | None:
        """What lies under a key; None where nothing does, or nothing that is sealed.  Reading counts as use."""
        content = self._unsealed(key, self._here(key))
        if content is None and self.store is not None:
            content = self._unsealed(key, self.store.read(key))
            if content is not None:
                self._keep(key, content)
        return content

    def _here(self, key: str) -> bytes | None:
        path = self._path(key)
        if not self.ours():
            return None
        try:
            stored = path.read_bytes()
            os.utime(path)
        except (OSError, MemoryError):
            return None
        return stored

    @staticmethod
    def _unsealed(key: str, stored: bytes | None) -> bytes | None:
        """What was sealed under that key; None for anything else."""
        if stored is None:
            return None
        content = stored[SEAL_BYTES:]
        return content if is_sealed(content, stored[:SEAL_BYTES], "cache", key) else None

    def ours(self) -> bool:
        """Whether the folder may be used: it is this user's, and no one else can write to it; or is yet to be made."""
        if self._ours is None:
            self._ours = _is_ours(self.folder)
        return self._ours

    def write(self, key: str, content: bytes) -> None:
        """Put it under its key.  A full or read-only disk is no error: the cache is then without effect."""
        self._keep(key, content)
        if self.store is not None:
            self.store.write(key, seal(content, "cache", key) + content)

    def _keep(self, key: str, content: bytes) -> None:
        path = self._path(key)
        if not self.ours():
            return
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(seal(content, "cache", key))
                    stream.write(content)
                os.replace(partial, path)
            except OSError:
                Path(partial).unlink(missing_ok=True)
                raise
            self._written += len(content)
            if self._written > self.limit * (1 - TRIM_TO):
                self.trim()

    def usage(self) -> tuple[int, int]:
        """How many things lie here, and how many bytes they take."""
        sizes = [size for _, size, _ in self._things()]
        return len(sizes), sum(sizes)

    def trim(self) -> None:
        """Throw away what was used longest ago, if the limit is passed."""
        self._written = 0
        things = sorted(self._things())
        total = sum(size for _, size, _ in things)
        if total <= self.limit:
            return
        for _, size, path in things:
            if total <= self.limit * TRIM_TO:
                break
            path.unlink(missing_ok=True)
            total -= size

    def clear(self) -> None:
        """Throw everything away."""
        for _, _, path in self._things():
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]

    def _things(self) -> Iterator[tuple[float, int, Path]]:
        """What the cache has put here, and nothing that lies behind a link, or that its owner put beside it."""
        with contextlib.suppress(OSError):  # no folder, or none that can be read
            folders = [path for path in self.folder.glob("[0-9a-f][0-9a-f]") if not path.is_symlink()]
            for path in (*(p for folder in folders for p in folder.glob("*")), *self.folder.glob(f"{ANSWERS}*")):
                facts = path.lstat()
                if stat.S_ISREG(facts.st_mode) and _OURS.fullmatch(path.name):
                    yield facts.st_mtime, facts.st_size, path


def _is_ours(folder: Path) -> bool:
    """See ArtifactCache.ours.  Systems without owners of files in this sense keep caches apart by themselves."""
    if not hasattr(os, "geteuid"):
        return True
    try:
        facts = folder.stat()
    except OSError:  # not there yet, or out of reach: writing will tell
        return True
    cure = None
    if facts.st_uid != os.geteuid():
        cure = "is another user's"
    elif facts.st_mode & 0o022:
        cure = "can be written to by others (chmod go-w)"
    if cure is None:
        return True
    warnings.warn(
        f"the cache {folder} {cure}: it is not used, since models from it would be taken for yours; set DIVULGE_CACHE "
        "to a folder of your own",
        Notice,
        stacklevel=2,
    )
    return False


def default_cache() -> ArtifactCache:
    """The cache that every run shares unless told otherwise."""
    limit = default_limit()
    return ArtifactCache(default_folder(), limit, default_store(limit))
