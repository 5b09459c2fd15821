"""Membership and source inference on the rounds of a federated training, by whoever stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.results.estimate import Estimate
from divulge.core.results.evidence import Evidence
from divulge.core.results.finding import Reading
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.core.threat import Task
from divulge.defenses.federated.flower import Arrays, ClientRound
from divulge.defenses.federated.learning import Federated, load, tensors
from divulge.stats.paired import mean_bounds
from divulge.stats.weigh import weigh

WATCHED = 5
"""The last rounds, which the adversary looks at, and further ones in which an active server interferes."""

LOUDER = 0.5
"""By how much an active server raises the mean loss of the records in question before it sends the model."""

CHUNK = 256


@dataclass(frozen=True)
class RoundsAudit:
    """passive: a client who knows its own records watches the global models.  active: together with the server it
    raises the loss of the records in question, and sees whose falls again.  control: the passive attack on records of
    which none was used.  source: how often the server tells which client a training record belongs to, and guessing:
    the largest client's share; None where secure aggregation hides the clients' models.
    """

    passive: tuple[Estimate, ...]
    active: tuple[Estimate, ...]
    control: tuple[Estimate, ...]
    source: Reading | None
    guessing: float


def audit_rounds(
    federated: Federated,
    recipe: Any,
    members: Records,
    nonmembers: Records,
    known: Records,
    seed: int = 0,
    policy: Policy | None = None,
) -> RoundsAudit:
    """Train a module of `recipe`, a TorchRecipe, on `members` in federated rounds, and attack these rounds.

    Passive and active: Nasr, Shokri and Houmansadr 2019 (sections III and IV; gradient ascent), with loss, gradient
    norm and the angle between a record's gradient and the global update of each watched round as features, and a
    logistic regression in place of a network.  Source: Hu et al. 2021, the client whose model has the smallest loss.
    known: records of which the adversary knows that they were not used.  Raises InputError for regression, or where
    secure aggregation is asked for with too few clients.
    """
    if members.schema.task is not Task.CLASSIFICATION:
        raise InputError("audit_rounds is for classification: the loss of a class is what it looks at")
    policy = policy or Policy()
    parts = federated.parts(members, seed)
    seen: list[ClientRound] = []
    module = federated.watched(recipe, members, seed, seen.append)
    looked_at = seen[-WATCHED:]
    four = (members.take(parts[0]), known, members.take(np.concatenate(parts[1:])), nonmembers)
    passive = _judged([_features(recipe, looked_at, r, seed) for r in four])
    further = _interfered(federated, recipe, module, members, four, seed)
    both = [_features(recipe, [*looked_at, *further], r, seed) for r in four]
    half = len(passive[1]) // 2
    source, guessing = _source(recipe, looked_at, members, parts, seed, policy)
    return RoundsAudit(
        passive=weigh(_evidence(*passive), policy, 1),
        active=weigh(_evidence(*_judged(both)), policy, 1),
        control=weigh(_evidence(passive[1][:half], passive[1][half:]), policy, 1),
        source=source,
        guessing=guessing,
    )


def _judged(features: Sequence[Array]) -> tuple[Array, Array]:
    """Scores of the records in question, by what was learned on records whose use is known: used, not used, then those
    in question, used and not.
    """
    used, unused, inside, outside = features
    judge = _learned(used, unused)
    return judge(inside), judge(outside)


def _evidence(inside: Array, outside: Array) -> Evidence:
    index = np.arange(len(inside) + len(outside))
    return Evidence((Scored(np.concatenate([inside, outside]), index < len(inside), index, index),))


def _loaded(recipe: Any, weights: Arrays, seed: int) -> nn.Module:
    """A module with what went over the wire: the entries of its state, in their order."""
    module: nn.Module = recipe.untrained(seed)[0]
    load(module, list(module.state_dict()), weights)
    return module.eval()


def _losses(recipe: Any, module: nn.Module, records: Records) -> Array:
    """Cross-entropy of every record."""
    feed, y = recipe.feed(module, records.x), tensors(records)[1]
    with torch.no_grad():
        said = feed.logits(module)(feed.x(records.x))
        return np.asarray(cross_entropy(said.float(), y, reduction="none").numpy(), dtype=np.float64)


def _features(recipe: Any, rounds: Sequence[ClientRound], records: Records, seed: int) -> Array:
    """For every record, by round: its losses before and after, its gradient's norm and cosine to the global step."""
    return np.column_stack([column for seen in rounds for column in _columns(recipe, seen, records, seed)])


def _columns(recipe: Any, seen: ClientRound, records: Records, seed: int) -> tuple[Array, ...]:

    module = _loaded(recipe, seen.before, seed)
    feed = recipe.feed(module, records.x)
    later = _loaded(recipe, seen.after, seed)
    after = dict(later.named_parameters())
    parameters = {name: p.detach() for name, p in module.named_parameters()}
    step = torch.cat([(parameters[n] - after[n].detach()).reshape(-1) for n in parameters])
    step = step / step.norm().clamp_min(1e-12)

    def loss(weights: dict[str, Tensor], one: Tensor, label: Tensor) -> Tensor:
        said = feed.reading.logits(functional_call(module, weights, (one.unsqueeze(0),)), one.unsqueeze(0))
        return cross_entropy(said.float(), label.unsqueeze(0))

    gradients = vmap(grad(loss), in_dims=(None, 0, 0), randomness="same")
    norms, angles = [], []
    x, y = feed.x(records.x), tensors(records)[1]
    for a, b in zip(x.split(CHUNK), y.split(CHUNK), strict=True):  # type: ignore[no-untyped-call]
        made = gradients(parameters, a, b)
        flat = torch.cat([made[n].reshape(len(a), -1) for n in parameters], dim=1)
        size = flat.norm(dim=1)
        norms.append(size.log1p().numpy())
        angles.append((flat @ step / size.clamp_min(1e-12)).numpy())
    losses = (np.log1p(_losses(recipe, m, records)) for m in (module, later))
    return (*losses, np.concatenate(norms), np.concatenate(angles))


def _learned(inside: Array, outside: Array) -> Any:
    """From features to how likely a record was used, learned on records whose use is known."""
    x = np.concatenate([inside, outside])
    used = np.arange(len(x)) < len(inside)
    judge = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1_000, class_weight="balanced"))
    judge.fit(x, used)
    return judge.decision_function


def _interfered(
    federated: Federated, recipe: Any, module: nn.Module, members: Records, raised_for: Sequence[Records], seed: int
) -> list[ClientRound]:
    """Further rounds that begin with a loss raised on all these records; whose falls again was used."""
    seen: list[ClientRound] = []
    once = replace(federated, rounds=1)
    for _ in range(WATCHED):  # the seed stays: it decides which records each client holds
        raised = _raised(recipe, module, raised_for, seed)
        module = once.watched(recipe, members, seed, seen.append, start=raised)
    return seen


def _raised(recipe: Any, module: nn.Module, records: Sequence[Records], seed: int) -> nn.Module:
    """The module after a step up the loss of all records in question, as long as makes their mean loss LOUDER."""
    y = torch.cat([tensors(part)[1] for part in records])
    weights = tuple(v.detach().numpy() for v in module.state_dict().values())
    start = _loaded(recipe, weights, seed)
    feed = recipe.feed(start, records[0].x)
    x = torch.cat([feed.x(part.x) for part in records])
    loss = cross_entropy(feed.logits(start)(x).float(), y)
    gradients = torch.autograd.grad(loss, list(start.parameters()))
    length = float(torch.cat([g.reshape(-1) for g in gradients]).norm().clamp_min(1e-12))
    step = 0.01
    for _ in range(12):
        raised = _loaded(recipe, weights, seed)
        with torch.no_grad():
            for weight, gradient in zip(raised.parameters(), gradients, strict=True):
                weight.add_(gradient, alpha=step / length)
            if float(cross_entropy(feed.logits(raised)(x).float(), y) - loss) > LOUDER:
                break
        step *= 2
    return raised


def _source(
    recipe: Any, rounds: Sequence[ClientRound], members: Records, parts: Sequence[Array], seed: int, policy: Policy
) -> tuple[Reading | None, float]:
    """How often the client with the smallest loss is the one that holds the record."""
    guessing = max(len(part) for part in parts) / len(members)
    if any(seen.masked for seen in rounds):
        return None, guessing
    owner = np.zeros(len(members), dtype=np.int64)
    for client, rows in enumerate(parts):
        owner[rows] = client
    losses = np.zeros((len(parts), len(members)))
    for seen in rounds:
        for client in range(len(parts)):
            losses[client] += _losses(recipe, _loaded(recipe, seen.sent[client], seed), members)
    hits = (losses.argmin(axis=0) == owner).astype(float)
    return Reading(float(hits.mean()), *mean_bounds(hits, 1 - policy.confidence)), guessing
