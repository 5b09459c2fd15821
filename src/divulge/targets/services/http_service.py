"""How a service is spoken to: its address, its account, and the limits that its answers must keep to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote
from urllib.request import getproxies

import httpx

from divulge.core.boundary.secret import HIDDEN, VARIABLE, Secret, plain_address, variables_in
from divulge.core.errors import InputError
from divulge.core.hashing import digest
from divulge.targets.services.http_bodies import PRESETS, Body
from divulge.targets.services.http_exchange import checked_origins

_HEADER, _NO_VALUE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[\x00-\x08\n-\x1f\x7f]")


SLOWEST = 1 / 3600
"""Requests a second below which nobody waits for an answer."""


@dataclass(frozen=True)
class Service:
    """How a service is spoken to.

    url: where predictions are asked for; ${NAME} in it, and in texts of the body, stands for an environment variable.
    headers: name of each header and of the environment variable that holds its value.  What comes from there is read
    when it is needed, kept nowhere, and taken out of whatever the service says.  batch: records a request.  timeout:
    seconds for a whole answer.  tries: at each request, with growing pauses.  rate: requests a second at most.
    concurrency: requests at a time.  most_bytes: of one answer, unpacked.  most_records: that are sent in all, counting
    every one that is sent again; None for as many as the audit needs.  redirects: other addresses (scheme, host and
    port) that the service may send its questions on to.  version_header: the header that tells which model answers;
    those in use for it are looked for when it is not given.
    Raises InputError for an address or a limit that is none.
    """

    url: str | Secret
    body: Body = PRESETS["fastapi"]
    headers: Mapping[str, str] = field(default_factory=dict)
    batch: int = 32
    timeout: float = 10.0
    tries: int = 5
    rate: float = 10.0
    concurrency: int = 2
    most_bytes: int = 32 * 1024**2
    most_records: int | None = None
    redirects: tuple[str, ...] = ()
    version_header: str | None = None

    def __post_init__(self) -> None:
        url = self.url if isinstance(self.url, Secret) else Secret(self.url)
        object.__setattr__(self, "url", url)
        object.__setattr__(self, "redirects", checked_origins(self.redirects))
        shown = self.place
        if HIDDEN in url.reveal():
            raise InputError(
                f"target.url: {shown} has lost its secret, which a run does not keep: name the audit file as well, "
                "divulge audit AUDIT.yaml --resume RUN, or write ${NAME} of an environment variable in the address"
            )
        try:
            whole = url.reveal().startswith(("http://", "https://")) and bool(httpx.URL(url.reveal()).host)
        except (httpx.InvalidURL, ValueError):
            whole = False
        if not whole:
            raise InputError(
                f"target.url: {shown!r} is no address: give the whole of it, http://127.0.0.1:8080/predict"
            )
        for name in ("batch", "timeout", "tries", "rate", "concurrency", "most_bytes", "most_records"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"target.{name} is {value}: it must be above 0")
        if self.rate < SLOWEST:
            raise InputError(
                f"target.rate is {self.rate:g}: it is requests a second, and an audit at less than one an hour does "
                "not end; most_records limits how many records are sent in all"
            )

    @property
    def _template(self) -> str:
        assert isinstance(self.url, Secret)
        return self.url.reveal()

    @property
    def place(self) -> str:
        """The address without its secrets."""
        return plain_address(self._template)

    def address(self) -> Secret:
        """The whole address; raises InputError for a variable that is not set."""
        return Secret(VARIABLE.sub(lambda found: _variable(found[1], "url"), self._template))

    def secrets(self) -> dict[str, Secret]:
        """The headers' values; raises InputError for a variable that is not set, or that no header can hold."""
        found = {name: Secret(_variable(variable, "headers")) for name, variable in self.headers.items()}
        for name, secret in found.items():
            if not _HEADER.fullmatch(name) or _NO_VALUE.search(secret.reveal()):
                raise InputError(
                    f"target.headers: {name} has characters that no header holds, the end of a line say: correct the "
                    f"variable {self.headers[name]}"
                )
        return found

    def request(self) -> Any:
        """The JSON of the body, with what comes from the environment."""
        return _filled(self.body.request)

    def hidden(self) -> list[Secret]:
        """Everything that must not be printed."""
        url = self.address().reveal()
        found = [*self.secrets().values(), *(Secret(text) for text in _environment(self.body.request))]
        user, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
        if at:
            found += [Secret(part) for text in (user, unquote(user)) for part in (text, *text.split(":"))]
        query = url.partition("?")[2].partition("#")[0]
        for part in query.split("&"):
            found += [Secret(part.partition("=")[2])]
        found += [Secret(value) for _, value in parse_qsl(query)]
        for proxy in getproxies().values():  # of whom a proxy, or what lies behind it, may tell as well
            account = proxy.rpartition("@")[0].rpartition("//")[2]
            found += [Secret(part) for text in (account, unquote(account)) for part in (text, text.partition(":")[2])]
        return [secret for secret in found if secret.reveal()]

    def fingerprint(self) -> str:
        """Of the address, and of what in it must not be printed only what takes long to guess from."""
        shown = self.place
        return shown if shown == self._template or VARIABLE.search(self._template) else digest(shown, self._trace())

    def _trace(self) -> str:
        assert isinstance(self.url, Secret)
        return self.url.trace()

    def account(self) -> str:
        """Whose answers these are: two accounts at one address may be answered by two models."""
        parts = [f"{name.lower()}={secret.trace()}" for name, secret in sorted(self.secrets().items())]
        return digest(
            self.address().trace(), *parts, *(Secret(text).trace() for text in _environment(self.body.request))
        )


def _variable(name: str, where: str) -> str:
    if name not in os.environ:
        raise InputError(f"target.{where}: the environment variable {name} is not set")
    return os.environ[name]


def _filled(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {key: _filled(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value) for value in part]
    return VARIABLE.sub(lambda found: _variable(found[1], "request"), part) if isinstance(part, str) else part


def _environment(part: Any) -> Iterator[str]:
    """What the environment puts into a body."""
    return (_variable(name, "request") for name in variables_in(part))
