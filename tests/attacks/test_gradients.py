"""Attacks on updates: known answers, nothing from other updates, and records out of the right ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from divulge.attacks.reconstruction.gradients.gradient_matching import Matcher, Prior, batch_statistics, by_lbfgs
from divulge.attacks.reconstruction.gradients.langevin import rolled, shift_between
from divulge.attacks.reconstruction.gradients.last_layer_gradients import _solved, label_counts
from divulge.core.errors import AccessDenied, Impossible, InputError, TargetError
from divulge.core.game import Arm
from divulge.core.threat import Access, Needs
from divulge.core.views.reconstruction import Update, UpdateView
from divulge.games.rebuild import RebuildPlan
from divulge.targets.networks.pytorch import TorchTarget
from divulge.targets.networks.torch_updates import change_of, sent_of
from tests.attacks.reconstruction_games import Convolutions, dense, pictures, played, quality, share, taught

SETS = pictures(90, seed=1), pictures(90, seed=2), pictures(300, seed=3)


class Holder:
    def __init__(self, module):
        self.module = module

    def parameters(self):
        return self.module


def view_of(module, records, batch=1, steps=1, rate=0.1, classes=3):
    dtype = next(module.parameters()).dtype
    updates = []
    for start in range(0, len(records) // batch * batch, batch):
        part = records.take(np.arange(start, start + batch))
        x, y = torch.as_tensor(part.x).to(dtype), torch.as_tensor(part.y)
        updates.append(Update(change_of(module, x, y, steps, rate), batch, steps, rate))
    low, high = np.zeros((8, 8)), np.ones((8, 8))
    return UpdateView(
        Holder(module), records.schema, low, high, np.random.default_rng(0), Needs(Access.UPDATES),
        updates=tuple(updates), classes=classes,
    )  # fmt: skip


def test_the_update_of_one_step_is_the_gradient_and_of_several_what_they_changed():
    module = dense(dtype=torch.float64)
    x, y = torch.as_tensor(SETS[0].x[:4]).double(), torch.as_tensor(SETS[0].y[:4])
    loss = nn.functional.cross_entropy(module(x), y)
    wanted = torch.autograd.grad(loss, list(module.parameters()))
    for got, own in zip(change_of(module, x, y, 1, 0.1), wanted, strict=True):
        np.testing.assert_allclose(got, own.numpy(), atol=1e-12)
    trained = dense(dtype=torch.float64)
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.1)
    for part in (slice(0, 2), slice(2, 4)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(trained(x[part]), y[part]).backward()
        optimizer.step()
    for got, before, after in zip(
        change_of(module, x, y, 2, 0.1), module.parameters(), trained.parameters(), strict=True
    ):
        np.testing.assert_allclose(got, ((before - after) / 0.1).detach().numpy(), atol=1e-10)


@pytest.mark.parametrize(("dtype", "least"), [(torch.float32, 60), (torch.float64, 100)])
def test_a_dense_first_layer_gives_its_only_record_away_exactly(dtype, least):
    found = played("analytic_gradient", dense(dtype=dtype), SETS, plan=RebuildPlan(20))
    assert quality(found, "PSNR, dB").min() >= least
    assert share(found, "labels_counted") == 1 and share(found, "records_exact") == 1
    assert quality(found, "feature distance, relative").max() < 1e-3


def test_inputs_that_a_module_moves_and_scales_are_brought_back():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = dense()

        def forward(self, x):
            return self.inner((x - 0.3) / 0.2)

    found = played("analytic_gradient", Scaled(), SETS)
    assert share(found, "records_exact") == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 24))
def test_label_counts_sum_up_to_the_batch(seed, batch):
    records = pictures(30, seed=seed).take(np.random.default_rng(seed).integers(0, 30, batch))
    view = view_of(Convolutions(), records, batch)
    counts = label_counts(view, view.updates[0])
    assert counts.sum() == batch and (counts >= 0).all()


def test_most_classes_of_a_batch_are_counted_rightly_for_an_untrained_module():
    right = []
    for seed in range(30):
        records = SETS[2].take(np.random.default_rng(seed).permutation(300)[:16])
        view = view_of(Convolutions(), records, 16)
        own = np.bincount(records.y, minlength=3)
        right.append(np.minimum(own, label_counts(view, view.updates[0])).sum() / 16)
    assert np.mean(right) > 0.9


def test_what_a_trained_module_does_not_tell_is_taken_for_equally_common():
    """By hand: of three classes the network is sure, their equations say 0 = 0, and the counts are a third each; where
    it is undecided they are read off.
    """
    sure, undecided = np.eye(3), np.full((3, 3), 1 / 3)
    assert _solved(sure, np.zeros(3), 12) == pytest.approx([4, 4, 4])
    assert _solved(undecided, np.zeros(3), 12) == pytest.approx([4, 4, 4])
    counts = np.array([7.0, 1.0, 4.0])
    assert _solved(undecided, (counts @ undecided - counts) / 12, 12).round().tolist() == counts.tolist()
    module, right, equal = taught(Convolutions(), SETS[0]), [], []
    for seed in range(30):
        records = SETS[2].take(np.random.default_rng(seed).permutation(300)[:16])
        view = view_of(module, records, 16)
        own, told = np.bincount(records.y, minlength=3), label_counts(view, view.updates[0])
        right.append(np.minimum(own, told).sum() / 16)
        equal.append(np.minimum(own, [6, 5, 5]).sum() / 16)
    assert np.mean(right) > np.mean(equal) - 0.1


def test_matching_is_zero_at_the_truth_and_nowhere_near():
    records = SETS[0].take(np.arange(4))
    view = view_of(Convolutions(smooth=True).double(), records, 2)
    codes = records.y.reshape(2, 2)
    matcher = Matcher(view, view.updates, codes, Prior(), cosine=False, seed=0)
    truth = torch.as_tensor(records.x.reshape(2, 2, 8, 8)).double()
    assert matcher.fit(truth, None).max() < 1e-12
    assert matcher.fit(1 - truth, None).min() > 1e-6
    cosine = Matcher(view, view.updates, codes, Prior(), cosine=True, seed=0)
    assert cosine.fit(truth, None).abs().max() < 1e-9


def test_all_guesses_at_once_are_the_same_as_one_at_a_time():
    records = SETS[0].take(np.arange(3))
    view = view_of(Convolutions(smooth=True).double(), records)
    codes = records.y.reshape(3, 1)
    whole = Matcher(view, view.updates, codes, Prior(), cosine=False, seed=0)
    together = whole.distance(torch.full((3, 1, 8, 8), 0.5, dtype=torch.float64), None)
    for place in range(3):
        one = Matcher(view, view.updates[place : place + 1], codes[place : place + 1], Prior(), cosine=False, seed=0)
        alone = one.distance(torch.full((1, 1, 8, 8), 0.5, dtype=torch.float64), None)
        torch.testing.assert_close(alone[0], together[place])


def test_lbfgs_never_climbs_and_ends_at_the_truth():
    view = view_of(Convolutions(smooth=True).double(), SETS[0].take(np.arange(5)))
    matcher = Matcher(view, view.updates, SETS[0].y[:5].reshape(5, 1), Prior(), cosine=False, seed=0)
    first = matcher.fit(*matcher.start(2))
    some = matcher.fit(*by_lbfgs(matcher, 2, 20))
    more = matcher.fit(*by_lbfgs(matcher, 2, 200))
    assert (some <= first).all() and (more <= some + 1e-15).all()
    assert more.min() < 1e-12


@pytest.mark.parametrize(
    ("name", "settings", "least"),
    [
        ("dlg", {"steps": 200}, 30),
        ("idlg", {"steps": 200}, 30),
        ("inverting_gradients", {"steps": 300}, 20),
        ("analytic_gradient", {}, 60),
    ],
)
def test_records_come_out_of_their_own_updates_and_not_out_of_others(name, settings, least):
    module = dense() if name == "analytic_gradient" else Convolutions(smooth="dlg" in name)
    own = played(name, module, SETS, **settings)
    assert np.median(quality(own, "PSNR, dB")) >= least
    other = played(name, module, SETS, Arm.NEGATIVE, **settings)
    assert share(other, "records_rebuilt") <= 1 / 6 and share(other, "records_exact") == 0


def test_batch_norm_is_needed_and_helps_to_be_matched():
    """On a network in the middle of its training: at its end a record's class is not read off its update any more, and
    what comes out hangs on the machine.
    """
    module = taught(Convolutions(norm=True), SETS[0], 15)
    with pytest.raises(Impossible, match="batch-norm"):
        played("grad_inversion", Convolutions(), SETS)
    found = played("grad_inversion", module, SETS, steps=400, total_variation=1e-4)
    other = played("grad_inversion", module, SETS, Arm.NEGATIVE, steps=300)
    assert share(found, "records_rebuilt") >= 0.5 > share(other, "records_rebuilt") == 0
    assert np.median(quality(found, "PSNR, dB")) > np.median(quality(other, "PSNR, dB")) + 8


def test_several_local_steps_are_simulated():
    with pytest.raises(Impossible, match="inverting_gradients"):
        played("fedavg_inversion", Convolutions(), SETS)
    with pytest.raises(Impossible, match="fedavg_inversion"):
        played("inverting_gradients", Convolutions(), SETS, plan=RebuildPlan(3, batch=2, steps=2))
    plan = RebuildPlan(4, batch=1, steps=4, rate=0.05)
    found = played("fedavg_inversion", Convolutions(), SETS, plan=plan, steps=100)
    assert np.median(quality(found, "PSNR, dB")) >= 20
    other = played("fedavg_inversion", Convolutions(), SETS, Arm.NEGATIVE, plan=plan, steps=100)
    assert share(other, "records_rebuilt") <= 0.25


def test_epochs_of_local_steps_are_simulated():
    plan = RebuildPlan(4, batch=2, steps=2, rate=0.05, epochs=3)
    found = played("fedavg_inversion", Convolutions(), SETS, plan=plan, steps=100)
    other = played("fedavg_inversion", Convolutions(), SETS, Arm.NEGATIVE, plan=plan, steps=100)
    assert np.median(quality(found, "PSNR, dB")) > np.median(quality(other, "PSNR, dB")) + 4
    assert share(other, "records_rebuilt") <= 0.25
    with pytest.raises(Impossible, match="fedavg_inversion"):
        played("inverting_gradients", Convolutions(), SETS, plan=RebuildPlan(3, batch=1, epochs=2))


def test_an_epoch_goes_through_the_same_parts_in_the_same_order():
    module = dense(dtype=torch.float64)
    x, y = torch.as_tensor(SETS[0].x[:4]).double(), torch.as_tensor(SETS[0].y[:4])
    twice = change_of(module, x, y, 2, 0.1, 2)
    again = change_of(module, torch.cat([x, x]), torch.cat([y, y]), 4, 0.1)
    for got, own in zip(twice, again, strict=True):
        np.testing.assert_allclose(got, own, atol=1e-12)
    with pytest.raises(InputError, match="one epoch"):
        change_of(module, x, y, 1, 0.1, 0)


@pytest.mark.parametrize("name", ["imprint_block", "trap_weights", "fishing"])
def test_an_active_server_gets_single_records_out_of_batches(name):
    module = dense() if name == "trap_weights" else taught(Convolutions(), SETS[0], 40)
    plan = RebuildPlan(3 if name == "fishing" else 5, batch=12)
    few = {"steps": 150} if name == "fishing" else {}
    own = played(name, module, SETS, plan=plan, **few)
    other = played(name, module, SETS, Arm.NEGATIVE, plan=plan, **few)
    assert share(own, "batches_opened") >= 0.4 and share(other, "batches_opened") == 0
    if name == "imprint_block":
        assert share(own, "records_exact") >= 0.75
    with pytest.raises(AccessDenied):
        view_of(module, SETS[0].take(np.arange(2))).ask(module)


def test_imprint_bins_hold_the_very_records():
    from divulge.attacks.reconstruction.gradients.imprint_block import _caught
    from divulge.attacks.reconstruction.gradients.imprint_module import Imprint

    records = SETS[0].take(np.arange(3))
    along = torch.ones(64, dtype=torch.float64) / 64
    sums = np.sort(records.flat().mean(axis=1))
    edges = torch.as_tensor([sums[0] - 1, (sums[0] + sums[1]) / 2, (sums[1] + sums[2]) / 2])
    block = Imprint(dense(dtype=torch.float64), along, edges)
    view = view_of(block, records, 3)
    found = _caught(view.updates[0], view)
    for record in records.x:
        assert np.abs(found - record).reshape(3, -1).max(axis=1).min() < 1e-9


class Gpt(nn.Module):
    def __init__(self, vocabulary=60, width=96, length=6):
        super().__init__()
        from transformers import GPT2Config, GPT2Model

        ends = {"bos_token_id": 0, "eos_token_id": 0}
        off = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        config = GPT2Config(vocab_size=vocabulary, n_positions=length, n_embd=width, n_layer=2, n_head=4, **off, **ends)
        self.body = GPT2Model(config)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, x):
        return self.head(self.body(x.long()).last_hidden_state)


def texts(count, seed, length=6, vocabulary=60):
    from divulge.data.arrays import from_arrays

    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, vocabulary, (count, length)), np.arange(count) % vocabulary
    return from_arrays([(x, y)])[0]


def test_texts_are_read_off_the_gradients_of_a_transformer():
    torch.manual_seed(0)
    module = Gpt()
    sets = texts(120, 1), texts(120, 2), texts(120, 3)
    found = played("dager", module, sets, plan=RebuildPlan(5, batch=4))
    assert share(found, "text_exact") == 1 and share(found, "text_rebuilt") == 1
    assert np.median(quality(found, "exposure, bits")) < 3  # the module is untrained: no text is nearer to it
    other = played("dager", module, sets, Arm.NEGATIVE, plan=RebuildPlan(5, batch=4))
    assert share(other, "text_exact") == 0 and share(other, "text_rebuilt") < 0.5
    with pytest.raises(Impossible, match="dager"):
        played("dlg", module, sets)
    with pytest.raises(Impossible, match="more tokens"):
        played("dager", module, sets, plan=RebuildPlan(2, batch=40))


def test_what_is_not_of_the_module_is_refused():
    view = view_of(dense(), SETS[0].take(np.arange(2)))
    stranger = Holder(dense(hidden=7))
    wrong = UpdateView(
        stranger, view.schema, view.low, view.high, view.rng, view.needs, updates=view.updates, classes=3
    )
    with pytest.raises(Impossible, match="other shapes"):
        Matcher(wrong, wrong.updates, np.zeros((2, 1), int), Prior(), cosine=True, seed=0)
    with pytest.raises(Impossible, match="dense"):
        played("analytic_gradient", Convolutions(), SETS)
    with pytest.raises(Impossible, match="at most"):
        played("dlg", Convolutions(), SETS, plan=RebuildPlan(2, batch=20))


def test_a_module_that_crashes_is_said_to():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = dense()

        def forward(self, x):
            raise RuntimeError("no")

    with pytest.raises((TargetError, RuntimeError), match="no"):
        played("label_counts", Broken(), SETS)


def test_a_text_that_a_model_was_trained_on_is_exposed():
    """Of 64 public texts none has a lower loss than one that was learned by heart: log2 of 65 bits."""
    from divulge.core.views.reconstruction import SampleGuess
    from divulge.games.judges.text import TextJudge, edit_distance, rouge

    torch.manual_seed(0)
    module, known = Gpt(), texts(90, 1)
    secret = known.take(np.arange(70, 72))
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    from divulge.targets.networks.pytorch import TorchTarget
    from divulge.targets.networks.torch_updates import loss_of

    for _ in range(40):
        optimizer.zero_grad()
        loss_of(module, torch.as_tensor(secret.x.astype(np.int64)), torch.as_tensor(secret.y)).backward()
        optimizer.step()
    public = known.take(np.arange(64))
    judge = TextJudge([secret], public, 0, surprise=TorchTarget(module).surprise)
    found = judge.judge(SampleGuess((secret.x.astype(np.int64),)))
    np.testing.assert_allclose(quality(found, "exposure, bits"), np.log2(65))
    assert share(found, "text_exact") == 1
    assert rouge([1, 2, 3], [1, 2, 4]) == pytest.approx(2 / 3) and rouge([1, 2, 3], [1, 2, 4], 2) == 0.5
    assert edit_distance([1, 2, 3], [2, 3, 4]) == 2 and edit_distance([], [5]) == 1


def noisy_net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.5), nn.Linear(12, 3)
    )


def test_clients_train_in_training_mode_and_send_what_batch_norm_remembers():
    """By hand: one step of a training loop on a copy, whose batch norm sees the batch and keeps a tenth of it."""
    module = noisy_net().eval()
    records = SETS[0].take(np.arange(6))
    x, y = torch.as_tensor(records.x), torch.as_tensor(records.y)
    sent = sent_of(module, x, y, 1, 0.1, seed=5)
    local = noisy_net().train()
    torch.manual_seed(5)
    wanted = torch.autograd.grad(nn.functional.cross_entropy(local(x), y), list(local.parameters()))
    for got, own in zip(sent.change, wanted, strict=True):
        np.testing.assert_allclose(got, own.numpy(), atol=1e-7)
    batch = module[1](x.flatten(1))
    mean, variance, count = sent.buffers
    np.testing.assert_allclose(mean, 0.1 * batch.mean(dim=0).detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(variance, 0.9 + 0.1 * batch.var(dim=0).detach().numpy(), atol=1e-6)
    assert sent.train and count == 1 and not module.training and int(module[2].num_batches_tracked) == 0
    asked = sent_of(module, x, y, 1, 0.1, train=False)
    assert not asked.train and not asked.buffers
    assert max(np.abs(a - b).max() for a, b in zip(asked.change, sent.change, strict=True)) > 1e-3
    lone = sent_of(module, x[:1], y[:1], 1, 0.1)  # batch norm of one record cannot be trained
    assert not lone.train
    np.testing.assert_allclose(lone.change[0], sent_of(module, x[:1], y[:1], 1, 0.1, train=False).change[0])


def test_what_batch_norm_saw_of_a_batch_follows_from_what_it_remembers():
    records = SETS[0].take(np.arange(6))
    module = noisy_net()
    with torch.no_grad():
        module[2].running_mean.normal_()
    sent = TorchTarget(module).sent(records)
    found = batch_statistics(module, Update(sent.change, 6, train=True, buffers=sent.buffers))
    batch = module[1](torch.as_tensor(records.x).flatten(1)).detach()
    np.testing.assert_allclose(found[0], batch.mean(dim=0).numpy(), atol=1e-5)
    np.testing.assert_allclose(found[1], batch.var(dim=0).numpy(), atol=1e-5)
    assert batch_statistics(module, Update(sent.change, 6, train=False)) == []


def test_updates_in_training_mode_are_matched_in_training_mode():
    """The distance at the very records that were sent is nothing, with batch norm of the batch; in the other mode it is
    not.
    """
    module = nn.Sequential(*(part for part in noisy_net() if not isinstance(part, nn.Dropout))).double()
    records = SETS[0].take(np.arange(4))
    target = TorchTarget(module)
    view = view_of(module, records)
    found = []
    for train in (True, False):
        sent = target.sent(records, train=True)
        update = Update(sent.change, 4, 1, 0.1, 1, train)
        matcher = Matcher(view, (update,), records.y[None], Prior(), cosine=False, seed=0)
        at = (torch.as_tensor(records.x[None]).double() - matcher._low) / (matcher._high - matcher._low)
        found.append(float(matcher.fit(at, None)[0]))
    assert found[0] < 1e-9 and found[1] > 1e-4
    assert module[2].running_mean is not None


def test_pictures_are_registered_by_whole_pixels():
    rng = np.random.default_rng(0)
    one = torch.as_tensor(rng.random((1, 2, 8, 8)))
    shifts = torch.tensor([[[1, 0], [-2, 1]]])
    moved = rolled(one, shifts, (-2, -1))
    found = shift_between(one, moved, (-2, -1))
    assert found.tolist() == shifts.tolist()
    assert torch.equal(rolled(moved, -shifts, (-2, -1)), one)
    same = shift_between(one, one, (-2, -1))
    assert not same.any()
