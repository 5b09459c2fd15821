"""Boosters in the formats of their own libraries, which hold numbers alone: no code of such a file is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from divulge.core.errors import InputError, MissingExtra, raised
from divulge.targets.estimators.objectives import AS_VALUES, catboost_loss, classifies, ranks, survives

SUFFIXES = (".ubj", ".json", ".txt", ".cbm", ".model", ".bst", ".xgb", ".lgb")
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
    loss = catboost_loss(plain)
    if ranks(loss) or survives(loss):
        raise InputError(
            f"target.path: {path.name} {'ranks' if ranks(loss) else 'tells how long records survive'} (its loss is "
            f"{loss}), which neither classifies nor regresses: load it in Python and {AS_VALUES}"
        )
    kind = "Classifier" if classifies(loss) else "Regressor"
    return getattr(catboost, f"CatBoost{kind}")().load_model(str(path), **how)
