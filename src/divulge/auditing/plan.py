"""Which attacks run under a threat model, which cannot and why, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from divulge.auditing.challenge_table import spec_of
from divulge.auditing.job import Job
from divulge.core.attack import Attack, Card
from divulge.core.capability.declared import able
from divulge.core.capability.parties import SendsCutGradients
from divulge.core.capability.recipes import teachable
from divulge.core.capability.targets import SendsUpdates, SplitModel, Updatable, model_of, reason_against
from divulge.core.errors import Impossible
from divulge.core.recipe import Recipe
from divulge.core.records import Kind
from divulge.core.target import Target
from divulge.core.threat import RELEASES, Access, Knowledge, ThreatModel, missing
from divulge.core.wording import counted


@dataclass(frozen=True)
class Planned:
    """One attack of a plan.  lacks: why it cannot run, in plain words; empty when it can."""

    attack: Attack[Any, Any]
    lacks: tuple[str, ...]

    @property
    def card(self) -> Card:
        """The attack's card."""
        return self.attack.card


def plan(job: Job) -> list[Planned]:
    """Every attack of the job with what it lacks: under the threat model, of the target, of what was given."""
    return [Planned(attack, tuple(_lacks(attack.card, job))) for attack in job.attacks]


MANY_QUERIES = 20
"""A record: an attack that asks more often is left out where scores are to be had, which say more for one query."""


def relevant(
    attacks: Sequence[Attack[Any, Any]], target: Target, threat: ThreatModel | None = None
) -> list[Attack[Any, Any]]:
    """The attacks that are meant for what the target predicts, and worth their queries to this adversary."""
    defaults = [attack for attack in attacks if attack.card.default]
    patient = threat is None or not threat.grants(Access.SCORES) or Access.SCORES not in target.offers
    published = RELEASES & target.offers
    if published:  # it answers nothing else
        return [attack for attack in defaults if attack.card.needs.access in published]
    defaults = [attack for attack in defaults if attack.card.needs.access not in RELEASES]
    return [
        attack
        for attack in defaults
        if target.task in attack.card.needs.tasks and (patient or attack.card.queries_per_record <= MANY_QUERIES)
    ]


def ports_of(target: Target, recipe: Recipe | None = None) -> frozenset[Access]:
    """What a target offers, and what is here besides: the model's parameters; of a module of PyTorch, its updates and
    what its first layers make; of one that can be trained anew, its other versions.
    """
    here = {Access.PARAMETERS: model_of(target) is not None}
    here |= {Access.UPDATES: able(target, SendsUpdates), Access.ACTIVATIONS: able(target, SplitModel)}
    here[Access.CUT_GRADIENTS] = able(target, SendsCutGradients)
    here[Access.JOINT_SCORES] = here[Access.PARAMETERS] and Access.SCORES in target.offers
    here[Access.SCORES_OVER_TIME] = able(target, Updatable) and Access.SCORES in target.offers
    here[Access.VERSIONS] = here[Access.PARAMETERS] and recipe is not None
    return target.offers | {port for port, there in here.items() if there}


def queries_of(attack: Attack[Any, Any], records: int) -> int | None:
    """How many distinct records an attack sends to the target; None where that is seen only as it goes."""
    return spec_of(attack.card).queries(attack, records)


def _lacks(card: Card, job: Job) -> list[str]:
    try:
        spec = spec_of(card)
    except Impossible as reason:  # an attack of another package: the others go on
        return [str(reason)]
    lacks = missing(card.needs, job.threat)
    if job.target.task not in card.needs.tasks:
        tasks = " or ".join(sorted(task.value for task in card.needs.tasks))
        lacks.append(f"it is for {tasks}, and this target does {job.target.task.value}")
    if card.needs.access not in ports_of(job.target, job.recipe) and job.threat.grants(card.needs.access):
        why = reason_against(job.target, card.needs.access)
        lack = f"the target {job.target.name} does not offer {card.needs.access.value}"
        lacks.append(lack if why is None else f"{lack}: {why}")
    lacks += _lacks_numbers(card.alters or spec.altered, job)
    if Knowledge.RECIPE in card.needs.knowledge:
        lacks += _lacks_shadows(card, job)
    if not spec.of_records and job.candidates.schema.names == ("row",):
        lacks.append("a score table answers no new records: give the model")
    if Knowledge.POPULATION in card.needs.knowledge and job.population is None:
        lacks.append("the audit was given no population records: pass `population`")
    if Knowledge.REFERENCE in card.needs.knowledge and job.reference is None:
        lacks.append("the audit was given no model that never saw the records: pass `reference`")
    if Knowledge.PUBLIC in card.needs.knowledge and job.reconstruction.public is None:
        lacks.append("the audit was given no public records of other classes: pass `public`")
    if card.students and not teachable(job.recipe):
        lacks.append("it needs a recipe whose models can learn from scores, a TorchRecipe say")
    return lacks + spec.lacks(card, job)


_WORDS = {Kind.TEXT: "texts", Kind.TOKENS: "lists of tokens"}


def _lacks_numbers(altered: bool, job: Job) -> list[str]:
    """What an attack lacks that alters records, or rebuilds or makes up some, where a record is no row of numbers."""
    schema = job.candidates.schema
    if not altered or not schema.opaque:
        return []
    kind = schema.columns[0].kind
    kind_of_values = f" ({_WORDS[kind]})" if kind in _WORDS else ""
    return [f"records of this kind{kind_of_values} cannot be altered number by number"]


def _lacks_shadows(card: Card, job: Job) -> list[str]:
    if job.shadows is None:
        return ["the audit was given no recipe to train shadow models with: pass `recipe`"]
    if job.most_shadows is not None and job.most_shadows < card.models:
        return [f"it needs {counted(card.models, 'shadow model')}, and the score table holds {job.most_shadows}"]
    return []
