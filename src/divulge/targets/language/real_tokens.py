"""Logits of the tokens that are scored, and of no others: most of a small model's work is its head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from divulge.core.errors import FOREIGN
from divulge.targets.language.token_rows import RowsOf

LOGITS_ON_CPU, LOGITS_ELSEWHERE = 2**21, 2**26
"""Logits that are made into numbers at once: on a processor so many as stay in its cache."""


class RealTokens:
    """A model in two parts, what the head is given and the head; `split` says whether both together are the model."""

    def __init__(self, model: Any, vocabulary: int) -> None:
        self._vocabulary = vocabulary
        self.split = self._found(model)

    def _found(self, model: Any) -> bool:
        try:
            self._inner, self._head = getattr(model, model.base_model_prefix), model.get_output_embeddings()
            place = next(model.parameters()).device
            ids = torch.arange(2, device=place).remainder(self._vocabulary)[None]
            mask = torch.ones_like(ids)
            with torch.no_grad():
                whole = model(input_ids=ids, attention_mask=mask).logits
                parts = self._head(self._hidden(ids, mask))
        except FOREIGN:  # a model is foreign code
            return False
        return whole.shape == parts.shape and torch.allclose(whole, parts, rtol=1e-5, atol=1e-6)

    def _hidden(self, ids: Tensor, mask: Tensor) -> Tensor:
        found: Tensor = self._inner(input_ids=ids, attention_mask=mask, use_cache=False)[0]
        return found

    def rows(self, ids: Tensor, mask: Tensor, rows_of: RowsOf) -> Tensor:
        """What `rows_of` says of each token but the first [texts, places - 1, ...]; of those that are masked, zero."""
        hidden, after, real = self._hidden(ids, mask)[:, :-1], ids[:, 1:], mask[:, 1:].bool()
        step = max((LOGITS_ON_CPU if ids.device.type == "cpu" else LOGITS_ELSEWHERE) // self._vocabulary, 1)
        chosen, tokens = hidden[real], after[real]
        parts = [
            rows_of(self._head(chosen[start : start + step])[None], tokens[None, start : start + step])[0]
            for start in range(0, len(chosen), step)
        ]
        told = torch.cat(parts)
        rows = told.new_zeros(*real.shape, *told.shape[1:])
        rows[real] = told
        return rows
