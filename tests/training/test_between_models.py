"""Whoever is handed models one by one works between them under settings of their own."""

from __future__ import annotations

import ast
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.parallel import get_active_backend
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.training.test_engine import KEEP, RECORDS, SEEDS

import divulge
from divulge.training.engines.engine import Plan, Way, train
from divulge.training.recipes.sklearn import SklearnRecipe


@pytest.mark.parametrize("inner", [1, 2])
def test_a_model_that_works_in_parallel_can_be_asked_while_others_are_trained(inner):
    scaled = ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", StandardScaler(), [2, 3])], n_jobs=inner)
    recipe = SklearnRecipe(make_pipeline(scaled, RandomForestClassifier(5, n_jobs=inner)))
    alone = dict(train(recipe, RECORDS, KEEP, SEEDS, Plan(Way.SEQUENTIAL)))
    before = type(get_active_backend()[0]), get_active_backend()[1]
    told = {}
    for number, model in train(recipe, RECORDS, KEEP, SEEDS, Plan(Way.PROCESSES, workers=2)):
        assert (type(get_active_backend()[0]), get_active_backend()[1]) == before
        assert joblib.Parallel(n_jobs=inner)(joblib.delayed(abs)(n) for n in (-1, -2)) == [1, 2]
        told[number] = model.predict_proba(RECORDS.x)
    assert sorted(told) == [0, 1, 2, 3]
    assert all(np.array_equal(told[n], alone[n].predict_proba(RECORDS.x)) for n in told)


HARMLESS = ("tempfile.", "contextlib.suppress", "contextlib.closing")
"""What a generator may hold open while it waits: nothing that the rest of the program sees."""


def test_no_generator_waits_inside_of_a_setting_of_the_whole_program():
    found = []
    for path in Path(divulge.__file__).parent.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef) or any(
                "contextmanager" in ast.unparse(decorator) for decorator in function.decorator_list
            ):
                continue
            for block in (b for b in ast.walk(function) if isinstance(b, ast.With)):
                waits = any(isinstance(part, ast.Yield | ast.YieldFrom) for part in ast.walk(block))
                held = [ast.unparse(item.context_expr) for item in block.items]
                found += [(path.name, text) for text in held if waits and not text.startswith(HARMLESS)]
    assert found == []
