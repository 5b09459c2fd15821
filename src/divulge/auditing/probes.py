"""Asking a target about a few records: whether it answers at all, alone as in company, and the same again."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from divulge.auditing.answers import SCORED, bare
from divulge.auditing.job import Job
from divulge.core.capability.declared import able
from divulge.core.capability.reading import AskedInParts, HasPeers
from divulge.core.capability.targets import Generates, Rechecks, TellsReading, classes_of, estimator_of, module_of
from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, derived_seed
from divulge.core.records import CODED, Records
from divulge.core.results.handshake import Concern, Handshake
from divulge.core.signals import log_softmax
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.stats.handshake import distance, falls_short, other_form
from divulge.targets.wrappers.averaged import Averaged

FEW, SIDE = 3, 3
"""Records that a target must answer, and records of each side that are asked one by one, together, and once more."""

NOISE, LARGE = 5e-3, 0.1
"""Distance of two answers to one record, see stats.handshake.distance: what arithmetic explains, and from where on an
audit means nothing.
"""

HALF = 10.0
"""How much more of it half precision explains."""

ANSWERS = (*SCORED, Access.LABEL)
INSIDE = (Access.GRADIENTS, Access.INTERNALS, Access.LEAVES)

CURES = (
    (("classes",), "give the records in the form, and the classes, of its training"),
    (("shape", "expected", "features"), "give the records in the form of its training"),
    (("index out of range", "embedding", "long, int", "vocabulary"), "give it the tokens of the tokenizer it knows"),
    (
        ("string", "object", "categor", "dtype", "isnan"),
        "give every column the type that it had in training (data.dtypes in an audit file)",
    ),
    (("nan", "infinit", "missing"), "look for missing values, and for numbers in another scale than in training"),
)
"""What to do about an error, by words that stand in it."""

BY_HAND = "call the model on three of these records yourself, and give the audit what it accepts"


def few_of(job: Job) -> Array:
    """Places of a few members and a few non-members among the candidates."""
    sides = [np.flatnonzero(job.member == side)[:SIDE] for side in (True, False)]
    return np.concatenate(sides)


def refuse_silence(target: Target, records: Records) -> str:
    """Raises InputError, with the model's error and what to do, where it answers these records at none of its ports.

    Returns the error where only what it computes inside can be seen; else nothing.
    """
    some = records.take(np.arange(min(FEW, len(records))))
    first = ""
    for port in (*ANSWERS, *INSIDE):
        if port not in target.offers:
            continue
        try:
            target.answer(port, some)
        except TargetError as error:
            first = first or str(error)
            continue
        return first if port in INSIDE else ""
    raise unanswered(first)


def unanswered(error: str) -> InputError:
    """The model's error, and what to do."""
    asked = "asked about the first records, before anything was attacked"
    told = "divulge." in error  # the way is named already
    return InputError(f"{' '.join(error.split())}: {asked}" + ("" if told else f"; {_cure(error)}"))


def _cure(error: str) -> str:
    message = error.lower()
    return next((cure for words, cure in CURES if any(word in message for word in words)), BY_HAND)


def twice(job: Job, few: Array) -> list[Concern]:
    """What is wrong with answers that are given again, and given to one record at a time.  Defences of the interface
    are taken off: some answer at random on purpose.
    """
    target, records = bare(job.target), job.candidates.take(few)
    port = next(p for p in ANSWERS if p in target.offers)
    try:
        together, again = _told(target, port, records), _told(target, port, records)
    except TargetError:
        return []
    scale = float(np.std(job.candidates.y)) if target.task is Task.REGRESSION else 0.0
    noise = NOISE * (HALF if _half(target) else 1.0)
    apart = distance(together, again, scale)
    if apart.max() > noise:
        return [_random(target, apart.max(), _by_how_much(together, again, scale))]
    return _company(target, port, records, together, scale, noise)


def service_twice(job: Job) -> list[Concern]:
    """The same of a service, by the few records that it was met with; no other is asked about for it."""
    target = bare(job.target)
    if not able(target, Rechecks):
        return []
    try:
        apart = target.wobble()
    except TargetError:
        return []
    if apart <= NOISE:
        return []
    by = "another label or none" if apart >= 1 else f"{apart:.2g} of probability or of the value apart"
    return [_random(target, apart, by)]


def still_there(job: Job, met: Handshake, resumed: bool = False) -> Handshake:
    """The handshake, with a fault where a service has changed since.

    resumed: what is looked at is whether it changed since the run was begun, as far as kept answers tell.
    """
    target = bare(job.target)
    if not able(target, Rechecks):
        return met
    try:
        seen = f"it answers otherwise than since {target.replaced}" if resumed and target.replaced else ""
        seen = seen or ("" if resumed else target.recheck())
    except TargetError:
        return met
    if not seen:
        return met
    cause = "another model was put behind its address while the audit went on, or several models answer there"
    cure = "audit again once nothing changes there"
    changed = Concern("changed", True, f"the service changed while it was asked: {seen}", cause, cure)
    return replace(met, concerns=(*met.concerns, changed))


def as_owner_asks(job: Job, few: Array) -> list[Concern]:
    """Whether an estimator answers the owner's very rows, asked as its owner asks it, as the audit is answered."""
    target, records = bare(job.target), job.candidates.take(few)
    estimator: Any = estimator_of(target)
    if records.given is None or Access.SCORES not in target.offers or not hasattr(estimator, "predict_proba"):
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            own = np.asarray(estimator.predict_proba(records.given.value))
        through = np.exp(target.answer(Access.SCORES, records))
    except Exception:  # an owner who hands over other columns, or an estimator of several outputs: nothing to compare
        return []
    if tuple(classes_of(target)) != records.schema.classes or own.shape != through.shape:
        return []
    if (
        able(target, TellsReading) and target.settings_told
    ):  # its owner has logarithms, or percent, which are read as what they are
        return []
    if np.allclose(own, through, rtol=1e-4, atol=1e-6):
        return []
    seen = "the model answers these records otherwise than the same records as the audit hands them over"
    cause, cure = "columns lost their types on the way", "tell us: it is a fault of divulge"
    return [Concern("native", True, seen, cause, cure)]


def _random(target: Target, apart: float, how_much: str) -> Concern:
    if isinstance(target, Averaged):
        seen = (
            f"the same records get other answers when they are asked again, {how_much}, each the mean of {target.times}"
        )
        return Concern("random", False, seen, "the model answers at random", "a higher `average` leaves less of it")
    seen = f"the same records get other answers when they are asked again, {how_much}"
    cause = "dropout or another random layer is on, or the model draws its answers by lot"
    cure = "switch it off (eval mode), or ask for the mean of several answers, `average=5` say"
    if able(target, Rechecks):
        cause, cure = "several models answer there, or one that answers at random", "audit one of them, or average"
    return Concern("random", bool(apart > LARGE), seen, cause, cure)


def _company(
    target: Target, port: Access, records: Records, together: Array, scale: float, noise: float
) -> list[Concern]:
    """Whether answers depend on which records are asked about at the same time."""
    apart, error = np.zeros(1), ""
    how_much = ""
    for size in (1, 2):
        parts = [records.take(np.arange(at, min(at + size, len(records)))) for at in range(0, len(records), size)]
        try:
            alone = np.concatenate([_told(target, port, part) for part in parts])
        except TargetError as told:
            error = error or str(told)
            continue
        apart, how_much = distance(together, alone, scale), _by_how_much(together, alone, scale)
        break
    else:
        return []
    if apart.max() <= noise:
        return [_only_in_batches(error)] if error else []
    seen = f"a record gets another answer alone than among others, {how_much}"
    cause = "batch normalisation in training mode, or records that are scaled batch by batch"
    cure = "switch the model to eval mode, and scale as in training"
    by_nature = _quantized_as_it_goes(target)
    if by_nature:  # its owner's answers differ in the same way
        cause = "dynamic quantisation, which scales what goes through the network batch by batch"
        cure = "nothing: whoever asks about one record at a time sees slightly other figures"
    return [Concern("company", bool(apart.max() > LARGE) and not by_nature, seen, cause, cure)]


def _quantized_as_it_goes(target: Target) -> bool:
    module: Any = module_of(bare(target))
    parts = module.modules() if hasattr(module, "modules") else ()
    return any(".quantized.dynamic" in type(part).__module__ for part in parts)


def in_parts(target: Target) -> list[Concern]:
    """What is to be said where the model takes only so many records a call."""
    inner = bare(target)
    if not able(inner, AskedInParts) or not str(inner.batches):
        return []
    size, exact = str(inner.batches), bool(inner.batches.exact)
    seen = f"the model takes {size}" if exact else f"the model refuses many records at once, not {size}"
    cure = "nothing is amiss: it was asked in parts of that size"
    cure += ", the last one filled up with records that it was asked about anyway" if exact else ""
    return [Concern("parts", False, seen, "a fixed size of its batches, or a limit of what serves it", cure)]


def _only_in_batches(error: str) -> Concern:
    seen = f"the model answers several records and no single one ({error})"
    return Concern("batches", False, seen, "a fixed size of its batches", "attacks that ask about one record will fail")


def _told(target: Target, port: Access, records: Records) -> Array:
    answer = np.asarray(target.answer(port, records), dtype=np.float64)
    return log_softmax(answer) if port is Access.LOGITS and answer.ndim == 2 else answer


def _by_how_much(one: Array, other: Array, scale: float) -> str:
    if one.ndim == 2:
        return f"{np.abs(np.exp(one) - np.exp(other)).max(axis=1).mean():.2g} of probability apart in the mean"
    if scale > 0:
        return f"{np.abs(one - other).mean() / scale:.2g} standard deviations of the target apart in the mean"
    return f"another label for {int((one != other).sum())} of {len(one)}"


def _half(target: Target) -> bool:
    """Whether a module works in half precision, seen without importing its library."""
    parameters: Any = getattr(module_of(target), "parameters", None)
    if parameters is None:
        return False
    return any(str(getattr(p, "dtype", "")).endswith("float16") for p in parameters())


def unlike_its_peers(job: Job) -> list[Concern]:
    """Whether the other models of a score table all tell their members better than the target tells its own."""
    target = bare(job.target)
    if not able(target, HasPeers):
        return []
    mine, others = target.remembered()
    inside = int(job.member.sum())
    spread = np.sqrt((len(job.member) + 1) / (12 * inside * (len(job.member) - inside)))
    typical = float(np.mean(others)) if others else 0.5
    if len(others) < FEWEST_PEERS:
        return []
    if max(mine, *others) - 0.5 < 3 * spread and target.known_by_training() < KNOWN_BY:
        seen = "no model of the table tells its members by its signal, and no record those that were trained on it"
        cause = "`keep` or the order of the records is another one, or nothing is remembered"
        return [Concern("silent", False, seen, cause, OWN_ROWS, doubt=True)]
    if typical - mine < max(0.1, 4 * spread) or not falls_short(mine, others):
        return []
    seen = (
        f"the target's own signal tells its members with AUC {mine:.2f}, those of the other models with {typical:.2f}"
    )
    cause = "`keep` or the order of the records is not that of the target's row, or it was trained otherwise"
    return [Concern("strangers", False, seen, cause, OWN_ROW, doubt=True)]


FEWEST_PEERS = 3
KNOWN_BY = 3.0
"""Standard errors by which records must be known better where they were trained on: that takes the right `keep`."""

OWN_ROWS = "check that the columns of `keep` are the records of the signals, in their order, or give more models"
OWN_ROW = "check that row 0 and `keep` are those of the model that is audited"

LOOKED_AT, MOST_NAMED = 1_000, 5
"""Records of a release that are compared with the real ones; columns that are named."""


def released_otherwise(job: Job) -> list[Concern]:
    """Whether a release holds its columns in another form than the real table: then no row lies near any, and no attack
    finds anything, whatever the generator remembers.
    """
    target, schema = bare(job.target), job.candidates.schema
    if schema.is_image or not able(target, Generates):
        return []
    try:
        made = target.draw(min(LOOKED_AT, len(job.candidates)), derived_seed(job.seed, "looked at"), schema)
    except TargetError:  # the attacks will fail by it, and say so
        return []
    real, rows = job.candidates.flat(), made.flat()
    if real.shape[1] != len(schema.columns) or rows.shape[1:] != real.shape[1:]:
        return []
    columns = enumerate(schema.columns)
    others = [c.name for place, c in columns if other_form(real[:, place], rows[:, place], c.kind in CODED)]
    if not others:
        return []
    more = "" if len(others) <= MOST_NAMED else f" and {len(others) - MOST_NAMED} more"
    named = ", ".join(map(repr, others[:MOST_NAMED])) + more
    seen = f"the release has other values than the real table in {named}"
    cause = "it holds them in another form (units, scale, codes, type), or resembles the table no more than that"
    return [Concern("form", False, seen, cause, "give both in one form, or finding nothing says nothing", doubt=True)]
