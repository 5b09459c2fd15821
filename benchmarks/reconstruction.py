"""What of the training data can be rebuilt: from updates, models, versions, weights and answers?"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from divulge.attacks.reconstruction.gradient_matching import Matcher, Prior, by_adam, by_lbfgs
from divulge.attacks.reconstruction.last_layer_gradients import classes_of
from divulge.auditing.job import BoundRecipe
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.catalog.defenses import defense
from divulge.core.errors import Impossible
from divulge.core.game import Arm
from divulge.core.rebuilt import Measure, Rebuilt
from divulge.core.records import Column, Kind, Records, Schema
from divulge.core.target import Target
from divulge.core.threat import PRESETS, Access, Task
from divulge.core.views.reconstruction import ReconstructionAuxiliary
from divulge.data.arrays import from_arrays
from divulge.data.sources import census_income, digits, fashion_mnist
from divulge.games.attributes import AttributeGame, asked_about
from divulge.games.classes import InversionGame
from divulge.games.control_models import ControlModels
from divulge.games.rebuild import RebuildGame, RebuildPlan
from divulge.setup.recipes_from import recipe_for
from divulge.stats.rebuilt import by_unit, gain_low, mean_bounds, median_with_interval
from divulge.targets.pytorch import TorchTarget
from divulge.targets.sklearn import SklearnTarget
from divulge.training.pytorch import TorchRecipe
from divulge.training.shadow import ShadowTrainer
from divulge.training.students import SurrogateTrainer
from harness import Row, main
from peers.environment import run_attack

Sets = tuple[Records, Records, Records]
"""Of training, unseen, of the population."""

INVERSIONS = (
    *("fredrikson_inversion", "gmi", "ked_mi", "plug_and_play", "inversion_network"),
    *("black_box_inversion", "brep_mi"),
)
ATTRIBUTES = ("sex", "race", "marital_status")
DEFENCES: tuple[tuple[str, str | None, dict[str, float]], ...] = (
    ("no defence", None, {}),
    ("clipped to 1", "update_clipping", {"norm": 1.0}),
    ("90 % pruned", "update_pruning", {"share": 0.9}),
    ("99 % pruned", "update_pruning", {"share": 0.99}),
    ("4 bits", "update_quantisation", {"bits": 4}),
    ("noise, epsilon 100", "update_noise", {"epsilon": 100.0}),
    ("noise, epsilon 8", "update_noise", {"epsilon": 8.0}),
)


# Victims


class LeNet(nn.Module):
    """The smooth network of Zhu et al. 2019, for images of 8 x 8."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, stride in ((1, 2), (12, 1), (12, 1)):
            layers += [nn.Conv2d(inputs, 12, 5, padding=2, stride=stride), nn.Sigmoid()]
        self.body, self.last = nn.Sequential(*layers), nn.Linear(12 * 16, classes)
        for p in self.parameters():
            nn.init.uniform_(p, -0.5, 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.body(x.reshape(len(x), 1, 8, 8)).flatten(1))


class Convolutional(nn.Module):
    """Three convolutions and a dense layer, for square images."""

    def __init__(self, side: int, classes: int = 10, norm: bool = False) -> None:
        super().__init__()
        self.side, layers = side, []
        for inputs, outputs, stride in ((1, 16, 1), (16, 32, 2), (32, 32, 2)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, stride=stride)]
            layers += [nn.BatchNorm2d(outputs)] if norm else []
            layers += [nn.ReLU()]
        self.body, self.last = nn.Sequential(*layers), nn.Linear(32 * (-(-side // 4)) ** 2, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.body(x.reshape(len(x), 1, self.side, self.side)).flatten(1))


def dense(inputs: int = 784, hidden: int = 256, classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def taught(module: nn.Module, records: Records, epochs: int) -> nn.Module:
    x, y = torch.as_tensor(records.x), torch.as_tensor(records.y)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
            optimiser.step()
    return module.eval()


def parted(records: Records, sizes: tuple[int, int, int], seed: int = 0) -> Sets:
    order = np.random.default_rng(seed).permutation(len(records))
    ends = np.cumsum((0, *sizes))
    return tuple(records.take(order[a:b]) for a, b in pairwise(ends))  # type: ignore[return-value]


def images(records: Records, side: int) -> Records:
    x = records.x.reshape(-1, side, side).astype(np.float32)
    return from_arrays([(x, records.y)], target="kind")[0]


# Playing


def played(
    name: str,
    target: Target | nn.Module,
    sets: Sets,
    plan: RebuildPlan,
    threat: str = "federated-server",
    recipe: Any = None,
    shield: Any = None,
    arm: Arm = Arm.TARGET,
    **settings: Any,
) -> tuple[Rebuilt, float]:
    """What an attack achieves, and how long it took."""
    made = attack(name, **settings)
    target = TorchTarget(target) if isinstance(target, nn.Module) else target
    training, unseen, population = sets
    assert made.card.challenge is not None

    def see(model: Target) -> GrantedOracle:
        return GrantedOracle(model, PRESETS[threat], Access.PARAMETERS, free=True)

    game = RebuildGame(
        made.card.challenge, target, training, unseen, population, 0, plan,
        ControlModels(recipe, training, population, 0), see, shield,
    )  # fmt: skip
    (dealt,) = game.deal(arm)
    oracle = GrantedOracle(dealt.target, PRESETS[threat], made.card.uses or made.card.needs.access)
    pool = None if recipe is None else ShadowTrainer(recipe, population, 0).pool
    means = ReconstructionAuxiliary(population, None, None if pool is None else lambda models: pool(models, see))
    view = dealt.open(oracle, made.card, means, np.random.default_rng(0))
    started = perf_counter()
    guess = made.run(view)
    spent = perf_counter() - started
    return dealt.judge(guess), spent


def measure_of(found: Rebuilt, metric: str) -> Measure:
    return next(m for m in found.measures if m.metric == metric)


def share(name: str, found: Rebuilt, metric: str, bar: float | None = None) -> Row:
    measure = measure_of(found, metric)
    bounds = mean_bounds(by_unit(measure)[0], 0.05)
    return Row(name, measure.value, bounds.low, bounds.high, bar)


def median(name: str, found: Rebuilt, quality: str, bar: float | None = None) -> Row:
    values = next(q.values for q in found.qualities if q.name == quality)
    return Row(name, *median_with_interval(np.asarray(values), 0.05), bar)


# Gradients


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
        good = np.array(next(q.values for q in found.qualities if q.name == "PSNR, dB")) >= 30
        bounds = mean_bounds(good.astype(float), 0.05)
        yield Row(f"{name} on digits, LeNet: share of 30 dB or more", good.mean(), bounds.low, bounds.high, 0.8)
        yield median(f"{name} on digits, LeNet: PSNR, dB", found, "PSNR, dB")
        yield Row(f"{name} on digits, LeNet: seconds for {trials} records", spent)
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
        steps = {"steps": 300} if quick and name == "fishing" else {}
        found, _ = played(name, trained, fashion, RebuildPlan(min(trials, 15), batch=batch), **steps)
        yield share(f"{name}, batch {batch}: {metric.replace('_', ' ')}", found, metric, bar)
    found, _ = played("trap_weights", dense(), fashion, RebuildPlan(min(trials, 15), batch=64))
    yield share("trap_weights, batch 64: records exact", found, "records_exact")
    found, _ = played("analytic_gradient", dense(), fashion, RebuildPlan(min(trials, 15), batch=64))
    yield share("honest dense layer, batch 64: records exact", found, "records_exact")
    yield from batches(quick, fashion, trained)
    yield from at_once(quick, small, fashion)


def batches(quick: bool, fashion: Sets, trained: nn.Module) -> Iterator[Row]:
    """Several records behind an update, batch norm, several local steps."""
    steps = {"steps": 300} if quick else {}
    trials = 4 if quick else 10
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
        steps, restarts = (20 if quick else 60), 3

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


# Text


def text(quick: bool) -> Iterator[Row]:
    from transformers import GPT2Config, GPT2Model
    from transformers.utils import logging

    logging.set_verbosity_error()

    class Gpt(nn.Module):
        def __init__(self, vocabulary: int, length: int) -> None:
            super().__init__()
            off = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
            self.body = GPT2Model(
                GPT2Config(vocab_size=vocabulary, n_positions=length, n_embd=192, n_layer=2, n_head=4, **off)
            )
            self.head = nn.Linear(192, vocabulary, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.body(x.long()).last_hidden_state)

    rng = np.random.default_rng(0)
    vocabulary, length = 1_000, 16
    common = 1 / np.arange(1, vocabulary + 1)
    tokens = rng.choice(vocabulary, (900, length), p=common / common.sum())
    whole = from_arrays([(tokens, np.arange(900) % vocabulary)])[0]
    torch.manual_seed(0)
    found, spent = played(
        "dager", Gpt(vocabulary, length), parted(whole, (300, 300, 300)), RebuildPlan(5 if quick else 20, batch=4)
    )
    yield share("DAGER, 4 texts of 16 tokens, 2-layer GPT: ROUGE-1", found, "text_rebuilt", 0.95)
    yield share("DAGER: texts right to the word", found, "text_exact")
    yield Row("DAGER: seconds", spent)


# Attributes


def attribute_game(model: Any, sets: Sets, names: tuple[str, ...], asked: int) -> tuple[AttributeGame, Any]:
    training, unseen, population = sets
    target = SklearnTarget(model)
    recipe = recipe_for(model, model, target)
    both = Records(np.concatenate([training.x, unseen.x]), np.concatenate([training.y, unseen.y]), training.schema)
    candidates, member = asked_about(both, np.arange(len(both)) < len(training), asked, 0)
    beside = ControlModels(recipe, training, population, 0)
    return AttributeGame(target, candidates, member, population, names, 0, beside), recipe


def asked(game: AttributeGame, recipe: Any, name: str) -> Rebuilt:
    made = attack(name)
    (dealt,) = game.deal(Arm.TARGET)
    threat = replace(PRESETS["published-model"], query_budget=None)
    pool = ShadowTrainer(recipe, game.population, 1).pool

    def see(model: Target) -> GrantedOracle:
        return GrantedOracle(model, threat, made.card.needs.access, free=True)

    means = ReconstructionAuxiliary(game.population, None, lambda n: pool(n, see))
    oracle = GrantedOracle(dealt.target, threat, made.card.uses or made.card.needs.access)
    return dealt.judge(made.run(dealt.open(oracle, made.card, means, np.random.default_rng(0))))


def attributes(quick: bool) -> Iterator[Row]:
    records = census_income()
    sizes = (2_000, 2_000, 4_000) if quick else (5_000, 5_000, 10_000)
    sets = parted(records, sizes)
    categories = [c.name for c in records.schema.columns if c.kind is Kind.CATEGORICAL]
    numbers = [c.name for c in records.schema.columns if c.kind is not Kind.CATEGORICAL]
    prepare = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), categories), (StandardScaler(), numbers))
    model = make_pipeline(prepare, LogisticRegression(C=0.1, max_iter=2000))
    model.fit(pd.DataFrame(sets[0].columns()), np.asarray(records.schema.classes)[sets[0].y])
    game, recipe = attribute_game(model, sets, ATTRIBUTES, 1_000 if quick else 2_000)
    for name in ("attribute_learned", "attribute_membership", "fredrikson_map", "csmia", "lomia", "yeom_attribute"):
        found = asked(game, recipe, name)
        for measure in found.measures:
            low = gain_low(measure, 0.05)
            high = -gain_low(replace(measure, hits=measure.blind, blind=measure.hits), 0.05)
            about = measure.metric.partition(":")[2]
            gained = measure.value - measure.chance
            yield Row(f"census, regression, {about}: {name} over imputer", gained, low, high)
            if name == "attribute_learned":
                yield Row(f"  the interval holds 0 ({about})", float(low <= 0 <= high), bar=1.0)
    yield from planted(quick)
    yield from beside_art(*attribute_game(model, sets, ATTRIBUTES, sizes[0]))


def planted(quick: bool) -> Iterator[Row]:
    """Few coarse columns, classes drawn at random: a full tree learns them by heart with the help of the attribute."""
    made = []
    for seed, count in enumerate((700, 700, 3_000)):
        rng = np.random.default_rng(seed)
        x = np.column_stack([rng.integers(0, 3, count), rng.integers(0, 4, (count, 3))]).astype(float)
        schema = Schema(tuple(Column(n) for n in ("planted", "a", "b", "c")), Task.CLASSIFICATION, classes=(0, 1))
        made.append(Records(x, rng.integers(0, 2, count), schema.marked(["planted"])))
    model = DecisionTreeClassifier(random_state=0).fit(made[0].x, made[0].y)
    game, recipe = attribute_game(model, tuple(made), ("planted",), 700)  # type: ignore[arg-type]
    for name in ("attribute_membership", "fredrikson_map", "fredrikson_tree_counts", "csmia"):
        measure = asked(game, recipe, name).measures[0]
        bar = 0.05 if name == "attribute_membership" else None
        yield Row(
            f"planted attribute, full tree: {name} over imputer",
            measure.value - measure.chance,
            gain_low(measure, 0.05),
            None,
            bar,
        )


def beside_art(game: AttributeGame, recipe: Any) -> Iterator[Row]:
    """ART's attacks are given the model's scores of the true records, which is more than ours ask for.  Both learn from
    as many public records, few enough that ART ends.
    """
    few = game.population.take(np.arange(min(len(game.population), 3_000)))
    game = AttributeGame(game.target, game.candidates, game.member, few, game.names, 0, game.beside)
    given: dict[str, Any] = {"attributes": len(ATTRIBUTES)}
    public = game.population
    questions = [q for q in game.questions if len(q.unknown) == 1]
    for k, question in enumerate(questions):
        given[f"public_{k}"] = np.column_stack([question.nearest(public), question.features(public)[:, :-2]])
        given[f"asked_{k}"] = question.features(game.candidates)[:, :-2]
        for part, records in (("", public), ("_asked", game.candidates)):
            given[f"said{part}_{k}"] = np.exp(game.target.answer(Access.SCORES, records))
            given[f"classes{part}_{k}"] = records.y
        given[f"values_{k}"] = np.arange(len(question.completions))
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "given.npz", **given)
        run_attack("art", "art_attributes.py", Path(folder) / "given.npz", Path(folder) / "answer.npz")
        answer = dict(np.load(Path(folder) / "answer.npz"))
    own = asked(game, recipe, "attribute_learned")
    for k, question in enumerate(questions):
        truth = question.nearest(game.candidates)[game.member]
        ours = own.measures[[m.metric for m in own.measures].index(f"attribute_accuracy:{question.name}")].value
        best = 0.0
        for kind in ("nn", "rf", "gb"):
            told = answer[f"black_box_{kind}_{k}"]
            codes = told.argmax(axis=1) if told.ndim == 2 and told.shape[1] > 1 else told.ravel().round()
            best = max(best, float(np.mean(codes[game.member] == truth)))
        yield Row(f"{question.name}: attribute_learned, accuracy", ours, bar=best)
        yield Row(f"{question.name}: the best of ART's black-box attacks, accuracy", best)


# Versions, weights


def versions(quick: bool) -> Iterator[Row]:
    records = census_income()
    numbers = [i for i, c in enumerate(records.schema.columns) if c.kind is not Kind.CATEGORICAL]
    x = np.log1p(np.maximum(records.x[:, numbers], 0))
    kept = x.std(axis=0) > 0
    rng = np.random.default_rng(0)
    wanted = x[:, kept] @ rng.normal(size=kept.sum()) + rng.normal(size=len(x))
    whole = from_arrays([(x[:, kept] + 1e-3 * rng.normal(size=(len(x), kept.sum())), wanted)], task=Task.REGRESSION)[0]
    sets = parted(whole, (1_000, 1_000, 20_000))
    model = Ridge(1.0).fit(sets[0].x, sets[0].y)
    target = SklearnTarget(model)
    recipe = recipe_for(model, model, target)
    plan = RebuildPlan(10 if quick else 30)
    found, _ = played("deleted_record", target, sets, plan, "informed", recipe)
    yield median("deleted record, ridge regression on census numbers: cosine", found, "cosine, less the mean", 0.99)
    small = parted(digits(), (600, 300, 897))
    logistic = LogisticRegression(C=1.0, max_iter=5_000, tol=1e-8).fit(small[0].x, small[0].y)
    target = SklearnTarget(logistic)
    recipe = recipe_for(logistic, logistic, target)
    found, _ = played("deleted_record", target, small, plan, "informed", recipe)
    yield median("deleted record, softmax regression on digits: cosine", found, "cosine, less the mean")
    for batch in (2, 4):
        found, _ = played("deleted_record", target, small, replace(plan, batch=batch), "informed", recipe)
        yield share(f"{batch} deleted records at once: rebuilt", found, "records_rebuilt")
    found, _ = played("informed_adversary", target, small, plan, "informed", recipe)
    yield share("informed adversary, softmax regression on digits: exact", found, "records_exact")


def repeated(quick: bool) -> Iterator[Row]:
    """All training records but one are known, and the training can be repeated; then without its seed."""
    fashion = parted(images(fashion_mnist(), 28), (1_000, 1_000, 6_000))
    small = parted(images(digits(), 8), (600, 300, 897))
    makers = (
        ("digits, MLP", small, partial(dense, 64, 32), 30),
        ("Fashion-MNIST, MLP", fashion, partial(dense, 784, 32), 20),
    )
    for name, sets, factory, epochs in makers[: 1 if quick else 2]:
        recipe = BoundRecipe(TorchRecipe(factory, epochs=epochs, batch_size=64, learning_rate=3e-3), TorchTarget)
        target, plan = recipe.train(sets[0], 0), RebuildPlan(20 if quick else 60)
        for known in (True, False):
            found, _ = played("repeated_training", target, sets, plan, "informed", recipe, seed_known=known)
            what = f"repeated training, {name}" if known else f"repeated training, {name}, seed not known"
            psnr = next(q for q in found.qualities if q.name == "PSNR, dB")
            yield share(f"{what}: rebuilt", found, "records_rebuilt")
            yield median(f"{what}: PSNR, dB", found, "PSNR, dB")
            yield share(f"{what}: class told", found, "labels_counted")
            if known and name.startswith("digits"):
                more, _ = played("repeated_training", target, sets, plan, "informed", recipe, trainings=6_000)
                yield share(f"{what}, three times the trainings: rebuilt", more, "records_rebuilt")
                yield median(f"{what}, three times the trainings: PSNR, dB", more, "PSNR, dB")
            if known:
                blind = measure_of(found, "records_rebuilt").blind
                yield Row(f"{what}: rebuilt without the model", float(np.mean(blind)))
                yield Row(f"{what}: PSNR without the model, dB", float(np.median(psnr.blind)))


def updates(quick: bool) -> Iterator[Row]:
    """Answers before and after one step on new records."""
    fashion = parted(images(fashion_mnist(), 28), (3_000, 1_000, 6_000))
    small = parted(images(digits(), 8), (500, 400, 897))
    makers = (("digits, MLP", small, partial(dense, 64, 128), 30), ("Fashion-MNIST CNN", fashion, large, 4))
    for name, sets, factory, epochs in makers[: 1 if quick else 2]:
        recipe = BoundRecipe(TorchRecipe(factory, epochs=epochs), TorchTarget)
        target = recipe.train(sets[0], 0)
        for batch in (1, 4):
            plan = RebuildPlan(20 if quick else 60, batch=batch)
            found, _ = played("updates_leak", target, sets, plan, "returning-customer", recipe)
            what = "one new record" if batch == 1 else f"{batch} new records"
            yield share(f"{what}, {name}: classes told", found, "labels_counted")
            blind = measure_of(found, "labels_counted").blind
            yield Row(f"{what}, {name}: classes, without the model", float(np.mean(blind)))
            if batch == 1:
                yield median(f"{what}, {name}: PSNR, dB", found, "PSNR, dB")
                blind = next(q.blind for q in found.qualities if q.name == "PSNR, dB")
                yield Row(f"{what}, {name}: PSNR without the model, dB", float(np.median(blind)))


def large() -> nn.Module:
    return Convolutional(28)


def weights_alone(quick: bool) -> Iterator[Row]:
    """Even or odd digits, 500 records, one hidden layer of 1,000 neurons, trained far beyond zero errors by steps that
    grow as the loss falls.
    """
    whole = images(digits(), 8)
    whole = from_arrays([(whole.x, whole.y % 2)])[0]
    sets = parted(whole, (500, 500, 797))
    middle = torch.as_tensor(sets[2].x.mean(axis=0).reshape(-1))

    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.act, self.two = nn.Linear(64, 1_000), nn.ReLU(), nn.Linear(1_000, 1, bias=False)
            with torch.no_grad():
                self.one.weight.mul_(0.3)
                self.one.bias.mul_(0.3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.two(self.act(self.one(x.flatten(1) - middle)))

    torch.manual_seed(0)
    module = Wide()
    x, sign = torch.as_tensor(sets[0].x), torch.as_tensor(2 * sets[0].y - 1)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.02)
    for _ in range(3_000 if quick else 12_000):
        optimiser.zero_grad()
        loss = nn.functional.softplus(-(module(x)[:, 0] * sign).double()).mean()
        loss.backward()
        optimiser.param_groups[0]["lr"] = min(0.02 / max(float(loss), 1e-30), 1e9)
        optimiser.step()
    few = {"steps": 400, "candidates": 300} if quick else {}
    found, spent = played("kkt", module, sets, RebuildPlan(), "published-model", **few)
    nearer = measure_of(found, "guesses_nearer_training")
    bars = (None, None) if quick else (5.0, 0.0)
    yield Row("KKT on digits: guesses like a training record", sum(nearer.hits), bar=bars[0])
    yield Row("  and like an unseen one", sum(nearer.blind), bar=bars[1], better="below")
    yield Row("KKT on digits: seconds", spent)


def inversion(quick: bool, fashion_records: Records) -> Iterator[Row]:
    for name, records, side, private, epochs in (
        ("Fashion-MNIST", fashion_records, 28, (0, 1, 2, 3, 7, 8, 9), 2 if quick else 8),
        ("digits", images(digits(), 8), 8, (0, 1, 2, 3, 4, 6, 8), 20 if quick else 30),
    ):
        own = np.isin(records.y, private)
        known = [f"class {c}" for c in range(10)]
        count = min(6_000 if quick else 12_000, int(own.sum()))
        labels = np.array(known)
        made = from_arrays([(records.x[own][:count], labels[records.y[own][:count]])])[0]
        public = from_arrays([(records.x[~own][:4_000], labels[records.y[~own][:4_000]])])[0]
        sets = parted(made, (count // 3, count // 3, count // 3))
        torch.manual_seed(0)
        module = taught(Convolutional(side, len(private)), sets[0], epochs)
        game = InversionGame(
            TorchTarget(module), sets[0], sets[1],
            lambda sets=sets: SurrogateTrainer(sets[2]).teach("network", sets[2], sets[2].y, 0), public, 0,
        )  # fmt: skip
        (dealt,) = game.deal(Arm.TARGET)
        for attack_name in INVERSIONS:
            made_attack = attack(attack_name)
            oracle = GrantedOracle(dealt.target, PRESETS["published-model"], made_attack.card.needs.access)
            view = dealt.open(
                oracle, made_attack.card, ReconstructionAuxiliary(sets[2], public), np.random.default_rng(0)
            )
            found = dealt.judge(made_attack.run(view))
            bar = 0.8 if attack_name == "fredrikson_inversion" else None
            yield share(f"{name}, {attack_name}: classes recognised", found, "classes_recognised", bar)
            yield share(f"{name}, {attack_name}: classes shown", found, "classes_shown")
            if oracle.queries:
                yield Row(f"{name}, {attack_name}: queries", oracle.queries)


# Defences of updates


def defences(quick: bool, fashion: Sets) -> Iterator[Row]:
    trials = 4 if quick else 10
    torch.manual_seed(0)
    attacks: tuple[tuple[str, nn.Module, int, str], ...] = (
        ("analytic_gradient", dense(), 1, "records_rebuilt"),
        ("inverting_gradients", Convolutional(28), 1, "records_rebuilt"),
        ("label_counts", Convolutional(28), 32, "labels_counted"),
        ("imprint_block", Convolutional(28), 32, "records_rebuilt"),
    )
    for title, name, settings in DEFENCES:
        made = None if name is None else defense(name, **settings)
        shield = None if made is None else made.protect  # type: ignore[union-attr]
        for attack_name, module, batch, metric in attacks:
            steps = {"steps": 150 if quick else 500} if attack_name == "inverting_gradients" else {}
            try:
                found, _ = played(
                    attack_name, module, fashion, RebuildPlan(trials, batch=batch), shield=shield, **steps
                )
                yield share(f"{title}: {attack_name}, {metric.replace('_', ' ')}", found, metric)
            except Impossible as reason:
                print(f"{title}: {attack_name}: {reason}")
        yield Row(f"{title}: accuracy of federated training", federated(fashion, shield, 60 if quick else 300))


def federated(fashion: Sets, shield: Any, rounds: int) -> float:
    """Ten clients a round, 16 records each, plain averaging of what they send; accuracy on unseen records."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    module = dense()
    target = TorchTarget(module)
    params = list(module.parameters())
    for _ in range(rounds):
        sent = [target.update(fashion[0].take(rng.integers(0, len(fashion[0]), 16))) for _ in range(10)]
        protected = [shield(change, rng) if shield is not None else change for change in sent]
        with torch.no_grad():
            for p, *parts in zip(params, *protected, strict=True):
                p.sub_(0.1 * torch.as_tensor(np.mean(parts, axis=0), dtype=p.dtype))
    return float(np.mean(TorchTarget(module).answer(Access.LABEL, fashion[1]) == fashion[1].y))


def measure(quick: bool) -> Iterator[Row]:
    warnings.simplefilter("ignore")
    whole = fashion_mnist()
    fashion = parted(whole, (2_000, 2_000, 4_000))
    yield from gradients(quick, fashion)
    yield from text(quick)
    yield from versions(quick)
    yield from repeated(quick)
    yield from updates(quick)
    yield from weights_alone(quick)
    yield from inversion(quick, whole)
    yield from defences(quick, fashion)
    yield from attributes(quick)


if __name__ == "__main__":
    main(__doc__ or "", measure)
