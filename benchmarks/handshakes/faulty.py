"""Forty faults between a model and its owner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from divulge.targets.function import FunctionTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.recipes.pytorch import TorchRecipe
from handshakes.cases import Case, Made, digits, net, patients, scores_of, table, trained, values


def _forest(pair: Any, **how: Any) -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=50, random_state=0, **how).fit(*pair)


def reversed_columns() -> Case:
    inside, outside = patients(0.1)
    model = _forest(inside)
    return Case(lambda x: model.predict_proba(x)[:, ::-1], inside, outside, None)


def words_of_two_classes() -> Case:
    """The network's first output is 'yes', and the alphabet says 'no'."""
    inside, outside = table()
    model = trained(net(12, 2), *inside)
    name = np.array(["yes", "no"])
    return Case(model, (inside[0], name[inside[1]]), (outside[0], name[outside[1]]), None)


def swapped_labels_only() -> Case:
    inside, outside = table(seed=1)
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(*inside)
    return Case(FunctionTarget(lambda x: 1 - model.predict(x), "labels"), inside, outside, None)


def three_classes_in_a_circle() -> Case:
    inside, outside = table(3)
    model = _forest(inside, max_depth=5)
    return Case(lambda x: model.predict_proba(x)[:, [1, 2, 0]], inside, outside, None)


def ten_classes_permuted() -> Case:
    inside, outside = digits()
    model = _forest(inside)
    order = np.random.default_rng(3).permutation(10)
    return Case(lambda x: model.predict_proba(x)[:, order], inside, outside, None)


def two_of_ten_swapped() -> Case:
    inside, outside = digits(0.1)
    model = _forest(inside, max_depth=6)
    order = [0, 1, 2, 8, 4, 5, 6, 7, 3, 9]
    return Case(lambda x: model.predict_proba(x)[:, order], inside, outside, None)


def off_by_one() -> Case:
    inside, outside = digits()
    model = trained(net(64, 10), inside[0] / 16, inside[1])
    return Case(
        FunctionTarget(lambda x: (scores_of(model)(x / 16).argmax(1) + 1) % 10, "labels"), inside, outside, None
    )


def rare_class_swapped() -> Case:
    """One record in twenty is positive, so that the label alone says little."""
    inside, outside = table(seed=4, records=3000, weights=(0.95,), flip_y=0.01)
    model = LogisticRegression(C=0.01).fit(*inside)
    return Case(lambda x: model.predict_proba(x)[:, ::-1], inside, outside, None)


def weak_model_swapped() -> Case:
    inside, outside = table(seed=5, flip_y=0.5)
    model = LogisticRegression().fit(*inside)
    return Case(lambda x: model.predict_proba(x)[:, ::-1], inside, outside, None)


def columns_backwards() -> Case:
    inside, outside = patients()
    model = _forest(inside)
    return Case(lambda x: model.predict_proba(x[:, ::-1]), inside, outside, None)


def columns_sorted() -> Case:
    """Fitted on the columns in another order, without names."""
    inside, outside = patients(scaled=True)
    order = np.random.default_rng(0).permutation(30)
    model = LogisticRegression().fit(inside[0][:, order], inside[1])
    return Case(model, inside, outside)


def columns_of_a_network() -> Case:
    inside, outside = table(seed=6)
    order = np.random.default_rng(1).permutation(12)
    return Case(trained(net(12, 2), inside[0][:, order], inside[1]), inside, outside, None)


def columns_of_trees() -> Case:
    inside, outside = table(4, seed=7)
    order = np.random.default_rng(2).permutation(12)
    model = HistGradientBoostingClassifier(max_iter=40).fit(inside[0][:, order], inside[1])
    return Case(model, inside, outside)


def pixels_transposed() -> Case:
    inside, outside = digits()
    model = _forest(inside)
    return Case(
        lambda x: model.predict_proba(x.reshape(-1, 8, 8).transpose(0, 2, 1).reshape(-1, 64)), inside, outside, None
    )


def _twice(x: Any) -> Any:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def two_softmaxes() -> Case:
    inside, outside = patients()
    model = _forest(inside)
    return Case(lambda x: _twice(model.predict_proba(x)), inside, outside, None)


def two_softmaxes_of_ten() -> Case:
    inside, outside = digits()
    scores = scores_of(trained(net(64, 10), *inside))
    return Case(lambda x: _twice(scores(x)), inside, outside, None)


def probabilities_called_logits() -> Case:
    inside, outside = table(3, seed=8)
    model = _forest(inside)
    return Case(FunctionTarget(model.predict_proba, "logits"), inside, outside, None)


def two_softmaxes_in_a_module() -> Case:
    inside, outside = table(3, seed=9)
    module = trained(net(12, 3), *inside)
    return Case(nn.Sequential(module, nn.Softmax(dim=1), nn.Softmax(dim=1)), inside, outside, None)


def images_not_standardized() -> Case:
    """Trained on (x - mean) / std of every pixel; asked about 0 to 16."""
    inside, outside = digits()
    mean, std = inside[0].mean(axis=0), inside[0].std(axis=0) + 1e-2
    model = trained(net(64, 10), (inside[0] - mean) / std, inside[1])
    return Case(model, inside, outside, None)


def bytes_for_shares() -> Case:
    """Trained on pixels around 0, asked about 0 to 255; the recipe is known."""
    inside, outside = digits()
    model = trained(net(64, 10), inside[0] / 8 - 1, inside[1])
    recipe = TorchRecipe(_digit_net, epochs=40, learning_rate=3e-3)
    return Case(model, (inside[0] * 16, inside[1]), (outside[0] * 16, outside[1]), recipe)


def _digit_net() -> nn.Module:
    return nn.Sequential(nn.BatchNorm1d(64), *net(64, 10))


def network_not_standardized() -> Case:
    inside, _ = patients(scaled=True)
    raw, other = patients()
    model = MLPClassifier((20,), max_iter=300, random_state=0).fit(*inside)
    return Case(model, raw, other, MLPClassifier((20,), max_iter=300, random_state=0))


def line_not_standardized() -> Case:
    inside, _ = patients(scaled=True)
    raw, other = patients()
    return Case(LogisticRegression(max_iter=3000).fit(*inside), raw, other)


def kernel_not_standardized() -> Case:
    inside, _ = patients(scaled=True)
    raw, other = patients()
    return Case(SVC(random_state=0).fit(*inside), raw, other)


def millimetres() -> Case:
    """Three columns in another unit."""
    inside, outside = patients(scaled=True)
    model = LogisticRegression().fit(*inside)
    unit = np.ones(30)
    unit[[7, 10, 22]] = 1000
    return Case(model, (inside[0] * unit, inside[1]), (outside[0] * unit, outside[1]))


def _frame(seed: int) -> tuple[pd.DataFrame, Any]:
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 12, (1000, 4))
    y = (np.isin(code, [1, 4, 5, 8, 11]).sum(axis=1) >= 2).astype(int)
    return pd.DataFrame(code, columns=list("abcd")), y


def strings_for_numbers() -> Case:
    x, y = _frame(0)
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), list("abcd")))
    model = make_pipeline(encode, RandomForestClassifier(40, random_state=0)).fit(x[:500], y[:500])
    text = x.astype(str)
    return Case(model, (text[:500], y[:500]), (text[500:], y[500:]))


def strings_for_ordinals() -> Case:
    x, y = _frame(1)
    encode = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), list("abcd"))
    )
    model = make_pipeline(encode, DecisionTreeClassifier(random_state=0)).fit(x[:500], y[:500])
    text = x.astype(str)
    return Case(model, (text[:500], y[:500]), (text[500:], y[500:]))


class Reader(nn.Module):
    """The mean of embedded tokens, through a hidden layer."""

    def __init__(self, vocabulary: int = 60) -> None:
        super().__init__()
        self.embed, self.last = nn.Embedding(vocabulary, 16), net(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.embed(x).mean(dim=1))


def _texts() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 900)
    usual = rng.dirichlet(np.full(58, 0.2), 3)
    return np.stack([rng.choice(58, 20, p=usual[label]) for label in y]), y


def tokens_shifted() -> Case:
    """A vocabulary with one special token more in front."""
    x, y = _texts()
    model = trained(Reader(), x[:450], y[:450], tokens=True)
    return Case(model, (x[:450] + 2, y[:450]), (x[450:] + 2, y[450:]), None)


def tokens_of_another_vocabulary() -> Case:
    x, y = _texts()
    model = trained(Reader(), x[:450], y[:450], tokens=True)
    other = np.random.default_rng(5).permutation(58)
    return Case(model, (other[x[:450]], y[:450]), (other[x[450:]], y[450:]), None)


def words_counted_by_another_list() -> Case:
    x, y = _texts()
    counts = np.stack([np.bincount(row, minlength=58) for row in x]).astype(float)
    model = LogisticRegression(max_iter=1000).fit(counts[:450], y[:450])
    other = counts[:, np.random.default_rng(6).permutation(58)]
    return Case(model, (other[:450], y[:450]), (other[450:], y[450:]))


def sets_swapped() -> Case:
    inside, outside = patients(0.15)
    return Case(_forest(inside), outside, inside)


def sets_swapped_of_a_network() -> Case:
    inside, outside = table(seed=10, flip_y=0.3)
    return Case(trained(net(12, 2, 256), *inside, epochs=400), outside, inside, None)


def dropout_left_on() -> Case:
    inside, outside = digits()
    module = trained(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10)), *inside)
    return Case(scores_of(module.train()), inside, outside, None)


class AlwaysDropping(nn.Module):
    """Dropout whatever the mode."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(12, 64), nn.Linear(64, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(nn.functional.dropout(self.first(x).relu(), 0.2, training=True))


def dropout_in_forward() -> Case:
    inside, outside = table(seed=11)
    return Case(trained(AlwaysDropping(), *inside), inside, outside, None)


def batch_normalization_in_training() -> Case:
    inside, outside = table(seed=12)
    module = trained(nn.Sequential(nn.Linear(12, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2)), *inside)
    return Case(scores_of(module.train()), inside, outside, None)


def scaled_by_the_batch() -> Case:
    inside, outside = patients(scaled=True)
    model = LogisticRegression().fit(*inside)

    def scores(x: Any) -> Any:
        return model.predict_proba((x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9))

    return Case(scores, inside, outside, None)


def another_column_predicted() -> Case:
    """The model predicts the first column's sign, and is asked about the third's."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(800, 6))
    first, third = ((x[:, i] + 0.3 * rng.normal(size=800) > 0).astype(int) for i in (0, 2))
    model = DecisionTreeClassifier(max_depth=5, random_state=0).fit(x[:400], first[:400])
    return Case(model, (x[:400], third[:400]), (x[400:], third[400:]))


def half_trained() -> Case:
    inside, outside = digits()
    model = trained(net(64, 10), *inside, epochs=6)
    return Case(TorchTarget(model), inside, outside, TorchRecipe(_digit_net, epochs=40, learning_rate=3e-3))


def target_in_thousands() -> Case:
    inside, outside = values()
    model = GradientBoostingRegressor(random_state=0).fit(inside[0], inside[1] / 1000)
    return Case(FunctionTarget(model.predict, "values"), inside, outside, None)


def target_negated() -> Case:
    inside, outside = values()
    model = LinearRegression().fit(inside[0], -inside[1])
    return Case(model, inside, outside)


def logarithm_of_the_target() -> Case:
    inside, outside = values()
    inside, outside = ((x, np.exp(y / 150)) for x, y in (inside, outside))
    model = GradientBoostingRegressor(random_state=0).fit(inside[0], np.log(inside[1]))
    return Case(FunctionTarget(model.predict, "values"), inside, outside, None)


FAULTS: dict[str, list[Made]] = {
    "labels in another order": [
        reversed_columns,
        words_of_two_classes,
        swapped_labels_only,
        three_classes_in_a_circle,
        ten_classes_permuted,
        two_of_ten_swapped,
        off_by_one,
        rare_class_swapped,
        weak_model_swapped,
    ],
    "columns in another order": [
        columns_backwards,
        columns_sorted,
        columns_of_a_network,
        columns_of_trees,
        pixels_transposed,
    ],
    "a second softmax": [
        two_softmaxes,
        two_softmaxes_of_ten,
        probabilities_called_logits,
        two_softmaxes_in_a_module,
    ],
    "another scale": [
        images_not_standardized,
        bytes_for_shares,
        network_not_standardized,
        line_not_standardized,
        kernel_not_standardized,
        millimetres,
    ],
    "strings for numbers": [strings_for_numbers, strings_for_ordinals],
    "another tokenizer": [tokens_shifted, tokens_of_another_vocabulary, words_counted_by_another_list],
    "swapped sets": [sets_swapped, sets_swapped_of_a_network],
    "random, or by the batch": [
        dropout_left_on,
        dropout_in_forward,
        batch_normalization_in_training,
        scaled_by_the_batch,
    ],
    "another model, another target": [
        another_column_predicted,
        half_trained,
    ],
    "a value on another scale": [target_in_thousands, target_negated, logarithm_of_the_target],
}
"""Forty, by kind."""
