"""What a run says of what it did not see: other base rates, the next model, what the losses foretold."""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.results.finding import Reading


@dataclass(frozen=True)
class NextModel:
    """What one more training of the recipe is expected to give away to an attack, beside what this model does.

    this: with its interval, which is about this model alone.  next: what is expected, and the ends between which one
    more training falls at `confidence`.  trainings: from which that is told; least, most: what was reached on them.
    unlike: whether this model lies outside, so that it hardly is one more of them.
    """

    attack: str
    metric: str
    this: Reading
    next: Reading
    confidence: float
    trainings: int
    least: float
    most: float
    unlike: bool = False


@dataclass(frozen=True)
class Foretold:
    """What the loss attack alone foretells of attacks with reference models: a prediction, which decides nothing.

    rate: the false positive rate that it is about.  foretold: share of the members that are expected to be named at it,
    which is the share of the non-members with a higher loss than all but a share `rate` of the members; its interval is
    that of this share, not of the prediction.  lira: the true positive rate that LiRA was then measured to have.
    attack, strongest: the same of the attack with reference models that reached most.  None where there was none.
    """

    rate: float
    foretold: Reading
    lira: Reading | None = None
    attack: str | None = None
    strongest: Reading | None = None


@dataclass(frozen=True)
class Predictive:
    """How likely a record that an attack names is a member, if the share of members among those asked about is no more
    than stated: prior, in words, from which the interval low to high follows.  metric: at which false positive rate.
    """

    attack: str
    metric: str
    prior: str
    value: float
    low: float
    high: float
