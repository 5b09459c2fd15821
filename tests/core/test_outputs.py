"""What outputs stand for, told by looking at them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from divulge.core.errors import InputError, TargetError
from divulge.core.outputs import (
    SINGLE,
    OutputForm,
    OutputReading,
    as_logits,
    columns,
    contradicted,
    ending,
    flat,
    form_of,
    one_vs_rest_loss,
    picked,
    recognized,
)


def logits_of(seed, records, classes, scale):
    return np.random.default_rng(seed).normal(size=(records, classes)) * scale


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(20, 60), st.integers(2, 6), st.floats(0.5, 8))
def test_softmax_log_softmax_and_logits_are_told_apart(seed, records, classes, scale):
    z = torch.tensor(logits_of(seed, records, classes, scale))
    assert recognized(z.numpy()) is OutputForm.LOGITS
    assert recognized(z.softmax(1).numpy()) is OutputForm.PROBABILITIES
    assert recognized(z.log_softmax(1).numpy()) is OutputForm.LOG_PROBABILITIES


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.floats(0.5, 8), st.booleans(), st.sampled_from(["", "sigmoid"]))
def test_a_single_sigmoid_is_no_logit_whatever_the_order_of_the_labels(seed, scale, swapped, ends):
    z = logits_of(seed, 200, 1, scale)[:, 0]
    p = 1 / (1 + np.exp(-z))
    y = (np.random.default_rng(seed + 1).random(200) < p).astype(int)
    assert recognized(p, 1 - y if swapped else y, ends) is OutputForm.PROBABILITY
    assert recognized(z, 1 - y if swapped else y) is OutputForm.LOGIT


def test_logits_that_happen_to_lie_between_0_and_1_are_told_by_the_labels_or_the_last_layer():
    rng = np.random.default_rng(0)
    z = rng.uniform(0.05, 0.95, 4000)
    y = (rng.random(4000) < 1 / (1 + np.exp(-z))).astype(int)
    assert recognized(z, y) is OutputForm.LOGIT
    assert recognized(z[:50], None, "linear") is OutputForm.LOGIT
    assert recognized(z[:50], None) is OutputForm.PROBABILITY


def test_a_probability_for_each_class_by_itself():
    p = 1 / (1 + np.exp(-logits_of(0, 100, 3, 2)))
    y = p.argmax(axis=1)
    assert recognized(p, y) is recognized(p, None, "sigmoid") is OutputForm.ONE_VS_REST
    table, probable = columns(p, OutputForm.ONE_VS_REST)
    assert probable
    np.testing.assert_allclose(table, p / p.sum(axis=1, keepdims=True))


def test_what_nothing_decides_is_asked_for():
    with pytest.raises(TargetError, match="output='logit' or output='probability'"):
        recognized(np.full(50, 0.5))
    with pytest.raises(TargetError, match="logsigmoid"):
        recognized(np.full(50, -0.5), None, "logsigmoid")
    with pytest.raises(InputError, match="choose one of logits, log_probabilities"):
        form_of("probs")


def test_forms_that_are_contradicted():
    z = torch.tensor(logits_of(0, 40, 3, 2))
    assert contradicted(z.numpy(), OutputForm.PROBABILITIES) and contradicted(z.numpy(), OutputForm.LOG_PROBABILITIES)
    assert contradicted(z.softmax(1).numpy(), OutputForm.LOGITS) and contradicted(z.numpy(), OutputForm.LOGIT)
    for form, values in (
        (OutputForm.LOGITS, z),
        (OutputForm.PROBABILITIES, z.softmax(1)),
        (OutputForm.LOG_PROBABILITIES, z.log_softmax(1)),
    ):
        assert not contradicted(values.numpy(), form)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(list(OutputForm)))
def test_the_gradient_of_a_reading_is_that_of_its_own_loss(seed, form):
    single = form in SINGLE
    z = torch.tensor(logits_of(seed, 8, 1 if single else 3, 2), requires_grad=True)
    y = torch.tensor(np.random.default_rng(seed).integers(0, 2, 8))
    outputs = {
        OutputForm.LOGITS: lambda: z,
        OutputForm.LOG_PROBABILITIES: lambda: z.log_softmax(1),
        OutputForm.PROBABILITIES: lambda: z.softmax(1),
        OutputForm.LOGIT: lambda: z,
        OutputForm.PROBABILITY: z.sigmoid,
        OutputForm.ONE_VS_REST: z.sigmoid,
        OutputForm.SHARES: lambda: 7 * z.softmax(1),
        OutputForm.PERCENTAGE: lambda: 100 * z.sigmoid(),
        OutputForm.LOG_PROBABILITY: lambda: torch.nn.functional.logsigmoid(z),
    }[form]()
    if form is OutputForm.ONE_VS_REST:
        hot = torch.nn.functional.one_hot(y, 3).double()
        wanted = torch.nn.functional.binary_cross_entropy_with_logits(z, hot, reduction="sum") / 8
        loss = one_vs_rest_loss(outputs, y)
    else:
        told = torch.cat([torch.zeros_like(z), z], dim=1) if single else z
        wanted = torch.nn.functional.cross_entropy(told, y)
        loss = torch.nn.functional.cross_entropy(as_logits(outputs, form), y)
    (got,), (right,) = torch.autograd.grad(loss, z), torch.autograd.grad(wanted, z)
    torch.testing.assert_close(got, right, atol=1e-9, rtol=1e-6)


def test_the_last_operation_is_seen_through_views():
    layer, x = torch.nn.Linear(3, 2), torch.zeros(4, 3)
    assert ending(layer(x)) == ending(layer(x)[:, 0].unsqueeze(1).float()) == "linear"
    assert ending(layer(x).sigmoid().squeeze()) == "sigmoid"
    assert ending(layer(x).softmax(1)) == ending(layer(x).log_softmax(1)) == "softmax"
    assert ending(1 / (1 + torch.exp(-layer(x)))) == ending(x) == ""


def test_one_of_several_outputs_is_picked():
    a, b = torch.zeros(2, 3), torch.ones(2, 5)
    assert picked({"logits": a, "hidden": b}) is a and picked((a,)) is a and picked({"scores": b, "loss": None}) is b
    assert picked((a, b), 1) is b and picked({"x": a, "y": b}, "y") is b and picked([a, b], -1) is b
    with pytest.raises(TargetError, match=r"0 \(2, 3\), 1 \(2, 5\): say which holds the scores"):
        picked((a, b))
    with pytest.raises(TargetError, match="nothing called 'z': it returns 'x'"):
        picked({"x": a, "y": b}, "z")
    with pytest.raises(TargetError, match="returned a str"):
        picked("nonsense")


def test_outputs_that_are_no_row_of_scores():
    assert flat(torch.zeros(4)).shape == (4, 1) and flat(torch.zeros(4, 1, 3)).shape == (4, 3)
    with pytest.raises(TargetError, match="one row of scores a record"):
        flat(torch.zeros(4, 2, 3))


def test_a_language_model_is_read_at_its_last_place():
    outputs, ids = torch.randn(4, 5, 7), torch.zeros(4, 5, dtype=torch.int64)
    assert torch.equal(OutputReading(OutputForm.LOGITS).logits(outputs, ids), outputs[:, -1])
    with pytest.raises(TargetError):
        OutputReading(OutputForm.LOGITS).logits(outputs, ids.float())
