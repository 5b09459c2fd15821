"""Properties of a training set as a person would say them."""

from __future__ import annotations

import pytest

from divulge.report.property_words import in_words


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("share(diagnosis == 'malignant')", "the share of training records with diagnosis = malignant"),
        (
            'share(s == "F" and age_group >= 40)',
            "the share of training records with s = F and age group at least 40",
        ),
        ("share(zip != 'a == b')", "the share of training records with zip other than a == b"),
        ("present(income < 3)", "the share of training records with income below 3"),
        ("share(income == None)", "the share of training records with income missing"),
        ("mean(age)", "the mean of age over the training records"),
        ("correlation(age, income)", "the rank correlation of age and income in the training records"),
        ("size()", "the number of training records"),
        ("duplicates()", "the share of training records that are copies of another"),
        ("sex", "sex"),
    ],
)
def test_an_expression_is_said_in_words(expression, words):
    assert in_words(expression) == words
