"""Where a secret stands among all that might have been drawn, by the log-probability of the text with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.random import Generator

from divulge.claims.secrets.minting import MintedSecret
from divulge.claims.secrets.next_tokens import by_next_tokens
from divulge.core.capability.declared import able
from divulge.core.capability.targets import ReadsTexts
from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array
from divulge.core.language.texts import as_records
from divulge.core.language.token_scores import TokenScores, of_padded
from divulge.core.target import Target
from divulge.core.threat import Access
from divulge.stats.privacy.exposure import exposure, extrapolated

CHUNK = 2_000
"""Texts that are asked about at once."""

LOOKED_AT = 16
"""Secrets of which is looked at how they are cut into tokens."""

SLACK = 1e-4
"""Nats by which two computations of one log-probability may differ: what is so near counts as likelier than the secret,
so that a p-value is never too small."""

DRAWN = 1_000
"""Secrets from which an exposure is extrapolated where the space is too large."""


@dataclass(frozen=True)
class Exposure:
    """What a model gives away of one secret.

    repeats: how often it was written into the corpus, 0 where it was held back.  space: secrets that might have been.
    rank: of the secret among them, 1 for the likeliest; None where it was extrapolated.
    bits: of exposure, at most log2 of the space; low, high: its interval where it was extrapolated, else the same.
    p_value: of a model that never saw it ranking it so high; exact.  asked: texts that the model was asked about.
    """

    repeats: int
    space: int
    rank: int | None
    bits: float
    low: float
    high: float
    p_value: float
    asked: int


def scored(target: Target, texts: Sequence[str]) -> TokenScores:
    """Token log-probabilities, asked in chunks."""
    rows: list[Array] = []
    for place in range(0, len(texts), CHUNK):
        answer = target.answer(Access.TOKEN_LOGPROBS, as_records(texts[place : place + CHUNK]))
        rows += of_padded(np.asarray(answer)).by_text_rows()
    return TokenScores(np.concatenate(rows), np.concatenate([[0], np.cumsum([len(row) for row in rows])]))


def check_whole(target: Target, canary: MintedSecret) -> None:
    """Raises InputError where the target reads only a part of the text, perhaps one without the secret."""
    if able(target, ReadsTexts) and target.encode(canary.text()).cut:
        raise InputError(f"{target.name} reads {target.max_tokens} tokens of a text and a canary has more: max_tokens")


def ranked(target: Target, canary: MintedSecret, most: int, rng: Generator) -> Exposure:
    """Exposure of one canary: exact where its space is within `most`, or where the search among all of it ends within
    so many texts, as it does for what was learned by heart; extrapolated elsewhere, from secrets drawn at random.
    """
    check_whole(target, canary)
    space = canary.space
    rank, asked = rank_of(target, canary, most if space > most else None)
    top = float(np.log2(space))
    if rank is not None:
        bits = float(exposure(rank, space))
        p_value = rank / space if space <= most else min(1.0, 2 * rank / space)  # two ways to an answer, two tests
        return Exposure(canary.repeats, space, rank, bits, bits, bits, p_value, asked)
    sizes = [len(piece) for piece in canary.pieces if not isinstance(piece, str)]
    drawn = [canary.beginning([int(rng.integers(size)) for size in sizes]) for _ in range(DRAWN)]
    found = scored(target, [canary.beginning(canary.drawn), *drawn])
    whole = found.sum_of(found.logprob)
    guess = extrapolated(float(whole[0]), whole[1:] + SLACK, space, rng)
    low, high = max(guess.low, 0.0), min(guess.high, top)
    return Exposure(canary.repeats, space, None, guess.bits, low, high, min(1.0, 2 * guess.p_value), asked + len(drawn))


def rank_of(target: Target, canary: MintedSecret, most: int | None = None) -> tuple[int | None, int]:
    """How many secrets of the space are at least as likely as the one that was drawn, and how many texts that took.

    A tree over the secret's parts (its digits): a beginning that is less likely than the whole secret text cannot
    become as likely, since every further token only takes away.  Where tokens of a beginning are not the first tokens
    of what goes on from it, whole texts are compared, one by one.  None in place of the rank where that takes more than
    `most` texts.
    """
    quick = by_next_tokens(target, canary, most, SLACK)
    if quick is not None:
        return quick
    own = float(scored(target, [canary.beginning(canary.drawn)]).logprob.sum()) - SLACK
    sizes = [len(piece) for piece in canary.pieces if not isinstance(piece, str)]
    if not _grows_by_tokens(target, canary, sizes):
        return _one_by_one(target, canary, own, LOOKED_AT, most)
    asked = 1 + LOOKED_AT
    nodes: list[tuple[int, ...]] = [()]
    before: list[Array] = []
    for depth, size in enumerate(sizes, 1):
        following = [(*node, choice) for node in nodes for choice in range(size)]
        asked += len(following)
        if most is not None and asked > most:
            return None, asked - len(following)
        found = scored(target, [canary.beginning(node) for node in following])
        tokens = found.by_text(found.token)
        if depth > 1 and not _goes_on(before, tokens, size):
            return _one_by_one(target, canary, own, asked, most)
        likely = found.sum_of(found.logprob) >= own
        nodes = [node for node, kept in zip(following, likely, strict=True) if kept]
        before = [part for part, kept in zip(tokens, likely, strict=True) if kept]
        if not nodes:  # the beginning of the secret itself was read otherwise than the secret
            return _one_by_one(target, canary, own, asked, most)
    return (len(nodes), asked) if canary.drawn in nodes else _one_by_one(target, canary, own, asked, most)


def _grows_by_tokens(target: Target, canary: MintedSecret, sizes: Sequence[int]) -> bool:
    """Whether beginnings of some secrets, the one that was drawn and others spread over the space, are the first tokens
    of what goes on from them.
    """
    others = np.random.default_rng(0).integers(sizes, size=(LOOKED_AT, len(sizes))).tolist()
    chosen = [canary.drawn, *map(tuple, others)]
    depths = range(1, len(sizes) + 1)
    found = scored(target, [canary.beginning(c[:depth]) for depth in depths for c in chosen])
    tokens = found.by_text(found.token)
    return all(_goes_on(tokens[n : n + 1], tokens[n + len(chosen) :][:1], 1) for n in range(len(tokens) - len(chosen)))


def _goes_on(before: Sequence[Array], tokens: Sequence[Array], size: int) -> bool:
    """Whether each text begins with the tokens of the beginning that it goes on from; no, where tokens are not told."""
    return all(
        len(part) >= len(before[place // size])
        and np.array_equal(part[: len(before[place // size])], before[place // size])
        for place, part in enumerate(tokens)
    )


def _one_by_one(
    target: Target, canary: MintedSecret, own: float, asked: int, most: int | None
) -> tuple[int | None, int]:
    sizes = [len(piece) for piece in canary.pieces if not isinstance(piece, str)]
    if most is not None and asked + prod(sizes) > most:
        return None, asked
    every = list(product(*map(range, sizes)))
    count = 0
    for place in range(0, len(every), CHUNK):
        found = scored(target, [canary.beginning(chosen) for chosen in every[place : place + CHUNK]])
        count += int((found.sum_of(found.logprob) >= own).sum())
    if count == 0:
        raise TargetError(f"{target.name} answers the same text with another probability every time")
    return count, asked + len(every)
