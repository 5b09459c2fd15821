"""Properties of a training set in words: `share(sex == "Female")` is the share of records with sex = Female."""

from __future__ import annotations

import re

from divulge.core.wording import percent

UNIT = {"share": "%", "present": "%", "duplicates": "%"}
"""Kinds of properties whose values are shares."""

_QUOTED = re.compile(r"""('[^']*'|"[^"]*")""")
_OPERATORS = (
    (r"\bis not None\b", " known "),
    (r"\bis None\b", " missing "),
    (r"!=\s*None\b", " known "),
    (r"==\s*None\b", " missing "),
    (r"\bnot in\b", " none of "),
    (r"\bin\b", " one of "),
    (r"==", " = "),
    (r"!=", " other than "),
    (r">=", " at least "),
    (r"<=", " at most "),
    (r">", " above "),
    (r"<", " below "),
    (r"&", " and "),
    (r"\|", " or "),
    (r"_", " "),
)
_CALL = re.compile(r"^(share|present|duplicates|mean|correlation|size)\((.*)\)$", re.DOTALL)


def condition(text: str) -> str:
    """An expression over columns: `age >= 40 and sex == "F"` is 'age at least 40 and sex = F'."""
    parts = []
    for place, part in enumerate(_QUOTED.split(text)):
        if place % 2:
            parts.append(part[1:-1])
            continue
        for sign, word in _OPERATORS:
            part = re.sub(sign, word, part)  # noqa: PLW2901
        parts.append(part)
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def in_words(text: str) -> str:
    """A property, or the name of an attribute, as a part of a sentence."""
    call = _CALL.match(text.strip())
    kind, inner = (call.group(1), condition(call.group(2))) if call else ("", condition(text))
    return {
        "share": f"the share of training records with {inner}",
        "present": f"the share of training records with {inner}",
        "duplicates": "the share of training records that are copies of another",
        "mean": f"the mean of {inner} over the training records",
        "correlation": f"the rank correlation of {inner.replace(',', ' and', 1)} in the training records",
        "size": "the number of training records",
    }.get(kind, inner)


def number(value: float, kind: str) -> str:
    """A value of a property."""
    if kind in UNIT:
        return percent(value)
    return f"{value:,.0f}" if kind == "size" or abs(value) >= 100 else f"{value:.3g}"


def span(low: float, high: float, kind: str) -> str:
    """'between 61 and 74 %'."""
    if kind in UNIT:
        first, last = percent(low).removesuffix(" %"), percent(high)
        return f"between {first} and {last}"
    return f"between {number(low, kind)} and {number(high, kind)}"
