"""A model of a class of somebody else's, for commands that load it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import joblib
import pandas as pd
import pytest


def dump_shy(folder: Path, text: str) -> None:
    """Write `shy.py`, whose class Shy is a classifier, and a model of that class that has learned members.csv."""
    (folder / "shy.py").write_text(text)
    frame = pd.read_csv(folder / "members.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.delitem(sys.modules, "shy", raising=False)
        model = importlib.import_module("shy").Shy().fit(frame.drop(columns="ill"), frame["ill"])
        joblib.dump(model, folder / "model.joblib")
        sys.modules.pop("shy")
