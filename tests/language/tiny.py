"""A GPT-2 of a few thousand weights that reads letters, and texts that it can learn by heart."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

LETTERS = "abcdefghijklmnopqrstuvwxyz .,0123456789"
SYLLABLES = ["ba", "do", "ki", "lu", "me", "no", "ra", "si", "ta", "ve", "zu", "po"]


@lru_cache
def tokenizer():
    """One token a letter, and an unknown one."""
    words = {letter: place for place, letter in enumerate(LETTERS)} | {"<unk>": len(LETTERS), "<end>": len(LETTERS) + 1}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", eos_token="<end>")


def gpt(seed=0, width=32, layers=2, window=64):
    """Untrained."""
    torch.manual_seed(seed)
    end = len(LETTERS) + 1
    config = GPT2Config(
        vocab_size=len(LETTERS) + 2,
        n_positions=window,
        n_embd=width,
        n_layer=layers,
        n_head=2,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=end,
        eos_token_id=end,
    )
    return GPT2LMHeadModel(config).eval()


def texts(count, seed=0, words=6):
    """Sentences of made-up words, all different and from one distribution."""
    rng = np.random.default_rng(seed)
    made = ["".join(rng.choice(SYLLABLES, rng.integers(2, 4))) for _ in range(count * words)]
    return [" ".join(made[i * words : (i + 1) * words]) + "." for i in range(count)]
