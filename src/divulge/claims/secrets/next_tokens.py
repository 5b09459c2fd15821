"""The rank of a secret whose parts are single tokens: all that may follow a beginning are told by one pass over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from divulge.claims.secrets.minting import MintedSecret
from divulge.core.capability.declared import able
from divulge.core.capability.targets import TellsNext
from divulge.core.hashing import Array
from divulge.core.target import Target

CHUNK = 2_000
"""Beginnings that are asked about at once."""

LOOKED_AT = 64
"""Secrets of which is looked at whether they are cut into tokens as is assumed."""


def by_next_tokens(
    target: Target, secret: MintedSecret, most: int | None, slack: float
) -> tuple[int | None, int] | None:
    """How many secrets are at least as likely as the one that was drawn, up to `slack` nats, and of how many beginnings
    that was seen; None in place of the rank where it takes more than `most`, None for all where parts are no single
    tokens, or where the model does not tell what may follow.

    A secret of k digits has 1 + 10 + ... + 10^(k-1) beginnings, a ninth of all secrets, and those that are less
    likely than the whole secret are not gone on from.
    """
    if secret.goes_on or not able(target, TellsNext):
        return None
    sizes = [len(piece) for piece in secret.pieces if not isinstance(piece, str)]
    tokens = _tokens(target, secret, sizes)
    if tokens is None:
        return None
    own, asked = 0.0, len(sizes)
    for depth, choice in enumerate(secret.drawn):
        own += float(target.next_logprobs([secret.beginning(secret.drawn[:depth])], tokens[depth])[0, choice])
    nodes = np.zeros((1, 0), dtype=np.int64)
    likely = np.zeros(1)
    for depth in range(len(sizes)):
        asked += len(nodes)
        if most is not None and asked > most:
            return None, asked - len(nodes)
        reached = likely[:, None] + _following(target, secret, nodes, tokens[depth])
        kept, choice_of = np.nonzero(reached >= own - slack)
        nodes, likely = np.column_stack([nodes[kept], choice_of]), reached[kept, choice_of]
    return max(len(nodes), 1), asked


def _following(target: TellsNext, secret: MintedSecret, nodes: Array, tokens: Sequence[int]) -> Array:
    """Log-probability of each part that may follow each beginning: [beginnings, parts]."""
    parts = []
    for place in range(0, len(nodes), CHUNK):
        texts = [secret.beginning(tuple(node)) for node in nodes[place : place + CHUNK].tolist()]
        parts.append(target.next_logprobs(texts, tokens))
    return np.concatenate(parts) if parts else np.empty((0, len(tokens)))


def _tokens(target: TellsNext, secret: MintedSecret, sizes: Sequence[int]) -> list[list[int]] | None:
    """The token of every part, place by place; None where parts are no single tokens, wherever they stand."""
    start = tuple(target.encode(secret.beginning(())).ids)
    tokens = []
    for depth, size in enumerate(sizes):
        before = tuple(target.encode(secret.beginning(secret.drawn[:depth])).ids)
        after = [tuple(target.encode(secret.beginning((*secret.drawn[:depth], n))).ids) for n in range(size)]
        if any(ids[:-1] != before for ids in after) or len({ids[-1] for ids in after}) < size or not before:
            return None
        tokens.append([ids[-1] for ids in after])
    others = np.random.default_rng(0).integers(sizes, size=(LOOKED_AT, len(sizes))).tolist()
    for chosen in others:
        expected = (*start, *(tokens[depth][n] for depth, n in enumerate(chosen)))
        if tuple(target.encode(secret.beginning(tuple(chosen))).ids) != expected:
            return None
    return tokens
