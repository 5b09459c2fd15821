"""What release would leak less: other tables, attacked like the one that was published."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.attacks.release_tables import people

import divulge
from divulge.core.results.audit_result import Mitigation
from divulge.core.results.finding import Reading, Verdict
from divulge.data.arrays import from_arrays
from divulge.explain.rare_values import rare
from divulge.explain.releases import NO_TIME, OtherReleases, coarsening, learned_from, without_column
from divulge.report.next_steps import steps
from divulge.report.releases.advice import _best, steps_of
from divulge.setup.assemble import job_from_records
from divulge.setup.settings import Options
from divulge.setup.sources.records_from import records_from
from divulge.setup.sources.targets_from import target_from
from divulge.workflows.synthesizers import bootstrap

HALF, TENTH = "half as many rows", "a tenth of the rows"


def records_of(*frames):
    return from_arrays([(frame, np.zeros(len(frame))) for frame in frames], labeled=False)


def audit(path, released, sides, attacks=("exact_hits", "copied_rows"), **how):
    return divulge.audit(
        released, *sides, threat="synthetic-data", attacks=list(attacks), duplicates="keep", out=path, **how
    )


def sides_of(seed, sizes=(400, 400, 400)):
    rng = np.random.default_rng(seed)
    return [people(size, rng) for size in sizes]


def rows_of(run, game):
    return {row.knob: row for row in run.result.mitigations if row.family == game}


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """Every training row, once."""
    sides = sides_of(0)
    return audit(tmp_path_factory.mktemp("copied") / "r", sides[0].sample(frac=1, random_state=0), sides)


def test_half_of_the_rows_show_half_of_the_people(copied):
    """Derivable: a share p of the members stands there, and nobody else: the AUC is (1 + p) / 2, the share copied p."""
    rows = rows_of(copied, "membership")
    assert rows[HALF].before.value == 1.0 and rows[HALF].after.value == pytest.approx(0.75)
    assert rows[TENTH].after.value == pytest.approx(0.55)
    assert rows[HALF].share == pytest.approx(0.5) and rows[TENTH].share == pytest.approx(0.9)
    stand = rows_of(copied, "reconstruction")
    assert stand[HALF].before.value == 1.0 and stand[HALF].after.value == 0.5
    assert rows[HALF].price.startswith("models that learn from the table are right about ")
    assert rows[HALF].kept == pytest.approx(1.0, abs=0.2)


def test_noise_takes_the_leak_and_the_page_says_what_to_do_first(copied, tmp_path):
    rows = rows_of(copied, "membership")
    private = next(row for knob, row in rows.items() if knob.endswith("epsilon 1"))
    assert private.after.low < 0.5 + 0.06 and private.share > 0.85
    first = copied.report(tmp_path / "r.md").read_text()
    assert "This release gives away more than" in first and "compare --defenses" not in first
    assert "1. Release " in first
    for words in ("differential privacy of epsilon 0.1 or less", "stands in the release to the letter", "most at risk"):
        assert words in first
    decision = copied.report(tmp_path / "d.md", page="decision").read_text()
    assert "the release gives away more" in decision


def test_a_column_that_tells_who_it_is_is_named(tmp_path):
    """Of every training row the number alone stands in the release: without it there is nothing left."""
    rng = np.random.default_rng(1)
    sides = [each[["kind"]].assign(number=rng.normal(size=400)) for each in sides_of(1)]
    released = people(400, rng)[["kind"]].assign(number=sides[0]["number"])
    run = audit(tmp_path / "r", released, sides, ("closest_record", "domias"))
    rows = rows_of(run, "membership")
    left = rows["number left out of the table"]
    assert left.before.value > 0.62 and abs(left.after.value - 0.5) < 0.06 and left.share > 0.6
    others = [row.share for knob, row in rows.items() if knob.endswith("out of the table") and row is not left]
    assert max(others) < left.share / 2
    assert any("make number coarser" in each.in_short for each in steps_of(run.result))


def test_where_nothing_leaks_no_other_release_is_looked_for(tmp_path):
    run = audit(tmp_path / "r", people(400, np.random.default_rng(9)), sides_of(2))
    assert run.verdict is not Verdict.LEAK and run.result.mitigations == ()
    assert steps_of(run.result) == []


def test_people_who_are_left_out_are_left_out_on_both_sides(tmp_path):
    """A generator that gives its rows again does so without them, too: whoever stays is found as before."""
    sides = sides_of(3, (300, 300, 300))
    released = sides[0].sample(300, replace=True, random_state=0)
    run = audit(tmp_path / "r", released, sides, recipe=bootstrap)
    row = next(row for knob, row in rows_of(run, "membership").items() if knob.startswith("the tenth of the people"))
    known = 0.5 + (1 - np.exp(-1)) / 2
    assert row.before.value == pytest.approx(known, abs=0.05)
    assert row.after.value > row.before.value - 0.05, "as many rows are drawn of fewer people"


def test_what_there_is_no_time_for_says_so(copied):
    sides = sides_of(0)
    target = target_from(sides[0], None)
    options = Options.of({"threat": "synthetic-data", "attacks": ["exact_hits"], "duplicates": "keep"})
    job = job_from_records(target, records_from(target, *sides), options)
    slow = [replace(outcome, seconds=10.0) for outcome in copied.result.outcomes]
    rows = list(OtherReleases(job, 1, lambda: 1.0).all(copied.result.findings, slow))
    assert rows and all(row.reason == NO_TIME and row.after is None for row in rows)


def test_what_can_be_learned_by_hand():
    rng = np.random.default_rng(0)
    side = rng.choice(["a", "b"], 800)
    told = pd.DataFrame({"one": side, "two": side})
    lot = pd.DataFrame({"one": side, "two": rng.permutation(side)})
    table, others, noise = records_of(told[:400], told[400:], lot[:400])
    assert learned_from(table, others) == 1.0
    assert learned_from(noise, records_of(told, lot)[1]) == pytest.approx(0.5, abs=0.12)
    assert learned_from(records_of(told[:1].iloc[np.zeros(50, int)])[0], others) == pytest.approx(0.5, abs=0.06)


def test_coarsening_by_hand():
    """A hundred numbers in ten groups: each has the middle of its own; what one in a hundred has is put together."""
    frame = pd.DataFrame({"n": np.arange(300.0), "c": ["x"] * 298 + ["y", "z"], "k": [True, False] * 150})
    (records,) = records_of(frame)
    coarse = coarsening(records)(records)
    groups = np.unique(coarse.x[:, 0])
    assert len(groups) == 10 and groups[0] == pytest.approx(14.5, abs=1) and groups[-1] == pytest.approx(284.5, abs=1)
    assert len(np.unique(coarse.x[298:, 1])) == 1 and len(np.unique(coarse.x[:, 1])) == 2
    assert (coarse.x[:, 2] == records.x[:, 2]).all()
    assert coarsening(without_column(0, without_column(1, records))) is None
    assert (without_column(1, records).x[:, 1] == 0).all()


def test_rare_values_by_hand():
    frame = pd.DataFrame({"n": np.arange(200.0), "c": ["x"] * 198 + ["y", "y"], "one": [1.0] * 200})
    found = rare(records_of(frame)[0])
    assert set(found) == {0, 1}
    assert np.flatnonzero(found[0]).tolist() == [0, 1, 198, 199] and np.flatnonzero(found[1]).tolist() == [198, 199]


def test_a_release_that_is_still_useful_comes_before_one_that_hides_more():
    class Result:
        mitigations = ()

    def row(knob, after, kept):
        reading = Reading(0.9, 0.8, 1.0), Reading(after, 0.5, 1.0)
        return Mitigation("membership", "domias", "auc", "", knob, 0.5, *reading, 0.5, kept=kept)

    rows = [row("useless", 0.5, 0.4), row("useful", 0.6, 0.95)]
    Result.mitigations = tuple(rows)
    assert _best(Result, rows).knob == "useful"
    assert _best(Result, rows[:1]).knob == "useless" and _best(Result, []) is None


def test_a_release_that_cures_every_leak_comes_before_one_that_leaves_half_of_it(copied):
    """A useful table that keeps half of the leak is no cure where another takes nine tenths and can be worked with; one
    that nothing can be learned from is none either.
    """

    def row(knob, after, kept, metric="auc"):
        reading = Reading(0.9, 0.8, 1.0), Reading(after, after - 0.1, after + 0.1)
        return Mitigation("membership", "domias", metric, "", knob, 0.5, *reading, 0.5, kept=kept)

    half, cure, useless = row("fewer", 0.7, 1.0), row("noise", 0.52, 0.85), row("more noise", 0.5, 0.4)
    for rows in ([half, cure, useless], [useless, cure, half]):
        assert _best(replace(copied.result, mitigations=tuple(rows)), rows).knob == "noise"
    rows = [half, useless]
    assert _best(replace(copied.result, mitigations=tuple(rows)), rows).knob == "fewer"


def test_fewer_of_the_same_rows_are_no_cure_of_copies(copied):
    first = [each.in_short for each in steps_of(copied.result)]
    assert any(row.knob == TENTH and row.share > 0.8 for row in copied.result.mitigations)
    assert not any("of the rows" in each or "as many rows" in each for each in first)


def test_a_few_copies_are_told_even_where_they_are_no_leak(tmp_path):
    """Eight of 400 stand there and none of 400 others: 2 ** -8 = 0.004, below five per cent alone; three are not."""
    sides = sides_of(5)
    for there, verdict in ((8, Verdict.LEAK), (3, Verdict.NOT_FOUND)):
        released = pd.concat([sides[0][:there], people(400 - there, np.random.default_rng(99))], ignore_index=True)
        run = audit(tmp_path / str(there), released, sides, ("copied_rows",))
        found = {f.metric: f for f in run.findings}["rows_copied"]
        assert found.verdict is verdict and found.p_value == pytest.approx(2.0**-there)
        text = run.report(tmp_path / f"{there}.md").read_text()
        if verdict is Verdict.NOT_FOUND:
            assert (
                f"{there} of 400 training rows stand in the release word for word, and of as many others 0 do" in text
            )
            assert steps(run.result)[0].startswith("Look at the people whose rows stand in the release word for word")


def test_a_release_of_the_wrong_people_is_a_fault_of_the_audit(tmp_path):
    """The holdout itself was published: whoever was not there is deduced better than whoever was."""
    sides = sides_of(6, (150, 150, 150))
    run = audit(tmp_path / "r", sides[1].sample(frac=1, random_state=0), sides, ("domias", "attribute_deduction"))
    assert run.verdicts["membership"] is run.verdicts["reconstruction"] is Verdict.INVALID
    reasons = [f.reason for f in run.findings if f.verdict is Verdict.INVALID]
    assert reasons and all("order of the classes" not in reason for reason in reasons)
    assert any("the release was made from the non-members" in reason for reason in reasons)
    assert "swapped" in steps(run.result)[0] and "classes" not in steps(run.result)[0]
