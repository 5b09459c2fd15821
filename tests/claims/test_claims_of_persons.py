"""Claims about persons with several records: persons are exchanged, split and counted, never rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats

from divulge.claims.cardinality import used_share
from divulge.claims.dataset_use import was_used
from divulge.core.errors import InputError
from divulge.core.persons import numbered
from divulge.core.records import concat
from divulge.data.arrays import from_arrays
from divulge.targets.function import FunctionTarget


def people(rng, persons, rows, start=0, spread=0.3):
    """Records of persons: how hard they are, all alike, and a number that tells each person."""
    who = np.repeat(np.arange(persons), rng.integers(rows[0], rows[1] + 1, persons))
    x = np.column_stack([rng.normal(size=persons)[who] + spread * rng.normal(size=len(who)), who + start])
    (records,) = from_arrays([(x, np.arange(len(who)) % 2)])
    return replace(records, groups=who + start).as_given(records.given)


@dataclass
class Memory:
    """A model whose confidence in a record grows by `gap` where it saw the person, up to luck with each person."""

    seen: frozenset
    luck: np.ndarray
    gap: float

    def target(self):
        def confidence(x):
            who = x[:, 1].astype(int)
            saw = np.isin(who, list(self.seen))
            right = 1 / (1 + np.exp(-(x[:, 0] + self.luck[who] + self.gap * saw)))
            return np.column_stack([right, 1 - right])

        return FunctionTarget(confidence, "scores")


@dataclass
class Training:
    """A recipe that makes such models; it answers class 0 whatever is asked, so that all records are of that class."""

    rng: np.random.Generator
    gap: float
    persons: int

    def model(self, seen):
        return Memory(frozenset(seen), self.rng.normal(size=self.persons), self.gap).target()

    def train_many(self, records, rows, seeds):
        for number, row in enumerate(rows):
            seen, out = (set(records.x[side, 1].astype(int)) for side in (row, ~row))
            assert not seen & out, "a person is seen whole"
            yield number, self.model(seen)


def both(rng, rows, persons=60):
    made = [people(rng, persons, rows, start) for start in (0, persons)]
    return [replace(part, y=np.zeros(len(part), dtype=np.int64)).as_given(part.given) for part in made]


@pytest.mark.parametrize("rows", [(1, 1), (5, 5), (1, 50)])
def test_own_persons_that_were_not_used_are_claimed_at_most_as_often_as_is_said(rows):
    rng, p_values, shares = np.random.default_rng(0), [], []
    for seed in range(25):
        own, fresh = both(rng, rows, 24)
        target = Training(rng, 3.0, 48).model(())
        found = was_used(target, own, fresh, seed)
        p_values.append(found.p_value)
        shares.append(found.share)
    assert np.sum(np.array(p_values) <= 0.05) <= 4  # binomial(25, 0.05) exceeds 4 in less than one case of a hundred
    assert np.sum(np.array(shares) > 0) <= 4
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_own_persons_that_were_used_are_found():
    rng = np.random.default_rng(1)
    own, fresh = both(rng, (1, 50))
    assert was_used(Training(rng, 4.0, 120).model(range(60)), own, fresh).p_value < 0.001


@pytest.mark.parametrize("rows", [(1, 1), (1, 20)])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_interval_of_the_share_holds_the_share_of_persons(rows, share):
    rng, held, wide = np.random.default_rng(2), 0, []
    for seed in range(12):
        own, fresh = both(rng, rows, 80)
        recipe = Training(rng, 4.0, 160)
        found = used_share(recipe.model(range(int(80 * share))), own, fresh, recipe, seed=seed)
        held += found.low <= share <= found.high
        wide.append(found.high - found.low)
        assert found.flagged.trials == found.used_flagged.trials == 80
    assert held >= 11 and np.mean(wide) < 0.7


def test_persons_are_counted_where_few_have_many_records():
    rng = np.random.default_rng(3)
    own, fresh = both(rng, (20, 20), 30)
    with pytest.raises(InputError, match="at least 50 own and 50 fresh persons"):
        used_share(Training(rng, 4.0, 60).model(()), own, fresh, Training(rng, 4.0, 60))


@pytest.mark.parametrize("skew", [None, 0.5])
def test_a_client_of_a_federation_holds_persons_whole(skew):
    pytest.importorskip("flwr")
    from divulge.claims.rounds import _evidence, _whose
    from divulge.defenses.federated.learning import Federated

    own, fresh = both(np.random.default_rng(4), (1, 9), 40)
    parts = Federated(clients=4, rounds=1, skew=skew).parts(own, 0)
    whose = [set(own.groups[part]) for part in parts]
    assert sum(map(len, whose)) == len(set.union(*whose)) == 40 and sum(map(len, parts)) == len(own)
    evidence = _evidence(np.zeros(len(own)), np.ones(len(fresh)), _whose(own), _whose(fresh)).trials[0].by_unit()
    assert (evidence.n_exposed, evidence.n_control) == (40, 40)
    assert len(numbered(concat([own, fresh]).groups)[0]) == 80
