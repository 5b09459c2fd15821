"""What a server needs that sends modules of its own making (Fowl, Boenisch, Wen et al. 2022)."""

from __future__ import annotations

from divulge.core.threat import Access, Behavior, Knowledge, Needs, Phase

ACTIVE_SERVER = Needs(Access.UPDATES, frozenset({Knowledge.POPULATION}), phase=Phase.TRAINING, behavior=Behavior.ACTIVE)
"""The clients' updates, records like theirs to adjust the module to, and a part in the training."""
