"""The sentences of a report.  A result is a lower bound, and no sentence here promises more."""

from __future__ import annotations

from divulge.core.dossier import Dossier, Stability, overall
from divulge.core.finding import Finding, Reading, Verdict
from divulge.core.threat import Access, Asset, Family, ThreatModel
from divulge.core.wording import counted, joined, percent
from divulge.report import inferred, people, rebuilt, theft

MARKS = {
    Verdict.LEAK: "▲",
    Verdict.NOT_FOUND: "○",
    Verdict.NOT_MEASURABLE: "–",
    Verdict.INVALID: "✕",
    Verdict.REFUSED: "⊘",
    Verdict.FAILED: "!",
}

METRIC_NAMES = {
    "auc": "AUC",
    "balanced_accuracy": "balanced accuracy",
    "tpr_at_fpr_0.1": "TPR at 10 % FPR",
    "tpr_at_fpr_0.01": "TPR at 1 % FPR",
    "tpr_at_fpr_0.001": "TPR at 0.1 % FPR",
    "epsilon": "epsilon, at least",
    "fidelity": "agreement on unseen records",
    "fidelity_uniform": "agreement on random inputs",
    "fidelity_boundary": "agreement at the boundary",
    "parameters_recovered": "parameters recovered",
    "hyperparameters_recovered": "hyper-parameters recovered",
    "architecture_recovered": "architecture recovered",
    **rebuilt.NAMES,
    **inferred.NAMES,
}

LEAST = "A result is a lower bound: it says what these attacks achieved, not what every attack would."

FAMILY_OF = {
    Family.MEMBERSHIP: "who was in the training data",
    Family.RECONSTRUCTION: "what the records look like",
    Family.PROPERTY: "facts about the training set as a whole",
    Family.EXTRACTION: "the model itself: its parameters, settings or function",
}


def headline(dossier: Dossier) -> str:
    """The verdict in a few words."""
    if dossier.verdict is Verdict.NOT_MEASURABLE:
        return "Nothing could be measured"
    said = []
    if dossier.tried(Family.MEMBERSHIP):
        verdict = overall(dossier.of(Family.MEMBERSHIP))
        said.append(
            {
                Verdict.LEAK: "Membership leaks",
                Verdict.NOT_FOUND: "No membership leak was found",
                Verdict.INVALID: "The audit is invalid: the sets differ",
            }.get(verdict, "Membership could not be measured")
        )
    if dossier.tried(Family.RECONSTRUCTION):
        said.append(rebuilt.headline(dossier))
    if dossier.tried(Family.PROPERTY):
        said.append(inferred.headline(dossier))
    if dossier.tried(Family.EXTRACTION):
        said.append(theft.headline(dossier))
    return "; ".join([said[0], *(part[:1].lower() + part[1:] for part in said[1:])]) if said else "Nothing was tried"


def summary(dossier: Dossier) -> str:
    """What the audit says, for a reader of nothing else."""
    return " ".join(sentence for _, sentence in by_family(dossier))


def by_family(dossier: Dossier) -> list[tuple[Verdict, str]]:
    """The same, one family after the other, each with its verdict."""
    rooms = (
        (Family.MEMBERSHIP, membership_sentence),
        (Family.RECONSTRUCTION, rebuilt.sentence),
        (Family.PROPERTY, inferred.sentence),
        (Family.EXTRACTION, theft.sentence),
    )
    return [(overall(dossier.of(family)), said(dossier)) for family, said in rooms if dossier.tried(family)]


def membership_sentence(dossier: Dossier) -> str:
    """What the audit says about membership, for a reader of nothing else."""
    strongest = dossier.strongest()
    if strongest is None:
        return "No attack could be run and measured, so nothing is known about who was in the training data."
    verdict = overall(dossier.of(Family.MEMBERSHIP))
    if verdict is Verdict.INVALID:
        return strongest.reason[:1].upper() + strongest.reason[1:] + "."
    title = dossier.titles.get(strongest.attack, strongest.attack)
    picks = (
        f"{people.picks(strongest, title)} in "
        f"{percent(strongest.value or 0)} of cases ({interval(strongest)}; guessing gives 50 %)"
    )
    if verdict is Verdict.LEAK:
        return f"It can be told who was in the training data: {picks}. {sharpest(dossier)}".strip()
    power = (
        f"Had they picked the member in {percent((1 + strongest.power) / 2)} of cases, this audit would probably have "
        "shown it. "
        if strongest.power and strongest.power < 1
        else "This audit is too small to show more than the coarsest leak. "
    )
    return f"The attacks that were run tell members from strangers hardly better than guessing: {picks}. {power}{LEAST}"


def sharpest(dossier: Dossier) -> str:
    """The most telling leak at a low false positive rate, or nothing."""
    low = [f for f in dossier.leaks() if f.metric.startswith("tpr_at_fpr_") and f.value is not None]
    if not low:
        return ""
    best = min(low, key=lambda f: (f.chance, -(f.low or 0)))
    title = dossier.titles.get(best.attack, best.attack)
    return f"{people.named(best, title)} ({interval(best)})."


def stability_sentence(stability: Stability) -> str:
    """Whether another training would expose the same members."""
    return (
        f"Models of the same recipe were trained {counted(stability.trainings, 'time')} or more with every member, with"
        f" other seeds and other companions. A member that one training exposes at a false positive rate of "
        f"{percent(stability.at)} is exposed by another in {percent(stability.again)} of cases "
        f"({percent(stability.low)} to {percent(stability.high)}); any member, in {percent(stability.anybody)}."
    )


def interval(finding: Finding) -> str:
    """'95 % interval 70 % to 78 %'."""
    if finding.low is None or finding.high is None:
        return f"{percent(finding.confidence)} bound"
    return f"{percent(finding.confidence)} interval {percent(finding.low)} to {percent(finding.high)}"


def needed(dossier: Dossier) -> str:
    """What the adversary needed."""
    threat = dossier.facts.threat
    budget = f", at most {counted(threat.query_budget, 'query')} an attack" if threat.query_budget else ""
    knows = joined(sorted(k.value for k in threat.knowledge)) or "nothing else"
    return (
        f"The adversary is {threat.adversary} ({threat.name}). They see {access_words(threat)}{budget}, know "
        f"{knows}, act {threat.phase.value} and are {threat.behaviour.value}."
    )


def access_words(threat: ThreatModel) -> str:
    """What the adversary sees."""
    words = {Access.PARAMETERS: "the parameters", Access.UPDATES: "every training update"}
    return joined(words.get(port, f"the {port.value}") for port in sorted(threat.access, key=lambda p: p.value))


def certainty(dossier: Dossier) -> str:
    """How sure: sizes, confidence, correction, baseline and controls."""
    return " ".join(certainties(dossier))


def certainties(dossier: Dossier) -> list[str]:
    """The same, one family after the other."""
    facts = dossier.facts
    attacks = sum(o.game == Family.MEMBERSHIP.value for o, _ in dossier.played())
    alpha = percent(1 - facts.policy.confidence)
    copies = [
        room.certainty(dossier)
        for family, room in (
            (Family.RECONSTRUCTION, rebuilt),
            (Family.PROPERTY, inferred),
            (Family.EXTRACTION, theft),
        )
        if dossier.tried(family)
    ]
    if not dossier.tried(Family.MEMBERSHIP):
        return [
            f"The chance that any verdict “leak” of this run is an accident is at most {alpha} (Holm's correction).",
            *copies,
        ]
    sizes = (
        f"{people.sizes(facts.data)} were judged by "
        f"{counted(attacks, 'attack')}; the chance that any verdict “leak” of this run is an accident is at most "
        f"{alpha} (Holm's correction).{people.certainty(dossier)}"
    )
    return [f"{sizes} {baseline_sentence(dossier)} {controls_sentence(dossier)}", *copies]


def baseline_sentence(dossier: Dossier) -> str:
    """What guessing without the model gave."""
    blind = dossier.baseline
    if blind.reading is None:
        return f"There is no model-blind baseline: {blind.missing}."
    if blind.alarm is not None:
        return f"The model-blind baseline raised the alarm: {blind.alarm}."
    reading = blind.reading
    return (
        f"Guessing from the records without the model gives an AUC of {reading.value:.3f} ({reading.low:.3f} to "
        f"{reading.high:.3f}), which holds the 0.5 of a fair split."
    )


def controls_sentence(dossier: Dossier) -> str:
    """What the controls gave."""
    areas = [f for f in dossier.findings if f.metric == "auc" and f.value is not None]
    negative = [f.control for f in areas if f.control is not None]
    positive = [f.positive_control for f in areas if f.positive_control is not None]
    if not negative and not positive:
        reasons = sorted({note for _, p in dossier.played() for note in p.note.split("; ") if note.startswith("no ")})
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


def not_tried(dossier: Dossier) -> list[str]:
    """Families that no attack of this run belongs to."""
    tried = {outcome.game for outcome, _ in dossier.played()}
    return [f"{family.value}: {FAMILY_OF[family]}" for family in Family if family.value not in tried]


def asset_verdicts(dossier: Dossier) -> dict[Asset, str]:
    """For every asset that an attack of this run aimed at: a mark and the worst verdict."""
    told = {}
    for asset in Asset:
        found = [f for f in dossier.findings if f.asset == asset.value]
        if found or (asset is Asset.MEMBERSHIP and dossier.tried(Family.MEMBERSHIP)):
            verdict = overall(found)
            told[asset] = f"{MARKS[verdict]} {verdict.value}"
    return told


def shown(value: float | None, metric: str) -> str:
    """A metric's value as it stands in a table."""
    if value is None:
        return "–"
    if metric.partition(":")[0] in (*rebuilt.NAMES, *inferred.NAMES):
        return percent(value)
    if metric.startswith("fidelity") or metric.endswith("_recovered"):
        return theft.exact_percent(value)
    return percent(value) if metric.startswith("tpr_at_fpr_") else f"{value:.3f}"


def reading(value: Reading | None) -> str:
    """'0.731 (0.702 to 0.760)'."""
    if value is None:
        return "–"
    return f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


def standards(dossier: Dossier) -> list[str]:
    """Ids of all findings, each once."""
    return list(dict.fromkeys(name for finding in dossier.findings for name in finding.standards))
