"""Arrays of token numbers: to a model that reads tokens a record is the tokens in it, not a row of quantities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from divulge.core.capability.declared import able
from divulge.core.capability.targets import Wraps, reads_tokens
from divulge.core.hashing import Array, digest
from divulge.core.records import Records, Schema
from divulge.core.target import Target
from divulge.data.words import token_features


@dataclass(frozen=True, eq=False)
class CountedTokens:
    """Rows of token numbers, told apart by how often each token occurs.  inner: the way back to the rows themselves."""

    inner: Any

    def decoded(self, x: Array, schema: Schema) -> Any:
        """See core.records.Form."""
        return self.inner.decoded(x, schema) if self.inner is not None else x

    def features(self, records: Records) -> Array:
        """See core.records.Form."""
        return token_features(list(records.x))

    def fingerprint(self) -> str:
        """See core.records.Form."""
        return digest("counted tokens", self.inner.fingerprint() if self.inner is not None else "")


def counted_tokens(target: Target, records: Records) -> Records | None:
    """The same records as a guesser without the model sees them, where the target reads tokens and they are an array of
    such [records, places]; None elsewhere.
    """
    reads = reads_tokens(target) or (able(target, Wraps) and reads_tokens(target.inner))
    schema = records.schema
    if not reads or schema.opaque or schema.framed or records.x.ndim != 2 or (records.x != records.x.round()).any():
        return None
    counted = Records(records.x, records.y, replace(schema, form=CountedTokens(schema.form)), records.groups)
    return counted.as_given(records.given)
