"""Arrays that do not fit into memory: the same values, no file left, and memory where the disk is full."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.training import mapped


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(mapped, "LARGE", 800)


def test_what_is_large_lies_in_a_file_without_a_name(small, tmp_path):
    values = np.random.default_rng(0).normal(size=(20, 10)).astype(np.float32)
    copy = mapped.kept(values, tmp_path)
    assert mapped.is_mapped(copy) and type(copy) is np.ndarray and not list(tmp_path.iterdir())
    np.testing.assert_array_equal(copy, values)
    assert copy.dtype == np.float32 and mapped.is_mapped(mapped.room((10, 10), float, tmp_path))
    few = values[:5]
    assert mapped.kept(few, tmp_path) is few and not mapped.is_mapped(mapped.room((3,), float, tmp_path))


@pytest.mark.parametrize("how", ["full", "no folder"])
def test_without_a_disk_it_is_in_memory(how, small, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space")

    if how == "full":
        monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
        assert not mapped.is_mapped(mapped.room((10, 10), float, tmp_path))
    else:
        assert mapped.is_mapped(mapped.room((10, 10), float, tmp_path / "not there"))
    assert not list(tmp_path.iterdir())


def test_systems_without_fallocate_write_it(small, tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(mapped, "BLOCK", 300)
    values = mapped.kept(np.arange(200.0), tmp_path)
    assert mapped.is_mapped(values) and values.sum() == 199 * 100


def test_an_audit_whose_answers_are_mapped_finds_the_same(tmp_path, monkeypatch, halves):
    x_in, y_in, x_out, y_out = (part[:60] for part in halves)
    model, members, nonmembers = DecisionTreeClassifier(random_state=0).fit(x_in, y_in), (x_in, y_in), (x_out, y_out)

    def figures(out):
        run = divulge.audit(
            model, members, nonmembers, attacks=["rmia", "lira"], shadows=4, out=out, cache=False, jobs=1
        )
        return {(f.attack, f.metric): f.value for f in run.findings}

    plain = figures(tmp_path / "1")
    monkeypatch.setattr(mapped, "LARGE", 100)
    assert figures(tmp_path / "2") == plain
