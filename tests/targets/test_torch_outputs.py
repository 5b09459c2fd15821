"""Modules as people have them: any form of output, any floating type, any wrapper; the answer is the owner's own."""

from __future__ import annotations

import copy
import warnings
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tests.targets.networks import COUNT, Wrapped, X, Y, auc, logits_of, right_class, softmax, trained
from torch import nn

from divulge.core.errors import InputError, TargetError
from divulge.core.signals import of_class
from divulge.core.threat import Access, Task
from divulge.data.arrays import from_arrays
from divulge.targets.networks.pytorch import TorchTarget
from divulge.targets.networks.torch_lent import lent
from divulge.training.recipes.pytorch import TorchRecipe

NET, ONE = trained(), trained(1)
(RECORDS,) = from_arrays([(X, Y)], classes=[0, 1])


@dataclass
class Out:
    logits: torch.Tensor
    hidden: torch.Tensor


Named = namedtuple("Named", ["logits", "aux"])
FORMS = {
    "logits": (lambda z: z, "a logit for each class"),
    "softmax": (lambda z: z.softmax(1), "probabilities of the classes"),
    "softmax by hand": (lambda z: z.exp() / z.exp().sum(1, keepdim=True), "probabilities of the classes"),
    "log_softmax": (lambda z: z.log_softmax(1), "log-probabilities of the classes"),
    "dict": (lambda z: {"logits": z, "hidden": z * 2}, "a logit for each class"),
    "dict of one": (lambda z: {"scores": z}, "a logit for each class"),
    "dataclass": (lambda z: Out(z, z * 2), "a logit for each class"),
    "named tuple": (lambda z: Named(z, z * 2), "a logit for each class"),
    "list of one": (lambda z: [z], "a logit for each class"),
    "another axis": (lambda z: z[:, :, None, None], "a logit for each class"),
}
SINGLES = {
    "logit": (lambda z: z, "one logit"),
    "flat logit": (lambda z: z[:, 0], "one logit"),
    "sigmoid": (torch.sigmoid, "one probability"),
    "flat sigmoid": (lambda z: torch.sigmoid(z).squeeze(1), "one probability"),
    "sigmoid by hand": (lambda z: 1 / (1 + torch.exp(-z)), "one probability"),
    "logit of another scale": (lambda z: z * 1e-3, "one logit"),
}


def loss_auc(target):
    return auc(of_class(target.answer(Access.SCORES, RECORDS), Y))


def norms_by_hand(net, loss):
    rows = []
    for x, y in zip(torch.tensor(X), torch.tensor(Y), strict=True):
        found = torch.autograd.grad(loss(net(x[None]), y[None]), list(net.parameters()))
        rows.append([g.norm().item() for g in found])
    return np.array(rows)


@pytest.mark.parametrize("name", FORMS)
def test_whatever_a_module_returns_scores_and_gradients_are_those_of_its_logits(name):
    last, reading = FORMS[name]
    target = TorchTarget(Wrapped(NET, last))
    assert target.settle(RECORDS) == target.reading == reading
    own = logits_of(Wrapped(NET, last)) if "probabilities of" in reading and "log" not in reading else None
    assert abs(loss_auc(target) - auc(right_class(softmax(logits_of(NET)) if own is None else own))) < 1e-6
    wanted = norms_by_hand(NET, nn.functional.cross_entropy)
    np.testing.assert_allclose(target.answer(Access.GRADIENTS, RECORDS), wanted, rtol=2e-3, atol=1e-5)
    np.testing.assert_allclose(target.surprise(RECORDS), -right_class(softmax(logits_of(NET))), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", SINGLES)
def test_a_single_output_is_read_by_evidence(name):
    last, reading = SINGLES[name]
    module = Wrapped(ONE, last)
    target = TorchTarget(module)
    assert target.settle(RECORDS).startswith(reading)
    raw = logits_of(module).reshape(-1)
    p = raw if "probability" in reading else 1 / (1 + np.exp(-raw))
    assert abs(loss_auc(target) - auc(np.where(Y == 1, np.log(p), np.log1p(-p)))) < 1e-6
    if "scale" not in name:

        def loss(z, y):
            return nn.functional.binary_cross_entropy_with_logits(z[:, 0], y.float())

        wanted = norms_by_hand(ONE, loss)
        np.testing.assert_allclose(target.answer(Access.GRADIENTS, RECORDS), wanted, rtol=5e-3, atol=1e-5)


def test_a_sigmoid_for_each_class_is_read_as_shares_of_their_sum():
    module = Wrapped(NET, torch.sigmoid)
    target = TorchTarget(module)
    assert "by itself" in target.settle(RECORDS)
    p = logits_of(module)
    assert abs(loss_auc(target) - auc(right_class(p / p.sum(axis=1, keepdims=True)))) < 1e-6

    def loss(p, y):
        return nn.functional.binary_cross_entropy(p, nn.functional.one_hot(y, 2).float(), reduction="sum")

    wanted = norms_by_hand(module, loss)
    np.testing.assert_allclose(target.answer(Access.GRADIENTS, RECORDS), wanted, rtol=5e-3, atol=1e-5)


def test_what_is_stated_is_not_looked_for():
    p = logits_of(Wrapped(ONE, torch.sigmoid))
    target = TorchTarget(Wrapped(ONE, torch.sigmoid), output="logit")
    np.testing.assert_allclose(target.answer(Access.LOGITS, RECORDS)[:, 1], p[:, 0], rtol=1e-6)
    both = Wrapped(NET, lambda z: (z * 0 + 3, z))
    with pytest.raises(TargetError, match=r"pick=0\), say"):
        TorchTarget(both).answer(Access.SCORES, RECORDS)
    assert loss_auc(TorchTarget(both, pick=1)) == loss_auc(TorchTarget(NET))
    with pytest.raises(InputError, match="choose one of logits"):
        TorchTarget(NET, output="softmax")


def test_the_reading_is_handed_on_and_dropped_where_another_module_contradicts_it():
    target = TorchTarget(Wrapped(NET, lambda z: z.softmax(1)))
    target.settle(RECORDS)
    like, other = target.alike(Wrapped(NET, lambda z: z.softmax(1))), target.alike(NET)
    assert like.reading == target.reading
    assert abs(loss_auc(other) - auc(right_class(softmax(logits_of(NET))))) < 1e-6
    assert other.reading == "a logit for each class"


def test_the_fingerprint_tells_modules_readings_and_forward_methods_apart():
    same = TorchTarget(NET).fingerprint()
    assert same == TorchTarget(copy.deepcopy(NET)).fingerprint()
    moved = copy.deepcopy(NET)
    with torch.no_grad():
        moved[0].weight[0, 0] += 1e-4
    double = copy.deepcopy(NET).double()
    nudged = copy.deepcopy(double)
    with torch.no_grad():
        nudged[0].weight[0, 0] += 1e-12

    class Softly(nn.Sequential):
        def forward(self, x):
            return super().forward(x).softmax(1)

    class Sharply(nn.Sequential):
        def forward(self, x):
            return super().forward(x).softmax(0)

    Sharply.__qualname__, Sharply.__name__ = Softly.__qualname__, "Softly"
    targets = [TorchTarget(m) for m in (NET, moved, double, nudged, Softly(*NET), Sharply(*NET))]
    targets += [TorchTarget(NET, output="logits"), TorchTarget(NET, output="probabilities"), TorchTarget(NET, pick=0)]
    assert len({t.fingerprint() for t in targets}) == len(targets)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_a_module_is_asked_in_its_own_floating_type(kind):
    module = copy.deepcopy(NET).to(kind)
    with torch.no_grad():
        z = module(torch.tensor(X).to(kind)).double().numpy()
    target = TorchTarget(module)
    answer = target.answer(Access.LOGITS, RECORDS)
    assert answer.dtype == np.float64
    np.testing.assert_array_equal(answer, z)
    assert abs(loss_auc(target) - auc(right_class(softmax(z)))) < (1e-6 if kind is torch.float64 else 1e-3)
    norms = target.answer(Access.GRADIENTS, RECORDS)
    wanted = norms_by_hand(copy.deepcopy(module).float(), nn.functional.cross_entropy)
    slack = 1e-4 if kind is torch.float64 else 0.2
    assert np.median(np.abs(norms - wanted) / (wanted + 1e-2)) < slack
    assert target.fingerprint() == TorchTarget(copy.deepcopy(module)).fingerprint()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_coarse_probabilities_are_still_probabilities(kind):
    module = nn.Sequential(copy.deepcopy(trained(5, np.digitize(X[:, 0], [-1, -0.3, 0.3, 1]))), nn.Softmax(1)).to(kind)
    (records,) = from_arrays([(X, np.digitize(X[:, 0], [-1, -0.3, 0.3, 1]))])
    assert TorchTarget(module).settle(records) == "probabilities of the classes"


def test_scripted_traced_compiled_and_frozen_modules_answer_alike():
    frozen = copy.deepcopy(NET).requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules = {
            "scripted": torch.jit.script(NET),
            "traced": torch.jit.trace(NET, torch.tensor(X[:2])),
            "compiled": torch.compile(NET, backend="eager"),
            "frozen": frozen,
        }
        wanted = norms_by_hand(NET, nn.functional.cross_entropy)
        for name, module in modules.items():
            target = TorchTarget(module)
            assert abs(loss_auc(target) - loss_auc(TorchTarget(NET))) < 1e-9, name
            assert target.fingerprint() == target.fingerprint() != ""
            got = target.answer(Access.GRADIENTS, RECORDS)
            np.testing.assert_allclose(got, wanted, rtol=2e-3, atol=1e-5, err_msg=name)
    assert not any(p.requires_grad for p in frozen.parameters())
    assert Access.INTERNALS not in TorchTarget(modules["scripted"]).offers
    with pytest.raises(TargetError, match="TorchScript module, whose layers cannot be watched"):
        TorchTarget(modules["scripted"]).answer(Access.INTERNALS, RECORDS)


def test_a_quantized_module_answers_and_says_why_it_has_no_gradients():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.ao.quantization.quantize_dynamic(copy.deepcopy(NET), {nn.Linear})
        target = TorchTarget(module)
        assert abs(loss_auc(target) - auc(right_class(softmax(logits_of(module))))) < 1e-6
        assert (
            target.fingerprint() == TorchTarget(copy.deepcopy(module)).fingerprint() != TorchTarget(NET).fingerprint()
        )
    assert Access.GRADIENTS not in target.offers
    with pytest.raises(TargetError, match="weights are quantised"):
        target.answer(Access.GRADIENTS, RECORDS)


class Stubborn(nn.Module):
    """torch.func cannot map it: it looks at its values."""

    def __init__(self):
        super().__init__()
        self.inner = copy.deepcopy(NET)

    def forward(self, x):
        return self.inner(x) if x.sum().item() < 1e9 else self.inner(-x)


def test_a_module_that_looks_at_its_values_still_has_gradients():
    wanted = norms_by_hand(NET, nn.functional.cross_entropy)
    np.testing.assert_allclose(TorchTarget(Stubborn()).answer(Access.GRADIENTS, RECORDS), wanted, rtol=2e-3, atol=1e-5)


def test_a_module_is_left_as_it_was():
    module = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2)).train()
    module[2].eval()
    module[0].requires_grad_(False)
    module(torch.tensor(X)).sum().backward()
    modes = [part.training for part in module.modules()]
    state = {k: v.clone() for k, v in module.state_dict().items()}
    grads = [None if p.grad is None else p.grad.clone() for p in module.parameters()]
    target = TorchTarget(module)
    target.settle(RECORDS)
    for port in (Access.LABEL, Access.SCORES, Access.GRADIENTS, Access.INTERNALS):
        target.answer(port, RECORDS)
    target.update(RECORDS), target.updated(RECORDS), target.surprise(RECORDS), target.fingerprint(), target.secrets()
    (
        target.through(target.front(), RECORDS.x),
        target.model(torch.tensor(X)),
        target.fresh(0).answer(Access.SCORES, RECORDS),
    )
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(v, module.state_dict()[k]) for k, v in state.items())
    assert [p.requires_grad for p in module.parameters()] == [False, False, True, True, True, True]
    for p, g in zip(module.parameters(), grads, strict=True):
        assert (p.grad is None) if g is None else torch.equal(p.grad, g)
    module(torch.tensor(X)).sum().backward()  # what it keeps from its last use can still be trained on


def test_a_module_is_given_back_even_when_it_fails_and_by_the_last_who_borrowed_it():
    module = nn.Sequential(nn.Linear(6, 2)).train()
    with lent(module):
        with pytest.raises(ZeroDivisionError), lent(module):
            raise ZeroDivisionError
        assert not module.training
    assert module.training and module[0].training


def test_classes_of_words_that_are_no_module():
    with pytest.raises(InputError, match="Wrapped is a class: pass a trained module"):
        TorchTarget(Wrapped)
    with pytest.raises(InputError, match=r"needs a torch.nn.Module, not a int"):
        TorchTarget(3)


class Words(nn.Module):
    """Next-token logits at every place."""

    def __init__(self):
        super().__init__()
        self.words, self.out = nn.Embedding(12, 8), nn.Linear(8, 12)

    def forward(self, ids):
        assert not ids.is_floating_point()
        return self.out(self.words(ids).cumsum(1))


@pytest.mark.parametrize("last", [lambda z: z, lambda z: z.softmax(2), lambda z: {"logits": z, "past": z[:, 0]}])
def test_a_language_model_has_the_gradient_of_the_mean_loss_of_its_tokens(last):
    torch.manual_seed(0)
    module = Words()
    ids = np.random.default_rng(0).integers(0, 12, (30, 6))
    (records,) = from_arrays([(ids[:, :-1], ids[:, -1])], classes=list(range(12)))
    target = TorchTarget(Wrapped(module, last))
    target.settle(records)
    with torch.no_grad():
        z = module(torch.tensor(ids[:, :-1])).double()
    losses = nn.functional.cross_entropy(z.transpose(1, 2), torch.tensor(ids[:, 1:]), reduction="none").mean(1)
    np.testing.assert_allclose(target.surprise(records), losses.numpy(), rtol=1e-5)
    np.testing.assert_allclose(target.answer(Access.SCORES, records), z[:, -1].log_softmax(1).numpy(), atol=1e-5)
    wanted = []
    for text in torch.tensor(ids):
        loss = nn.functional.cross_entropy(module(text[None, :-1])[0], text[1:])
        wanted.append([g.norm().item() for g in torch.autograd.grad(loss, list(module.parameters()))])
    np.testing.assert_allclose(target.answer(Access.GRADIENTS, records), np.array(wanted), rtol=1e-3, atol=1e-6)


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.out = nn.EmbeddingBag(12, 8), nn.Linear(8, 2)

    def forward(self, ids):
        return self.out(self.words(ids))


class Mixed(nn.Module):
    """Numbers beside a code that is looked up: the numbers must not be cut to whole ones."""

    def __init__(self):
        super().__init__()
        self.codes, self.out = nn.Embedding(5, 3), nn.Linear(5, 2)

    def forward(self, x):
        return self.out(torch.cat([self.codes(x[:, 0].long()), x[:, 1:]], dim=1))


@pytest.mark.parametrize("whole", [True, False])
def test_numbers_beside_codes_stay_numbers(whole):
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.integers(0, 5, 40), rng.normal(size=(40, 2))])
    x = np.abs(np.round(x)) if whole else x
    module = Mixed()
    (records,) = from_arrays([(x, np.arange(40) % 2)])
    with torch.no_grad():
        wanted = module(torch.tensor(x, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(TorchTarget(module).answer(Access.LOGITS, records), wanted, atol=1e-6)


def test_bags_of_words_are_asked_with_ids():
    ids = np.random.default_rng(0).integers(0, 12, (30, 6))
    module = Bag()
    (records,) = from_arrays([(ids, np.arange(30) % 2)])
    with torch.no_grad():
        wanted = module(torch.tensor(ids)).numpy()
    np.testing.assert_allclose(TorchTarget(module).answer(Access.LOGITS, records), wanted, atol=1e-6)


def test_what_whoever_holds_the_file_sees_returns_logits():
    target = TorchTarget(Wrapped(NET, lambda z: {"p": z.softmax(1)}))
    target.settle(RECORDS)
    with torch.no_grad():
        told = target.model(torch.tensor(X)).log_softmax(1).numpy()
    np.testing.assert_allclose(told, np.log(softmax(logits_of(NET))), atol=1e-4)


def test_the_update_of_a_client_descends_on_the_loss_of_its_own_outputs():
    target = TorchTarget(Wrapped(NET, lambda z: z.softmax(1)))
    target.settle(RECORDS)
    some = RECORDS.take(np.arange(COUNT // 4))
    loss = nn.functional.cross_entropy(NET(torch.tensor(some.x, dtype=torch.float32)), torch.tensor(some.y))
    for got, own in zip(target.update(some), torch.autograd.grad(loss, list(NET.parameters())), strict=True):
        np.testing.assert_allclose(got, own.numpy(), atol=1e-5)
    after = target.updated(some, rate=0.1)
    moved = [p - 0.1 * torch.tensor(g) for p, g in zip(NET.parameters(), target.update(some), strict=True)]
    for got, own in zip(after.module.parameters(), moved, strict=True):
        torch.testing.assert_close(got.detach(), own.detach(), atol=1e-6, rtol=1e-5)


def test_regression_is_one_value_a_record():
    net = trained(1)
    target = TorchTarget(net, task=Task.REGRESSION)
    (records,) = from_arrays([(X, X[:, 1] * 1.5)])
    assert target.reading == "one value a record"
    np.testing.assert_allclose(target.answer(Access.LABEL, records), logits_of(net)[:, 0], rtol=1e-6)


class _Tokens(nn.Module):
    """Reads token ids and a mask by name."""

    def __init__(self):
        super().__init__()
        self.words, self.out = nn.Embedding(20, 8), nn.Linear(8, 2)

    def forward(self, input_ids, attention_mask=None):
        seen = self.words(input_ids)
        mask = torch.ones(input_ids.shape) if attention_mask is None else attention_mask
        return self.out((seen * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


def test_several_inputs_by_name_and_lists_of_unequal_length():
    torch.manual_seed(0)
    module, rng = _Tokens(), np.random.default_rng(0)
    ids, y = rng.integers(0, 20, (40, 6)), np.arange(40) % 2
    mask = (rng.random((40, 6)) < 0.7).astype(np.int64)
    mask[:, 0] = 1
    with torch.no_grad():
        wanted = torch.log_softmax(module(torch.tensor(ids), torch.tensor(mask)), 1).double().numpy()
    from divulge.data.arrays import from_arrays

    target = TorchTarget(module)
    (records,) = from_arrays([({"input_ids": ids, "attention_mask": mask}, y)])
    target.settle(records)
    assert np.allclose(target.answer(Access.SCORES, records), wanted, atol=1e-6)
    assert Access.GRADIENTS not in target.offers and "one tensor" in target.lacks[Access.GRADIENTS]
    ragged = [row[: 2 + n % 4].tolist() for n, row in enumerate(ids)]
    (records,) = from_arrays([(ragged, y)])
    with torch.no_grad():
        each = torch.cat([module(torch.tensor([row])) for row in ragged])
    found = TorchTarget(module).answer(Access.SCORES, records)
    assert np.allclose(found, torch.log_softmax(each, 1).double().numpy(), atol=1e-6)


def test_a_tensor_is_handed_on_as_it_is():
    seen = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(3, 2)

        def forward(self, x):
            seen.append(x)
            return self.out(x)

    from divulge.data.arrays import from_arrays

    x = torch.randn(6, 3)
    (records,) = from_arrays([(x, np.arange(6) % 2)])
    TorchTarget(Spy(), output="logits").answer(Access.SCORES, records)
    assert all(torch.equal(part, x) for part in seen)


@pytest.mark.parametrize("kind", ["uint8", "int64", "bool", "float16"])
@pytest.mark.parametrize("form", [torch.from_numpy, lambda x: x], ids=["tensor", "array"])
def test_a_module_is_fed_in_the_owners_type_where_it_takes_it(kind, form):
    class Strict(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(4, 2)

        def forward(self, x):
            if str(x.dtype) != f"torch.{kind}":
                raise TypeError(x.dtype)
            return self.out(x.float())

    from divulge.data.arrays import from_arrays

    x = (np.random.default_rng(0).random((60, 4)) * 2).astype(kind)
    (records,) = from_arrays([(form(x), np.arange(60) % 2)])
    torch.manual_seed(0)
    module = Strict()
    with torch.no_grad():
        wanted = torch.log_softmax(module(torch.from_numpy(x)), 1).double().numpy()
    target = TorchTarget(module)
    target.settle(records)
    assert np.allclose(target.answer(Access.SCORES, records), wanted, atol=1e-6)
    assert np.isfinite(target.answer(Access.GRADIENTS, records)).all()
    if kind != "float16":
        TorchRecipe(Strict, epochs=1).fit(records, 0)


def test_a_module_that_wants_its_own_type_is_fed_in_it():
    from divulge.data.arrays import from_arrays

    x = np.random.default_rng(0).integers(0, 9, (20, 4))
    (records,) = from_arrays([(x, np.arange(20) % 2)])
    module = nn.Linear(4, 2)
    with torch.no_grad():
        wanted = torch.log_softmax(module(torch.from_numpy(x).float()), 1).double().numpy()
    assert np.allclose(TorchTarget(module).answer(Access.SCORES, records), wanted, atol=1e-6)


def test_a_squeezing_module_answers_one_record_too():
    class Squeezed(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(4, 1)

        def forward(self, x):
            return self.out(x).squeeze()

    from divulge.data.arrays import from_arrays

    x = np.random.default_rng(0).normal(size=(41, 4)).astype(np.float32)
    (records,) = from_arrays([(x, np.arange(41) % 2)])
    target = TorchTarget(Squeezed())
    target.settle(records)
    one = records.take(np.arange(1))
    whole, alone = (target.answer(Access.SCORES, part) for part in (records, one))
    assert np.allclose(whole[:1], alone)
    assert np.isfinite(target.answer(Access.GRADIENTS, records)).all()
    TorchRecipe(Squeezed, epochs=1, batch_size=8).fit(records, 0)


def test_records_that_cannot_be_stacked_are_refused_by_a_recipe_of_modules():
    from divulge.core.errors import Impossible
    from divulge.data.arrays import from_arrays

    (records,) = from_arrays([([[1, 2], [3], [4, 5, 6], [1]], [0, 1, 0, 1])])
    with pytest.raises(Impossible, match="cannot stack: pass a function"):
        TorchRecipe(lambda: nn.Linear(1, 2), epochs=1).fit(records, 0)


def test_a_factory_that_fails_is_said_in_one_line():
    def bad():
        raise RuntimeError("no weights here")

    with pytest.raises(InputError, match="the factory of the module failed: RuntimeError: no weights here"):
        TorchRecipe(bad).fingerprint()
