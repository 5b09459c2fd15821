"""What an attack on a language model costs in tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.targets import CountsTokens
from divulge.core.errors import BudgetSpent
from divulge.core.language.texts import Prompted, Text
from divulge.core.target import Target


class TokenMeter:
    """Counts the tokens that one attack sent and had written.

    A text counts as many tokens as the model reads of it, once however often it is asked about; text that is written
    counts with its beginning, every time.  Where the target does not say how it cuts texts into tokens, a text that was
    scored counts one token more than were scored, and others one for each byte of UTF-8, which is at least as many.
    """

    def __init__(self, target: Target, budget: int | None) -> None:
        self._target, self.budget, self.spent = target, budget, 0
        self.exact = able(target, CountsTokens)

    def costs(self, texts: Sequence[Text]) -> list[int]:
        """Tokens of each text; where they are not known, no fewer than there are."""
        if able(self._target, CountsTokens):
            return self._target.token_counts(list(texts))
        return [len(text) if isinstance(text, tuple) else len(str(text).encode()) + 1 for text in texts]

    def scored(self, texts: Sequence[Text], tokens: Sequence[int]) -> list[int]:
        """The same once it is known how many tokens of each were scored."""
        costs = self.costs(texts)
        if self.exact:
            return costs
        known = [isinstance(text, str | tuple) for text in texts]
        return [min(count + 1, cost) if k else cost for k, count, cost in zip(known, tokens, costs, strict=True)]

    def fitting(self, costs: Sequence[int]) -> int:
        """How many of these texts may be asked about now, the first ones; all or none where their tokens are known.

        Raises BudgetSpent where it is none.
        """
        if self.budget is None:
            return len(costs)
        total = np.cumsum(costs)
        fit = int(np.searchsorted(total, self.budget - self.spent, side="right"))
        if (fit < len(costs) and self.exact) or not fit:
            self._refuse(int(total[-1]))
        return fit

    def reserve(self, prefixes: Sequence[Text], n: int, max_tokens: int) -> None:
        """Raises BudgetSpent where so many continuations might exceed the budget."""
        most = sum(self.costs([_prompt(text) for text in prefixes])) + len(prefixes) * n * max_tokens
        if self.budget is not None and self.spent + most > self.budget:
            self._refuse(most)

    def wrote(self, prefixes: Sequence[Text], written: Sequence[Sequence[Text]], max_tokens: int) -> None:
        """Count beginnings, each once, and what was written after them."""
        self.spent += sum(self.costs([_prompt(text) for text in prefixes]))
        tokens = getattr(written, "tokens", None)
        most = sum(min(cost, max_tokens) for texts in written for cost in self.costs(list(texts)))
        self.spent += most if tokens is None else tokens

    def _refuse(self, needed: int) -> None:
        how = "" if self.exact else "up to "
        raise BudgetSpent(
            f"{how}{needed:,} more tokens are needed and {self.spent:,} of {self.budget:,} are spent: raise "
            "`token_budget`, audit fewer texts, or read fewer tokens of each"
        )


def _prompt(text: Text) -> Text:
    return text.prompt if isinstance(text, Prompted) else text
