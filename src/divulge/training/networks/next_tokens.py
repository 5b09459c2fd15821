"""The loss of a language model on texts: the mean over the tokens that count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

IGNORED = -100


def loss_of_texts(model: Any, texts: Sequence[Any], passed: Callable[[Any], list[int]] | None = None) -> Tensor:
    """Mean cross-entropy of all tokens that count, over all texts of a batch together.

    texts: each with `ids` and `first`, the first token that counts; see targets.language.encoding.
    passed: places of a text's tokens that do not count all the same.
    """
    longest = max(len(text.ids) for text in texts)
    ids = torch.zeros(len(texts), longest, dtype=torch.long)
    labels = torch.full((len(texts), longest), IGNORED, dtype=torch.long)
    mask = torch.zeros(len(texts), longest, dtype=torch.long)
    for row, text in enumerate(texts):
        tokens = torch.tensor(text.ids, dtype=torch.long)
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        labels[row, text.first : len(tokens)] = tokens[text.first :]
        if passed is not None:
            labels[row, passed(text)] = IGNORED
    place = next(model.parameters()).device
    logits = model(input_ids=ids.to(place), attention_mask=mask.to(place)).logits[:, :-1]
    return functional.cross_entropy(
        logits.flatten(0, 1).float(), labels[:, 1:].flatten().to(place), ignore_index=IGNORED
    )
