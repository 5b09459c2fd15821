"""All findings of a run, corrected for each other by drawing membership anew over the stored scores.

Which attacks that is done for: those on membership whose scores are stored, and depend on who was a member through the
target alone.  All others are corrected by Bonferroni's rule within the same step-down, see stats.familywise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from divulge.core.hashing import Array, derived_rng, derived_seed, digest
from divulge.core.results.estimate import Estimate
from divulge.core.results.finding import Correction, Measurement
from divulge.core.results.metric import BALANCED_ACCURACY, Trials
from divulge.core.results.policy import Policy
from divulge.core.threat import Family, Task
from divulge.runs.files.evidence_files import scored_of
from divulge.runs.folder import Corrections, RunFolder
from divulge.stats.many.familywise import Null, common_level, corrections, is_clear, tests_of
from divulge.stats.many.rerandomized import METRICS, Ranked, Split, log_chances
from divulge.stats.weigh import weigh

if TYPE_CHECKING:
    import pandas as pd

FIRST, MOST, FEWEST, LABELS = 1999, 9999, 399, 40_000_000
"""Splits that are drawn anew: the first number where that makes everything clear; of many records fewer, so that no
more labels are drawn than that."""

FEWEST_OF_A_CLASS = 10
"""Records of each class, for a split to be taken as one that was stratified by class."""

_known: dict[str, Array] = {}
"""Chances by what they follow from: a run is settled after every attack, and only the new one is drawn for."""
MOST_KNOWN = 64


def corrected(
    run: RunFolder, findings: Sequence[Measurement], policy: Policy, bounds: bool, meanwhile: bool = False
) -> Corrections:
    """The corrections of a run's findings under a policy, as they are kept or else made.

    bounds: with the bounds that hold for all findings at once, which take longer.  meanwhile: of the first splits
    alone, since more attacks are to come, after which all are corrected anew.
    """
    content = repr([(f.attack, f.metric, f.p_value, f.attainable, f.bound_to_labels) for f in findings])
    key = digest(content, repr(policy.confidence))
    passing = digest(key, "meanwhile")
    kept = run.corrections()
    if kept is not None and ((kept.key == key and (kept.bounded or not bounds)) or (meanwhile and kept.key == passing)):
        return kept
    null, column, draws, settled = _chance(run, findings, 1 - policy.confidence, meanwhile)
    found = corrections(findings, null, column)
    level = _level(findings, null, column, 1 - policy.confidence)
    if bounds:
        found = _with_bounds(run, findings, policy, found, level, null, column)
    return Corrections(key if settled else passing, draws, level, bounds, found)


def _chance(
    run: RunFolder, findings: Sequence[Measurement], alpha: float, meanwhile: bool
) -> tuple[Null | None, list[int], int, bool]:
    """What chance does to all attacks that membership can be drawn anew for, the column of each finding, the number of
    splits, and whether they are as many as it takes: more where the first do not decide, unless this is but meanwhile.
    """
    frames = {name: run.scores(name) for name in _asked(run, findings)}
    facts = run.facts()
    classes = facts.target.task == Task.CLASSIFICATION.value
    split, ranked = split_of(frames, facts.provenance.seed, facts.data.aggregate, classes)
    if not ranked:
        return None, [-1] * len(findings), 0, True
    names = list(ranked)
    places = {(name, metric): at * len(METRICS) + number for at, name in enumerate(names)
              for number, metric in enumerate(METRICS)}  # fmt: skip
    column = [places.get((f.attack, f.metric), -1) for f in findings]
    most = min(MOST, max(FEWEST, LABELS // len(split.member)))
    null, draws, settled = Null(np.empty((0, 0)), np.empty(0)), 0, False
    for draws in sorted({min(FIRST, most), most}):
        drawn = np.concatenate(_chances(split, [ranked[name] for name in names], draws), axis=1)
        null = null_of(drawn)
        found = [c.adjusted for c in corrections(findings, null, column) if c.adjusted is not None]
        settled = draws == most or is_clear(np.array(found), alpha, draws)
        if settled or meanwhile:
            break
    return null, column, draws, settled


def null_of(drawn: Array) -> Null:
    """What chance does, of log p-values [1 + draws, attacks x METRICS] of which the first row is the split itself.

    A balanced accuracy is cross-fitted on halves that were drawn when it was measured; those drawn here are others, so
    that its own p-value stands, which is valid by itself.
    """
    seen = drawn[0].copy()
    seen[METRICS.index(BALANCED_ACCURACY) :: len(METRICS)] = -np.inf
    return Null(drawn[1:], seen)


def _asked(run: RunFolder, findings: Sequence[Measurement]) -> list[str]:
    """Attacks that membership is drawn anew for, in the order of their names."""
    return sorted(
        {
            f.attack
            for f in findings
            if f.game == Family.MEMBERSHIP.value
            and f.p_value is not None
            and not f.bound_to_labels
            and f.metric in METRICS
            and run.has_scores(f.attack)
        }
    )


def split_of(
    frames: Mapping[str, pd.DataFrame], seed: int, aggregate: str = "", by_class: bool = False
) -> tuple[Split, dict[str, Ranked]]:
    """The split that was drawn, its units in an order that knows nothing of it, and what each attack says of them.

    frames: tables of evidence_files.table_of, by attack.  aggregate: how the scores of a person's rows become one.

    An attack that asks about some records only was told to before anything was seen, so that labels are drawn anew
    within those records and within the others.  by_class: so they are within each class, where members are as evenly
    spread over the classes as a stratified split would have them: that is right for a split from one set as well,
    since given the numbers of each class all splits of it are equally likely.
    """
    person = _persons(frames)
    units: dict[str, tuple[Array, Array, Array]] = {}
    for name, frame in frames.items():
        keys = _keys(frame)
        if person and not person.keys() >= set(keys.tolist()):
            continue  # whose these are is not known
        scored = scored_of(frame, aggregate)
        owner = np.array([person[key] for key in keys.tolist()]) if person else keys
        owned = replace(scored, unit=owner).by_unit()
        units[name] = (owned.unit * 2 + owned.exposed, owned.ranks(), frame["y"].to_numpy()[owned.trial])
    if not units:
        return Split(np.zeros(0, bool), np.zeros(0, int), 0), {}
    known = np.unique(np.concatenate([keys for keys, _, _ in units.values()]))
    mixed = derived_rng(seed, "order of units").permutation(len(known))
    asked, ranked = np.zeros((len(known), len(units)), dtype=bool), {}
    y = np.zeros(len(known))
    for number, (name, (keys, ranks, target)) in enumerate(units.items()):
        at = mixed[np.searchsorted(known, keys)]
        order = np.argsort(at)
        ranked[name] = Ranked(ranks[order], at[order])
        asked[at, number] = True
        y[at] = target
    member = np.empty(len(known), dtype=bool)
    member[mixed] = known % 2 == 1
    stratum = np.unique(asked, axis=0, return_inverse=True)[1].reshape(-1)
    if by_class and not person:
        of = np.unique(y, return_inverse=True)[1]
        if _stratified(member, of):
            stratum = stratum * (of.max() + 1) + of
    return Split(member, stratum, derived_seed(seed, "splits")), ranked


def _keys(frame: pd.DataFrame) -> Array:
    """A number for each record: where it stood, and in which set."""
    return np.asarray(frame["row"].to_numpy(np.int64) * 2 + frame["member"].to_numpy(bool))


def _persons(frames: Mapping[str, pd.DataFrame]) -> dict[int, int]:
    """Whose each record is; empty where each stands for itself."""
    found: dict[int, int] = {}
    for frame in frames.values():
        if "person" in frame.columns:
            found.update(zip(_keys(frame).tolist(), frame["person"].tolist(), strict=True))
    return found


def _stratified(member: Array, classes: Array) -> bool:
    """Whether members are spread over the classes as evenly as whole numbers allow."""
    total = np.bincount(classes)
    inside = np.bincount(classes, weights=member)
    expected = total * member.mean()
    enough = np.minimum(expected, total - expected) >= FEWEST_OF_A_CLASS
    return len(total) > 1 and bool(enough.all()) and bool((np.abs(inside - expected) < 1).all())


def _chances(split: Split, attacks: Sequence[Ranked], draws: int) -> list[Array]:
    """`log_chances`, of which those made before are remembered."""
    design = digest(split.member, split.stratum, str(split.seed), str(draws))
    keys = [digest(design, attack.ranks, attack.places) for attack in attacks]
    found = {key: _known[key] for key in keys if key in _known}
    lacking = {key: attack for key, attack in zip(keys, attacks, strict=True) if key not in found}
    if lacking:
        found.update(zip(lacking, log_chances(split, list(lacking.values()), draws), strict=True))
    for key in keys:
        _known.pop(key, None)
        _known[key] = found[key]
    while len(_known) > MOST_KNOWN:
        _known.pop(next(iter(_known)))
    return [found[key] for key in keys]


def _level(findings: Sequence[Measurement], null: Null | None, column: Sequence[int], alpha: float) -> float:
    """The level at which bounds hold for all findings at once."""
    others = sum(column[places[0]] < 0 for places in tests_of(findings))
    return common_level(null if null is not None else Null(np.empty((0, 0)), np.empty(0)), others, alpha)


def _with_bounds(
    run: RunFolder,
    findings: Sequence[Measurement],
    policy: Policy,
    found: Sequence[Correction],
    level: float,
    null: Null | None,
    column: Sequence[int],
) -> tuple[Correction, ...]:
    """With the lower bounds of everything that scores, trials and counts say at the common level.  A bound is at least
    chance's only where the hypothesis that the attack knows nothing is refuted at that level.
    """
    sharp = replace(policy, confidence=1 - level)
    weighed: dict[str, dict[tuple[str, str], Estimate]] = {}
    bounded = list(found)
    for place, finding in enumerate(findings):
        if finding.p_value is None or finding.kind.trials in (Trials.OWN, Trials.EXACT):
            continue
        if finding.attack not in weighed:
            weighed[finding.attack] = {(e.metric, e.about): e for e in weigh(run.evidence(finding.attack), sharp)}
        estimate = weighed[finding.attack].get((finding.key, finding.about))
        if estimate is None or estimate.low is None:
            continue
        low, gained = estimate.low, estimate.advantage_low
        if null is not None and column[place] >= 0 and np.exp(null.seen[column[place]]) > level:
            low, gained = min(low, finding.chance), None if gained is None else min(gained, 0.0)
        bounded[place] = replace(found[place], low=low, advantage_low=gained)
    return tuple(bounded)
