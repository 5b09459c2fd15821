"""A language model small enough to be trained in seconds, from nothing and without a download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from divulge.core.errors import MissingExtra

if TYPE_CHECKING:
    from divulge.targets.language.causal import CausalTarget


def tiny_gpt(
    texts: Sequence[str], seed: int = 0, *, vocabulary: int = 512, width: int = 64, layers: int = 2
) -> CausalTarget:
    """A GPT-2 of a few layers with random weights, which reads 96 tokens, and a tokenizer of byte pairs learned of
    these texts; raises MissingExtra without the extra `text`.
    """
    try:
        import torch
        from tokenizers import ByteLevelBPETokenizer
        from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

        from divulge.targets.language.causal import CausalTarget
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "transformers", "text") from error
    window, end = 96, "<end>"
    pairs: Any = ByteLevelBPETokenizer()
    pairs.train_from_iterator(texts, vocab_size=vocabulary, special_tokens=[end], show_progress=False)
    tokenizer: Any = PreTrainedTokenizerFast
    reader = tokenizer(tokenizer_object=pairs._tokenizer, eos_token=end)
    config = GPT2Config(
        vocab_size=pairs.get_vocab_size(),
        n_positions=window,
        n_embd=width,
        n_layer=layers,
        n_head=2,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: Any = GPT2LMHeadModel(config)
    return CausalTarget(model.eval(), reader, name="tiny GPT")
