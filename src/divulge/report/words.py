"""The sentences of a report.  A result is a lower bound, and no sentence here promises more."""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.results.audit_result import AuditResult, Baseline, Stability
from divulge.core.results.finding import Reading, Verdict
from divulge.core.results.metric import AUC
from divulge.core.results.verdicts import WORST_FIRST, FamilyVerdict, overall
from divulge.core.threat import Access, Asset, Family, ThreatModel
from divulge.core.wording import counted, joined, percent
from divulge.report import claims, handshake, inferred, membership, people, rebuilt, theft
from divulge.report.metrics import metric_name, shown
from divulge.report.typography import MARKS, capital, lower, stopped

LEAST = "A result is a lower bound: it says what these attacks achieved, not what every attack would."

FAMILY_OF = {
    Family.MEMBERSHIP: "who was in the training data",
    Family.RECONSTRUCTION: "what the records look like",
    Family.PROPERTY: "facts about the training set as a whole",
    Family.EXTRACTION: "the model itself: its parameters, settings or function",
}


@dataclass(frozen=True)
class VerdictLine:
    """What is said of one family of attacks, or of the audit as a whole: its own verdict, a title, and a sentence."""

    verdict: Verdict
    title: str
    text: str

    @property
    def mark(self) -> str:
        """The mark of its verdict."""
        return MARKS[self.verdict]


ROOMS = {
    Family.MEMBERSHIP: membership,
    Family.RECONSTRUCTION: rebuilt,
    Family.PROPERTY: inferred,
    Family.EXTRACTION: theft,
}
"""Who speaks of a leak of each family, and of none."""

BLUNT = (
    "None of them finds anything in the positive control either: such models may have nothing to leak, or these "
    "attacks cannot detect it."
)

ABOUT = {
    Family.MEMBERSHIP: "membership",
    Family.RECONSTRUCTION: "reconstruction",
    Family.PROPERTY: "facts about the training set",
    Family.EXTRACTION: "model extraction",
}


def lines(result: AuditResult) -> list[VerdictLine]:
    """What the audit says, one family after the other; what is wrong with the audit itself comes first."""
    wrong = [VerdictLine(Verdict.INVALID, handshake.HEADLINE, stopped(fault)) for fault in result.faults]
    tried = [line_of_family(result, family) for family in ROOMS if result.tried(family)]
    return [
        *wrong,
        *(line for line in tried if not (wrong and line.verdict is Verdict.INVALID)),
        *(
            VerdictLine(line.verdict, line.answer, stopped(f"{line.title}: {line.why}" if line.why else line.title))
            for line in claims.claims(result)
        ),
        *reversed_attacks(result),
    ]


def line_of_family(result: AuditResult, family: Family) -> VerdictLine:
    """What is said of one family: its title and its sentence follow from what made its verdict."""
    judged, about, room = result.family_verdicts[family], ABOUT[family], ROOMS[family]
    broke = _broke(judged)
    why = stopped(judged.why) if judged.why else ""
    match judged.verdict:
        case Verdict.LEAK | Verdict.NOT_FOUND:
            missing = f" {broke}, see what was not measured." if broke and judged.verdict is Verdict.NOT_FOUND else ""
            blunt = f" {BLUNT}" if judged.blunt and judged.verdict is Verdict.NOT_FOUND else ""
            return VerdictLine(judged.verdict, room.headline(result), f"{room.sentence(result)}{blunt}{missing}")
        case Verdict.FAILED:
            only = f" {counted(judged.played, 'weaker attack')} found nothing." if judged.played else ""
            return VerdictLine(judged.verdict, f"{broke}, so this audit says nothing about {about}", f"{why}{only}")
        case Verdict.INVALID:
            return VerdictLine(judged.verdict, _invalid_title(result, family), why)
        case Verdict.NOT_MEASURABLE:
            return VerdictLine(judged.verdict, f"{capital(about)} could not be measured", why)
        case _:
            return VerdictLine(
                judged.verdict,
                f"{capital(about)} {were(family)} not examined",
                why if judged.played else _unplayed(judged),
            )


def were(family: Family) -> str:
    """'was', or 'were' of facts."""
    return "were" if ABOUT[family].startswith("facts") else "was"


def _unplayed(judged: FamilyVerdict) -> str:
    """Why nothing of a family was played."""
    why = judged.why.partition("; ")[0]
    time = f"there was no time for {counted(judged.left_out, 'attack')}" if judged.left_out else ""
    if not judged.refused:
        return stopped(time or "no attack was run")
    cannot = f"{counted(judged.refused, 'attack')} could not run ({why})" if time else f"no attack could run: {why}"
    return stopped(f"{cannot}, and {time}" if time else cannot)


def _broke(judged: FamilyVerdict) -> str:
    """'4 of 5 attacks failed'; empty where none did."""
    if judged.failed < judged.tried:
        return f"{judged.failed} of {judged.tried} attacks failed" if judged.failed else ""
    return (
        "The only attack failed"
        if judged.failed == 1
        else f"All {judged.failed} attacks failed"
        if judged.failed
        else ""
    )


def _invalid_title(result: AuditResult, family: Family) -> str:
    if family is Family.MEMBERSHIP and result.baseline.alarm is not None:
        return "The audit is invalid: the sets differ"
    if family is Family.MEMBERSHIP and "less often than chance" in result.family_verdicts[family].why:
        return "The audit is invalid: an attack does worse than chance"
    return f"The audit of {ABOUT[family]} is invalid"


def reversed_attacks(result: AuditResult) -> list[VerdictLine]:
    """Attacks that do worse than chance where others leak: the leak stands, but so does the fault."""
    if result.verdict_of(Family.MEMBERSHIP) is not Verdict.LEAK:
        return []
    why = [f for f in result.of(Family.MEMBERSHIP) if f.verdict is Verdict.INVALID and "than chance" in f.reason]
    names = joined(f"“{title}”" for title in dict.fromkeys(result.titles.get(f.attack, f.attack) for f in why))
    return [VerdictLine(Verdict.INVALID, f"{names}: worse than chance", stopped(why[0].reason))] if why else []


def headline(result: AuditResult) -> str:
    """The verdicts in a few words."""
    titles = [line.title for line in lines(result)]
    return "; ".join([titles[0], *map(lower, titles[1:])]) if titles else "Nothing was tried"


def summary(result: AuditResult) -> str:
    """What the audit says, for a reader of nothing else: each family behind its own mark."""
    return " ".join(f"{line.mark} {line.title}. {line.text}".strip() for line in lines(result))


def stability_sentence(stability: Stability) -> str:
    """Whether another training would expose the same members."""
    return (
        f"Models of the same recipe were trained {counted(stability.trainings, 'time')} or more with every member, "
        f"each with another seed and other records. A member exposed by one training at a false positive rate of "
        f"{percent(stability.at)} is exposed by another in {percent(stability.again)} of cases "
        f"({percent(stability.low)} to {percent(stability.high)}); an average member, in {percent(stability.anybody)}."
    )


def budget_of(threat: ThreatModel) -> str:
    """How much one attack may ask, in words; empty where there is no limit."""
    limits = ((threat.query_budget, "query"), (threat.token_budget, "token"))
    return joined([counted(most, unit) for most, unit in limits if most])


def needed(result: AuditResult) -> str:
    """What the adversary needed."""
    threat = result.facts.threat
    budget = f", at most {budget_of(threat)} an attack" if budget_of(threat) else ""
    knows = joined(sorted(k.value for k in threat.knowledge)) or "nothing else"
    return (
        f"The adversary is {threat.adversary} ({threat.name}). They see {access_words(threat)}{budget}, know "
        f"{knows}, act {threat.phase.value} and are {threat.behavior.value}."
    )


def access_words(threat: ThreatModel) -> str:
    """What the adversary sees."""
    words = {Access.PARAMETERS: "the parameters", Access.UPDATES: "every training update"}
    return joined(words.get(port, f"the {port.value}") for port in sorted(threat.access, key=lambda p: p.value))


def certainty(result: AuditResult) -> str:
    """How sure: sizes, confidence, correction, baseline and controls."""
    return " ".join(certainties(result))


def certainties(result: AuditResult) -> list[str]:
    """The same, one family after the other."""
    facts = result.facts
    played = {o.attack for o, _ in result.played() if o.game == Family.MEMBERSHIP.value}
    same = {f.attack for f in result.of(Family.MEMBERSHIP) if f.ranks_as in played}
    attacks = len(played - same)
    alpha = percent(1 - facts.policy.confidence)
    copies = [
        room.certainty(result)
        for family, room in (
            (Family.RECONSTRUCTION, rebuilt),
            (Family.PROPERTY, inferred),
            (Family.EXTRACTION, theft),
        )
        if result.tried(family)
    ]
    if not result.tried(Family.MEMBERSHIP):
        return [
            f"The chance that any verdict “leak” of this run is an accident is at most {alpha} ({correction(result)}).",
            *copies,
        ]
    sizes = (
        f"{people.sizes(facts.data)} were judged by "
        f"{counted(attacks, 'attack')}; the chance that any verdict “leak” of this run is an accident is at most "
        f"{alpha} ({correction(result)}).{people.certainty(result)}{_bounds(result)}"
    )
    return [f"{sizes} {baseline_sentence(result)} {controls_sentence(result)}", *copies]


def correction(result: AuditResult) -> str:
    """How findings were corrected for each other: 'max-T over 96 findings'."""
    return next((f.correction for f in result.findings if f.correction), "Holm's correction")


def _bounds(result: AuditResult) -> str:
    """Which bounds hold for all findings at once, where there are some."""
    if all(f.low_all is None for f in result.findings):
        return ""
    return (
        " Intervals are those of each attack alone; what is said to hold over all attacks is bounded for all findings "
        "at once, so that the strongest may be picked."
    )


def corrected(result: AuditResult) -> list[list[str]]:
    """The most certain findings: attack, metric, p-value, corrected p-value, bound of its own, and over all."""
    tested = [f for f in result.findings if f.p_value is not None and f.p_adjusted is not None]
    tested.sort(key=lambda f: (f.p_adjusted or 0.0, f.p_value or 0.0))
    return [
        [
            result.titles.get(f.attack, f.attack),
            metric_name(f.key, f.about),
            f"{f.p_value:.2g}",
            f"{f.p_adjusted:.2g}",
            shown(f.low, f.key),
            shown(f.low_all, f.key),
        ]
        for f in tested[:MOST_CORRECTED]
    ]


MOST_CORRECTED = 10
"""Findings whose p-values are listed."""
CORRECTED_HEADS = ["attack", "metric", "p", "p, corrected", "at least, this attack alone", "at least, over all"]


def baseline_sentence(result: AuditResult) -> str:
    """What guessing without the model gave."""
    blind = result.baseline
    if blind.reading is None:
        return f"There is no model-blind baseline: {blind.missing}."
    if blind.alarm is not None:
        return f"The model-blind baseline raised the alarm: {blind.alarm}.{_net(result)}"
    reading, sure = blind.reading, percent(result.facts.policy.confidence)
    return (
        f"A classifier that never queries the model reaches AUC {reading.value:.3f} ({sure} CI {reading.low:.3f} to "
        f"{reading.high:.3f}), consistent with 0.5 as expected of a fair split.{_baseline_power(blind)}"
    )


def _net(result: AuditResult) -> str:
    """What the clearest attack tells beyond the guess, where the split cannot be had otherwise (by time, say)."""
    if not result.baseline.net:
        return ""
    best, sure = result.baseline.net[0], percent(result.facts.policy.confidence)
    guess, area = best.guesser, best.area
    left = " (the guess still tells them apart there, so that is too much)" if guess.low > 0.5 else ""
    return (
        f" Net of the baseline, among records that it finds alike, {result.titles.get(best.attack, best.attack)} "
        f"reaches AUC {area.value:.3f} ({sure} CI {area.low:.3f} to {area.high:.3f}), the guess without the model "
        f"{guess.value:.3f} ({guess.low:.3f} to {guess.high:.3f}){left}. What no guess sees and the model does is not "
        "taken away, so this decides nothing."
    )


def _baseline_power(blind: Baseline) -> str:
    """How unfair a split would have been noticed; empty for runs that were kept before this was known."""
    if blind.detectable is None:
        return ""
    if blind.shift is None or blind.detectable >= 1:
        return f" It would have been noticed with probability 80 % from an AUC of {blind.detectable:.3f} on."
    return (
        f" With probability 80 % it would have noticed members that lie {blind.shift:.2f} standard deviations from "
        f"others in one column, an AUC of {blind.detectable:.3f}; smaller differences can have escaped it."
    )


def controls_sentence(result: AuditResult) -> str:
    """What the controls gave."""
    areas = [f for f in result.findings if f.metric == AUC and f.value is not None]
    negative = [f.control for f in areas if f.control is not None]
    positive = [f.positive_control for f in areas if f.positive_control is not None]
    if not negative and not positive:
        reasons = sorted({note for _, p in result.played() for note in p.note.split("; ") if note.startswith("no ")})
        return "Controls were not possible" + (f" ({reasons[0]})." if reasons else ".")
    words = []
    if negative:
        words.append(
            f"against a model that never saw these records the attacks reach AUC {min(negative):.3f} to "
            f"{max(negative):.3f}"
        )
    else:
        words.append("there is no negative control")
    if positive:
        words.append(f"against one overfitted on purpose up to {max(positive):.3f}")
    return "Controls: " + ", ".join(words) + "."


def not_tried(result: AuditResult) -> list[str]:
    """Families that no attack of this run belongs to."""
    tried = {outcome.game for outcome, _ in result.played()}
    return [f"{family.value}: {FAMILY_OF[family]}" for family in Family if family.value not in tried]


def asset_verdicts(result: AuditResult) -> dict[Asset, str]:
    """For every asset that an attack of this run aimed at: a mark and the worst verdict."""
    verdicts = {}
    for asset in Asset:
        found = [f for f in result.findings if f.asset == asset.value]
        if found or (asset is Asset.MEMBERSHIP and result.tried(Family.MEMBERSHIP)):
            verdict = overall(found)
            family = next((f for f in Family if found and found[0].game == f.value), Family.MEMBERSHIP)
            if verdict is Verdict.NOT_FOUND or not found:
                verdict = max(verdict, result.verdict_of(family), key=lambda v: -WORST_FIRST.index(v))
            verdicts[asset] = f"{MARKS[verdict]} {verdict.value}"
    return verdicts


def reading(value: Reading | None) -> str:
    """'0.731 (0.702 to 0.760)'."""
    if value is None:
        return "–"
    return f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


def standards(result: AuditResult) -> list[str]:
    """Ids of all findings, each once."""
    return list(dict.fromkeys(name for finding in result.findings for name in finding.standards))
