"""Marks, and small pieces of type that every drawing shares."""

from __future__ import annotations

import re

from divulge.core.results.finding import Verdict

MARKS = {
    Verdict.LEAK: "▲",
    Verdict.NOT_FOUND: "○",
    Verdict.NOT_MEASURABLE: "–",
    Verdict.NOT_EXAMINED: "–",
    Verdict.INVALID: "✕",
    Verdict.REFUSED: "⊘",
    Verdict.FAILED: "!",
}


def tone(verdict: Verdict) -> str:
    """The class, and by it the colour, of a verdict."""
    return verdict.value.replace(" ", "-")


def capital(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]


def lower(text: str) -> str:
    """With a small letter, as within a sentence."""
    return text[:1].lower() + text[1:]


def stopped(text: str) -> str:
    """With a capital letter and a full stop."""
    return capital(text) + ("" if text.endswith((".", "!", "?")) else ".")


def plain_name(text: str) -> str:
    """Names of settings as words: 'half as many n_estimators' is half as many estimators."""
    return re.sub(r"\bn_(?=\w)", "", text).replace("_", " ")


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)])


def bullets(lines: list[str]) -> str:
    """A list in Markdown."""
    return "\n".join(f"- {line}" for line in lines)
