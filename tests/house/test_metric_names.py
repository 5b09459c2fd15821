"""A metric has one name in the code, and its key is spelt in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import divulge
from divulge.core.results.metric import AUC

SOURCE = Path(divulge.__file__).parent
HOME = "core/results/metric.py"
REPORTS = {
    *("report/decision.py", "report/figures.py", "report/html.py", "report/markdown.py", "report/matrix.py"),
    *("report/membership.py", "report/words.py"),
}
"""Still to follow.  None may be added."""


def spelt(text, key):
    """Whether a source file writes a key as a string of its own."""
    return any(isinstance(node, ast.Constant) and node.value == key for node in ast.walk(ast.parse(text)))


def test_a_spelt_key_is_seen():
    assert spelt("x = f.metric == 'auc'", AUC) and spelt('rows = ("auc", "epsilon")', AUC)
    assert not spelt('"""The auc."""\nauc = area  # "auc"', AUC)


def test_the_key_of_the_auc_is_spelt_in_one_place():
    found = {str(p.relative_to(SOURCE)) for p in SOURCE.rglob("*.py") if spelt(p.read_text(encoding="utf-8"), AUC)}
    assert HOME in found and len(found - REPORTS) <= 2, "write core.results.metric.AUC"
