"""A recipe that is the user's own function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from divulge.core.errors import FOREIGN, TargetError, raised
from divulge.core.hashing import digest
from divulge.core.identity import content_hash
from divulge.core.persons import every_nth
from divulge.core.records import Records

SMALL_SHARE = 8


@dataclass(frozen=True)
class FunctionRecipe:
    """`train(x, y, seed)` returns a model of any kind that divulge can audit; x is as the records were given, y codes.

    share: the part of the records (of persons, where they are known), one in `share`, that is really used; the
    overfitted variant uses few.
    """

    train_model: Callable[..., Any]
    share: int = 1

    def fit(self, records: Records, seed: int) -> Any:
        """What the function returns; whatever it raises becomes TargetError."""
        part = records.take(every_nth(len(records), self.share, records.groups))
        try:
            return self.train_model(part.native(), part.y, seed)
        except FOREIGN as error:  # the user's own code: it may raise anything
            raise TargetError(f"training by {self.describe()} failed: {raised(error)}") from error

    def overfitted(self) -> FunctionRecipe:
        """The same function on an eighth of the records."""
        return FunctionRecipe(self.train_model, SMALL_SHARE)

    def describe(self) -> str:
        """The function's name."""
        return f"{getattr(self.train_model, '__name__', 'function')}(x, y, seed)"

    def fingerprint(self) -> str:
        """Of the function's code and of what it holds, as it was when first asked for."""
        known = self.__dict__.get("_fingerprint")
        if known is None:
            known = digest(self.describe(), str(self.share), content_hash(self.train_model))
            object.__setattr__(self, "_fingerprint", known)
        return str(known)
