"""One attack with several settings in one audit."""

import pytest

from divulge.attacks.membership.language.min_k import MinK
from divulge.catalog.attacks import attack
from divulge.core.attack import with_settings
from divulge.core.errors import InputError
from divulge.setup.repeated import told_apart


def test_each_has_a_name_of_its_own_and_says_what_differs() -> None:
    found = told_apart([attack("min_k"), attack("token_loss"), attack("min_k", share=0.5), attack("min_k", share=1.0)])
    assert [each.card.name for each in found] == ["min_k", "token_loss", "min_k-2", "min_k-3"]
    assert [each.card.title for each in found][2] == f"{MinK.card.title} (share 0.5)"
    assert found[1].card.title == attack("token_loss").card.title
    assert MinK.card.name == "min_k"  # the class is left alone


def test_the_same_settings_twice_are_a_slip() -> None:
    with pytest.raises(InputError, match="listed twice: list it once, or with other settings"):
        told_apart([attack("min_k"), attack("min_k", share=0.5), attack("min_k")])


def test_other_settings_keep_the_name() -> None:
    second = told_apart([attack("min_k"), attack("min_k", share=0.5)])[1]
    assert with_settings(second, share=0.1).card.name == "min_k-2"
    assert with_settings(attack("min_k"), share=0.1).card is MinK.card
