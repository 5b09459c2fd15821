"""The table challenge -> how it is played, plus entry points for strangers."""

from __future__ import annotations

from functools import cache

from divulge.auditing.challenge import ChallengeSpec
from divulge.auditing.challenges import counts, extraction, membership, property, reconstruction, release, texts
from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError
from divulge.core.plugins import announced
from divulge.core.threat import Challenge

GROUP = "divulge.challenges"
"""Entry point group in which an installed package announces challenges: name = 'package.module:SPEC'."""

_OURS = (
    *membership.ALL,
    *reconstruction.ALL,
    *release.ALL,
    *counts.ALL,
    *texts.ALL,
    *property.ALL,
    *extraction.ALL,
)
BUILT_IN = {each.challenge: each for each in _OURS}


@cache
def table() -> dict[Challenge, ChallengeSpec]:
    """All challenges; raises InputError where a package announces one that there is already."""
    found = dict(BUILT_IN)
    for plugin in announced(GROUP).values():
        spec = plugin.load(ChallengeSpec)
        if spec.challenge in found:
            raise InputError(f"{plugin} is a challenge that there is already: {spec.challenge}; word it otherwise")
        found[spec.challenge] = spec
    return found


def spec_of(card: Card) -> ChallengeSpec:
    """How the challenge of an attack is played; raises Impossible where nobody knows."""
    known = table().get(card.played_as)
    if known is None:
        problem = f"there is no game for the challenge {str(card.played_as)!r}"
        raise Impossible(f"{problem}: name one on the attack's card, or register it ({GROUP})")
    return known
