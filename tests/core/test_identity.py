"""What an object is, and nothing else, decides its hash."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from divulge.core.identity import content_hash

MODELS = {
    "tree": DecisionTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(5, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=3, random_state=0),
    "histogram": HistGradientBoostingClassifier(max_iter=3, random_state=0),
    "neighbours": KNeighborsClassifier(),
    "svc": SVC(random_state=0),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "search": GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [2, 3]}, cv=2),
}


def fitted(name, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 3))
    return clone(MODELS[name]).fit(x, (x[:, 0] > 0).astype(int))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Hashes of every model as another process reads it from its file, twice, and as this one does."""
    place = tmp_path_factory.mktemp("models")
    for name in MODELS:
        joblib.dump(fitted(name), place / f"{name}.joblib")
    code = (
        "import sys, joblib; from pathlib import Path; from divulge.core.identity import content_hash\n"
        "for path in Path(sys.argv[1]).glob('*.joblib'):\n"
        "    print(path.stem, *[content_hash(joblib.load(path)) for _ in range(2)])"
    )
    said = subprocess.run([sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=True).stdout
    return {
        name: (set(hashes), content_hash(joblib.load(place / f"{name}.joblib")))
        for name, *hashes in map(str.split, said.splitlines())
    }


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_model_and_its_file_are_one_in_another_process_too(name, elsewhere):
    model = fitted(name)
    there, here = elsewhere[name]
    # A search holds how long each fit took, and is the same only as its file.
    assert there == {here if name == "search" else content_hash(model)}
    assert content_hash(fitted(name, seed=1)) != content_hash(model)


def test_the_bytes_between_fields_do_not_count():
    kind = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    rows = []
    for filler in (0, 255):
        raw = np.full(3 * kind.itemsize, filler, dtype=np.uint8).view(kind)
        raw["a"], raw["b"] = 1, 2.0
        rows.append(raw)
    assert rows[0].tobytes() != rows[1].tobytes()
    assert content_hash(rows[0]) == content_hash(rows[1])
    rows[1]["b"][2] = 3.0
    assert content_hash(rows[0]) != content_hash(rows[1])


def test_masked_values_do_not_count():
    a = np.ma.MaskedArray([1, 2, 3], [False, True, False])
    b = np.ma.MaskedArray([1, 9, 3], [False, True, False])
    assert content_hash(a) == content_hash(b)
    assert content_hash(a) != content_hash(np.ma.MaskedArray([1, 2, 3], [False, False, True]))


def test_order_of_keys_does_not_count_and_of_values_does():
    assert content_hash({"a": 1, "b": [1, 2]}) == content_hash({"b": [1, 2], "a": 1})
    assert content_hash({"a": [1, 2]}) != content_hash({"a": [2, 1]})
    assert content_hash({3, 1, 2}) == content_hash({1, 2, 3})
    assert len({content_hash(v) for v in (1, 1.0, True, "1", b"1", None, (1,), [1])}) == 8


def test_functions_by_their_code_and_what_they_hold():
    def adding(step):
        return lambda x: x + step

    assert content_hash(adding(1)) == content_hash(adding(1))
    assert content_hash(adding(1)) != content_hash(adding(2))
    assert content_hash(lambda x: x + 1) != content_hash(lambda x: x + 2)
    steps = [make_pipeline(FunctionTransformer(lambda q: q * 2), LogisticRegression()) for _ in range(2)]
    assert content_hash(steps[0]) == content_hash(steps[1])


def test_tensors_by_their_type_and_values():
    torch = pytest.importorskip("torch")
    one = torch.arange(3.0)
    assert content_hash([one]) == content_hash([one.clone().requires_grad_()])
    others = [one + 1, one.double(), one.bfloat16(), one.long(), one[:2], torch.complex(one, one)]
    assert len({content_hash(value) for value in (one, *others)}) == 7


def test_what_contains_itself_or_cannot_be_pickled_has_a_hash_too():
    ring: list[object] = [1]
    ring.append(ring)
    assert content_hash(ring) == content_hash(ring)

    class Held:
        def __init__(self, value):
            self.lock, self.value = threading.Lock(), value

    assert content_hash(Held(1)) == content_hash(Held(1)) != content_hash(Held(2))
    deep: list[object] = []
    for depth in range(300):
        deep = [deep, depth]
    assert content_hash(deep) == content_hash(deep) != content_hash([deep, 1])


def test_asking_a_model_does_not_change_what_it_is():
    """Search trees count how often they are asked; some bunches of named parts lose a note of theirs in a pickle."""
    from sklearn.ensemble import VotingClassifier

    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 3))
    y = (x[:, 0] > 0).astype(int)
    for made in (KNeighborsClassifier(algorithm="kd_tree"), KNeighborsClassifier(algorithm="ball_tree")):
        model = made.fit(x, y)
        before = content_hash(model)
        model.predict(x)
        assert content_hash(model) == before != content_hash(clone(made).fit(x[::-1] + 1, y))
    voting = VotingClassifier([("a", LogisticRegression()), ("b", LogisticRegression(C=2))]).fit(x, y)
    assert content_hash(pickle.loads(pickle.dumps(voting))) == content_hash(voting)
