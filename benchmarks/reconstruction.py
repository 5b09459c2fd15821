"""What of the training data can be rebuilt: from updates, models, versions, weights and answers?"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from divulge.data.sources import fashion_mnist
from harness import Row, main
from rebuilding.attributes import attributes
from rebuilding.defended_updates import defences
from rebuilding.gradients import gradients
from rebuilding.inversion import inversion
from rebuilding.text import text
from rebuilding.versions import updates, versions
from rebuilding.victims import parted
from rebuilding.weights import repeated, weights_alone


def measure(quick: bool) -> Iterator[Row]:
    warnings.simplefilter("ignore")
    whole = fashion_mnist()
    fashion = parted(whole, (2_000, 2_000, 4_000))
    yield from gradients(quick, fashion)
    yield from text(quick)
    yield from versions(quick)
    yield from repeated(quick)
    yield from updates(quick)
    yield from weights_alone(quick)
    yield from inversion(quick, whole)
    yield from defences(quick, fashion)
    yield from attributes(quick)


if __name__ == "__main__":
    main(__doc__ or "", measure)
