"""A cache that was damaged, or that somebody else has written to: a miss, never a failure, and nothing in it is run."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.boundary import seals
from divulge.core.errors import Notice
from divulge.training.artifact_cache import ArtifactCache

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 4))
Y = ((X[:, 0] + RNG.normal(size=160)) > 0).astype(int)
MODEL = DecisionTreeClassifier(min_samples_leaf=3, random_state=0).fit(X[:80], Y[:80])
KEY = "ab" * 16


class Touches:
    """Makes a file when it is read."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def damages(mark):
    rng = np.random.default_rng(1)
    return {
        "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
        "emptied": lambda path: os.truncate(path, 0),
        "one bit flipped": flip,
        "random": lambda path: path.write_bytes(rng.bytes(path.stat().st_size)),
        "somebody's pickle": lambda path: path.write_bytes(pickle.dumps(Touches(mark))),
        "somebody's pickle behind the seal": lambda path: path.write_bytes(
            path.read_bytes()[: seals.SEAL_BYTES] + pickle.dumps(Touches(mark))
        ),
        "a folder": lambda path: (path.unlink(), path.mkdir()),
    }


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4] ^= 4
    path.write_bytes(bytes(content))


def figures(out):
    run = divulge.audit(MODEL, (X[:80], Y[:80]), (X[80:], Y[80:]), attacks=["loss", "rmia"], shadows=2, out=out, jobs=1)
    return {f.attack: f.value for f in run.findings if f.metric == "auc"}


def files(cache):
    return [p for p in cache.rglob("*") if p.is_file()]


@pytest.mark.parametrize("damage", list(damages(None)))
def test_a_damaged_entry_is_none(damage, tmp_path):
    cache, mark = ArtifactCache(tmp_path / "c"), tmp_path / "mark"
    cache.write(KEY, pickle.dumps([1, 2, 3] * 50))
    damages(mark)[damage](cache._path(KEY))
    assert cache.read(KEY) is None and not mark.exists()


@pytest.mark.parametrize("damage", ["cut", "somebody's pickle behind the seal"])
def test_a_damaged_cache_is_filled_anew(damage, tmp_path, monkeypatch):
    cache, mark = tmp_path / "cache", tmp_path / "mark"
    monkeypatch.setenv("DIVULGE_CACHE", str(cache))
    first = figures(tmp_path / "1")
    assert len(first) == 2 and len(files(cache)) > 3
    for path in files(cache):
        damages(mark)[damage](path)
    assert figures(tmp_path / "2") == first
    assert not mark.exists()


def test_an_entry_under_another_key_is_none(tmp_path):
    cache = ArtifactCache(tmp_path / "c")
    cache.write(KEY, b"one")
    cache.write(KEY[::-1], b"two")
    here, there = cache._path(KEY), cache._path(KEY[::-1])
    there.write_bytes(here.read_bytes())
    assert cache.read(KEY) == b"one" and cache.read(KEY[::-1]) is None


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such owners there")
def test_a_folder_that_others_can_write_to_is_not_used_and_that_is_said(tmp_path, monkeypatch):
    folder = tmp_path / "c"
    ArtifactCache(folder).write(KEY, b"mine")
    for mode in (0o777, 0o775, 0o1777):
        folder.chmod(mode)
        cache = ArtifactCache(folder)
        with pytest.warns(Notice, match="can be written to by others"):
            assert cache.read(KEY) is None
        cache.write(KEY[::-1], b"new")
        assert not cache._path(KEY[::-1]).exists()
    folder.chmod(0o700)
    assert ArtifactCache(folder).read(KEY) == b"mine"
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.warns(Notice, match="another user's"):
        assert ArtifactCache(folder).read(KEY) is None


def test_a_seal_needs_the_key(tmp_path, monkeypatch):
    cache = ArtifactCache(tmp_path / "c")
    monkeypatch.setenv(seals.KEY_VARIABLE, "one")
    cache.write(KEY, b"mine")
    assert cache.read(KEY) == b"mine"
    monkeypatch.setenv(seals.KEY_VARIABLE, "other")
    assert cache.read(KEY) is None


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.delenv(seals.KEY_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    seals._key.cache_clear()
    first = seals.seal(b"content", "name")
    path = tmp_path / "divulge" / "key"
    assert len(path.read_bytes()) == seals.KEY_BYTES and [p.name for p in path.parent.iterdir()] == ["key"]
    seals._key.cache_clear()
    assert seals.is_sealed(b"content", first, "name") and not seals.is_sealed(b"content", first, "nam", "e")
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o077 == 0
        path.chmod(0o644)  # whoever can read the key can seal: it is used no more
        seals._key.cache_clear()
        assert not seals.is_sealed(b"content", first, "name")
    seals._key.cache_clear()


def test_without_a_home_a_process_has_a_key_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.delenv(seals.KEY_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    seals._key.cache_clear()
    first = seals.seal(b"content")
    assert seals.is_sealed(b"content", first)
    seals._key.cache_clear()
    assert not seals.is_sealed(b"content", first)
    seals._key.cache_clear()


def test_what_others_have_put_into_the_folder_stays(tmp_path):
    cache, outside = ArtifactCache(tmp_path / "cache"), tmp_path / "outside"
    cache.write(KEY, b"content")
    outside.mkdir()
    others = [cache.folder / "my.sqlite", cache.folder / "aa" / "notes.txt", outside / "abcd"]
    (cache.folder / "aa").mkdir()
    (cache.folder / "aa" / "bb").mkdir()
    (cache.folder / "ac").symlink_to(outside, target_is_directory=True)
    for path in others:
        path.write_text("mine")
    answers = cache.folder / "services.sqlite"
    answers.touch()
    assert cache.usage() == (2, len(b"content") + seals.SEAL_BYTES)
    cache.clear()
    assert cache.usage() == (0, 0) and cache.read(KEY) is None and not answers.exists()
    assert all(path.read_text() == "mine" for path in others)


def test_a_folder_that_no_system_has_is_an_empty_cache():
    cache = ArtifactCache(Path("/" + "x" * 5_000))
    cache.write(KEY, b"content")
    assert cache.usage() == (0, 0) and cache.read(KEY) is None
