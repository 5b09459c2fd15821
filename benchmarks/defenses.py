"""What do defences leave of each attack, alone and together, and do the guarantees hold?"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch

from defended.clients import federated
from defended.encryption import encrypted
from defended.guarantees import accounting, watched
from defended.interfaces import hidden
from defended.matrix import matrices
from harness import Row, main


def measure(quick: bool) -> Iterator[Row]:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    yield from accounting()
    yield from watched(quick)
    yield from encrypted()
    yield from federated(quick)
    yield from hidden(quick)
    yield from matrices(quick)


if __name__ == "__main__":
    main("Defences against attacks, and whether guarantees hold", measure)
