"""A stolen copy as a stepping stone: attacks that look inside a model are played on the copy and aimed at the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from divulge.attacks.extraction.jacobian import input_gradient
from divulge.auditing.chain import TITLES
from divulge.auditing.job import Job
from divulge.auditing.oracle import GrantedOracle
from divulge.auditing.sessions import Sessions
from divulge.catalog.attacks import attack
from divulge.core.capability.targets import module_of
from divulge.core.errors import AccessDenied, Impossible, TargetError
from divulge.core.game import Arm
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.records import CODED, Records
from divulge.core.results.audit_result import Gain
from divulge.core.results.evidence import Evidence
from divulge.core.results.finding import Finding, Reading
from divulge.core.results.metric import FIDELITY
from divulge.core.results.trials import Scored
from divulge.core.target import Target
from divulge.core.threat import Access, closure
from divulge.core.views.extraction import Student, Surrogate
from divulge.core.views.membership import Auxiliary
from divulge.games.extraction import ranges
from divulge.stats.auc import auc
from divulge.targets.wrappers.copied import CopyTarget
from divulge.training.surrogates.students import NETWORK, SurrogateTrainer

RESAMPLES = 400
SIZE = 0.1
"""Of adversarial perturbations: at most this share of the range of each input."""

ASCENT = 10
MOST_PERTURBED = 1_000
INVERSION_STEPS = 300
RANDOM_GUESSES = 1_000


def gains_of(job: Job, tables: Sessions, findings: Sequence[Finding], steps: Sequence[str]) -> tuple[Gain, ...]:
    """What each step achieves through the closest copy of a run, and without it; a step that cannot be taken says
    why.
    """
    stolen = [f for f in findings if f.metric == FIDELITY and f.value is not None]
    if not stolen:
        return ()
    best = max(stolen, key=lambda f: (f.low or 0.0, -f.queries))
    copy = _copy(job, tables, best.attack)
    if copy is None:
        return ()
    work: dict[str, Callable[[Job, Sessions, Surrogate, str], Gain]] = {
        "membership": _membership,
        "adversarial": _adversarial,
        "inversion": _inversion,
    }
    found = []
    for step in steps:
        try:
            found.append(work[step](job, tables, copy, best.attack))
        except (Impossible, AccessDenied, TargetError) as reason:
            found.append(Gain(step, TITLES[step], best.attack, str(reason)))
    return tuple(found)


def _copy(job: Job, tables: Sessions, name: str) -> Surrogate | None:
    """The copy that an attack made; made again under the same seed where the run only remembers what it achieved."""
    attack = next(a for a in job.attacks if a.card.name == name)
    table = tables.of(attack.card)
    if name in table.copies:
        return table.copies[name]
    (dealt,) = table.rounds(Arm.TARGET)
    oracle = table.oracle(dealt.target, attack, free=True)
    rng = derived_rng(job.seed, name, Arm.TARGET.value)
    surrogate: Surrogate | None = attack.run(dealt.open(oracle, attack.card, table.means(attack), rng)).surrogate
    return surrogate


def _membership(job: Job, tables: Sessions, copy: Surrogate, name: str) -> Gain:
    """White-box membership on the copy against the black-box attack on the model."""
    target = CopyTarget(job.target, copy)
    categories = any(c.kind in CODED for c in job.candidates.schema.columns)
    inside = "gradient_norm" if Access.GRADIENTS in target.offers and not categories else "loss"
    direct = "loss" if job.threat.grants(Access.SCORES) and Access.SCORES in job.target.offers else "correctness"
    through = _guessed(job, tables, inside, target, free=True).by_unit()
    alone = _guessed(job, tables, direct, job.target).by_unit()
    rng = derived_rng(job.seed, "chain", "membership")

    def areas(evidence: Sequence[Scored]) -> list[float]:
        return [auc(e).value for e in evidence]

    draws = []
    member, other = (np.flatnonzero(through.exposed == side) for side in (True, False))
    for _ in range(RESAMPLES):
        rows = np.concatenate([rng.choice(member, len(member)), rng.choice(other, len(other))])
        draws.append(areas([_resampled(e, rows) for e in (through, alone)]))
    own = areas([through, alone])
    measure = f"AUC of {inside} on the copy, against {direct} on the model"
    return _gain("membership", name, measure, own, np.array(draws))


def _guessed(job: Job, tables: Sessions, named: str, target: Target, free: bool = False) -> Scored:
    """Evidence of one membership attack that looks at this target and is judged by the members of the audited one."""
    played = attack(named)
    (dealt,) = tables.of(played.card).game.deal(Arm.TARGET)
    threat = job.threat
    if free:
        threat = replace(threat, access=closure({Access.PARAMETERS}), query_budget=None)
    oracle = GrantedOracle(target, threat, played.card.needs.access, free=free)
    rng = derived_rng(job.seed, "chain", named)
    evidence: Evidence = dealt.judge(played.run(dealt.open(oracle, played.card, Auxiliary(job.population), rng)))
    return evidence.scored


def _resampled(evidence: Scored, rows: Array) -> Scored:
    return Scored(evidence.score[rows], evidence.exposed[rows], np.arange(len(rows)), np.arange(len(rows)))


def _network(job: Job, copy: Surrogate) -> Student:
    """The copy where it is a network; else a network that learns from it, which costs no query."""
    if not job.candidates.schema.classes:
        raise Impossible("a model of values has no classes to move between")
    if any(c.kind in CODED for c in job.candidates.schema.columns):
        raise Impossible("inputs that are categories cannot be moved along a gradient")
    if hasattr(module_of(copy), "parameters"):
        return cast(Student, copy)
    room = SurrogateTrainer(job.candidates)
    if job.population is None or NETWORK not in room.kinds:
        raise Impossible("the copy is no network, and there is nothing to teach one with")
    return room.teach(NETWORK, job.population, copy.log_scores(job.population), derived_seed(job.seed, "from copy"))


def _adversarial(job: Job, tables: Sessions, copy: Surrogate, name: str) -> Gain:
    """Projected gradient ascent on the copy's loss (Madry et al. 2018) against random signs of the same size."""
    student = _network(job, copy)
    nonmembers = job.candidates.take(np.flatnonzero(~job.member)[:MOST_PERTURBED])
    low, high, _ = ranges(nonmembers)
    answer = job.target.answer(Access.LABEL, nonmembers)
    rng = derived_rng(job.seed, "chain", "adversarial")
    radius = SIZE * (high - low)
    moved = nonmembers.x + 0.0
    for _ in range(ASCENT):
        slope = input_gradient(
            student, Records(moved.astype(nonmembers.x.dtype), nonmembers.y, nonmembers.schema), answer
        )
        moved = np.clip(moved - radius / 4 * np.sign(slope), nonmembers.x - radius, nonmembers.x + radius)
        moved = np.clip(moved, low, high)
    noise = np.clip(nonmembers.x + radius * rng.choice([-1.0, 1.0], nonmembers.x.shape), low, high)
    flipped = [
        job.target.answer(Access.LABEL, Records(x.astype(nonmembers.x.dtype), nonmembers.y, nonmembers.schema))
        != answer
        for x in (moved, noise)
    ]
    draws = []
    for _ in range(RESAMPLES):
        rows = rng.integers(len(nonmembers), size=len(nonmembers))
        draws.append([float(hit[rows].mean()) for hit in flipped])
    measure = f"share of unseen records whose class changes when inputs move by {SIZE:.0%} of their range"
    own = [float(hit.mean()) for hit in flipped]
    return _gain("adversarial", name, f"{measure}; without: random signs", own, np.array(draws))


def _inversion(job: Job, tables: Sessions, copy: Surrogate, name: str) -> Gain:
    """Gradient ascent on the copy's score of each class (Fredrikson et al. 2015) against the best of random inputs by
    the model's own answer: correlation with the mean of the class's members, both less the mean of all.
    """
    import torch

    student = _network(job, copy)
    members = job.candidates.take(job.member)
    low, high, _ = ranges(members)
    classes = len(members.schema.classes)
    rng = derived_rng(job.seed, "chain", "inversion")
    width = torch.from_numpy((high - low).astype(np.float32))
    bottom = torch.from_numpy(low.astype(np.float32))
    free = torch.zeros((classes, *members.x.shape[1:]), requires_grad=True)
    steps = torch.optim.Adam([free], lr=0.05)
    for _ in range(INVERSION_STEPS):
        steps.zero_grad()
        out = torch.log_softmax(student.module(torch.sigmoid(free) * width + bottom), dim=1)
        (-out.diagonal().sum() + 1e-3 * free.square().sum()).backward()  # type: ignore[no-untyped-call]
        steps.step()
    rebuilt = (torch.sigmoid(free) * width + bottom).detach().numpy()
    x = rng.uniform(low, high, (RANDOM_GUESSES, *members.x.shape[1:])).astype(members.x.dtype)
    tried = Records(x, np.zeros(len(x), dtype=np.int64), members.schema)
    port = Access.SCORES if job.threat.grants(Access.SCORES) and Access.SCORES in job.target.offers else Access.LABEL
    answered = job.target.answer(port, tried)
    answered = answered if answered.ndim == 2 else np.eye(classes)[answered.astype(np.int64)]
    guessed = x[answered.argmax(axis=0)]
    middle = members.flat().mean(axis=0)
    alike = [[], []]  # type: list[list[float]]
    for code in range(classes):
        hit = members.y == code
        if not hit.any():
            continue
        mean = members.flat()[hit].mean(axis=0) - middle
        for place, picture in enumerate((rebuilt[code], guessed[code])):
            alike[place].append(_cosine(picture.ravel() - middle, mean))
    table = np.array(alike)
    draws = []
    for _ in range(RESAMPLES):
        rows = rng.integers(table.shape[1], size=table.shape[1])
        draws.append(table[:, rows].mean(axis=1).tolist())
    measure = "correlation with the mean of a class's members; without: the best of a thousand random inputs"
    own = table.mean(axis=1).tolist()
    return _gain("inversion", name, measure, own, np.array(draws))


def _cosine(a: Array, b: Array) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _gain(step: str, copy: str, measure: str, own: Sequence[float], draws: Array) -> Gain:
    """With bootstrap intervals (percentiles) over draws [resamples, (through, alone)]."""

    def reading(value: float, drawn: Array) -> Reading:
        low, high = np.quantile(drawn, (0.025, 0.975))
        return Reading(value, float(min(low, value)), float(max(high, value)))

    through, alone = (reading(own[k], draws[:, k]) for k in (0, 1))
    gain = reading(own[0] - own[1], draws[:, 0] - draws[:, 1])
    return Gain(step, TITLES[step], copy, measure, through, alone, gain, gain.low > 0)
