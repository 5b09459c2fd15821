"""What extensions of divulge are tested with: models with known answers, the two controls, and checks of each kind.

Every check raises AssertionError that says what is wrong, so that it is one line of a test.  Importing this imports
nothing heavy.  docs/plugins.md shows it in use.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import Column, Records, Schema
from divulge.core.threat import PRESETS, Access, Task, ThreatModel, closure

if TYPE_CHECKING:
    from divulge.auditing.oracle import GrantedOracle
    from divulge.core.attack import Attack
    from divulge.core.defense import Defense
    from divulge.core.results.audit_result import AuditResult
    from divulge.core.results.estimate import Estimate
    from divulge.core.results.metric import Metric
    from divulge.core.target import Target
    from divulge.data.kinds import DataKind
    from divulge.report.section import Section
    from divulge.targets.function import FunctionTarget
    from divulge.targets.kinds import TargetKind

NEVER_BY_CHANCE = 0.001
"""A negative control that is significant at this level is no accident."""


def _hold(condition: object, message: str) -> None:
    if not condition:
        raise AssertionError(message)


# Models with known answers


def records_of(n: int, y: Array, task: Task = Task.CLASSIFICATION, classes: int = 2) -> Records:
    """Records that are nothing but their number, 0 to n - 1.  y: [records]."""
    schema = Schema((Column("number"),), task, classes=tuple(range(classes)) if task is Task.CLASSIFICATION else ())
    return Records(np.arange(n, dtype=float)[:, None], np.asarray(y), schema)


def lookup(answers: Array, returns: str = "logits") -> FunctionTarget:
    """A target that answers record number i with answers[i]; see FunctionTarget for `returns`."""
    from divulge.targets.function import FunctionTarget

    return FunctionTarget(lambda x: np.asarray(answers)[x[:, 0].astype(int)], returns)


def null_model(n: int, classes: int = 2, seed: int = 0) -> FunctionTarget:
    """Answers by lot about records 0 to n - 1, the same each time: nobody can learn from it who was a member."""
    return lookup(np.random.default_rng(seed).normal(size=(n, classes)))


def leaky_model(member: Array, y: Array, classes: int = 2, seed: int = 0) -> FunctionTarget:
    """Sure of the labels of its members, and answers by lot about all others: whoever looks learns who they are.

    member: bool [records].  y: class codes [records].
    """
    answers = np.random.default_rng(seed).normal(size=(len(y), classes))
    answers[np.flatnonzero(member), np.asarray(y)[member]] += 10.0
    return lookup(answers)


def oracle(
    target: Target, threat: str | ThreatModel = "published-model", needed: Access = Access.SCORES
) -> GrantedOracle:
    """A target as an adversary of this threat model sees it whose attack's card needs so much; queries are counted."""
    from divulge.auditing.oracle import GrantedOracle

    return GrantedOracle(target, PRESETS[threat] if isinstance(threat, str) else threat, needed)


@dataclass
class Toy:
    """A target, shadow models, and who was in whose training data.  keep: bool [shadow models, records]."""

    records: Records
    target: FunctionTarget
    shadows: list[FunctionTarget]
    keep: Array

    def guess(self, attack: str | Attack[Any, Any], seed: int = 0, **settings: Any) -> Any:
        """What a membership attack, by name or as it is, says about the records: a MembershipGuess."""
        from divulge.catalog.attacks import attack as by_name
        from divulge.core.views.membership import Auxiliary, MembershipView
        from divulge.training.shadow import ShadowSet

        played = by_name(attack, **settings) if isinstance(attack, str) else attack

        def see(target: Target) -> GrantedOracle:
            return oracle(target, needed=played.card.needs.access)

        auxiliary = Auxiliary(
            self.records, lambda n: ShadowSet(self.records, self.keep[:n], tuple(self.shadows[:n]), see)
        )
        rng = np.random.default_rng(seed)
        return played.run(MembershipView(see(self.target), self.records, rng, played.card.needs, auxiliary))


def toy(
    target: Any,
    shadows: Sequence[Any] = (),
    keep: Any = None,
    y: Array | None = None,
    returns: str = "logits",
    task: Task = Task.CLASSIFICATION,
) -> Toy:
    """A view in which the right answer is known: from tables of answers, [records, classes] or [records], of the target
    and of each shadow model.
    """
    n = len(target)
    classes = np.shape(target)[1] if returns in ("logits", "scores") else 2
    return Toy(
        records_of(n, np.zeros(n, dtype=int) if y is None else y, task, classes),
        lookup(target, returns),
        [lookup(answers, returns) for answers in shadows],
        np.zeros((len(shadows), n), dtype=bool) if keep is None else np.asarray(keep, dtype=bool),
    )


# An attack and its two controls


@dataclass(frozen=True)
class Controls:
    """What an attack measured on a memorising model, on one that never saw the members, and on one that was overfitted.

    fired: whether the challenge takes the positive control for found; None where it is no easier than the target.
    """

    target: tuple[Estimate, ...]
    negative: tuple[Estimate, ...]
    positive: tuple[Estimate, ...]
    fired: bool | None
    evidence: Mapping[str, Any] = field(repr=False, default_factory=dict)

    def check(self) -> None:
        """Raises AssertionError where the attack finds what is not there, or misses what is plain."""
        chance = [e for e in self.negative if e.p_value is not None and e.p_value < NEVER_BY_CHANCE]
        found = ", ".join(f"{e.metric} {e.value:.3g}" for e in chance)
        _hold(not chance, f"it finds a leak in a model that never saw the members: {found}")
        _hold(self.fired is not False, "it finds nothing in a model that was overfitted on purpose")


def memorizing(seed: int = 0) -> tuple[Any, list[tuple[Array, Array]]]:
    """A forest that learned real digits by heart, a fifth of whose labels are wrong, and its members, non-members and
    population as pairs (x, y), of 300, 300 and 900 records.
    """
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(seed)
    x, y = load_digits(return_X_y=True)
    order = rng.permutation(len(x))
    wrong = order[::5]  # as many among members as among non-members: what differs between them is membership alone
    y[wrong] = rng.integers(0, 10, len(wrong))
    parts = [(x[part], y[part]) for part in np.split(order[:1500], [300, 600])]
    return RandomForestClassifier(20, random_state=seed).fit(*parts[0]), parts


def controls(
    attack: Attack[Any, Any], model: Any = None, sets: Sequence[Any] | None = None, seed: int = 0, **options: Any
) -> Controls:
    """Play an attack of any challenge in its game: against a model, and against both control models.

    model, sets: a model with a recipe, and pairs (x, y) of members, non-members and population; those of `memorizing`
    when not given.  options: of `divulge.audit`; the threat model is the published model's where they say no other.
    Raises what stops the attack: AccessDenied for more than its card asks for, Impossible for what its game lacks.
    """
    from divulge.auditing.run_attack import play_arm
    from divulge.auditing.sessions import Sessions, findings_expected
    from divulge.core.game import Arm
    from divulge.setup.from_objects import job_from_objects
    from divulge.setup.settings import Options
    from divulge.stats.weigh import weigh

    if model is None:
        model, sets = memorizing(seed)
    chosen = {"threat": "published-model", "duplicates": "drop", "shadows": 8, "cache": False} | options
    job = job_from_objects(model, list(sets or ()), Options.of({**chosen, "attacks": [attack], "seed": seed}))
    tests = findings_expected(job, [attack.card])
    session = Sessions(job, tests).of(attack.card)
    evidence = {arm.value: play_arm(session, attack, arm)[0] for arm in Arm}
    weighed = {arm: weigh(evidence[arm.value], job.policy, tests) for arm in Arm}
    positive = weighed[Arm.POSITIVE]
    fired = session.spec.fires({(e.metric, e.about): e for e in positive}) if session.spec.easier else None
    return Controls(weighed[Arm.TARGET], weighed[Arm.NEGATIVE], positive, fired, evidence)


# Checks of each kind of extension


def check_attack(attack: Attack[Any, Any], **how: Any) -> Controls:
    """The card, both controls, and that equal seeds give equal figures.  how: see `controls`."""
    card = attack.card
    _hold(dataclasses.is_dataclass(attack), f"{type(attack).__name__} is no dataclass: its fields are its settings")
    _hold(card.name.isidentifier(), f"the name {card.name!r} must be an identifier")
    _hold(card.title and card.summary and card.paper, "the card lacks a title, a summary or a paper")
    _hold(0 <= card.strength <= 1, f"strength {card.strength} lies outside of [0, 1]")
    first, again = controls(attack, **how), controls(attack, **how)
    _hold([e.value for e in first.target] == [e.value for e in again.target], "equal seeds give unequal figures")
    first.check()
    return first


def check_target(target: Target, records: Records) -> None:
    """Ports that agree with each other, answers of the right shape that depend on the record alone, a stable hash.

    records: at least two that the target can be asked about, under their schema.
    """
    n, width = len(records), len(records.schema.classes)
    _hold(closure(target.offers) == target.offers, "offers is not closed: scores give labels, see threat.closure")
    _hold(target.fingerprint() and target.fingerprint() == target.fingerprint(), "its fingerprint changes, or is empty")
    labels = np.asarray(target.answer(Access.LABEL, records))
    _hold(labels.shape == (n,), f"labels have shape {labels.shape}: ({n},) was expected")
    if target.task is Task.CLASSIFICATION:
        _hold(labels.dtype.kind in "iu" and set(labels.tolist()) <= set(range(width)), "labels are no class codes")
    if Access.SCORES in target.offers and target.task is Task.CLASSIFICATION:
        scores = np.asarray(target.answer(Access.SCORES, records))
        _hold(scores.shape == (n, width), f"scores have shape {scores.shape}: ({n}, {width}) was expected")
        _hold(np.isfinite(scores).all(), "log-scores hold NaN or infinity")
        _hold(np.allclose(np.exp(scores).sum(axis=1), 1, atol=1e-5), "scores are no log-probabilities")
        best = np.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
        _hold(np.allclose(best, scores.max(axis=1), atol=1e-6), "the label is not the class of the highest score")
    if Access.LOGITS in target.offers and target.task is Task.CLASSIFICATION:
        logits = np.asarray(target.answer(Access.LOGITS, records))
        _hold(logits.shape == (n, width), f"logits have shape {logits.shape}: ({n}, {width}) was expected")
    port = Access.SCORES if Access.SCORES in target.offers else Access.LABEL
    whole = np.asarray(target.answer(port, records))
    halves = [target.answer(port, records.take(part)) for part in np.array_split(np.arange(n), 2)]
    _hold(np.allclose(np.concatenate(halves), whole, atol=1e-5), "answers depend on what else is asked about")


def check_target_kind(kind: TargetKind, model: Any, records: Records) -> None:
    """That a kind recognises its model and nothing of ours, and adapts it to a sound target; see check_target."""
    _hold(kind.recognizes(model), f"{kind.name} does not recognise its own model")
    for other in (null_model(3), len, object(), "model.onnx"):
        _hold(not kind.recognizes(other), f"{kind.name} claims a {type(other).__name__}, which is none of its models")
    check_target(kind.adapt(model, None), records)
    _hold(kind.adapt(model, "mine").name == "mine", "the target does not have the name that it was given")


def check_data_kind(kind: DataKind, records: Any) -> None:
    """That a kind recognises its records and nothing of ours, and cuts, joins and tells them apart.

    records: at least three, of which not all are equal.
    """
    _hold(kind.recognizes(records), f"{kind.name} does not recognise its own records")
    for other in (["a text", "another"], np.zeros((2, 2)), [np.array([1, 2]), np.array([3])]):
        _hold(
            not kind.recognizes(other), f"{kind.name} claims {type(other[0]).__name__} records, which are not its own"
        )
    n, keys = kind.size(records), kind.keys(records)
    _hold(keys == kind.keys(records) and len(set(keys)) > 1, "contents do not tell records apart, or change")
    turned = kind.take(records, np.arange(n)[::-1])
    _hold(kind.recognizes(turned), "take gives what the kind does not recognise")
    _hold(kind.keys(turned) == keys[::-1], "take gives other records than it was asked for")
    parts = [kind.take(records, part) for part in (np.arange(1), np.arange(1, n))]
    _hold(kind.keys(kind.joined(parts)) == keys, "joined changes the records or their order")
    numbers = kind.told(records)
    if numbers is not None:
        equal = np.array_equal(np.asarray(kind.told(turned))[::-1], numbers)
        _hold(equal, "features of a record depend on the others")


def check_defense(defense: Defense, log_scores: Array | None = None) -> None:
    """Of the interface: log-scores of the same shape, equal for equal questions, and the label if its card says so.

    log_scores: [records, classes]; random ones when not given.
    """
    rng = np.random.default_rng(0)
    if log_scores is None:
        raw = rng.normal(size=(50, 4)) * 3
        log_scores = raw - np.log(np.exp(raw).sum(axis=1, keepdims=True))
    keys = rng.integers(0, 2**63, len(log_scores), dtype=np.uint64)
    _hold(dataclasses.is_dataclass(defense), f"{type(defense).__name__} is no dataclass: its fields are its settings")
    shown = np.asarray(defense.alter(log_scores.copy(), keys))
    _hold(shown.shape == log_scores.shape, f"it shows shape {shown.shape} instead of {log_scores.shape}")
    _hold(not np.isnan(shown).any() and shown.max() < 1e-6, "it shows NaN, or log-scores above 0")
    _hold(np.array_equal(shown, defense.alter(log_scores.copy(), keys)), "equal questions get unequal answers")
    if defense.card.keeps_label:
        chosen = np.take_along_axis(shown, log_scores.argmax(axis=1)[:, None], axis=1)[:, 0]
        _hold((chosen >= shown.max(axis=1) - 1e-9).all(), "its card says that it keeps the label, and it does not")


def check_metric(metric: Metric) -> None:
    """A key that no metric of ours has, a label, and a threshold that is a share."""
    from divulge.core.results.metric import METRICS

    _hold(metric.key.isidentifier() and metric.key not in METRICS, f"the key {metric.key!r} is taken, or no identifier")
    _hold(metric.label and 0 <= metric.threshold < 1, "it lacks a label, or its threshold lies outside of [0, 1)")


def example_result() -> AuditResult:
    """The result of a small audit that found a leak, for sections to be drawn from; it takes seconds."""
    from tempfile import TemporaryDirectory

    from divulge.workflows.audit import audit

    model, (members, nonmembers, population) = memorizing()
    with TemporaryDirectory() as folder:
        options: dict[str, Any] = {"attacks": ["loss", "confidence"], "duplicates": "drop", "progress": None}
        return audit(model, members, nonmembers, population, out=f"{folder}/run", **options).result


def check_section(section: Section, result: AuditResult | None = None) -> None:
    """That it is drawn in HTML and in Markdown; result: one that it applies to, `example_result` when not given."""
    from divulge.report.drawing import compiled
    from divulge.report.sections.registry import SECTIONS

    _hold(section.name not in {own.name for own in SECTIONS}, f"divulge has a section {section.name!r} itself")
    result = example_result() if result is None else result
    _hold(section.applies(result) is True, "it does not apply to this result")
    context = section.context(result)
    drawings: list[Callable[[], str]] = [
        lambda: str(compiled(section.template).render(**context)),
        lambda: section.markdown(context),
    ]
    _hold(all(draw().strip() for draw in drawings), "it draws nothing")


def check_package(name: str) -> dict[str, list[str]]:
    """Loads all that an installed package announces; returns the names by group.  Raises AssertionError where it
    announces nothing, InputError where something cannot be loaded, or has a name that is taken.
    """
    from divulge.catalog import attacks, defenses
    from divulge.core.plugins import installed
    from divulge.setup.extensions import GROUPS, refuse_unusable

    refuse_unusable()
    found = {group: [p.name for p in installed(group) if p.package == name] for group in GROUPS}
    for each in found[attacks.GROUP]:
        attacks.attack_class(each)
    for each in found[defenses.GROUP]:
        defenses.defense_card(each)
    _hold(any(found.values()), f"the package {name} announces nothing to divulge, or is not installed")
    return {group: names for group, names in found.items() if names}
