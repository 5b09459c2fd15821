"""Cheap shadow models of a fine-tune: the same as training with the lower layers frozen, and used for nothing else."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from divulge.auditing.job import BoundRecipe
from divulge.core.errors import InputError
from divulge.core.language.texts import as_records
from divulge.core.threat import Access
from divulge.language import CausalTarget, FineTune
from divulge.setup.assemble import _shadows
from divulge.setup.parts import RecipePart
from divulge.setup.sources.texts_from import fine_tune_in
from divulge.training.networks import frozen_layers
from divulge.training.networks.frozen_layers import Activations, layers_of, linear_names
from divulge.training.networks.next_tokens import loss_of_texts
from divulge.training.recipes.proxy_fine_tune import ProxyFineTune
from tests.language.tiny import LETTERS, gpt, texts, tokenizer
from tests.language.views import played


def llama(seed=0):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(LETTERS) + 2,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    return LlamaForCausalLM(config).eval()


BASES = {
    "gpt": CausalTarget(gpt(width=16, layers=3), tokenizer(), name="tiny"),
    "llama": CausalTarget(llama(), tokenizer(), name="tiny llama"),
}


def frozen_below(recipe, some, seed, cut):
    """The plain way: all layers computed in every step, and only the upper ones with a gradient."""
    base = recipe.base
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = base.alike(pickle.loads(pickle.dumps(base.model))).model
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        top = layers_of(model)[cut:]
        for parameter in top.parameters():
            parameter.requires_grad_(True)
        if recipe.method == "lora":
            model = recipe.adapted(model, linear_names(model, top))
        recipe.optimize(model, recipe.encoded(as_records(some)), seed, loss_of_texts)
        return model.merge_and_unload() if recipe.method == "lora" else model


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_same_as_training_with_the_lower_layers_frozen(base, method):
    some = texts(10)
    some = [text[: 30 + 2 * place] for place, text in enumerate(some)]  # of several lengths, so that batches are padded
    recipe = FineTune(BASES[base], method, learning_rate=1e-2, epochs=2, batch_size=4, proxy_layers=2)
    model = recipe.for_shadows().fit(as_records(some), 3).model
    plain = frozen_below(recipe, some, 3, cut=1)
    ids = torch.tensor([recipe.base.encode(some[0]).ids])
    with torch.no_grad():
        same, before = plain(input_ids=ids).logits, recipe.base.model(input_ids=ids).logits
        assert torch.allclose(model(input_ids=ids).logits, same, atol=1e-5)
    assert (same - before).abs().max() > 0.05
    pairs = zip(layers_of(model)[:1].parameters(), layers_of(recipe.base.model)[:1].parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_packed_proxy_is_the_same_model_and_small(method):
    recipe = FineTune(BASES["gpt"], method, learning_rate=1e-2, epochs=1, proxy_layers=1)
    proxies, some = pickle.loads(pickle.dumps(recipe.for_shadows())), as_records(texts(8))
    model = proxies.fit(some, 1)
    again = proxies.unpack(proxies.pack(model))
    ids = torch.tensor([recipe.base.encode(texts(1)[0]).ids])
    assert torch.allclose(again.model(input_ids=ids).logits, model.model(input_ids=ids).logits, atol=1e-6)
    assert len(proxies.pack(model)) < 0.5 * len(recipe.pack(recipe.fit(some, 1)))


def test_shadow_models_alone_are_proxies():
    """Never the audited model, nor the controls that stand for it."""
    recipe = FineTune(BASES["gpt"], learning_rate=1e-2, epochs=1, proxy_layers=1)
    records = as_records(texts(24))
    bound = BoundRecipe(recipe, lambda model: model)
    pool, _ = _shadows(bound, records, 0, None)
    shadow = pool(2, lambda target: target).targets[0].target.model
    whole = bound.train(records, 0).model
    lowest = next(layers_of(BASES["gpt"].model)[0].parameters())
    assert torch.equal(next(layers_of(shadow)[0].parameters()), lowest)
    assert not torch.equal(next(layers_of(whole)[0].parameters()), lowest)
    assert not torch.equal(layers_of(shadow)[2].mlp.c_fc.weight, layers_of(BASES["gpt"].model)[2].mlp.c_fc.weight)


def test_recipes_without_proxies_have_shadow_models_like_themselves():
    recipe = FineTune(BASES["gpt"])
    assert recipe.for_shadows() is recipe
    assert BoundRecipe(recipe, lambda model: model).for_shadows().fingerprint() == recipe.fingerprint()


def test_the_lower_layers_are_asked_once_for_each_text(monkeypatch):
    asked = []
    computed = Activations._computed
    monkeypatch.setattr(Activations, "_computed", lambda self, new: asked.extend(new) or computed(self, new))
    proxies = FineTune(BASES["gpt"], epochs=3, batch_size=4, proxy_layers=1).for_shadows()
    some = as_records(texts(8))
    proxies.fit(some, 0)
    proxies.fit(some, 1)
    assert len(asked) == len(set(asked)) == 8
    monkeypatch.setattr(frozen_layers, "MOST_BYTES", 0)
    fresh = FineTune(BASES["gpt"], epochs=3, batch_size=4, proxy_layers=1).for_shadows()
    model = fresh.fit(some, 0)
    assert len(asked) == 8 + 3 * 8
    assert torch.equal(model.model.lm_head.weight, BASES["gpt"].model.lm_head.weight)


def test_what_cannot_be_is_refused():
    for settings, cure in [({"proxy_layers": 3}, "from 1 to 2"), ({"proxy_layers": 0}, "from 1 to 2")]:
        with pytest.raises(InputError, match=cure):
            FineTune(BASES["gpt"], **settings)
    with pytest.raises(InputError, match="above 0"):
        FineTune(BASES["gpt"], proxy_layers=1, proxy_learning_rate=-1.0)

    strange = gpt(layers=2)
    strange.transformer.h = torch.nn.ModuleDict({str(n): layer for n, layer in enumerate(strange.transformer.h)})
    assert isinstance(strange, GPT2LMHeadModel)
    with pytest.raises(InputError, match="leave it out"):
        FineTune(CausalTarget(strange, tokenizer()), proxy_layers=1)


def test_another_rate_and_harder_variant():
    recipe = FineTune(BASES["gpt"], learning_rate=1e-3, epochs=1, proxy_layers=1, proxy_learning_rate=1e-2)
    plain = FineTune(BASES["gpt"], learning_rate=1e-3, epochs=1, proxy_layers=1)
    assert recipe.for_shadows().fingerprint() != plain.for_shadows().fingerprint() != plain.fingerprint()
    some = as_records(texts(8))
    base = layers_of(BASES["gpt"].model)[2].mlp.c_fc.weight

    def moved(proxies):
        return (layers_of(proxies.fit(some, 0).model)[2].mlp.c_fc.weight - base).norm()

    assert moved(recipe.for_shadows()) > 3 * moved(plain.for_shadows())
    assert isinstance(plain.for_shadows().overfitted(), ProxyFineTune)
    assert moved(plain.for_shadows().overfitted()) > 2 * moved(plain.for_shadows())


def test_proxies_find_the_members_of_a_model_that_was_trained_in_all_layers_and_nobody_at_chance():
    some, base = texts(40), BASES["gpt"]
    recipe = FineTune(base, learning_rate=1e-2, epochs=4, batch_size=10, proxy_layers=2)
    pool = _shadows(BoundRecipe(recipe, lambda model: model), as_records(some), 0, None)[0](2, lambda target: target)
    inside, others = recipe(some[:20], 0), recipe(texts(20, seed=9), 0)
    for target, low, high in [(inside, 0.8, 1.0), (others, 0.3, 0.7)]:
        guess = played("text_difference", target, some, shadows=pool.targets, keep=pool.keep)
        above = np.mean(guess.scores[:20, None] > guess.scores[None, 20:])
        assert low <= above <= high


def test_the_recipe_as_reports_show_it_says_so():
    told = BoundRecipe(FineTune(BASES["gpt"], proxy_layers=1), lambda model: model).describe()
    assert told.endswith("; shadow models adapt the topmost layer alone, over frozen ones")
    assert FineTune(BASES["gpt"], proxy_layers=2).for_shadows().describe().endswith("the top 2 layers alone")
    assert "shadow" not in FineTune(BASES["gpt"]).describe()


def test_audit_files_know_the_keys():
    part = RecipePart(kind="fine_tune", proxy_layers=2, proxy_learning_rate=0.02)
    target = CausalTarget(gpt(), tokenizer(), start=BASES["gpt"])
    recipe = fine_tune_in(part, target, None)
    assert (recipe.proxy_layers, recipe.proxy_learning_rate) == (2, 0.02)
    assert np.isclose(recipe.learning_rate, FineTune(BASES["gpt"]).learning_rate)
    assert Access.TOKEN_LOGPROBS in recipe.base.offers
