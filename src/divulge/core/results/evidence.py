"""The evidence that a game makes of a guess: trials, which decide, and exhibits, which show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from divulge.core.results.exhibits import Exhibit
from divulge.core.results.trials import Counted, Exact, Paired, Scored, Trial

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Lacking:
    """A metric that could not be judged, and why."""

    metric: str
    reason: str
    about: str = ""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one attack achieved."""

    trials: tuple[Trial, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    baseline: str = ""
    """The best guess without the model, in words."""
    notes: tuple[str, ...] = ()
    """What was found, in words."""
    lacking: tuple[Lacking, ...] = ()

    def of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """The trials, or the exhibits, of one type."""
        return tuple(each for each in (*self.trials, *self.exhibits) if isinstance(each, kind))

    @property
    def scored(self) -> Scored:
        """The scores of a game with two arms; raises IndexError where there are none."""
        return self.of(Scored)[0]

    @property
    def paired(self) -> tuple[Paired, ...]:
        """Metrics that are compared with the baseline trial by trial."""
        return self.of(Paired)

    @property
    def counted(self) -> tuple[Counted, ...]:
        """How often a copy agrees with its target, by where."""
        return self.of(Counted)

    @property
    def exact(self) -> tuple[Exact, ...]:
        """Claims about secrets."""
        return self.of(Exact)


def joined(parts: Iterable[Evidence], baseline: str, notes: tuple[str, ...] = ()) -> Evidence:
    """The evidence about several things as one."""
    every = list(parts)
    trials = tuple(chain.from_iterable(part.trials for part in every))
    exhibits = tuple(chain.from_iterable(part.exhibits for part in every))
    return Evidence(trials, exhibits, baseline, notes)
