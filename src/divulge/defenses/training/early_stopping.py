"""Early stopping: training ends when records that are held out are no longer predicted better."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.recipes import FitsBy, FitsTexts
from divulge.core.capability.targets import estimator_of
from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import derived_rng
from divulge.core.inside import settings_of
from divulge.core.records import Records
from divulge.core.threat import Task

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class EarlyStopping:
    """Prechelt 1998; against membership inference Song and Mittal 2021, section 5.2.3.

    share: of the training records that are held out.  patience: epochs without a lower loss on them, after which the
    weights of the best epoch are taken.
    """

    share: float = 0.1
    patience: int = 3

    card: ClassVar[DefenseCard] = DefenseCard(
        name="early_stopping",
        title="Early stopping",
        paper="song2021",
        summary="ends the training when held-out records are no longer predicted better",
        stage=Stage.TRAINING,
        extra="torch",
        breaks_bound="decides by training records without noise when to stop",
    )

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or self.patience < 1:
            raise InputError("early_stopping: share must be between 0 and 1, and patience at least 1")

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """See TrainingDefense; estimators of scikit-learn that can stop by themselves are told to."""
        import torch

        if able(recipe, FitsTexts):
            return self._texts(recipe, records, seed)
        network = able(recipe, FitsBy)
        if not network:
            return self._estimator(recipe).fit(records, seed)
        order = derived_rng(seed, "held out").permutation(len(records))
        held = max(1, round(self.share * len(records)))
        if held >= len(records):
            raise InputError(f"early_stopping: {len(records)} records are too few to hold any out")
        regression = records.schema.task is Task.REGRESSION
        apart = records.take(order[:held])
        y = torch.from_numpy(apart.y.astype(np.float32 if regression else np.int64))
        best: list[Any] = [np.inf, 0, None]

        def after_epoch(module: nn.Module, epoch: int) -> bool:
            module.eval()
            device = next(module.parameters()).device
            with torch.no_grad():
                feed = recipe.feed(module, apart.x, regression)
                outputs = feed.asked(module, regression)(feed.x(apart.x).to(device))
                loss = float(recipe.loss(outputs.float(), y.to(device), regression))
            if loss < best[0]:
                best[:] = [loss, epoch, copy.deepcopy(module.state_dict())]
            return epoch - int(best[1]) >= self.patience

        def plain(forward: Any, seen: Tensor, wanted: Tensor, generator: Any, epoch: int) -> Tensor:
            found: Tensor = recipe.loss(forward(seen).float(), wanted, regression)
            return found

        module: nn.Module = recipe.fit_by(records.take(order[held:]), seed, plain, after_epoch)
        if best[2] is not None:
            module.load_state_dict(best[2])
        return module.cpu().eval()

    def _texts(self, recipe: FitsTexts, records: Records, seed: int) -> Any:
        """A fine-tune, with the weights of its best epoch."""
        import torch

        order = derived_rng(seed, "held out").permutation(len(records))
        held = max(1, round(self.share * len(records)))
        if held >= len(records):
            raise InputError(f"early_stopping: {len(records)} records are too few to hold any out")

        def descend(model: Any, texts: list[Any]) -> None:
            apart, rest = [texts[place] for place in order[:held]], [texts[place] for place in order[held:]]
            best: list[Any] = [np.inf, 0, None]

            def after_epoch(model: Any, epoch: int) -> bool:
                model.eval()
                with torch.no_grad():
                    loss = float(np.mean([recipe.loss_of(model, [text]).item() for text in apart]))
                model.train()
                if loss < best[0]:
                    best[:] = [loss, epoch, copy.deepcopy(model.state_dict())]
                return epoch - int(best[1]) >= self.patience

            recipe.optimize(model, rest, seed, recipe.loss_of, after_epoch)
            if best[2] is not None:
                model.load_state_dict(best[2])

        return recipe.fit_with(records, seed, descend)

    def _estimator(self, recipe: Any) -> Any:
        from dataclasses import replace

        from sklearn.base import clone

        estimator = estimator_of(recipe)
        names = {} if estimator is None else {n.split("__")[-1]: n for n in settings_of(estimator) or ()}
        if "early_stopping" not in names:
            raise InputError("defenses: 'early_stopping' needs a network, or an estimator that can stop early")
        changes: dict[str, Any] = {names["early_stopping"]: True}
        changes |= {names["validation_fraction"]: self.share} if "validation_fraction" in names else {}
        changes |= {names["n_iter_no_change"]: self.patience} if "n_iter_no_change" in names else {}
        return replace(recipe, estimator=clone(estimator).set_params(**changes))
