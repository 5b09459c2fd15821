"""A language model behind an endpoint in OpenAI's form: completions with the log-probabilities of the prompt where it
tells them, else sampled text alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from divulge.core.boundary.secret import Redactor, Secret
from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.language.texts import Chat, Prompted, Text, Written, texts_of
from divulge.core.language.token_scores import LOGPROB, RANK, WIDTH, of_texts
from divulge.core.records import Records
from divulge.core.threat import Access, Task
from divulge.targets.services.http_exchange import Busy, Exchange, HttpAnswer, Limits, seconds_to_wait
from divulge.targets.services.http_json import NoJson, parsed
from divulge.targets.services.http_service import Service

TOP = 5
"""How many of the likeliest tokens are asked for at each place."""

PROBE = "The quick brown fox"


class OpenAITarget:
    """service: its url is what stands before `/completions` and `/chat/completions`, https://models.example/v1 say.
    model: what the service calls it.

    What it offers is found out by one question, when it is first needed: log-probabilities of a prompt that is echoed,
    completions without, or answers of a chat.  Mean and deviation of log p it cannot tell; ranks are those among
    the five likeliest tokens, 5 for all others.
    """

    cacheable = False
    """Another model may be put behind the address, so no later run relies on its answers."""

    def __init__(self, service: Service | str, model: str | None = None, name: str | None = None) -> None:
        self.service = Service(service) if isinstance(service, str) else service
        self.model_name, self._name = model or "default", name or model or "language model service"
        self._last, self.sent = 0.0, 0
        self._wrote: list[int | None] = []

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return Task.LANGUAGE

    @property
    def offers(self) -> frozenset[Access]:
        """See Target; the service is asked once."""
        told = {Access.COMPLETIONS}
        return frozenset(told | {Access.TOKEN_LOGPROBS} if self._form[1] else told)

    @property
    def lacks(self) -> dict[Access, str]:
        """Why it does not tell probabilities, where it does not."""
        return {} if self._form[1] else {Access.TOKEN_LOGPROBS: "the service does not tell those of a prompt"}

    def provenance_note(self) -> str:
        """What the service was found to offer."""
        told = "with log-probabilities of the prompt" if self._form[1] else "sampled text alone"
        return f"{self._name} answers at {self._form[0]}, {told}"

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access is not Access.TOKEN_LOGPROBS or access not in self.offers:
            raise TargetError(f"the service {self._name} has no port for {access.value}")
        texts, rows = texts_of(records), []
        for start in range(0, len(texts), self.service.batch):
            part = texts[start : start + self.service.batch]
            self._count(len(part))
            found = self._choices("/completions", self._echo([_prompt(text) for text in part]), len(part))
            rows += [self._row(choice, text) for choice, text in zip(found, part, strict=True)]
        return of_texts(rows, texts).padded()

    def complete(
        self, prefixes: Sequence[Text], n: int = 1, temperature: float = 1.0, max_tokens: int = 50, seed: int = 0
    ) -> list[list[str]]:
        """See Oracle."""
        how = {"n": n, "temperature": temperature, "max_tokens": max_tokens, "seed": seed, "model": self.model_name}
        written, self._wrote = Written(), []
        for prefix in prefixes:
            self._count(n)
            if self._form[0] == "/completions" and not isinstance(prefix, Chat):
                prompt = prefix.prompt if isinstance(prefix, Prompted) else _prompt(prefix)
                found = self._choices("/completions", {**how, "prompt": prompt}, n)
                written.append([str(choice.get("text", "")) for choice in found])
            else:
                found = self._choices("/chat/completions", {**how, "messages": _messages(prefix)}, n)
                written.append([_content(choice.get("message")) for choice in found])
        written.tokens = None if None in self._wrote else sum(filter(None, self._wrote))
        return written

    def fingerprint(self) -> str:
        """See Target."""
        return digest("openai", self.service.fingerprint(), self.model_name)

    @cached_property
    def _form(self) -> tuple[str, bool]:
        """Where it answers, and whether it tells log-probabilities of a prompt."""
        try:
            (choice,) = self._choices("/completions", self._echo([PROBE]), 1)
            self._row(choice, PROBE)
            return "/completions", True
        except TargetError:
            pass
        how: dict[str, Any] = {"model": self.model_name, "max_tokens": 1}
        try:
            self._choices("/completions", {**how, "prompt": PROBE}, 1)
            return "/completions", False
        except TargetError as first:
            try:
                self._choices("/chat/completions", {**how, "messages": _messages(PROBE)}, 1)
            except TargetError:
                raise InputError(f"target.service: {first}") from first
            return "/chat/completions", False

    def _echo(self, prompts: list[str]) -> dict[str, Any]:
        """One token is asked for, which is thrown away: many servers refuse to write none."""
        told = {"echo": True, "logprobs": TOP, "max_tokens": 1, "temperature": 0}
        return {"model": self.model_name, "prompt": prompts, **told}

    def _row(self, choice: Any, text: Text) -> Array:
        """Rows of the tokens of a text: those that begin within it, of a pair within its completion; the first of all
        has no log-probability.
        """
        told, whole = choice.get("logprobs"), _prompt(text)
        if not _tells_places(told):
            raise TargetError(f"the service {self._name} tells no log-probabilities of a prompt")
        own, places = told["token_logprobs"], told["text_offset"]
        begins = len(text.prompt) if isinstance(text, Prompted) else 0
        kept = [k for k, at in enumerate(places) if begins <= at < len(whole) and own[k] is not None]
        if not kept:
            raise TargetError(f"the service {self._name} tells no log-probabilities of {whole[:40]!r}")
        rows = np.full((len(kept), WIDTH), np.nan)
        best = told.get("top_logprobs") or [None] * len(own)
        for row, k in enumerate(kept):
            rows[row, LOGPROB] = own[k]
            if best[k]:
                rows[row, RANK] = sum(value > own[k] + 1e-6 for value in best[k].values())
        return rows

    def _choices(self, path: str, body: Mapping[str, Any], count: int) -> list[Any]:
        """The choices of one answer, in order; raises TargetError where there are not so many."""
        content, redactor = self._post(path, json.dumps(body).encode())
        try:
            told = redactor.cleaned(parsed(content))
        except NoJson as error:
            raise TargetError(f"the service {self._name} answered with what is no JSON ({error})") from None
        found = told.get("choices") if isinstance(told, dict) else None
        if not isinstance(found, list) or len(found) != count or not all(isinstance(c, dict) for c in found):
            raise TargetError(f"the service {self._name} gave no {count} choices at {path}")
        usage = told.get("usage")
        count_told = usage.get("completion_tokens") if isinstance(usage, dict) else None
        self._wrote.append(count_told if isinstance(count_told, int) and count_told >= 0 else None)
        order = [choice.get("index", 0) for choice in found]
        if not all(map(_is_number, order)):
            raise TargetError(f"the service {self._name} gave choices at {path} whose index is no number")
        return [found[k] for k in sorted(range(count), key=order.__getitem__)]

    def _count(self, texts: int) -> None:
        most = self.service.most_records
        if most is not None and self.sent + texts > most:
            raise TargetError(f"the service {self._name} was sent {self.sent:,} of at most {most:,} texts")
        self.sent += texts

    def _post(self, path: str, content: bytes) -> tuple[bytes, Redactor]:
        """The body of an answer, and what takes secrets out of it; asked again, with growing pauses."""
        service = self.service
        assert isinstance(service.url, Secret)
        there = replace(service, url=Secret(service.url.reveal().rstrip("/") + path))
        headers = {name: secret.reveal() for name, secret in there.secrets().items()}
        limits, redactor = Limits(service.timeout, service.most_bytes), Redactor(there.hidden())
        with Exchange(there.address().reveal(), headers, limits, redactor, service.redirects) as exchange:
            for number in range(service.tries):
                time.sleep(max(self._last + 1 / service.rate - time.monotonic(), 0))
                self._last = time.monotonic()
                try:
                    return self._body(exchange, exchange.post(content), path), redactor
                except Busy as error:
                    if number == service.tries - 1:
                        raise TargetError(f"the service {self._name} {error}, {service.tries} times in a row") from None
                    time.sleep(min(error.wait if error.wait is not None else 0.5 * 2**number, 60.0))
        raise AssertionError

    def _body(self, exchange: Exchange, answered: HttpAnswer, path: str) -> bytes:
        if answered.status in (408, 425, 429) or answered.status >= 500:
            raise Busy(f"answered with status {answered.status}", seconds_to_wait(answered.headers))
        if answered.status != 200:
            told = exchange.said(answered.body)
            raise TargetError(f"the service {self._name} answered {path} with status {answered.status}: {told}")
        return answered.body


def _is_number(value: Any) -> bool:
    """Whether it is a number, and one that arrays hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _tells_places(told: Any) -> bool:
    """Whether log-probabilities are what an endpoint in this form tells: a number, or null, and a place a token, and of
    the likeliest tokens, where they are told, numbers by token.
    """
    if not isinstance(told, dict):
        return False
    own, places, best = (told.get(key) for key in ("token_logprobs", "text_offset", "top_logprobs"))
    if not isinstance(own, list) or not isinstance(places, list) or len(own) != len(places):
        return False
    if not all(value is None or _is_number(value) for value in own) or not all(map(_is_number, places)):
        return False
    return not best or (
        isinstance(best, list)
        and len(best) == len(own)
        and all(not at or (isinstance(at, dict) and all(map(_is_number, at.values()))) for at in best)
    )


def _content(message: Any) -> str:
    """What a message of a chat says."""
    return str((message.get("content") if isinstance(message, dict) else None) or "")


def _prompt(text: Text) -> str:
    if isinstance(text, tuple | Chat):
        raise TargetError("a service of completions is asked about texts, and not about chats or token numbers")
    return str(text)


def _messages(prefix: Text) -> list[dict[str, str]]:
    if isinstance(prefix, Chat):
        return [{"role": role, "content": content} for role, content in prefix.messages]
    return [{"role": "user", "content": prefix.prompt if isinstance(prefix, Prompted) else _prompt(prefix)}]


def openai_from(part: Any, model: str | None, name: str | None) -> OpenAITarget:
    """The service that an audit file describes, with the limits that it states."""
    how = part.model_dump(
        include={"headers", "batch", "timeout", "tries", "rate", "most_bytes", "most_records", "redirects"}
    )
    return OpenAITarget(Service(part.url, **how), model, name)
