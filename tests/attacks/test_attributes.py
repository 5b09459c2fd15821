"""Attribute attacks: answers derived by hand, nothing beyond the imputer where nothing leaks, a planted leak found."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.errors import Impossible, TargetError
from divulge.core.game import Arm
from divulge.core.records import Column, Kind, Records, Schema
from divulge.core.results.evidence import Evidence
from divulge.core.threat import PRESETS, Knowledge, Task
from divulge.core.views.reconstruction import AttributeGuess, AttributeView, ReconstructionAuxiliary
from divulge.games.attributes import AttributeGame, completions_of, questions_about
from divulge.games.control_models import ControlModels
from divulge.games.imputer import impute
from divulge.setup.sources.recipes_from import recipe_for
from divulge.stats.paired import gain_low
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.function import FunctionTarget
from divulge.training.shadow import ShadowTrainer


def table(x, y, sensitive=("colour",), task=Task.CLASSIFICATION, categories=("red", "green", "blue")):
    """Columns: colour (categories, or plain numbers where there are none), then numbers."""
    names = [f"n{i}" for i in range(x.shape[1] - 1)]
    color = Column("colour", Kind.CATEGORICAL, categories) if categories else Column("colour")
    columns = (color, *(Column(n) for n in names))
    schema = Schema(columns, task, classes=(0, 1) if task is Task.CLASSIFICATION else ()).marked(sensitive)
    return Records(np.asarray(x, dtype=np.float64), np.asarray(y), schema)


def drawn(count, seed, colors=3, numbers=6):
    """A colour that depends weakly on the first number; noisy classes that nothing explains well."""
    rng = np.random.default_rng(seed)
    numbers_ = rng.normal(size=(count, numbers)).round(1)
    color = (rng.random(count) * colors).astype(int)
    y = (numbers_[:, 1] + rng.normal(size=count) * 2 > 0).astype(int)
    return table(np.column_stack([color, numbers_]), y, categories=None)


def view_of(target, known, name, threat="published-model", population=None):
    made = attack(name)
    questions = tuple(questions_about(known, population or known, known.schema.sensitive))
    oracle = GrantedOracle(target, PRESETS[threat], made.card.uses or made.card.needs.access)
    box = known.x.min(axis=0), known.x.max(axis=0)
    means = ReconstructionAuxiliary(population or known)
    return made, AttributeView(oracle, known.schema, *box, np.random.default_rng(0), made.card.needs, means, questions)


def guessed(target, known, name, **settings):
    made, view = view_of(target, known, name, **settings)
    return made.run(view)


def by_color(table_of_scores):
    """A model whose scores depend on the colour alone: [colours, classes]."""
    return FunctionTarget(lambda x: np.asarray(table_of_scores)[x[:, 0].astype(int)], "scores")


def test_map_is_prior_times_likelihood_by_hand():
    """Prior 1/2, 1/4, 1/4 (with add-one: 3/7, 2/7, 2/7); P(yes) 0.1, 0.5, 0.9.  A 'yes': 3 x 0.1 < 2 x 0.5 < 2 x 0.9,
    so blue; a 'no': 3 x 0.9 is the most, so red.
    """
    known = table(np.array([[0, 1.0], [0, 1.0], [1, 1.0], [2, 1.0]]), np.array([1, 0, 1, 0]))
    target = by_color([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]])
    (choice,) = guessed(target, known, "fredrikson_map").choices
    np.testing.assert_array_equal(choice, [2, 0, 2, 0])


def test_csmia_has_three_cases():
    """'yes': only blue makes the model say so: blue.  'no': red (0.9) and green (0.6) do: the surest, red.  A class
    that no colour makes it say: the least sure of its wrong answers.
    """
    known = table(np.array([[0, 1.0], [0, 1.0]]), np.array([1, 0]))
    (choice,) = guessed(by_color([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]), known, "csmia").choices
    np.testing.assert_array_equal(choice, [2, 0])
    (never,) = guessed(by_color([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]]), known, "csmia").choices
    assert never[0] == 1


def test_lomia_takes_the_only_value_that_explains_the_label():
    known = table(np.array([[0, 1.0], [0, 1.0]]), np.array([1, 1]))
    (choice,) = guessed(by_color([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]), known, "lomia").choices
    np.testing.assert_array_equal(choice, [2, 2])


def test_the_loss_attack_takes_the_value_with_the_loss_of_a_training_record():
    known = table(np.array([[0, 1.0], [1, 1.0], [2, 1.0]]), np.array([1, 1, 1]))
    target = by_color([[0.9, 0.1], [0.001, 0.999], [0.3, 0.7]])
    (choice,) = guessed(target, known, "yeom_attribute").choices
    np.testing.assert_array_equal(choice, [1, 1, 1])


def test_the_counts_of_a_tree_by_hand():
    """A tree that splits by colour: of the 'yes' records 1 is red, 2 are green and 9 blue."""
    color = np.repeat([0, 1, 2, 0, 1, 2], [1, 2, 9, 8, 6, 1])
    y = np.repeat([1, 1, 1, 0, 0, 0], [1, 2, 9, 8, 6, 1])
    known = table(np.column_stack([color, np.zeros(len(y))]), y, categories=None)
    tree = DecisionTreeClassifier().fit(known.x, y)
    asked = table(np.array([[0, 0.0], [0, 0.0]]), np.array([1, 0]), categories=None)
    made, view = view_of(SklearnTarget(tree), asked, "fredrikson_tree_counts", population=known)
    np.testing.assert_array_equal(made.run(view).choices[0], [2, 0])
    with pytest.raises(Impossible, match="one decision tree"):
        guessed(SklearnTarget(LogisticRegression().fit(known.x, y)), asked, "fredrikson_tree_counts")


def test_neurons_are_read_of_networks_only():
    import torch
    from torch import nn

    from divulge.targets.networks.pytorch import TorchTarget

    torch.manual_seed(0)
    population = drawn(400, 1)
    module = nn.Sequential(nn.Linear(7, 8), nn.ReLU(), nn.Linear(8, 2))
    (choice,) = guessed(TorchTarget(module), population, "neuron_importance").choices
    assert choice.shape == (400,) and set(np.unique(choice)) <= {0, 1, 2}
    with pytest.raises(Impossible, match="neurons"):
        guessed(SklearnTarget(LogisticRegression().fit(population.x, population.y)), population, "neuron_importance")


def game_of(model, sets, names=("colour",), seed=0):
    training, unseen, population = sets
    target = SklearnTarget(model.fit(training.x, training.y))
    recipe = recipe_for(model, model, target)
    x = Records(np.concatenate([training.x, unseen.x]), np.concatenate([training.y, unseen.y]), training.schema)
    member = np.arange(len(x)) < len(training)
    beside = ControlModels(recipe, training, population, seed)
    return AttributeGame(target, x, member, population, names, seed, beside), recipe


def played(game, recipe, name, arm=Arm.TARGET, threat="acquaintance") -> Evidence:
    made = attack(name)
    (dealt,) = game.deal(arm)

    def see(model):
        return GrantedOracle(model, PRESETS[threat], made.card.needs.access, free=True)

    pool = ShadowTrainer(recipe, game.population, 5).pool if recipe is not None else None
    means = ReconstructionAuxiliary(game.population, None, (lambda n: pool(n, see)) if pool is not None else None)
    oracle = GrantedOracle(dealt.target, PRESETS[threat], made.card.uses or made.card.needs.access)
    return dealt.judge(made.run(dealt.open(oracle, made.card, means, np.random.default_rng(0))))


def memorizing_sets():
    """Few coarse columns and noisy classes: a full tree must use the colour to tell its records apart."""
    made = []
    for seed, count in enumerate((1400, 1400, 4000)):
        rng = np.random.default_rng(seed)
        numbers = rng.integers(0, 4, (count, 3))
        color = rng.integers(0, 3, count)
        y = rng.integers(0, 2, count)
        made.append(table(np.column_stack([color, numbers]), y, categories=None))
    return tuple(made)


def test_a_memorized_attribute_is_found_and_only_in_the_model_that_memorized_it():
    game, recipe = game_of(DecisionTreeClassifier(random_state=0), memorizing_sets())
    own = played(game, recipe, "attribute_membership").paired[0]
    assert own.value >= own.chance + 0.05 and gain_low(own, 0.05) > 0
    other = played(game, recipe, "attribute_membership", Arm.NEGATIVE).paired[0]
    assert gain_low(other, 0.05) <= 0 and abs(other.value - other.chance) < 0.05
    again = played(game, recipe, "fredrikson_map").paired[0]
    assert again.value >= again.chance + 0.05


@cache
def careful_game():
    sets = tuple(drawn(n, seed + 10) for seed, n in enumerate((500, 500, 2500)))
    return game_of(LogisticRegression(C=0.05), sets)


@pytest.mark.parametrize("name", ["attribute_learned", "attribute_membership", "fredrikson_map", "yeom_attribute"])
def test_a_careful_model_tells_no_more_than_an_imputer(name):
    game, recipe = careful_game()
    found = played(game, recipe, name).paired[0]
    assert gain_low(found, 0.05) <= 0 and found.value <= found.chance + 0.05


def twins(count, seed, told):
    """Pairs that differ in the colour alone; which of the two has which class is up to lot, or both have the same."""
    rng = np.random.default_rng(seed)
    numbers = np.repeat(rng.normal(size=(count // 2, 3)), 2, axis=0)
    color = np.tile([0, 1], count // 2)
    lot = np.repeat(rng.integers(0, 2, count // 2), 2)
    return table(np.column_stack([color, numbers]), color ^ lot if told else lot, categories=None)


@cache
def game_of_twins(told):
    """One for all attacks: what an imputer makes of its population takes longer than they do."""
    sets = tuple(twins(n, seed, told) for seed, n in enumerate((400, 400, 2000)))
    return game_of(DecisionTreeClassifier(random_state=0), sets)


BY_ANSWERS = ("csmia", "lomia", "fredrikson_map", "yeom_attribute", "fredrikson_tree_counts")


@pytest.mark.parametrize("name", BY_ANSWERS)
def test_the_one_color_that_gives_the_right_class_is_told(name):
    """Derivable: a tree that knows every record by heart gives the record's class for its own colour alone."""
    game, recipe = game_of_twins(True)
    found = played(game, recipe, name, threat="published-model").paired[0]
    assert found.value == 1.0 and abs(found.chance - 0.5) < 0.08
    stranger = played(game, recipe, name, Arm.NEGATIVE, threat="published-model").paired[0]
    assert gain_low(stranger, 0.05) <= 0, "a model that never saw these records"


@pytest.mark.parametrize("name", BY_ANSWERS)
def test_a_color_that_changes_no_answer_is_not_told(name):
    game, recipe = game_of_twins(False)
    found = played(game, recipe, name, threat="published-model").paired[0]
    assert gain_low(found, 0.05) <= 0 and abs(found.value - 0.5) < 0.08


def boards(count, seed):
    """The colour is that of a board's square in nine of ten records, and the class whether it is."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, 4, (count, 2))
    square = np.floor(place).sum(axis=1).astype(int) % 2
    own = rng.random(count) < 0.9
    color = np.where(own, square, 1 - square)
    return table(np.column_stack([color, place - 2]), own.astype(int), categories=None)


@pytest.mark.parametrize("trained", [True, False])
def test_neurons_tell_what_few_own_records_do_not(trained):
    """The network has seen many squares and the adversary few, so that neurons know more than an imputer; those of a
    network that was not trained know no more.
    """
    import torch
    from torch import nn

    from divulge.targets.networks.pytorch import TorchTarget
    from divulge.training.recipes.pytorch import TorchRecipe

    def build():
        return nn.Sequential(nn.Linear(3, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))

    members, others, few = boards(8000, 0), boards(400, 1), boards(80, 2)
    torch.manual_seed(0)
    recipe = TorchRecipe(build, epochs=60, batch_size=128, learning_rate=3e-3)
    module = recipe.fit(members, 0) if trained else build()
    asked = members.take(np.arange(400))
    x = Records(np.concatenate([asked.x, others.x]), np.concatenate([asked.y, others.y]), asked.schema)
    game = AttributeGame(
        TorchTarget(module), x, np.arange(800) < 400, few, ("colour",), 0, ControlModels(None, asked, few, 0)
    )
    found = played(game, None, "neuron_importance", threat="published-model").paired[0]
    if trained:
        assert found.value > found.chance + 0.1 and gain_low(found, 0.05) > 0
    else:
        assert gain_low(found, 0.05) <= 0


def test_the_imputer_learns_what_can_be_known_without_the_model():
    rng = np.random.default_rng(0)
    number = rng.normal(size=2000)
    population = table(
        np.column_stack([(number > 0).astype(int), number]), rng.integers(0, 2, 2000), categories=("a", "b")
    )
    (question,) = questions_about(population, population, ("colour",))
    guess, how = impute(question, population, 0)
    assert np.mean(guess == population.x[:, 0]) > 0.97 and how != "the commonest value"
    noise = table(np.column_stack([rng.integers(0, 2, 500), rng.normal(size=500)]), rng.integers(0, 2, 500))
    (question,) = questions_about(noise, noise, ("colour",))
    assert len(np.unique(impute(question, noise, 0)[0])) <= 2


def test_completions_are_categories_few_numbers_or_quantiles():
    rng = np.random.default_rng(0)
    records = table(
        np.column_stack([rng.integers(0, 3, 300), rng.integers(0, 4, 300), rng.normal(size=300)]),
        rng.integers(0, 2, 300),
    )
    assert list(completions_of(records, 0)) == [0, 1, 2]
    assert list(completions_of(records, 1)) == [0, 1, 2, 3]
    assert len(completions_of(records, 2)) == 12 and set(completions_of(records, 2)) <= set(records.x[:, 2])
    both = questions_about(records, records, ("colour", "n0"))
    assert [q.name for q in both] == ["colour", "n0", "colour and n0"] and len(both[2].completions) == 12
    with pytest.raises(Impossible, match="sensitive"):
        questions_about(records, records, ())


def test_numbers_count_as_right_when_they_are_near():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.integers(0, 3, 400), rng.uniform(0, 100, 400)])
    records = table(x, rng.integers(0, 2, 400), sensitive=("n0",))
    game = AttributeGame(
        None, records, np.ones(400, bool), records, ("n0",), 0, ControlModels(None, records, records, 0)
    )
    (question,) = game.questions
    nearest = question.nearest(records)
    found = game.judge(AttributeGuess((nearest,)))
    assert found.paired[0].value > 0.95
    with pytest.raises(TargetError, match="shape"):
        game.judge(AttributeGuess((nearest[:5],)))
    with pytest.raises(TargetError, match="1 questions"):
        game.judge(AttributeGuess(()))


def test_scenes_give_only_what_the_card_names():
    known = drawn(20, 0)
    made, view = view_of(by_color([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]), known, "csmia")
    assert Knowledge.POPULATION not in made.card.needs.knowledge
    from divulge.core.errors import AccessDenied

    with pytest.raises(AccessDenied):
        _ = view.population
    with pytest.raises(AccessDenied):
        view.shadows(2)


def test_the_guesser_is_no_worse_than_the_commonest_value_of_a_class():
    """The colour is 0 for class 0 and 1 for class 1 but for one record in five; the numbers say nothing, and are many
    enough to be learned by heart.
    """
    rng = np.random.default_rng(1)

    def records(count):
        y = rng.integers(0, 2, count)
        color = np.where(rng.random(count) < 0.2, 1 - y, y)
        return table(np.column_stack([color, rng.normal(size=(count, 30))]), y, categories=("red", "green"))

    population, asked = records(90), records(300)
    (question,) = questions_about(asked, population, ("colour",))
    truth = asked.x[:, 0]
    by_class = float(np.mean(truth == asked.y))  # which completion is which follows from the schema

    def right(choice):
        return float(np.mean(question.completions[choice][:, 0] == truth))

    guess, how = impute(question, population, 0, right)
    assert right(guess) >= by_class > 0.75 and how
    assert right(guess) >= max(right(np.full(300, value)) for value in range(2))
