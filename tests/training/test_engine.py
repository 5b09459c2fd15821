"""Every way to train many models gives the models that training one after the other gives."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from tests.training.light_recipes import Clock, Swelling, Timed
from torch import nn

from divulge.core.errors import InputError
from divulge.data.arrays import from_arrays
from divulge.training.artifact_cache import ArtifactCache
from divulge.training.engines import engine
from divulge.training.engines.engine import Plan, Trainer, Way, choose, stackable, train
from divulge.training.networks.module_traits import pooled_first
from divulge.training.networks.stacked import layers
from divulge.training.networks.vmapped import train_vmapped
from divulge.training.recipes.augment import Augmentation, augmented
from divulge.training.recipes.pytorch import Optimizer, Schedule, TorchRecipe
from divulge.training.recipes.sklearn import SklearnRecipe
from divulge.training.shadow import ShadowTrainer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 6)).astype(np.float32)
(RECORDS,) = from_arrays([(X, (X[:, 0] > 0).astype(int))])
KEEP = np.stack([RNG.permutation(120) < 60 for _ in range(4)])
SEEDS = [5, 6, 7, 8]


def network():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))


def single_output():
    return nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(6, 8, bias=False), nn.GELU()), nn.Linear(8, 1))


def convolutional():
    return nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))


def large():
    return nn.Sequential(nn.Linear(6, 6000), nn.ReLU(), nn.Linear(6000, 2))


def dropping():
    return nn.Sequential(nn.Linear(6, 6000), nn.Dropout(), nn.Linear(6000, 2))


def pooling():
    return nn.Sequential(
        *(nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 4, 3), nn.ReLU(), nn.MaxPool1d(2)),
        nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)),
    )


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize("factory", [network, single_output])
@pytest.mark.parametrize("optimizer", list(Optimizer))
def test_a_stack_is_its_networks_trained_alone(factory, optimizer):
    recipe = TorchRecipe(factory, epochs=3, batch_size=32, optimizer=optimizer, weight_decay=0.01, momentum=0.5)
    together = recipe.fit_stack(RECORDS, KEEP, SEEDS)
    for model, row, seed in zip(together, KEEP, SEEDS, strict=True):
        torch.testing.assert_close(weights(model), weights(recipe.fit(RECORDS.take(row), seed)), atol=1e-5, rtol=1e-4)


def test_a_stack_of_regressors():
    (records,) = from_arrays([(X, X[:, 0] + 0.5)])
    recipe = TorchRecipe(single_output, epochs=2)
    together = recipe.fit_stack(records, KEEP, SEEDS)
    torch.testing.assert_close(
        weights(together[3]), weights(recipe.fit(records.take(KEEP[3]), 8)), atol=1e-5, rtol=1e-4
    )


def test_bfloat16_stays_close():
    recipe = TorchRecipe(network, epochs=3, batch_size=32)
    exact, half = recipe.fit_stack(RECORDS, KEEP, SEEDS), recipe.fit_stack(RECORDS, KEEP, SEEDS, half=True)
    for a, b in zip(exact, half, strict=True):
        assert (weights(a) - weights(b)).abs().max() < 0.05


def test_what_can_be_stacked():
    assert layers(network()) is not None and layers(single_output()) is not None
    assert layers(convolutional()) is None
    assert layers(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))) is None
    assert stackable(TorchRecipe(network)) and not stackable(TorchRecipe(convolutional))
    assert not stackable(SklearnRecipe(LogisticRegression()))


@pytest.mark.parametrize("recipe", [TorchRecipe(convolutional, epochs=2), SklearnRecipe(RandomForestClassifier(5))])
def test_worker_processes_give_the_same_models(recipe):
    alone = dict(train(recipe, RECORDS, KEEP, SEEDS, Plan(Way.SEQUENTIAL)))
    apart = dict(train(recipe, RECORDS, KEEP, SEEDS, Plan(Way.PROCESSES, workers=2)))
    assert sorted(apart) == [0, 1, 2, 3]
    for number in range(4):
        if isinstance(recipe, TorchRecipe):
            torch.testing.assert_close(weights(alone[number]), weights(apart[number]), atol=1e-5, rtol=1e-4)
        else:
            assert (alone[number].predict_proba(X) == apart[number].predict_proba(X)).all()


def test_workers_that_are_replaced_on_the_way_hang_nothing():
    """Under `-W error` the warning of it ended the thread that hands out work, and the audit waited for ever."""
    recipe, keep = Swelling(LogisticRegression()), np.tile(KEEP, (2, 1))[:6]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        apart = dict(train(recipe, RECORDS, keep, list(range(len(keep))), Plan(Way.PROCESSES, workers=2)))
    assert sorted(apart) == list(range(len(keep)))


@pytest.mark.parametrize("plan", [Plan(Way.THREADS, workers=2), Plan(Way.STACKED, together=2, workers=2)])
def test_threads_give_the_same_models(plan):
    recipe = TorchRecipe(convolutional if plan.way is Way.THREADS else large, epochs=2, schedule=Schedule.COSINE)
    before = torch.get_num_threads()
    apart = dict(train(recipe, RECORDS, KEEP, SEEDS, plan))
    assert torch.get_num_threads() == before
    for number, (row, seed) in enumerate(zip(KEEP, SEEDS, strict=True)):
        alone = recipe.fit(RECORDS.take(row), seed)
        torch.testing.assert_close(weights(alone), weights(apart[number]), atol=1e-5, rtol=1e-4)


def test_a_network_that_draws_lots_is_not_trained_in_threads():
    with pytest.raises(InputError, match="cannot be trained in threads"):
        dict(Trainer(way=Way.THREADS).fit_many(TorchRecipe(dropping), RECORDS, KEEP, SEEDS))
    again = [weights(TorchRecipe(dropping, epochs=1).fit(RECORDS, 3)) for _ in range(2)]
    assert (again[0] == again[1]).all()


@pytest.mark.parametrize("optimizer", list(Optimizer))
def test_the_mapped_step_of_a_gpu_is_that_of_networks_alone(optimizer):
    """torch.func does on a GPU what the stack does for linear layers; here on the processor, for equality only."""
    recipe = TorchRecipe(convolutional, epochs=2, batch_size=32, optimizer=optimizer, weight_decay=0.01, momentum=0.5)
    together = train_vmapped(recipe, RECORDS, KEEP, SEEDS, device="cpu")
    for model, row, seed in zip(together, KEEP, SEEDS, strict=True):
        torch.testing.assert_close(weights(model), weights(recipe.fit(RECORDS.take(row), seed)), atol=1e-5, rtol=1e-4)


def test_pooling_before_rectifying_changes_nothing():
    module = TorchRecipe(pooling).untrained(0)[0]
    swapped = pooled_first(module)
    assert [type(m) for m in swapped][2:4] == [nn.MaxPool1d, nn.ReLU]
    found = []
    for m in (module, swapped):
        module.zero_grad()
        (m(torch.from_numpy(X)) ** 2).sum().backward()
        found.append(torch.cat([p.grad.flatten() for p in module.parameters()]))
    torch.testing.assert_close(found[0], found[1])
    assert pooled_first(convolutional())[0] is not None and isinstance(pooled_first(nn.Linear(2, 2)), nn.Linear)


@pytest.mark.parametrize("schedule", list(Schedule))
def test_schedules(schedule):
    recipe = TorchRecipe(network, epochs=3, batch_size=40, learning_rate=0.1, schedule=schedule)
    rate = recipe.rates(120)
    expected = {
        Schedule.CONSTANT: [0.1] * 9,
        Schedule.COSINE: (0.05 * (1 + np.cos(np.pi * np.arange(9) / 9))).tolist(),
        Schedule.STEPS: [0.1] * 3 + [0.01] * 3 + [0.001] * 3,
    }[schedule]
    assert [rate(step) for step in range(9)] == pytest.approx(expected)
    together = recipe.fit_stack(RECORDS, KEEP, SEEDS)
    torch.testing.assert_close(
        weights(together[0]), weights(recipe.fit(RECORDS.take(KEEP[0]), 5)), atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize("shape", [(5, 6), (1, 5, 6), (5, 6, 3)])
def test_augmented_images_are_the_images_moved_and_mirrored(shape):
    image = torch.arange(float(np.prod(shape))).view(shape) + 1
    several = image.expand(200, *shape)
    moved = augmented(several, Augmentation.BOTH, torch.Generator().manual_seed(0))
    assert moved.shape == several.shape and len({tuple(m.flatten().tolist()) for m in moved}) > 40
    flipped = augmented(several, Augmentation.FLIP, torch.Generator().manual_seed(0))
    mirror = image.flip(1 if shape == (5, 6, 3) else -1)
    assert all(torch.equal(f, image) or torch.equal(f, mirror) for f in flipped)
    assert set(moved.unique().tolist()) <= {0.0, *image.flatten().tolist()}
    assert augmented(several, Augmentation.NONE, torch.Generator()) is several


def test_augmentation_of_a_table_is_refused():
    from divulge.core.errors import TargetError

    with pytest.raises(TargetError, match="only images can be shifted"):
        TorchRecipe(network, augmentation=Augmentation.SHIFT).fit(RECORDS, 0)


def test_stacks_of_unequal_halves_are_trained_apart():
    keep = KEEP.copy()
    keep[0, np.flatnonzero(keep[0])[0]] = False
    recipe = TorchRecipe(network, epochs=1)
    found = dict(train(recipe, RECORDS, keep, SEEDS, Plan(Way.STACKED, together=2)))
    assert sorted(found) == [0, 1, 2, 3]
    torch.testing.assert_close(weights(found[0]), weights(recipe.fit(RECORDS.take(keep[0]), 5)), atol=1e-5, rtol=1e-4)


def test_the_way_is_chosen_by_what_can_be_trained_how():
    plans = [choose(TorchRecipe(network, epochs=1), RECORDS, KEEP, 2) for _ in range(3)]
    assert {(p.way, p.together, p.half) for p in plans} == {(Way.STACKED, 4, False)}, "tiny"
    middle = TorchRecipe(lambda: nn.Sequential(nn.Linear(382, 32), nn.ReLU(), nn.Linear(32, 2)), epochs=1)
    plan = choose(middle, RECORDS, KEEP, 2)
    assert (plan.way, plan.together, plan.workers, plan.half) == (Way.STACKED, 2, 2, False), (
        "worth a core, not bfloat16"
    )
    wide = TorchRecipe(large, epochs=1)
    plan = choose(wide, RECORDS, KEEP, 2)
    assert (plan.way, plan.together, plan.workers, plan.half) == (Way.STACKED, 2, 2, wide.half_is_fast())
    assert choose(TorchRecipe(convolutional, epochs=1), RECORDS, KEEP, 2).way is Way.THREADS
    assert choose(TorchRecipe(dropping, epochs=1), RECORDS, KEEP, 2).workers == 1, "dropout draws from one generator"
    assert choose(SklearnRecipe(LogisticRegression()), RECORDS, KEEP, 2) == Plan(Way.PROCESSES, workers=2)
    assert choose(SklearnRecipe(LogisticRegression()), RECORDS, KEEP, 1).way is Way.SEQUENTIAL
    assert choose(SklearnRecipe(LogisticRegression()), RECORDS, KEEP[:2], 2).way is Way.SEQUENTIAL


def test_a_recipe_that_cannot_be_stacked_says_so():
    with pytest.raises(InputError, match="only networks of linear layers can"):
        dict(Trainer(way=Way.STACKED).fit_many(SklearnRecipe(LogisticRegression()), RECORDS, KEEP, SEEDS))


@pytest.mark.parametrize("recipe", [TorchRecipe(network, epochs=1), SklearnRecipe(LogisticRegression())])
def test_a_second_trainer_trains_nothing(tmp_path, recipe):
    first, second = Trainer(ArtifactCache(tmp_path), Way.SEQUENTIAL), Trainer(ArtifactCache(tmp_path), Way.SEQUENTIAL)
    trained = dict(first.fit_many(recipe, RECORDS, KEEP, SEEDS))
    again = dict(second.fit_many(recipe, RECORDS, KEEP, SEEDS))
    assert (first.trained, second.trained) == (4, 0)
    predict = (
        (lambda m: m(torch.from_numpy(X)).detach().numpy())
        if isinstance(recipe, TorchRecipe)
        else (lambda m: m.predict_proba(X))
    )
    assert all((predict(trained[n]) == predict(again[n])).all() for n in range(4))
    assert "4 models of" in first.told[0] and "one after the other" in first.told[0] and not second.told


def test_training_that_is_cut_short_goes_on_model_by_model(tmp_path):
    recipe = SklearnRecipe(LogisticRegression())
    cut = Trainer(ArtifactCache(tmp_path), Way.SEQUENTIAL).fit_many(recipe, RECORDS, KEEP, SEEDS)
    next(cut), next(cut)
    cut.close()
    rest = Trainer(ArtifactCache(tmp_path), Way.SEQUENTIAL)
    assert len(dict(rest.fit_many(recipe, RECORDS, KEEP, SEEDS))) == 4
    assert rest.trained in (2, 3), "the one in progress may have been lost"


def test_other_records_recipes_seeds_and_code_are_other_models(tmp_path, monkeypatch):
    trainer = Trainer(ArtifactCache(tmp_path), Way.SEQUENTIAL)
    recipe = SklearnRecipe(LogisticRegression())
    other_records = from_arrays([(X + 1, RECORDS.y)])[0]
    trainer.fit(recipe, RECORDS, 1)
    trainer.fit(recipe, RECORDS, 2)
    trainer.fit(recipe, other_records, 1)
    trainer.fit(SklearnRecipe(LogisticRegression(C=2)), RECORDS, 1)
    monkeypatch.setattr(engine, "code_version", lambda: "another")
    trainer.fit(recipe, RECORDS, 1)
    assert trainer.trained == 5


def test_a_shelf_keeps_to_its_limit_and_forgets_what_was_used_longest_ago(tmp_path):
    import os

    artifact_cache = ArtifactCache(tmp_path, limit=1000)
    for number in range(8):
        artifact_cache.write(f"{number:032x}", bytes(100))
        os.utime(artifact_cache._path(f"{number:032x}"), (number, number))
    artifact_cache.write("f" * 32, bytes(500))
    artifact_cache.trim()
    assert artifact_cache.usage()[1] <= 800
    assert (
        artifact_cache.read("f" * 32) == bytes(500)
        and artifact_cache.read(f"{0:032x}") is None
        and artifact_cache.read(f"{7:032x}") is not None
    )
    artifact_cache.clear()
    assert artifact_cache.usage() == (0, 0)


def test_a_shelf_that_cannot_be_written_is_without_effect(tmp_path):
    (tmp_path / "file").write_text("in the way")
    artifact_cache = ArtifactCache(tmp_path / "file")
    artifact_cache.write("a" * 32, b"x")
    assert artifact_cache.read("a" * 32) is None


def test_every_record_is_in_the_training_data_of_exactly_half_of_the_models():
    from divulge.auditing.job import BoundRecipe
    from divulge.targets.estimators.sklearn import SklearnTarget

    recipe = BoundRecipe(SklearnRecipe(LogisticRegression()), SklearnTarget)
    shadows = ShadowTrainer(recipe, RECORDS, 3).pool(6, lambda target: target)  # type: ignore[arg-type, return-value]
    assert (shadows.keep.sum(axis=0) == 3).all()
    assert (shadows.keep[1::2] == ~shadows.keep[::2]).all()
    reordered = RECORDS.take(np.arange(119, -1, -1))
    assert (shadows.trained_on(reordered) == shadows.keep[:, ::-1]).all()


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_boosting_libraries_are_trained_and_kept_like_scikit_learn(tmp_path, library):
    module = pytest.importorskip(library)
    estimator = (
        module.XGBClassifier(n_estimators=5)
        if library == "xgboost"
        else module.LGBMClassifier(n_estimators=5, verbose=-1)
    )
    recipe = SklearnRecipe(estimator)
    model = recipe.fit(RECORDS, 0)
    again = recipe.unpack(recipe.pack(model))
    assert (again.predict(X) == model.predict(X)).all()


@pytest.mark.slow
def test_ray_gives_the_same_models_and_survives_a_killed_worker(tmp_path):
    ray = pytest.importorskip("ray")
    import os
    import signal

    class Fatal(SklearnRecipe):
        """Kills its worker the first time the model with seed 6 is trained."""

        def fit(self, records, seed):
            mark = tmp_path / "killed"
            if seed == 6 and not mark.exists():
                mark.write_text("")
                os.kill(os.getpid(), signal.SIGKILL)
            return super().fit(records, seed)

    recipe = Fatal(LogisticRegression())
    try:
        found = dict(train(recipe, RECORDS, KEEP, SEEDS, Plan(Way.RAY, workers=2)))
    finally:
        ray.shutdown()
    assert sorted(found) == [0, 1, 2, 3] and (tmp_path / "killed").exists()
    alone = recipe.fit(RECORDS.take(KEEP[1]), 6)
    assert (found[1].predict_proba(X) == alone.predict_proba(X)).all()


@pytest.mark.parametrize(("seconds", "here"), [(0.0, 12), (0.3, 7), (0.6, 1)], ids=["all", "some", "one"])
def test_workers_are_started_for_what_takes_longer_than_they_cost(seconds, here, tmp_path, monkeypatch):
    """Models that take no time are trained where they are asked for, and all are those of one seed and one thread.  It
    is a clock of the test's own that they take time by.
    """
    monkeypatch.setattr(engine, "time", Clock)
    monkeypatch.setattr(engine, "WORKERS_COST", 2.0)
    monkeypatch.setattr(engine, "WORKERS_THERE_COST", 0.0)
    keep, seeds = np.tile(KEEP, (2, 1))[:6], list(range(6))
    recipe, trainer = Timed(LogisticRegression(), marks=str(tmp_path), seconds=seconds), Trainer(jobs=2)
    alone = dict(train(SklearnRecipe(LogisticRegression()), RECORDS, keep, seeds, Plan(Way.SEQUENTIAL)))
    for time_of in (0, 6):
        found = dict(trainer.fit_many(recipe, RECORDS, keep, [time_of + seed for seed in seeds]))
        assert all((found[n].predict_proba(X) == alone[n].predict_proba(X)).all() for n in range(6))
    mine = [path for path in tmp_path.iterdir() if path.name.endswith(f"-{os.getpid()}")]
    assert len(mine) == here and ("processes" in trainer.told[-1]) == (here < 12)
