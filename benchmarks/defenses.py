"""What do defences leave of each attack, alone and together, and do the guarantees hold?"""

from __future__ import annotations

import warnings

import torch

from defended.clients import federated
from defended.encryption import encrypted
from defended.guarantees import accounting, watched
from defended.interfaces import hidden
from defended.matrix import matrices
from harness import Measure, main

PARTS: dict[str, Measure] = {
    "accounting": accounting,
    "watched": watched,
    "encrypted": encrypted,
    "federated": federated,
    "hidden": hidden,
    "matrices": matrices,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    main("Defences against attacks, and whether guarantees hold", PARTS)
