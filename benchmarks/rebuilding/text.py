"""Texts behind the updates of a transformer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from divulge.data.arrays import from_arrays
from divulge.games.rebuild import RebuildPlan
from harness import Row
from rebuilding.playing import played, share
from rebuilding.victims import parted


def text(quick: bool) -> Iterator[Row]:
    from transformers import GPT2Config, GPT2Model
    from transformers.utils import logging

    logging.set_verbosity_error()

    class Gpt(nn.Module):
        def __init__(self, vocabulary: int, length: int) -> None:
            super().__init__()
            off = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
            self.body = GPT2Model(
                GPT2Config(vocab_size=vocabulary, n_positions=length, n_embd=192, n_layer=2, n_head=4, **off)
            )
            self.head = nn.Linear(192, vocabulary, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.body(x.long()).last_hidden_state)

    rng = np.random.default_rng(0)
    vocabulary, length = 1_000, 16
    common = 1 / np.arange(1, vocabulary + 1)
    tokens = rng.choice(vocabulary, (900, length), p=common / common.sum())
    whole = from_arrays([(tokens, np.arange(900) % vocabulary)])[0]
    torch.manual_seed(0)
    found, spent = played(
        "dager", Gpt(vocabulary, length), parted(whole, (300, 300, 300)), RebuildPlan(5 if quick else 20, batch=4)
    )
    yield share("DAGER, 4 texts of 16 tokens, 2-layer GPT: ROUGE-1", found, "text_rebuilt", 0.95)
    yield share("DAGER: texts right to the word", found, "text_exact")
    yield Row("DAGER: seconds", spent)
