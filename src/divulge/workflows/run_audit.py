"""The run: baseline first, then attack after attack; everything is stored as it is found."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from divulge.auditing.budget import Budget
from divulge.auditing.cache import baseline_of, keeper
from divulge.auditing.handshake import places_of, shake
from divulge.auditing.job import Job
from divulge.auditing.oracle import Memory
from divulge.auditing.plan import Planned, plan
from divulge.auditing.probes import still_there
from divulge.auditing.run_attack import Result, baseline, run_attack
from divulge.auditing.sessions import Sessions, findings_expected
from divulge.auditing.units import units_of
from divulge.core.boundary.offline import is_offline
from divulge.core.boundary.watch import died, playing, plays
from divulge.core.capability.attacks import shadows_of
from divulge.core.capability.targets import origin_of
from divulge.core.errors import Impossible, InputError, TargetError
from divulge.core.progress import Progress, Quiet
from divulge.core.records import Records
from divulge.core.results.audit_result import Baseline, RunFacts, TargetFacts
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Curve
from divulge.core.results.finding import Failed, Finding, Outcome, Played, Refused, Verdict
from divulge.core.results.handshake import Handshake
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.core.threat import Access, Family, Task
from divulge.defenses.interface.defended_target import DefendedTarget
from divulge.explain.causes import causes_of
from divulge.explain.copy_chain import gains_of
from divulge.explain.mitigations import mitigations_of
from divulge.explain.neighborhood import Neighborhood, neighborhood
from divulge.explain.next_model import followed, next_models, seconds_of
from divulge.explain.stability import named_when_retrained, per_record, stability
from divulge.explain.what_if import what_if
from divulge.runs.derived.net_of_baseline import net_of
from divulge.runs.derived.screened import screened
from divulge.runs.differences.over_time import e_values_of
from divulge.runs.differences.record_keys import write_keys
from divulge.runs.folder import RunFolder, StoredOutcome
from divulge.runs.index_address import is_shared
from divulge.runs.provenance import provenance
from divulge.runs.publish import publish
from divulge.runs.result import predictive_of
from divulge.runs.settle import final_findings, strongest_attack
from divulge.runs.subgroups import attributes_of
from divulge.stats.curves import histogram, roc_band
from divulge.stats.forecast.base_rates import USUAL, BaseRate

FULL_OR_READ_ONLY = frozenset(
    {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT, errno.EFBIG, errno.EIO}
    | {errno.EMFILE, errno.ENFILE}
)
"""What a disk says that takes nothing more, and a system that opens no more files."""

NOT_EXPLAINED = "there was no time left to train models otherwise, and see what that changes"
_QUALITY = {Task.REGRESSION: "mean absolute error", Task.LANGUAGE: "loss per token"}
"""How well a target does, where it is not its accuracy."""


def run_audit(
    job: Job,
    folder: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    minutes: float | None = None,
    explain: bool = True,
    passed: float = 0.0,
) -> RunFolder:
    """Play a job into a folder.

    minutes: for all of it; which attacks are played in them, and in which order, says auditing.budget.
    passed: seconds of them that are over already, since the target was trained in them, say.
    resume: go on with the run in `folder`; raises InputError when that was another job.  An attack that already has
    an outcome is not played again, and since every seed is derived from the attack's name the result is the same as
    that of a run that was never interrupted.
    explain: whether to look into why it leaks.
    """
    run = RunFolder(folder)
    plays(folder)
    if is_shared() and not is_offline():
        from divulge.runs.index import check

        check()
    budget = Budget(job, plan(job), minutes, passed=passed)
    try:
        return _played(job, run, resume, progress or Quiet(), budget, explain)
    except OSError as error:
        if error.errno not in FULL_OR_READ_ONLY:
            raise
        raise InputError(
            f"{folder} cannot be written to ({error.strerror or error}): what was found is kept; make room, and go on "
            f"with: divulge audit --resume {folder}"
        ) from error
    finally:
        run.release()


def _played(job: Job, run: RunFolder, resume: bool, progress: Progress, budget: Budget, explain: bool) -> RunFolder:
    """See run_audit."""
    planned = budget.planned
    met, memory = _begin(run, job, planned, resume, budget.minutes)
    progress.met(met)
    tables = Sessions(job, findings_expected(job, [p.card for p in planned if not p.lacks]), memory)
    run.write_attributes(attributes_of(job.candidates, job.member, job.row))
    write_keys(run.path, job.features or job.candidates, job.member, job.row)
    done = run.outcomes()
    progress.plan(len(planned) + 2)
    progress.step("guessing without the model")
    blind = run.baseline() or _baseline(run, tables, planned)
    for outcome in done.values():
        progress.step(outcome.outcome.title)
        progress.outcome(outcome.outcome)
    for step in budget.order(tuple(done)):
        progress.step(step.card.title)
        with playing(run.path, step.card.name):
            done[step.card.name] = _one(run, tables, step, blind)
        budget.spent(step, done[step.card.name].outcome)
        publish(run, _ordered(planned, done), blind, meanwhile=True)
        progress.outcome(done[step.card.name].outcome)
    run.write_left_out(tuple(budget.left_out))
    met = _looked_at(run, still_there(job, met), met)
    played = [step for step in planned if step.card.name in done]
    publish(run, _ordered(played, done), blind)
    findings = final_findings([done[p.card.name] for p in played], job.policy, blind, met, run)
    _screen(run, findings, [done[p.card.name].outcome for p in played])
    notes: list[str] = []
    if explain:
        progress.step("looking into why it leaks")
        notes = _explain(run, job, played, done, findings, budget)
        _foretell(run, job, played, done, findings, budget.remaining)
        mitigations_of(run, tables, findings, [done[p.card.name].outcome for p in played], budget)
    if job.chain and not run.gains():
        progress.step("going on from the copy")
        run.write_gains(gains_of(job, tables, findings, job.chain))
    _keep_rest(run, job, findings, notes)
    _net(run, tables, blind, played, done)
    run.finish()
    publish(run, _ordered(planned, done), blind)
    return run


def _screen(run: RunFolder, findings: Sequence[Finding], outcomes: Sequence[Outcome]) -> None:
    foretold = screened(run, findings, outcomes)
    if foretold:
        run.write_screen(foretold)


def _keep_rest(run: RunFolder, job: Job, findings: Sequence[Finding], notes: Sequence[str]) -> None:
    """What follows from everything that was played: how models were trained, and what named records and the next look
    at the model may be told.
    """
    origin = origin_of(job.target)
    provenance_notes = [note] if origin is not None and (note := origin()) else []
    run.write_training([*job.resources.trainer.told, *provenance_notes, *notes], outdated=NOT_EXPLAINED)
    run.write_e_values(e_values_of(run, job.policy))
    run.write_predictive(predictive_of(run, findings, BaseRate.of(USUAL), job.policy.confidence))


def _looked_at(run: RunFolder, now: Handshake, before: Handshake) -> Handshake:
    """The handshake as it is now, which is written down where it is another."""
    if now != before:
        run.write_handshake(now)
    return now


def _baseline(run: RunFolder, sessions: Sessions, planned: Sequence[Planned]) -> Baseline:
    """What can be told without the model, by the game of membership where it is played."""
    found = Baseline(missing="no membership attack is part of this run")
    first = next((p.card for p in planned if p.card.family is Family.MEMBERSHIP), None)
    if first is not None:
        found = baseline_of(sessions.job, lambda: baseline(sessions.of(first).game))
    run.write_baseline(found)
    return found


def _net(
    run: RunFolder, sessions: Sessions, blind: Baseline, played: Sequence[Planned], done: dict[str, StoredOutcome]
) -> None:
    """What remains of each attack where the split is at fault."""
    first = next((step.card for step in played if step.card.family is Family.MEMBERSHIP), None)
    if blind.alarm is None or first is None:
        return
    outcomes = [done[step.card.name].outcome for step in played]
    run.write_baseline(replace(blind, net=net_of(run, outcomes, sessions.of(first).game.baseline())))


def _explain(
    run: RunFolder,
    job: Job,
    planned: Sequence[Planned],
    done: dict[str, StoredOutcome],
    findings: Sequence[Finding],
    budget: Budget,
) -> list[str]:
    """Where the strongest attack leaks: what the members that it names have in common, whether they would be named
    again, and what the model would leak if it were trained otherwise.

    What there is no time for is left out, noted, and looked into when the run goes on.
    """
    strongest = strongest_attack(run, findings)
    leaks = any(f.game == Family.MEMBERSHIP.value and f.verdict is Verdict.LEAK for f in findings)
    if strongest is None or not leaks:
        return []
    kept = keeper(job, run, strongest)
    if kept.restore():
        return []
    records = job.features or job.candidates
    around, too_long = _around(records), list[int]()

    def fits(models: int) -> bool:
        if not budget.fits(models):
            too_long.append(models)
        return not too_long

    causes = causes_of(job, run.scores(strongest), job.policy.confidence, around) if around is not None else ()
    if records.schema.names != ("row",):
        run.write_causes(causes, what_if(job, fits))
    found = named_when_retrained(job, _pooled(planned, done))
    steady = stability(found.of(units_of(job).member), job.policy.confidence) if found is not None else None
    run.write_risk(per_record(job, around, found), steady)
    if too_long:
        return [NOT_EXPLAINED]
    kept.keep()
    return []


def _pooled(planned: Sequence[Planned], done: dict[str, StoredOutcome]) -> int:
    """How many shadow models the attacks on membership have had."""
    models = [
        shadows_of(p.attack)
        for p in planned
        if p.card.family is Family.MEMBERSHIP and isinstance(done[p.card.name].outcome.result, Played)
    ]
    return max(models, default=0)


def _foretell(
    run: RunFolder,
    job: Job,
    planned: Sequence[Planned],
    done: dict[str, StoredOutcome],
    findings: Sequence[Finding],
    remaining: float | None,
) -> None:
    """What the next training would give away, leak or none: this model may have been a lucky one.

    remaining: seconds; where they do not do, nothing is said.  A run that goes on may have found stronger attacks.
    """
    names = followed(job, findings)
    kept = keeper(job, run, *names, files=("next_model.json",))
    known = dict.fromkeys(each.attack for each in run.next_model())
    if (known and list(known) == names) or kept.restore():
        return
    if remaining is not None and seconds_of(job, names) > remaining:
        return
    run.write_next_model(next_models(job, _pooled(planned, done), findings))
    kept.keep()


def _around(records: Records) -> Neighborhood | None:
    """Where records stand among the others; None where nothing is known of them."""
    if records.schema.names == ("row",):
        return None
    try:
        return neighborhood(records)
    except Impossible:
        return None


def _begin(
    run: RunFolder, job: Job, planned: Sequence[Planned], resume: bool, minutes: float | None
) -> tuple[Handshake, Memory]:
    """Open the run's folder.  How the target answered before the first attack, which it is asked once a run, and the
    answers.
    """
    memory = Memory()
    if not resume:
        met = shake(job, memory, minutes=minutes)
        run.create(_facts(job, planned, met))
        run.hold()
        run.write_handshake(met)
        return met, memory
    facts = run.facts()
    run.hold()
    if facts.job != job.fingerprint():
        raise InputError(
            f"{run.path} is a run of another job (other records, model, attacks, settings or seed): "
            "resume with what it was begun with, or start a new run"
        )
    found = run.handshake()
    if found is None:
        found = shake(job, memory, minutes=minutes)
        run.write_handshake(found)
    return _looked_at(run, still_there(job, found, resumed=True), found), memory


def _one(run: RunFolder, tables: Sessions, planned: Planned, blind: Baseline) -> StoredOutcome:
    """Play one attack and store what became of it."""
    card, job = planned.card, tables.job
    lacks, table = list(planned.lacks), None
    if not lacks and died(card.name) is None:
        try:
            table = tables.of(card)
        except Impossible as reason_why:
            lacks.append(str(reason_why))
    how = died(card.name)
    if how is not None or table is None:
        failed = None if how is None else Failed(f"the process died while it was played: {how}")
        outcome = Outcome(
            card.name,
            card.title,
            card.family.value,
            card.asset.value,
            card.paper,
            failed or Refused("; ".join(lacks)),
            card.needs.access.value,
            strength=card.strength,
            differs=card.differs,
        )
        result = Result(outcome)
    else:
        result = run_attack(table, planned.attack, blind)
    if result.evidence is not None:
        run.write_evidence(card.name, _drawn(card.name, result.evidence, job.policy), job.row, job.candidates.y)
    stored = StoredOutcome(result.outcome, result.control_p_values, result.control_p_below)
    run.write_outcome(stored)
    return stored


def _drawn(attack: str, evidence: Evidence, policy: Policy) -> Evidence:
    """With what the figures of its scores are drawn from."""
    curves = []
    for scored in evidence.of(Scored):
        fpr, tpr, low, high = roc_band(scored, policy.confidence)
        edges, inside, outside = histogram(scored)
        curves.append(Curve(attack, *map(tuple, (fpr, tpr, low, high, edges, inside, outside))))
    return replace(evidence, exhibits=(*evidence.exhibits, *curves))


def _ordered(planned: Sequence[Planned], done: dict[str, StoredOutcome]) -> list[StoredOutcome]:
    """The outcomes so far, in the order of the plan."""
    return [done[p.card.name] for p in planned if p.card.name in done]


def _facts(job: Job, planned: Sequence[Planned], met: Handshake) -> RunFacts:
    return RunFacts(
        name=job.name,
        job=job.fingerprint(),
        threat=job.threat,
        target=_target_facts(job, met),
        data=job.data,
        policy=job.policy,
        provenance=provenance(job.seed),
        recipe=job.recipe.describe() if job.recipe is not None else None,
        planned=tuple(p.card.name for p in planned),
        settings={p.card.name: repr(p.attack) for p in planned},
        asked=job.asked,
    )


def _target_facts(job: Job, met: Handshake) -> TargetFacts:
    """Facts about the target, with its quality on both arms as the handshake found it."""
    target = job.target
    asked = job.candidates.take(places_of(job))
    return TargetFacts(
        name=target.name,
        kind=type(target).__name__,
        task=target.task.value,
        fingerprint=target.fingerprint(),
        offers=tuple(sorted(port.value for port in target.offers)),
        quality_name=_QUALITY.get(target.task, "accuracy"),
        quality_members=met.quality[0],
        quality_nonmembers=met.quality[1],
        defenses=tuple(repr(d) for d in target.defenses) if isinstance(target, DefendedTarget) else (),
        distortion=_distortion(target, asked) if isinstance(target, DefendedTarget) else None,
    )


def _distortion(target: DefendedTarget, records: Records) -> float | None:
    """Mean total variation distance between the scores that are shown and the model's own; None where none are."""
    port = next((p for p in (Access.SCORES, Access.TOPK) if p in target.offers), None)
    if port is None:
        return None
    try:
        shown, own = np.exp(target.answer(port, records)), np.exp(target.inner.answer(Access.SCORES, records))
    except TargetError:
        return None
    return float(np.abs(shown - own).sum(axis=1).mean() / 2)
