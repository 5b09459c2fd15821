"""An attribute by the neurons that react to its true value (Jayaraman and Evans 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.attacks.reconstruction.attributes.answers_by_value import Answerer, Imputer
from divulge.attacks.reconstruction.attributes.fredrikson import KNOWN
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import AttributeGuess, AttributeView, Question


@dataclass(frozen=True)
class NeuronImportance:
    """Fill a value into public records: some neurons react otherwise where it is the true one.  The `neurons` that go
    with that most are summed up, weighted by their correlation, and joined with what an imputer says
    (Jayaraman and Evans 2022, section 5.2).
    """

    neurons: int = 10

    card: ClassVar[Card] = Card(
        name="neuron_importance",
        title="Attribute by neurons",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.ATTRIBUTES,
        paper="jayaraman2022",
        equations="section 5.2",
        summary="finds the neurons that react to the true value and reads them off",
        needs=Needs(Access.PARAMETERS, KNOWN),
    )

    def run(self, view: AttributeView) -> AttributeGuess:
        """Cost: no query."""
        module = view.target.parameters()
        if not hasattr(module, "named_modules"):
            raise Impossible("it reads the neurons of a network, and this model is none that PyTorch knows")
        return Answerer(lambda s, q: self._score(module, s, q))(view)

    def _score(self, module: Any, view: AttributeView, question: Question) -> Array:
        public = view.telling(question, 5_000)
        truth = question.nearest(public)
        chosen = []
        for number in range(len(question.completions)):
            seen = activations(module, question.completed(number, public))
            middle, spread = seen.mean(axis=0), np.maximum(seen.std(axis=0), 1e-9)
            is_it = (truth == number) - np.mean(truth == number)
            correlation = ((seen - middle) / spread * is_it[:, None]).mean(axis=0) / max(float(is_it.std()), 1e-9)
            best = np.argsort(-np.abs(correlation), kind="stable")[: self.neurons]
            chosen.append((best, middle[best], spread[best], correlation[best]))

        def sums(records: Records) -> Array:
            sums_of_value = []
            for number, (best, middle, spread, correlation) in enumerate(chosen):
                seen = activations(module, question.completed(number, records))[:, best]
                sums_of_value.append((seen - middle) / spread @ correlation)
            return np.stack(sums_of_value, axis=1)

        return Imputer(question, public, sums).log_probabilities(question.known)


def activations(module: Any, records: Records) -> Array:
    """What every inner layer gives out for each record: [records, neurons]."""
    import torch

    kept: list[Any] = []
    leaves = [m for m in module.modules() if not list(m.children())]
    hooks = [m.register_forward_hook(lambda _m, _i, out: kept.append(out)) for m in leaves[:-1]]
    dtype = next(module.parameters()).dtype
    try:
        module.eval()
        with torch.inference_mode():
            module(torch.as_tensor(np.ascontiguousarray(records.flat().reshape(records.x.shape)), dtype=dtype))
    finally:
        for hook in hooks:
            hook.remove()
    whole = [
        out.reshape(len(records), -1) for out in kept if isinstance(out, torch.Tensor) and len(out) == len(records)
    ]
    if not whole:
        raise Impossible("the network has no inner layer")
    return np.asarray(torch.cat(whole, dim=1).double().numpy())
