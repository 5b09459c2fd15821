"""Would the model answer its members far better if the records reached it in another form?  Columns in another order,
and numbers on another scale, are tried on the model itself: that takes no recipe; so are values on another line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from divulge.auditing.answers import SCORED, Seen, bare, seen_of
from divulge.auditing.job import Job
from divulge.auditing.likeness import Likes, SeenSides
from divulge.core.capability.declared import able
from divulge.core.capability.reading import HasPeers
from divulge.core.capability.targets import Meets
from divulge.core.errors import DivulgeError
from divulge.core.hashing import Array
from divulge.core.records import Kind, Records
from divulge.core.results.handshake import Concern
from divulge.core.threat import Access
from divulge.core.wording import joined
from divulge.stats.handshake import line, sign_test

MOST_COLUMNS, FIRST, MOST_RECORDS, FEWEST = 12, 50, 400, 30
"""Columns of a table whose pairs are tried; members that each form is tried on first, and at most where it seems to
help; and how many there must be.
"""

GAIN, SLIGHT, CERTAIN = 0.08, 0.03, 1e-6
"""By how much more members must be answered right; the same where their loss is lower too, which makes a doubt; and
the p-value of an accident, over all forms that were tried.
"""

MOST_SWAPS = 3
"""Exchanges that are looked for one after the other; more of them are not named."""

NEARLY_PERFECT, AS_GOOD = 0.9, 0.9
"""Kappa, or R2, that no model reaches by accident; and the share of a forest's that a form must come up to else."""

FEWEST_VALUES = 8
MOVED = 0.25
"""Values on a line whose slope differs from 1 by no more than this are in the units of the truth."""


@dataclass(frozen=True)
class _Form:
    """Another form of records: in words, and the numbers [records, columns] in it."""

    words: str
    numbers: Callable[[Array], Array]


def fits_better(job: Job, places: Array, plain: Seen, simple: Callable[[], Seen | None]) -> Concern | None:
    """The form under which members are answered far better; None where there is none, or where none can be tried.

    places: which candidates are the members asked about, and plain: what the model said of them.  simple: what a
    forest says of records that it never saw: a poor model may gain by accident, but does not come near it then.
    """
    target = bare(job.target)
    if able(target, Meets) or able(target, HasPeers):
        return None
    records = job.candidates.take(places[:MOST_RECORDS])
    movable = _movable(records)
    if len(records) < FEWEST or not movable:
        return None
    port = next((p for p in (*SCORED, Access.LABEL) if p in target.offers), None)
    if port is None:
        return None
    plain = plain.take(np.arange(len(records)))

    def seen(numbers: Array) -> Seen | None:
        try:
            moved = replace(records.take(np.arange(len(numbers))), x=numbers)
            return seen_of(np.asarray(target.answer(port, moved)), moved, port, target.task)
        except DivulgeError:  # of a form that it does not take
            return None

    found = _searched(records, movable, plain, seen)
    if found is None or not _reaches(found[1], simple()):
        return None
    words, best = found
    measure = "accuracy" if plain.width else "R2"
    shown = f"members would be answered far better ({measure} {best.right:.2f} instead of {plain.right:.2f})"
    cause = "the records reach the model in another form than in its training, or it answers another question"
    sure = best.right - plain.right >= GAIN
    return Concern("form", sure, f"{shown} if {words}", cause, "give them in that form", doubt=not sure)


def _searched(
    records: Records, movable: list[int], plain: Seen, seen: Callable[[Array], Seen | None]
) -> tuple[str, Seen] | None:
    """The best form, exchanges one after the other; in words, and what the model says then."""
    numbers, best, words = np.array(records.x, copy=True), plain, list[str]()
    for number in range(MOST_SWAPS):
        forms = [*_orders(records, movable), *(_scales(records, movable) if number == 0 else ())]
        better = _best(forms, numbers, best, seen)
        if better is None:
            break
        form, best = better
        words.append(form.words)
        numbers = form.numbers(numbers)
    return (joined(words), best) if words else None


def _best(
    forms: list[_Form], numbers: Array, now: Seen, seen: Callable[[Array], Seen | None]
) -> tuple[_Form, Seen] | None:
    chosen: tuple[_Form, Seen] | None = None
    few = np.arange(min(FIRST, len(numbers)))
    before = now.take(few)
    for form in forms:
        first = seen(form.numbers(numbers[few]))
        if first is None or (first.right - before.right < GAIN / 2 and first.loss.mean() >= before.loss.mean()):
            continue
        answered = seen(form.numbers(numbers))
        if answered is None or (chosen is not None and answered.right <= chosen[1].right):
            continue
        if _better(answered, now, GAIN, len(forms)) or _better(answered, now, SLIGHT, len(forms), by_loss=True):
            chosen = form, answered
    return chosen


def _better(then: Seen, now: Seen, gain: float, forms: int, by_loss: bool = False) -> bool:
    """Whether records are answered better by at least so much, and not by an accident in so many forms."""
    if min(then.right - now.right, then.skill - now.skill) < gain or then.order < now.order:
        return False  # more answers of the commonest class may be right by that alone
    one, other = (then.loss, now.loss) if by_loss else (then.missed, now.missed)
    wins, losses = int((one < other).sum()), int((one > other).sum())
    return sign_test(wins, losses) * forms < CERTAIN


def _reaches(best: Seen, forest: Seen | None) -> bool:
    """Whether the answers are then as good as those of a forest about records that it never saw, or nearly perfect."""
    return best.skill >= NEARLY_PERFECT or (forest is not None and forest.well and best.skill >= AS_GOOD * forest.skill)


def _movable(records: Records) -> list[int]:
    """Columns of plain numbers."""
    columns = records.schema.columns
    if records.x.ndim != 2 or records.x.shape[1] != len(columns):
        return []
    return [place for place, column in enumerate(columns) if column.kind is Kind.NUMERIC]


def _orders(records: Records, movable: list[int]) -> Iterator[_Form]:
    """Columns in another order: two exchanged, all turned round or moved on by one, all by their names."""
    columns, places = records.schema.columns, np.arange(len(records.schema.columns))
    alike = len({column.dtype for column in columns}) == 1 and len(movable) == len(columns) > 2
    if alike:
        named = np.argsort([column.name for column in columns], kind="stable")
        yield _order("columns stood in reverse order", places[::-1])
        yield _order("the first column stood last", np.roll(places, -1))
        yield _order("the last column stood first", np.roll(places, 1))
        if records.schema.framed:
            yield _order("columns stood in the order of their names", named)
    if len(movable) > MOST_COLUMNS:
        return
    for one, other in combinations(movable, 2):
        if columns[one].dtype != columns[other].dtype:
            continue
        order = places.copy()
        order[[one, other]] = other, one
        yield _order(f"columns {columns[one].name!r} and {columns[other].name!r} changed places", order)


def _order(words: str, order: Array) -> _Form:
    return _Form(words, lambda x: x[:, order])


def _scales(records: Records, movable: list[int]) -> Iterator[_Form]:
    """What is done to numbers before a model is trained on them most often."""
    if any(records.schema.columns[place].whole for place in movable):
        return
    x = np.asarray(records.x[:, movable], dtype=np.float64)
    with np.errstate(all="ignore"):
        low, high, mean, spread = np.nanmin(x, 0), np.nanmax(x, 0), np.nanmean(x, 0), np.nanstd(x, 0)
    span, spread = np.where(high > low, high - low, 1.0), np.where(spread > 0, spread, 1.0)

    def scaled(numbers: Array, offset: Array, by: Array) -> Array:
        changed = np.array(numbers, copy=True)
        changed[:, movable] = (changed[:, movable] - offset) / by
        return changed

    if np.abs(mean).max() > 0.5 or np.abs(spread - 1).max() > 0.5:
        yield _Form("columns had mean 0 and spread 1", lambda numbers: scaled(numbers, mean, spread))
    if low.min() < -0.1 or high.max() > 1.1:
        yield _Form("columns went from 0 to 1", lambda numbers: scaled(numbers, low, span))
    if low.min() >= 0 and 1.5 < high.max() <= 255:
        zero = np.zeros(len(movable))
        yield _Form("numbers were divided by 255", lambda numbers: scaled(numbers, zero, zero + 255))


def other_line(side: SeenSides, likes: Likes) -> Concern | None:
    """Values that fit the truth once they are moved and stretched, and that are worse than its mean as they stand."""
    mine = side.members
    intercept, slope, reached = line(mine.said, mine.y)
    if len(mine) < FEWEST_VALUES or mine.right > -0.1 or reached < 0.25 or reached - max(mine.right, 0) < 0.2:
        return None
    if any(like.members.right < 0 for like in likes):
        return None
    moved = abs(slope - 1) <= MOVED
    cause = "the target was scaled or transformed in training"
    if slope < 0:
        cause = "the sign of the target is turned round"
    elif moved:
        cause = "a quantile is predicted, or another thing that is not the mean, or the target was moved in training"
    return Concern(
        "scale",
        not moved,
        f"values are farther from the truth than its mean is (R2 {mine.right:.2g} on members), and "
        f"{intercept:.3g} {'+' if slope >= 0 else '-'} {abs(slope):.3g} times the value would fit (R2 {reached:.2f})",
        cause,
        "let the model answer in the units of the records, or give the records in the model's",
        doubt=moved,
    )
