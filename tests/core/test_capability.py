"""Capabilities: what has them, through what they are passed on, and what is meant where nothing is said."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from divulge.auditing.federated_target import FederatedTarget
from divulge.core.capability.declared import able, names_of
from divulge.core.capability.recipes import (
    ByBatches,
    Packable,
    Tunable,
    knobs_of,
    limit_threads,
    reusable,
    settings_of,
    stackable,
    teachable,
    threadable,
)
from divulge.core.capability.targets import (
    Adapts,
    HasEstimator,
    HasModel,
    Meets,
    SendsUpdates,
    SplitModel,
    Updatable,
    cacheable,
    classes_of,
    estimator_of,
    model_of,
    needs_classes,
    origin_of,
    reads_tokens,
    reason_against,
    secrets_of,
)
from divulge.core.threat import Access, Task
from divulge.core.views.extraction import Secrets
from divulge.defenses.data.minimized_target import MinimizedTarget
from divulge.defenses.interface.defended_target import DefendedTarget
from divulge.targets.wrappers.averaged import Averaged


@dataclass
class Bare:
    """Not more than a target has to have."""

    name: str = "bare"
    task: Task = Task.CLASSIFICATION
    offers: frozenset[Access] = frozenset({Access.LABEL})


class Rich(Bare):
    cacheable = False
    model = "the model"
    estimator = "the estimator"
    classes = ("no", "yes")

    def updated(self, *how: Any) -> Rich:
        return Rich("the next version")

    def alike(self, model: Any) -> Rich:
        return Rich(model)

    def secrets(self) -> Secrets:
        return Secrets(settings={"depth": 3.0})


def test_a_capability_is_had_with_all_of_its_names():
    assert names_of(SplitModel) == {"front", "through"}
    assert names_of(ByBatches) == {"batch_size", "epochs"}
    assert names_of(Tunable) == {"knobs"}  # and nothing of what every recipe has
    half = SimpleNamespace(pack=bytes)
    assert not able(half, Packable)
    half.unpack = bytes
    assert able(half, Packable)


def test_what_says_nothing_is_taken_as_it_is_meant():
    assert cacheable(Bare()) and not reusable(Bare())
    assert not (teachable(Bare()) or stackable(Bare()) or threadable(Bare()) or needs_classes(Bare()))
    assert not reads_tokens(Bare()) and knobs_of(Bare()) == [] and settings_of(Bare()) == {}
    assert model_of(Bare()) is None and estimator_of(Bare()) is None and origin_of(Bare()) is None
    assert tuple(classes_of(Bare())) == () and not secrets_of(Bare()).settings
    assert reason_against(Bare(), Access.SCORES) is None


def test_what_is_said_counts():
    recipe = SimpleNamespace(cacheable=True, teachable=True, settings={"rate": 0.1}, threadable=lambda: True)
    assert not cacheable(Rich()) and classes_of(Rich()) == ("no", "yes")
    assert reusable(recipe) and teachable(recipe) and threadable(recipe) and settings_of(recipe) == {"rate": 0.1}
    assert reason_against(SimpleNamespace(lacks={Access.SCORES: "it is shy"}), Access.SCORES) == "it is shy"
    limits: list[int] = []
    limit_threads(SimpleNamespace(one_thread=lambda: limits.append(1)))
    limit_threads(Bare())
    assert limits == [1]


@pytest.mark.parametrize("capability", [HasModel, HasEstimator, Adapts, Updatable])
def test_an_averaged_target_has_what_the_inner_one_has(capability):
    assert able(Averaged(Rich(), 2), capability)
    assert not able(Averaged(Bare(), 2), capability)
    assert not able(Averaged(Rich(), 2), Meets)


def test_a_federated_target_has_what_the_inner_one_has_and_an_origin():
    rich = Rich()
    rich.update = lambda *how: ()
    federated = FederatedTarget(rich, 2, secure=False)
    assert able(federated, HasModel) and able(federated, Updatable) and able(federated, SendsUpdates)
    assert not able(federated, SplitModel) and not cacheable(federated)
    assert origin_of(federated)() == "2 clients, of which is seen: their mean"


def test_a_shield_passes_on_what_it_must_and_no_more():
    shielded, bare = DefendedTarget(Rich(), ()), DefendedTarget(Bare(), ())
    assert able(shielded, Updatable) and isinstance(shielded.updated(), DefendedTarget)
    assert not able(bare, Updatable)  # though the class has the property
    assert not able(shielded, HasModel) and not able(shielded, HasEstimator)
    assert not able(MinimizedTarget(Rich(), None), Updatable)


@pytest.mark.parametrize("around", [lambda t: DefendedTarget(t, ()), lambda t: MinimizedTarget(t, None)])
def test_a_wrapper_is_cacheable_where_the_inner_target_is(around):
    assert cacheable(around(Bare())) and not cacheable(around(Rich()))
    assert secrets_of(around(Rich())).settings == {"depth": 3.0}
