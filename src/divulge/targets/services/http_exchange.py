"""One question to a service and its answer, within limits that hold from the first byte, whoever answers."""

from __future__ import annotations

import logging
import re
import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from divulge.core.boundary.secret import Redactor, plain_address
from divulge.core.errors import InputError, TargetError, raised
from divulge.core.wording import one_line

LOGGERS = ("httpcore.connection", "httpcore.http11", "httpcore.proxy")
FOLLOWED, OTHERS = (307, 308), (301, 302, 303)
MOST_REDIRECTS = 3
LONGEST = 86_400.0
"""Seconds that a whole answer may take, whatever was asked for: systems do not know how to wait for ever."""
PART = 64 * 1024
MOST_COMPLAINT = 8 * 1024
"""Bytes of an answer that refuses: what is longer is not read."""


class Busy(Exception):
    """A try that failed and may succeed later.  wait: seconds that the service asked for."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class TooMany(TargetError):
    """A request that was refused since it holds too many records."""


OF_MANY = re.compile(r"batch|too (many|large|big|long)|at most|max|limit|exceed", re.IGNORECASE)
"""Words of a service that refuses a request by its size."""


@dataclass(frozen=True)
class Limits:
    """Of one answer.  seconds: from the first byte that is sent to the last that is read.  size: bytes, as sent and
    unpacked.
    """

    seconds: float
    size: int


@dataclass(frozen=True)
class HttpAnswer:
    """headers: by their names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Clock(threading.local):
    """When the question that this thread has asked must be answered, and how many bytes may still come."""

    ends = float("inf")
    left = 0

    def timeout(self) -> float:
        """Seconds that are left; raises ReadTimeout where none are."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left


class _Stream(httpcore.NetworkStream):
    """A connection on which no single wait is longer than what is left of the whole."""

    def __init__(self, inner: httpcore.NetworkStream, clock: _Clock) -> None:
        self._inner, self._clock = inner, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        part = self._inner.read(max_bytes, self._clock.timeout())
        self._clock.left -= len(part)
        if self._clock.left < 0:
            raise _TooLarge
        return part

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for at in range(0, len(buffer), PART):
            self._inner.write(buffer[at : at + PART], self._clock.timeout())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, self._clock.timeout()), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """What opens such connections."""

    def __init__(self, clock: _Clock) -> None:
        self._clock, self._plain = clock, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._plain.connect_tcp(host, port, self._clock.timeout(), local_address, socket_options)
        return _Stream(stream, self._clock)


class _TooLarge(Exception):
    """More bytes came than an answer may have."""


@dataclass
class Exchange:
    """Connections to one service.

    address: whole, with its secrets.  headers: with their values.  allowed: other addresses, scheme, host and port,
    that a redirect may lead to, https://models.example:8443 say.  redactor: what the service says is cleaned by.
    """

    address: str
    headers: Mapping[str, str]
    limits: Limits
    redactor: Redactor
    allowed: tuple[str, ...] = ()
    _clock: _Clock = field(default_factory=_Clock)
    _pools: dict[str, httpcore.ConnectionPool] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Exchange:
        for name in LOGGERS:
            logging.getLogger(name).addFilter(self._unsaid)
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools.values():
            pool.close()
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(self._unsaid)

    def post(self, content: bytes) -> HttpAnswer:
        """What the service answers.  Raises Busy where it may be asked again, TargetError where that is of no use."""
        self._clock.ends = time.monotonic() + min(self.limits.seconds, LONGEST)
        try:
            return self._followed(content)
        except httpcore.TimeoutException:
            raise Busy(f"gave no answer within {self.limits.seconds:g} s") from None
        except (httpcore.NetworkError, httpcore.RemoteProtocolError, httpcore.ProxyError, OSError) as error:
            raise Busy(f"cannot be reached ({self.said(str(error) or type(error).__name__)})") from None
        except _TooLarge:
            raise TargetError(f"answered more than {self.limits.size:,} bytes: raise `most_bytes` if it may") from None
        except (TargetError, Busy):
            raise
        except Exception as error:
            raise TargetError(f"could not be asked: {self.said(raised(error))}") from None

    def said(self, text: str | bytes, most: int = 120) -> str:
        """What a service says in one line, without secrets; they are taken out before anything is cut off."""
        if isinstance(text, bytes):
            text = text[:MOST_COMPLAINT].decode("utf-8", "replace")
        return one_line(self.redactor.clean(text[:MOST_COMPLAINT]), most)

    def _followed(self, content: bytes) -> HttpAnswer:
        address = httpx.URL(self.address)
        for _ in range(MOST_REDIRECTS + 1):
            answered = self._asked(address, content)
            if answered.status not in (*FOLLOWED, *OTHERS):
                return answered
            address = self._moved(answered, address)
        raise TargetError(f"answered with more than {MOST_REDIRECTS} redirects")

    def _moved(self, answered: HttpAnswer, before: httpx.URL) -> httpx.URL:
        """Where a redirect leads; raises TargetError where it must not be followed."""
        given = answered.headers.get("location", "")
        after = before.join(given)
        shown = self.said(plain_address(str(after))) if given else "nowhere"
        if answered.status in OTHERS or not given:
            raise TargetError(f"answered with a redirect ({answered.status}) to {shown}: correct `url`")
        if _origin(after) != _origin(before) and _origin(after) not in {_origin(httpx.URL(a)) for a in self.allowed}:
            raise TargetError(f"sends its questions to another address, {shown}: name that in `redirects` if it may")
        return after

    def _asked(self, address: httpx.URL, content: bytes) -> HttpAnswer:
        self._clock.left = self.limits.size + MOST_COMPLAINT * 16  # headers and the framing of parts
        headers = {
            "Host": address.netloc.decode("ascii"),
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Content-Type": "application/json",
            "User-Agent": "divulge",
        }
        if address.userinfo and not any(name.lower() == "authorization" for name in self.headers):
            headers["Authorization"] = _basic(address)
        raw = [*headers.items(), *self.headers.items(), ("Content-Length", str(len(content)))]
        bare = str(address.copy_with(userinfo=b"", fragment=None))
        encoded = [(name.encode("ascii"), value.encode("utf-8")) for name, value in raw]
        with self._pool(address).stream("POST", bare, headers=encoded, content=content) as response:
            answers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            if response.status >= 400:
                return HttpAnswer(response.status, answers, _begun(response.iter_stream()))
            body = _unpacked(response.iter_stream(), answers.get("content-encoding", ""), self.limits.size)
            return HttpAnswer(response.status, answers, body)

    def _pool(self, address: httpx.URL) -> httpcore.ConnectionPool:
        """Through the proxy that the environment names, where it names one."""
        proxies = getproxies()
        proxy = proxies.get(address.scheme) or proxies.get("all")
        through = proxy if proxy and not proxy_bypass(address.host) else ""
        with self._lock:
            if through not in self._pools:
                made: dict[str, Any] = {"network_backend": _Backend(self._clock), "max_connections": None}
                if address.scheme == "https":
                    made["ssl_context"] = httpx.create_ssl_context()
                if through:
                    made["proxy"] = _proxy(through)
                self._pools[through] = httpcore.ConnectionPool(**made)
            return self._pools[through]

    def _unsaid(self, record: logging.LogRecord) -> bool:
        """A filter of logs: answers, and the questions of others, may repeat what must not be printed."""
        record.msg, record.args = self.redactor.clean(record.getMessage()), ()
        return True


def _proxy(address: str) -> httpcore.Proxy:
    """Raises TargetError for what is no address of a proxy."""
    try:
        found = httpx.URL(address)
        if not found.host or found.scheme not in ("http", "https", "socks5", "socks5h"):
            raise ValueError
    except (httpx.InvalidURL, ValueError):
        raise TargetError(
            "cannot be asked: the environment names a proxy that is no address: correct the variable HTTP_PROXY, "
            "HTTPS_PROXY or ALL_PROXY, or name the host in NO_PROXY"
        ) from None
    auth = (unquote(found.username), unquote(found.password)) if found.userinfo else None
    return httpcore.Proxy(str(found.copy_with(userinfo=b"")), auth=auth)


def _origin(address: httpx.URL) -> tuple[str, str, int | None]:
    return address.scheme, address.host, address.port or {"http": 80, "https": 443}.get(address.scheme)


def _basic(address: httpx.URL) -> str:
    import base64

    pair = f"{unquote(address.username)}:{unquote(address.password)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _begun(parts: Iterable[bytes]) -> bytes:
    """The beginning of a body."""
    found = bytearray()
    for part in parts:
        found += part
        if len(found) >= MOST_COMPLAINT:
            break
    return bytes(found[:MOST_COMPLAINT])


def _unpacked(parts: Iterable[bytes], encoding: str, most: int) -> bytes:
    """A body, decompressed piece by piece so that a small one that grows large is noticed; raises TargetError."""
    name = encoding.strip().lower()
    if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise TargetError(f"answered in the encoding {one_line(encoding, 40)!r}, which it was not asked for")
    found = bytearray()
    unpacker = None
    for part in parts:
        if name in ("", "identity"):
            found += part
        else:
            if unpacker is None:
                unpacker = zlib.decompressobj(47 if name != "deflate" or part[:1] == b"\x78" else -15)
            try:
                found += unpacker.decompress(part, most + 1 - len(found))
            except zlib.error:
                raise TargetError(f"answered with what is no {name}") from None
        if len(found) > most:
            raise _TooLarge
    if unpacker is not None and not unpacker.eof:
        raise TargetError(f"answered with {name} that breaks off")
    return bytes(found)


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """What Retry-After asks for, in seconds or as a date; None where it says neither."""
    given = headers.get("retry-after", "").strip()
    if given.isascii() and given.replace(".", "", 1).isdigit() and len(given) < 12:
        return float(given)
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, IndexError, OSError):
        return None


def checked_origins(addresses: Iterable[str]) -> tuple[str, ...]:
    """Raises InputError for what is no scheme, host and port."""
    found = tuple(addresses)
    for address in found:
        if not address.startswith(("http://", "https://")):
            raise InputError(f"target.redirects: {plain_address(address)!r} is no address: https://other.example say")
    return found
