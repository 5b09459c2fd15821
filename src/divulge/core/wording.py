"""Small pieces of English that several rooms print alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\U000e0000-\U000e007f]"
)
"""Characters that move the cursor, colour the terminal, turn the direction of writing, cannot be seen, or that XML or
UTF-8 cannot hold.  A tab and the end of a line are none of them."""


def printable(text: str) -> str:
    """A text with the code written out of every character that does something instead of showing."""
    return _UNPRINTABLE.sub(lambda found: _escape(found[0]), text)


def one_line(text: str, most: int | None = None) -> str:
    """The same in one line, a part left out where it is longer than `most` characters."""
    line = printable(" ".join((text if most is None else text[: 8 * most]).split()))
    if most is None or len(line) <= most:
        return line
    return f"{line[: 2 * most // 3]} … {line[-most // 4 :]}"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def joined(words: Iterable[str], last: str = "and") -> str:
    """'a, b and c'."""
    listed = list(words)
    if len(listed) < 2:
        return "".join(listed)
    return f"{', '.join(listed[:-1])} {last} {listed[-1]}"


def percent(rate: float) -> str:
    """A rate as a person reads it: 0.1 %, 3.4 %, 62 %; very small ones keep two figures."""
    share = 100 * rate
    if share == 0 or abs(share) >= 10:
        return f"{share:.0f} %"
    return f"{share:.1f} %" if abs(share) >= 0.1 else f"{share:.2g} %"


def counted(number: int, noun: str) -> str:
    """'1 record', '2 records', '12,000 queries'."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """'records', 'queries', 'batches'."""
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "ch")) else f"{noun}s"
