"""How many shadow models of a table saw a record must not tell whether the target did."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import divulge
from divulge.core.errors import InputError
from divulge.targets.score_design import design_of


def exact_half(rng, models, records):
    """Every record in the training data of half of all models."""
    return rng.random((models, records)).argsort(0).argsort(0) < models // 2


@pytest.mark.parametrize(("models", "within"), [(8, 4), (16, 8), (5, 2), (6, 1)])
def test_where_every_record_was_seen_equally_often_one_model_is_left_out_at_each(models, within):
    rng = np.random.default_rng(0)
    keep = rng.random((models, 900)).argsort(0).argsort(0) < within
    design = design_of(keep)
    assert design.keep.shape == (models - 2, 900) and "is left out" in design.note
    assert (design.keep.sum(axis=0) == within - 1).all()
    records = np.arange(900)
    assert all(len(set(column)) == models - 2 for column in design.model.T), "no model stands in twice"
    np.testing.assert_array_equal(design.keep, keep[design.model, records])
    assert design.model.min() >= 1


def test_what_is_left_does_not_depend_on_what_the_target_saw():
    """Which two of the three places saw a record, members against non-members: one table of four models."""
    rng = np.random.default_rng(1)
    keep = exact_half(rng, 6, 6000)
    design = design_of(keep)
    pattern = (design.keep * 2 ** np.arange(4)[:, None]).sum(axis=0)
    stood = design.model.sum(axis=0)
    for what in (pattern, stood, 100 * pattern + stood):
        table = np.array([[(what[keep[0] == side] == v).sum() for v in np.unique(what)] for side in (True, False)])
        assert stats.chi2_contingency(table).pvalue > 1e-3


def test_rows_of_a_person_lose_the_same_model():
    rng, who = np.random.default_rng(2), np.repeat(np.arange(60), 5)
    model = design_of(exact_half(rng, 8, 60)[:, who], who).model
    assert all((model[:, who == person] == model[:, who == person][:, :1]).all() for person in range(60))


def test_independent_designs_stay_as_they_are():
    rng = np.random.default_rng(3)
    free = rng.random((9, 500)) < 0.5
    paired = free.copy()
    paired[2::2] = ~paired[1::2]
    nothing_seen = np.vstack([free[:1], np.zeros((3, 500), dtype=bool)])
    for keep in (free, paired, nothing_seen, free[:1]):
        design = design_of(keep)
        assert design.note == "" and (design.keep == keep[1:]).all()
        assert (design.model == np.arange(1, len(keep))[:, None]).all()


def test_a_fair_table_is_hardly_ever_refused():
    rng = np.random.default_rng(4)
    for _ in range(300):
        assert not design_of(rng.random((6, 60)) < 0.5).note


def test_the_targets_pair_and_a_copy_of_its_set_are_left_out():
    rng = np.random.default_rng(5)
    keep = rng.random((6, 400)) < 0.5
    keep[1::2] = ~keep[0::2]
    keep = np.vstack([keep, keep[:1]])
    design = design_of(keep)
    assert "2 shadow models of the table left out" in design.note
    np.testing.assert_array_equal(design.model[:, 0], [2, 3, 4, 5])
    assert not len(design_of(np.vstack([keep[0], ~keep[0]])).keep)


def test_shadow_models_that_follow_the_target_are_refused():
    rng = np.random.default_rng(6)
    keep = rng.random((6, 600)) < 0.5
    strangers = keep.copy()
    strangers[1:] &= ~keep[0]  # reference models that were trained on non-members alone
    alike = keep.copy()
    alike[3] = np.where(rng.random(600) < 0.4, keep[0], keep[3])
    for odd, message in ((strangers, "together: members were seen less often"), (alike, "row 3 of keep: .* more")):
        with pytest.raises(InputError, match=message):
            design_of(odd)
    with pytest.raises(InputError, match="without regard to the target"):
        divulge.audit(divulge.ScoreTable(None, alike + 0.0, alike, np.zeros(600, int)), attacks=["lira"])


@pytest.mark.parametrize(("gap", "low", "high"), [(1.5, 0.66, 0.9), (0.0, 0.46, 0.54)])
def test_a_leak_is_found_in_the_published_design_and_noise_is_none(tmp_path, gap, low, high):
    """Eight models, each record in half of them; signals that lie a deviation higher where a record was trained on."""
    rng = np.random.default_rng(7)
    keep = exact_half(rng, 8, 1500)
    noise = rng.normal(size=keep.shape) + rng.normal(0, 2, 1500)
    table = divulge.ScoreTable(None, noise + gap * keep, keep, np.zeros(1500, int))
    run = divulge.audit(table, attacks=["learned_ratio", "lira"], out=tmp_path / "r")
    areas = {f.attack: f.value for f in run.findings if f.metric == "auc"}
    assert len(areas) == 2 and all(low < area < high for area in areas.values()), areas
    assert "is left out" in run.report(tmp_path / "report.md").read_text()
