"""The attacker of adversarial regularisation.  Apart from it since it needs PyTorch to be defined."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from divulge.defenses.training.altered_loss import one_hot

HIDDEN = 64


class InferenceModel(nn.Module):
    """h(scores, label), as a logit: one branch for each, joined (section 3.1 of the paper, smaller)."""

    def __init__(self, classes: int, lots: torch.Generator) -> None:
        super().__init__()
        self.of_scores, self.of_label = nn.Linear(classes, HIDDEN), nn.Linear(classes, HIDDEN)
        self.joined, self.out = nn.Linear(2 * HIDDEN, HIDDEN), nn.Linear(HIDDEN, 1)
        self._classes = classes
        with torch.no_grad():
            for part in self.parameters():
                part.copy_(torch.randn(part.shape, generator=lots) * 0.1)

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        """[batch], for logits [batch, classes] and their labels."""
        seen = functional.log_softmax(logits, dim=1).clamp(min=-20.0)
        both = torch.cat([self.of_scores(seen), self.of_label(one_hot(y, self._classes))], dim=1)
        return self.out(torch.relu(self.joined(torch.relu(both))))[:, 0]  # type: ignore[no-any-return]
