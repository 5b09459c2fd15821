"""DP-SGD: every record's gradient is clipped, and noise is added, so that no record counts for much."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.recipes import ByBatches, Untrained
from divulge.core.capability.targets import estimator_of
from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError, MissingExtra, TargetError
from divulge.core.hashing import Array, derived_seed
from divulge.core.privacy_budget import check_delta, check_epsilon, check_noise
from divulge.core.records import Records
from divulge.core.results.guarantee import Guarantee, Promise, Unbounded
from divulge.core.threat import Task
from divulge.defenses.accounting import PrivacyCost, cost_of, noise_for, replacing
from divulge.defenses.training.dp_texts import fit_texts

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

LINEAR_EPOCHS, LINEAR_BATCH, LINEAR_RATE = 20, 256, 0.5
"""Of linear models of scikit-learn, whose own solvers take no steps on samples."""

LINEAR = ("LogisticRegression", "SGDClassifier", "RidgeClassifier", "LinearSVC")

STATELESS = ("Binarizer", "HashingVectorizer", "Normalizer", "PolynomialFeatures")
"""Steps of scikit-learn that treat every record by itself: nothing of one reaches the others."""


@dataclass(frozen=True)
class DpSgd:
    """Abadi et al. 2016, algorithm 1, by Opacus: Poisson samples, each record's gradient clipped to `norm`, Gaussian
    noise of `noise` * norm on their sum.  The noise comes from an ordinary generator, so that runs can be repeated:
    enough to measure, not to release a model.

    epsilon, delta: of the whole training, for adding or removing one record; or noise, one of the two.
    batch_size, epochs, learning_rate: instead of the recipe's.  Of a linear model of scikit-learn its loss is replaced
    by cross-entropy, and what comes before it in a pipeline is fitted without noise: epsilon does not cover that part.
    tuned: says that the settings were chosen among others, whose trainings epsilon does not cover; tried: how many.
    """

    epsilon: float | None = None
    noise: float | None = None
    delta: float = 1e-5
    norm: float = 1.0
    batch_size: int | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    tuned: bool = False
    tried: int = 0

    card: ClassVar[DefenseCard] = DefenseCard(
        name="dp_sgd",
        title="DP-SGD",
        paper="abadi2016",
        summary="clips every record's gradient and adds noise",
        stage=Stage.TRAINING,
        extra="torch",
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if (self.epsilon is None) == (self.noise is None):
            raise InputError("dp_sgd: give either epsilon or noise")
        check_epsilon("dp_sgd", self.epsilon)
        check_noise("dp_sgd", self.noise)
        check_delta("dp_sgd", self.delta)
        if not 0 < self.norm < float("inf"):
            raise InputError(f"dp_sgd: a norm of {self.norm:g} clips nothing or all: it is above 0 and finite, 1 say")

    def schedule(self, records: int, batch_size: int, epochs: int) -> tuple[float, int]:
        """Rate of the Poisson samples, and how many of them."""
        rate = min(1.0, (self.batch_size or batch_size) / records)
        return rate, max(1, round((self.epochs or epochs) / rate))

    def multiplier(self, rate: float, steps: int) -> float:
        """Of the noise."""
        if self.noise is not None:
            return self.noise
        assert self.epsilon is not None
        return noise_for(self.epsilon, self.delta, rate, steps)

    def cost(self, records: int, recipe: Any = None) -> PrivacyCost:
        """Of training on so many records by this recipe, as two accountants tell it."""
        trains = able(recipe, ByBatches)
        batch, epochs = (recipe.batch_size, recipe.epochs) if trains else (LINEAR_BATCH, LINEAR_EPOCHS)
        rate, steps = self.schedule(records, batch, epochs)
        return cost_of(self.multiplier(rate, steps), self.delta, rate, steps)

    def guarantee(self, records: Records, base: Any) -> Promise:
        """See Accounted.  None holds for what a pipeline's preparation learns from the records: it is fitted without
        noise.
        """
        if not able(base, ByBatches) and (fitted := _learned_without_noise(base)):
            return Unbounded(f"{fitted} of the pipeline is fitted to the training records without noise")
        trains = able(base, ByBatches)
        sizes = (base.batch_size, base.epochs) if trains else (LINEAR_BATCH, LINEAR_EPOCHS)
        rate, steps = self.schedule(len(records), *sizes)
        noise = self.multiplier(rate, steps)
        cost = cost_of(noise, self.delta, rate, steps)
        if not np.isfinite(cost.stated):
            return Unbounded(f"{self.card.title} adds hardly any noise: {noise:g} times the norm")
        beside = [f"For replacing one record by another epsilon is {replacing(noise, self.delta, rate, steps):.3g}."]
        if self.tuned:
            times = f"the {self.tried} trainings" if self.tried else "trainings"
            most = (self.tried + 1) * cost.stated
            beside.append(
                f"Its settings were chosen by {times} on these records, whose price is not part of epsilon"
                + (f": all together at most {most:.3g}, by basic composition." if self.tried else ".")
            )
        if records.groups is not None:
            beside.append("It is of single records: a person with several is protected less.")
        by = f"epsilon {cost.opacus:.3g} by Opacus, {cost.dp_accounting:.3g} by dp-accounting"
        relation = "adding or removing one record"
        trusted = "whoever trains the model"
        return Guarantee(cost.stated, self.delta, relation, trusted, tuple(beside), by, len(records))

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """See TrainingDefense; raises InputError for a recipe of no network, linear model or fine-tune."""
        import torch

        if records.schema.task is Task.LANGUAGE:
            return fit_texts(self, recipe, records, seed)
        network = able(recipe, Untrained)
        if network:
            changed = replace(recipe, learning_rate=self.learning_rate or recipe.learning_rate)
            module, _ = changed.untrained(seed)
            module = _mended(module)
            rate, steps = self.schedule(len(records), recipe.batch_size, recipe.epochs)
            regression = records.schema.task is Task.REGRESSION
            feed = changed.feed(module, records.x, regression)
            x = feed.x(records.x)
            y = torch.from_numpy(records.y.astype(np.float32 if regression else np.int64))
            optimizer = changed.optimizer_for(module.parameters())
            loss = changed.loss if feed.plain else feed.told
            self._descend(module, optimizer, x, y, rate, steps, seed, lambda o, t: loss(o, t, regression))
            return module.eval()
        return self._linear(recipe, records, seed)

    def _descend(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        x: Tensor,
        y: Tensor,
        rate: float,
        steps: int,
        seed: int,
        loss: Any,
    ) -> None:
        import torch

        try:
            from opacus.grad_sample import GradSampleModule
            from opacus.optimizers import DPOptimizer
            from opacus.utils.uniform_sampler import UniformWithReplacementSampler
        except ModuleNotFoundError as error:
            raise MissingExtra("opacus", "dp") from error
        lots = torch.Generator().manual_seed(derived_seed(seed, "noise") % 2**63)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of hooks on layers whose inputs need no gradient
            watched = GradSampleModule(module)
            private = DPOptimizer(
                optimizer,
                noise_multiplier=self.multiplier(rate, steps),
                max_grad_norm=self.norm,
                expected_batch_size=max(1, round(rate * len(x))),
                generator=lots,
            )
            watched.train()
            sampler = UniformWithReplacementSampler(num_samples=len(x), sample_rate=rate, generator=lots, steps=steps)
            for batch in sampler:
                private.zero_grad()
                loss(watched(x[batch]), y[batch]).backward()
                private.step()
            watched.zero_grad(set_to_none=True)
            watched.remove_hooks()
        for weights in module.parameters():
            if not torch.isfinite(weights).all():
                raise TargetError("training by DP-SGD failed: weights are no longer finite: lower the learning rate")
            for name in ("grad_sample", "summed_grad"):
                if hasattr(weights, name):
                    delattr(weights, name)

    def _linear(self, recipe: Any, records: Records, seed: int) -> Any:
        """A linear estimator with weights found by DP-SGD."""
        import torch
        from sklearn.base import clone
        from torch import nn
        from torch.nn import functional

        estimator = estimator_of(recipe)
        last = estimator.steps[-1][1] if estimator is not None and hasattr(estimator, "steps") else estimator
        if type(last).__name__ not in LINEAR or records.schema.task is not Task.CLASSIFICATION:
            raise InputError("defenses: 'dp_sgd' trains networks of PyTorch and linear classifiers of scikit-learn")
        model = clone(estimator)
        x = _frame(records)
        for _, step in getattr(model, "steps", [])[:-1]:
            if step is not None and not isinstance(step, str):
                x = step.fit_transform(x)
        rows = np.asarray(x.toarray() if hasattr(x, "toarray") else x, dtype=np.float32)
        # every class of the schema: which of them occur among the members would be told without noise
        classes, place = np.unique(np.asarray(records.schema.classes), return_inverse=True)
        codes = place[records.y]
        linear = nn.Linear(rows.shape[1], len(classes))
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        optimizer = torch.optim.SGD(linear.parameters(), lr=self.learning_rate or LINEAR_RATE)
        rate, steps = self.schedule(len(rows), LINEAR_BATCH, LINEAR_EPOCHS)
        y = torch.from_numpy(codes.astype(np.int64))
        self._descend(linear, optimizer, torch.from_numpy(rows), y, rate, steps, seed, functional.cross_entropy)
        final = model.steps[-1][1] if hasattr(model, "steps") else model
        weights, bias = (p.detach().double().numpy() for p in (linear.weight, linear.bias))
        _put(final, weights, bias, classes)
        return model


def _mended(module: nn.Module) -> nn.Module:
    """Without layers in which records of a batch see each other: Opacus puts group normalisation in their place."""
    try:
        from opacus.validators import ModuleValidator
    except ModuleNotFoundError as error:
        raise MissingExtra("opacus", "dp") from error
    return module if ModuleValidator.is_valid(module) else ModuleValidator.fix(module)


def _frame(records: Records) -> Any:
    native = records.native()
    return native.reshape(len(native), -1) if isinstance(native, np.ndarray) else native


def _learned_without_noise(recipe: Any) -> str:
    """The first step of a pipeline that learns from the records; empty where none does."""
    steps = [part for _, part in getattr(estimator_of(recipe), "steps", [])[:-1]]
    return next((type(part).__name__ for part in steps if not _stateless(part)), "")


def _stateless(part: Any) -> bool:
    if part is None or part == "passthrough":
        return True
    if type(part).__name__ == "FunctionTransformer":  # its function sees all rows at once
        return part.func is None or isinstance(part.func, np.ufunc)
    return type(part).__module__.startswith("sklearn.") and type(part).__name__ in STATELESS


def _put(model: Any, weights: Array, bias: Array, classes: Array) -> None:
    """Weights into an estimator as if it had been fitted: of two classes the difference is kept."""
    if len(classes) == 2:
        weights, bias = weights[1:] - weights[:1], bias[1:] - bias[:1]
    model.classes_, model.coef_, model.intercept_ = classes, weights, bias
    model.n_features_in_, model.n_iter_ = weights.shape[1], np.array([LINEAR_EPOCHS])
