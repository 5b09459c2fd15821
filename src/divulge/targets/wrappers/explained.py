"""A target beside which an explainer stands: what it says of each answer is one more thing that its users see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access


class Explained:
    """See core.target.Target.  explain: of inputs [records, ...] their contributions [records, inputs], or one such
    table for each class [records, inputs, classes], as SHAP and its like return them: then that of the answer is shown.
    name: of the explainer and its settings, which tell two of them apart.

        Explained(target, lambda x: shap.TreeExplainer(model).shap_values(x), "tree SHAP")
    """

    def __init__(self, inner: Target, explain: Callable[[Array], Any], name: str) -> None:
        self.inner, self._explain, self._how = inner, explain, name

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        return self.inner.offers | {Access.EXPLANATIONS}

    def answer(self, access: Access, records: Records) -> Array:
        """See Target; raises TargetError where the explainer returns another shape."""
        if access is not Access.EXPLANATIONS:
            return self.inner.answer(access, records)
        said = np.asarray(self._explain(records.x), dtype=np.float64)
        if said.ndim == 3 and len(said) == len(records):
            said = said[np.arange(len(said)), :, self.inner.answer(Access.LABEL, records)]
        said = said.reshape(len(said), -1)
        if len(said) != len(records) or not np.isfinite(said).all():
            raise TargetError(f"{self._how} gave {len(said)} explanations, or NaN, for {len(records)} records")
        return said

    def fingerprint(self) -> str:
        """See Target."""
        return digest("explained", self._how, self.inner.fingerprint())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for while it is copied, before there is an inner target
            raise AttributeError(name)
        return getattr(self.__dict__["inner"], name)
