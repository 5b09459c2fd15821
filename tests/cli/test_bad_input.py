"""Twenty-odd kinds of bad input: each ends with exit code 2 and one line that names the cure."""

from __future__ import annotations

import json
import pickle
import shutil

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from divulge.cli import app

NAMES = ["age", "pulse", "weight"]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with a model, its records and an audit file that works."""
    rng = np.random.default_rng(0)
    for name in ("members", "nonmembers"):
        table = pd.DataFrame(rng.normal(size=(60, 3)), columns=NAMES)
        table.assign(ill=rng.choice(["no", "yes"], 60)).to_csv(tmp_path / f"{name}.csv", index=False)
    members = pd.read_csv(tmp_path / "members.csv")
    joblib.dump(LogisticRegression().fit(members[NAMES], members["ill"]), tmp_path / "model.joblib")
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "model.pt")
    (tmp_path / "net.py").write_text("from torch import nn\n\ndef build():\n    return nn.Linear(3, 2)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


SOUND = {
    "target": {"kind": "sklearn", "path": "model.joblib", "trust": True},
    "data": {"members": "members.csv", "nonmembers": "nonmembers.csv", "target": "ill"},
    "attacks": ["loss"],
}


def changed(**changes):
    """SOUND with keys set: part__key=value; None takes the key away."""
    content = json.loads(json.dumps(SOUND))
    for name, value in changes.items():
        *path, last = name.split("__")
        place = content
        for part in path:
            place = place.setdefault(part, {})
        if value is None:
            del place[last]
        else:
            place[last] = value
    return content


def edit(folder, name, function):
    table = pd.read_csv(folder / name)
    function(table).to_csv(folder / name, index=False)


def torch_target(**more):
    return {"kind": "torch", "path": "model.pt", "factory": "net.py:build", **more}


# What is done to the workplace; the audit file; what the one line must say.
BAD = {
    "no such audit file": (lambda f: (f / "audit.yaml").unlink(), {}, "no audit file at"),
    "not YAML": (lambda f: (f / "audit.yaml").write_text("a: [b"), {}, "not YAML"),
    "a list instead of keys": (lambda f: (f / "audit.yaml").write_text("- a"), {}, "expected keys and values"),
    "an unknown key": (None, {"colour": "red"}, "colour: no such key"),
    "a key missing": (None, {"target__path": None}, "needs `path`, the file that holds it"),
    "a wrong kind of value": (None, {"seed": "many"}, "seed: "),
    "no such model file": (None, {"target__path": "nowhere.joblib"}, "target.path: no file at"),
    "a pickle without trust": (None, {"target__trust": False}, "set `trust: true`"),
    "a pickle that would run code": (
        lambda f: (f / "model.joblib").write_bytes(pickle.dumps(shutil.rmtree)),
        {},
        "would run shutil.rmtree",
    ),
    "a damaged model": (lambda f: (f / "model.joblib").write_bytes(b"\x80\x04junk"), {}, "cannot load model.joblib"),
    "no such data file": (None, {"data__members": "nowhere.csv"}, "data.members: no file at"),
    "an empty table": (
        lambda f: (f / "members.csv").write_text("age,pulse,weight,ill\n"),
        {},
        "has no records below its header",
    ),
    "no such target column": (None, {"data__target": "diagnosis"}, "no target column 'diagnosis'"),
    "no target column named": (None, {"data__target": None}, "data.target: is missing"),
    "a column that the model knows is missing": (
        lambda f: [edit(f, n, lambda t: t.drop(columns="pulse")) for n in ("members.csv", "nonmembers.csv")],
        {},
        "'pulse', which the records do not have",
    ),
    "tables with different columns": (
        lambda f: edit(f, "members.csv", lambda t: t.assign(height=1.0)),
        {},
        "different columns (height)",
    ),
    "holes": (lambda f: edit(f, "members.csv", lambda t: t.assign(age=t.age.where(t.age > 0))), {}, "X contains NaN"),
    "infinite values": (
        lambda f: edit(f, "members.csv", lambda t: t.assign(age=np.inf)),
        {},
        "Input X contains infinity",
    ),
    "a label that the model does not know": (
        lambda f: edit(f, "members.csv", lambda t: t.assign(ill="perhaps")),
        {},
        "'perhaps', which the model does not know",
    ),
    "members among the non-members": (
        lambda f: shutil.copy(f / "members.csv", f / "nonmembers.csv"),
        {},
        "say `duplicates: drop` or `duplicates: keep`",
    ),
    "an unknown attack": (None, {"attacks": ["lose"]}, "did you mean 'loss'"),
    "an attack listed twice": (None, {"attacks": ["loss", "loss"]}, "listed twice"),
    "no attack at all": (None, {"attacks": []}, "the list of attacks is empty"),
    "a setting that an attack does not have": (
        None,
        {"attacks": [{"loss": {"depth": 3}}]},
        "attacks.loss has no setting",
    ),
    "an unknown threat model": (None, {"threat": "everybody"}, "choose one of mlaas"),
    "an unknown access": (None, {"threat": {"access": ["telepathy"]}}, "threat.access: 'telepathy' is unknown"),
    "a metric that does not exist": (None, {"policy": {"thresholds": {"acu": 0.1}}}, "did you mean 'auc'"),
    "an impossible confidence": (None, {"policy": {"confidence": 95}}, "policy.confidence is 95"),
    "a budget of nothing": (None, {"threat": {"query_budget": 0}}, "threat"),
    "an unknown sensitive column": (None, {"data__sensitive": ["pulze"]}, "did you mean 'pulse'"),
    "a torch target without a factory": (
        None,
        {"target": {"kind": "torch", "path": "model.pt"}},
        "needs `factory`",
    ),
    "a factory that is not there": (None, {"target": torch_target(factory="net.py:make")}, "cannot load 'net.py:make'"),
    "weights that do not fit": (
        lambda f: (f / "net.py").write_text("from torch import nn\n\ndef build():\n    return nn.Linear(4, 2)\n"),
        {"target": torch_target()},
        "do not fit the factory's module",
    ),
    "an estimator that is not fitted": (
        lambda f: joblib.dump(LogisticRegression(), f / "model.joblib"),
        {},
        "call fit() before",
    ),
    "a score table that is none": (
        lambda f: np.savez(f / "t.npz", logits=np.zeros((2, 3, 2))),
        {"target": {"kind": "scores", "path": "t.npz"}},
        "has no array 'keep'",
    ),
    "a source that does not exist": (
        None,
        {"data": {"source": "mnist", "members": 10, "nonmembers": 10}},
        "choose one of breast_cancer",
    ),
    "more records than the source has": (
        None,
        {"data": {"source": "breast_cancer", "members": 5000, "nonmembers": 10}},
        "cannot be split into",
    ),
}


def run(arguments, capsys):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["divulge", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_the_sound_audit_works(workplace, capsys):
    (workplace / "audit.yaml").write_text(json.dumps(SOUND))
    code, out, err = run(["audit", "audit.yaml"], capsys)
    assert code == 0, out + err
    assert "Report: " in out


@pytest.mark.parametrize("kind", BAD)
def test_bad_input(kind, workplace, capsys):
    spoil, changes, message = BAD[kind]
    (workplace / "audit.yaml").write_text(json.dumps(changed(**changes)))
    if spoil is not None:
        spoil(workplace)
    code, out, err = run(["audit", "audit.yaml"], capsys)
    assert code == 2, out + err
    assert message in err
    assert err.startswith("divulge: ") and err.count("\n") == 1, "one line"
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audit"], "name an audit file"),
        (["report", "nowhere"], "is not a run"),
        (["gate", "nowhere"], "is not a run"),
        (["compare", "nowhere"], "is not a run"),
        (["attacks", "--threat", "nobody"], "choose one of mlaas"),
    ],
)
def test_bad_arguments(arguments, message, workplace, capsys):
    code, _, err = run(arguments, capsys)
    assert code == 2 and message in err and err.count("\n") == 1
