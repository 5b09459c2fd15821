"""What was seen when the target was first asked: whether it is the model that its owner knows."""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.wording import counted

NO_ANSWERS = "it gives no answers that can be right or wrong"
"""Of what writes records: there is nothing to ask."""


@dataclass(frozen=True)
class Concern:
    """Something that is not as it should be.  kind: one word for it.  fault: whether nothing that the audit finds means
    anything before it is mended; else it is a warning.  doubt: whether, though nothing is proved, finding nothing
    is no evidence either; attacks that succeed do.  seen, cause, cure: parts of a sentence.
    """

    kind: str
    fault: bool
    seen: str
    cause: str
    cure: str
    doubt: bool = False

    def __str__(self) -> str:
        return f"{self.seen}; likely cause: {self.cause}; {self.cure}"


@dataclass(frozen=True)
class Handshake:
    """How well the target answers before anything is attacked.

    measure: accuracy, R2 or loss per token; empty where it gives no answers that can be right or wrong.  members,
    nonmembers: the measure on each side, of so many records (asked).  chance: share of the commonest class, 0 for R2,
    None where there is none.  like: the measure on the members of a model that divulge trained on them by the recipe,
    None where that was not needed.  quality: accuracy, or mean absolute error for regression, on each side.
    unchecked: what could not be looked at, and why.  constant: whether every record got one and the same answer.
    """

    measure: str = ""
    members: float | None = None
    nonmembers: float | None = None
    asked: tuple[int, int] = (0, 0)
    chance: float | None = None
    like: float | None = None
    quality: tuple[float | None, float | None] = (None, None)
    concerns: tuple[Concern, ...] = ()
    unchecked: tuple[str, ...] = ()
    constant: bool = False

    @property
    def faults(self) -> tuple[str, ...]:
        """Why every finding is invalid, in words; empty where nothing speaks against the audit."""
        return tuple(str(concern) for concern in self.concerns if concern.fault)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why finding nothing is no evidence, in words."""
        return tuple(str(concern) for concern in self.concerns if concern.doubt)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know besides."""
        return tuple(str(concern) for concern in self.concerns if not concern.fault)

    @property
    def sentence(self) -> str:
        """'accuracy on members 0.97, on non-members 0.81, of 600 records each; chance 0.50'."""
        if self.members is None and self.nonmembers is None:
            if self.unchecked and self.unchecked[0] == NO_ANSWERS:
                return "there is no model to ask: what is audited is what was written"
            return "how well the model answers is not known" + (f": {self.unchecked[0]}" if self.unchecked else "")
        inside, outside = ("not known" if value is None else _short(value) for value in (self.members, self.nonmembers))
        of, other = self.asked
        sizes = f"of {counted(of, 'record')} each" if of == other else f"of {of:,} and {other:,} records"
        chance = f"; chance {self.chance:.2f}" if self.chance is not None else ""
        same = "; every record gets the same answer, in which there is nothing to see" if self.constant else ""
        return f"{self.measure} on members {inside}, on non-members {outside}, {sizes}{chance}{same}"


def _short(value: float) -> str:
    """Two digits, three where two would say that all is right and it is not."""
    return f"{value:.3f}" if f"{value:.2f}" == "1.00" and value < 0.9995 else f"{value:.2f}"
