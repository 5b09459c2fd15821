"""Recipes that workers are sent; apart, since a worker imports the module of what it is sent, and all of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from divulge.training.recipes.sklearn import SklearnRecipe


class Swelling(SklearnRecipe):
    """Its worker seems to have grown after every model, so joblib puts another one in its place."""

    def fit(self, records, seed):
        from joblib.externals.loky import process_executor

        process_executor._MAX_MEMORY_LEAK_SIZE, process_executor._MEMORY_LEAK_CHECK_DELAY = -(2**40), -1.0
        return super().fit(records, seed)


class Clock:
    """Stands for the module `time`: nothing goes on but what takes time by its own word."""

    now = 0.0

    @classmethod
    def perf_counter(cls) -> float:
        return cls.now


@dataclass(frozen=True)
class Timed(SklearnRecipe):
    """Takes a while for every model by that clock, and leaves a mark of the process that trained it."""

    marks: str = ""
    seconds: float = 0.0

    def fit(self, records, seed):
        (Path(self.marks) / f"{seed}-{os.getpid()}").touch()
        Clock.now += self.seconds
        return super().fit(records, seed)
