"""Adapters of several models trained at once are those of training one model after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from divulge.core.errors import TargetError
from divulge.core.language.texts import Prompted, as_records
from divulge.core.language.token_scores import of_padded
from divulge.core.threat import Access
from divulge.language import CausalTarget, FineTune
from divulge.training.artifact_cache import ArtifactCache
from divulge.training.engines.engine import Plan, Trainer, Way, choose, train
from divulge.training.networks import flat_texts
from divulge.training.networks.lean_model import covered
from tests.language.tiny import LETTERS, gpt, texts, tokenizer


def llama(heads=4, dropout=0.0):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(LETTERS) + 2,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=heads,
        num_key_value_heads=2,
        max_position_embeddings=64,
        attention_dropout=dropout,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


BASES = {
    "gpt": CausalTarget(gpt(width=16, layers=3), tokenizer(), name="tiny"),
    "llama": CausalTarget(llama(), tokenizer(), name="tiny llama"),
}
SOME = [text[: 12 + 2 * place] for place, text in enumerate(texts(14))]
RECORDS = as_records(SOME)
KEEP = np.random.default_rng(0).random((4, 14)) < np.array([0.3, 0.5, 0.5, 0.9])[:, None]
SEEDS = [5, 6, 7, 8]


def logprobs(target):
    scores = of_padded(target.answer(Access.TOKEN_LOGPROBS, RECORDS))
    return torch.tensor(np.concatenate([scores.logprob[mask] for mask in [np.isfinite(scores.logprob)]]))


def same_models(recipe, found, records=RECORDS, keep=KEEP, atol=1e-4):
    for number, (row, seed) in enumerate(zip(keep, SEEDS, strict=True)):
        alone = recipe.fit(records.take(row), seed)
        assert alone.adapters.keys() == found[number].adapters.keys()
        for name, value in alone.adapters.items():
            torch.testing.assert_close(found[number].adapters[name], value, atol=atol, rtol=1e-3)
        torch.testing.assert_close(logprobs(found[number]), logprobs(alone), atol=atol, rtol=1e-3)
        assert (logprobs(alone) - logprobs(recipe.tuned().base)).abs().max() > 0.05


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("settings", [{}, {"clip": 0.05, "schedule": "constant", "weight_decay": 0.1}])
@pytest.mark.parametrize("layers", [None, 2])
def test_a_stack_is_its_models_trained_alone(base, settings, layers):
    """Of uneven numbers of texts, of several lengths, so that some are done earlier than others."""
    recipe = FineTune(
        BASES[base], "lora", learning_rate=1e-2, epochs=2, batch_size=4, rank=3, proxy_layers=layers, **settings
    ).for_shadows()
    assert len(set(KEEP.sum(axis=1).tolist())) > 2
    same_models(recipe, list(recipe.fit_stack(RECORDS, KEEP, SEEDS)))
