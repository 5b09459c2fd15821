"""The verdict of a family of attacks, and of a run: what was played, what broke off, and what can be said after that.

`not found` is said of a family only where the audit can show that it looked: an attack as strong as any that broke off
was played to its end, and how large an advantage it would have shown is known.  A narrow audit that was asked for
looked at what was asked; one that became narrow because its attacks failed did not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from divulge.core.results.finding import CLAIM, Failed, Finding, Outcome, Played, Refused, Verdict
from divulge.core.results.metric import Trials
from divulge.core.threat import Family

WORST_FIRST = (
    Verdict.LEAK,
    Verdict.INVALID,
    Verdict.FAILED,
    Verdict.NOT_FOUND,
    Verdict.NOT_MEASURABLE,
    Verdict.NOT_EXAMINED,
)


@dataclass(frozen=True)
class FamilyVerdict:
    """What can be said of one family.  why: where it is not a leak or `not found`, the reason in one line.

    played, failed, refused, left_out: how many attacks of it there were.  blunt: whether there were positive controls,
    and no attack showed anything in any.
    """

    family: Family
    verdict: Verdict
    why: str = ""
    played: int = 0
    failed: int = 0
    refused: int = 0
    left_out: int = 0
    blunt: bool = False

    @property
    def tried(self) -> int:
        """Attacks that were started."""
        return self.played + self.failed


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several verdicts; `not examined` where there is none."""
    seen = set(verdicts)
    return next((verdict for verdict in WORST_FIRST if verdict in seen), Verdict.NOT_EXAMINED)


def overall(findings: Sequence[Finding]) -> Verdict:
    """The worst verdict of some findings; not measurable where there are none.  It knows nothing of attacks that broke
    off: what a whole family or run says is `family_verdict`.
    """
    return worst(f.verdict for f in findings) if findings else Verdict.NOT_MEASURABLE


def family_verdict(
    family: Family,
    outcomes: Sequence[Outcome],
    findings: Sequence[Finding],
    left_out: int = 0,
) -> FamilyVerdict:
    """The verdict of one family.

    outcomes, findings: of the whole run, findings under their final verdicts.  left_out: attacks of this family that
    there was no time for.
    """
    own = [o for o in outcomes if o.game == family.value]
    found = [f for f in findings if f.game == family.value]
    counts = [sum(isinstance(o.result, kind) for o in own) for kind in (Played, Failed, Refused)]
    verdict, why = _judged(own, found)
    fired = [o.result.fired for o in own if isinstance(o.result, Played) and o.result.fired is not None]
    blunt = bool(fired) and not any(fired)
    return FamilyVerdict(family, verdict, why, counts[0], counts[1], counts[2], left_out, blunt)


def family_verdicts(
    outcomes: Sequence[Outcome],
    findings: Sequence[Finding],
    left_out: Sequence[str] = (),
) -> dict[Family, FamilyVerdict]:
    """The verdict of each of the four families.  left_out: the family of every attack that there was no time for."""
    return {family: family_verdict(family, outcomes, findings, list(left_out).count(family.value)) for family in Family}


@dataclass(frozen=True)
class ClaimVerdict:
    """What came of the claims that a run tested, which says nothing of any family.  why: where it is neither a leak
    nor `not found`, the reason in one line.
    """

    verdict: Verdict
    why: str = ""


def claim_verdict(outcomes: Sequence[Outcome], findings: Sequence[Finding]) -> ClaimVerdict | None:
    """The verdict of the claims of a run: `leak` where one is upheld, `not found` where each was tested by something
    that could have upheld it.  None where no claim is part of it.
    """
    if all(o.game != CLAIM for o in outcomes):
        return None
    own = [o for o in outcomes if o.game == CLAIM and not isinstance(o.result, Refused)]
    if not own:
        return ClaimVerdict(Verdict.NOT_EXAMINED)
    found = [f for f in findings if f.game == CLAIM]
    for verdict in (Verdict.LEAK, Verdict.INVALID):
        of = [f for f in found if f.verdict is verdict]
        if of:
            return ClaimVerdict(verdict, of[0].reason if verdict is Verdict.INVALID else "")
    broken = [o for o in own if isinstance(o.result, Failed)]
    if broken:
        return ClaimVerdict(Verdict.FAILED, _error(broken[0]))
    for outcome in own:
        of = [f for f in found if f.attack == outcome.attack]
        if not any(f.verdict is Verdict.NOT_FOUND for f in of):
            return ClaimVerdict(Verdict.NOT_MEASURABLE, of[0].reason if of else "nothing was measured")
    return ClaimVerdict(Verdict.NOT_FOUND)


def run_verdict(verdicts: Mapping[Family, FamilyVerdict], claims: ClaimVerdict | None = None) -> Verdict:
    """The worst verdict of the families, and of the claims where there are any."""
    return worst([*(each.verdict for each in verdicts.values()), *([claims.verdict] if claims else [])])


def by_name(verdicts: Mapping[Family, FamilyVerdict], claims: ClaimVerdict | None = None) -> dict[str, str]:
    """Every verdict of a run as a file has them: by family, and under CLAIM where a claim was tested."""
    named = {family.value: each.verdict.value for family, each in verdicts.items()}
    return named if claims is None else {**named, CLAIM: claims.verdict.value}


def gaps(
    verdicts: Mapping[Family, FamilyVerdict], asked: Sequence[str] = (), claims: ClaimVerdict | None = None
) -> list[str]:
    """Why an audit is no evidence that nothing leaks, family by family; empty where each was examined.

    asked: families that were asked for by name.  An attack that the adversary cannot run is no gap, unless its family
    was asked for by name or nothing at all was examined.  claims: of a run that tested some; a claim that was tested
    is something that was examined.
    """
    found = []
    if claims is not None and claims.verdict in (Verdict.FAILED, Verdict.INVALID, Verdict.NOT_MEASURABLE):
        found.append(f"the claim is {claims.verdict.value}{f': {claims.why}' if claims.why else ''}")
    for family, verdict in verdicts.items():
        why = f": {verdict.why}" if verdict.why else ""
        if verdict.verdict is Verdict.FAILED:
            found.append(f"{family.value} cannot be judged, {verdict.failed} of {verdict.tried} attacks failed{why}")
        elif verdict.verdict in (Verdict.INVALID, Verdict.NOT_MEASURABLE):
            found.append(f"{family.value} is {verdict.verdict.value}{why}")
        elif verdict.verdict is Verdict.NOT_EXAMINED and (family.value in asked or verdict.left_out):
            time = (
                f"there was no time for {verdict.left_out} of its attacks"
                if verdict.left_out
                else "no attack could run"
            )
            found.append(f"{family.value} was not examined{why or f': {time}'}")
    if all(verdict.verdict is Verdict.NOT_EXAMINED for verdict in verdicts.values()) and not found and not claims:
        found.append("nothing was examined: no attack could run")
    return found


def _judged(own: Sequence[Outcome], found: Sequence[Finding]) -> tuple[Verdict, str]:
    for verdict in (Verdict.LEAK, Verdict.INVALID):
        of = [f for f in found if f.verdict is verdict]
        if of:
            return verdict, of[0].reason if verdict is Verdict.INVALID else ""
    broken = [o for o in own if isinstance(o.result, Failed)]
    looked = [o for o in own if isinstance(o.result, Played) and any(_looks(f) for f in found if f.attack == o.attack)]
    missed = uncovered(broken, looked)
    if missed:
        return Verdict.FAILED, _error(missed[0])
    if looked:
        return Verdict.NOT_FOUND, ""
    measured = [f for f in found if f.p_value is not None]
    if measured and all(f.kind.fixed_size for f in measured):
        return Verdict.NOT_EXAMINED, _most_measurable(measured).reason
    if found:
        return Verdict.NOT_MEASURABLE, _most_measurable(found).reason
    if any(isinstance(o.result, Played) for o in own):
        return Verdict.NOT_MEASURABLE, "no attack measured anything"
    refused = [o.result.reason for o in own if isinstance(o.result, Refused)]
    return Verdict.NOT_EXAMINED, max(refused, key=refused.count, default="")


def uncovered(broken: Sequence[Outcome], looked: Sequence[Outcome]) -> list[Outcome]:
    """Attacks that broke off while none as strong on the same asset was played, the strongest first."""
    reached: dict[str, float] = {}
    for outcome in looked:
        reached[outcome.asset] = max(reached.get(outcome.asset, 0.0), outcome.strength)
    lacking = [o for o in broken if o.strength > reached.get(o.asset, 0.0)]
    return sorted(lacking, key=lambda o: -o.strength)


def _looks(finding: Finding) -> bool:
    """Whether a finding shows that the audit looked: nothing was found, and what would have been is known."""
    return finding.verdict is Verdict.NOT_FOUND and (finding.power is not None or finding.kind.trials is Trials.EXACT)


def _most_measurable(found: Sequence[Finding]) -> Finding:
    """The finding that came closest to being one: measured, by the metric that takes the fewest records."""
    return min(found, key=lambda f: (f.p_value is None, f.attainable if f.attainable is not None else 1.0))


def _error(outcome: Outcome) -> str:
    return f"{outcome.title} failed: {outcome.result.error}" if isinstance(outcome.result, Failed) else ""
