"""The page for whoever decides: the two questions of EDPB Opinion 28/2024, the risks to persons, what to do.

The Opinion (17 December 2024) asks of a model that is said to be anonymous whether, considering all means reasonably
likely to be used, the likelihood is insignificant (1) of extracting personal data of those in the training data
directly from the model, probabilistic extraction included, and (2) of obtaining it from queries, intentionally or not.
An audit gives evidence on both; it never says that a model is anonymous.
"""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Finding, Verdict
from divulge.core.results.metric import (
    ATTRIBUTE_ACCURACY,
    ATTRIBUTE_DEDUCED,
    ATTRIBUTES_REBUILT,
    AUC,
    BATCHES_OPENED,
    EPSILON,
    LABELS_TOLD,
    NEARER_TRAINING,
    RECORDS_EXACT,
    RECORDS_LINKED,
    RECORDS_REBUILT,
    ROWS_COPIED,
    ROWS_NEARLY_COPIED,
    SINGLED_OUT,
    TEXT_EXACT,
    TEXT_REBUILT,
)
from divulge.core.results.verdicts import family_verdict, worst
from divulge.core.threat import Access, Family
from divulge.core.wording import counted, joined, percent
from divulge.report import claims, handshake, limits, people, words
from divulge.report.causes import helpful
from divulge.report.membership import over_all
from divulge.report.metrics import OF_SECRETS, OF_TEXTS, metric_name, shown
from divulge.report.next_steps import NextStep, advice, basis_lacks
from divulge.report.property_words import in_words
from divulge.report.releases.advice import of_release, steps_of, thing
from divulge.report.typography import MARKS

QUERIES = tuple(
    port.value
    for port in (
        Access.LABEL,
        Access.TOPK,
        Access.SCORES,
        Access.SCORES_OVER_TIME,
        Access.LOGITS,
        Access.SAMPLES,
        Access.COUNTS,
        Access.TOKEN_LOGPROBS,
        Access.COMPLETIONS,
    )
)
"""What a query answers with; everything else means holding the model or standing beside its training."""

PERSONAL = (Family.MEMBERSHIP, Family.RECONSTRUCTION)
"""Families whose findings are about single persons."""

OF_RECORDS = (
    RECORDS_REBUILT,
    RECORDS_EXACT,
    BATCHES_OPENED,
    NEARER_TRAINING,
    TEXT_REBUILT,
    TEXT_EXACT,
    ROWS_COPIED,
    ROWS_NEARLY_COPIED,
    SINGLED_OUT,
    *OF_TEXTS,
)
"""Metrics of rebuilt records; the others of their family are about attributes, classes or counts."""

ATTRIBUTES = (ATTRIBUTE_ACCURACY, ATTRIBUTE_DEDUCED, ATTRIBUTES_REBUILT, LABELS_TOLD)

ANSWERS = {
    Verdict.LEAK: "Evidence that it can",
    Verdict.NOT_FOUND: "No evidence that it can was found",
    Verdict.INVALID: "Not answered: the audit is invalid, so nothing was measured",
    Verdict.FAILED: "Not answered: attacks broke off",
    Verdict.NOT_MEASURABLE: "Not answered: there are too few records",
}

UNKNOWN = "Not answered: the model does not answer as the one that was trained, so nothing was measured"

ALWAYS_UNTRIED = (
    "attacks that were published after this version of divulge",
    "linking what the model reveals with other data about the same persons",
    "mistakes around the model: logs, backups, explanations, the training data themselves",
)


@dataclass(frozen=True)
class DecisionQuestion:
    """One of the two questions.  asks: in plain words.  answer: in a few.  residual: what remains."""

    title: str
    asks: str
    verdict: Verdict
    answer: str
    evidence: tuple[str, ...]
    means: tuple[str, ...]
    power: tuple[str, ...]
    untried: tuple[str, ...]
    residual: str


@dataclass(frozen=True)
class Risk:
    """One row of an impact assessment.  verdict, found: by this audit.  who: is concerned.  measures: that were
    measured.
    """

    name: str
    asks: str
    verdict: Verdict
    found: str
    who: str
    measures: str


@dataclass(frozen=True)
class Decision:
    """What the page says."""

    verdict: Verdict
    headline: str
    reasons: tuple[str, ...]
    questions: tuple[DecisionQuestion, ...]
    risks: tuple[Risk, ...]
    steps: tuple[NextStep, ...]


def decision(result: AuditResult) -> Decision:
    """The page of one run."""
    direct = [f for f in result.findings if _of(f, PERSONAL) and (_holds(result) or f.access not in QUERIES)]
    asked = [f for f in result.findings if _of(f, PERSONAL) and f.access in QUERIES]
    questions = (
        _question(
            result,
            "Can personal data be extracted from the model itself?",
            "by someone who holds the model or takes part in its training; with certainty or with some likelihood",
            direct,
            False,
        ),
        _question(
            result,
            "Can personal data be obtained by asking the model?",
            "by someone who only queries it, on purpose or by accident",
            asked,
            True,
        ),
    )
    return Decision(
        result.verdict,
        _headline(result),
        tuple(_reasons(result)),
        questions,
        _risks(result),
        tuple(advice(result)),
    )


def _of(finding: Finding, families: tuple[Family, ...]) -> bool:
    return finding.game in [family.value for family in families]


def _holds(result: AuditResult) -> bool:
    """Whether the adversary holds the model, and can do with it all that a customer of a service can."""
    return result.facts.threat.grants(Access.PARAMETERS)


def _headline(result: AuditResult) -> str:
    policy = result.facts.policy
    under = f"under the policy {policy.name}" if policy.name else "under the policy of this run"
    if result.only_claims:
        return claims.headline(result)
    if result.verdict is Verdict.LEAK:
        about = joined([family.value for family in Family if result.verdict_of(family) is Verdict.LEAK])
        return f"As it is, the {thing(result)} gives away more than is tolerated {under}: {about}"
    if result.verdict is Verdict.NOT_FOUND and not basis_lacks(result):
        return f"Nothing was found that speaks against it {under}"
    return "This audit is no basis for a decision yet"


def _reasons(result: AuditResult) -> list[str]:
    """Why, in a sentence each."""
    policy = result.facts.policy
    found = handshake.lines(result)
    found += [f"The policy is meant for {policy.purpose}."] if policy.purpose else []
    found.append(words.needed(result))
    if result.baseline.alarm is not None:
        found.append("Members and non-members are not from the same distribution: draw them again, and audit again.")
    found += [f"{lack[:1].upper()}{lack[1:]}{'' if lack.endswith('.') else '.'}" for lack in basis_lacks(result)]
    return [*found, words.LEAST + " It is evidence for the decision of a person, and never a certificate."]


def _question(result: AuditResult, title: str, asks: str, findings: list[Finding], queries: bool) -> DecisionQuestion:
    measured = [f for f in findings if f.value is not None]
    verdict = _answered(result, findings, queries)
    leaks = [f for f in measured if f.verdict is Verdict.LEAK]
    evidence = [line for family in PERSONAL for line in _evidence(result, family, measured)]
    means = [_means(result, f) for f in _best(leaks or measured)]
    return DecisionQuestion(
        title,
        asks,
        verdict,
        UNKNOWN if result.faults else ANSWERS.get(verdict, "Not examined"),
        tuple(evidence or [_unexamined(result, queries)]),
        tuple(dict.fromkeys(means)),
        tuple(_power(result, measured)),
        tuple(_untried(result, measured, queries)),
        _residual(verdict),
    )


def _answered(result: AuditResult, findings: list[Finding], queries: bool) -> Verdict:
    """The verdict on a question: of the attacks on persons that bear on it, those that broke off too."""

    def bears(access: str) -> bool:
        return access in QUERIES if queries else _holds(result) or access not in QUERIES

    outcomes = [o for o in result.outcomes if bears(o.access)]
    return worst(family_verdict(family, outcomes, findings).verdict for family in PERSONAL)


def _unexamined(result: AuditResult, queries: bool) -> str:
    """Why there is no evidence on a question."""
    threat = result.facts.threat
    if not queries and not _holds(result):
        return (
            f"The adversary of this run ({threat.name}) never holds the model. If anyone else might, audit it under "
            "the threat model published-model"
        )
    return "No attack of this kind was played to its end"


def _best(findings: list[Finding]) -> list[Finding]:
    """One finding of each family: the leak with the highest lower bound."""
    found = {}
    for family in PERSONAL:
        of = [f for f in findings if _of(f, (family,)) and f.metric != EPSILON]
        if of:
            found[family] = max(of, key=lambda f: f.advantage_low if f.advantage_low is not None else -1.0)
    return list(found.values())


def _evidence(result: AuditResult, family: Family, measured: list[Finding]) -> list[str]:
    """The strongest finding of a family, for membership the one at the lowest error rate too, and who is concerned."""
    of = [f for f in measured if _of(f, (family,))]
    if not of:
        return []
    lines = [line_of(result, f) for f in _best([f for f in of if f.verdict is Verdict.LEAK] or of)]
    sharp = [f for f in of if f.verdict is Verdict.LEAK and f.kind.fpr is not None]
    if sharp:
        lines.append(line_of(result, min(sharp, key=lambda f: (f.chance, -(f.low or 0.0)))))
    if family is Family.MEMBERSHIP and result.stability is not None and sharp:
        lines.append(words.stability_sentence(result.stability))
    return list(dict.fromkeys(lines))


def line_of(result: AuditResult, finding: Finding) -> str:
    """'▲ “LiRA, online”: TPR at 1 % FPR 57 % (49 % to 65 %; at least 45 % over all attacks); guessing: 1 %'."""
    kind, about = finding.key, finding.about
    name = metric_name(kind) + (f", {in_words(about)}" if about else "")
    value, low, high, chance = (
        shown(v, finding.key) for v in (finding.value, finding.low, finding.high, finding.chance)
    )
    title = result.titles.get(finding.attack, finding.attack)
    least = f"; at least {shown(finding.low_all, kind)} over all attacks" if over_all(finding) else ""
    return f"{MARKS[finding.verdict]} “{title}”: {name} {value} ({low} to {high}{least}); guessing: {chance}"


def _means(result: AuditResult, finding: Finding) -> str:
    """What it took: access, queries, models, time.  Costs and time are what the Opinion's reader has to weigh."""
    knows = joined(sorted(k.value for k in result.facts.threat.knowledge)) or "nothing else"
    title = result.titles.get(finding.attack, finding.attack)
    models = f", {counted(finding.models_trained, 'model')} trained" if finding.models_trained else ""
    asked = counted(finding.queries, "query") if finding.queries else "no query"
    seconds = "less than a second" if finding.seconds < 1 else counted(round(finding.seconds), "second")
    return (
        f"“{title}” saw the {finding.access}; {asked}{models}; {seconds} on an ordinary computer; at most it could "
        f"know {knows}"
    )


def _power(result: AuditResult, measured: list[Finding]) -> list[str]:
    """What would have been seen."""
    lines = []
    for family in PERSONAL:
        able = [f for f in measured if _of(f, (family,)) and f.power is not None and f.metric != EPSILON]
        if not able:
            continue
        if any(f.verdict is Verdict.LEAK for f in able):
            lines.append(f"{family.value}: enough to show the leak; there may be more")
            continue
        best = min(able, key=lambda f: (f.metric != AUC, f.power or 1.0))
        if (best.power or 1.0) >= 1:
            lines.append(f"{family.value}: this audit is too small to have seen anything but a complete success")
            continue
        name = metric_name(best.key, best.about)
        lines.append(
            f"{family.value}: an advantage of {percent(best.power or 1.0)} in {name} would probably have been seen "
            "(four times in five), a smaller one perhaps not"
        )
    return lines


def _untried(result: AuditResult, measured: list[Finding], queries: bool) -> list[str]:
    games = {f.game for f in measured}
    personal = [family.value for family in PERSONAL]
    lines = [f"{family}: no attack was measured" for family in personal if family not in games]
    lines += [f"“{left.title}”: {left.reason}" for left in result.left_out if left.game in personal]
    concerned = {o.title for o, _ in result.refused() if (o.access in QUERIES) == queries and o.game in personal}
    for reason in limits.refusals(result):
        if any(title in (reason.names or reason.what) for title in concerned):
            lines.append(f"{reason.what}: {reason.why}")
    return [*lines, *ALWAYS_UNTRIED]


def _residual(verdict: Verdict) -> str:
    if verdict is Verdict.LEAK:
        return (
            "The likelihood is not insignificant for some of the persons at least: these attacks succeed by the means "
            "named here. This is evidence for treating the model itself as personal data."
        )
    if verdict is Verdict.NOT_FOUND:
        return (
            "These attacks did not succeed. That is evidence of a low likelihood, down to what this audit would have "
            "seen and for the means named here; it is no proof that the likelihood is insignificant for every person."
        )
    return "Nothing is known: the likelihood must be taken as open."


def _risks(result: AuditResult) -> tuple[Risk, ...]:
    """Singling out, linkability and inference (Article 29 Working Party, Opinion 05/2014), and groups."""
    data = result.facts.data
    sensitive = f"; sensitive: {joined(list(data.sensitive))}" if data.sensitive else ""
    asked = people.asked_about(data) + " were asked about"
    leaks = result.verdict_of(Family.MEMBERSHIP) is Verdict.LEAK
    listed = f"; the {counted(len(result.at_risk), 'record')} most at risk are listed in the report"
    exposed = listed if result.at_risk and leaks else ""
    groups = [f"{g.attribute} = {g.value}" for g in result.subgroups if g.more_at_risk]
    more = f"; more at risk than others: {joined(groups)}" if groups else ""
    low = [f for f in result.of(Family.MEMBERSHIP) if (f.kind.fpr or 1) < 0.1]
    linked = [f for f in result.of(Family.RECONSTRUCTION) if f.key == RECORDS_LINKED]
    area = [f for f in result.of(Family.MEMBERSHIP) if f.metric == AUC]
    attribute = [f for f in result.of(Family.RECONSTRUCTION) if f.key in (*ATTRIBUTES, *OF_SECRETS)]
    rebuilt = [f for f in result.of(Family.RECONSTRUCTION) if f.key in OF_RECORDS]
    groups_found = list(result.of(Family.PROPERTY))
    knobs = sorted((c for c in result.what_if if c.share > 0), key=lambda c: -c.share)
    causes = joined([c.advice for c in knobs[:2]])
    if of_release(result):
        causes = "; or ".join(h.in_full for h in steps_of(result)[:2])
    return (
        Risk(
            "singling out",
            "Can one person be named as being in the training data, or their record be reconstructed?",
            *_worst(result, low + rebuilt),
            asked + exposed + more,
            causes,
        ),
        Risk(
            "linkability",
            "Can a record that is known from elsewhere be tied to the training data?",
            *_worst(result, area + linked),
            asked + more,
            causes,
        ),
        Risk(
            "inference",
            "Can something be learned about a person that was not known?",
            *_worst(result, attribute),
            asked + sensitive,
            "; or ".join(h.in_full for key in ATTRIBUTES for h in helpful(result, Family.RECONSTRUCTION, key)[:2]),
        ),
        Risk(
            "facts about groups",
            "Can something be learned about all those in the training data together?",
            *_worst(result, groups_found),
            "the group as a whole, and whoever collected the data",
            "; or ".join(h.in_full for h in helpful(result, Family.PROPERTY)[:2]),
        ),
    )


def _worst(result: AuditResult, findings: list[Finding]) -> tuple[Verdict, str]:
    """The verdict on a risk, and the strongest finding that made it."""
    measured = [f for f in findings if f.value is not None]
    if not measured:
        return Verdict.NOT_EXAMINED, "– not examined"
    leaks = [f for f in measured if f.verdict is Verdict.LEAK] or measured
    strongest = max(leaks, key=lambda f: f.advantage_low if f.advantage_low is not None else -1.0)
    return strongest.verdict, line_of(result, strongest)
