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


@pytest.fixture
def seeded(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module("seeded")
    for name in ("seeded", "harness"):
        sys.modules.pop(name, None)


def test_seeds_that_are_measured_apart_give_the_rows_of_all_together(seeded, tmp_path, monkeypatch, capsys):
    """Two ranges of seeds, a file each, and all at once: the rows are equal, and every seed is a line."""

    def rows(found):
        yield seeded.Row("sum", float(sum(each["square"] for each in found)), bar=5, better="below")

    parts = {"squares": seeded.Part(lambda seed: {"square": seed**2}, rows, (1, 4), first=0)}

    def told(*arguments):
        monkeypatch.setattr(sys, "argv", ["benchmark", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            seeded.main("Squares", parts)
        return ended.value.code, capsys.readouterr().out.splitlines()[2:]

    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    assert told("--seeds", 0, 2, "--raw", first)[0] == 0
    assert told("squares", "--seeds", 2, 4, "--raw", second)[0] == 1, "4 + 9 is above the bar"
    assert len(first.read_text().splitlines()) == len(second.read_text().splitlines()) == 2
    assert told("--merge", first, second) == told() and told("--quick")[1][0].startswith("sum")
    assert told("cubes")[0] == 2
