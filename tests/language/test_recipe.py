"""Language models trained on texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from divulge.core.errors import InputError, TargetError
from divulge.core.language.texts import Prompted, as_records
from divulge.core.language.token_scores import of_padded
from divulge.core.threat import Access
from divulge.language import CausalTarget, FineTune
from divulge.setup.parts import RecipePart
from divulge.setup.sources.recipes_from import as_said
from divulge.training.artifact_cache import ArtifactCache
from divulge.training.engines.engine import Trainer
from divulge.training.networks.next_tokens import loss_of_texts
from divulge.training.recipes.pytorch import TorchRecipe
from tests.language.tiny import gpt, texts, tokenizer

BASE = CausalTarget(gpt(width=16, layers=1), tokenizer(), name="tiny")


def weights(target):
    return torch.cat([parameter.flatten() for parameter in target.model.parameters()])


def loss(target, some):
    scores = of_padded(target.answer(Access.TOKEN_LOGPROBS, as_records(some)))
    return -scores.mean_of(scores.logprob).mean()


@pytest.mark.parametrize("method", ["full", "lora"])
def test_equal_seeds_make_equal_models_which_have_learned_and_the_base_stays(method):
    some, before = texts(16), weights(BASE).clone()
    recipe = FineTune(BASE, method, learning_rate=1e-2, epochs=3, batch_size=4)
    one, same, other = recipe(some, 1), recipe(some, 1), recipe(some, 2)
    assert torch.equal(weights(one), weights(same)) and not torch.equal(weights(one), weights(other))
    assert loss(one, some) < loss(BASE, some) - 0.1
    assert torch.equal(weights(BASE), before)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_packed_model_is_the_same_model(method):
    recipe, some = FineTune(BASE, method, learning_rate=1e-2, epochs=1), texts(8)
    model = recipe(some, 1)
    packed = recipe.pack(model)
    again = recipe.unpack(packed)
    assert torch.allclose(weights(again), weights(model), atol=1e-6)
    if method == "lora":
        assert len(packed) < 0.8 * len(FineTune(BASE).pack(model))


def test_the_loss_is_that_of_transformers_and_of_a_pair_its_completion_alone():
    some = texts(3)
    encoded = [BASE.encode(text) for text in some]
    with torch.no_grad():
        own = [BASE.model(torch.tensor([e.ids]), labels=torch.tensor([e.ids])).loss for e in encoded]
        sizes = torch.tensor([len(e.ids) - 1.0 for e in encoded])
        together = loss_of_texts(BASE.model, encoded)
        assert together.item() == pytest.approx((torch.stack(own) @ sizes / sizes.sum()).item(), abs=1e-5)
        pair = loss_of_texts(BASE.model, [BASE.encode(Prompted("ba do ", "ki."))]).item()
    assert pair == pytest.approx(loss(BASE, [Prompted("ba do ", "ki.")]), abs=1e-5)


def test_models_go_to_the_cache_and_come_back(tmp_path):
    recipe, records = FineTune(BASE, "lora", epochs=1), as_records(texts(8))
    keep = np.ones((1, 8), dtype=bool)
    first = Trainer(ArtifactCache(tmp_path))
    ((_, model),) = first.fit_many(recipe, records, keep, [3])
    second = Trainer(ArtifactCache(tmp_path))
    ((_, again),) = second.fit_many(recipe, records, keep, [3])
    assert (first.trained, second.trained) == (1, 0)
    assert torch.allclose(weights(model), weights(again), atol=1e-6)


def test_settings_that_cannot_be_are_refused():
    for settings, told in [({"epochs": 0}, "epochs"), ({"method": "prefix"}, "method")]:
        with pytest.raises(InputError, match=told):
            FineTune(BASE, **settings)
    with pytest.raises(InputError, match="base"):
        FineTune("folder")
    with pytest.raises(TargetError, match="learning rate"):
        FineTune(BASE, learning_rate=1e30, clip=1e30, epochs=9)(texts(8), 0)


def test_other_settings_are_another_recipe():
    prints = {
        FineTune(BASE).fingerprint(),
        FineTune(BASE, epochs=4).fingerprint(),
        FineTune(BASE, "lora").fingerprint(),
    }
    assert len(prints) == 3 and FineTune(BASE).fingerprint() in prints
    assert "fine-tuned, all weights, 3 epochs" in FineTune(BASE).describe()


def test_keys_of_fine_tunes_are_not_handed_to_networks():
    """An audit file with `recipe: {kind: torch}` ended in a TypeError once fine-tunes had brought keys of their own."""
    recipe = as_said(RecipePart(kind="torch", epochs=3, momentum=0.5), lambda: torch.nn.Linear(2, 2), Path())
    assert isinstance(recipe, TorchRecipe) and (recipe.epochs, recipe.momentum) == (3, 0.5)
