"""Arguments of a call that stand elsewhere, or under other names: they are taken, or the cure is named."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.errors import InputError
from divulge.setup.sources.arguments import in_order

COLUMNS = list("abcd")


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    x = pd.DataFrame(rng.normal(size=(80, 4)), columns=COLUMNS)
    y = pd.Series((x["a"] + rng.normal(size=80) > 0).astype(int), name="label")
    model = DecisionTreeClassifier(random_state=0).fit(x[:40], y[:40])
    return model, x.assign(label=y)[:40], x.assign(label=y)[40:]


def figures(tmp_path, *given, **named):
    run = divulge.audit(*given, **{"recipe": None, "attacks": ["loss"], "progress": None, "out": tmp_path} | named)
    return [(f.metric, f.value) for f in run.findings]


def test_whole_frames_and_the_name_of_their_target_column(tables, tmp_path):
    model, inside, outside = tables
    expected = figures(tmp_path / "0", model, (inside, "label"), (outside, "label"))
    assert figures(tmp_path / "1", model, inside, outside, target="label") == expected
    assert figures(tmp_path / "2", model, members=inside, nonmembers=outside, target="label") == expected
    assert figures(tmp_path / "3", target=model, members=(inside, ["label"]), nonmembers=(outside, "label")) == expected
    lists = [[part[COLUMNS], part["label"]] for part in (inside, outside)]
    assert figures(tmp_path / "5", model, *lists) == expected
    numbered = [part.set_axis(range(5), axis=1) for part in (inside, outside)]
    plain = DecisionTreeClassifier(random_state=0).fit(inside[COLUMNS].to_numpy(), inside["label"])
    assert figures(tmp_path / "4", plain, numbered[0], numbered[1], target=4) == expected


def call(case, model, inside, outside):
    x, y = inside[COLUMNS].to_numpy(), inside["label"].to_numpy()
    pair = x, y
    return {
        "frames alone": lambda: divulge.audit(inside, outside, target="label"),
        "frames without a column": lambda: divulge.audit(model, inside, outside),
        "model second": lambda: divulge.audit(pair, model, pair),
        "model last": lambda: divulge.audit("members.csv", pair, model),
        "a function second": lambda: divulge.audit(pair, model.predict_proba, pair),
        "no model": lambda: divulge.audit(members=pair, nonmembers=pair),
        "model by name": lambda: divulge.audit(model=model, members=pair, nonmembers=pair),
        "four in a row": lambda: divulge.audit(model, x, y, x, y),
        "members twice": lambda: divulge.audit(model, pair, pair, members=pair),
        "labels by name": lambda: divulge.audit(model, members=inside, nonmembers=outside, label="label"),
        "train and test": lambda: divulge.audit(model, train=pair, test=pair),
        "paths": lambda: divulge.audit(model, "members.csv", "nonmembers.csv"),
        "an audit file": lambda: divulge.audit("audit.yaml", pair, pair),
        "a dictionary": lambda: divulge.audit(model, {"x": x, "y": y}, pair),
        "three of them": lambda: divulge.audit(model, (x, y, y), (x, y, y)),
        "a mask": lambda: divulge.audit(model, pair, y.astype(bool)),
        "no labels": lambda: divulge.audit(model, (x, None), (x, None)),
        "a column of an array": lambda: divulge.audit(model, (x, "label"), (x, "label")),
        "exchanged": lambda: divulge.audit(model, (y, x), (y, x)),
        "another column": lambda: divulge.audit(model, inside, outside, target="lable"),
        "two models": lambda: divulge.audit(model, pair, pair, target=model),
        "compared": lambda: divulge.compare_defenses(pair, model, pair, defenses=[[]]),
    }[case]


CURES = {
    "frames alone": "the model comes first, audit",
    "frames without a column": r"\(frame, 'column'\) says",
    "model second": "members is a DecisionTreeClassifier, which is a model: the model comes first",
    "model last": "nonmembers is a DecisionTreeClassifier",
    "a function second": "the model comes first",
    "no model": r"there is no model: audit\(model, members=",
    "model by name": "the model is the first argument",
    "four in a row": "5 things in a row: records go with their labels",
    "members twice": "members are given twice",
    "labels by name": r"members=\(frame, 'column'\)",
    "train and test": r"what was trained on is members=\(x, y\)",
    "paths": "read_csv",
    "an audit file": "divulge audit audit.yaml",
    "a dictionary": r"a dict of 'x', 'y': pass \(x, y\)",
    "three of them": "two things are meant",
    "a mask": r"nonmembers=\(x\[~mask\], y\[~mask\]\)",
    "no labels": "y is missing: pass one label",
    "a column of an array": "'label': pass one label",
    "exchanged": "exchanged",
    "another column": "there is no column 'lable'",
    "two models": "the model is given twice",
    "compared": r"the model comes first, compare_defenses\(model",
}


@pytest.mark.parametrize("case", CURES)
def test_other_orders_end_in_one_error_that_names_the_cure(tables, case):
    with pytest.raises(InputError, match=CURES[case]):
        call(case, *tables)()


def test_a_call_keeps_its_signature_and_what_it_is_given():
    @in_order
    def taken(target, members=None, *, seed=0):
        """Words."""
        return target, members, seed

    assert list(inspect.signature(taken).parameters) == ["target", "members", "seed"] and taken.__doc__ == "Words."
    assert taken("m", (1, 2), seed=3) == ("m", (1, 2), 3)
