"""Adapters of several models trained at once are those of training one model after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import divulge
from divulge.core.errors import TargetError
from divulge.core.language.texts import Prompted, as_records
from divulge.core.language.token_scores import of_padded
from divulge.core.threat import Access
from divulge.language import CausalTarget, FineTune
from divulge.runs.folder import RunFolder
from divulge.training.artifact_cache import ArtifactCache
from divulge.training.engines.engine import Plan, Trainer, Way, choose, train
from divulge.training.networks import flat_texts, low_rank, stacked_adapters
from divulge.training.networks.flat_texts import flat_of
from divulge.training.networks.lean_model import covered
from tests.language.tiny import LETTERS, gpt, texts, tokenizer


def llama(dropout=0.0, **more):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(LETTERS) + 2,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        attention_dropout=dropout,
        tie_word_embeddings=True,
        **more,
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


def logprobs(target, records=RECORDS):
    """Of all tokens that count."""
    return torch.tensor(of_padded(target.answer(Access.TOKEN_LOGPROBS, records)).logprob)


def same_models(recipe, found, records=RECORDS, keep=KEEP):
    for number, (row, seed) in enumerate(zip(keep, SEEDS, strict=True)):
        alone = recipe.fit(records.take(row), seed)
        assert alone.adapters.keys() == found[number].adapters.keys()
        for name, value in alone.adapters.items():
            torch.testing.assert_close(found[number].adapters[name], value, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(logprobs(found[number], records), logprobs(alone, records), atol=1e-4, rtol=1e-3)
        assert (logprobs(alone, records) - logprobs(recipe.tuned().base, records)).abs().max() > 0.05


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


def test_a_stack_is_its_models_trained_alone_in_the_form_that_a_gpu_is_given(monkeypatch):
    """All models have as many tokens there, some of which count for nothing, and attention is PyTorch's own."""
    monkeypatch.setattr(stacked_adapters, "flat_of", lambda batches, device, even: flat_of(batches, device, True))
    monkeypatch.setattr(flat_texts, "LONG", 0)
    for layers in (None, 2):
        recipe = FineTune(BASES["llama"], "lora", learning_rate=1e-2, epochs=1, batch_size=4, proxy_layers=layers)
        recipe = recipe.for_shadows()
        same_models(recipe, list(recipe.fit_stack(RECORDS, KEEP, SEEDS)))


def test_texts_one_by_one_all_of_one_length_and_completions_of_pairs():
    pairs = [Prompted(text[:6], text[6:12]) for text in texts(8)]
    for some, size in [(texts(8), 1), (["ba do ki lu"] * 4 + ["me no ra si"] * 4, 2), (pairs, 3)]:
        records, keep = as_records(some), np.random.default_rng(1).random((4, 8)) < 0.6
        recipe = FineTune(BASES["llama"], "lora", learning_rate=1e-2, epochs=2, batch_size=size, max_tokens=20)
        same_models(recipe, list(recipe.fit_stack(records, keep, SEEDS)), records, keep)


def test_adapters_of_many_models_or_of_a_high_rank_are_multiplied_one_by_one(monkeypatch):
    monkeypatch.setattr(low_rank, "FEW", 0)
    recipe = FineTune(BASES["gpt"], "lora", learning_rate=1e-2, epochs=1, batch_size=4)
    same_models(recipe, list(recipe.fit_stack(RECORDS, KEEP, SEEDS)))


def test_adapters_that_peft_draws_in_another_way_are_left_to_it(monkeypatch):
    drawn, again = [], stacked_adapters.drawn_again
    monkeypatch.setattr(stacked_adapters, "drawn_again", lambda like, seed: drawn.append(seed) or again(like, seed + 1))
    recipe = FineTune(BASES["gpt"], "lora", learning_rate=1e-2, epochs=1, batch_size=4)
    same_models(recipe, list(recipe.fit_stack(RECORDS, KEEP, SEEDS)))
    assert drawn == SEEDS[:1]


def test_stacks_side_by_side_and_the_cache_knows_no_difference(tmp_path):
    recipe = FineTune(BASES["llama"], "lora", learning_rate=1e-2, epochs=1, batch_size=4)
    found = dict(train(recipe, RECORDS, KEEP, SEEDS, Plan(Way.STACKED, together=2, workers=2)))
    same_models(recipe, found)
    stacked, alone = Trainer(ArtifactCache(tmp_path)), Trainer(ArtifactCache(tmp_path), way=Way.SEQUENTIAL)
    found = dict(stacked.fit_many(recipe, RECORDS, KEEP, SEEDS))
    again = dict(alone.fit_many(recipe, RECORDS, KEEP, SEEDS))
    assert (stacked.trained, alone.trained) == (4, 0)
    for number in range(4):
        torch.testing.assert_close(logprobs(again[number]), logprobs(found[number]), atol=1e-6, rtol=1e-5)


def test_the_way_follows_from_the_recipe_and_is_told():
    recipe = FineTune(BASES["llama"], "lora", learning_rate=1e-2, epochs=1, batch_size=4, proxy_layers=1)
    for way, told in [
        (recipe, "stacked, 4 at a time, "),
        (recipe.for_shadows(), "4 at a time, over cached activations,"),
    ]:
        trainer = Trainer()
        dict(trainer.fit_many(way, RECORDS, KEEP, SEEDS))
        assert told in trainer.told[0]
    assert choose(recipe, RECORDS, KEEP[:2], 2).way is Way.STACKED
    for other in (
        replace(recipe, method="full"),
        replace(recipe, dropout=0.1),
        FineTune(CausalTarget(llama(dropout=0.1), tokenizer()), "lora"),
        FineTune(CausalTarget(llama(sliding_window=32), tokenizer()), "lora"),
        FineTune(CausalTarget(llama().double(), tokenizer()), "lora"),
    ):
        assert choose(other, RECORDS, KEEP, 2).way is Way.PROCESSES
        assert choose(other, RECORDS, KEEP[:2], 2).way is Way.SEQUENTIAL
    wide = FineTune(CausalTarget(llama(sliding_window=64), tokenizer()), "lora")
    assert choose(wide, RECORDS, KEEP, 2).way is Way.STACKED


class Scaled(LlamaForCausalLM):
    """Its logits are not what its head says."""

    def forward(self, *args, **named):
        found = super().forward(*args, **named)
        found.logits = found.logits * 2
        return found


def test_a_model_that_does_not_answer_as_its_parts_is_neither_stacked_nor_scored_in_parts():
    strange = Scaled(llama().config).eval()
    strange.load_state_dict(llama().state_dict())
    assert covered(llama()) and not covered(strange)
    target, same = CausalTarget(strange, tokenizer()), BASES["llama"]
    ids = torch.tensor([same.encode(SOME[9]).ids])
    with torch.no_grad():
        for asked, scale in ((target, 2.0), (same, 1.0)):
            logs = (scale * llama()(ids).logits[0, :-1]).log_softmax(-1)
            own = logs.gather(1, ids[0, 1:, None])
            told = of_padded(asked.answer(Access.TOKEN_LOGPROBS, as_records([SOME[3], SOME[9]])))
            np.testing.assert_allclose(told.by_text(told.logprob)[1], own[:, 0], atol=1e-5)


def test_bfloat16_stays_close():
    base = CausalTarget(llama().to(torch.bfloat16), tokenizer())
    recipe = FineTune(base, "lora", learning_rate=1e-2, epochs=3, batch_size=4)
    found = list(recipe.fit_stack(RECORDS, KEEP, SEEDS))
    for number, (row, seed) in enumerate(zip(KEEP, SEEDS, strict=True)):
        alone = logprobs(recipe.fit(RECORDS.take(row), seed))
        assert abs(logprobs(found[number]).mean() / alone.mean() - 1) < 0.01


def test_a_loss_that_is_no_number_is_told():
    recipe = FineTune(BASES["llama"], "lora", learning_rate=1e30, epochs=9, batch_size=4)
    with pytest.raises(TargetError, match="lower the learning rate"):
        recipe.fit_stack(RECORDS, KEEP, SEEDS)


def test_an_audit_stacks_its_shadow_models_and_says_so(tmp_path):
    some = texts(48)
    recipe = FineTune(BASES["gpt"], "lora", learning_rate=1e-2, epochs=4, batch_size=8)
    run = divulge.audit(
        *(recipe(some[:16], 0), some[:16], some[16:32], some[32:]),
        recipe=recipe,
        shadows=4,
        attacks=["text_difference"],
        threat="published-model",
        out=tmp_path / "run",
        progress=None,
    )
    assert any("stacked, 4 at a time" in line for line in RunFolder(run.folder).training())
