"""The pages of the documentation, and what stands in them."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))

_COMMAND = re.compile(r"(?:^ {4}|`|\$ )divulge ([a-z][^`\n]*)", re.M)


def blocks(text: str, language: str) -> list[str]:
    """Fenced blocks, also those that are indented below a list."""
    found = re.findall(rf"^ *```{language}\n(.*?)```", text, re.S | re.M)
    return [textwrap.dedent(block) for block in found]


def said(page: Path) -> list[str]:
    """What a page says to type after `divulge`, in its order, without comments."""
    return [line.split("#")[0].strip() for line in _COMMAND.findall(page.read_text())]
