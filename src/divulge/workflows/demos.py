"""Demonstrations on real data: models are trained here and audited at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from divulge.auditing.job import BoundRecipe, Job
from divulge.auditing.resources import resources
from divulge.catalog.defenses import defense
from divulge.core.errors import MissingExtra, Notice
from divulge.core.hashing import derived_rng, derived_seed
from divulge.core.records import Records
from divulge.data.sources import breast_cancer, census_income, fashion_mnist
from divulge.data.splits import split
from divulge.games.properties import PropertyPlan
from divulge.setup.assemble import job_from_records
from divulge.setup.comparison import MatrixPlan
from divulge.setup.scope import ALL_FAMILIES
from divulge.setup.settings import Options
from divulge.setup.sources.records_from import records_from
from divulge.setup.sources.sets import Sets
from divulge.setup.sources.targets_from import target_from
from divulge.targets.generator import GeneratorTarget
from divulge.training.recipes.generator import GeneratorRecipe
from divulge.training.recipes.sklearn import SklearnRecipe
from divulge.workflows.language_demo import language
from divulge.workflows.synthesizers import Synthesizer, bayesian_network, bootstrap, cart, gaussian_copula

if TYPE_CHECKING:
    from torch import nn


def patients(seed: int) -> Iterator[Job]:
    """Tumour diagnosis from 160 patients, by a model that memorises them and by one that is kept from it."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    sets = _sets(breast_cancer(), (160, 160, 249), seed)
    asked = PropertyPlan(("share(diagnosis == 'malignant')",), (0.2, 0.4), victims=36, shadows=32)
    memorizing = GradientBoostingClassifier(n_estimators=150, max_depth=10, max_features=1, learning_rate=0.1)
    yield _sklearn_job("Tumour diagnosis, overfitted", memorizing, sets, seed, asked)
    careful = make_pipeline(StandardScaler(), LogisticRegression(C=0.05))
    yield _sklearn_job("Tumour diagnosis, regularised", careful, sets, seed, asked)


def fashion(seed: int) -> Iterator[Job]:
    """Kinds of clothing from 2,500 images, by a convolutional network, against 2,500 images it did not see."""
    try:
        from divulge.training.recipes.pytorch import TorchRecipe
    except ModuleNotFoundError as error:
        raise MissingExtra("torch", "torch") from error
    sets = _sets(fashion_mnist(), (2500, 2500, 5000), seed)
    recipe = BoundRecipe(TorchRecipe(clothing_network, epochs=20, batch_size=128, learning_rate=2e-3), target_from)
    yield _job(
        "Clothing classifier",
        recipe,
        sets,
        seed,
        PropertyPlan(("mean(brightness)",), victims=36, shadows=32, size=1_000),
    )


def census(seed: int) -> Iterator[Job]:
    """Income from 5,000 census records, by gradient-boosted trees."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    encoder = make_column_transformer(
        (
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            make_column_selector(dtype_exclude="number"),
        ),
        remainder="passthrough",
    )
    model = make_pipeline(encoder, HistGradientBoostingClassifier(max_iter=200))
    sets = _sets(census_income(), (5000, 5000, 5000), seed)
    asked = PropertyPlan(("share(sex == 'Female')",), victims=36, shadows=32)
    yield _sklearn_job("Census income", model, sets, seed, asked, duplicates="drop")


def defended_patients(seed: int) -> tuple[MatrixPlan, list[list[Any]]]:
    """The diagnosis by the model that memorises, without defence, coarsened in its data, in its answers, in both."""
    from sklearn.ensemble import GradientBoostingClassifier

    sets = _sets(breast_cancer(), (160, 160, 249), seed)
    tools = resources()
    model = GradientBoostingClassifier(n_estimators=150, max_depth=10, max_features=1, learning_rate=0.1)
    recipe = BoundRecipe(SklearnRecipe(model), target_from, tools.trainer)
    plan = MatrixPlan(
        recipe.train(sets.members, derived_seed(seed, "target")),
        recipe,
        sets,
        Options(
            name="Tumour diagnosis, overfitted",
            properties=PropertyPlan(("share(diagnosis == 'malignant')",), (0.2, 0.4), victims=36, shadows=32),
            seed=seed,
        ),
        resources=tools,
    )
    coarse, labels = defense("k_anonymity", k=5), defense("label_only")
    return plan, [[], [defense("rounding", decimals=1)], [labels], [coarse], [coarse, labels]]


SYNTHETIC_COLUMNS = (
    *("age", "class_of_worker", "education", "marital_status", "major_industry", "major_occupation", "race", "sex"),
    *("capital_gains", "dividends", "household_summary", "employer_size", "weeks_worked"),
)
"""Of the census: those that a statistical office would ask for first."""


def synthetic(seed: int) -> Iterator[Job]:
    """Census tables of 600 people that a Gaussian copula, a Bayesian network, a variational autoencoder and trees made
    up, and a bootstrap.
    """
    everyone = census_income()
    order = derived_rng(seed, "synthetic").permutation(len(everyone))[:2400]
    table = everyone.take(order).native()[list(SYNTHETIC_COLUMNS)]
    members, others, population = table[:600], table[600:1200], table[1200:]
    for name, fit in _generators().items():
        target = target_from(GeneratorTarget(fit(members, derived_seed(seed, "target"))), None)
        options = Options.of(
            {
                "name": f"Census table by {name}",
                "threat": "synthetic-data",
                "families": ["membership", "reconstruction"],
                "duplicates": "keep",
                "seed": seed,
                "shadows": 8,
            }
        )
        sets = records_from(target, members, others, population)
        recipe = BoundRecipe(GeneratorRecipe(fit), GeneratorTarget)
        yield job_from_records(target, sets, options, recipe=recipe)


def _generators() -> dict[str, Callable[[Any, int], Synthesizer]]:
    """By what they are in words; the autoencoder where PyTorch is installed."""
    made: dict[str, Callable[[Any, int], Synthesizer]] = {
        "a Gaussian copula": gaussian_copula,
        "a Bayesian network": bayesian_network,
    }
    if find_spec("torch") is None:
        cure = "PyTorch is not installed: install divulge[torch]"
        warnings.warn(f"the variational autoencoder is left out: {cure}", Notice, stacklevel=2)
    else:
        from divulge.workflows.tabular_vae import tvae

        made["a variational autoencoder"] = tvae
    return made | {"trees": cart, "its own rows again": bootstrap}


Treatment = Literal["refuse", "drop", "keep"]

DEMOS: dict[str, Callable[[int], Iterator[Job]]] = {
    "patients": patients,
    "fashion": fashion,
    "census": census,
    "synthetic": synthetic,
    "language": language,
}


def clothing_network() -> nn.Module:
    """Two convolutions with pooling, then one hidden layer of 64; ReLU."""
    from torch import nn

    return nn.Sequential(
        nn.Unflatten(1, (1, 28)),
        nn.Conv2d(1, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 7 * 7, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def _sets(records: Records, sizes: tuple[int, int, int], seed: int) -> Sets:
    return Sets(*split(records, sizes, derived_rng(seed, "split")))


def _sklearn_job(
    name: str,
    estimator: Any,
    sets: Sets,
    seed: int,
    asked: PropertyPlan,
    duplicates: Treatment = "refuse",
) -> Job:
    return _job(name, BoundRecipe(SklearnRecipe(estimator), target_from), sets, seed, asked, duplicates)


def _job(
    name: str,
    recipe: BoundRecipe,
    sets: Sets,
    seed: int,
    asked: PropertyPlan,
    duplicates: Treatment = "refuse",
) -> Job:
    """Train the target and make the job: all families, by somebody who got hold of the model."""
    tools = resources()
    recipe = replace(recipe, trainer=tools.trainer)
    target = recipe.train(sets.members, derived_seed(seed, "target"))
    options = Options(
        name=name,
        threat="published-model",
        families=list(ALL_FAMILIES),
        duplicates=duplicates,
        properties=asked,
        seed=seed,
    )
    return replace(job_from_records(target, sets, options, recipe=recipe, resources=tools), own=True)
