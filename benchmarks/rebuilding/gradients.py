"""Records behind the updates of federated learning."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import numpy as np
import torch
from torch import nn

from divulge.attacks.reconstruction.gradients.gradient_matching import Matcher, Prior, by_adam, by_lbfgs
from divulge.attacks.reconstruction.gradients.last_layer_gradients import classes_of
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.game import Arm
from divulge.core.results.exhibits import Quality
from divulge.core.threat import PRESETS, Access
from divulge.core.views.reconstruction import ReconstructionAuxiliary
from divulge.data.sources import digits
from divulge.games.control_models import ControlModels
from divulge.games.rebuild import RebuildGame, RebuildPlan
from divulge.stats.paired import mean_bounds
from divulge.targets.networks.pytorch import TorchTarget
from harness import Row
from rebuilding.playing import median, played, share
from rebuilding.victims import Convolutional, LeNet, Sets, Solvable, dense, images, parted, taught


def gradients(quick: bool, fashion: Sets) -> Iterator[Row]:
    trials = 8 if quick else 20
    torch.manual_seed(0)
    for kind, bar in ((torch.float32, 60.0), (torch.float64, 100.0)):
        found, _ = played("analytic_gradient", dense().to(kind), fashion, RebuildPlan(trials))
        name = f"dense first layer, {str(kind).removeprefix('torch.')}"
        yield median(f"{name}: PSNR, dB", found, "PSNR, dB", bar)
        yield share(f"{name}: class", found, "labels_counted", 1.0)
    small = parted(images(digits(), 8), (600, 600, 597))
    for name in ("dlg", "idlg"):
        found, spent = played(name, LeNet(), small, RebuildPlan(trials))
        good = np.array(next(q.values for q in found.of(Quality) if q.name == "PSNR, dB")) >= 30
        bounds = mean_bounds(good.astype(float), 0.05)
        yield Row(f"{name} on digits, LeNet: share of 30 dB or more", good.mean(), bounds.low, bounds.high, 0.8)
        yield median(f"{name} on digits, LeNet: PSNR, dB", found, "PSNR, dB")
        yield Row(f"{name} on digits, LeNet: seconds for {trials} records", spent)
    found, spent = played("r_gap", Solvable(), small, RebuildPlan(4 if quick else trials))
    yield median("R-GAP on digits, two convolutions: PSNR, dB", found, "PSNR, dB", 60.0)
    yield Row(f"R-GAP on digits, two convolutions: seconds for {4 if quick else trials} records", spent)
    trained = taught(Convolutional(28), fashion[0], 1 if quick else 3)
    for name, module in (("trained", trained), ("untrained", Convolutional(28))):
        steps = {"steps": 300} if quick else {}
        found, spent = played("inverting_gradients", module, fashion, RebuildPlan(trials), **steps)
        bar = None if quick and name == "trained" else 22.0
        yield median(f"Geiping, Fashion-MNIST CNN, {name}: PSNR, dB", found, "PSNR, dB", bar)
        yield median(f"Geiping, Fashion-MNIST CNN, {name}: SSIM", found, "SSIM")
        yield Row(f"Geiping, Fashion-MNIST CNN, {name}: seconds for {trials} records", spent)
    plan = RebuildPlan(trials, batch=32)
    found, _ = played("label_counts", Convolutional(28), fashion, plan)
    yield share("classes of batches of 32, untrained CNN", found, "labels_counted", 0.95)
    found, _ = played("label_counts", trained, fashion, plan)
    yield share("classes of batches of 32, trained CNN", found, "labels_counted")
    for name, metric, bar in (("imprint_block", "records_exact", 0.75), ("fishing", "batches_opened", None)):
        batch = 64 if name == "imprint_block" else 16
        few = {"steps": 60} if quick and name == "fishing" else {}
        plan = RebuildPlan(2 if few else min(trials, 15), batch=batch)
        found, _ = played(name, trained, fashion, plan, **few)
        yield share(f"{name}, batch {batch}: {metric.replace('_', ' ')}", found, metric, bar)
    found, _ = played("trap_weights", dense(), fashion, RebuildPlan(min(trials, 15), batch=64))
    yield share("trap_weights, batch 64: records exact", found, "records_exact")
    found, _ = played("analytic_gradient", dense(), fashion, RebuildPlan(min(trials, 15), batch=64))
    yield share("honest dense layer, batch 64: records exact", found, "records_exact")
    yield from batches(quick, fashion, trained)
    yield from at_once(quick, small, fashion)


def batches(quick: bool, fashion: Sets, trained: nn.Module) -> Iterator[Row]:
    """Several records behind an update, batch norm, several local steps."""
    steps = {"steps": 100} if quick else {}
    trials = 2 if quick else 10
    found, _ = played("inverting_gradients", trained, fashion, RebuildPlan(trials, batch=4), **steps)
    yield median("Geiping, batch 4: PSNR, dB", found, "PSNR, dB")
    normed = taught(Convolutional(28, norm=True), fashion[0], 1 if quick else 3)
    for name in ("inverting_gradients", "grad_inversion"):
        found, _ = played(name, normed, fashion, RebuildPlan(trials, batch=4), **steps)
        yield median(f"{name}, batch norm, batch 4: PSNR, dB", found, "PSNR, dB")
    plan = RebuildPlan(trials, batch=2, steps=2, rate=0.05)
    found, _ = played("fedavg_inversion", Convolutional(28), fashion, plan, **steps)
    yield median("fedavg_inversion, 2 records in 2 steps: PSNR, dB", found, "PSNR, dB")


def at_once(quick: bool, small: Sets, fashion: Sets) -> Iterator[Row]:
    """All targets and restarts in one batch, against one after the other."""
    for name, module, sets, cosine in (
        ("L-BFGS, digits", LeNet().double(), small, False),
        ("Adam, Fashion-MNIST", Convolutional(28), fashion, True),
    ):
        made = attack("inverting_gradients")
        game = RebuildGame(
            made.card.challenge, TorchTarget(module), *sets, 0, RebuildPlan(10),
            ControlModels(None, sets[0], sets[2], 0), lambda t: None,  # type: ignore[arg-type, return-value]
        )  # fmt: skip
        (dealt,) = game.deal(Arm.TARGET)
        oracle = GrantedOracle(dealt.target, PRESETS["federated-server"], Access.UPDATES)
        view = dealt.open(oracle, made.card, ReconstructionAuxiliary(sets[2]), np.random.default_rng(0))
        codes = classes_of(view, view.updates)
        steps, restarts = (10 if quick else 60), 3

        def search(which: list[int], repeat: int, seed: int, view=view, codes=codes, cosine=cosine, steps=steps):  # type: ignore[no-untyped-def]
            updates = [view.updates[w] for w in which]
            matcher = Matcher(view, updates, codes[which], Prior(1e-3 if cosine else 0.0), cosine=cosine, seed=seed)
            found = by_adam(matcher, repeat, steps, 0.1, True) if cosine else by_lbfgs(matcher, repeat, steps)
            return matcher.fit(*found)

        started = perf_counter()
        together = search(list(range(10)), restarts, 0)
        middle = perf_counter()
        alone = torch.cat([search([which], 1, 31 * which + r) for which in range(10) for r in range(restarts)])
        ended = perf_counter()
        yield Row(f"{name}: times faster at once", (ended - middle) / (middle - started), bar=4.0)
        yield Row(f"{name}: median misfit at once over one by one", float(together.median() / alone.median()))
