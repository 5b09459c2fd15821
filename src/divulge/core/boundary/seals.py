"""Seals: whether bytes that lie on a disk are those that this user's divulge put there.

What may run code when it is read (a model as a pickle, the audit file of a run) is sealed with a key that lies neither
in the cache nor in a run's folder: whoever can write there, but not read the key, cannot put anything in its place.  A
seal is a checksum as well, so what was cut short or has a bit flipped has none.  HMAC as in RFC 2104, with SHA-256.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import sys
import tempfile
from functools import cache
from pathlib import Path

KEY_BYTES = 32
SEAL_BYTES = 32
KEY_VARIABLE = "DIVULGE_KEY"
"""Of the environment: a secret of one's own, for caches and runs that several machines are to share."""


def user_settings(platform: str) -> Path:
    """The folder for settings of a user, by sys.platform: XDG_CONFIG_HOME where that is set, else what is usual there.

    Raises RuntimeError where nobody knows the user's home.
    """
    configured = os.environ.get("XDG_CONFIG_HOME")
    if configured:
        return Path(configured)
    if platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    return Path.home() / ("Library/Application Support" if platform == "darwin" else ".config")


def seal(content: bytes, *about: str) -> bytes:
    """The seal of some bytes, SEAL_BYTES long.  about: what they are, so that one thing does not pass for another."""
    named = b"\0".join(part.encode() for part in about)
    state = hmac.new(_key(os.environ.get(KEY_VARIABLE)), len(named).to_bytes(8, "big") + named, "sha256")
    state.update(content)
    return state.digest()


def is_sealed(content: bytes, found: bytes, *about: str) -> bool:
    """Whether a seal is that of these bytes, by this user's key."""
    return hmac.compare_digest(found, seal(content, *about))


@cache
def _key(said: str | None) -> bytes:
    """The key: of the environment, else from the user's settings, where it is made once; else one for this process
    alone, with which nothing that was sealed before is known again.
    """
    if said:
        return said.encode()
    with contextlib.suppress(OSError, RuntimeError):
        path = user_settings(sys.platform) / "divulge" / "key"
        return _read(path) or _made(path) or secrets.token_bytes(KEY_BYTES)
    return secrets.token_bytes(KEY_BYTES)


def _read(path: Path) -> bytes | None:
    """The key in a file; None where there is none, or others can read or write it."""
    if not path.is_file():
        return None
    facts = path.stat()
    if hasattr(os, "geteuid") and (facts.st_uid != os.geteuid() or facts.st_mode & 0o077):
        return None
    found = path.read_bytes()
    return found if len(found) == KEY_BYTES else None


def _made(path: Path) -> bytes | None:
    """A new key in a file that appears whole, unless another process is quicker: then that one's."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, partial = tempfile.mkstemp(dir=path.parent)  # which its owner alone can read
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)
    finally:
        Path(partial).unlink(missing_ok=True)
    return _read(path)
