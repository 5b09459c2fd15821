"""A score table of the pool's arrays gives what the pool gives; a second run costs next to nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from torch import nn

import divulge
from divulge.auditing.resources import resources
from divulge.core.errors import InputError
from divulge.core.results.finding import Played
from divulge.core.threat import Access

NAMES = ["lira", "lira_offline", "rmia", "rmia_offline", "bavaria", "attack_r", "difficulty_calibration"]


def build():
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


@pytest.fixture(scope="module")
def material():
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (x[order] / 16).astype(np.float32), y[order]
    recipe = divulge.TorchRecipe(build, epochs=20, batch_size=32)
    from divulge.data.arrays import from_arrays

    model = recipe.fit(from_arrays([(x[:300], y[:300])])[0], seed=0)
    return model, recipe, (x[:300], y[:300]), (x[300:600], y[300:600])


def test_a_score_table_gives_the_same_findings_as_the_built_in_pool(material, tmp_path):
    model, recipe, members, nonmembers = material
    pool = divulge.audit(
        model, members, nonmembers, recipe=recipe, attacks=NAMES, shadows=8, seed=4, out=tmp_path / "pool"
    )
    from divulge.setup.assemble import job_from_records
    from divulge.setup.settings import Options
    from divulge.setup.sources.recipes_from import recipe_for
    from divulge.setup.sources.records_from import records_from
    from divulge.setup.sources.targets_from import target_from

    target = target_from(model)
    sets = records_from(target, members, nonmembers)
    job = job_from_records(
        target,
        sets,
        Options(threat="published-model", attacks=["loss"], seed=4, name="arrays"),
        recipe=recipe_for(recipe, model, target),
    )
    shadows = job.shadows(8, lambda shadow: shadow)
    logits = np.stack([t.answer(Access.LOGITS, job.candidates) for t in (target, *shadows.targets)])
    keep = np.vstack([job.member[None], shadows.trained_on(job.candidates)])
    table = divulge.ScoreTable(logits, None, keep, job.candidates.y)
    again = divulge.audit(table, attacks=NAMES, seed=4, out=tmp_path / "table")
    for a, b in zip(pool.findings, again.findings, strict=True):
        assert (a.attack, a.metric) == (b.attack, b.metric)
        if a.metric != "balanced_accuracy":  # its halves depend on the order of the records
            assert a.value == pytest.approx(b.value, abs=2e-4), (a.attack, a.metric)


def test_a_second_run_trains_and_plays_nothing_again(material, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    model, recipe, members, nonmembers = material
    settings = {"recipe": recipe, "attacks": ["lira", "learned_ratio", "loss"], "shadows": 4, "seed": 1}
    first = divulge.audit(model, members, nonmembers, out=tmp_path / "1", **settings)

    def refuse(*_, **__):
        raise AssertionError("nothing is trained or played in a second run")

    from divulge.attacks.membership.shadows.learned_ratio import LearnedRatio
    from divulge.training.engines import engine

    monkeypatch.setattr(engine, "train", refuse)
    monkeypatch.setattr(LearnedRatio, "run", refuse)
    second = divulge.audit(model, members, nonmembers, out=tmp_path / "2", **settings)
    assert all(isinstance(o.result, Played) for o in second.outcomes)
    values = [[(f.attack, f.metric, f.value, f.queries) for f in run.findings] for run in (first, second)]
    assert values[0] == values[1]


def test_another_attack_uses_the_pool_of_an_earlier_run(material, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    model, recipe, members, nonmembers = material
    divulge.audit(model, members, nonmembers, recipe=recipe, attacks=["lira"], shadows=4, out=tmp_path / "1")
    from divulge.training.engines import engine

    monkeypatch.setattr(engine, "train", lambda *_: (_ for _ in ()).throw(AssertionError("trained again")))
    # Why a model leaks is looked into with models of other recipes, where an attack finds that it does.
    monkeypatch.setattr("divulge.workflows.run_audit._explain", lambda *_: [])
    run = divulge.audit(model, members, nonmembers, recipe=recipe, attacks=["rmia"], shadows=4, out=tmp_path / "2")
    assert isinstance(run.outcomes[0].result, Played)


def test_functions_are_never_answered_from_the_cache(tmp_path, monkeypatch, halves):
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    x, y, u, v = halves
    state = {"sure": 0.9}

    def model(batch):
        return np.tile([state["sure"], 1 - state["sure"]], (len(batch), 1))

    values = []
    for number, sure in enumerate((0.9, 0.2)):
        state["sure"] = sure
        run = divulge.audit(model, (x, y), (u, v), recipe=None, attacks=["loss"], out=tmp_path / str(number))
        values.append(run.scores("loss")["score"].abs().max())
    assert values[0] == pytest.approx(np.log(10)) and values[1] == pytest.approx(np.log(5))


@pytest.mark.parametrize(
    ("settings", "message"), [({"engine": "steam"}, "choose one of auto"), ({"jobs": 0}, "must be at least 1")]
)
def test_a_workshop_that_cannot_be_had(settings, message):
    with pytest.raises(InputError, match=message):
        resources(**settings)


def test_a_limit_that_is_no_number(monkeypatch):
    monkeypatch.setenv("DIVULGE_CACHE_LIMIT", "much")
    with pytest.raises(InputError, match="must be a number of bytes"):
        resources()


@pytest.mark.parametrize("with_features", [True, False])
def test_a_table_tells_the_risk_of_every_member_too(tmp_path, with_features):
    """Thirty records are learned by heart whenever they are trained on; a table of scores is enough to see that."""
    rng = np.random.default_rng(0)
    keep = np.zeros((9, 600), dtype=bool)
    keep[0] = rng.random(600) < 0.5
    for pair in range(1, 9, 2):
        keep[pair] = rng.random(600) < 0.5
        keep[pair + 1] = ~keep[pair]
    y = rng.integers(0, 3, 600)
    gap = np.where(np.arange(600) < 60, 8.0, 0.5)
    logits = rng.normal(size=(9, 600, 3)) * 0.5
    logits[np.arange(9)[:, None], np.arange(600), y] += keep * gap
    x = rng.normal(size=(600, 4)) if with_features else None
    run = divulge.audit(divulge.ScoreTable(logits, None, keep, y, x), attacks=["lira"], out=tmp_path / "r")
    risk = run.risk()
    assert len(risk) == keep[0].sum() and (risk["trainings"] == 4).all()
    exposed = risk["named"] == 4
    assert (risk["row"][exposed] < 60).mean() > 0.9 and exposed.sum() >= 20
    assert ("outlier_rank" in risk) == with_features and bool(run.result.causes) == with_features
    assert run.result.stability.again > 5 * run.result.stability.anybody / 2
    assert run.report().stat().st_size > 10_000
