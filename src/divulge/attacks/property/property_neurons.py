"""A classifier of networks that does not mind the order of their neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from divulge.attacks.property.meta import Learned, answered
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs, Task
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView


@dataclass(frozen=True)
class PropertyNeurons:
    """A deep set over the neurons of every layer: what is said of a layer is the mean over its neurons, each read
    together with what was said of the layer before, so that exchanging neurons changes nothing (Ganju et al. 2018,
    section 4.2; kernels of convolutions as neurons, Suri and Evans 2022, section 5.2).

    steps: of training a reader.  readers: whose mean is taken.
    """

    steps: int = 400
    readers: int = 3

    card: ClassVar[Card] = Card(
        name="property_neurons",
        title="Deep set over neurons",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="ganju2018",
        equations="section 4.2",
        summary="learns on own networks how their neurons, as a set, go with the property",
        needs=Needs(Access.PARAMETERS, frozenset({Knowledge.POPULATION, Knowledge.RECIPE}), tasks=frozenset(Task)),
        seconds=20.0,
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: no query.  Raises Impossible where the model is no network of PyTorch."""
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        import numpy as np

        cohort = question.shadows()
        own, theirs = ([_layers(s) for s in part] for part in (cohort.oracles, question.victims))
        from divulge.attacks.property.neurons import read

        seed = int(question.rng.integers(2**30))
        left = np.zeros(len(cohort))
        for rest, part in cohort.folds(3):
            known = [own[r] for r in rest]
            left[part] = read(known, cohort.values[rest], [own[p] for p in part], seed, self.steps, 1)
        predicted = read(own, cohort.values, theirs, seed, self.steps, self.readers)
        return answered(question, cohort, Learned(predicted, left, float(np.abs(left - cohort.values).mean())))


def _layers(oracle: Oracle) -> Any:
    module = oracle.parameters()
    if not hasattr(module, "named_parameters"):
        raise Impossible("it reads the neurons of a network, and this model is none that PyTorch knows")
    from divulge.attacks.property.neurons import layers_of

    return layers_of(module)
