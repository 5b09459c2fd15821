"""Attributes of census records, with ART's attacks beside."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.game import Arm
from divulge.core.records import Column, Kind, Records, Schema
from divulge.core.results.evidence import Evidence
from divulge.core.target import Target
from divulge.core.threat import PRESETS, Access, Task
from divulge.core.views.reconstruction import ReconstructionAuxiliary
from divulge.data.sources import census_income
from divulge.games.attributes import AttributeGame, asked_about
from divulge.games.control_models import ControlModels
from divulge.setup.sources.recipes_from import recipe_for
from divulge.stats.paired import gain_low
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.training.shadow import ShadowTrainer
from harness import Row
from peers.environment import run_attack
from rebuilding.victims import Sets, parted

ATTRIBUTES = ("sex", "race", "marital_status")


def attribute_game(model: Any, sets: Sets, names: tuple[str, ...], asked: int) -> tuple[AttributeGame, Any]:
    training, unseen, population = sets
    target = SklearnTarget(model)
    recipe = recipe_for(model, model, target)
    both = Records(np.concatenate([training.x, unseen.x]), np.concatenate([training.y, unseen.y]), training.schema)
    candidates, member = asked_about(both, np.arange(len(both)) < len(training), asked, 0)
    beside = ControlModels(recipe, training, population, 0)
    return AttributeGame(target, candidates, member, population, names, 0, beside), recipe


def asked(game: AttributeGame, recipe: Any, name: str) -> Evidence:
    made = attack(name)
    (dealt,) = game.deal(Arm.TARGET)
    threat = replace(PRESETS["published-model"], query_budget=None)
    pool = ShadowTrainer(recipe, game.population, 1).pool

    def see(model: Target) -> GrantedOracle:
        return GrantedOracle(model, threat, made.card.needs.access, free=True)

    means = ReconstructionAuxiliary(game.population, None, lambda n: pool(n, see))
    oracle = GrantedOracle(dealt.target, threat, made.card.uses or made.card.needs.access)
    return dealt.judge(made.run(dealt.open(oracle, made.card, means, np.random.default_rng(0))))


def attributes(quick: bool) -> Iterator[Row]:
    records = census_income()
    sizes = (1_000, 1_000, 2_000) if quick else (5_000, 5_000, 10_000)
    sets = parted(records, sizes)
    categories = [c.name for c in records.schema.columns if c.kind is Kind.CATEGORICAL]
    numbers = [c.name for c in records.schema.columns if c.kind is not Kind.CATEGORICAL]
    prepare = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), categories), (StandardScaler(), numbers))
    model = make_pipeline(prepare, LogisticRegression(C=0.1, max_iter=2000))
    model.fit(pd.DataFrame(sets[0].columns()), np.asarray(records.schema.classes)[sets[0].y])
    game, recipe = attribute_game(model, sets, ATTRIBUTES, 400 if quick else 2_000)
    played = ("attribute_learned", "fredrikson_map", "csmia", "attribute_membership", "lomia", "yeom_attribute")
    for name in played[: 3 if quick else None]:  # the others train models, or learn for each value
        found = asked(game, recipe, name)
        for measure in found.paired:
            low = gain_low(measure, 0.05)
            high = -gain_low(replace(measure, hits=measure.baseline, baseline=measure.hits), 0.05)
            gained = measure.value - measure.chance
            yield Row(f"census, regression, {measure.about}: {name} over imputer", gained, low, high)
            if name == "attribute_learned":
                yield Row(f"  the interval holds 0 ({measure.about})", float(low <= 0 <= high), bar=1.0)
    yield from planted(quick)
    if not quick:  # which installs ART into an environment of its own
        yield from beside_art(*attribute_game(model, sets, ATTRIBUTES, sizes[0]))


def planted(quick: bool) -> Iterator[Row]:
    """Few coarse columns, classes drawn at random: a full tree learns them by heart with the help of the attribute."""
    made = []
    for seed, count in enumerate((700, 700, 3_000)):
        rng = np.random.default_rng(seed)
        x = np.column_stack([rng.integers(0, 3, count), rng.integers(0, 4, (count, 3))]).astype(float)
        schema = Schema(tuple(Column(n) for n in ("planted", "a", "b", "c")), Task.CLASSIFICATION, classes=(0, 1))
        made.append(Records(x, rng.integers(0, 2, count), schema.marked(["planted"])))
    model = DecisionTreeClassifier(random_state=0).fit(made[0].x, made[0].y)
    game, recipe = attribute_game(model, tuple(made), ("planted",), 700)  # type: ignore[arg-type]
    for name in ("attribute_membership", "fredrikson_map", "fredrikson_tree_counts", "csmia"):
        measure = asked(game, recipe, name).paired[0]
        bar = 0.05 if name == "attribute_membership" else None
        yield Row(
            f"planted attribute, full tree: {name} over imputer",
            measure.value - measure.chance,
            gain_low(measure, 0.05),
            None,
            bar,
        )


def beside_art(game: AttributeGame, recipe: Any) -> Iterator[Row]:
    """ART's attacks are given the model's scores of the true records, which is more than ours ask for.  Both learn from
    as many public records, few enough that ART ends.
    """
    few = game.population.take(np.arange(min(len(game.population), 3_000)))
    game = AttributeGame(game.target, game.candidates, game.member, few, game.names, 0, game.beside)
    given: dict[str, Any] = {"attributes": len(ATTRIBUTES)}
    public = game.population
    questions = [q for q in game.questions if len(q.unknown) == 1]
    for k, question in enumerate(questions):
        given[f"public_{k}"] = np.column_stack([question.nearest(public), question.features(public)[:, :-2]])
        given[f"asked_{k}"] = question.features(game.candidates)[:, :-2]
        for part, records in (("", public), ("_asked", game.candidates)):
            given[f"said{part}_{k}"] = np.exp(game.target.answer(Access.SCORES, records))
            given[f"classes{part}_{k}"] = records.y
        given[f"values_{k}"] = np.arange(len(question.completions))
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "given.npz", **given)
        run_attack("art", "art_attributes.py", Path(folder) / "given.npz", Path(folder) / "answer.npz")
        answer = dict(np.load(Path(folder) / "answer.npz"))
    own = asked(game, recipe, "attribute_learned")
    for k, question in enumerate(questions):
        truth = question.nearest(game.candidates)[game.member]
        ours = next(m.value for m in own.paired if m.about == question.name)
        best = 0.0
        for kind in ("nn", "rf", "gb"):
            told = answer[f"black_box_{kind}_{k}"]
            codes = told.argmax(axis=1) if told.ndim == 2 and told.shape[1] > 1 else told.ravel().round()
            best = max(best, float(np.mean(codes[game.member] == truth)))
        yield Row(f"{question.name}: attribute_learned, accuracy", ours, bar=best)
        yield Row(f"{question.name}: the best of ART's black-box attacks, accuracy", best)
