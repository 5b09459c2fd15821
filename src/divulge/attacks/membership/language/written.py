"""Texts as characters."""

from __future__ import annotations

from divulge.core.language.texts import Text


def written(text: Text) -> str:
    """A text as characters; token numbers with blanks between them."""
    return " ".join(map(str, text)) if isinstance(text, tuple) else str(text)
