"""What does a model tell about its training set as a whole, and what makes it tell more or less?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import torch
from scipy.stats import binom
from sklearn.mixture import GaussianMixture
from torch import nn
from torch.func import functional_call, grad, vmap

from divulge.auditing.oracle import GrantedOracle
from divulge.auditing.property import remembered
from divulge.catalog.attacks import attack
from divulge.core.evidence import Evidence
from divulge.core.exhibits import Fact, Quality
from divulge.core.game import Arm
from divulge.core.hashing import Array, digest
from divulge.core.property_expression import columns_of
from divulge.core.records import Column, Kind, Records, Schema
from divulge.core.threat import PRESETS, Access
from divulge.core.views.property import PropertyAuxiliary
from divulge.data.sources import census_income, fashion_mnist
from divulge.games.batches import BatchGame
from divulge.games.inputs import MINE, InputGame
from divulge.games.properties import PropertyGame, PropertyPlan, Side
from divulge.stats.paired import mean_bounds
from divulge.targets.generator import GeneratorTarget
from divulge.targets.pytorch import TorchTarget
from divulge.training.engine import Trainer, Way
from divulge.training.pytorch import TorchRecipe
from divulge.training.shadow import Answers
from harness import Row, main
from shadow_training import plain

WOMEN = "share(sex == 'Female')"
VALUES = (0.2, 0.5, 0.8)
EPOCHS = 10
SIZE = 2_000
BLACK_BOX = (
    *("property_loss_test", "property_threshold_test", "property_kl_test", "property_queries", "property_labels"),
)
WHITE_BOX = ("property_parameters", "property_neurons", "property_activations")


# Data


def coded(records: Records, without: Sequence[str] = ()) -> Records:
    """Categories one by one, numbers standardised."""
    parts, names = [], []
    for place, column in enumerate(records.schema.columns):
        values = records.x[:, place]
        if column.name in without:
            continue
        if column.kind is Kind.CATEGORICAL:
            parts.append(np.eye(len(column.categories))[values.astype(int)])
            names += [f"{column.name}: {value}" for value in column.categories]
        else:
            values = np.log1p(np.maximum(values, 0)) if values.max() > 1_000 else values
            parts.append(((values - values.mean()) / max(values.std(), 1e-9))[:, None])
            names.append(column.name)
    schema = Schema(tuple(Column(n) for n in names), classes=records.schema.classes)
    return Records(np.concatenate(parts, axis=1).astype(np.float32), records.y, schema)


def sides(records: Records, columns: dict[str, Array], seed: int) -> tuple[Side, Side]:
    """Two disjoint halves of the distinct records: the victims', the adversary's."""
    first = np.unique(np.array(records.row_keys()), return_index=True)[1]
    order = np.random.default_rng(100 + seed).permutation(first)
    whole = Side(records, columns)
    return whole.take(order[: len(order) // 2]), whole.take(order[len(order) // 2 :])


def network(inputs: int, width: int = 32, dropout: float = 0.0) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        middle = [nn.Dropout(dropout)] if dropout else []
        return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), *middle, nn.Linear(width, 2))

    return build


def recipe(inputs: int, width: int = 32, dropout: float = 0.0, epochs: int = EPOCHS) -> TorchRecipe:
    return TorchRecipe(network(inputs, width, dropout), epochs=epochs, batch_size=128, learning_rate=1e-3)


# Games


def raising(made: Any, seconds: list[float] | None = None) -> Any:
    """Trains with a recipe of divulge, or with a function (records, seed) -> module."""
    answers = Answers(None)

    def models(records: Records, keep: Array, seeds: Sequence[int]) -> list[Any]:
        started = perf_counter()
        if isinstance(made, TorchRecipe):
            found = dict(Trainer().fit_many(made, records, keep, seeds))
        else:
            found = {n: made(records.take(row), seed) for n, (row, seed) in enumerate(zip(keep, seeds, strict=True))}
        if seconds is not None:
            seconds.append(perf_counter() - started)
        keys = [digest(records.fingerprint(), row, str(s), str(id(made))) for row, s in zip(keep, seeds, strict=True)]
        return [remembered(TorchTarget(found[n]), keys[n], answers) for n in range(len(keep))]

    return models


def game(made: Any, halves: tuple[Side, Side], text: str = WOMEN, seed: int = 0, **settings: Any) -> PropertyGame:
    seconds = settings.pop("seconds", None)
    plan = PropertyPlan(
        (text,), **{"victims": 96, "shadows": 256, "size": SIZE, "queries": 4_000, "values": VALUES} | settings
    )
    return PropertyGame(None, *halves, None, raising(made, seconds), seed, plan)  # type: ignore[arg-type]


def played(
    dealt: PropertyGame, name: str, threat: str = "published-model", arm: Arm = Arm.TARGET, **settings: Any
) -> Evidence:
    made = attack(name, **settings)
    adversary = replace(PRESETS[threat], query_budget=None)
    needed = made.card.uses or made.card.needs.access

    def see(target: Any) -> GrantedOracle:
        return GrantedOracle(target, adversary, needed, free=True)

    (dealt_round,) = dealt.deal(arm)
    view = dealt_round.open(None, made.card, PropertyAuxiliary(see), np.random.default_rng(0))  # type: ignore[arg-type]
    found: Evidence = dealt_round.judge(made.run(view))
    return found


def fact_of(found: Evidence) -> Fact:
    """The one property that a game here asks about."""
    (fact,) = found.of(Fact)
    return fact


def told(found: Evidence, pair: int = 0) -> str:
    low, high = fact_of(found).pairs[pair]
    return f"{low:.1f} or {high:.1f}"


def accuracy(name: str, every: Sequence[Evidence], pair: int, bar: float | None = None) -> Row:
    """How often a pair is told apart, over all victims of these games."""
    size = [len(found.paired[0].hits) for found in every]
    value = float(np.average([fact_of(found).told_apart[pair] for found in every], weights=size))
    right = np.zeros(sum(size))
    right[: round(value * len(right))] = 1
    low, high = mean_bounds(right, 0.05)
    return Row(f"{name}, {told(every[0], pair)}: right", value, low, high, bar)


def error(name: str, every: Sequence[Evidence], bar: float | None = None) -> Row:
    off = np.array([abs(e.estimate - e.truth) for found in every for e in fact_of(found).estimates])
    wide = 1.96 * off.std() / np.sqrt(len(off))
    return Row(f"{name}: mean absolute error", float(off.mean()), off.mean() - wide, off.mean() + wide, bar, "below")


# Census


def census(quick: bool) -> Iterator[Row]:
    records = census_income()
    x, columns = coded(records), columns_of(records)
    count = {"victims": 36, "shadows": 64} if quick else {}
    repeats = 1 if quick else 5
    games, seconds = [], []
    recipe(x.x.shape[1]).fit(x, 0, steps=2)  # what torch loads with its first optimiser is nobody's training
    for seed in range(repeats):
        games.append(game(recipe(x.x.shape[1]), sides(x, columns, seed), seed=seed, seconds=seconds, **count))
    for threat, name in (("mlaas", "scores"), ("published-model", "scores and parameters")):
        found = [played(dealt, "property_chosen", threat) for dealt in games]
        facts = [fact_of(each) for each in found]
        bars = (0.97, 0.88, 0.08) if threat == "mlaas" else (None, None, None)
        yield accuracy(f"women, chosen from {name}", found, 0, bars[0])
        yield accuracy(f"women, chosen from {name}", found, 2, bars[1])
        yield accuracy(f"women, chosen from {name}", found, 1)
        yield error(f"women, chosen from {name}", found, bars[2])
        covered = float(np.mean([f.covered for f in facts]))
        yield Row("  its 95 % intervals hold the truth", covered)
        if threat == "mlaas":
            yield Row("  n_leaked: records that would tell as much", facts[0].leaked or float("inf"))
            yield Row("  middle of the range: mean absolute error", facts[0].baseline_error or 0.0)
            yield Row("  published metrics alone: right", float(np.mean([f.metrics_told for f in facts])))
            yield Row(
                "  published metrics alone: mean absolute error", float(np.mean([f.metrics_error for f in facts]))
            )
            flat = [played(dealt, "property_chosen", threat, Arm.NEGATIVE) for dealt in games]
            row = accuracy("women, 0.5 or 0.5 (said to be other values)", flat, 0)
            yield row
            yield Row("  the interval holds one half", float((row.low or 0) <= 0.5 <= (row.high or 1)), bar=1.0)
    for name in (*BLACK_BOX, *(WHITE_BOX[:2] if quick else WHITE_BOX)):
        found = [played(dealt, name) for dealt in games[: 1 if name == "property_activations" else 2]]
        yield accuracy(f"women, {name}", found, 0)
        yield accuracy(f"women, {name}", found, 2)
        if fact_of(found[0]).estimates:
            yield error(f"women, {name}", found)
    yield from speed(x, columns, seconds, quick)


def speed(x: Records, columns: dict[str, Array], seconds: list[float], quick: bool) -> Iterator[Row]:
    """The models of one game, against one after the other: by divulge, and as one writes it without thinking."""
    together, made = seconds[0] + seconds[1], recipe(x.x.shape[1])
    few = 8 if quick else 32
    keep = np.zeros((few, len(x)), dtype=bool)
    for k in range(few):
        keep[k, np.random.default_rng(k).choice(len(x), SIZE, False)] = True
    started = perf_counter()
    list(Trainer(way=Way.SEQUENTIAL).fit_many(made, x, keep, list(range(few))))
    alone = (perf_counter() - started) / few
    started = perf_counter()
    for k in range(few):
        plain(made, x.take(keep[k]), k)
    loop = (perf_counter() - started) / few
    count = 36 + 64 if quick else 96 + 256
    yield Row(f"{count} models: seconds, stacked", together)
    yield Row("  times faster than one after the other", alone * count / together, bar=None if quick else 8.0)
    yield Row("  times faster than a plain loop", loop * count / together)


def unseen_property(quick: bool) -> Iterator[Row]:
    """Sex is no input, and as many men as women earn much; and a coin that was thrown for every record."""
    records = census_income()
    female = columns_of(records)["sex"] == "Female"
    rng = np.random.default_rng(0)
    rich = records.y == 1
    share = rich[female].mean()
    wanted = round(share / (1 - share) * (~female & ~rich).sum())
    dropped = rng.permutation(np.flatnonzero(~female & rich))[wanted:]
    kept = np.setdiff1d(np.arange(len(records)), dropped)
    fewer = records.take(kept)
    x = coded(fewer, without=["sex"])
    columns = columns_of(fewer) | {"coin": rng.integers(0, 2, len(fewer))}
    count = {"victims": 36, "shadows": 64} if quick else {}
    for name, text in (("women, sex no input, no difference in income", WOMEN), ("a coin", "share(coin == 1)")):
        dealt = game(recipe(x.x.shape[1]), sides(x, columns, 0), text, **count)
        for threat in ("mlaas", "published-model"):
            found = played(dealt, "property_chosen", threat)
            yield accuracy(f"{name} ({threat})", [found], 0)
            yield error(f"{name} ({threat})", [found])


# Pictures


class Small(nn.Module):
    """Two convolutions and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU())
        self.last = nn.Linear(16 * 25, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.body(x.reshape(len(x), 1, 28, 28)).flatten(1))


def pictures(quick: bool) -> Iterator[Row]:
    """Share of images brighter than the median of their class."""
    records = fashion_mnist()
    records = records.take(np.arange(6_000 if quick else 30_000))
    records = Records((records.x / 255.0).astype(np.float32), records.y, records.schema)
    light = records.x.reshape(len(records), -1).mean(axis=1)
    middle = np.array([np.median(light[records.y == c]) for c in range(10)])
    columns = {"bright": (light > middle[records.y]).astype(int)}
    made = TorchRecipe(Small, epochs=3 if quick else 8, batch_size=64, learning_rate=2e-3)
    count = {"victims": 24, "shadows": 32, "size": 800} if quick else {"victims": 60, "shadows": 120, "size": 1_000}
    dealt = game(made, sides(records, columns, 0), "share(bright == 1)", **count, queries=1_000)
    for name, threat, attack_name in (
        ("black-box", "mlaas", "property_chosen"),
        ("KL test", "mlaas", "property_kl_test"),
        ("white-box, kernels", "published-model", "property_neurons"),
        ("white-box, parameters", "published-model", "property_parameters"),
        ("white-box, activations", "published-model", "property_activations"),
    ):
        found = played(dealt, attack_name, threat)
        yield accuracy(f"bright images, {name}", [found], 0)
        if fact_of(found).estimates:
            yield error(f"bright images, {name}", [found])


# Active adversaries


def poisoning(quick: bool) -> Iterator[Row]:
    records = census_income()
    x, columns = coded(records), columns_of(records)
    count = (
        {"victims": 40, "shadows": 48} if quick else {"victims": 768, "shadows": 192}
    )  # for an interval of a few points
    found = {}
    for rate in (0.0, 0.02, 0.05):
        dealt = game(recipe(x.x.shape[1]), sides(x, columns, 0), values=(0.4, 0.5), **count)
        found[rate] = played(dealt, "snap", "data-contributor", rate=rate)
        row = accuracy(f"SNAP, {rate:.0%} of the records contributed", [found[rate]], 0)
        yield row
    hits = [np.array(found[rate].paired[0].hits) for rate in (0.0, 0.02)]
    gain = hits[1] - hits[0]
    low = float(gain.mean() - 1.96 * gain.std() / np.sqrt(len(gain)))
    yield Row("SNAP, 2 % over none: gain, lower end of its interval", low, bar=None if quick else 0.0)
    dealt = game(recipe(x.x.shape[1]), sides(x, columns, 0), values=(0.4, 0.5), **count)
    yield accuracy("property_poisoning, 5 %, from labels", [played(dealt, "property_poisoning", "data-contributor")], 0)
    yield accuracy("property_chosen, none, from scores", [played(dealt, "property_chosen", "mlaas")], 0)


def federated(quick: bool) -> Iterator[Row]:
    records = census_income()
    x, columns = coded(records), columns_of(records)
    clients, adversary = sides(x, columns, 0)
    target = TorchTarget(recipe(x.x.shape[1]).fit(clients.records.take(np.arange(SIZE)), 0))
    plan = PropertyPlan((WOMEN,), trials=60 if quick else 400)
    dealt = BatchGame(target, clients, adversary, 0, plan)
    for name in ("melis_passive", "melis_active"):
        made = attack(name)
        for arm in (Arm.TARGET, Arm.NEGATIVE):
            (dealt_round,) = dealt.deal(arm)
            view = dealt_round.open(None, made.card, None, np.random.default_rng(0))  # type: ignore[arg-type]
            batches: Evidence = dealt_round.judge(made.run(view))
            low, high = mean_bounds(np.array(batches.paired[0].hits), 0.05)
            what = "women in a client's batch of 32" if arm is Arm.TARGET else "  batches that do not differ"
            yield Row(f"{what}, {name}: AUC", batches.paired[0].value, low, high)
            if arm is Arm.TARGET:
                for number, area in enumerate(batches.of(Quality)[0].values):
                    yield Row(f"  round {number + 1} of 5", area)


# Choices of training


@dataclass
class Private:
    """DP-SGD: gradients record by record, cut to a norm of 1, and noise of `noise` times that on their sum."""

    inputs: int
    noise: float
    epochs: int = EPOCHS

    def __call__(self, records: Records, seed: int) -> nn.Module:
        torch.manual_seed(seed % 2**31)
        module = network(self.inputs)()
        x, y = torch.from_numpy(records.x), torch.from_numpy(records.y.astype(np.int64))
        values = dict(module.named_parameters())

        def loss(parameters: dict[str, torch.Tensor], row: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            return nn.functional.cross_entropy(functional_call(module, parameters, (row[None],)), label[None])

        each = vmap(grad(loss), in_dims=(None, 0, 0))
        optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)
        for _ in range(self.epochs * len(x) // 128):
            rows = torch.nonzero(torch.rand(len(x)) < 128 / len(x))[:, 0]
            found = each({k: v.detach() for k, v in values.items()}, x[rows], y[rows])
            norm = torch.sqrt(sum(part.flatten(1).square().sum(1) for part in found.values()))  # type: ignore[arg-type]
            scale = torch.clamp(1 / norm, max=1.0)
            for name, parameter in values.items():
                total = torch.einsum("n,n...->...", scale, found[name])
                parameter.grad = (total + self.noise * torch.randn_like(total)) / 128
            optimiser.step()
        return module.eval()


def choices(quick: bool) -> Iterator[Row]:
    records = census_income()
    x, columns = coded(records), columns_of(records)
    inputs = x.x.shape[1]
    halves = sides(x, columns, 0)
    count = {"victims": 24, "shadows": 32} if quick else {"victims": 96, "shadows": 128}
    varied: list[tuple[str, Any, dict[str, Any]]] = [
        ("as above (2,000 records, 32 units, 10 epochs)", recipe(inputs), {})
    ]
    varied += [(f"{size:,} records", recipe(inputs), {"size": size}) for size in (500, 8_000)]
    varied += [(f"{width} units", recipe(inputs, width), {}) for width in (8, 128)]
    varied += [(f"{epochs} epochs", recipe(inputs, epochs=epochs), {}) for epochs in (5, 20, 40)]
    varied += [(f"dropout {share}", recipe(inputs, dropout=share), {}) for share in (0.25, 0.5)]
    varied += [(f"DP-SGD, noise multiplier {noise}", Private(inputs, noise), {}) for noise in (0.5, 2.0)]
    held = halves[0].records.take(np.arange(20_000, 30_000))
    if quick:
        varied = [row for row in varied if row[0].startswith(("as above", "500", "20 epochs", "dropout 0.5"))]
    for name, made, settings in varied:
        dealt = game(made, halves, **(count | settings))
        found = played(dealt, "property_chosen", "mlaas")
        inside = played(dealt, "property_chosen", "published-model")
        world = dealt.world(dealt.designs[0], Arm.TARGET)
        right = np.mean([np.mean(m.answer(Access.LABEL, held) == held.y) for m in world.victims[:8]])
        yield Row(f"{name}: accuracy of the model", float(right))
        yield error("  from scores", [found])
        yield accuracy("  from scores", [found], 0)
        yield error("  from parameters too", [inside])


@dataclass
class Mixture:
    """A generator: a mixture of Gaussians over inputs and class."""

    model: GaussianMixture

    def sample(self, count: int, seed: int) -> tuple[Array, Array]:
        self.model.random_state = seed % 2**31
        rows = self.model.sample(count)[0]
        return rows[:, :-1], (rows[:, -1] > 0.5).astype(int)


@dataclass
class Again:
    """A generator that gives its own training records again."""

    records: Records

    def sample(self, count: int, seed: int) -> tuple[Array, Array]:
        rows = np.random.default_rng(seed).integers(len(self.records), size=count)
        return self.records.x[rows], self.records.y[rows]


def mixture(records: Records, seed: int) -> Mixture:
    model = GaussianMixture(10, covariance_type="diag", reg_covar=1e-3, random_state=seed % 2**31)
    return Mixture(model.fit(np.column_stack([records.x, records.y])))


def generators(quick: bool) -> Iterator[Row]:
    """What samples tell, and what the best of all guessers could make of few samples of one's own records."""
    records = census_income()
    x, columns = coded(records), columns_of(records)
    halves = sides(x, columns, 0)

    def raised(train: Callable[[Records, int], Any]) -> Any:
        def models(records: Records, keep: Array, seeds: Sequence[int]) -> list[Any]:
            return [GeneratorTarget(train(records.take(row), s)) for row, s in zip(keep, seeds, strict=True)]

        return models

    def dealt(train: Callable[[Records, int], Any], victims: int, shadows: int) -> PropertyGame:
        plan = PropertyPlan((WOMEN,), VALUES, victims, shadows, SIZE, 4_000)
        return PropertyGame(None, *halves, None, raised(train), 0, plan)  # type: ignore[arg-type]

    counts = (24, 24) if quick else (96, 64)
    found = played(dealt(mixture, *counts), "property_samples", "synthetic-data")
    yield accuracy("women, samples of a mixture of Gaussians", [found], 0)
    yield accuracy("women, samples of a mixture of Gaussians", [found], 2)
    yield error("women, samples of a mixture of Gaussians", [found])
    few = dealt(lambda part, seed: Again(part), *((150, 64) if quick else (900, 256)))
    for samples in (3, 10):
        found = played(few, "property_samples", "synthetic-data", samples=samples)
        low, high = fact_of(found).pairs[2]
        best = max(binom.cdf(t, samples, low) + binom.sf(t, samples, high) for t in range(samples)) / 2
        yield accuracy(f"women, {samples} training records given again", [found], 2)
        yield Row("  Bayes-optimal: right", float(best))


def overlearned(quick: bool) -> Iterator[Row]:
    records = census_income()
    columns = columns_of(records)
    for name, without in (("sex among the inputs", ()), ("sex not among the inputs", ("sex",))):
        x = coded(records, without)
        halves = sides(x, columns, 0)
        rows = np.arange(500 if quick else 2_000)
        target = TorchTarget(recipe(x.x.shape[1], epochs=20).fit(halves[0].records.take(np.arange(5_000, 10_000)), 0))
        dealt = InputGame(target, halves[0].take(rows), halves[1].take(rows), 0, PropertyPlan((WOMEN,)), layer="1")
        made = attack("overlearning")
        (dealt_round,) = dealt.deal(Arm.TARGET)
        view = dealt_round.open(None, made.card, None, np.random.default_rng(0))  # type: ignore[arg-type]
        found: Evidence = dealt_round.judge(made.run(view))
        low, high = mean_bounds(np.array(found.paired[0].hits), 0.05)
        yield Row(f"sex told from {MINE}, {name}", found.paired[0].value, low, high)
        for quality in found.of(Quality):
            yield Row(f"  {quality.name}", float(np.mean(quality.values)))
        yield Row("  the commonest value", found.paired[0].chance)


def measure(quick: bool) -> Iterator[Row]:
    warnings.filterwarnings("ignore")
    for part in (census, unseen_property, pictures, generators, poisoning, federated, overlearned, choices):
        yield from part(quick)


if __name__ == "__main__":
    main("Properties of training sets", measure)
