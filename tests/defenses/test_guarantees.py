"""Bounds by differential privacy: printed where they hold, and only there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import dp_accounting
import numpy as np
import pytest
from dp_accounting.pld import PLDAccountant
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from divulge.catalog.defenses import defense
from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError, Notice
from divulge.core.privacy_budget import warn_of_delta
from divulge.core.results.guarantee import Guarantee, Unbounded
from divulge.data.arrays import from_arrays
from divulge.defenses.federated.flower import Federation, clipped, run
from divulge.defenses.federated.learning import Federated
from divulge.defenses.guarantees import promised
from divulge.defenses.interface.memguard import MemGuard
from divulge.defenses.training.dp_sgd import DpSgd
from divulge.defenses.training.pate import Pate
from divulge.setup.defended import named_defenses
from divulge.training.recipes.sklearn import SklearnRecipe
from tests.defenses.nets import BASE, digits

SHORT = replace(BASE, epochs=5)
DP = {"dp_sgd": {"noise": 2.0}}


def bound(*listed, base=SHORT, members=None):
    records = members if members is not None else digits(400, 400, 400)[0]
    return promised(named_defenses(listed), records, base)


@dataclass(frozen=True)
class Foreign:
    card: ClassVar[DefenseCard] = DefenseCard("foreign", "A stranger's", "", "does something", stage=Stage.INTERFACE)


@pytest.mark.parametrize(
    "beside",
    [
        (),
        ({"rounding": {"decimals": 1}},),
        ({"top_k": {"k": 2}}, "temperature"),
        ("label_only",),
        ("weight_decay", "dropout"),
        ("deduplication",),
        ({"gaussian_noise": {"deviation": 0.1}},),
    ],
)
def test_a_bound_survives_what_looks_at_no_record_without_noise(beside):
    found = bound(DP, *beside)
    assert isinstance(found, Guarantee) and 0 < found.epsilon < 3
    assert "adding or removing one record" in str(found) and "whoever trains the model" in str(found)
    assert "ordinary generator with a known seed" in found.assumed


@pytest.mark.parametrize(
    ("beside", "why"),
    [
        (("k_anonymity",), "k-anonymity is fitted to the training records without noise"),
        (("memguard",), "is fitted to answers on training records"),
        ((Foreign(),), "A stranger's may look at training records without noise"),
        (("early_stopping",), "decides by training records"),
    ],
)
def test_a_bound_does_not_survive_what_looks_at_records_without_noise(beside, why):
    found = bound(DP, *beside)
    assert isinstance(found, Unbounded) and why in found.why
    assert bound(*beside) is None  # where no part adds noise, none is spoken of


def test_k_anonymity_moves_many_records_where_one_joins():
    """Why it undoes the bound: differential privacy of what is trained on it is of its records, not of people."""
    members = digits(200, 200, 200)[0]
    flat = from_arrays([(members.x.reshape(200, -1)[:, 10:20], members.y)])[0]
    one_less = flat.take(np.arange(199))
    full, rest = (defense("k_anonymity", k=5).prepare(r, 0).x for r in (flat, one_less))
    assert (full[:199] != rest).any(axis=1).sum() > 2


def test_preparation_that_is_fitted_is_not_covered():
    x = np.random.default_rng(0).normal(size=(200, 4))
    (records,) = from_arrays([(x, (x[:, 0] > 0).astype(int))])
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    found = bound(DP, base=SklearnRecipe(scaled), members=records)
    assert isinstance(found, Unbounded) and "StandardScaler" in found.why
    own = make_pipeline(FunctionTransformer(lambda z: z - z.mean(axis=0)), LogisticRegression())
    assert isinstance(bound(DP, base=SklearnRecipe(own), members=records), Unbounded)
    for steps in ((), (Normalizer(),), (FunctionTransformer(np.tanh),)):
        fine = make_pipeline(*steps, LogisticRegression())
        assert isinstance(bound(DP, base=SklearnRecipe(fine), members=records), Guarantee)


def test_replacement_tuning_and_hardly_any_noise_are_said():
    found = bound({"dp_sgd": {"noise": 1.0, "tuned": True, "tried": 6}})
    rate, steps = DpSgd(noise=1.0).schedule(400, SHORT.batch_size, SHORT.epochs)
    accountant = PLDAccountant(neighboring_relation=dp_accounting.NeighboringRelation.REPLACE_ONE)
    one = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(1.0))
    replaced = accountant.compose(dp_accounting.SelfComposedDpEvent(one, steps)).get_epsilon(1e-5)
    assert f"For replacing one record by another epsilon is {replaced:.3g}." in found.beside
    assert f"at most {7 * found.epsilon:.3g}" in found.assumed and "6 trainings" in found.assumed
    assert "hardly any noise" in bound({"dp_sgd": {"noise": 0.01}}).why


@pytest.mark.parametrize("wrong", [{"epsilon": 0}, {"epsilon": float("nan")}, {"noise": 0}, {"noise": float("nan")}])
@pytest.mark.parametrize("name", ["dp_sgd", "pate"])
def test_no_noise_at_all_is_refused(name, wrong):
    with pytest.raises(InputError, match=r"cannot be had|gives no guarantee"):
        defense(name, **wrong)


def test_a_delta_that_lets_one_record_go_is_warned_of():
    with pytest.warns(Notice, match=r"above 1 / 400 records"):
        warn_of_delta("dp_sgd", 0.01, 400)
    with pytest.warns(Notice, match=r"all records of one of the clients"):
        warn_of_delta("federated", 0.2, 10, unit="clients")


def test_one_record_changes_one_teacher_alone():
    members = digits(401, 200, 200)[0]
    pate = Pate(epsilon=3.0)
    full, less = pate.parts(members, 7), pate.parts(members.take(np.arange(400)), 7)
    changed = [n for n in range(20) if full[n].tolist() != less[n].tolist()]
    assert len(changed) == 1 and [r for r in full[changed[0]].tolist() if r != 400] == less[changed[0]].tolist()
    assert sorted(np.concatenate(full).tolist()) == list(range(401))
    assert pate.parts(members, 8)[0].tolist() != full[0].tolist()
    order = np.random.default_rng(0).permutation(401)
    shuffled = pate.parts(members.take(order), 7)
    assert [sorted(order[part].tolist()) for part in shuffled] == [part.tolist() for part in full]


def test_a_person_is_at_one_teacher_and_pates_bound_is_of_persons():
    members = digits(400, 200, 200)[0]
    owned = replace(members, groups=np.arange(400) // 4)
    parts = Pate(epsilon=3.0).parts(owned, 0)
    where = {int(g): n for n, part in enumerate(parts) for g in owned.groups[part]}
    assert all((owned.groups[part] == g).sum() in (0, 4) for part in parts for g in range(100)) and len(where) == 100
    found = bound({"pate": {"epsilon": 3.0}}, members=owned)
    assert found.epsilon == pytest.approx(3.0, rel=0.01) and "one person" in found.relation
    assert (found.units, found.unit) == (100, "persons")
    inner = bound("early_stopping", {"pate": {"epsilon": 3.0}})
    assert isinstance(inner, Guarantee)  # how teachers are trained does not matter
    assert isinstance(bound("k_anonymity", {"pate": {"epsilon": 3.0}}), Unbounded)


ZERO = (np.zeros(50, dtype=np.float64),)


def far(client, weights, number):
    """As far as a client may go, in a direction of its own."""
    step = np.zeros(50)
    step[client] = 2.0
    return (weights[0] + step,)


@pytest.mark.parametrize("cap", [None, 30, 1000])
def test_one_client_moves_the_mean_by_no_more_than_the_noise_is_for(cap, monkeypatch):
    """The mean with and without each client, noise and number of the clients' weights held: at most clip * cap / sum
    of weights, which is what the deviation is a multiple of (McMahan et al. 2018, lemma 1).
    """
    sizes = [400, 20, 20, 10, 10]
    federation = Federation(1, clip=2.0, noise=1e-12, cap=cap)
    reach = federation.spread(sizes) / federation.noise
    full = run(federation, sizes, ZERO, far, 0)[0]
    moved = []
    for gone in range(5):

        def stays(client, weights, number, gone=gone):
            return weights if client == gone else far(client, weights, number)

        moved.append(float(np.linalg.norm(run(federation, sizes, ZERO, stays, 0)[0] - full)))
    assert max(moved) <= reach * (1 + 1e-6)
    assert max(moved) == pytest.approx(reach if cap != 1000 else reach * 0.4, rel=1e-6)


def test_clients_are_drawn_and_the_sum_is_divided_by_a_fixed_number():
    seen = []
    federation = Federation(40, clip=2.0, noise=1e-9, sampled=0.3)
    run(federation, [5] * 10, ZERO, far, 1, seen.append)
    drawn = [len(r.sent) for r in seen]
    assert 1.8 < np.mean(drawn) < 4.2 and len(set(drawn)) > 2
    for each in seen:
        step = each.after[0] - each.before[0]
        assert sorted(np.flatnonzero(np.abs(step) > 1e-3)) == sorted(each.sent)
        np.testing.assert_allclose(step[list(each.sent)], 2.0 / (0.3 * 10), rtol=1e-4)


@pytest.mark.parametrize(("noise", "sampled", "rounds"), [(1.0, 0.1, 30), (2.0, 1.0, 10), (0.8, 0.3, 20)])
def test_the_epsilon_of_federated_rounds_is_dp_accountings(noise, sampled, rounds):
    found = bound({"federated": {"clip": 1.0, "noise": noise, "sampled": sampled, "rounds": rounds, "delta": 1e-4}})
    event = dp_accounting.PoissonSampledDpEvent(sampled, dp_accounting.GaussianDpEvent(noise))
    known = PLDAccountant().compose(dp_accounting.SelfComposedDpEvent(event, rounds)).get_epsilon(1e-4)
    assert found.epsilon == pytest.approx(known, rel=0.02) and found.epsilon >= known
    assert "one client with all its records" in found.relation and found.trusted.startswith("the server")
    assert bound("federated") is None


def test_noise_of_clients_needs_no_trust_and_is_composed_over_rounds():
    found = bound("federated", {"update_noise": {"epsilon": 8.0}})
    assert found.epsilon == pytest.approx(defense("update_noise").cost(20), rel=1e-6) and found.epsilon > 50
    assert found.trusted.startswith("nobody") and "replacing all records of one client" in found.relation
    whole = bound("federated", {"update_noise": {"epsilon": 8.0, "rounds": 20}})
    assert whole.epsilon == pytest.approx(8.0, rel=1e-3)


def test_clients_clip_last_so_that_no_other_defence_of_updates_lengthens_what_is_sent():
    members = digits(60, 60, 60)[0]
    seen = []
    noisy = (defense("update_quantization", bits=1), defense("update_noise", epsilon=1.0))
    Federated(3, 1, clip=0.5, noise=1.0, protections=noisy).watched(SHORT, members, 0, seen.append)
    for sent in seen[0].sent.values():
        change = [a.astype(np.float64) - b for a, b in zip(sent, seen[0].before, strict=True)]
        assert np.sqrt(sum((c**2).sum() for c in change)) <= 0.5 * (1 + 1e-4)
    counted = clipped((np.array([10]),), (np.array([7]),), 1.5)[0]
    assert counted.tolist() == [9]  # whole numbers are shortened, never rounded away from where they were


def test_memguard_is_fitted_even_where_its_card_would_not_say_so(monkeypatch):
    monkeypatch.setattr(MemGuard, "card", replace(MemGuard.card, breaks_bound=""))
    assert "fitted to answers on training records" in bound(DP, "memguard").why
