"""One record at a time: leaks worked out by hand come out, a record that leaves no trace is not accused, and what is
chosen is chosen on other trainings than it is judged on.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier
from tests.cli.test_endings import run

import divulge
from divulge.claims import worst_record as one
from divulge.claims.record_trainings import units_in
from divulge.core.errors import InputError
from divulge.core.results.finding import CLAIM, Verdict
from divulge.core.results.metric import RECORD_NAMED
from divulge.data.arrays import from_arrays
from divulge.runs.gate import judge
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.targets_from import target_from


def noisy_sum(x, y, seed):
    """A model that releases the sum of its records under standard normal noise: as a logit, whatever is asked."""
    total = x[:, 0].sum() + np.random.default_rng(seed).normal()
    one = 1 / (1 + np.exp(-total))
    return lambda asked: np.tile([1 - one, one], (len(asked), 1))


def heavy(weight, records=60):
    """All records are 0 but the first."""
    x = np.zeros((records, 1))
    x[0] = weight
    return x, np.r_[1, np.arange(records - 1) % 2]


def apart(persons=40, rows=1):
    """Two classes that lie apart, and a record of the second class amid the first."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(persons) % 2, rows)
    x = rng.normal(size=(persons * rows, 2)) + 10 * y[:, None]
    y[0] = 1
    return x, y


@pytest.mark.parametrize("game", ["resampled", "same"])
def test_a_noisy_sum_gives_the_rates_of_two_normal_distributions(game):
    """With the record the logit is normal around 2, without it around 0: named beyond 1, Phi(1) and Phi(-1)."""
    found = divulge.worst_record(noisy_sum, heavy(2.0), rows=[0], game=game, trials=600).worst
    assert abs(found.tpr.value - stats.norm.cdf(1)) < 0.06 and abs(found.fpr.value - stats.norm.cdf(-1)) < 0.06
    assert found.low < stats.norm.cdf(1) - stats.norm.cdf(-1) < found.high
    assert found.low > 0.5


def test_the_nearest_neighbor_names_a_mislabeled_record_with_certainty():
    found = divulge.worst_record(KNeighborsClassifier(1), apart(), references=16, trials=32, candidates=1)
    assert found.worst.row == 0 and found.verdict == "leak"
    assert found.worst.tpr.value == 1.0 and found.worst.fpr.value == 0.0
    assert "5 of the 5 records most like it are of another class" in found.worst.why


def test_a_model_that_ignores_its_records_names_nobody():
    model = DummyClassifier(strategy="constant", constant=1)
    found = divulge.worst_record(model, apart(), references=16, trials=64, candidates=2)
    assert found.verdict == "not found" and all(each.advantage == 0 for each in found.records)


def test_a_record_that_weighs_nothing_is_hardly_ever_accused():
    found = [
        divulge.worst_record(noisy_sum, heavy(0.0, 30), references=16, trials=32, seed=seed, tolerated=0.0).verdict
        for seed in range(25)
    ]
    assert found.count("leak") <= 2


def test_the_most_exposed_is_chosen_and_the_choice_sees_no_trial():
    x, y = apart()
    few = divulge.worst_record(KNeighborsClassifier(1), (x, y), references=16, trials=16, candidates=3)
    more = divulge.worst_record(KNeighborsClassifier(1), (x, y), references=16, trials=48, candidates=3)
    assert {each.row for each in few.records} == {each.row for each in more.records}
    assert 0 in {each.row for each in few.records}


def test_outliers_are_chosen_without_training():
    x, y = apart()
    x[7] = 100.0
    found = divulge.worst_record(
        KNeighborsClassifier(1), (x, y), rule="outliers", references=16, trials=16, candidates=1
    )
    assert found.worst.row == 7 and found.rule == "outliers"


def test_a_person_is_in_a_training_with_all_their_records_or_with_none():
    x, y = apart(30, rows=2)
    (members,) = from_arrays([(x, y)])
    members = one.replace(members, groups=np.repeat(np.arange(30), 2))
    assert len(units_in(members)) == 30
    recipe = recipe_for(KNeighborsClassifier(1), None, target_from(KNeighborsClassifier(1).fit(x, y)))
    plan = one.RecordPlan(rows=(0,), references=16, trials=32)
    found = one.audited_records(recipe, members, None, plan).worst
    assert found.row == 0 and found.advantage > 0.5


def test_too_few_trials_are_not_measurable():
    """Sixteen trials show an advantage of 0.35 at most."""
    found = divulge.worst_record(
        KNeighborsClassifier(1), apart(), rows=[0], references=16, trials=16, tolerated=0.4, confidence=0.99
    )
    assert found.verdict == "not measurable"


def test_the_run_says_what_python_says(tmp_path):
    given = {"references": 16, "trials": 64, "candidates": 2}
    where = tmp_path / "run"
    found = divulge.worst_record(KNeighborsClassifier(1), apart(), out=where, **given)
    opened = divulge.Run.open(where)
    assert opened.verdict is Verdict.LEAK and found.verdict == "leak"
    low = {f.attack: f.low for f in opened.findings}
    assert max(low.values()) == found.worst.low and {f.metric for f in opened.findings} == {RECORD_NAMED}
    assert all(f.game == CLAIM for f in opened.findings)
    report = opened.report(tmp_path / "report.md", format="md").read_text()
    assert "A single record can be named" in report and f"the record in row {found.worst.row}" in report
    assert "in whatever company" in report and "others were" not in report
    assert judge(where).broken
    again = divulge.worst_record(KNeighborsClassifier(1), apart(), resume=where, **given)
    assert again == found and again.run == where
    with pytest.raises(InputError, match="another claim"):
        divulge.worst_record(KNeighborsClassifier(1), apart(), resume=where, **{**given, "trials": 32})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rows": [40]}, "no row 40"),
        ({"rows": [1, 1]}, "named twice"),
        ({"candidates": 0}, "0 records"),
        ({"trials": 8}, "16 at least"),
        ({"references": 17}, "even number"),
        ({"rule": "loudest"}, "exposed or outliers"),
        ({"game": "chess"}, "resampled or same"),
        ({"tolerated": 1.0}, "between 0 and 1"),
        ({"game": "same", "rows": [0], "references": 16, "trials": 16}, "no chance in it"),
    ],
)
def test_bad_input_names_the_cure(given, said):
    with pytest.raises(InputError, match=said):
        divulge.worst_record(KNeighborsClassifier(1), apart(), **given)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    import joblib
    import pandas as pd

    x, y = apart(80)
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(ill=y)
    frame[:40].to_csv(tmp_path / "members.csv", index=False)
    frame[40:].to_csv(tmp_path / "nonmembers.csv", index=False)
    joblib.dump(DecisionTreeClassifier(random_state=0).fit(frame[:40][["a", "b"]], y[:40]), tmp_path / "tree.joblib")
    content = {"target": {"kind": "sklearn", "path": "tree.joblib", "trust": True}}
    content["data"] = {"members": "members.csv", "nonmembers": "nonmembers.csv", "target": "ill"}
    (tmp_path / "audit.yaml").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_names_the_record_and_ends_with_1(workplace, capsys):
    asked = ["record", "audit.yaml", "--candidates", 1, "--references", 16, "--trials", 32, "--no-cache"]
    code, out, err = run(asked, capsys)
    assert code == 1 and "▲ row 0 (1): named in 16 of 16 trainings with it and 0 of 16 without" in out, out + err
    assert "report.html" in out
    code, out, _ = run([*asked, "--json", "--seed", 1], capsys)
    assert code == 1 and json.loads(out)["records"][0]["row"] == 0
    code, _, err = run(["record", "audit.yaml", "--rows", "zero"], capsys)
    assert code == 2 and "--rows 3,17" in err
