"""Token by token against a model that never saw the texts."""

from __future__ import annotations

from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores
from divulge.core.threat import Access, Knowledge, Needs, Task
from divulge.core.views.membership import MembershipView


def needing_reference() -> Needs:
    """Token log-probabilities, and a model that never saw the texts."""
    return Needs(Access.TOKEN_LOGPROBS, frozenset({Knowledge.REFERENCE}), tasks=frozenset({Task.LANGUAGE}))


def gains(view: MembershipView) -> tuple[TokenScores, Array]:
    """What the target says, and how much more it expects each token than the reference does: [tokens].

    Raises Impossible where the two cut texts into other tokens.
    """
    own, other = (model.token_logprobs(view.candidates) for model in (view.target, view.reference))
    if not own.same_tokens(other):
        raise Impossible("the reference cuts texts into other tokens than the target, so that tokens have no partners")
    return own, own.logprob - other.logprob
