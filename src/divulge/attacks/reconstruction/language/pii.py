"""Personal secrets in texts: found, taken out, and looked for among candidates (Lukas et al. 2023)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError
from divulge.core.hashing import Array
from divulge.core.language.texts import Prompted, Text, texts_of
from divulge.core.results.metric import SECRETS_CHOSEN, SECRETS_NAMED
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Challenge, Family, Needs, Task
from divulge.core.views.texts import TextView, WrittenGuess

PATTERNS = {
    "email": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}",
    "phone": r"(?<![\w.])\+?\d{1,3}?[ ./-]?\(?\d{2,4}\)?(?:[ ./-]\d{2,4}){1,4}(?!\w)",
    "number": r"(?<![\w.,-])\d{4,}(?![\w-])",
}
GIVEN = "given"


@dataclass(frozen=True)
class SecretSpan:
    """Where a secret stands: in which text, between which letters of its part that can be replaced, and what it is."""

    text: int
    start: int
    stop: int
    value: str


def part_of(text: Text) -> str | None:
    """The part in which secrets are looked for: the text, or the completion of a pair; None of what has no letters."""
    if isinstance(text, Prompted):
        return text.completion
    return text if isinstance(text, str) else None


def with_secret(text: Text, secret: SecretSpan, value: str) -> Text:
    """The text with another value in the secret's place."""
    part = part_of(text) or ""
    changed = part[: secret.start] + value + part[secret.stop :]
    return replace(text, completion=changed) if isinstance(text, Prompted) else changed


def secrets_in(texts: Sequence[Text], pattern: str) -> list[SecretSpan]:
    """All that match a regular expression, in the order of the texts."""
    known = re.compile(pattern)
    found = []
    for place, text in enumerate(texts):
        for match in known.finditer(part_of(text) or ""):
            if match.end() > match.start():
                found.append(SecretSpan(place, match.start(), match.end(), match[0]))
    return found


@dataclass(frozen=True)
class PiiReconstruction:
    """Take a secret out of a text that is known otherwise, put every candidate in its place, and name the one under
    which the text is least perplexing to the model.

    kinds: of secrets that are looked for, of email, phone and number.  secrets: further ones as they stand in the
    texts, names say.  candidates: from which each is named, itself and others of its kind from the same texts, drawn at
    random.  most: secrets of a kind that are asked about, at random.  show: see GreedyPrefix.
    The guess without any model names the candidate that stands most often in the other texts.
    """

    kinds: tuple[str, ...] = tuple(PATTERNS)
    secrets: tuple[str, ...] = ()
    candidates: int = 50
    most: int = 200
    show: bool = False
    card: ClassVar[Card] = Card(
        name="pii_reconstruction",
        title="Naming what was taken out of a text",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        paper="lukas2023",
        equations="the game and attack of PII reconstruction",
        summary="takes a personal secret out of a text and names the candidate that fits best",
        needs=Needs(Access.TOKEN_LOGPROBS, tasks=frozenset({Task.LANGUAGE})),
        queries_per_record=50.0,
        challenge=Challenge.TEXTS,
        strength=0.5,
        seconds=30.0,
    )
    metric: ClassVar[str] = SECRETS_NAMED

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", tuple(self.kinds))
        object.__setattr__(self, "secrets", tuple(self.secrets))
        strange = [kind for kind in self.kinds if kind not in PATTERNS]
        if strange:
            raise InputError(f"kinds: {strange[0]!r} is unknown: choose of {', '.join(PATTERNS)}, or give `secrets`")
        if self.candidates < 2 or self.most < 1:
            raise InputError("candidates: name a secret from two at least, and ask about one at least")

    def run(self, view: TextView) -> list[WrittenGuess]:
        """Cost: one query for each candidate of each secret; none is sent where no text has a secret."""
        texts = texts_of(view.candidates)
        patterns = {kind: PATTERNS[kind] for kind in self.kinds}
        if self.secrets:
            longest = sorted(self.secrets, key=len, reverse=True)
            patterns[GIVEN] = "|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in longest)
        guesses = []
        for kind, pattern in patterns.items():
            found = secrets_in(texts, pattern)
            if len({secret.value for secret in found}) > 1:
                guesses.append(self._guess(view, texts, kind, found))
        if not guesses:
            named = ", ".join(patterns)
            raise Impossible(f"no two different secrets ({named}) stand in the texts: name them with `secrets`")
        return guesses

    def _guess(self, view: TextView, texts: Sequence[Text], kind: str, found: list[SecretSpan]) -> WrittenGuess:
        counts = Counter(secret.value for secret in found)
        kept = np.sort(view.rng.permutation(len(found))[: self.most])
        asked = [found[place] for place in kept]
        options = [self._options(secret.value, list(counts), view.rng) for secret in asked]
        written = [
            with_secret(texts[s.text], s, value) for s, values in zip(asked, options, strict=True) for value in values
        ]
        beside = view.beside
        sizes = [len(values) for values in options]
        blind = [_most_common(secret.value, values, counts) for secret, values in zip(asked, options, strict=True)]
        return WrittenGuess(
            self.metric,
            _first(view.target, written, sizes),
            _first(beside, written, sizes) if beside is not None else None,
            np.array(blind),
            text=np.array([secret.text for secret in asked]),
            hidden=[secret.value for secret in asked],
            show=self.show,
            about=kind,
            told=(f"{kind}: one of {max(sizes)} candidates at most",),
        )

    def _options(self, own: str, values: list[str], rng: Generator) -> list[str]:
        """The secret itself, first, and others of its kind."""
        others = [value for value in values if value != own]
        return [own, *(others[place] for place in rng.permutation(len(others))[: self.candidates - 1])]


@dataclass(frozen=True)
class PiiInference(PiiReconstruction):
    """Tell a secret that was taken out of a text from a few others of its kind: see PiiReconstruction."""

    candidates: int = 5
    card: ClassVar[Card] = replace(
        PiiReconstruction.card,
        name="pii_inference",
        title="Telling what was taken out of a text",
        equations="the game and attack of PII inference",
        summary="tells a personal secret that was taken out of a text from a few others",
        queries_per_record=5.0,
    )
    metric: ClassVar[str] = SECRETS_CHOSEN


def _first(model: Oracle, written: Sequence[Text], sizes: Sequence[int]) -> Array:
    """Whether the first of each text's variants is the least perplexing one; ties share: [secrets]."""
    scores = model.token_logprobs(list(written))
    means = np.split(scores.mean_of(scores.logprob), np.cumsum(sizes)[:-1])
    return np.array([_share(part[0], part) for part in means])


def _share(own: float, values: Array) -> float:
    return 1.0 / int((values == own).sum()) if own == values.max() else 0.0


def _most_common(own: str, values: Sequence[str], counts: Counter[str]) -> float:
    """Whether the secret is the commonest of the candidates in the other texts; ties share."""
    seen = np.array([float(counts[value] - (value == own)) for value in values])
    return _share(seen[0], seen)
