"""The thing attacked, and the thing as an adversary sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from divulge.core.hashing import Array
from divulge.core.records import Records, Schema
from divulge.core.threat import Access, Task

if TYPE_CHECKING:
    from divulge.core.language.texts import Text
    from divulge.core.language.token_scores import TokenScores
    from divulge.core.mixed.counted import CellCounts


class Target(Protocol):
    """An adapter around a model.  It knows no attack and counts nothing."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        ...

    @property
    def task(self) -> Task:
        """What it predicts."""
        ...

    @property
    def offers(self) -> frozenset[Access]:
        """The ports it has, closed under implication."""
        ...

    def answer(self, access: Access, records: Records) -> Array:
        """What it answers through one port; raises TargetError where the model fails.

        LABEL: class codes [records], or values [records] for regression.
        SCORES: log-probabilities [records, classes], or values [records] for regression.
        LOGITS: [records, classes].
        EXPLANATIONS: what each input contributed to the score of the answer, [records, inputs]: of a network the slope
        of that score, or what an explainer makes of it (SHAP values).
        GRADIENTS: norms of the loss's gradient, [records, parameter tensors].
        LEAVES: which leaf of a decision tree it falls into [records].
        INTERNALS: what the model computes on its way to the answer, told in numbers that mean the same in every model
        of the recipe (norms and shares of activations and gradients, or what the trees of an ensemble say):
        [records, features].
        TOKEN_LOGPROBS: what a language model says of every token, [texts, tokens, 5], NaN beyond the end of a text: see
        core.language.token_scores, which turns it into TokenScores.
        """
        ...

    def fingerprint(self) -> str:
        """Content hash of the model."""
        ...


class Oracle(Protocol):
    """A target through one adversary's eyes: it grants, counts, remembers and refuses."""

    @property
    def task(self) -> Task:
        """What the target predicts."""
        ...

    @property
    def queries(self) -> int:
        """Distinct records asked so far."""
        ...

    @property
    def ports(self) -> frozenset[Access]:
        """What may be asked here, of what the target offers."""
        ...

    def ask(self, port: Access, records: Records) -> Array:
        """What the target answers through one port, which must be granted: the same as `Target.answer` says of it.

        TOPK: [records, k, 2], classes and log-scores of the k best, best first.  The methods below are short for it.
        Raises AccessDenied for a port that is not granted or is no question about records, BudgetSpent where the
        batch would exceed the budget.
        """
        ...

    def labels(self, records: Records) -> Array:
        """Predicted class codes [records]; predicted values for regression.  Needs LABEL."""
        ...

    def top_k(self, records: Records) -> tuple[Array, Array]:
        """Classes and log-scores of the k best, best first: [records, k] each.  Needs TOPK."""
        ...

    def log_scores(self, records: Records) -> Array:
        """Log-probabilities [records, classes].  Needs SCORES."""
        ...

    def logits(self, records: Records) -> Array:
        """Logits [records, classes].  Needs LOGITS."""
        ...

    def gradient_norms(self, records: Records) -> Array:
        """Norm of the loss's gradient by each parameter tensor: [records, tensors].  Needs GRADIENTS."""
        ...

    def internals(self, records: Records) -> Array:
        """What the target computes on its way to the answer: [records, features], see Target.  Needs INTERNALS."""
        ...

    def leaves(self, records: Records) -> Array:
        """Which leaf of a decision tree answers, by number [records].  Needs LEAVES."""
        ...

    def parameters(self) -> Any:
        """The bare model: a fitted estimator or a torch module.  Needs PARAMETERS."""
        ...

    def values(self, records: Records) -> Array:
        """Predicted values [records] of a regression target.  Needs LABEL."""
        ...

    def token_logprobs(self, texts: Records | Sequence[Text]) -> TokenScores:
        """What a language model says of every token of these texts, candidates or ones that the attack wrote; each
        text counts as a query, once.  Needs TOKEN_LOGPROBS.
        """
        ...

    def sampling_logprobs(
        self, texts: Records | Sequence[Text], temperature: float = 1.0, top_k: int | None = None
    ) -> list[Array]:
        """Log-probability of writing each scored token of each text when sampling at this temperature from the `top_k`
        likeliest tokens, all where None: [tokens] each, minus infinity for what is not written.  Each text counts as a
        query, once.  Needs TOKEN_LOGPROBS; raises Impossible where the target tells them at temperature 1 alone.
        """
        ...

    def complete(
        self, prefixes: Sequence[Text], n: int = 1, temperature: float = 1.0, max_tokens: int = 50, seed: int = 0
    ) -> list[list[str]]:
        """`n` continuations of each prefix, sampled; at temperature 0 the likeliest, token by token.  Each continuation
        counts as a query.  Needs COMPLETIONS.
        """
        ...

    def samples(self, count: int, schema: Schema) -> Records:
        """So many generated records, in the form that the schema says; each counts as a query.  Needs SAMPLES."""
        ...

    def counts(self, schema: Schema) -> CellCounts:
        """What was published: cells, in terms of the schema's columns, and the number in each.  Needs COUNTS."""
        ...
