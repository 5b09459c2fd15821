"""Records that one version of a model was trained with and another was not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from divulge.auditing.job import BoundRecipe
from divulge.core.records import Kind
from divulge.core.results.exhibits import Quality
from divulge.core.threat import Task
from divulge.data.arrays import from_arrays
from divulge.data.sources import census_income, digits, fashion_mnist
from divulge.games.rebuild import RebuildPlan
from divulge.setup.sources.recipes_from import recipe_for
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.recipes.pytorch import TorchRecipe
from harness import Row
from rebuilding.playing import measure_of, median, played, share
from rebuilding.victims import Sets, dense, images, large, parted


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


def updates(quick: bool) -> Iterator[Row]:
    """Answers before and after one step on new records."""
    small = parted(images(digits(), 8), (500, 400, 897))
    makers: list[tuple[str, Sets, Any, int]] = [("digits, MLP", small, partial(dense, 64, 128), 30)]
    if not quick:
        makers.append(("Fashion-MNIST CNN", parted(images(fashion_mnist(), 28), (3_000, 1_000, 6_000)), large, 4))
    few = {"rehearsals": 200, "shadows": 2, "epochs": 10} if quick else {}
    for name, sets, factory, epochs in makers:
        recipe = BoundRecipe(TorchRecipe(factory, epochs=epochs), TorchTarget)
        target = recipe.train(sets[0], 0)
        for batch in (1, 4):
            plan = RebuildPlan(20 if quick else 60, batch=batch)
            found, _ = played("updates_leak", target, sets, plan, "returning-customer", recipe, **few)
            what = "one new record" if batch == 1 else f"{batch} new records"
            yield share(f"{what}, {name}: classes told", found, "labels_counted")
            blind = measure_of(found, "labels_counted").baseline
            yield Row(f"{what}, {name}: classes, without the model", float(np.mean(blind)))
            if batch == 1:
                yield median(f"{what}, {name}: PSNR, dB", found, "PSNR, dB")
                blind = next(q.baseline for q in found.of(Quality) if q.name == "PSNR, dB")
                yield Row(f"{what}, {name}: PSNR without the model, dB", float(np.median(blind)))
