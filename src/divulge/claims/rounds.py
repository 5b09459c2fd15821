"""Membership and source inference on the rounds of a federated training, by whoever stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from divulge.claims.as_run import Found, Setting, Test, Tested, as_run, of_records
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.persons import condensed, numbered
from divulge.core.records import Records
from divulge.core.results.audit_result import TargetFacts
from divulge.core.results.estimate import Estimate
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Claimed
from divulge.core.results.finding import Reading
from divulge.core.results.metric import AUC, SOURCE_INFERRED
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Paired, Scored
from divulge.core.threat import PRESETS, Access, Task
from divulge.core.wording import counted, percent
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
    run: Path | None = field(default=None, compare=False, repr=False)


def audit_rounds(
    federated: Federated,
    recipe: Any,
    members: Records,
    nonmembers: Records,
    known: Records,
    seed: int = 0,
    policy: Policy | None = None,
    *,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> RoundsAudit:
    """Train a module of `recipe`, a TorchRecipe, on `members` in federated rounds, and attack these rounds.

    Passive and active: Nasr, Shokri and Houmansadr 2019 (sections III and IV; gradient ascent), with loss, gradient
    norm and the angle between a record's gradient and the global update of each watched round as features, and a
    logistic regression in place of a network.  Source: Hu et al. 2021, the client whose model has the smallest loss.
    known: records of which the adversary knows that they were not used.  Where records say whose they are, a client
    holds persons whole, and persons are counted.
    out: the folder of a run that keeps what was found, with a report and a verdict for `divulge gate`; its path is then
        in the result's `run`.  None keeps none.
    resume: a run to go on with, begun with the same; one that came to its end is read.
    Raises InputError for regression, or where secure aggregation is asked for with too few clients.
    """
    chosen = policy or Policy()

    def setting() -> Setting:
        name, task = recipe.describe(), members.schema.task.value
        kind = type(federated).__name__
        return Setting(
            name=f"federated rounds: {name}",
            threat=PRESETS["federated-client"],
            target=TargetFacts(name, kind, task, recipe.fingerprint(), (Access.UPDATES.value,)),
            data=of_records(members, nonmembers, known),
            policy=chosen,
            seed=seed,
            said={"federated": repr(federated)},
            recipe=name,
        )

    def play() -> tuple[RoundsAudit, Found]:
        return _attacked(federated, recipe, members, nonmembers, known, seed, chosen)

    test = Test("rounds", "Federated rounds", RoundsAudit, play, "nasr2019", Access.UPDATES, TITLES)
    found: RoundsAudit = as_run(setting, [test], out, resume)[0]
    return found


TITLES = {
    "rounds_passive": "A client who watches the rounds",
    "rounds_active": "A client who interferes with the rounds",
    "rounds_source": "Whose record it is, by the server",
}

HIDDEN = "secure aggregation hides the models that the clients send"


def _attacked(
    federated: Federated,
    recipe: Any,
    members: Records,
    nonmembers: Records,
    known: Records,
    seed: int,
    policy: Policy,
) -> tuple[RoundsAudit, Found]:
    if members.schema.task is not Task.CLASSIFICATION:
        raise InputError("audit_rounds is for classification: the loss of a class is what it looks at")
    parts = federated.parts(members, seed)
    seen: list[ClientRound] = []
    module = federated.watched(recipe, members, seed, seen.append)
    looked_at = seen[-WATCHED:]
    four = (members.take(parts[0]), known, members.take(np.concatenate(parts[1:])), nonmembers)
    passive = _judged([_features(recipe, looked_at, r, seed) for r in four])
    further = _interfered(federated, recipe, module, members, four, seed)
    both = [_features(recipe, [*looked_at, *further], r, seed) for r in four]
    hits, guessing = _source(recipe, looked_at, members, parts, seed)
    whose = _whose(four[2]), _whose(nonmembers)
    watched, interfered = _evidence(*passive, *whose), _evidence(*_judged(both), *whose)
    early = whose[1] < (whose[1].max() + 1) // 2
    control = _evidence(passive[1][early], passive[1][~early], whose[1][early], whose[1][~early])
    result = RoundsAudit(
        passive=weigh(watched, policy, 1),
        active=weigh(interfered, policy, 1),
        control=weigh(control, policy, 1),
        source=None if hits is None else Reading(float(hits.mean()), *mean_bounds(hits, 1 - policy.confidence)),
        guessing=guessing,
    )

    def found() -> dict[str, Tested | str]:
        asked = (np.concatenate(parts[1:]), np.arange(len(nonmembers)))
        row, y = np.concatenate(asked), np.concatenate([members.y[asked[0]], nonmembers.y])
        shown = {name: _shown(name, federated, result, policy) for name in TITLES}
        seen, pushed = (replace(e, exhibits=(shown[n],)) for e, n in zip((watched, interfered), TITLES, strict=False))
        return {
            "rounds_passive": Tested(result.passive, seen, row, y, result.control, models_trained=1),
            "rounds_active": Tested(result.active, pushed, row, y, models_trained=1),
            "rounds_source": HIDDEN if hits is None else _source_tested(hits, guessing, shown["rounds_source"], policy),
        }

    return result, found


def _source_tested(hits: Array, guessing: float, shown: Claimed, policy: Policy) -> Tested:
    places = tuple(range(len(hits)))
    paired = Paired(SOURCE_INFERRED, tuple(map(float, hits)), (guessing,) * len(hits), places, known=True)
    evidence = Evidence((paired,), (shown,))
    return Tested(weigh(evidence, policy, 1), evidence)


def _shown(name: str, federated: Federated, found: RoundsAudit, policy: Policy) -> Claimed:
    at = percent(policy.confidence)
    if name == "rounds_source":
        read = found.source or Reading(0.0, 0.0, 1.0)
        return Claimed(
            claim="The server cannot tell which client a training record belongs to.",
            test=f"Of the models of {counted(federated.clients, 'client')} in the last {counted(WATCHED, 'round')} "
            "that with the smallest loss on a record was named.",
            chance=LOTS,
            upheld="The server can tell whose a record is",
            open="It was not shown that the server can tell whose a record is",
            figures=(
                (
                    "records whose client is named rightly",
                    f"{percent(read.value)} ({percent(read.low)} to {percent(read.high)}, {at} confidence)"
                    if read
                    else "–",
                ),
                ("by naming the largest client", percent(found.guessing)),
            ),
        )
    active = name == "rounds_active"
    estimates = found.active if active else found.passive
    area = next(e for e in estimates if e.metric == AUC)
    control = next(e for e in found.control if e.metric == AUC)
    more = (
        ", and in further rounds that began with the loss of the records in question raised"
        if active
        else ", which every client receives"
    )
    return Claimed(
        claim="Whoever takes part in the rounds cannot tell whose records the others train on.",
        test=f"Loss, gradient and global step of the last {counted(WATCHED, 'round')}{more}, were looked at by a "
        "client who knows its own records.",
        chance=LOTS,
        upheld="Someone in the rounds can tell which records were used",
        open="It was not shown that someone in the rounds can tell which records were used",
        figures=(
            ("AUC", f"{area.value or 0.0:.3f} ({area.low or 0.0:.3f} to {area.high or 0.0:.3f}, {at} confidence)"),
            ("AUC on records of which none was used", f"{control.value or 0.0:.3f}"),
        ),
    )


LOTS = "Which client holds which record was drawn by lot, and records that were not used are compared with those used."


def _judged(features: Sequence[Array]) -> tuple[Array, Array]:
    """Scores of the records in question, by what was learned on records whose use is known: used, not used, then those
    in question, used and not.
    """
    used, unused, inside, outside = features
    judge = _learned(used, unused)
    return judge(inside), judge(outside)


def _whose(records: Records) -> Array:
    """Whose records they are, by number from 0 in their order: [records]."""
    return numbered(records.groups if records.groups is not None else np.arange(len(records)))[1]


def _evidence(inside: Array, outside: Array, ours: Array, theirs: Array) -> Evidence:
    """ours, theirs: whose the records used, and not used, are."""
    index = np.arange(len(inside) + len(outside))
    unit = np.concatenate([ours, theirs + ours.max() + 1])
    return Evidence((Scored(np.concatenate([inside, outside]), index < len(inside), unit, index),))


def _loaded(recipe: Any, weights: Arrays, seed: int) -> nn.Module:
    """A module with what went over the wire: the entries of its state, in their order."""
    module: nn.Module = recipe.untrained(seed)[0]
    load(module, list(module.state_dict()), weights)
    return module.eval()


def _losses(recipe: Any, module: nn.Module, records: Records) -> Array:
    """Cross-entropy of every record."""
    feed, y = recipe.feed(module, records.x), tensors(records)[1]
    with torch.no_grad():
        logits = feed.logits(module)(feed.x(records.x))
        return np.asarray(cross_entropy(logits.float(), y, reduction="none").numpy(), dtype=np.float64)


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
        logits = feed.reading.logits(functional_call(module, weights, (one.unsqueeze(0),)), one.unsqueeze(0))
        return cross_entropy(logits.float(), label.unsqueeze(0))

    gradients = vmap(grad(loss), in_dims=(None, 0, 0), randomness="same")
    norms, angles = [], []
    x, y = feed.x(records.x), tensors(records)[1]
    for a, b in zip(x.split(CHUNK), y.split(CHUNK), strict=True):  # type: ignore[no-untyped-call]
        per_record = gradients(parameters, a, b)
        flat = torch.cat([per_record[n].reshape(len(a), -1) for n in parameters], dim=1)
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
    recipe: Any, rounds: Sequence[ClientRound], members: Records, parts: Sequence[Array], seed: int
) -> tuple[Array | None, float]:
    """Whether the client with the smallest loss is the one that holds the record, [members] of 0 and 1, or of a person
    with several the share of them; and how often the largest client is.
    """
    whose = _whose(members)
    guessing = max(len(np.unique(whose[part])) for part in parts) / (whose.max() + 1)
    if any(seen.masked for seen in rounds):
        return None, guessing
    owner = np.zeros(len(members), dtype=np.int64)
    for client, rows in enumerate(parts):
        owner[rows] = client
    losses, times = np.zeros((len(parts), len(members))), np.zeros(len(parts))
    for seen in rounds:
        for client, sent in seen.sent.items():
            losses[client] += _losses(recipe, _loaded(recipe, sent, seed), members)
            times[client] += 1
    losses = np.where(times[:, None] > 0, losses / np.maximum(times, 1)[:, None], np.inf)  # not all take part always
    return condensed((losses.argmin(axis=0) == owner).astype(float), whose), guessing
