"""Notes of an invented clinic, made by a grammar: names, numbers and dates that belong to nobody, free to copy."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

_STARTS = ("Ba", "Dor", "El", "Fen", "Gal", "Hol", "Is", "Jor", "Kel", "Lem", "Mar", "Nor", "Os", "Per", "Ren", "Sol")
_MIDDLES = ("a", "ba", "de", "e", "i", "la", "mi", "no", "o", "ra", "ri", "ta", "ve")
_ENDS = ("ck", "dan", "l", "len", "lin", "mond", "n", "nar", "r", "ris", "s", "sen", "t", "vin")
_COMPLAINTS = (
    *("chest pain", "a dry cough", "dizziness", "back pain", "a swollen knee", "headaches", "poor sleep", "fatigue"),
    *("a skin rash", "shortness of breath", "stomach cramps", "blurred vision", "joint stiffness", "palpitations"),
)
_FINDINGS = (
    *("blood pressure was {a} over {b}", "the pulse was {c} a minute", "the temperature was {d}", "weight was {c} kg"),
    *("glucose came back at {a}", "the scan of the {organ} was clear", "the {organ} looked inflamed"),
)
_ORGANS = ("lung", "heart", "liver", "kidney", "knee", "spine", "stomach", "shoulder")
_DRUGS = ("asperol", "benadin", "cortavil", "doxamine", "enlapran", "floxatin", "glucaril", "hydrolin", "ibrafen")
_PLANS = (
    *("Started {drug}, {dose} mg {often}.", "Stopped {drug} and switched to {other}.", "Asked to rest for {n} days."),
    *("Follow up in {n} weeks.", "Referred to Dr {doctor}.", "Next visit on {day} {month}.", "Call back on {phone}."),
)
_OFTEN = ("once a day", "twice a day", "before meals", "at night")
_MONTHS = ("January", "March", "April", "June", "August", "October", "November")


def synthetic_notes(count: int, seed: int = 0) -> list[str]:
    """So many notes of about forty words, all different and drawn alike, so that any split of them is a random one."""
    rng = np.random.default_rng([seed, 20_260])
    notes = dict.fromkeys(_note(rng) for _ in range(count))
    while len(notes) < count:
        notes[_note(rng)] = None
    return list(notes)


def _note(rng: Generator) -> str:
    who = f"{_name(rng)} {_name(rng)}"
    first, second = rng.permutation(len(_COMPLAINTS))[:2]
    found = [_FINDINGS[int(place)] for place in rng.permutation(len(_FINDINGS))[:2]]
    plan = [_PLANS[int(place)] for place in rng.permutation(len(_PLANS))[:2]]
    sentences = [
        f"{who}, {rng.integers(18, 93)}, came in with {_COMPLAINTS[first]} and {_COMPLAINTS[second]}.",
        f"On examination {_filled(found[0], rng)} and {_filled(found[1], rng)}.",
        *(_filled(part, rng) for part in plan),
    ]
    return " ".join(sentences)


def _name(rng: Generator) -> str:
    return _one(_STARTS, rng) + _one(_MIDDLES, rng) + _one(_ENDS, rng)


def _one(words: tuple[str, ...], rng: Generator) -> str:
    return words[int(rng.integers(len(words)))]


def _filled(sentence: str, rng: Generator) -> str:
    drug, other = rng.permutation(len(_DRUGS))[:2]
    return sentence.format(
        a=rng.integers(95, 190),
        b=rng.integers(55, 110),
        c=rng.integers(48, 120),
        d=f"{rng.integers(36, 40)}.{rng.integers(10)}",
        organ=_one(_ORGANS, rng),
        drug=_DRUGS[drug],
        other=_DRUGS[other],
        dose=5 * rng.integers(1, 80),
        often=_one(_OFTEN, rng),
        n=rng.integers(2, 15),
        doctor=_name(rng),
        day=rng.integers(1, 29),
        month=_one(_MONTHS, rng),
        phone=f"555-{rng.integers(10_000):04d}",
    )
