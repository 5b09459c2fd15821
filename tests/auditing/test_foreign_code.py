"""Models, recipes and attacks that end the program, or their worker: they fail, and the audit goes on."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import divulge
from divulge import Access, Asset, Card, Family, Needs
from divulge.core.results.finding import Failed, Played, Verdict

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = (X[:, 0] > 0).astype(int)
SETS = {"members": (X[:60], Y[:60]), "nonmembers": (X[60:], Y[60:])}
ENDINGS = [SystemExit(0), SystemExit(1), SystemExit("bye"), GeneratorExit(), MemoryError()]


def results(run):
    return {outcome.attack: outcome.result for outcome in run.outcomes}


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_a_model_that_ends_the_program_has_failed(ending, tmp_path):
    asked = []

    def model(x):
        asked.append(x)
        if len(asked) > 20:  # the handshake is over
            raise ending
        return np.column_stack([x[:, 0] < 0, x[:, 0] >= 0]) * 0.8 + 0.1

    run = divulge.audit(model, **SETS, attacks=["label_only_noise"], recipe=None, out=tmp_path / "r")
    found = results(run)["label_only_noise"]
    assert isinstance(found, Failed) and "crashed" in found.error and "\n" not in found.error
    assert run.verdict is not Verdict.NOT_FOUND and run.verdict is not Verdict.LEAK


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_a_model_that_ends_the_program_at_once_is_wrong_input(ending, tmp_path):
    def model(x):
        raise ending

    with pytest.raises(divulge.InputError, match="asked about the first records, before anything was attacked"):
        divulge.audit(model, **SETS, attacks=["loss"], recipe=None, out=tmp_path / "r")


@pytest.mark.parametrize("ending", ENDINGS[:2], ids=repr)
def test_a_recipe_that_ends_the_program_has_failed(ending, tmp_path):
    def train(x, y, seed):
        raise ending

    model = LogisticRegression().fit(*SETS["members"])
    asked = {"attacks": ["loss", "lira"], "recipe": train, "shadows": 4}
    run = divulge.audit(model, **SETS, **asked, out=tmp_path / "r")
    found = results(run)
    assert isinstance(found["lira"], Failed) and isinstance(found["loss"], Played)


@dataclass(frozen=True)
class Ends:
    """An attack that ends the program."""

    card: ClassVar[Card] = Card(
        name="ends",
        title="Ends",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="nobody",
        needs=Needs(Access.SCORES),
        summary="It calls sys.exit.",
        equations="none",
    )

    def run(self, view):
        """Ends the program."""
        sys.exit(0)


def test_an_attack_that_ends_the_program_has_failed(tmp_path):
    model = LogisticRegression().fit(*SETS["members"])
    run = divulge.audit(model, **SETS, attacks=["loss", Ends()], recipe=None, out=tmp_path / "r")
    found = results(run)
    assert isinstance(found["ends"], Failed) and "sys.exit(0)" in found["ends"].error
    assert isinstance(found["loss"], Played)


def test_the_users_own_interrupt_is_not_taken_for_a_failure(tmp_path):
    def model(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        divulge.audit(model, **SETS, attacks=["loss"], recipe=None, out=tmp_path / "r")


class Dies(LogisticRegression):
    """Takes the process of a worker down."""

    def fit(self, x, y):
        if os.getpid() != self.C:
            os._exit(0)
        return super().fit(x, y)


def test_a_worker_that_dies_has_failed_in_one_line(tmp_path):
    model = Dies(C=os.getpid()).fit(*SETS["members"])
    asked = {"attacks": ["loss", "lira"], "shadows": 4, "engine": "processes", "jobs": 2, "cache": False}
    run = divulge.audit(model, **SETS, **asked, out=tmp_path / "r")
    found = results(run)
    assert isinstance(found["lira"], Failed) and found["lira"].error.startswith(
        "a worker process died while it trained"
    )
    assert isinstance(found["loss"], Played)


@dataclass(frozen=True)
class Lost:
    """Of a family with several challenges, and it says none."""

    card: ClassVar[Card] = Card(
        name="lost",
        title="Lost",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        paper="none",
        equations="none",
        summary="does not say what it is asked to rebuild",
        needs=Needs(Access.LABEL),
    )

    def run(self, view):
        raise AssertionError("it is played by no game")


def test_an_attack_without_a_challenge_is_refused_and_the_others_go_on(tmp_path):
    model = LogisticRegression().fit(*SETS["members"])
    asked = {"attacks": [Lost(), "loss"], "recipe": None, "out": tmp_path / "r"}
    for minutes in (None, 1):
        run = divulge.audit(model, **SETS, **asked | {"out": tmp_path / f"r{minutes}", "minutes": minutes})
        found = results(run)
        assert isinstance(found["loss"], Played) and "no game" in found["lost"].reason
        assert run.verdicts["reconstruction"] is Verdict.NOT_EXAMINED
