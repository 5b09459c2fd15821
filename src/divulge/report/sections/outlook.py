"""What the next training would give away, and what was foretold before any model was trained."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Reading, Verdict
from divulge.core.results.forecasts import Foretold, NextModel
from divulge.core.threat import Family
from divulge.core.wording import counted, percent
from divulge.report.drawing import asset
from divulge.report.metrics import metric_name, shown
from divulge.report.section import Context, Section
from divulge.report.typography import table

NEXT = (
    "Intervals elsewhere in this report are about the model that was audited. Another training of the same recipe, "
    "with another seed and on another random half of these records, gives away more or less. {models} of the "
    "adversary's own were attacked in its place by the same attacks: with a probability of {confidence} one more "
    "training falls between the ends on the right. They were trained on halves of all records in question and share "
    "records and reference models, so that nothing is said of other records or of other sizes. The attacks are those "
    "that were strongest on this model, which flatters its own figures and not those of the next."
)
UNLIKE = "Outside: this model is hardly one more training of its recipe, or was trained on more or fewer records."
SCREEN = (
    "Before any reference model is trained, the losses foretell what such models will find: members that were hard to "
    "fit have left the high losses, so the share of non-members with a higher loss than nearly all members stands for "
    "the share of members that can be named (Dodd et al. 2025). It is a prediction and decides nothing: a low one is "
    "no all-clear. On thirty known cases it put models in the right order, but was too low on average, and once by "
    "half of the members."
)


def _context(result: AuditResult) -> Context:
    return {
        "next": [_next(result, each) for each in result.next_model],
        "unlike": UNLIKE if any(each.unlike for each in result.next_model) else "",
        "about": _about(result),
        "screen": [_screened(result, each) for each in result.screen],
        "foretelling": SCREEN,
    }


def _about(result: AuditResult) -> str:
    if not result.next_model:
        return ""
    first = result.next_model[0]
    models = counted(first.trainings, "model")
    return NEXT.format(models=models[0].upper() + models[1:], confidence=percent(first.confidence))


def _next(result: AuditResult, each: NextModel) -> list[str]:
    mark = " (outside)" if each.unlike else ""
    return [
        result.titles.get(each.attack, each.attack),
        metric_name(each.metric),
        f"{_reading(each.this, each.metric)}{mark}",
        _reading(each.next, each.metric),
    ]


def _screened(result: AuditResult, each: Foretold) -> list[str]:
    lira = "not measured" if each.lira is None else _share(each.lira)
    best = "not measured"
    if each.attack is not None and each.strongest is not None:
        best = f"{_share(each.strongest)}, {result.titles.get(each.attack, each.attack)}"
    return [percent(each.rate), _share(each.foretold), lira, best]


def _reading(reading: Reading, metric: str) -> str:
    value, low, high = (shown(number, metric) for number in (reading.value, reading.low, reading.high))
    return f"{value} ({low} to {high})"


def _share(reading: Reading) -> str:
    return f"{percent(reading.value)} ({percent(reading.low)} to {percent(reading.high)})"


def _applies(result: AuditResult) -> bool:
    judged = result.tried(Family.MEMBERSHIP) and result.verdict_of(Family.MEMBERSHIP) is not Verdict.INVALID
    return judged and bool(result.next_model or result.screen)


def _markdown(c: Context) -> str:
    parts = []
    if c["next"]:
        parts += [c["about"], table(["attack", "measure", "this model", "the next training"], c["next"])]
        parts += [c["unlike"]] if c["unlike"] else []
    if c["screen"]:
        heads = ["false positive rate", "foretold", "LiRA", "the strongest with reference models"]
        parts += [c["foretelling"], table(heads, c["screen"])]
    return "\n\n".join(parts)


SECTION = Section(
    name="outlook",
    title="What the next training would give away",
    context=_context,
    template=asset("sections/outlook.html.j2"),
    markdown=_markdown,
    applies=_applies,
)
