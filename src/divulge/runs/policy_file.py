"""A policy as a file writes it."""

from __future__ import annotations

import difflib

from pydantic import BaseModel, ConfigDict, ValidationError

from divulge.core.errors import InputError
from divulge.core.results.policy import DEFAULT_THRESHOLDS, Policy
from divulge.core.threat import Access, Family
from divulge.data.yaml_text import line_of, read_yaml


class _StrictPart(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RulePart(_StrictPart):
    """A threshold with its reason.  at: tolerated advantage.  why, source: for whoever has to defend it."""

    at: float
    why: str = ""
    source: str = ""


class AdversaryPart(_StrictPart):
    """What the adversary of an audit must at least have seen.  access: `parameters`, say.  why: in words."""

    access: str
    why: str = ""


class PolicyFile(_StrictPart):
    """What is tolerated.

    name: of the policy.  purpose: what models it is for.  adversary: the least access of an audit that this policy can
    judge.  requires: families of attacks that must have been measured.  thresholds: tolerated advantage by metric, or
    by "metric:attribute", a number or keys; those left out keep their defaults.  confidence: of every interval.
    delta: at which epsilon is bounded.
    """

    name: str = ""
    purpose: str = ""
    adversary: AdversaryPart | None = None
    requires: list[str] = []
    thresholds: dict[str, float | RulePart] = {}
    confidence: float = 0.95
    delta: float = 1e-5

    def policy(self, source: str) -> Policy:
        """As the words of the trade; raises InputError for a metric, a family or an access that does not exist."""
        for rule in self.thresholds:  # "attribute_accuracy:sex" is about that attribute alone
            metric = rule.partition(":")[0]
            _known(source, f"thresholds.{rule}", "metric", metric, list(DEFAULT_THRESHOLDS))
        for family in self.requires:
            _known(source, "requires", "family", family, [f.value for f in Family])
        least = self.adversary.access if self.adversary else ""
        if self.adversary is not None:
            _known(source, "adversary.access", "access", least, [a.value for a in Access])
        rules = {metric: rule for metric, rule in self.thresholds.items() if isinstance(rule, RulePart)}
        thresholds = {
            metric: rule.at if isinstance(rule, RulePart) else rule for metric, rule in self.thresholds.items()
        }
        why = {m: f"{r.why} ({r.source})" if r.source else r.why for m, r in rules.items() if r.why}
        if self.adversary is not None and self.adversary.why:
            why["adversary"] = self.adversary.why
        return Policy(
            {**DEFAULT_THRESHOLDS, **thresholds},
            self.confidence,
            self.delta,
            name=self.name,
            purpose=self.purpose,
            least_access=least,
            requires=tuple(self.requires),
            why=why,
        )


def _known(source: str, where: str, kind: str, word: str, words: list[str]) -> None:
    if word not in words:
        near = difflib.get_close_matches(word, words, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"{source}: {where}: no such {kind}: {hint}choose from {', '.join(words)}")


def parsed(text: str, source: str) -> Policy:
    """A policy from the text of a file; raises InputError naming `source` and the field."""
    content, lines = read_yaml(text, source)
    try:
        return PolicyFile.model_validate(content or {}).policy(source)
    except ValidationError as error:
        first = error.errors()[0]
        line = line_of(lines, first["loc"])
        where = f" (line {line})" if line is not None else ""
        raise InputError(f"{source}: {'.'.join(map(str, first['loc']))}: {first['msg']}{where}") from error
