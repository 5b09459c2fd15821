"""A folder with the files that the documentation speaks of."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.house.pages import README, blocks

NETWORK = """
from torch import nn


def build():
    return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 2))
"""


@pytest.fixture
def workplace(tmp_path, halves, monkeypatch):
    """The files that the README's audit files speak of."""
    x, y, u, v = halves
    names = list(load_breast_cancer().feature_names)
    labels = np.array(["malignant", "benign"])
    for name, a, b in (("members", x, y), ("nonmembers", u, v)):
        pd.DataFrame(a, columns=names).assign(diagnosis=labels[b]).to_csv(tmp_path / f"{name}.csv", index=False)
        scaled = (a - x.mean(axis=0)) / x.std(axis=0)
        np.savez(tmp_path / f"{name}.npz", x=scaled.astype(np.float32), y=b)
    frame = pd.read_csv(tmp_path / "members.csv")
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[names], frame["diagnosis"])
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    (tmp_path / "network.py").write_text(NETWORK)
    scope: dict = {}
    exec(NETWORK, scope)
    torch.manual_seed(0)
    network = scope["build"]()
    inputs = torch.from_numpy(((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(inputs), torch.from_numpy(y)).backward()
        optimizer.step()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    for block in blocks(README, "yaml"):
        (tmp_path / block.split()[1]).write_text(block)
    monkeypatch.chdir(tmp_path)
    return tmp_path
