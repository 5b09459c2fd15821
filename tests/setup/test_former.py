"""Names that were changed are understood for a while, and say what they are now."""

import pytest

from divulge.catalog import former
from divulge.catalog.attacks import attack
from divulge.catalog.defenses import DEFENSES, defense
from divulge.catalog.former import current_keys
from divulge.setup.parts import RecipePart, ThreatPart


def test_old_keys_of_an_audit_file():
    with pytest.warns(DeprecationWarning, match="behaviour is now called behavior"):
        assert ThreatPart(behaviour="active").behavior == "active"
    with pytest.warns(DeprecationWarning, match="optimiser is now called optimizer"):
        assert RecipePart(optimiser="sgd").optimizer == "sgd"
    assert RecipePart(optimizer="adamw").optimizer == "adamw"


def test_an_old_key_beside_the_new_one_is_left_to_be_refused():
    assert current_keys({"optimiser": 1, "optimizer": 2}, former.PART_KEYS) == {"optimiser": 1, "optimizer": 2}
    assert current_keys([1], former.PART_KEYS) == [1]


def test_old_names_of_attacks_and_defenses():
    with pytest.warns(DeprecationWarning, match="regularization"):
        assert attack("regularisation").card.name == "regularization"
    with pytest.warns(DeprecationWarning, match="update_quantization"):
        assert defense("update_quantisation", bits=4).card.name == "update_quantization"
    assert set(former.DEFENSES.values()) <= set(DEFENSES)
