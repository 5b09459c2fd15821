"""Defences of fine-tunes."""

from __future__ import annotations

import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from divulge.core.errors import InputError
from divulge.core.language.texts import as_records
from divulge.defenses.accounting import cost_of
from divulge.defenses.data.deduplication import Deduplication
from divulge.defenses.settings.dropout import Dropout
from divulge.defenses.settings.weight_decay import WeightDecay
from divulge.defenses.training.dp_sgd import DpSgd
from divulge.defenses.training.dp_texts import clipped_sum
from divulge.defenses.training.early_stopping import EarlyStopping
from divulge.defenses.training.goldfish import Goldfish
from divulge.language import CausalTarget, FineTune
from divulge.training.networks.next_tokens import loss_of_texts
from divulge.training.recipes.defended import defended_recipe
from divulge.training.recipes.fine_tune import TextRecipe
from tests.language.tiny import gpt, texts, tokenizer

BASE = CausalTarget(gpt(width=16, layers=1), tokenizer(), name="tiny")
LORA = FineTune(BASE, "lora", learning_rate=1e-2, epochs=2, batch_size=4)


def weights(target):
    return torch.cat([parameter.detach().flatten() for parameter in target.model.parameters()])


def mean_loss(model, encoded):
    with torch.no_grad():
        return np.mean([loss_of_texts(model, [text]).item() for text in encoded])


def gap(target, members, others):
    """By how much members are expected better than others."""
    with torch.no_grad():
        losses = [[float(loss_of_texts(target.model, [BASE.encode(t)])) for t in part] for part in (members, others)]
    return np.mean(losses[1]) - np.mean(losses[0])


def test_the_gradient_of_each_text_is_clipped_by_itself():
    model = LORA.adapted(gpt(width=16, layers=1), "all-linear")
    own = [p for p in model.parameters() if p.requires_grad]
    some = [BASE.encode(text) for text in texts(3)]
    alone = [torch.autograd.grad(loss_of_texts(model, [text]), own) for text in some]
    lengths = [math.sqrt(sum(float((part**2).sum()) for part in grads)) for grads in alone]
    norm = sorted(lengths)[1]  # clips one of three
    wanted = [
        sum(g[k] * min(1.0, norm / length) for g, length in zip(alone, lengths, strict=True)) for k in range(len(own))
    ]
    for part, by_hand in zip(clipped_sum(loss_of_texts, model, own, some, norm), wanted, strict=True):
        assert torch.allclose(part, by_hand, atol=1e-6)
    assert all(not part.any() for part in clipped_sum(loss_of_texts, model, own, [], 1.0))


def test_gradients_of_texts_are_those_of_opacus():
    grad_sample = pytest.importorskip("opacus.grad_sample")
    model = LORA.adapted(gpt(width=16, layers=1), "all-linear")
    own = [p for p in model.parameters() if p.requires_grad]
    some = [BASE.encode(text[:20]) for text in texts(4)]  # of equal length: its loss is a mean over all tokens
    ours = clipped_sum(loss_of_texts, model, own, some, 1e9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        watched = grad_sample.GradSampleModule(model, loss_reduction="mean", strict=False)
        loss_of_texts(watched, some).backward()
    for parameter, part in zip(own, ours, strict=True):
        assert torch.allclose(parameter.grad_sample.sum(0), part, atol=1e-5)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_fine_tunes_learn_with_little_noise_and_nothing_with_much(method):
    recipe = FineTune(BASE, method, learning_rate=1e-2, epochs=8, batch_size=6, schedule="constant")
    members = texts(6)
    clear = DpSgd(noise=1e-6, norm=100.0).fit(recipe, as_records(members), 0)
    private = DpSgd(noise=50.0, norm=1.0).fit(recipe, as_records(members), 0)
    before = mean_loss(BASE.model, [BASE.encode(text) for text in members])
    gain, kept = (before - mean_loss(t.model, [BASE.encode(text) for text in members]) for t in (clear, private))
    assert gain > 0.08 and kept < 0.3 * gain
    assert clear.started_from() is BASE


def test_equal_seeds_make_equal_private_models():
    some, dp = as_records(texts(8)), DpSgd(noise=1.0)
    one, same, other = (dp.fit(LORA, some, seed) for seed in (1, 1, 2))
    assert torch.equal(weights(one), weights(same)) and not torch.equal(weights(one), weights(other))


def test_epsilon_is_that_of_the_accountant_for_so_many_texts():
    dp = DpSgd(noise=1.0, delta=1e-3)
    assert dp.schedule(40, LORA.batch_size, LORA.epochs) == (0.1, 20)
    assert dp.cost(40, LORA) == cost_of(1.0, 1e-3, 0.1, 20)


def test_a_private_recipe_is_packed_like_its_base():
    recipe = defended_recipe(LORA, [DpSgd(noise=1.0)], None)
    model = recipe.fit(as_records(texts(8)), 0)
    assert torch.allclose(weights(recipe.unpack(recipe.pack(model))), weights(model), atol=1e-6)
    assert recipe.fingerprint() != LORA.fingerprint()


def test_a_training_of_ones_own_is_refused_with_the_cure():
    own = TextRecipe(lambda some, seed: BASE)
    for defense in (DpSgd(noise=1.0), Goldfish()):
        with pytest.raises(InputError, match="as a FineTune"):
            defense.fit(own, as_records(texts(8)), 0)
    with pytest.raises(InputError, match="method lora"):
        Dropout().adjust(FineTune(BASE))


def test_what_a_goldfish_passes_follows_from_what_stands_before():
    fish = Goldfish(every=3, context=2)
    rng = np.random.default_rng(0)
    ids = tuple(rng.integers(0, 40, 3000).tolist())
    passed = fish.passed(SimpleNamespace(ids=ids))
    assert abs(len(passed) / 2998 - 1 / 3) < 0.05 and min(passed) >= 2
    again = fish.passed(SimpleNamespace(ids=(7, 7, 7, *ids[100:200])))  # a copy of a passage elsewhere
    assert [place - 3 for place in again if place >= 5] == [place - 100 for place in passed if 102 <= place < 200]
    with pytest.raises(InputError, match="at least 2"):
        Goldfish(every=1)


def test_tokens_that_a_goldfish_passes_are_not_learned():
    fish, text = Goldfish(every=2, context=1), BASE.encode(texts(1)[0])
    passed = fish.passed(text)
    logits = BASE.model(input_ids=torch.tensor([text.ids])).logits[0, :-1].log_softmax(-1).detach()
    by_hand = [-float(logits[k - 1, text.ids[k]]) for k in range(1, len(text.ids)) if k not in passed]
    assert loss_of_texts(BASE.model, [text], fish.passed).item() == pytest.approx(np.mean(by_hand), abs=1e-5)
    some = texts(6)
    recipe = FineTune(BASE, learning_rate=1e-2, epochs=30, batch_size=6)
    tuned = fish.fit(recipe, as_records(some), 0)
    losses = [[], []]
    with torch.no_grad():
        for ids in (BASE.encode(t).ids for t in some):
            logs = tuned.model(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
            left_out = set(fish.passed(SimpleNamespace(ids=ids)))
            for k in range(1, len(ids)):
                losses[k in left_out].append(-float(logs[k - 1, ids[k]]))
    assert np.mean(losses[1]) > np.mean(losses[0]) + 0.5


def test_a_fine_tune_stops_where_held_out_texts_are_no_longer_expected_better():
    some = as_records(texts(20))
    recipe = FineTune(BASE, learning_rate=2e-2, epochs=25, batch_size=4, schedule="constant")
    long, short = recipe.fit(some, 0), EarlyStopping(share=0.3, patience=2).fit(recipe, some, 0)
    members, others = texts(20), texts(20, seed=5)
    assert gap(short, members, others) < 0.5 * gap(long, members, others)
    with pytest.raises(InputError, match="too few"):
        EarlyStopping(share=0.9).fit(recipe, some.take(np.arange(1)), 0)


def test_settings_and_duplicates():
    assert Dropout(0.3).adjust(LORA).dropout == 0.3
    assert WeightDecay(0.1).adjust(LORA).weight_decay == 0.1
    twice = as_records([*texts(5), *texts(5)])
    assert len(Deduplication().prepare(twice, 0)) == 5
