"""Modules of a recipe are trained on the loss that their outputs stand for, and fed with what they read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.targets.networks import Wrapped, X, Y
from torch import nn

from divulge.data.arrays import from_arrays
from divulge.defenses.training.teaching import log_scores_of
from divulge.training.networks.feed import feed_of
from divulge.training.recipes.pytorch import Schedule, TorchRecipe

(RECORDS,) = from_arrays([(X, Y)])
LAST = {
    "softmax": (2, lambda z: z.softmax(1)),
    "log_softmax": (2, lambda z: z.log_softmax(1)),
    "dict": (2, lambda z: {"logits": z}),
    "sigmoid": (1, torch.sigmoid),
    "flat sigmoid": (1, lambda z: torch.sigmoid(z)[:, 0]),
    "sigmoid by hand": (1, lambda z: 1 / (1 + torch.exp(-z))),
    "flat logit": (1, lambda z: z[:, 0]),
}


def net(outputs=2):
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, outputs))


def settings(factory, **more):
    return TorchRecipe(factory, **{"epochs": 5, "batch_size": 32, "learning_rate": 0.01, **more})


def same(first, second, **slack):
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, **slack)


@pytest.mark.parametrize("name", LAST)
def test_however_a_network_ends_it_learns_what_its_logits_would(name):
    outputs, last = LAST[name]
    plain = settings(lambda: net(outputs)).fit(RECORDS, 3)
    ended = settings(lambda: Wrapped(net(outputs), last)).fit(RECORDS, 3)
    same(plain, ended.inner, atol=1e-4, rtol=1e-3)


def test_layers_at_the_end_count_too_also_in_a_stack():
    recipes = {
        n: settings(lambda n=n: nn.Sequential(*net(n), nn.Sigmoid() if n == 1 else nn.Softmax(1))) for n in (1, 2)
    }
    keep = np.ones((2, len(RECORDS)), dtype=bool)
    keep[0, ::2] = keep[1, 1::2] = False
    for outputs, recipe in recipes.items():
        assert not recipe.stackable() and settings(lambda n=outputs: net(n)).stackable()
        same(settings(lambda n=outputs: net(n)).fit(RECORDS, 1), recipe.fit(RECORDS, 1)[:-1], atol=1e-4, rtol=1e-3)


def test_a_sigmoid_for_each_class_is_trained_by_binary_cross_entropy():
    def by_hand(module):
        generator = module[1]
        module = module[0]
        adam = torch.optim.Adam(module.parameters(), 0.01, fused=True)
        hot = nn.functional.one_hot(torch.tensor(Y), 2).float()
        for _ in range(5):
            for batch in torch.randperm(len(Y), generator=generator).split(32):
                adam.zero_grad()
                z = module.inner(torch.tensor(X)[batch])
                loss = nn.functional.binary_cross_entropy_with_logits(z, hot[batch], reduction="sum") / len(batch)
                loss.backward()
                adam.step()
        return module

    recipe = settings(lambda: Wrapped(net(2), torch.sigmoid))
    same(by_hand(recipe.untrained(4)), recipe.fit(RECORDS, 4), atol=1e-3, rtol=1e-2)


def normed():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def test_a_lone_last_record_joins_the_batch_before():
    records = RECORDS.take(np.arange(129))
    recipe = settings(normed, schedule=Schedule.COSINE)
    module, generator = recipe.untrained(5)
    adam = torch.optim.Adam(module.parameters(), 0.01, fused=True)
    x, y = torch.tensor(X[:129]), torch.tensor(Y[:129])
    step = 0
    for _ in range(5):
        order = torch.randperm(129, generator=generator)
        for batch in (order[:32], order[32:64], order[64:96], order[96:]):
            adam.param_groups[0]["lr"] = 0.01 * (1 + np.cos(np.pi * step / 20)) / 2
            adam.zero_grad()
            nn.functional.cross_entropy(module(x[batch]), y[batch]).backward()
            adam.step()
            step += 1
    assert step == 20 == recipe.steps(129, merged=True)
    same(module, recipe.fit(records, 5), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("factory", "x", "batch", "merged"),
    [
        (normed, X[:129], 64, True),
        (normed, X[:128], 64, False),
        (normed, X[:130], 64, False),
        (net, X[:129], 64, False),
        (lambda: nn.Sequential(nn.Dropout(0.5), *normed()), X[:33], 32, True),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(18, 2)), 0, 16, False),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 4), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2)), 0, 16, True),
    ],
)
def test_only_what_cannot_be_trained_on_alone_is_merged(factory, x, batch, merged):
    x = np.random.default_rng(0).normal(size=(33, 1, 4, 4)) if isinstance(x, int) else x
    module = factory()
    state = {k: v.clone() for k, v in module.state_dict().items()}
    lots = torch.get_rng_state()
    assert feed_of(module, x, batch).merged is merged
    assert torch.equal(torch.get_rng_state(), lots)
    assert all(torch.equal(v, state[k]) for k, v in module.state_dict().items()) and module.training


def test_students_with_batch_normalization_learn_from_a_lone_record_too():
    records = RECORDS.take(np.arange(65))
    told = np.log(np.full((65, 2), 0.5))
    assert len(settings(normed).distil(records, told, 0)) == 5
    assert len(settings(lambda: Wrapped(net(1), torch.sigmoid)).distil(records, told, 0)) == 5


class Words(nn.Module):
    def __init__(self, kind=nn.Embedding):
        super().__init__()
        self.words, self.out = kind(12, 8), nn.Linear(8, 12)

    def forward(self, ids):
        assert not ids.is_floating_point()
        z = self.words(ids)
        return self.out(z.cumsum(1) if z.dim() == 3 else z)


IDS = np.random.default_rng(0).integers(0, 12, (60, 6))


def test_token_models_are_trained_on_every_next_token():
    (records,) = from_arrays([(IDS[:, :-1], IDS[:, -1])], classes=list(range(12)))
    recipe = settings(Words)
    module, generator = recipe.untrained(2)
    adam = torch.optim.Adam(module.parameters(), 0.01, fused=True)
    texts = torch.tensor(IDS)
    for _ in range(5):
        for batch in torch.randperm(60, generator=generator).split(32):
            adam.zero_grad()
            z = module(texts[batch, :-1])
            nn.functional.cross_entropy(z.flatten(0, 1), texts[batch, 1:].flatten()).backward()
            adam.step()
    same(module, recipe.fit(records, 2), atol=1e-5, rtol=1e-4)


def test_bags_of_words_are_trained_with_ids():
    (records,) = from_arrays([(IDS, IDS[:, 0])], classes=list(range(12)))
    recipe = settings(lambda: Words(nn.EmbeddingBag), epochs=40)
    trained = recipe.fit(records, 0)
    with torch.no_grad():
        before = nn.functional.cross_entropy(recipe.untrained(0)[0](torch.tensor(IDS)), torch.tensor(IDS[:, 0]))
        after = nn.functional.cross_entropy(trained(torch.tensor(IDS)), torch.tensor(IDS[:, 0]))
    assert after < before - 0.1


def test_double_precision_networks_are_trained_in_it():
    assert settings(lambda: net().double()).fit(RECORDS, 0)[0].weight.dtype is torch.float64


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.out = nn.Embedding(12, 8), nn.Linear(8, 12, bias=False)
        self.out.weight = self.words.weight

    def forward(self, ids):
        return self.out(self.words(ids))


def test_tied_weights_are_packed_and_come_back():
    recipe = settings(Tied)
    module = recipe.untrained(1)[0]
    again = recipe.unpack(recipe.pack(module))
    assert torch.equal(again.words.weight, module.words.weight) and again.out.weight is again.words.weight


@pytest.mark.parametrize("name", LAST)
def test_teachers_are_read_by_what_their_outputs_stand_for(name):
    outputs, last = LAST[name]
    torch.manual_seed(39)  # answers between 0.26 and 0.58, no better than chance: only the network itself can tell
    module = net(outputs).eval()
    with torch.no_grad():
        z = module(torch.tensor(X)).double()
        wanted = (torch.cat([0 * z, z], dim=1) if outputs == 1 else z).log_softmax(1).numpy()
    np.testing.assert_allclose(log_scores_of(Wrapped(module, last), RECORDS), wanted, atol=1e-5)
