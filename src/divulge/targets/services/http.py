"""A prediction service behind a URL."""

from __future__ import annotations

import json
import random
import threading
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from divulge.core.boundary.secret import Redactor
from divulge.core.errors import Notice, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.threat import Access, Task
from divulge.core.wording import counted
from divulge.targets.batches import Batches
from divulge.targets.services.http_answers import PORTS, Understood, apart, read, through, understand
from divulge.targets.services.http_bodies import listed, predictions_in, request_of
from divulge.targets.services.http_exchange import OF_MANY, Busy, Exchange, Limits, TooMany, seconds_to_wait
from divulge.targets.services.http_json import NoJson, parsed
from divulge.targets.services.http_kept import Identity, KeptAnswers
from divulge.targets.services.http_service import Service

LONGEST_WAIT = 60.0
"""Seconds that a service may ask to wait before the next try (Retry-After)."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0

SAMPLE = 3
BETWEEN_PROBES = 20
"""Requests after which the first records are asked about again."""

NOISE = 5e-3
"""Probability by which two answers to one record may differ: what arithmetic explains."""

VERSION_HEADERS = ("model-version", "x-model-version", "x-served-model-version")


class HttpTarget:
    """A service as a target.  Every answer is kept on disk as it comes, so a crash, or a repeat, costs no query, until
    the service answers the first records otherwise than it did, names another version of its model, or a month is over.

    classes: labels in the order of the service's scores.  cache: the file; None to keep them no longer than the target.
    met_with: the records that it was met with.  drift: what changed while it was asked, in words.  replaced: the day
    since which it answered otherwise than now; both empty where nothing did.  requests, sent: how many, and records in
    them.
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
        self._name = name or httpx.URL(service.address().reveal()).host
        self._cache = cache
        self._how: Understood | None = None
        self.batches = Batches()
        self._lock, self._next, self._stop = threading.Lock(), 0.0, threading.Event()
        self.requests = self.sent = self._probed = 0
        self.met_with: Records | None = None
        self._first: list[Any] = []
        self._wobble, self._down, self._version, self._tag = 0.0, False, "", ""
        self.drift = self.replaced = ""
        self._fresh: set[str] = set()
        self._verified, self._began = False, time.time()

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
            sample = records.take(np.arange(min(SAMPLE, len(records))))
            answers = self._send(sample)
            how = understand(answers, self._labels(records), self._task)
            read(answers, how, self._labels(records))
            self._how, self.met_with, self._first = how, sample, answers
            self._probed = self.requests
            self._recognize()
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
        return digest(self.service.fingerprint(), json.dumps(body.request, sort_keys=True), body.response)

    def provenance_note(self) -> str:
        """For the report."""
        version = f", model version {self._version}" if self._version else ""
        since = self._kept.since() if self._cache is not None else ""
        kept = f"; answers are kept since {since}" if since else ""
        what = f"{counted(self.requests, 'request')} with {counted(self.sent, 'record')}"
        return f"the service {self.service.place}{version}: {what}, those sent again included{kept}"

    def wobble(self) -> float:
        """How far apart two answers to the same records are when they are asked for one after the other: probability,
        share of a value, 1 for another label.
        """
        if self.met_with is not None and self.requests:
            self._wobble = self._apart(self.met_with, self._first, self._send(self.met_with))
            self._probed = self.requests
        return self._wobble

    def recheck(self) -> str:
        """Ask about the first records once more; what has changed since, in words, or nothing."""
        if not self.drift and self.met_with is not None and self.requests > self._probed:
            again = self._send(self.met_with)
            self._probed = self.requests
            far = self._apart(self.met_with, self._first, again)
            if far > max(NOISE, 3 * self._wobble):
                self._changed(f"the first {len(self.met_with)} records got other answers later than at first")
        return self.drift

    def _labels(self, records: Records) -> Sequence[Any]:
        return self.classes or records.schema.classes

    @cached_property
    def _kept(self) -> KeptAnswers:
        return KeptAnswers(self._cache, self._whose)

    @cached_property
    def _whose(self) -> str:
        return digest(self.fingerprint(), self.service.account())

    def _keys(self, records: Records) -> list[str]:
        about = json.dumps([records.schema.names, records.x.shape[1:]])  # the same values under other names are others
        return [digest(self._whose, about, json.dumps(row)) for row in listed(records)]

    def _recognize(self) -> None:
        """Whether this is the service whose answers are kept: by the version that it names, by the ETag and the content
        of its answer to the first records.
        """
        assert self.met_with is not None
        keys, now = self._keys(self.met_with), Identity(self._version, self._tag)
        before = self._kept.identity()
        if before is not None and (before.version != now.version or (before.tag and now.tag and before.tag != now.tag)):
            self._forget()
        self._compare(self.met_with, keys, self._first)
        self._kept.meet(now)
        self._keep(keys, range(len(keys)), self._first)

    def _compare(self, records: Records, keys: Sequence[str], now: Sequence[Any]) -> None:
        """Forget what is kept where the same records are answered otherwise now."""
        old = self._kept.get(keys)
        both = [place for place, key in enumerate(keys) if key in old]
        if both:
            some, said = records.take(np.array(both)), [now[place] for place in both]
            if self._apart(some, [old[keys[place]] for place in both], said) > NOISE:
                self._forget()
            self._verified = True

    def _forget(self) -> None:
        since, number = self._kept.since(), self._kept.forget()
        if number:
            self.replaced = since
            warnings.warn(
                f"the service {self._name} is not the one that answered since {since}: "
                f"{counted(number, 'kept answer')} of it were thrown away",
                Notice,
                stacklevel=2,
            )

    def _apart(self, records: Records, one: Sequence[Any], other: Sequence[Any]) -> float:
        """How far two sets of answers to the same records are apart; infinitely where one of them is none."""
        try:
            assert self._how is not None
            tables = [read(answers, self._how, self._labels(records)) for answers in (one, other)]
        except TargetError:
            return float("inf")
        return apart(tables[0], tables[1], self._how.form)

    def _changed(self, what: str) -> None:
        with self._lock:
            self.drift = self.drift or what
        self._kept.forget(self._began)

    def _ask(self, records: Records) -> list[Any]:
        """One prediction a record, as it came; what is known is not asked for again."""
        if self.drift:
            raise TargetError(f"the service {self._name} has changed while it was asked: {self.drift}")
        keys = self._keys(records)
        known = self._known(records, keys)
        missing = [i for i, key in enumerate(keys) if key not in known]
        firsts = list({keys[i]: i for i in reversed(missing)}.values())[::-1]
        parts = [firsts[at : at + self.service.batch] for at in range(0, len(firsts), self.service.batch)]
        self._stop = threading.Event()
        with self._exchange() as exchange, ThreadPoolExecutor(self.service.concurrency) as pool:
            waiting = [pool.submit(self._predictions, exchange, records.take(np.array(part))) for part in parts]
            try:
                for part, ready in zip(parts, waiting, strict=True):
                    known |= self._keep(keys, part, ready.result())
            except BaseException:
                self._stop.set()
                for part, ready in zip(parts, waiting, strict=True):
                    if not ready.cancel() and ready.exception() is None:
                        self._keep(keys, part, ready.result())
                raise
        if self.drift or (self.requests - self._probed >= BETWEEN_PROBES and self.recheck()):
            raise TargetError(f"the service {self._name} has changed while it was asked: {self.drift}")
        return [known[key] for key in keys]

    def _known(self, records: Records, keys: Sequence[str]) -> dict[str, Any]:
        """What is kept.  Before answers of an earlier day are used, a few of them are asked for again."""
        known = self._kept.get(keys)
        old = [place for place, key in enumerate(keys) if key in known and key not in self._fresh][:SAMPLE]
        if old and not self._verified:
            some = records.take(np.array(old))
            now = self._send(some)
            self._compare(some, [keys[place] for place in old], now)
            self._keep(keys, old, now)
            known = self._kept.get(keys)
        return known

    def _keep(self, keys: Sequence[str], part: Sequence[int], predictions: Sequence[Any]) -> dict[str, Any]:
        """Put the predictions of one request on disk, at once: what was answered is never asked for again."""
        found = {keys[i]: p for i, p in zip(part, predictions, strict=True)}
        if not self.drift:
            self._kept.put(found)
            self._fresh |= set(found)
        return found

    def _exchange(self) -> Exchange:
        service = self.service
        headers = {name: secret.reveal() for name, secret in service.secrets().items()}
        limits = Limits(service.timeout, service.most_bytes)
        return Exchange(service.address().reveal(), headers, limits, self._redactor, service.redirects)

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor(self.service.hidden())

    def _send(self, records: Records) -> list[Any]:
        """The answers of now."""
        self._stop = threading.Event()
        with self._exchange() as exchange:
            return self._predictions(exchange, records)

    def _predictions(self, exchange: Exchange, records: Records) -> list[Any]:
        """Of some records, in as many requests as the service takes: one, or more where it refuses so many at once."""
        most = self.batches.most or len(records)
        parts = [records.take(np.arange(at, min(at + most, len(records)))) for at in range(0, len(records), most)]
        answers: list[Any] = []
        for part in parts if len(parts) > 1 else [records]:
            try:
                answers += self._request(exchange, part)
            except TooMany:
                if len(part) == 1:
                    raise
                self.batches.most = min(len(part) // 2, self.batches.most or len(part))
                answers += self._predictions(exchange, part)
        return answers

    def _request(self, exchange: Exchange, records: Records) -> list[Any]:
        """Of one request, tried again while the service is busy; only once where it was too busy for another one."""
        body = replace(self.service.body, request=self.service.request())
        content = json.dumps(request_of(body, records)).encode()
        tries = 1 if self._down else self.service.tries
        for number in range(tries):
            try:
                found = self._once(exchange, content, len(records))
                self._down = False
                return found
            except Busy as error:
                if number == tries - 1 or self._stop.is_set():
                    self._down = True
                    raise TargetError(f"the service {self._name} {error}, {number + 1} times in a row") from None
                pause = min(FIRST_PAUSE * 2**number, LONGEST_PAUSE) * random.uniform(1, 1.2)
                self._stop.wait(pause if error.wait is None else min(error.wait, LONGEST_WAIT))
        raise AssertionError("the last try returns or raises")

    def _once(self, exchange: Exchange, content: bytes, count: int) -> list[Any]:
        self._keep_to_rate(count)
        try:
            answered = exchange.post(content)
        except TargetError as error:
            raise TargetError(f"the service {self._name} {exchange.said(str(error), 240)}") from None
        if answered.status == 429 or answered.status >= 500:
            raise Busy(f"answered status {answered.status}", seconds_to_wait(answered.headers))
        if answered.status >= 400:
            said = exchange.said(answered.body)
            many = answered.status == 413 or (answered.status in (400, 422) and OF_MANY.search(said))
            kind = TooMany if many and count > 1 else TargetError
            raise kind(f"the service {self._name} refused: {answered.status} {said}")
        self._look_at(answered.headers)
        try:
            value = exchange.redactor.cleaned(parsed(answered.body))
        except NoJson:
            raise TargetError(
                f"the service {self._name} answered no JSON: {exchange.said(answered.body, 80)!r}"
            ) from None
        except TargetError as error:
            raise TargetError(f"the service {self._name} {exchange.said(str(error))}") from None
        return predictions_in(self.service.body, value, count)

    def _look_at(self, headers: Any) -> None:
        """Which model answers, by what the service says of it."""
        names = (self.service.version_header.lower(),) if self.service.version_header else VERSION_HEADERS
        version = next((self._redactor.clean(headers[name])[:80] for name in names if headers.get(name)), "")
        if self._how is None:
            self._version, self._tag = version, digest(headers.get("etag", "")) if headers.get("etag") else ""
        elif version != self._version and not self.drift:
            self._changed(f"the version of its model went from {self._version!r} to {version!r}")

    def _keep_to_rate(self, records: int) -> None:
        """Wait for the next request's turn, and count it; raises TargetError where too many records were sent."""
        with self._lock:
            most = self.service.most_records
            if most is not None and self.sent + records > most:
                raise TargetError(
                    f"the service {self._name} was sent {self.sent:,} of at most {most:,} records (`most_records`), "
                    f"and {records:,} more are needed"
                )
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + 1 / self.service.rate
            self.requests += 1
            self.sent += records
        self._stop.wait(max(0.0, start - now))
