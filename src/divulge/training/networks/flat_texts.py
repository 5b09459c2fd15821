"""Texts of several models in one row of tokens, nothing between them: layers that look at one token alone never see
what would fill texts up to one length, and attention is over each text by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

FLAT = "divulge_flat"
"""What transformers calls the attention of such a row; it makes no mask for it."""


@dataclass
class Flat:
    """A batch of each of several models.

    bounds: where each model's tokens begin, and where the last one's end.  lengths: of all texts in their order.
    texts: the texts themselves; None for one that counts for nothing.
    wanted: places whose next token counts; labels: that token; shares: one over the number of those of the same model.
    """

    ids: Tensor
    positions: Tensor
    bounds: list[int]
    lengths: list[int]
    texts: list[Any]
    wanted: Tensor
    labels: Tensor
    shares: Tensor
    _places: dict[str, Tensor] = field(default_factory=dict)

    @cached_property
    def even(self) -> bool:
        """Whether all models have as many tokens."""
        return len({end - start for start, end in zip(self.bounds, self.bounds[1:], strict=False)}) == 1

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest text."""
        return max(self.lengths)

    @cached_property
    def _ragged(self) -> bool:
        return len(set(self.lengths)) > 1

    def padded(self, x: Tensor) -> Tensor:
        """[texts, longest, ...] of x [tokens, ...], zero after the end of a text."""
        size = len(self.lengths) * self.longest
        if self._ragged:
            x = _Spread.apply(x, self._at(), size)  # type: ignore[no-untyped-call]
        return x.view(len(self.lengths), self.longest, *x.shape[1:])

    def flattened(self, x: Tensor) -> Tensor:
        """[tokens, ...] of x [texts, longest, ...]."""
        x = x.reshape(-1, *x.shape[2:])
        if self._ragged:
            x = Collected.apply(x, self._at())  # type: ignore[no-untyped-call]
        return x

    def _at(self) -> Tensor:
        if "at" not in self._places:
            starts = [text * self.longest for text in range(len(self.lengths))]
            at = [start + place for start, n in zip(starts, self.lengths, strict=True) for place in range(n)]
            self._places["at"] = torch.tensor(at, device=self.ids.device)
        return self._places["at"]

    def own(self, down: Tensor, scale: float) -> Tensor:
        """[tokens, models * rank], with the scale where an adapter, of [models, rank, inputs], is the token's own."""
        if "own" not in self._places:
            models, rank, _ = down.shape
            mask = down.new_zeros(self.bounds[-1], models * rank)
            for m, (start, end) in enumerate(zip(self.bounds, self.bounds[1:], strict=False)):
                mask[start:end, m * rank : (m + 1) * rank] = scale
            self._places["own"] = mask
        return self._places["own"]

    def future(self, groups: int, like: Tensor) -> Tensor:
        """What is added to scores [groups * longest, longest], so that nothing looks ahead."""
        name = f"future {groups}"
        if name not in self._places:
            ahead = torch.full((self.longest, self.longest), -torch.inf, device=like.device, dtype=like.dtype).triu(1)
            self._places[name] = ahead.repeat(groups, 1)
        return self._places[name]


class _Spread(torch.autograd.Function):
    """Rows are written to places that differ from each other, of `size`; backwards they are read from there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, at: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(at)
        return x.new_zeros(size, *x.shape[1:]).index_copy_(0, at, x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (at,) = ctx.saved_tensors
        return gradient.index_select(0, at), None, None


class Collected(torch.autograd.Function):
    """The other way round: PyTorch's own would add up, row by row, what is never added to anything."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, at: Tensor) -> Tensor:
        ctx.save_for_backward(at)
        ctx.size = len(x)
        return x.index_select(0, at)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (at,) = ctx.saved_tensors
        return gradient.new_zeros(ctx.size, *gradient.shape[1:]).index_copy_(0, at, gradient), None


def flat_of(batches: Sequence[Sequence[Any]], device: Any, even: bool) -> Flat:
    """One row of tokens of the batches of several models.

    batches: texts with `ids` and `first`, see next_tokens; of a model that is trained no longer, none.
    even: tokens that count for nothing are added, so that all models have as many.
    """
    most = max(sum(len(text.ids) for text in texts) for texts in batches)
    ids: list[int] = []
    lengths: list[int] = []
    read: list[Any] = []
    bounds, wanted, labels, shares = [0], [], [], []
    for texts in batches:
        counted = max(sum(max(len(text.ids) - text.first, 0) for text in texts), 1)
        for text in texts:
            at = len(ids)
            places = range(text.first, len(text.ids))
            wanted += [at + place - 1 for place in places]
            labels += [text.ids[place] for place in places]
            shares += [1 / counted] * len(places)
            ids += text.ids
            lengths.append(len(text.ids))
            read.append(text)
        missing = bounds[-1] + most - len(ids) if even else int(not texts)
        longest = max((len(text.ids) for batch in batches for text in batch), default=1)
        while missing > 0:
            lengths.append(min(missing, longest))
            read.append(None)
            ids += [0] * lengths[-1]
            missing -= lengths[-1]
        bounds.append(len(ids))
    positions = torch.cat([torch.arange(n) for n in lengths])
    return Flat(
        torch.tensor([ids], device=device),
        positions[None].to(device),
        bounds,
        lengths,
        read,
        torch.tensor(wanted, dtype=torch.long, device=device),
        torch.tensor(labels, dtype=torch.long, device=device),
        torch.tensor(shares, device=device),
    )


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, scaling: Any = None, **named: Any
) -> tuple[Tensor, None]:
    """Attention within each text, for transformers: query [1, heads, tokens, width], key and value with fewer heads
    where several queries share them; [1, tokens, heads, width].

    On a CPU the products of short texts are written out, which costs less than half of the fused attention there.
    """
    if any(named.get(name) is not None for name in ("softcap", "s_aux")):
        raise NotImplementedError("attention of another kind")
    flat: Flat = module.config.divulge_flat
    q, k, v = (flat.padded(part[0].transpose(0, 1)).transpose(1, 2) for part in (query, key, value))
    texts, heads, longest, width = q.shape
    shared, scale = k.shape[1], width**-0.5 if scaling is None else scaling
    if q.device.type != "cpu" or longest > LONG:
        found = functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=scale, enable_gqa=shared != heads
        ).transpose(1, 2)
    else:
        groups = heads // shared
        rows = q.reshape(texts * shared, groups * longest, width)
        k, v = (part.reshape(texts * shared, longest, width) for part in (k, v))
        scores = torch.baddbmm(flat.future(groups, q), rows, k.transpose(1, 2), alpha=scale)
        found = torch.bmm(scores.softmax(-1), v).view(texts, heads, longest, width).transpose(1, 2)
    return flat.flattened(found)[None], None


LONG = 256
"""Tokens of a text from which on fused attention is worth it on a CPU."""
