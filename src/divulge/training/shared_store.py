"""Cached things on object storage, beside the folder: what one machine has trained, another need not."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from typing import Any

from divulge.core.boundary.seals import KEY_VARIABLE
from divulge.core.boundary.secret import plain_address, without_secrets
from divulge.core.errors import MissingExtra, Notice, raised

VARIABLE = "DIVULGE_CACHE_STORE"
"""Of the environment: an address of fsspec, s3://bucket/divulge say."""


@dataclass
class SharedStore:
    """Sealed bytes by key under an address of fsspec.

    It is asked where the folder has nothing, and given whatever the folder is given.  What lies there is as trusted as
    the folder's: it counts only under this user's seal, so that machines which are to share it need one DIVULGE_KEY.
    A store that cannot be reached is without effect, and a Notice says so once.
    """

    address: str
    limit: int
    _files: Any = field(default=None, repr=False)
    _place: str = ""
    _broken: bool = False

    def read(self, key: str) -> bytes | None:
        """What lies under a key, seal and all; None where nothing does, or more than the cache may take."""
        if not self._opened():
            return None
        path = self._path(key)
        try:
            if int(self._files.info(path)["size"] or 0) > self.limit:
                return None
            return bytes(self._files.cat_file(path))
        except FileNotFoundError:
            return None
        except Exception as error:  # of whatever carries the address
            self._given_up(error)
            return None

    def write(self, key: str, stored: bytes) -> None:
        """Put it under its key, seal and all."""
        if self._opened():
            path = self._path(key)
            try:
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._files.pipe_file(path, stored)
            except Exception as error:  # of whatever carries the address
                self._given_up(error)

    def shown(self) -> str:
        """The address without user info and values; a folder as it is."""
        return plain_address(self.address) if "://" in self.address else self.address

    def _path(self, key: str) -> str:
        return f"{self._place}/{key[:2]}/{key[2:]}"

    def _opened(self) -> bool:
        if self._files is None and not self._broken:
            try:
                import fsspec

                files, place = fsspec.url_to_fs(self.address, use_listings_cache=False)
                self._files, self._place = files, str(place).rstrip("/")
            except ImportError:
                self._given_up(MissingExtra("fsspec", "storage"))
            except Exception as error:
                self._given_up(error)
        return not self._broken

    def _given_up(self, error: Exception) -> None:
        self._files, self._broken = None, True
        why = without_secrets(raised(error))
        warnings.warn(f"the shared cache {self.shown()} is not used: {why}", Notice, stacklevel=4)

    def __getstate__(self) -> dict[str, Any]:
        """Connections stay behind: each process opens its own."""
        return self.__dict__ | {"_files": None}


def default_store(limit: int) -> SharedStore | None:
    """That of DIVULGE_CACHE_STORE, if any; a Notice where no key is given that another machine could have."""
    address = os.environ.get(VARIABLE)
    if not address:
        return None
    if not os.environ.get(KEY_VARIABLE):
        warnings.warn(
            f"{VARIABLE} is set and {KEY_VARIABLE} is not: no other machine will know what this one puts there; set it "
            "to one secret on all of them",
            Notice,
            stacklevel=2,
        )
    return SharedStore(address, limit)
