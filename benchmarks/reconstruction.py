"""What of the training data can be rebuilt: from updates, models, versions, weights and answers?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

from divulge.data.sources import fashion_mnist
from harness import Measure, Row, main
from rebuilding.attributes import attributes
from rebuilding.defended_updates import defences
from rebuilding.gradients import gradients
from rebuilding.inversion import inversion
from rebuilding.parties import parties
from rebuilding.tables import tables
from rebuilding.text import text
from rebuilding.versions import updates, versions
from rebuilding.victims import Sets, parted
from rebuilding.weights import repeated, weights_alone


def _of_fashion(part: Callable[[bool, Sets], Iterator[Row]]) -> Measure:
    return lambda quick: part(quick, parted(fashion_mnist(), (2_000, 2_000, 4_000)))


PARTS: dict[str, Measure] = {
    "gradients": _of_fashion(gradients),
    "tables": tables,
    "parties": parties,
    "text": text,
    "versions": versions,
    "repeated": repeated,
    "updates": updates,
    "weights": weights_alone,
    "inversion": lambda quick: inversion(quick, fashion_mnist()),
    "defences": _of_fashion(defences),
    "attributes": attributes,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(__doc__ or "", PARTS)
