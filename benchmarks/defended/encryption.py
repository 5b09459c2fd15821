"""Models that are asked under encryption."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import divulge
from divulge.core.threat import Access
from divulge.data.arrays import from_arrays
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.services.encrypted import EncryptedTarget
from harness import Row


def encrypted(quick: bool) -> Iterator[Row]:
    """Logistic regression on breast cancer, in the clear, under CKKS, and among three parties."""
    size = 40 if quick else 150
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    (records,) = from_arrays([(x, y)])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e3, max_iter=5_000)).fit(x[:150], y[:150])
    plain = SklearnTarget(model)
    population = records.take(np.arange(300, 569))
    records = records.take(np.arange(2 * size)) if quick else records
    known = plain.answer(Access.SCORES, records)
    readings: dict[str, Any] = {}
    for name in ("plain", "ckks", "mpc"):
        target: Any = plain if name == "plain" else EncryptedTarget(plain, name, population)
        if name != "plain":
            told = target.answer(Access.SCORES, records)
            same = float((told.argmax(axis=1) == known.argmax(axis=1)).mean())
            yield Row(f"{name}: records with the same label as in the clear", same, bar=1.0)
            yield Row(f"{name}: largest difference of a score", float(np.abs(np.exp(told) - np.exp(known)).max()),
                      bar=1e-3, better="below")  # fmt: skip
            asked = target.cost.questions
            yield Row(f"{name}: milliseconds a question", 1e3 * target.cost.seconds / asked)
            yield Row(f"{name}: kilobytes sent by whoever asks", target.cost.sent / asked / 1e3)
            yield Row(f"{name}: kilobytes received, or between the others", target.cost.received / asked / 1e3)
        with tempfile.TemporaryDirectory() as place:
            run = divulge.audit(
                target, (x[:size], y[:size]), (x[150 : 150 + size], y[150 : 150 + size]), (x[300:], y[300:]),
                recipe=LogisticRegression(C=1e3, max_iter=5_000), shadows=4 if quick else 8,
                attacks=["loss", "lira", *(["knockoff"] if name != "ckks" and not quick else [])],  # it asks often
                out=Path(place) / "run", cache=False,
            )  # fmt: skip
        for f in run.findings:
            if f.metric in ("auc", "fidelity") and f.value is not None:
                readings[f"{name} {f.attack}"] = f
                yield Row(f"{name}: {f.attack}, {f.metric}", f.value, f.low, f.high)
                if name != "plain":
                    clear = readings[f"plain {f.attack}"]
                    yield Row("  within its interval in the clear", float(clear.low <= f.value <= clear.high), bar=1.0)
