"""Members in the place of non-members: whatever is audited, the cause is named."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import divulge
from divulge.auditing.answers import Seen
from divulge.auditing.handshake import _late
from divulge.auditing.likeness import SeenSides

HALF, WIDTH = 150, 5


def sets(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2 * HALF, WIDTH))
    value = x[:, 0] + rng.normal(size=2 * HALF)
    return x, (value > 0).astype(int), value


def model_of(kind):
    x, y, value = sets(0)
    if kind == "values":
        grown = DecisionTreeRegressor(random_state=0).fit(x[:HALF], value[:HALF])
        return divulge.FunctionTarget(grown.predict, "values"), value
    grown = DecisionTreeClassifier(random_state=0).fit(x[:HALF], y[:HALF])
    return (grown if kind == "scores" else divulge.FunctionTarget(grown.predict, "labels")), y


@pytest.mark.parametrize("kind", ["scores", "labels", "values"])
@pytest.mark.parametrize("swapped", [False, True])
def test_swapped_sets_are_named(kind, swapped, tmp_path):
    model, y = model_of(kind)
    x = sets(0)[0]
    parts = [(x[:HALF], y[:HALF]), (x[HALF:], y[HALF:])]
    inside, outside = parts[::-1] if swapped else parts
    attack = {"scores": "loss", "labels": "correctness", "values": "absolute_error"}[kind]
    how = {"attacks": [attack], "recipe": None, "progress": None, "out": tmp_path}
    run = divulge.audit(model, inside, outside, **how)
    assert any(concern.kind == "swapped" for concern in run.handshake.concerns) is swapped
    assert (run.verdict.value == "invalid") is swapped
    if swapped:
        text = run.report(tmp_path / "report.md").read_text("utf-8")
        assert "members and non-members are swapped" in text
        assert any("are probably swapped" in finding.reason for finding in run.findings)


def sure(mistakes, seed):
    """A network's answers that are sure of right and wrong ones alike: [400] records."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 400)
    margin = rng.exponential(20, 400)
    said = np.where(np.arange(400) < mistakes, 1 - y, y)
    scores = np.where(np.arange(2)[None] == said[:, None], 0.0, -margin[:, None])
    return Seen(y, said, 2, scores - np.log(np.exp(scores).sum(axis=1))[:, None])


def test_mistakes_tell_where_the_losses_of_right_answers_hide_it():
    (concern,) = _late(SeenSides(sure(40, 0), sure(0, 1)))
    assert concern.kind == "swapped" and "share of mistakes 0.1 and 0" in concern.seen
    assert not _late(SeenSides(sure(0, 0), sure(40, 1)))


def test_sets_that_are_answered_alike_are_called_swapped_by_no_accident():
    named = 0
    for seed in range(200):
        inside, outside = sure(40, 2 * seed), sure(40, 2 * seed + 1)
        named += bool(_late(SeenSides(inside, outside)))
    assert named == 0  # at 1e-4 each: two or more of 200 would have a probability below 0.001
