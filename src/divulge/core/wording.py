"""Small pieces of English that several rooms print alike."""

from __future__ import annotations

from collections.abc import Iterable


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
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else many}"
