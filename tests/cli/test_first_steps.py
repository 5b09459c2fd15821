"""From a folder to a first audit: the file that is written, what is said of mistakes in it, code beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from divulge.core.errors import InputError
from divulge.setup import audit_file_keys as keys
from divulge.setup.audit_file import AuditFile, load, parsed
from divulge.setup.validation import part_of
from divulge.targets.estimators.fitted_table import fitted_kinds
from tests import forked
from tests.cli.test_endings import run

ROOT = Path(__file__).parent.parent.parent
STEPS = """
import numpy as np
from other import FACTOR
from sklearn.base import BaseEstimator, TransformerMixin


class Doubled(TransformerMixin, BaseEstimator):
    def fit(self, x, y=None):
        self.n_features_in_ = x.shape[1]
        return self

    def transform(self, x):
        return FACTOR * np.asarray(x)
"""


def frame(seed=0, n=200):
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    return made.assign(ill=np.where(made["a"] + rng.normal(size=n) > 0, "yes", "no"))


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    table = frame()
    table[:100].to_csv(tmp_path / "train.csv", index=False)
    table[100:].to_csv(tmp_path / "holdout.csv", index=False)
    joblib.dump(LogisticRegression().fit(table[:100].drop(columns="ill"), table[:100]["ill"]), tmp_path / "m.joblib")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_first_file_is_written_checked_and_never_overwritten(workplace, capsys):
    code, out, _ = run(["init"], capsys)
    assert code == 0 and "members train.csv, non-members holdout.csv, predicts ill" in out
    described = load(workplace / "audit.yaml")
    assert described.target.trust and described.data.target == "ill" and described.data.members == Path("train.csv")
    code, out, err = run(["audit", "audit.yaml", "--dry-run"], capsys)
    assert code == 0 and "It offers" in out, err
    code, _, err = run(["init"], capsys)
    assert code == 2 and "is there already: name another file with --output" in err
    assert run(["init", "-o", "second.yaml"], capsys)[0] == 0


def test_a_first_file_for_a_network_and_for_odd_names(tmp_path, capsys):
    (tmp_path / "weights.pt").write_bytes(b"")
    (tmp_path / "network.py").write_text("def build():\n    return None\n", encoding="utf-8")
    for name in ("members: all", "test 'é'"):
        np.savez(tmp_path / f"{name}.npz", x=np.zeros((4, 2)), y=np.zeros(4))
    assert run(["init", tmp_path], capsys)[0] == 0
    described = load(tmp_path / "audit.yaml")
    assert described.target.factory == "network.py:build"
    assert (described.data.members, described.data.nonmembers) == (Path("members: all.npz"), Path("test 'é'.npz"))


def test_a_first_file_says_a_column_with_a_line_end_on_one_line(tmp_path, capsys):
    (tmp_path / "m.onnx").write_bytes(b"")
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text('a,"what\nfor"\n1,2\n', encoding="utf-8")
    assert run(["init", tmp_path], capsys)[0] == 0
    assert load(tmp_path / "audit.yaml").data.target == "what\nfor"


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([], "there is no model in"),
        (["m.onnx"], "has no table"),
        (["m.onnx", "train.csv"], "has train.csv: an audit needs"),
    ],
)
def test_a_folder_that_lacks_something_is_told_what(there, said, tmp_path, capsys):
    for name in there:
        (tmp_path / name).write_text("a,b\n1,2\n")
    code, _, err = run(["init", tmp_path], capsys)
    assert code == 2 and said in err and err.count("\n") == 1 and not (tmp_path / "audit.yaml").exists()


LEAST = {"target": {"kind": "sklearn", "path": "m"}, "data": {"members": "a", "nonmembers": "b"}}
MISTAKES = {
    "a key of a part": ({"target": {"knd": "sklearn", "path": "m"}}, ["target.knd: no such key: did you mean 'kind'?"]),
    "a word": (
        {"target": {"kind": "skleran", "path": "m"}},
        ["target.kind: 'skleran' is unknown: did you mean 'sklearn'?"],
    ),
    "several at once": (
        {"thret": "x", "data": {"member": "a", "nonmembers": "b"}, "seed": "many"},
        [
            "thret: no such key: did you mean 'threat'?",
            "data.member: no such key: did you mean 'members'?",
            "seed: expected a whole number, not 'many'",
        ],
    ),
    "within a part that may be a word": (
        {"threat": {"preset": "mlaas", "topk": 3}},
        ["threat.topk: no such key: did you mean 'top_k'?"],
    ),
    "a value below its least": ({"shadows": 1}, ["shadows: must be greater than or equal to 2"]),
    "what is nothing like a key": ({"zzz": 1}, ["zzz: no such key: there are target, data, limits, compare, name"]),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_all_mistakes_of_a_file_are_told_at_once(kind):
    changes, said = MISTAKES[kind]
    with pytest.raises(InputError) as error:
        parsed(yaml.safe_dump(LEAST | changes), "audit.yaml")
    told = str(error.value)
    assert told.startswith("audit.yaml: ") and "\n" not in told and "Part" not in told
    assert all(one in told for one in said), told
    assert told.count(": ") <= 3 * len(said) + 1, "and nothing else is blamed"


def test_an_audit_file_is_utf_8_whatever_the_locale(workplace):
    (workplace / "audit.yaml").write_bytes(b"\xef\xbb\xbf" + yaml.safe_dump(LEAST | {"name": "Zürich"}).encode())
    assert load(workplace / "audit.yaml").name == "Zürich"
    (workplace / "audit.yaml").write_bytes("name: Zürich".encode("cp1252"))
    with pytest.raises(InputError, match="cannot be read as UTF-8"):
        load(workplace / "audit.yaml")


def test_nothing_is_read_or_written_in_the_encoding_of_the_locale():
    for path in (ROOT / "src").rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            plain = "read_text()" in line or ('open("w")' in line and "encoding" not in line)
            assert not plain and not (".write_text(" in line and line.endswith(")") and "encoding" not in line), line


def parts(part=AuditFile):
    yield part
    for field in part.model_fields.values():
        inner = part_of(field.annotation)
        if inner is not None:
            yield from parts(inner)


@pytest.mark.parametrize("part", list(dict.fromkeys(parts())), ids=lambda p: p.__name__)
def test_every_key_is_explained(part):
    assert set(keys.meanings(part)) == set(part.model_fields)


def test_the_page_of_keys_is_what_the_command_prints(capsys):
    code, out, _ = run(["audit", "--keys"], capsys)
    assert code == 0 and out == (ROOT / "docs" / "audit-file.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("way", [{"modules": ["code/steps.py"]}, {"trusted_modules": ["steps"]}])
def test_classes_of_ones_own_are_found_beside_the_file_and_in_workers(way, workplace, capsys):
    """Two folders with modules of the same name, one after the other in one process."""
    for number, factor in enumerate((2, 50)):
        folder = workplace / f"{number}{'-'.join(way)}"
        place = folder / ("code" if "modules" in way else "")
        place.mkdir(parents=True)
        (place / "steps.py").write_text(STEPS)
        (place / "other.py").write_text(f"FACTOR = {factor}\n")
        make = (
            "import sys, joblib, pandas as pd; from sklearn.pipeline import make_pipeline; "
            "from sklearn.linear_model import LogisticRegression; from steps import Doubled; "
            "f = pd.read_csv(sys.argv[1]); joblib.dump(make_pipeline(Doubled(), LogisticRegression(C=1e-3)).fit("
            "f.drop(columns='ill'), f['ill']), sys.argv[2])"
        )
        given = str(workplace / "train.csv"), str(folder / "m.joblib")
        forked.run(["-c", make, *given], cwd=place).check_returncode()
        data = {"members": "../train.csv", "nonmembers": "../holdout.csv", "target": "ill"}
        target = {"kind": "sklearn", "path": "m.joblib", "trust": True} | way
        content = {"target": target, "data": data, "attacks": ["loss", "lira"], "shadows": 4}
        (folder / "audit.yaml").write_text(json.dumps(content))
        chosen = ["--engine", "processes", "--jobs", "2", "--out", str(folder / "runs"), "--no-cache"]
        code, out, err = run(["audit", folder / "audit.yaml", *chosen], capsys)
        assert code in (0, 1) and "failed" not in out, out + err
        import divulge

        found = divulge.Run.open(folder / "runs" / "latest")
        areas = {f.attack: f.value for f in found.findings if f.metric == "auc"}
        probability = sys.modules["steps"].FACTOR
        assert probability == factor and set(areas) == {"loss", "lira"}


def test_a_module_that_is_nowhere_is_named(workplace, capsys):
    (workplace / "gone.py").write_text("class Gone:\n    def predict(self, x):\n        return x\n")
    make = "import joblib; from gone import Gone; joblib.dump(Gone(), 'm.joblib')"
    forked.run(["-c", make]).check_returncode()
    (workplace / "gone.py").unlink()
    content = {"target": {"kind": "sklearn", "path": "m.joblib", "trust": True, "trusted_modules": ["gone"]}}
    content["data"] = {"members": "train.csv", "nonmembers": "holdout.csv", "target": "ill"}
    (workplace / "audit.yaml").write_text(json.dumps(content))
    code, _, err = run(["audit", "audit.yaml"], capsys)
    assert code == 2 and "classes of the module 'gone'" in err and "target.modules (gone.py)" in err


def coded(n=400):
    rng = np.random.default_rng(1)
    made = pd.DataFrame({"zip": [f"{v:05d}" for v in rng.integers(500, 900, n)], "room": rng.integers(1, 90, n)})
    return made.assign(room=made["room"].astype(str), age=rng.normal(size=n)), rng.integers(0, 2, n)


def test_a_table_is_read_as_the_model_was_fitted(workplace, capsys):
    """Rooms are digits without a leading zero, and were texts to the encoder: a reader of CSV could not know."""
    x, y = coded()
    encoder = ColumnTransformer(
        [("c", OneHotEncoder(handle_unknown="ignore"), ["zip", "room"]), ("n", StandardScaler(), ["age"])]
    )
    model = make_pipeline(encoder, RandomForestClassifier(30, random_state=0)).fit(x[:200], y[:200])
    assert fitted_kinds(model) == {"zip": "str", "room": "str"}
    joblib.dump(model, "m.joblib")
    table = x.assign(ill=y)
    table[:200].to_csv("train.csv", sep=";")
    table[200:].to_csv("holdout.csv", sep=";")
    content = {"target": {"kind": "sklearn", "path": "m.joblib", "trust": True}, "recipe": {"kind": "none"}}
    content |= {"data": {"members": "train.csv", "nonmembers": "holdout.csv", "target": "ill"}, "attacks": ["loss"]}
    (workplace / "audit.yaml").write_text(json.dumps(content))
    code, _, err = run(["audit", "audit.yaml"], capsys)
    assert code == 1 and err.startswith("divulge: note: left out: 'Unnamed: 0' (the model was not fitted on it)\n")
    import divulge

    found = divulge.Run.open("latest")
    right = model.predict_proba(x)[np.arange(400), y]
    wanted = roc_auc_score(np.arange(400) < 200, right)
    assert next(f.value for f in found.findings if f.metric == "auc") == pytest.approx(wanted, abs=1e-9)


def test_what_a_model_tells_of_its_table():
    x, y = coded()
    numbers = x.assign(room=x["room"].astype(int))[["room"]]
    assert fitted_kinds(make_pipeline(OneHotEncoder(), LogisticRegression()).fit(numbers, y)) == {"room": "number"}
    categories = x.assign(zip=x["zip"].astype("category"))[["zip", "age"]]
    small = categories.assign(zip=(x["zip"].str[-1]).astype("category"))
    boosted = HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype").fit(small, y)
    assert fitted_kinds(boosted) == {"zip": "category:str"}
    assert fitted_kinds(LogisticRegression().fit(x[["age"]], y)) == {} == fitted_kinds(object())


@pytest.mark.parametrize(
    ("platform", "wanted"),
    [("linux", ".cache"), ("darwin", "Library/Caches"), ("win32", "AppData/Local"), ("freebsd14", ".cache")],
)
def test_the_cache_is_where_the_system_has_caches(platform, wanted, monkeypatch, tmp_path):
    from divulge.training.artifact_cache import user_cache

    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert user_cache(platform) == tmp_path / wanted
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert user_cache(platform) == tmp_path / "x"


def test_attacks_in_a_log_are_grouped_and_narrow(capsys):
    from divulge.catalog.attacks import ATTACKS

    code, out, _ = run(["attacks", "--threat", "label-only"], capsys)
    assert code == 0 and max(map(len, out.splitlines())) <= 120
    assert [line.split(":")[0] for line in out.splitlines() if " can run, " in line] == [
        *("membership", "reconstruction", "property", "extraction")
    ]
    assert all(name in out for name in ATTACKS)
    reason = "it needs training updates, and the label-only adversary sees only labels"
    assert sum(line.strip() == reason for line in out.splitlines()) <= 2, "one reason is said once a family"
