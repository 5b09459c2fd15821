"""A prediction service behind a URL."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import stamina

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.threat import Access, Task
from divulge.targets.services.http_answers import PORTS, Understood, read, through, understand
from divulge.targets.services.http_bodies import PRESETS, Body, listed, predictions_in, request_of

LONGEST_WAIT = 60.0
"""Seconds that a service may ask to wait before the next try (Retry-After)."""

SAMPLE = 3


@dataclass(frozen=True)
class Service:
    """How a service is spoken to.

    url: where predictions are asked for.  headers: name of each header and of the environment variable that holds its
    value, which is read when it is needed and kept nowhere.  batch: records a request.  timeout: seconds.  tries: at
    each request, with growing pauses.  rate: requests a second at most.  concurrency: requests at a time.
    """

    url: str
    body: Body = PRESETS["fastapi"]
    headers: Mapping[str, str] = field(default_factory=dict)
    batch: int = 32
    timeout: float = 10.0
    tries: int = 5
    rate: float = 10.0
    concurrency: int = 2

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise InputError(
                f"target.url: {self.url!r} is no address: give the whole of it, http://127.0.0.1:8080/predict"
            )
        for name in ("batch", "timeout", "tries", "rate", "concurrency"):
            if getattr(self, name) <= 0:
                raise InputError(f"target.{name} is {getattr(self, name)}: it must be above 0")

    def secrets(self) -> dict[str, str]:
        """The headers' values; raises InputError for a variable that is not set."""
        lacking = next((v for v in self.headers.values() if v not in os.environ), None)
        if lacking is not None:
            raise InputError(f"target.headers: the environment variable {lacking} is not set")
        return {name: os.environ[variable] for name, variable in self.headers.items()}


class Busy(Exception):
    """A try that failed and may succeed later.  wait: seconds that the service asked for."""

    def __init__(self, told: str, wait: float | None = None) -> None:
        super().__init__(told)
        self.wait = wait


class HttpTarget:
    """A service as a target.  Every answer is kept on disk as it comes, so a crash, or a repeat, costs no query.

    classes: labels in the order of the service's scores.  cache: the file; None to keep nothing.
    """

    cacheable = False
    """Nobody can tell whether a service still runs the model that it ran."""

    def __init__(
        self,
        service: Service,
        *,
        classes: Sequence[Any] = (),
        task: Task = Task.CLASSIFICATION,
        name: str | None = None,
        cache: Path | None = None,
    ) -> None:
        self.service, self.classes, self._task = service, tuple(classes), task
        self._name = name or httpx.URL(service.url).host
        self._kept = Kept(cache) if cache is not None else None
        self._how: Understood | None = None
        self._lock, self._next = threading.Lock(), 0.0
        self.requests = 0

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return self._task

    @property
    def offers(self) -> frozenset[Access]:
        """What `meet` understood; nothing before."""
        return PORTS[self._how.form] if self._how is not None else frozenset()

    def meet(self, records: Records) -> Understood:
        """Send the first three records and understand the answers; raises TargetError where they mean nothing."""
        if self._how is None:
            asked = records.take(np.arange(min(SAMPLE, len(records))))
            answers = self._ask(asked)
            how = understand(answers, self._labels(records), self._task)
            read(answers, how, self._labels(records))
            self._how = how
        return self._how

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        how = self.meet(records)
        if access not in self.offers:
            raise TargetError(f"the service {self._name} has no port for {access.value}: it answers {how}")
        return through(access, read(self._ask(records), how, self._labels(records)), how.form)

    def fingerprint(self) -> str:
        """Of the address, of what is sent and of what is read; the model behind it cannot be seen."""
        body = self.service.body
        return digest(self.service.url, json.dumps(body.request, sort_keys=True), body.response)

    def _labels(self, records: Records) -> Sequence[Any]:
        return self.classes or records.schema.classes

    def _ask(self, records: Records) -> list[Any]:
        """One prediction a record, as it came; what is known is not asked for again."""
        about = json.dumps([records.schema.names, records.x.shape[1:]])  # the same values under other names are others
        keys = [digest(self.fingerprint(), about, json.dumps(row)) for row in listed(records)]
        known = self._kept.get(keys) if self._kept is not None else {}
        missing = [i for i, key in enumerate(keys) if key not in known]
        firsts = list({keys[i]: i for i in reversed(missing)}.values())[::-1]
        parts = [firsts[at : at + self.service.batch] for at in range(0, len(firsts), self.service.batch)]
        headers = self.service.secrets()
        with (
            httpx.Client(timeout=self.service.timeout, headers=headers) as client,
            ThreadPoolExecutor(self.service.concurrency) as pool,
        ):
            waiting = [pool.submit(self._predictions, client, records.take(np.array(part))) for part in parts]
            try:
                for part, ready in zip(parts, waiting, strict=True):
                    known |= self._keep(keys, part, ready.result())
            except BaseException:
                for part, ready in zip(parts, waiting, strict=True):
                    if not ready.cancel() and ready.exception() is None:
                        self._keep(keys, part, ready.result())
                raise
        return [known[key] for key in keys]

    def _keep(self, keys: Sequence[str], part: Sequence[int], predictions: Sequence[Any]) -> dict[str, Any]:
        """Put the predictions of one request on disk, at once: what was answered is never asked for again."""
        found = {keys[i]: p for i, p in zip(part, predictions, strict=True)}
        if self._kept is not None:
            self._kept.put(found)
        return found

    def _predictions(self, client: httpx.Client, records: Records) -> list[Any]:
        """Of one request, tried again while the service is busy."""
        content = request_of(self.service.body, records)
        try:
            for attempt in stamina.retry_context(
                on=_pause, attempts=self.service.tries, timeout=None, wait_initial=0.2, wait_max=10.0, wait_jitter=0.2
            ):
                with attempt:
                    return self._once(client, content, len(records))
        except Busy as error:
            raise TargetError(f"the service {self._name} {error}, {self.service.tries} times in a row") from error
        raise AssertionError("a retry context ends by returning or raising")

    def _once(self, client: httpx.Client, content: Any, count: int) -> list[Any]:
        self._keep_to_rate()
        try:
            response = client.post(self.service.url, json=content)
        except httpx.TimeoutException as error:
            raise Busy(f"gave no answer within {self.service.timeout:g} s") from error
        except httpx.TransportError as error:
            raise Busy(f"cannot be reached ({error or type(error).__name__})") from error
        if response.status_code == 429 or response.status_code >= 500:
            raise Busy(f"answered status {response.status_code}", _wait_of(response))
        if response.status_code >= 400:
            raise TargetError(f"the service {self._name} refused: {response.status_code} {response.text.strip()[:120]}")
        try:
            return predictions_in(self.service.body, response.json(), count)
        except ValueError as error:
            raise TargetError(f"the service {self._name} answered no JSON: {response.text.strip()[:80]!r}") from error

    def _keep_to_rate(self) -> None:
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + 1 / self.service.rate
            self.requests += 1
        time.sleep(max(0.0, start - now))


def _pause(error: Exception) -> bool | float:
    """Whether to try again, or after how many seconds."""
    if not isinstance(error, Busy):
        return False
    return True if error.wait is None else min(error.wait, LONGEST_WAIT)


def _wait_of(response: httpx.Response) -> float | None:
    told = response.headers.get("retry-after", "")
    return float(told) if told.replace(".", "", 1).isdigit() else None


class Kept:
    """Predictions by key, in a file of SQLite; each batch is on disk when `put` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._base = sqlite3.connect(path, check_same_thread=False)
        with self._lock, self._base:
            self._base.execute("create table if not exists answers (key text primary key, answer text)")

    def get(self, keys: Sequence[str]) -> dict[str, Any]:
        """What is known of these keys."""
        with self._lock:
            rows = [self._base.execute("select key, answer from answers where key = ?", (k,)).fetchone() for k in keys]
        return {row[0]: json.loads(row[1]) for row in rows if row is not None}

    def put(self, found: Mapping[str, Any]) -> None:
        """Keep these."""
        with self._lock, self._base:
            rows = [(key, json.dumps(value)) for key, value in found.items()]
            self._base.executemany("insert or replace into answers values (?, ?)", rows)
