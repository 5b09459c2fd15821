"""Images whose gradient points where the one that was sent points (Geiping et al. 2020), with what comes after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.reconstruction.gradients.dlg import numbers_only
from divulge.attacks.reconstruction.gradients.last_layer_gradients import classes_of
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, UpdateView


@dataclass(frozen=True)
class InvertingGradients:
    """Cosine distance, Adam on signs, total variation, inside the range of inputs (Geiping et al. 2020, equation 4).

    total_variation: its weight, on the mean difference of neighbours.  restarts, steps, rate: of the search.
    """

    total_variation: float = 1e-3
    restarts: int = 1
    steps: int = 1_000
    rate: float = 0.1

    card: ClassVar[Card] = Card(
        name="inverting_gradients",
        title="Inverting gradients",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="geiping2020",
        equations="equation 4",
        summary="looks for smooth images whose gradient points where the one that was sent points",
        needs=Needs(Access.UPDATES),
        strength=1.0,
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for text and several local steps."""
        from divulge.attacks.reconstruction.gradients.gradient_matching import Prior

        numbers_only(view)
        return searched(view, Prior(self.total_variation), self.restarts, self.steps, self.rate)


def searched(
    view: UpdateView, prior: object, restarts: int, steps: int, rate: float, codes: Array | None = None
) -> SampleGuess:
    """Records whose updates point where those that were sent point.  codes: their classes, counted when None."""
    from divulge.attacks.reconstruction.gradients.gradient_matching import Matcher, by_adam

    found = codes if codes is not None else classes_of(view, view.updates)
    seed = int(view.rng.integers(2**31))
    matcher = Matcher(view, view.updates, found, prior, cosine=True, seed=seed)  # type: ignore[arg-type]
    records, _ = matcher.best(*by_adam(matcher, restarts, steps, rate, signed=True))
    return SampleGuess(tuple(records), tuple(found[: len(view.updates)]))
