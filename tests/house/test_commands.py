"""What the pages say to type, typed: every whole command, in the page's order, in one folder."""

from __future__ import annotations

import itertools
import os
import shlex
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier
from tests import forked
from tests.house.pages import PAGES, TUTORIALS, blocks, said
from tests.targets.server import App, serving

from divulge.claims.dataset_use import commitment_of

LEAST = """
target: {kind: sklearn, path: tree.joblib, trust: true}
data: {members: members.csv, nonmembers: nonmembers.csv, target: diagnosis}
recipe: {kind: sklearn, factory: "model.py:build"}
families: [membership]
attacks: [correctness, lira]
compare: {canaries: 0.1, tuned: [], defenses: [[], [{rounding: {decimals: 1}}]]}
"""
"""The audit file of the pages that speak of one and show none."""

BUILD = """
from sklearn.tree import DecisionTreeClassifier


def build():
    return DecisionTreeClassifier(random_state=0)
"""

ELSEWHERE = (
    "demo fashion",
    "demo census",
    "demo defenses",
    "demo synthetic",
    "demo language",
    "audit FILE",
    "attacks NAME",
    "audit --untrusted FILE",
    "canaries test audit.yaml --secret canaries/secret.json",
    "push latest s3://bucket/runs",
    "runs --at s3://bucket/runs",
    "pull s3://bucket/runs/20260101-120000-fraud",
    "gate 20260101-120000-fraud",
)
"""Played end to end by tests/cli/test_demos.py, by any audit of a tutorial, by tests/language/test_canaries.py or
tests/runs/test_storage.py.
"""

VERBS = ("claim used", "claim mint", "claim test")
"""Names of commands, said without what they work on."""


MAY = {"audit": (0, 1), "demo": (0, 3), "epsilon": (0, 1), "gate": (0, 1), "record": (0, 1)}
"""Exit codes of commands that worked: 1 is a leak or a broken rule, 3 a demonstration that had too few minutes."""


def whole(page):
    """The commands of a page that can be typed as they stand."""
    return [c for c in said(page) if " " in c and c not in ELSEWHERE and c not in VERBS]


TYPED = [page for page in PAGES if page.name != "CHANGELOG.md" and whole(page)]
LONG = (
    "README",
    "decision",
    "defenses",
    "membership",
    "model-owner",
    "privacy-officer",
    "researcher",
    "services",
    "worst-record",
)
PARAMETERS = [pytest.param(page, id=page.stem, marks=pytest.mark.slow if page.stem in LONG else ()) for page in TYPED]


@pytest.fixture
def service(workplace):
    """The service of docs/services.md: the pipeline behind the protocol of KServe."""
    pipeline = joblib.load(workplace / "pipeline.joblib")
    names = list(pipeline.feature_names_in_)

    def unpack(content):
        (tensor,) = content["inputs"]
        return np.reshape(tensor["data"], tensor["shape"])

    def answer(rows):
        return pipeline.predict_proba(pd.DataFrame(rows.astype(float), columns=names)).tolist()

    def pack(rows):
        tensor = {
            "name": "output-0",
            "datatype": "FP32",
            "shape": list(np.shape(rows)),
            "data": list(itertools.chain.from_iterable(rows)),
        }
        return {"model_name": "tumour", "outputs": [tensor]}

    with serving(App(answer, unpack, pack)) as url:
        yield url


def placed(workplace, page, url):
    """The page's files, and those of the reader's that it takes for granted."""
    (workplace / "model.py").write_text(BUILD)
    (workplace / "audit.yaml").write_text(LEAST)
    members = pd.read_csv(workplace / "members.csv")
    tree = DecisionTreeClassifier(random_state=0).fit(members.drop(columns="diagnosis"), members["diagnosis"])
    joblib.dump(tree, workplace / "tree.joblib")
    (workplace / "records.csv").write_bytes((workplace / "members.csv").read_bytes())
    (workplace / "docs" / "pictures").mkdir(parents=True)
    for block in blocks(page.read_text(), "yaml"):
        name = block.split()[1].rstrip(":")
        if block.startswith("#") and "kind:" in block:
            here = block.replace("http://127.0.0.1:8080/v2/models/tumour/infer", url).replace("rate: 10 ", "rate: 500 ")
            (workplace / name).write_text(here)


def typed(words):
    """Standing for the reader: RUN is a run that is there, the commitment the one that was printed."""
    runs = sorted((p.parent for p in Path().glob("*/*/run.json")), key=lambda p: p.stat().st_mtime)
    for word in words:
        if word.startswith("RUN"):
            yield str(runs[-1])
        elif word == "3f5a...":
            yield commitment_of(Path("canaries/secret.json"))
        else:
            yield word


def ran(command):
    environment = os.environ | {"SERVICE_TOKEN": "secret"}
    return forked.run(["-m", "divulge.cli.app", *typed(shlex.split(command))], env=environment)


@pytest.mark.parametrize("page", PARAMETERS)
def test_every_command_of_a_page_runs(workplace, service, page):
    placed(workplace, page, service)
    for block in blocks(page.read_text(), "python") if page in TUTORIALS else []:
        done = forked.run(["-c", block])
        assert done.returncode == 0, done.stderr
    if any("RUN" in c for c in whole(page)) and "audit" not in whole(page)[0] and "demo" not in whole(page)[0]:
        assert ran("audit audit.yaml").returncode == 1
    for command in (part for c in whole(page) for part in c.split(" && divulge ")):
        done = ran(command)
        may = MAY.get(command.split()[0], (0,))
        assert done.returncode in may, f"divulge {command}\n{done.stdout}\n{done.stderr}"


def test_what_is_not_typed_here_is_typed_elsewhere():
    demos = (Path(__file__).parent.parent / "cli" / "test_demos.py").read_text()
    assert all(f'"{name}"' in demos for name in ("fashion", "census", "defenses"))
