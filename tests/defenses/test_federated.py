"""Federated learning: Flower's own code agrees with sums by hand, and what a tap sees under secure aggregation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import divulge
from divulge.auditing.federated_target import FederatedTarget
from divulge.catalog.defenses import defense
from divulge.core.errors import InputError, TargetError
from divulge.defenses.federated.flower import MODULUS, Federation, clipped, run
from divulge.defenses.federated.learning import Federated
from divulge.games.rebuild import RebuildPlan
from divulge.targets.networks.pytorch import TorchTarget
from tests.defenses.nets import BASE, accuracy, digits, under

START = (np.zeros((3, 2), dtype=np.float32), np.zeros(4, dtype=np.float32))
FAST = replace(BASE, batch_size=32, learning_rate=0.01)


def one_more(client, weights, number):
    return tuple(w + client + 1 for w in weights)


@pytest.mark.parametrize("secure", [False, True])
def test_rounds_are_weighted_means(secure):
    seen = []
    told = run(Federation(rounds=2, secure=secure), [10, 20, 30, 40], START, one_more, 0, seen.append)
    for part, shape in zip(told, ((3, 2), (4,)), strict=True):
        assert part.shape == shape
        np.testing.assert_allclose(part, 2 * 3.0, atol=1e-4)
    assert [r.number for r in seen] == [1, 2]
    np.testing.assert_allclose(seen[1].before[0], seen[0].after[0])


def test_what_clients_send_under_secure_aggregation_looks_like_noise():
    plain, masked = [], []
    big = (np.zeros((100, 50), dtype=np.float32),)
    run(Federation(1), [10, 10, 10], big, one_more, 0, plain.append)
    run(Federation(1, secure=True), [10, 10, 10], big, one_more, 0, masked.append)
    assert (plain[0].sent[1][0] == 2.0).all()
    values = masked[0].sent[1][1].reshape(-1) / MODULUS
    assert stats.kstest(values, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(values, masked[0].sent[2][1].reshape(-1))[0, 1]) < 0.05
    np.testing.assert_allclose(plain[0].after[0], masked[0].after[0], atol=1e-4)


def test_central_privacy_adds_the_noise_that_it_should():
    big = (np.zeros((200, 50), dtype=np.float32),)
    still = run(Federation(1, clip=2.0, noise=0.5), [1] * 4, big, lambda c, w, n: w, 0)
    assert float(still[0].std()) == pytest.approx(0.5 * 2.0 / 4, rel=0.05)
    far = clipped(big, (np.ones((200, 50), dtype=np.float32),), 2.0)
    assert float(np.linalg.norm(far[0])) == pytest.approx(2.0, rel=1e-5)


def test_parts_are_disjoint_and_skewed_where_they_should_be():
    members, _, _ = digits(400, 400, 400)
    for skew in (None, 0.2):
        parts = Federated(clients=7, skew=skew).parts(members, 0)
        assert sorted(np.concatenate(parts).tolist()) == list(range(400)) and min(map(len, parts)) > 0
    commonest = [np.bincount(members.y[p]).max() / len(p) for p in Federated(clients=7, skew=0.1).parts(members, 0)]
    assert np.mean(commonest) > 0.4


def test_federated_learning_learns_and_proximity_holds_it_back():
    members, unseen, _ = digits(400, 400, 400)
    few = {"clients": 5, "rounds": 15, "local_epochs": 4}
    good = accuracy(under(Federated(**few), base=FAST).fit(members, 0), unseen)
    assert good > 0.85
    held = under(Federated(**few, strategy="fedprox", proximal=100.0), base=FAST).fit(members, 0)
    assert accuracy(held, unseen) < good
    guarded = under(Federated(**few), defense("update_clipping", norm=1e-6), base=FAST)
    assert accuracy(guarded.fit(members, 0), unseen) < 0.5


def test_what_cannot_be_run_is_said():
    members, _, _ = digits(400, 400, 400)
    with pytest.raises(InputError, match="hides a client among others"):
        run(Federation(1, secure=True), [1, 1], START, one_more, 0)
    with pytest.raises(InputError, match="too few for 500 clients"):
        Federated(clients=500).parts(members, 0)

    def broken(client, weights, number):
        raise ValueError("out of memory")

    with pytest.raises(TargetError, match="out of memory"):
        run(Federation(1), [1, 1, 1], START, broken, 0)


@pytest.fixture(scope="module")
def updates(tmp_path_factory):
    """What an analytic attack and an imprint block make of updates, alone and out of rounds."""
    members, unseen, others = digits(400, 400, 400)
    module = FAST.fit(members, 0)

    def played(attack, **plan):
        found = divulge.audit(
            TorchTarget(module),
            members,
            unseen,
            others,
            recipe=FAST,
            threat="federated-server",
            attacks=[attack],
            reconstruction=RebuildPlan(trials=6, rate=10.0, **plan),
            out=tmp_path_factory.mktemp("updates") / "run",
        )
        told = {f.metric: f.value for f in found.findings}
        return told["records_rebuilt"], found.result.evidence[attack].notes

    return played


def test_secure_aggregation_hides_one_clients_update(updates):
    assert updates("analytic_gradient", clients=4, sees="client")[0] == 1.0
    share, told = updates("analytic_gradient", clients=4, sees="client", secure=True)
    assert share == 0.0 and "masked by SecAgg+" in told[0]


def test_secure_aggregation_does_not_stop_a_server_that_makes_up_the_module(updates):
    share, told = updates("imprint_block", batch=20, clients=5, secure=True)
    assert share > 0.3 and "their sum under SecAgg+" in told[0]
    assert updates("analytic_gradient", batch=20, clients=5, secure=True)[0] < 0.1


def test_a_wire_needs_a_module_and_a_record_for_each_client(updates):
    with pytest.raises(InputError, match="modules of PyTorch"):
        FederatedTarget(object(), 4, False)
    with pytest.raises(KeyError):
        updates("analytic_gradient", batch=2, clients=4)
