"""One attack, played against the target and both controls, and its evidence weighed."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import Any

from divulge.auditing import cache as guesses
from divulge.auditing.challenge import ChallengeSpec, Estimates
from divulge.auditing.detection import with_alarms
from divulge.auditing.job import Job
from divulge.auditing.oracle import GrantedOracle
from divulge.auditing.plan import ports_of
from divulge.auditing.session import Session
from divulge.catalog.standards import standards_of
from divulge.core.attack import Attack, Card, with_settings
from divulge.core.capability.attacks import AsksReference, CountsFeatures, TellsBaseline, shadows_of, stops_of
from divulge.core.capability.declared import able
from divulge.core.errors import FOREIGN, AccessDenied, Impossible, MissingExtra, TargetError, raised
from divulge.core.game import Arm, Game
from divulge.core.hashing import derived_rng
from divulge.core.results.audit_result import Baseline
from divulge.core.results.estimate import Estimate
from divulge.core.results.evidence import Evidence
from divulge.core.results.finding import Failed, Measurement, Outcome, Played, Reading, Refused
from divulge.core.results.metric import AUC, metric, whole_name
from divulge.core.results.trials import Scored
from divulge.core.threat import Access, ThreatModel, closure
from divulge.games.blind import FOLDS
from divulge.stats.blind import cross_fitted, detectable_blind_auc, detectable_shift
from divulge.stats.verdict import blind_alarm_of, reference_alarm_of
from divulge.stats.weigh import weigh

BLIND_CONFIDENCE = 0.995
"""Of each of the two guessers of the baseline, so that a fair split is called unfair in one audit of a hundred."""


CONTROL_QUERIES = 1_000

EXTRAS = {"torch": "torch", "safetensors": "torch", "onnxruntime": "onnx", "skimage": "images", "opacus": "dp"}
"""Libraries that an installation may do without, and the extra that brings them."""


@dataclass(frozen=True)
class Result:
    """What became of one attack, with the evidence that the run keeps."""

    outcome: Outcome
    evidence: Evidence | None = None
    control_p_values: tuple[float, ...] = ()
    control_p_below: tuple[float, ...] = ()


def baseline(game: Game) -> Baseline:
    """The model-blind baseline of a game: the stronger of its guessers, and whether it raises the alarm."""
    try:
        rows = list(game.baseline())
        readings = [blind_reading(evidence) for evidence in rows]
    except Impossible as reason:
        return Baseline(missing=str(reason))
    strongest = max(readings, key=lambda reading: reading.low)
    telling = game.most_telling() if strongest.low > 0.5 and able(game, TellsBaseline) else None
    alarm = blind_alarm_of(strongest, telling, any(evidence.grouped for evidence in rows))
    if alarm is None and able(game, AsksReference):
        told = game.by_the_reference()
        alarm = reference_alarm_of(blind_reading(told)) if told is not None else None
    sizes = min((e.by_unit() for e in rows), key=lambda e: e.n_exposed + e.n_control)
    detectable = detectable_blind_auc(sizes.n_exposed, sizes.n_control, BLIND_CONFIDENCE)
    shift = None
    if able(game, CountsFeatures) and detectable < 1:
        width, fitted = game.features_guessed_from(), 1 - 1 / FOLDS
        shift = detectable_shift(sizes.n_exposed, sizes.n_control, width, fitted, detectable)
    return Baseline(strongest, alarm, detectable=detectable, shift=shift)


def blind_reading(evidence: Scored) -> Reading:
    """The AUC of one guesser with the interval that decides on the alarm; of persons where records belong together."""
    area = cross_fitted(evidence)
    return Reading(area.value, *area.interval(1 - BLIND_CONFIDENCE))


def run_attack(table: Session, attack: Attack[Any, Any], blind: Baseline) -> Result:
    """Play one attack; whatever goes wrong becomes a refused or failed outcome, never an exception."""
    started = time.perf_counter()
    job, card = table.job, attack.card
    oracle: GrantedOracle | None = None

    def outcome(result: Played | Refused | Failed) -> Outcome:
        return Outcome(
            card.name,
            card.title,
            card.family.value,
            card.asset.value,
            card.paper,
            result,
            _seen(card, job.threat).value,
            time.perf_counter() - started,
            max(queries, oracle.queries if oracle is not None else 0),
            shadows_of(attack) if isinstance(result, Played) else 0,
            card.strength,
            card.differs,
            oracle.tokens if oracle is not None else 0,
        )

    queries = 0
    try:
        (dealt,) = table.rounds(Arm.TARGET, table.poison(attack))
        oracle = table.oracle(dealt.target, attack, free=False)
        evidence, queries = play_arm(table, attack, Arm.TARGET, oracle)
        negative, positive, notes = _controls(table, attack)
        estimates = weigh(evidence, job.policy, table.tests)
    except (AccessDenied, Impossible) as refusal:
        return Result(outcome(Refused(str(refusal))))
    except FOREIGN as error:  # an attack or a model may be foreign code; the other attacks go on
        return Result(outcome(_broken_off(error)))
    draft = outcome(Played((), "; ".join(notes)))
    measured = tuple(
        _measurement(attack, e, negative.get((e.metric, e.about)), positive.get((e.metric, e.about)), blind, draft, job)
        for e in estimates
    )
    judged = negative.values() if evidence.of(Scored) else ()  # a copy may agree by accident: no taint
    p_values = tuple(e.p_value for e in judged if e.p_value is not None)
    below = tuple(e.p_below for e in judged if e.p_below is not None)
    fired = table.spec.fires(positive) if positive and table.spec.easier else None
    return Result(outcome(Played(measured, "; ".join(notes), fired)), evidence, p_values, below)


def _broken_off(error: BaseException) -> Refused | Failed:
    """What becomes of an attack that raised; one whose library is not installed is refused with the cure."""
    if isinstance(error, ModuleNotFoundError) and error.name in EXTRAS:
        return Refused(str(MissingExtra(error.name, EXTRAS[error.name])))
    text = (str(error).splitlines() or [""])[0] if isinstance(error, TargetError) else raised(error)
    return Failed(text, traceback.format_exc())


def play_arm(
    table: Session, attack: Attack[Any, Any], arm: Arm, oracle: GrantedOracle | None = None
) -> tuple[Any, int]:
    """The evidence of one arm and the queries it cost; the games of this family have one round."""
    poison = table.poison(attack)
    (dealt,) = table.rounds(arm, poison)
    if arm is not Arm.TARGET and attack.card.needs.access not in ports_of(dealt.target, table.job.recipe):
        raise Impossible(f"{dealt.target.name} does not offer {attack.card.needs.access.value}")
    known = guesses.recall(table.job, attack, arm)
    if known is not None:
        if oracle is not None:
            oracle.meter.spent = known.tokens
        return (known.achieved or dealt.judge(known.guess)), known.queries
    if oracle is not None and table.job.detectors:
        oracle.watched = []
    seen = oracle if oracle is not None else table.oracle(dealt.target, attack, free=True)
    rng = derived_rng(table.job.seed, attack.card.name, arm.value)
    played = _lightened(attack) if table.spec.copies and arm is not Arm.TARGET else attack
    guess = played.run(dealt.open(seen, attack.card, table.means(attack, poison), rng))
    evidence = dealt.judge(guess)
    if table.spec.copies and arm is Arm.TARGET:
        if guess.surrogate is not None:
            table.copies[attack.card.name] = guess.surrogate
        evidence = with_alarms(evidence, table.job, seen)
    guesses.keep(table.job, attack, arm, guess if evidence.of(Scored) else evidence, seen.queries, seen.tokens)
    return evidence, seen.queries


def _lightened(attack: Attack[Any, Any]) -> Attack[Any, Any]:
    """For a control: an attack that stops at several numbers of queries stops once, after a thousand at most."""
    stops = stops_of(attack)
    if not isinstance(stops, tuple | list):
        return attack
    return with_settings(attack, queries=(min(max(stops), CONTROL_QUERIES),))


def _controls(table: Session, attack: Attack[Any, Any]) -> tuple[Estimates, Estimates, list[str]]:
    """Estimates against the negative and the positive control, and what a reader should know of them."""
    measured: dict[Arm, Estimates] = {Arm.NEGATIVE: {}, Arm.POSITIVE: {}}
    notes: list[str] = []
    for arm, estimates in measured.items():
        try:
            evidence, _ = play_arm(table, attack, arm)
        except Impossible as reason:
            notes.append(f"no {arm.value}: {reason}")
            continue
        except TargetError as error:
            notes.append(f"the {arm.value} broke off: {error}")
            continue
        estimates.update({(e.metric, e.about): e for e in weigh(evidence, table.job.policy, table.tests)})
    notes += _unfired(measured[Arm.POSITIVE], table.spec)
    return measured[Arm.NEGATIVE], measured[Arm.POSITIVE], notes


def _unfired(positive: Estimates, spec: ChallengeSpec) -> list[str]:
    """What to say where an attack fails against the positive control too."""
    return [spec.blunt] if positive and not spec.fires(positive) else []


def broken(positive: Estimate) -> str:
    """What is wrong where the attack is wrong nearly always in the easiest case of its kind; empty where it is not."""
    value, high, chance = positive.value, positive.high, positive.chance
    if value is None or high is None or high >= chance or value > chance / 2:
        return ""
    return (
        f"the positive control is broken: in the easiest case of its kind the attack reaches {value:.2f}, where "
        f"guessing reaches {chance:.2f}, so that it mistakes one answer for the other"
    )


def _measurement(
    attack: Attack[Any, Any],
    estimate: Estimate,
    negative: Estimate | None,
    positive: Estimate | None,
    blind: Baseline,
    outcome: Outcome,
    job: Job,
) -> Measurement:
    card = attack.card
    return Measurement(
        attack=card.name,
        game=card.family.value,
        asset=(metric(estimate.metric).asset or card.asset).value,
        access=_seen(card, job.threat).value,
        metric=whole_name(estimate.metric, estimate.about),
        about=estimate.about,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        confidence=estimate.confidence,
        chance=estimate.chance,
        baseline=_baseline(estimate, blind),
        control=negative.value if negative is not None else None,
        positive_control=positive.value if positive is not None else None,
        broken_control=broken(positive) if positive is not None else "",
        advantage=estimate.advantage,
        advantage_low=estimate.advantage_low,
        advantage_corrected=estimate.advantage_corrected,
        power=estimate.detectable,
        threshold=estimate.threshold,
        p_value=estimate.p_value,
        unmeasurable=estimate.unmeasurable or "",
        queries=outcome.queries,
        models_trained=outcome.models_trained,
        seconds=outcome.seconds,
        seed=job.seed,
        paper=card.paper,
        standards=standards_of(card),
        details=estimate.details,
        attainable=estimate.attainable,
        enough=estimate.enough,
        p_below=estimate.p_below,
        unit=estimate.unit,
        ranks_as=card.ranks_as,
        bound_to_labels=job.shadows_tell if shadows_of(attack) else "",
    )


def _seen(card: Card, threat: ThreatModel) -> Access:
    """The strongest port of its kind that the attack made use of."""
    uses = card.uses
    stronger = uses is not None and card.needs.access in closure({uses}) and threat.grants(uses)
    return uses if stronger and uses is not None else card.needs.access


def _baseline(estimate: Estimate, blind: Baseline) -> float | None:
    """What the same metric gives without the model: for a copy, its own baseline."""
    if metric(estimate.metric).own_baseline:
        return estimate.chance
    return blind.reading.value if blind.reading is not None and estimate.metric == AUC else None
