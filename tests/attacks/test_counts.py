"""Published counts as a target: equations by hand, closed forms, counts of other people, and whole audits."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import divulge
from divulge.attacks.membership.aggregates.share_likelihood import log_ratio
from divulge.attacks.reconstruction.aggregates.asked import equations
from divulge.attacks.reconstruction.aggregates.differencing import differing
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.errors import InputError
from divulge.core.results.finding import Verdict
from divulge.core.threat import PRESETS, Access
from divulge.core.views.membership import Auxiliary, MembershipView
from divulge.data.arrays import from_arrays
from divulge.stats.auc import auc
from divulge.targets.count_table import CountTable
from divulge.training.recipes.counting import CountingRecipe

from divulge.core.results.trials import Scored  # isort: skip


def records(*frames):
    return from_arrays([(frame, np.zeros(len(frame), dtype=int)) for frame in frames], labeled=False)


def people(count, seed):
    """An illness that depends on the age, and two columns that do not."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, count)
    return pd.DataFrame(
        {
            "age": age,
            "town": rng.choice(["north", "south", "east", "west"], count),
            "sex": rng.choice(["f", "m"], count),
            "ill": np.where(rng.random(count) < age / 200, "yes", "no"),
        }
    )


def counted(frame, *tables):
    parts = [frame.groupby(list(t)).size().rename("count").reset_index() for t in tables]
    return pd.concat(parts, ignore_index=True)


FINE = (("age", "town", "ill"), ("age", "sex"), ("town", "sex", "ill"))


# What a table of counts says


def test_cells_are_values_ranges_and_everything():
    (held,) = records(pd.DataFrame({"age": [17, 30, 39, 65], "town": list("abab"), "owns": [True, False, True, True]}))
    cells = pd.DataFrame(
        {
            "age": ["", "<18", "30-39", "[30, 39)", "65+", "30", ">=39", "*"],
            "town": ["", "", "b", "", "", "", "", "a"],
            "owns": ["", "", "", "", "yes", "False", "", ""],
            "count": ["4", "1", "1", "<5", "1", "1", "1,000", "2"],
        }
    )
    target = CountTable(cells)
    counts = target.counts(held.schema)
    assert target.hidden == 1 and counts.values.tolist() == [4, 1, 1, 1, 1, 1000, 2]
    assert counts.holds(held.x).sum(axis=0).tolist() == [4, 1, 1, 1, 1, 2, 2]
    assert counts.people(99) == 4 and counts.as_shares(99)[1] == 0.25


def test_shares_are_of_everybody():
    (held,) = records(pd.DataFrame({"town": list("abab")}))
    counts = CountTable({"town": ["a"], "share": ["0.5"]}).counts(held.schema)
    assert counts.as_numbers(4).tolist() == [2.0] and counts.as_shares(4).tolist() == [0.5]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"town": ["a"]}, "give a column `count`, or one `share`"),
        ({"town": ["a"], "count": ["many"]}, "'many' in column 'count', row 1, is no number"),
        ({"town": ["a"], "share": ["50"]}, "divide percentages by 100"),
        ({"town": ["a", "b"], "count": ["<5", ""]}, "no number in any row"),
    ],
)
def test_what_is_no_table_of_counts_is_refused(cells, why):
    with pytest.raises(InputError, match=why):
        CountTable(cells)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"city": ["a"], "count": ["1"]}, "no column 'city'; theirs are age, town"),
        ({"town": ["A", "B"], "count": ["1", "2"]}, "in column 'town' any of A, B; there are a, b: write them alike"),
        ({"age": ["young"], "count": ["1"]}, "'young' in column 'age' is neither a number nor a range"),
    ],
)
def test_what_does_not_fit_the_records_is_refused_before_anything_is_attacked(cells, why):
    frame = pd.DataFrame({"age": range(40), "town": list("abab") * 10})
    with pytest.raises(InputError, match=why):
        divulge.audit(CountTable(cells), frame[:20], frame[20:], frame, progress=None)


# Equations by hand


def test_the_likelihood_ratio_by_hand():
    """One cell, 1 of 9 usually, drawn in by half a person: 0.15; 3 of 9 counted, drawn in by one such: 0.315."""
    found = log_ratio(np.array([[1.0], [0.0]]), np.array([3 / 9]), np.array([1 / 9]), 9, 9)
    assert found == pytest.approx([np.log(0.315 / 0.15), np.log(0.685 / 0.85)])


def test_the_equations_about_a_value_leave_it_out_of_who_may_be_counted():
    (held,) = records(pd.DataFrame({"town": list("aabb"), "ill": ["yes", "no", "no", "no"]}))
    cells = {"town": ["a", "b", "", "a"], "ill": ["yes", "yes", "no", ""], "count": ["1", "0", "3", "2"]}
    asked = equations(CountTable(cells).counts(held.schema), held, 1, 4)
    assert asked.people.T.tolist() == [[True, True, False, False], [False, False, True, True], [True] * 4]
    assert asked.numbers.tolist() == [1, 0, 3] and asked.allowed.sum() == 3
    assert held.schema.columns[1].categories[int(asked.usual)] == "no"


def test_a_count_less_another_tells_of_the_one_they_differ_in():
    sets = np.zeros((3, 12), dtype=bool)
    sets[0, [0, 3, 11]], sets[1, [0, 3]], sets[2, 9] = True, True, True
    assert differing(sets, np.array([2.0, 1.0, 0.0])) == {9: 0.0, 11: 1.0}


# Who was counted


def scored(name, frames, columns):
    inside, outside, public = records(*frames)
    cells = pd.concat([counted(frames[0], (c,)) for c in columns], ignore_index=True)
    candidates = records(pd.concat(frames[:2], ignore_index=True), frames[2])[0]
    target = CountTable(cells)
    view = MembershipView(
        GrantedOracle(target, PRESETS["published-counts"], Access.COUNTS),
        candidates,
        np.random.default_rng(0),
        attack(name).card.needs,
        Auxiliary(public),
    )
    member, unit = np.arange(len(candidates)) < len(inside), np.arange(len(candidates))
    assert len(outside) == (~member).sum()
    return auc(Scored(attack(name).run(view).scores, member, unit, unit)).value


@pytest.mark.parametrize("name", ["homer", "traceability", "share_likelihood"])
def test_who_was_counted_is_told_as_often_as_derived(name):
    """Of d independent columns, each as likely as not, of n people: AUC = Phi(sqrt(d / n) / sqrt(2)), of all three."""
    columns, members = 60, 60
    known = norm.cdf(np.sqrt(columns / members) / np.sqrt(2))
    areas = []
    for seed in range(3):
        x = np.random.default_rng(seed).integers(0, 2, (2 * members + 3000, columns))
        frame = pd.DataFrame(np.where(x, "yes", "no"), columns=[f"c{k}" for k in range(columns)])
        sides = (frame[:members], frame[members : 2 * members], frame[2 * members :])
        areas.append(scored(name, sides, frame.columns))
    assert np.mean(areas) == pytest.approx(known, abs=0.05)


def test_counts_of_others_list_the_cells_that_these_fill():
    """A list of cells without empty ones is made of whom it counts, and says who was not; so are those of a control."""
    frame = pd.DataFrame({"age": [20, 30, 40, 50], "town": list("abab")})
    held, others = records(frame, pd.DataFrame({"age": [20, 35, 35, 90], "town": list("bbaa")}))
    cells = {"age": ["20", "30", "", "", ""], "town": ["", "", "a", "b", ""], "count": ["1", "1", "2", "2", "4"]}
    recipe = CountingRecipe(CountTable(cells).counts(held.schema))
    made = recipe.fit(others, 0)
    assert made.values.tolist() == [1, 2, 1, 2, 2, 4]
    everybody = recipe.overfitted().fit(others, 0)
    assert len(everybody.cells) == 10 and everybody.values[6:].tolist() == [1, 1, 1, 1]
    listed = cells | {"count": ["1", "1", "2", "0", "4"]}
    assert len(CountingRecipe(CountTable(listed).counts(held.schema)).fit(others, 0).cells) == 6
    with_ranges = {"age": ["18-39", "40+"], "count": ["2", "2"]}
    assert CountingRecipe(CountTable(with_ranges).counts(held.schema)).fit(others, 0).values.tolist() == [3, 1]


# Whole audits


def audited(cells, tmp_path, seed=0, count=150, **settings):
    frame = people(4 * count, seed)
    sides = (frame[:count], frame[count : 2 * count], frame[2 * count :])
    how = {"families": ["membership", "reconstruction"], "duplicates": "keep", "progress": None} | settings
    return divulge.audit(CountTable(cells(sides)), *sides, out=tmp_path / "run", **how)


def test_fine_counts_leak_and_both_controls_are_played(tmp_path):
    run = audited(lambda sides: counted(sides[0], *FINE), tmp_path, sensitive=["ill"])
    assert run.verdict is Verdict.LEAK and run.result.facts.threat.name == "published-counts"
    found = {f.attack: f for f in run.findings if f.key == "auc" or f.about == "ill"}
    assert set(found) == {"differencing", "homer", "linear_program", "share_likelihood", "traceability"}
    assert found["share_likelihood"].value > 0.75 and found["share_likelihood"].positive_control > 0.8
    assert found["linear_program"].value > 0.9 and found["linear_program"].verdict is Verdict.LEAK
    assert 0.4 < found["share_likelihood"].control < 0.6
    assert found["differencing"].value > found["differencing"].chance


def test_coarse_counts_are_called_no_leak(tmp_path):
    def coarse(sides):
        return counted(sides[0], ("town",), ("sex",), ("town", "ill"))

    run = audited(coarse, tmp_path, seed=2, count=400)
    assert run.verdict is Verdict.NOT_FOUND and not run.result.handshake.concerns


def test_noise_hides_what_fine_counts_tell(tmp_path):
    def noisy(sides):
        cells = counted(sides[0], *FINE)
        return cells.assign(count=cells["count"] + np.random.default_rng(0).laplace(0, 30, len(cells)))

    with_noise = audited(noisy, tmp_path, seed=3, attacks=["share_likelihood", "linear_program"], families=None)
    assert with_noise.verdict is not Verdict.LEAK


@pytest.mark.parametrize("how", ["others", "another form"])
def test_counts_of_other_people_are_no_all_clear(how, tmp_path):
    """Counts of the population, or of nobody: nothing is found, and that says nothing of the members."""

    def other(sides):
        if how == "others":
            return counted(sides[2][: len(sides[0])], *FINE)
        cells = counted(sides[0], ("age",), ("town",))
        return cells.assign(age=cells["age"] + 1000, count=cells["count"].sample(frac=1, random_state=0).to_numpy())

    run = audited(other, tmp_path, seed=4)
    assert run.verdict is Verdict.NOT_MEASURABLE
    assert run.result.handshake.concerns[0].kind == "form"


def test_false_leaks_over_counts_of_others_are_rare():
    """40 tables of other people's counts, by attacks alone: intervals that leave a half out above, 2.5 % by chance."""
    above = []
    for seed, name in itertools.product(range(20), ("homer", "share_likelihood")):
        frame = people(900, 100 + seed)
        sides = (frame[:150], frame[150:300], frame[300:])
        inside, _, public = records(*sides)
        like = CountTable(counted(sides[0], *FINE)).counts(inside.schema)
        target = _of(CountingRecipe(like).fit(public.take(np.arange(150)), 0))
        candidates = records(pd.concat(sides[:2], ignore_index=True), sides[2])[0]
        oracle = GrantedOracle(target, PRESETS["published-counts"], Access.COUNTS)
        card = attack(name).card
        view = MembershipView(oracle, candidates, np.random.default_rng(0), card.needs, Auxiliary(public))
        unit = np.arange(300)
        area = auc(Scored(attack(name).run(view).scores, unit < 150, unit, unit))
        above.append(area.interval(0.05)[0] > 0.5)
    assert np.mean(above) <= 0.1


def _of(made):
    from divulge.targets.count_table import CountsOf

    return CountsOf(made)


AUDIT = """
counts: counts.csv
data:
  members: members.csv
  nonmembers: others.csv
  population: population.csv
  sensitive: [ill]
  duplicates: keep
"""


def test_an_audit_file_names_counts_and_an_interrupted_run_is_resumed(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from divulge.cli.app import app

    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    frame = people(600, 5)
    sides = {"members": frame[:150], "others": frame[150:300], "population": frame[300:]}
    for name, table in (*sides.items(), ("counts", counted(sides["members"], *FINE))):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "audit.yaml").write_text(AUDIT, encoding="utf-8")
    runs = tmp_path / "runs"
    done = CliRunner().invoke(app, ["audit", str(tmp_path / "audit.yaml"), "--out", str(runs)])
    assert "read off the release" in done.output and done.exit_code in (0, 1), done.output
    (run,) = (path for path in runs.iterdir() if path.is_dir())
    first = [(f.attack, f.value, f.verdict) for f in divulge.Run.open(run).findings]
    (run / "complete.json").unlink()
    for outcome in sorted((run / "outcomes").iterdir())[:2]:
        outcome.unlink()
    resumed = CliRunner().invoke(app, ["audit", "--resume", str(run)])
    assert resumed.exit_code == done.exit_code, resumed.output
    assert [(f.attack, f.value, f.verdict) for f in divulge.Run.open(run).findings] == first
    gated = CliRunner().invoke(app, ["gate", str(run)])
    assert gated.exit_code == 1 and "linear_program" in gated.output, gated.output
