"""What a transformer of GPT-2's form gives its first two attention layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.errors import Impossible
from divulge.core.hashing import Array


@dataclass(frozen=True, eq=False)
class Gpt:
    """body: with `wte`, `wpe` and blocks `h`.  attention: where the weights [width, 3 width] of the first two blocks'
    queries, keys and values stand among the parameters.
    """

    body: Any
    attention: tuple[int, int]

    @classmethod
    def of(cls, module: nn.Module) -> Gpt:
        """The transformer inside of a module; raises Impossible where there is none of this form."""
        body: Any = next((m for m in module.modules() if all(hasattr(m, part) for part in ("wte", "wpe", "h"))), None)
        if body is None or len(body.h) < 2:
            raise Impossible("it reads transformers of GPT-2's form with two layers or more, and this module is none")
        named = [p for _, p in module.named_parameters()]
        places = [next(i for i, p in enumerate(named) if p is block.attn.c_attn.weight) for block in body.h[:2]]
        return cls(body.eval(), (places[0], places[1]))

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return int(self.body.wte.num_embeddings)

    def first(self, tokens: Array, place: int) -> Array:
        """What the first attention layer is given for tokens [n] at one place: [n, width]."""
        with torch.inference_mode():
            hidden = self.body.wte.weight[torch.as_tensor(tokens)] + self.body.wpe.weight[place]
            return _plain(self.body.h[0].ln_1(hidden))

    def second(self, sequences: Array) -> Array:
        """What the second attention layer is given at the last token of sequences [n, length]: [n, width]."""
        seen: list[Tensor] = []
        hook = self.body.h[1].ln_1.register_forward_hook(lambda _m, _i, out: seen.append(out))
        try:
            with torch.inference_mode():
                self.body(torch.as_tensor(sequences))
        finally:
            hook.remove()
        return _plain(seen[0][:, -1])


def _plain(values: Tensor) -> Array:
    return np.asarray(values.double().cpu().numpy())
