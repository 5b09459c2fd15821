"""One settings model behind two doors: an audit file and a call in Python take the same keys, and mean the same."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import divulge
from divulge.auditing.job import Job
from divulge.catalog.attacks import attack
from divulge.catalog.defenses import defense
from divulge.core.errors import InputError
from divulge.core.results.policy import Policy
from divulge.core.threat import Task
from divulge.data.splits import Duplicates
from divulge.games.properties import PropertyPlan
from divulge.games.rebuild import RebuildPlan
from divulge.setup.audit_file import AuditFile, ServicePart, parsed
from divulge.setup.audit_file_keys import meanings, options_of_a_call
from divulge.setup.from_file import job_from_file, matrix_from_file
from divulge.setup.option_types import AuditOptions, CompareOptions, ComparisonOptions
from divulge.setup.parts import ComparePart, PropertyPart, RecipePart, ReconstructionPart
from divulge.setup.settings import AuditSettings, DataSettings, Options, TargetSettings
from divulge.workflows import audit as front_door
from divulge.workflows import compare_defenses as comparison

pytestmark = pytest.mark.filterwarnings("ignore:left out:divulge.core.errors.Notice")

NAMED = ("threat", "recipe", "attacks", "seed")
"""Settings that `audit` names in its signature."""

VALUES: dict[str, list[Any]] = {
    "name": ["an audit"],
    "recipe": ["auto", "none", {"kind": "none"}],
    "threat": ["label-only", {"preset": "mlaas", "query_budget": 500, "access": ["label"]}],
    "attacks": [["loss"], ["loss", {"lira": {"shadows": 4}}], ["knockoff"]],
    "families": [["extraction"], ["membership", "property"]],
    "minutes": [2.5],
    "defenses": [["label_only"], [{"rounding": {"decimals": 1}}], [{"k_anonymity": {"k": 3}}, "label_only"]],
    "detectors": [["prada"]],
    "chain": [["membership"]],
    "reconstruction": [{"trials": 3, "batch": 2}],
    "properties": [["share(age > 0)"], {"properties": ["mean(age)"], "victims": 24, "values": [0.2, 0.4]}],
    "policy": ["serve-by-api", {"thresholds": {"auc": 0.2}, "confidence": 0.9}],
    "seed": [0, 5],
    "shadows": [4],
    "engine": ["sequential"],
    "jobs": [1],
    "cache": [False],
    "task": ["classification"],
    "output": [None],
    "pick": [None],
    "encrypted": [None],
    "average": [1, 2],
    "public": ["public.npz"],
    "sensitive": [["sex"]],
    "classes": [[0, 1]],
    "duplicates": ["drop", "keep"],
    "expect": [{"accuracy": 0.9}],
    "groups": ["who"],
    "reference": [None],
    "aggregate": ["max"],
}
"""Values as a file has them; those of networks, of encryption and of language models have tests of their own."""

CHANGING = ("name", "threat", "properties", "seed", "groups", "reconstruction", "policy", "expect", "jobs")
"""Keys that cannot go unnoticed by what is compared here."""

WRONG: dict[str, Any] = {
    "no such key": ("sensitive", "sensitve", ["sex"]),
    "nothing like a key": ("seed", "zzz", 1),
    "a number for a list": ("sensitive", "sensitive", 3),
    "a text for a list": ("attacks", "attacks", "loss"),
    "an unknown word": ("duplicates", "duplicates", "dorp"),
    "an unknown rule": ("aggregate", "aggregate", "median"),
    "a task": ("task", "task", "ranking"),
    "a threat model": ("threat", "threat", "everybody"),
    "a key of a threat model": ("threat", "threat", {"preset": "mlaas", "topk": 3}),
    "an access": ("threat", "threat", {"access": ["telepathy"]}),
    "an attack": ("attacks", "attacks", ["lose"]),
    "a number for an attack": ("attacks", "attacks", ["loss", 3]),
    "no attack": ("attacks", "attacks", []),
    "an attack's setting": ("attacks", "attacks", [{"loss": {"depth": 3}}]),
    "a family": ("families", "families", ["theft"]),
    "no time": ("minutes", "minutes", 0),
    "a defense": ("defenses", "defenses", ["roundin"]),
    "settings that are none": ("defenses", "defenses", [{"rounding": 3}]),
    "a detector": ("detectors", "detectors", ["padra"]),
    "a key of a plan": ("reconstruction", "reconstruction", {"trails": 3}),
    "too few victims": ("properties", "properties", {"victims": 3}),
    "no expression": ("properties", "properties", ["share(age >"]),
    "a policy": ("policy", "policy", "nowhere.yaml"),
    "a metric": ("policy", "policy", {"thresholds": {"acu": 0.1}}),
    "a key of a policy": ("policy", "policy", {"confidnce": 0.1}),
    "a text for a number": ("seed", "seed", "many"),
    "too few shadow models": ("shadows", "shadows", 1),
    "no question at all": ("average", "average", 0),
    "a cipher": ("encrypted", "encrypted", "rot13"),
    "a number for a column": ("groups", "groups", 3),
    "no such column": ("groups", "groups", "whom"),
    "what is no number": ("expect", "expect", {"accuracy": "high"}),
    "a way to train": ("recipe", "recipe", "automatic"),
    "a key of a recipe": ("recipe", "recipe", {"kind": "torch", "epoch": 3}),
    "a recipe without a function": ("recipe", "recipe", {"kind": "sklearn"}),
    "what a linear model does not return": ("pick", "pick", 1),
    "an engine": ("engine", "engine", "steam"),
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a model, its records, and what an audit file may name."""
    folder = tmp_path_factory.mktemp("workplace")
    rng = np.random.default_rng(0)
    frames = {}
    for number, (name, size) in enumerate((("members", 80), ("nonmembers", 80), ("population", 160))):
        table = pd.DataFrame(
            {"age": rng.normal(size=size), "sex": rng.integers(0, 2, size), "who": rng.integers(0, 40, size)}
        )
        table["who"] += 100 * number
        frames[name] = table.assign(y=(table["age"] + table["sex"] + rng.normal(size=size) > 0.5).astype(int))
        frames[name].to_csv(folder / f"{name}.csv", index=False)
        frames[name] = pd.read_csv(folder / f"{name}.csv")
    model = LogisticRegression().fit(frames["members"][["age", "sex"]], frames["members"]["y"])
    joblib.dump(model, folder / "model.joblib")
    np.savez(folder / "public.npz", x=rng.normal(size=(20, 2)), y=rng.choice(["p", "q"], 20))
    return folder, model, [(frame, "y") for frame in frames.values()]


@pytest.fixture(autouse=True)
def there(workplace, monkeypatch):
    monkeypatch.chdir(workplace[0])


class Reached(Exception):
    """An audit came as far as its job."""


def through_python(workplace, monkeypatch, /, **options) -> Job:
    """The job of `divulge.audit`, which is not played."""

    def caught(job, folder, **_):
        raise Reached(job)

    with monkeypatch.context() as patched:
        patched.setattr(front_door, "run_audit", caught)
        try:
            divulge.audit(workplace[1], *workplace[2], **options)
        except Reached as reached:
            return reached.args[0]
    raise AssertionError("no job")


def content_of(options: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "target": {"kind": "sklearn", "path": "model.joblib", "trust": True},
        "data": {name: f"{name}.csv" for name in ("members", "nonmembers", "population")} | {"target": "y"},
    }
    for name, value in options.items():
        place = content["data"] if name in DataSettings.model_fields else content
        (content["target"] if name in TargetSettings.model_fields else place)[name] = value
    return content


def through_a_file(options: dict[str, Any]) -> Job:
    audit = parsed(yaml.safe_dump(content_of(options)), "audit.yaml")
    return job_from_file(audit, Path(), tools=audit.options().resources)


def facts(job: Job) -> tuple[Any, ...]:
    """What an audit's results depend on, and what is kept beside them."""
    tools = job.resources
    return (
        job.fingerprint(),
        job.name,
        job.asked,
        dict(job.expect),
        job.own,
        job.policy.name,
        dict(job.policy.thresholds),
        job.reconstruction.fingerprints(),
        job.properties,
        job.persons,
        (tools.artifact_cache is None, tools.trainer.way, tools.trainer.jobs),
    )


def outcome(job_of, *args, **options) -> Any:
    try:
        return facts(job_of(*args, **options))
    except InputError as error:
        said = str(error).removeprefix("audit.yaml: ").removeprefix("data.").removeprefix("target.")
        return said.split("there are ")[0]


def test_every_key_has_values_here():
    assert set(VALUES) == set(Options.model_fields)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in VALUES.items() for value in values])
def test_a_key_means_the_same_in_a_file_and_in_python(key, value, workplace, monkeypatch):
    least = {"attacks": ["loss"]} if key not in ("attacks", "families", "minutes", "detectors", "chain") else {}
    least |= {"families": ["extraction"]} if key in ("detectors", "chain") else {}
    options = least | {key: value}
    here = facts(through_python(workplace, monkeypatch, **options))
    assert here == facts(through_a_file(options))
    if key in CHANGING and value:
        assert here != facts(through_python(workplace, monkeypatch, **least)), "and it changes something"


chosen = st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in VALUES.items()})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options=chosen)
def test_any_settings_are_the_same_job_or_the_same_complaint(options, workplace, monkeypatch):
    here = outcome(through_python, workplace, monkeypatch, **options)
    assert here == outcome(through_a_file, options)


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said_alike(kind, workplace, monkeypatch):
    like, key, value = WRONG[kind]
    content = content_of({like: None})
    place = next((content[part] for part in ("data", "target") if like in content[part]), content)
    del place[like]
    place[key] = value

    def file() -> Job:
        audit = parsed(yaml.safe_dump(content), "audit.yaml")
        return job_from_file(audit, Path(), tools=audit.options().resources)

    said = outcome(through_python, workplace, monkeypatch, **{key: value})
    in_file = outcome(file)
    assert isinstance(said, str) and isinstance(in_file, str) and "\n" not in said
    assert said == re.sub(r" \(line \d+\)", "", in_file)  # only a file has lines


def test_python_has_objects_where_a_file_has_names(workplace, monkeypatch):
    """Each pair is the same setting as a file and as Python has it."""
    x, y = (np.load("public.npz")[name] for name in "xy")
    pairs: dict[str, tuple[Any, Any]] = {
        "recipe": ("none", None),
        "attacks": ([{"lira": {"shadows": 4}}], [attack("lira", shadows=4)]),
        "threat": ("label-only", divulge.PRESETS["label-only"]),
        "defenses": ([{"rounding": {"decimals": 1}}], [defense("rounding", decimals=1)]),
        "reconstruction": ({"trials": 3}, RebuildPlan(3)),
        "properties": ({"properties": ["mean(age)"], "victims": 24}, PropertyPlan(("mean(age)",), victims=24)),
        "policy": ({"thresholds": {"auc": 0.2}}, Policy({**Policy().thresholds, "auc": 0.2})),
        "public": ("public.npz", (x, y)),
        "classes": ([0, 1], np.array([0, 1])),
        "sensitive": (["sex"], pd.Index(["sex"])),
        "duplicates": ("drop", Duplicates.DROP),
        "task": ("classification", Task.CLASSIFICATION),
        "seed": (3, np.int64(3)),
        "expect": ({"accuracy": 0.5}, {"accuracy": np.float32(0.5)}),
    }
    for name, (written, given_here) in pairs.items():
        least = {} if name == "attacks" else {"attacks": ["loss"]}
        there = facts(through_a_file(least | {name: written}))
        assert facts(through_python(workplace, monkeypatch, **least, **{name: given_here})) == there, name
        assert facts(through_python(workplace, monkeypatch, **least, **{name: written})) == there, name


def test_nothing_is_as_when_left_out(workplace, monkeypatch):
    bare = facts(through_python(workplace, monkeypatch, attacks=["loss"]))
    empty = dict.fromkeys([key for key in VALUES if key not in ("recipe", "attacks")])
    assert facts(through_python(workplace, monkeypatch, attacks=["loss"], **empty)) == bare
    assert facts(through_a_file({"attacks": ["loss"]} | empty)) == bare


def test_the_former_name_of_a_key_is_understood(workplace, monkeypatch):
    plan = {"properties": ["mean(age)"], "victims": 24}
    now = facts(through_python(workplace, monkeypatch, attacks=["loss"], properties=plan))
    with pytest.warns(DeprecationWarning, match="property is now called properties"):
        assert facts(through_a_file({"attacks": ["loss"], "property": plan})) == now
    with pytest.warns(DeprecationWarning, match="property is now called properties"):
        assert facts(through_python(workplace, monkeypatch, attacks=["loss"], property=plan)) == now
    with pytest.raises(InputError, match="property: no such key: did you mean 'properties'"):
        Options.of({"property": plan, "properties": plan})


def test_what_networks_return_is_said_in_both_ways(workplace, monkeypatch):
    torch = pytest.importorskip("torch")
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 2), nn.Softmax(1))
    torch.save(net.state_dict(), "net.pt")
    Path("net.py").write_text(
        "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Linear(2, 2), nn.Softmax(1))\n"
    )
    rng, pairs = np.random.default_rng(0), []
    for name in ("members", "nonmembers"):
        pairs.append((rng.normal(size=(60, 2)).astype(np.float32), rng.integers(0, 2, 60)))
        np.savez(f"{name}.npz", x=pairs[-1][0], y=pairs[-1][1])
    told = {"output": "probabilities", "pick": 0, "task": "classification"}
    content = {"target": {"kind": "torch", "path": "net.pt", "factory": "net.py:build"} | told, "attacks": ["loss"]}
    content |= {"data": {"members": "members.npz", "nonmembers": "nonmembers.npz"}, "recipe": "none"}
    filed = job_from_file(parsed(json.dumps(content), "audit.yaml"), Path())
    here = through_python((None, net, pairs), monkeypatch, attacks=["loss"], recipe=None, **told)
    other = through_python((None, net, pairs), monkeypatch, attacks=["loss"], recipe=None)
    assert here.fingerprint() == filed.fingerprint()
    assert filed.target.stated_task is here.target.stated_task is Task.CLASSIFICATION
    assert other.target.stated_task is None


def test_a_recipe_by_keys_may_name_its_function_or_hold_it(workplace, monkeypatch):
    Path("build.py").write_text(
        "from sklearn.tree import DecisionTreeClassifier as Tree\n\ndef build():\n    return Tree()\n"
    )
    scope: dict[str, Any] = {}
    exec(Path("build.py").read_text(), scope)
    written = through_a_file({"attacks": ["loss"], "recipe": {"kind": "sklearn", "factory": "build.py:build"}})
    for recipe in ({"kind": "sklearn", "factory": scope["build"]}, scope["build"]()):
        here = through_python(workplace, monkeypatch, attacks=["loss"], recipe=recipe)
        assert here.recipe.fingerprint() == written.recipe.fingerprint() and "Tree" in here.recipe.describe()
        assert here.fingerprint() == written.fingerprint() != through_a_file({"attacks": ["loss"]}).fingerprint()


def test_a_model_is_asked_under_encryption_from_both(workplace, monkeypatch):
    pytest.importorskip("tenseal")
    told = {"attacks": ["loss"], "encrypted": "ckks", "recipe": "none"}
    here, filed = through_python(workplace, monkeypatch, **told), through_a_file(told)
    assert here.fingerprint() == filed.fingerprint() != through_a_file(told | {"encrypted": None}).fingerprint()


def test_a_comparison_takes_the_same_settings(workplace, monkeypatch):
    compositions = [[], ["label_only"], [{"rounding": {"decimals": 1}}]]
    told = {
        "attacks": ["loss"],
        "shadows": 4,
        "seed": 2,
        "sensitive": ["sex"],
        "duplicates": "drop",
        "policy": "federated",
    }
    compare = {"defenses": compositions, "canaries": 0.2, "tuned": [2.0]}
    filed, listed = matrix_from_file(
        parsed(yaml.safe_dump(content_of(told) | {"compare": compare}), "audit.yaml"), Path()
    )
    caught = []

    def never(plan, chosen, folder, progress):
        caught.append((plan, chosen))
        raise Reached

    monkeypatch.setattr(comparison, "matrix", never)
    with pytest.raises(Reached):
        divulge.compare_defenses(workplace[1], *workplace[2], **told, **compare)
    ((plan, chosen),) = caught
    assert [len(part) for part in listed] == [len(part) for part in chosen] and plan.compare == filed.compare
    assert plan.sets.members.fingerprint() == filed.sets.members.fingerprint() and plan.name == filed.name
    same = set(ComparisonOptions.__annotations__) | set(NAMED) - {"recipe"}
    assert {key: getattr(plan.options, key) for key in same} == {key: getattr(filed.options, key) for key in same}
    for alone in set(AuditOptions.__annotations__) - set(ComparisonOptions.__annotations__) - {"defenses"}:
        with pytest.raises(InputError, match=f"{alone}: is no part of a comparison"):
            divulge.compare_defenses(workplace[1], *workplace[2], defenses=compositions, **{alone: VALUES[alone][0]})
    with pytest.raises(InputError, match=r"canaries: must be less than 0\.5"):
        divulge.compare_defenses(workplace[1], *workplace[2], defenses=[[]], canaries=0.5)


def test_type_checkers_see_the_options_of_the_model():
    assert set(AuditOptions.__annotations__) | set(NAMED) == set(Options.model_fields)
    assert set(CompareOptions.__annotations__) - set(ComparisonOptions.__annotations__) == {"canaries", "tuned"}
    assert {"canaries", "tuned"} < set(ComparePart.model_fields)
    for name, hint in get_type_hints(AuditOptions).items():
        assert words(Options.model_fields[name].annotation) <= words(hint), name


def words(annotation: Any) -> set[Any]:
    """What there is to choose from, and whether nothing is among it."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return set(inner)
    return set().union(*map(words, inner)) if origin in (Union, UnionType) else set()


PROGRAM = """
import divulge
divulge.audit(None, seed=1, minutes=3.0, policy={"confidence": 0.9}, duplicates="drop", properties=["size()"])
divulge.audit(None, duplicates="dorp")
divulge.audit(None, sensitve=["sex"])
"""


@pytest.mark.slow
def test_a_type_checker_refuses_what_the_model_refuses(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "mypy.ini").write_text("[mypy]\nfollow_imports = silent\nignore_missing_imports = true\n")
    checked = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "program.py"]
    place = {"MYPYPATH": str(Path(divulge.__file__).parent.parent), "MYPY_CACHE_DIR": "cache"}
    done = subprocess.run(checked, cwd=tmp_path, capture_output=True, text=True, env=os.environ | place)
    told = [line for line in done.stdout.splitlines() if "error:" in line]
    assert [line.split(":")[1] for line in told] == ["4", "5"] and "sensitve" in told[1], done.stdout + done.stderr


@pytest.mark.parametrize("call", [divulge.audit, divulge.compare_defenses])
def test_a_default_in_a_signature_is_the_model_s(call):
    signature = inspect.signature(call).parameters
    plain = {name: Options.model_fields[name].default for name in NAMED} | {"recipe": RecipePart().kind}
    assert {name: signature[name].default for name in NAMED} == plain


def test_plans_and_parts_have_the_same_defaults():
    assert ReconstructionPart().plan() == RebuildPlan() == Options().rebuilt
    assert PropertyPart().plan() == PropertyPlan() == Options().asked
    assert Options().tolerated == Policy()
    job = {field.name: field.default for field in fields(Job)}
    assert (job["seed"], job["aggregate"]) == (Options().seed, Options().aggregate)
    service = {field.name: field.default for field in fields(divulge.Service)}
    part = ServicePart(url="http://here")
    assert all(getattr(part, name) == service[name] for name in ("batch", "timeout", "tries", "rate", "concurrency"))


def test_options_are_explained_once():
    """By their descriptions, which the page of keys and the docstring repeat."""
    assert divulge.audit.__doc__ is not None and options_of_a_call() in divulge.audit.__doc__
    assert set(meanings(Options)) == set(Options.model_fields)
    for part in (AuditFile, *(kind for kind in (AuditSettings, DataSettings, TargetSettings))):
        assert set(meanings(part)) == set(part.model_fields)
        assert all(field.description for field in part.model_fields.values())


def test_a_setting_stands_in_one_group_only():
    groups = [set(kind.model_fields) for kind in (AuditSettings, DataSettings, TargetSettings)]
    assert sum(map(len, groups)) == len(set().union(*groups)) == len(Options.model_fields)
