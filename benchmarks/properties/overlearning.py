"""What a layer tells about its inputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from divulge.catalog.attacks import attack
from divulge.core.game import Arm
from divulge.core.property_expression import columns_of
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Quality
from divulge.data.sources import census_income
from divulge.games.inputs import MINE, InputGame
from divulge.games.properties import PropertyPlan
from divulge.stats.paired import mean_bounds
from divulge.targets.networks.pytorch import TorchTarget
from harness import Row
from properties.playing import FEW, WOMEN, coded, recipe, sides


def overlearned(quick: bool) -> Iterator[Row]:
    records = census_income()
    records = records.take(np.arange(2 * FEW)) if quick else records
    columns = columns_of(records)
    for name, without in (("sex among the inputs", ()), ("sex not among the inputs", ("sex",))):
        x = coded(records, without)
        halves = sides(x, columns, 0)
        rows = np.arange(200 if quick else 2_000)
        target = TorchTarget(
            recipe(x.x.shape[1], epochs=20).fit(halves[0].records.take(np.arange(5_000, 6_000 if quick else 10_000)), 0)
        )
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
