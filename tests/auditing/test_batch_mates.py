"""Answers that depend on who is asked about at the same time: a fault, unless the model is made so."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import divulge


def audited(wrapped, tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 8)).astype("f4"), rng.integers(0, 3, 300)
    net = torch.nn.Sequential(torch.nn.Linear(8, 96), torch.nn.ReLU(), torch.nn.Linear(96, 3))
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(120):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(torch.tensor(x[:150])), torch.tensor(y[:150])).backward()
        optimizer.step()
    sets = ((x[:150], y[:150]), (x[150:], y[150:]))
    how = {"attacks": ["loss"], "recipe": None, "progress": None, "out": tmp_path / "run"}
    run = divulge.audit(wrapped(torch, net), *sets, **how)
    return run, [concern for concern in run.result.handshake.concerns if concern.kind == "company"]


def test_dynamic_quantization_is_said_and_no_fault(tmp_path):
    def quantized(torch, net):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.ao.quantization.quantize_dynamic(net, {torch.nn.Linear})

    run, (concern,) = audited(quantized, tmp_path)
    assert run.verdict is divulge.Verdict.LEAK and not concern.fault and "quantisation" in concern.cause


def test_records_that_are_scaled_by_their_batch_are_a_fault(tmp_path):
    def scaled(torch, net):
        class Scaled(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = net

            def forward(self, x):
                return self.inner((x - x.mean(0)) / (x.std(0, unbiased=False) + 0.1))

        return Scaled()

    run, (concern,) = audited(scaled, tmp_path)
    assert run.verdict is divulge.Verdict.INVALID and concern.fault and "batch" in concern.cause
