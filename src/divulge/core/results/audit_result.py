"""Everything that a report draws, as plain values: no model, no records, no statistics left to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Curve
from divulge.core.results.finding import CLAIM, Failed, Finding, Outcome, Played, Reading, Refused, Verdict
from divulge.core.results.forecasts import Foretold, NextModel, Predictive
from divulge.core.results.handshake import Handshake
from divulge.core.results.metric import AUC
from divulge.core.results.policy import Policy
from divulge.core.results.verdicts import ClaimVerdict, FamilyVerdict, claim_verdict, family_verdicts, run_verdict
from divulge.core.threat import Family, ThreatModel

SCHEMA_VERSION = 2
"""Of run.json and findings.json; raised when a field changes its meaning."""


@dataclass(frozen=True)
class TargetFacts:
    """What was attacked.  quality: accuracy, or mean absolute error for regression, on each arm; None if unknown.
    defenses: of the interface.  distortion: mean total variation distance between shown scores and those of the model.
    """

    name: str
    kind: str
    task: str
    fingerprint: str
    offers: tuple[str, ...]
    quality_name: str = "accuracy"
    quality_members: float | None = None
    quality_nonmembers: float | None = None
    defenses: tuple[str, ...] = ()
    distortion: float | None = None


@dataclass(frozen=True)
class DataFacts:
    """What it was asked about.

    member_persons, nonmember_persons: whose records they are, 0 where each record stands for itself.  aggregate: how
    the scores of a person's rows become one.
    """

    members: int
    nonmembers: int
    population: int
    columns: int
    classes: tuple[str, ...]
    sensitive: tuple[str, ...]
    overlap: str
    fingerprint: str
    member_persons: int = 0
    nonmember_persons: int = 0
    aggregate: str = ""


@dataclass(frozen=True)
class Net:
    """What an attack tells among records that a guesser without the model finds alike, see stats.comparison.net.

    area: its AUC there; guesser: the guesser's own there, which is 0.5 where nothing of the shift is left.  strata: of
    records that are compared; share: of the records that stand in them.
    """

    attack: str
    area: Reading
    guesser: Reading
    strata: int
    share: float


@dataclass(frozen=True)
class Baseline:
    """The model-blind baseline.  alarm: why the split is at fault, or None.  missing: why it could not be run.
    detectable: the AUC of a guesser that would have raised the alarm with probability 0.8.  shift: how far members
    would have to lie from others, in standard deviations of one column, for a linear guesser to reach it; None if
    unknown.  net: of each attack, where the split is at fault.
    """

    reading: Reading | None = None
    alarm: str | None = None
    missing: str | None = None
    detectable: float | None = None
    shift: float | None = None
    net: tuple[Net, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """What makes a run repeatable."""

    divulge: str
    python: str
    platform: str
    libraries: Mapping[str, str]
    command: str
    started: str
    seed: int


@dataclass(frozen=True)
class RunFacts:
    """What run.json holds: everything that is known before the first attack.

    job: content hash of everything that decides the results; a run is resumed only by an equal job.
    planned: names of the attacks that run, in order.  settings: of each of them, as text.
    asked: families that were asked for by name; empty where everything that could be tried was.
    """

    name: str
    job: str
    threat: ThreatModel
    target: TargetFacts
    data: DataFacts
    policy: Policy
    provenance: Provenance
    recipe: str | None
    planned: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class AtRisk:
    """A member that stands out.

    row: its position in the member set as it was given.  above: share of non-members with a lower score.
    attacks: how many attacks place it above 99 % of the non-members.
    named: in how many of `trainings` other trainings that used it, it was named at a false positive rate of 1 %; low
    and high: interval of the probability that another training exposes it.  None where that is not known.
    why: what is remarkable about it.  rows: records of a person, of whom `row` is the first.
    """

    row: int
    label: str
    above: float
    attacks: int
    named: int | None = None
    trainings: int | None = None
    low: float | None = None
    high: float | None = None
    why: tuple[str, ...] = ()
    rows: int = 1


@dataclass(frozen=True)
class Stability:
    """trainings: how many trainings with other seeds used each record.  again: how often a member that one of them
    exposes is exposed by another, with its interval, less unlearned: by how much oftener than others a
    named member is named again where nothing can have been learned.  anybody: how often any member is exposed.  at: the
    false positive rate.
    """

    trainings: int
    again: float
    low: float
    high: float
    anybody: float
    at: float = 0.01
    unlearned: float = 0.0


@dataclass(frozen=True)
class Subgroup:
    """How well the strongest attack does among the records with one value of a sensitive attribute.

    others: the mean of the AUCs within each of the other groups, None where there are none.  p_adjusted: two-sided, of
    the AUC within this group being the same, corrected for all comparisons of groups.  more_at_risk, less_at_risk:
    what it shows.  named, strangers: shares of the group's members, and of its non-members, that lie above the one
    threshold for everybody, at the false positive rate fpr; named_p: two-sided, exact, of its members being named as
    often as all other groups', corrected alike.  named_others: how often those are.
    """

    attribute: str
    value: str
    members: int
    nonmembers: int
    auc: Reading
    p_adjusted: float
    more_at_risk: bool
    less_at_risk: bool = False
    others: float | None = None
    named: Reading | None = None
    named_others: float | None = None
    named_p: float = 1.0
    strangers: Reading | None = None
    fpr: float | None = None


@dataclass(frozen=True)
class Cause:
    """A trait that members may have.  above: share of the non-members that a member must outscore to count as named.
    named, everybody: share of the members that the strongest attack names, and of
    all members, that have it.  telling: whether it is commoner among the named, after correction (p_adjusted).
    share: how much of the attack's advantage goes away when records with the trait are left out, with its interval
    share_low to share_high; None if unknown.  circular: the trait is read off what the attack itself looks at.
    """

    name: str
    above: float
    named: float
    everybody: float
    p_adjusted: float
    telling: bool
    advice: str
    share: float | None = None
    share_low: float | None = None
    share_high: float | None = None
    circular: bool = False


@dataclass(frozen=True)
class WhatIf:
    """A cause that belongs to the model and not to single records, measured by training it otherwise.

    measured: what it is like now, in words.  before, after: advantage of the loss attack on the audited recipe and on
    the changed one, each the mean over trainings, with its standard error.  share: how much of it goes away.
    """

    name: str
    measured: str
    before: float
    before_error: float
    after: float
    after_error: float
    share: float
    advice: str


@dataclass(frozen=True)
class Mitigation:
    """What is left of a leak of another family when one thing is changed and all else is the same.

    metric, about, attack: of the strongest leak of its kind that an attack found by asking.  knob: what was changed.
    before, after: what the attack reached; None where it was not measured, and reason says why.  chance, chance_after:
    what is reached without the model.  price: what the change costs.  kept: of what can be learned from a release, how
    much can be from the other one; None where no release is meant, or that is not known.
    """

    family: str
    attack: str
    metric: str
    about: str
    knob: str
    chance: float
    before: Reading | None = None
    after: Reading | None = None
    chance_after: float | None = None
    price: str = ""
    reason: str = ""
    kept: float | None = None

    @property
    def share(self) -> float:
        """How much of what was reached above chance goes away, from 0 to 1; 0 where it was not measured."""
        if self.before is None or self.after is None or self.chance_after is None or self.before.value <= self.chance:
            return 0.0
        left = (self.after.value - self.chance_after) / (1 - self.chance_after) if self.chance_after < 1 else 0.0
        return min(1.0, max(0.0, 1 - left * (1 - self.chance) / (self.before.value - self.chance)))


@dataclass(frozen=True)
class Gain:
    """What one step of a chain achieved through a copy of the model, against the same without it.

    copy: the attack that made it.  measure: what is measured, in words, or why the step could not be taken: the
    readings are then None.  gain: through less alone.  gained: whether its interval excludes none.
    """

    step: str
    title: str
    copy: str
    measure: str
    through: Reading | None = None
    alone: Reading | None = None
    gain: Reading | None = None
    gained: bool = False


@dataclass(frozen=True)
class LeftOut:
    """An attack that could run, and did not for want of time.  reason: what it would have taken."""

    attack: str
    title: str
    game: str
    reason: str


@dataclass(frozen=True)
class AuditResult:
    """A finished run, or one that was cut short, as a report shows it.

    faults: why the audit as a whole is none.
    """

    facts: RunFacts
    baseline: Baseline
    outcomes: tuple[Outcome, ...]
    findings: tuple[Finding, ...]
    evidence: Mapping[str, Evidence]
    """What each attack achieved, without the scores themselves."""
    at_risk: tuple[AtRisk, ...]
    risk_attack: str | None
    complete: bool
    titles: Mapping[str, str]
    papers: Mapping[str, str] = field(default_factory=dict)
    training: tuple[str, ...] = ()
    subgroups: tuple[Subgroup, ...] = ()
    causes: tuple[Cause, ...] = ()
    what_if: tuple[WhatIf, ...] = ()
    mitigations: tuple[Mitigation, ...] = ()
    stability: Stability | None = None
    next_model: tuple[NextModel, ...] = ()
    screen: tuple[Foretold, ...] = ()
    gains: tuple[Gain, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    handshake: Handshake | None = None
    e_values: Mapping[str, float] = field(default_factory=dict)
    """Of each membership attack, against the hypothesis that it shows no more than is tolerated."""
    predictive: tuple[Predictive, ...] = ()
    """Of the strongest attack, one for each false positive rate."""

    @property
    def curves(self) -> tuple[Curve, ...]:
        """What the figures of attacks with scores are drawn from."""
        return tuple(curve for each in self.evidence.values() for curve in each.of(Curve))

    def evidence_of(self, family: Family) -> dict[str, Evidence]:
        """What each attack of one family achieved."""
        names = {o.attack for o in self.outcomes if o.game == family.value}
        return {name: each for name, each in self.evidence.items() if name in names}

    @property
    def faults(self) -> tuple[str, ...]:
        """Why nothing in this run means anything: the target is not the model that its owner knows."""
        return self.handshake.faults if self.handshake is not None else ()

    @cached_property
    def family_verdicts(self) -> Mapping[Family, FamilyVerdict]:
        """What can be said of each of the four families, from what was played."""
        return family_verdicts(self.outcomes, self.findings, [left.game for left in self.left_out])

    @cached_property
    def claims(self) -> ClaimVerdict | None:
        """What came of the claims that were tested; None where none was."""
        return claim_verdict(self.outcomes, self.findings)

    @property
    def only_claims(self) -> bool:
        """Whether claims were tested, and no family was looked at."""
        return bool(self.outcomes) and all(o.game == CLAIM for o in self.outcomes) and not self.left_out

    def verdict_of(self, family: Family) -> Verdict:
        """The verdict of one family."""
        return self.family_verdicts[family].verdict

    @property
    def verdict(self) -> Verdict:
        """The verdict of the whole run: the worst of its families', and of its claims.  Invalid where the handshake
        found a fault.
        """
        return Verdict.INVALID if self.faults else run_verdict(self.family_verdicts, self.claims)

    def refused(self) -> list[tuple[Outcome, str]]:
        """Attacks that could not run, with the reason."""
        return [(o, o.result.reason) for o in self.outcomes if isinstance(o.result, Refused)]

    def failed(self) -> list[tuple[Outcome, str]]:
        """Attacks that broke off, with the error."""
        return [(o, o.result.error) for o in self.outcomes if isinstance(o.result, Failed)]

    def played(self) -> list[tuple[Outcome, Played]]:
        """Attacks that ran."""
        return [(o, o.result) for o in self.outcomes if isinstance(o.result, Played)]

    def of(self, family: Family) -> tuple[Finding, ...]:
        """The findings of one family of attacks."""
        return tuple(f for f in self.findings if f.game == family.value)

    def tried(self, family: Family) -> bool:
        """Whether an attack of this family is part of the run, whatever became of it; membership where none is."""
        games = {o.game for o in self.outcomes} | {left.game for left in self.left_out}
        return family.value in games or (not games and family is Family.MEMBERSHIP)

    def leaks(self) -> list[Finding]:
        """Findings with the verdict leak."""
        return [f for f in self.findings if f.verdict is Verdict.LEAK]

    def strongest(self) -> Finding | None:
        """The finding a reader should see first: the measured AUC with the highest lower bound."""
        areas = [f for f in self.findings if f.metric == AUC and f.low is not None]
        return max(areas, key=lambda f: f.low or 0.0, default=None)
