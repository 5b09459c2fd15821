"""A setting that is no number, or of another type than is declared, is refused before anything is trained."""

from __future__ import annotations

import numpy as np
import pytest

from divulge.catalog.attacks import attack
from divulge.catalog.defenses import DEFENSES, defense
from divulge.core.errors import InputError
from divulge.defenses.interface.rounding import Rounding
from divulge.defenses.interface.temperature import Temperature
from divulge.setup.defended import named_defenses


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"rounding": {"decimals": 1.5}}, "decimals is 1.5: give a whole number"),
        ({"temperature": {"t": float("nan")}}, "t is nan: give a finite number"),
        ({"memguard": {"budget": float("nan")}}, "budget is nan: give a finite number"),
        ({"relaxloss": {"alpha": float("nan")}}, "alpha is nan: give a finite number"),
        ({"update_clipping": {"norm": float("inf")}}, "norm is inf: give a finite number"),
        ({"deduplication": {"with_label": "no"}}, "with_label is 'no': give true or false"),
        ({"dp_sgd": {"epsilon": "8"}}, "epsilon is '8': give a finite number"),
        ({"dp_sgd": {"epsilon": True}}, "epsilon is True: give a finite number"),
        ({"rounding": {"decimal": 1}}, "has no setting 'decimal': it takes decimals"),
        (Temperature(float("nan")), "t is nan: give a finite number"),
        (Rounding(1.5), "decimals is 1.5: give a whole number"),
    ],
)
def test_a_defence_of_no_number_is_refused_with_the_cure(named, words):
    with pytest.raises(InputError) as error:
        named_defenses([named])
    assert words in str(error.value)


def test_numbers_of_numpy_and_none_where_it_is_declared_will_do():
    assert defense("rounding", decimals=np.int64(1)).decimals == 1
    assert named_defenses([{"dp_sgd": {"epsilon": np.float32(8), "batch_size": None}}])[0].epsilon == 8
    assert defense("temperature", t=2).t == 2


def test_the_defaults_of_every_defence_will_do():
    named_defenses([name for name in DEFENSES if name not in ("dp_sgd", "pate", "minimization")])


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("knockoff", {"student": 3}, "attacks.knockoff.student is 3: give text"),
        ("loss", {"depth": 3}, "attacks.loss has no setting 'depth': it takes none"),
    ],
)
def test_an_attack_of_other_settings_is_refused(name, settings, words):
    with pytest.raises(InputError, match=words):
        attack(name, **settings)
