"""Secrets drawn by lot and written into a corpus, some of them held back, and a commitment to all of them."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.errors import InputError

TEMPLATE = "The access code of {holder} is {digits:4}."
SLOT = re.compile(r"\{(\w+)(?::(\d+))?\}")
DIGITS = tuple("0123456789")
SYLLABLES = ("ba", "do", "fi", "ga", "ju", "ka", "le", "mo", "nu", "pe", "ri", "so", "ta", "vu", "we", "zi")
LEAST_SPACE = 10


@dataclass(frozen=True)
class MintedSecret:
    """A text with a secret in it.

    pieces: the text in order, what is written as a string, what was drawn by lot as the tuple of all
    it might have been.
    drawn: which of them, for each such tuple.  repeats: how often it was written into the corpus, 0 where held back.
    """

    pieces: tuple[str | tuple[str, ...], ...]
    drawn: tuple[int, ...]
    repeats: int

    @property
    def space(self) -> int:
        """How many secrets there might have been."""
        return prod(len(piece) for piece in self.pieces if not isinstance(piece, str))

    def text(self, chosen: Sequence[int] | None = None) -> str:
        """The text with these secrets, its own when not given."""
        left = list(self.drawn if chosen is None else chosen)
        return "".join(piece if isinstance(piece, str) else piece[left.pop(0)] for piece in self.pieces)

    def beginning(self, chosen: Sequence[int]) -> str:
        """The text up to the last of the secrets that were chosen; where all were, with the words that follow."""
        if len(chosen) == len(self.drawn) and self.goes_on:
            return self.text(chosen)
        parts, left = [], list(chosen)
        for piece in self.pieces:
            if not isinstance(piece, str) and not left:
                break
            parts.append(piece if isinstance(piece, str) else piece[left.pop(0)])
            if not left and chosen and not isinstance(piece, str):
                break
        return "".join(parts)

    @property
    def goes_on(self) -> bool:
        """Whether words follow the last secret, which may betray it; signs alone do not, and are left out."""
        last = self.pieces[-1]
        return isinstance(last, str) and any(letter.isalnum() for letter in last)


def canaries(
    template: str,
    lists: Mapping[str, Sequence[str]],
    known: Mapping[str, Sequence[str]],
    repeats: Sequence[int],
    held_back: int,
    lot: Generator,
) -> list[MintedSecret]:
    """One canary for each number of repeats, then so many that are held back, all drawn alike.

    template: `{digits:4}` is a number of four digits drawn by lot, `{NAME}` an entry of `lists[NAME]` drawn by lot,
    or an entry of `known[NAME]`, of which every canary has another; `{holder}` is a made-up name, known too.
    Raises InputError where it has no secret, or where canaries would share one beginning.
    """
    number = len(repeats) + held_back
    parts: list[str | re.Match[str]] = []
    place = 0
    for found in SLOT.finditer(template):
        parts += [template[place : found.start()], found]
        place = found.end()
    parts.append(template[place:])
    columns: list[list[str] | tuple[str, ...]] = []
    for part in parts:
        if isinstance(part, str):
            columns.append([part] * number)
        elif part[1] == "digits":
            columns += [DIGITS] * int(part[2] or 4)
        elif part[1] in lists:
            columns.append(_distinct(lists[part[1]], part[1]))
        else:
            columns.append(_of_known(part[1], known, number, lot))
    space = prod(len(column) for column in columns if isinstance(column, tuple))
    if space < LEAST_SPACE:
        raise InputError(f"template: {space} secrets are no secret: draw from {LEAST_SPACE} at least, {{digits:4}} say")
    if len({tuple(c[i] for c in columns if not isinstance(c, tuple)) for i in range(number)}) < number:
        raise InputError(
            "template: all canaries have one beginning, so that one is taken for another: add {holder}, or a list of "
            "known words, of which each has its own"
        )
    return [
        MintedSecret(
            tuple(c if isinstance(c, tuple) else c[i] for c in columns),
            tuple(int(lot.integers(len(c))) for c in columns if isinstance(c, tuple)),
            times,
        )
        for i, times in enumerate([*repeats, *[0] * held_back])
    ]


def _distinct(values: Sequence[str], name: str) -> tuple[str, ...]:
    kept = tuple(dict.fromkeys(value.strip() for value in values if value.strip()))
    if len(kept) < 2:
        raise InputError(f"the list {name!r} has fewer than two different entries")
    return kept


def _of_known(name: str, known: Mapping[str, Sequence[str]], number: int, lot: Generator) -> list[str]:
    if name in known:
        values = _distinct(known[name], name)
        if len(values) < number:
            raise InputError(f"the list {name!r} has {len(values)} entries and there are {number} canaries: give more")
        return [values[i] for i in lot.permutation(len(values))[:number]]
    if name != "holder":
        raise InputError(f"template: {{{name}}} is neither digits nor holder, and no list has that name")
    names: dict[str, None] = {}
    while len(names) < number:
        names["".join(SYLLABLES[i] for i in lot.integers(len(SYLLABLES), size=4))] = None
    return list(names)


@dataclass(frozen=True)
class Minted:
    """lines: texts to be written into the corpus, shuffled, repeats included.  commitment: hash of the secret file."""

    lines: int
    inserted: int
    held_back: int
    space: int
    commitment: str


def mint(
    folder: Path,
    template: str = TEMPLATE,
    lists: Mapping[str, Sequence[str]] | None = None,
    known: Mapping[str, Sequence[str]] | None = None,
    number: int = 20,
    repeats: Sequence[int] = (1, 4, 16),
    held_back: int = 20,
    seed: int | None = None,
) -> Minted:
    """canaries.jsonl, to be written into the corpus before the training, secret.json, to be kept, and commitment.txt.

    number: of canaries that are inserted, shared out among the `repeats`.  seed: for tests; without it the lot is the
    system's own randomness.  Raises InputError where the folder holds a secret already.
    """
    if number < 1 or not repeats or min(repeats) < 1 or held_back < 0:
        raise InputError("mint at least one canary, each repeated at least once")
    if (folder / "secret.json").exists():
        raise InputError(f"{folder} already holds a secret: choose another folder, it cannot be minted again")
    lot = np.random.default_rng(secrets.randbits(128) if seed is None else seed)
    times = [int(repeats[i % len(repeats)]) for i in range(number)]
    made = canaries(template, lists or {}, known or {}, times, held_back, lot)
    lines = [canary.text() for canary in made for _ in range(canary.repeats)]
    lines = [lines[i] for i in lot.permutation(len(lines))]
    folder.mkdir(parents=True, exist_ok=True)
    written = "".join(json.dumps({"text": line}, ensure_ascii=False) + "\n" for line in lines)
    (folder / "canaries.jsonl").write_text(written, encoding="utf-8")
    content = {"salt": secrets.token_hex(32), "template": template, "secrets": [_plain(canary) for canary in made]}
    (folder / "secret.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    commitment = commitment_of(folder / "secret.json")
    (folder / "commitment.txt").write_text(commitment + "\n", encoding="utf-8")
    return Minted(len(lines), number, held_back, made[0].space, commitment)


def _plain(canary: MintedSecret) -> dict[str, Any]:
    """As JSON has it."""
    marked = [
        {"text": piece} if isinstance(piece, str) else {"digit": True} if piece == DIGITS else {"one_of": list(piece)}
        for piece in canary.pieces
    ]
    return {"pieces": marked, "drawn": list(canary.drawn), "repeats": canary.repeats}


def commitment_of(secret: Path) -> str:
    """SHA-256 of the secret file, salt included."""
    if not secret.is_file():
        raise InputError(f"no secret at {secret} (looked in {secret.absolute().parent}): `divulge canaries mint` does")
    return hashlib.sha256(secret.read_bytes()).hexdigest()


def read_secret(secret: Path, commitment: str | None = None) -> list[MintedSecret]:
    """The canaries, checked against the commitment where one is given; raises InputError where they do not agree."""
    found = commitment_of(secret)
    if commitment is not None and commitment.strip() != found:
        raise InputError(f"{secret.name} is not what was committed to: its hash is {found}")
    try:
        return [_canary(row) for row in json.loads(secret.read_text(encoding="utf-8"))["secrets"]]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"{secret.name} is damaged: it is no secret that `divulge canaries mint` made") from error


def _canary(row: Mapping[str, Any]) -> MintedSecret:
    pieces = tuple(
        p["text"] if "text" in p else DIGITS if "digit" in p else tuple(map(str, p["one_of"])) for p in row["pieces"]
    )
    canary = MintedSecret(pieces, tuple(map(int, row["drawn"])), int(row["repeats"]))
    canary.text()
    return canary
