"""Boosters in the formats of their own libraries, which hold numbers alone: no code of such a file is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from divulge.core.errors import InputError, MissingExtra, raised

SUFFIXES = (".ubj", ".json", ".txt", ".cbm", ".model", ".bst", ".xgb", ".lgb")
RANKING = ("Rank", "Pair", "Query", "Lambda", "StochasticF")
"""In the names of the losses of CatBoost that put records into an order."""

_BEGINNING = 4_000


def library_of(path: Path) -> str | None:
    """Which library wrote a file, by its beginning; None where none of the three did."""
    if path.suffix.lower() not in SUFFIXES:
        return None
    with path.open("rb") as stream:
        start = stream.read(_BEGINNING)
    if start.startswith(b"tree\n") or start.startswith(b"tree\r\n"):
        return "lightgbm"
    if start.startswith(b"CBM1"):
        return "catboost"
    if b'"oblivious_trees"' in start or b'"model_info"' in start:
        return "catboost"
    return "xgboost" if b'"learner"' in start or b"learner{" in start or b"\x07learner" in start else None


def load_booster(path: Path) -> Any:
    """The model in the file.  Raises InputError for a file that its library does not read."""
    library = library_of(path)
    try:
        if library == "lightgbm":
            import lightgbm

            return lightgbm.Booster(model_file=str(path))
        if library == "catboost":
            return _catboost(path)
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(path)
        return _as_kept(booster)
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or str(library), str(library)) from error
    except Exception as error:  # the libraries have errors of their own
        raise InputError(
            f"target.path: {library} cannot read {path.name} ({raised(error)}): save the model again"
        ) from error


def _as_kept(booster: Any) -> Any:
    """Of an estimator that was saved the rounds that early stopping kept, with which it answers; a bare booster answers
    with all of its trees.
    """
    best = booster.attr("best_iteration") if booster.attr("scikit_learn") is not None else None
    return booster if best is None else booster[: int(best) + 1]


def _catboost(path: Path) -> Any:
    """As the estimator that its loss makes it: labels and probabilities, or values."""
    import catboost

    how = {"format": "json"} if path.suffix.lower() == ".json" else {}
    plain = catboost.CatBoost().load_model(str(path), **how)
    loss = json.dumps(plain.get_all_params().get("loss_function", "RMSE"))
    if any(name in loss for name in RANKING):
        raise InputError(
            f"target.path: {path.name} ranks (its loss is {loss}), which neither classifies nor regresses: in Python, "
            "divulge.FunctionTarget(model.predict, 'values') is audited as what predicts its values"
        )
    kind = "Classifier" if any(name in loss for name in ("Logloss", "MultiClass", "CrossEntropy")) else "Regressor"
    return getattr(catboost, f"CatBoost{kind}")().load_model(str(path), **how)
