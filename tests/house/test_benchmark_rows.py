"""A bar of a benchmark is met, missed, or left open by so small a run."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from tests.house.pages import ROOT


@pytest.fixture(scope="module")
def harness():
    spec = importlib.util.spec_from_file_location("rows_of_benchmarks", ROOT / "benchmarks" / "harness.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize(
    ("value", "low", "high", "bar", "better", "word"),
    [
        (0.83, 0.63, 0.95, 0.88, "above", "undecided"),  # 20 of 24: the bar lies within the interval
        (0.83, 0.80, 0.86, 0.88, "above", "MISSED"),
        (0.90, 0.63, 0.95, 0.88, "above", "met"),
        (0.83, None, None, 0.88, "above", "MISSED"),  # nothing was left to chance
        (0.10, 0.02, 0.30, 0.05, "below", "undecided"),
        (0.10, 0.08, 0.30, 0.05, "below", "MISSED"),
        (0.10, 0.02, 0.30, None, "above", ""),
    ],
)
def test_a_bar_is_judged_with_the_interval(harness, value, low, high, bar, better, word):
    assert harness.Row("row", value, low, high, bar, better).word == word


def test_a_rate_has_the_exact_interval(harness):
    """20 of 24: Clopper and Pearson's interval is 0.6262 to 0.9526."""
    row = harness.rate("told right", [True] * 20 + [False] * 4, bar=0.88)
    assert (round(row.low, 4), round(row.high, 4)) == (0.6262, 0.9526) and row.holds is None
    assert (
        harness.rate("all", [1] * 40, bar=0.95).word == "met"
        and harness.rate("none", [0] * 40, bar=0.95).word == "MISSED"
    )
