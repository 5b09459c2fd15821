"""Adversaries who contribute records, or take part in the training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from divulge.catalog.attacks import attack
from divulge.core.game import Arm
from divulge.core.property_expression import columns_of
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Quality
from divulge.data.sources import census_income
from divulge.games.batches import BatchGame
from divulge.games.properties import PropertyPlan
from divulge.stats.paired import mean_bounds
from divulge.targets.networks.pytorch import TorchTarget
from harness import Row
from properties.playing import FEW, QUICK, SIZE, WOMEN, accuracy, coded, game, played, recipe, sides


def poisoning(quick: bool) -> Iterator[Row]:
    records = census_income()
    records = records.take(np.arange(FEW)) if quick else records
    x, columns = coded(records), columns_of(records)
    count = QUICK if quick else {"victims": 768, "shadows": 192}  # for an interval of a few points
    found = {}
    for rate in (0.0, 0.02) if quick else (0.0, 0.02, 0.05):
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
    records = records.take(np.arange(FEW)) if quick else records
    x, columns = coded(records), columns_of(records)
    clients, adversary = sides(x, columns, 0)
    target = TorchTarget(recipe(x.x.shape[1]).fit(clients.records.take(np.arange(SIZE)), 0))
    plan = PropertyPlan((WOMEN,), trials=20 if quick else 400)
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
