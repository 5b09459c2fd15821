"""A cache on object storage: what one machine has trained another reads, under one key, and nothing else."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.boundary import seals
from divulge.core.errors import Notice
from divulge.training.artifact_cache import ArtifactCache, default_cache
from divulge.training.shared_store import SharedStore

KEY = "ab" * 16
RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 4))
Y = ((X[:, 0] + RNG.normal(size=160)) > 0).astype(int)
FITTED = []


class Counted(DecisionTreeClassifier):
    """A tree that counts how often it is trained."""

    def fit(self, *args, **options):
        FITTED.append(1)
        return super().fit(*args, **options)


MODEL = Counted(min_samples_leaf=3, random_state=0).fit(X[:80], Y[:80])


def machine(folder, address="memory://bucket/cache"):
    return ArtifactCache(folder, store=SharedStore(address, 10_000))


def figures(folder, out, monkeypatch):
    monkeypatch.setenv("DIVULGE_CACHE", str(folder))
    FITTED.clear()
    run = divulge.audit(MODEL, (X[:80], Y[:80]), (X[80:], Y[80:]), attacks=["rmia"], shadows=2, out=out, jobs=1)
    return {f.attack: f.value for f in run.findings if f.metric == "auc"}, len(FITTED)


@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_what_one_machine_wrote_the_other_reads_and_keeps(kind, memory, tmp_path):
    address = "memory://bucket/cache" if kind == "memory" else str(tmp_path / "there")
    machine(tmp_path / "1", address).write(KEY, b"weights")
    second = machine(tmp_path / "2", address)
    assert second.read(KEY) == b"weights" and second.read(KEY[::-1]) is None
    assert ArtifactCache(tmp_path / "2").read(KEY) == b"weights", "it lies in the second machine's folder now"
    travelled = pickle.loads(pickle.dumps(copy.copy(machine(tmp_path / "3", address))))
    assert travelled.read(KEY) == b"weights"


def test_an_audit_on_another_machine_trains_nothing(memory, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVULGE_CACHE_STORE", "memory://bucket/cache")
    monkeypatch.setenv(seals.KEY_VARIABLE, "one secret")
    first, trained = figures(tmp_path / "a", tmp_path / "1", monkeypatch)
    again, trained_again = figures(tmp_path / "b", tmp_path / "2", monkeypatch)
    assert trained and first == again and trained_again < trained
    monkeypatch.delenv("DIVULGE_CACHE_STORE")
    alone, trained_alone = figures(tmp_path / "c", tmp_path / "3", monkeypatch)
    assert alone == first and trained_alone == trained, "without the store it trains as the first did"


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 400, b"y" * 20_000], ids=["nothing", "short", "zeros", "large"])
def test_what_another_put_there_is_none(content, memory, tmp_path):
    cache = machine(tmp_path / "1")
    cache.write(KEY, b"weights")
    memory.pipe_file(f"/bucket/cache/{KEY[:2]}/{KEY[2:]}", content)
    assert machine(tmp_path / "2").read(KEY) is None and cache.read(KEY) == b"weights"


def test_another_key_reads_nothing_and_no_key_is_said(memory, tmp_path, monkeypatch):
    monkeypatch.setenv(seals.KEY_VARIABLE, "one secret")
    machine(tmp_path / "1").write(KEY, b"weights")
    monkeypatch.setenv(seals.KEY_VARIABLE, "another secret")
    assert machine(tmp_path / "2").read(KEY) is None
    monkeypatch.setenv("DIVULGE_CACHE_STORE", "memory://bucket/cache")
    monkeypatch.delenv(seals.KEY_VARIABLE)
    with pytest.warns(Notice, match="set it to one secret on all of them"):
        default_cache()


@pytest.mark.parametrize(
    "address", ["nonsense://user:hunter2@there/x?sig=hunter2", "http://user:hunter2@127.0.0.1:9/cache?sig=hunter2"]
)
def test_a_store_out_of_reach_is_said_once_without_secrets(address, tmp_path):
    cache = machine(tmp_path, address)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cache.write(KEY, b"weights")
        assert cache.read(KEY) == b"weights" and cache.read(KEY[::-1]) is None
    assert "hunter2" not in cache.store.shown()
    (notice,) = [w for w in caught if issubclass(w.category, Notice)]
    assert "is not used" in str(notice.message) and "hunter2" not in str(notice.message)
