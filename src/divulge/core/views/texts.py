"""The game in which training texts are written out, as an attack sees it, and what it hands in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from divulge.core.hashing import Array
from divulge.core.results.exhibits import Exhibit
from divulge.core.target import Oracle
from divulge.core.views.membership import MembershipView


@dataclass(frozen=True)
class TextView(MembershipView):
    """Texts, trained on or not, in random order; which is which is not here.

    An attack is told the texts whole: whether a model would write the rest of one is computed from the probabilities of
    its true tokens, which takes one question where sampling takes thousands.
    """

    @property
    def beside(self) -> Oracle | None:
        """A language model that never saw the texts, where there is one: what it writes as well is no memory."""
        return self._means.reference() if self._means.reference is not None else None


@dataclass(frozen=True, eq=False)
class WrittenGuess:
    """What the model brought out, thing by thing: the hidden part of a text, a secret in one, a passage.

    metric: what was asked.  written: [things] in [0, 1].  reference: the same of the model that never saw the texts;
    None where there is none.  blind: the same of a guess without any model.  text: int [things], the candidate each is
    about; None where there is one for every candidate.  hidden: of each, the true part that was to be written.
    show: whether reports may show it unmasked.  about: what kind of secret.  told: in words.  exhibits: beside it.
    """

    metric: str
    written: Array
    reference: Array | None = None
    blind: Array | None = None
    text: Array | None = None
    hidden: Sequence[str] = ()
    show: bool = False
    about: str = ""
    told: tuple[str, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    curve: tuple[Reached, ...] = ()


@dataclass(frozen=True, eq=False)
class Reached:
    """One point of a curve: which texts come out within n tries with probability p; reference as in WrittenGuess."""

    n: int
    p: float
    written: Array
    reference: Array | None = None


@dataclass(frozen=True, eq=False)
class PassagesGuess:
    """Texts that the model wrote by itself, those first that look most like training texts.

    asked: how many were sampled.  least: words of a run that a training text must share.
    """

    passages: tuple[str, ...]
    asked: int
    least: int
    show: bool = False
    told: tuple[str, ...] = ()


TextsGuess = WrittenGuess | PassagesGuess | Sequence[WrittenGuess]
"""One guess, or several, about secrets of several kinds."""
