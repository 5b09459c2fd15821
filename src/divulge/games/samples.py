"""The judge of rebuilt records: matched with the truth, compared with what can be guessed without the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array, derived_rng
from divulge.core.mixed.fields import TableField
from divulge.core.records import Records
from divulge.core.results.evidence import Evidence, Lacking
from divulge.core.results.exhibits import Picture, Quality
from divulge.core.results.metric import BATCHES_OPENED, LABELS_COUNTED, NEARER_TRAINING, RECORDS_EXACT, RECORDS_REBUILT
from divulge.core.results.trials import Paired
from divulge.core.views.reconstruction import PreparedRows, SampleGuess
from divulge.games.judges.attributes import attributes_rebuilt, trusted
from divulge.games.judges.image import Scale, class_means, picture, psnr, squared_errors, ssim

REBUILT = 20.0
EXACT = 60.0
"""dB of PSNR."""

ALIKE = 0.4
"""SSIM from which two images show the same (Haim et al. 2022, section 5)."""

MOST_PICTURES = 8


@dataclass(eq=False)
class SampleJudge:
    """truth: for each unit (an update, a pair of versions) the records that are to be rebuilt.

    public: what the blind guesses are made from: as many public records as there are in a unit, drawn at random, or
    the mean of the public records of the right class, whichever comes nearer.  scale: to [0, 1].
    features: what half of the target makes of records, where it is a network: [records, ...].
    fields: the attributes of a table with categories, which are then judged one by one too.
    unit: what each unit is, in a word; empty where it is a record.
    """

    truth: Sequence[Records]
    public: Records
    scale: Scale
    seed: int
    features: Callable[[Array], Array] | None = None
    fields: tuple[TableField, ...] = ()
    unit: str = ""
    _blind: list[Array] = field(default_factory=list, init=False)

    def judge(self, guess: SampleGuess) -> Evidence:
        """Every comparison that the guess allows; raises TargetError for one of another shape."""
        measures: list[Paired] = []
        qualities: list[Quality] = []
        pictures: list[Picture] = []
        told: tuple[str, ...] = ()
        if guess.samples:
            self._check(len(guess.samples))
            matched = [self._matched(u, np.asarray(part)) for u, part in enumerate(guess.samples)]
            blind = self._blind_guesses()
            units = tuple(u for u, truth in enumerate(self.truth) for _ in range(len(truth)))
            near, far = (self._quality(side) for side in (matched, blind))
            for metric, least in ((RECORDS_REBUILT, REBUILT), (RECORDS_EXACT, EXACT)):
                hits, missed = ((side >= least).astype(float) for side in (near, far))
                measures.append(Paired(metric, tuple(hits), tuple(missed), units, f"PSNR of {least:.0f} dB or more"))
            if len(units) > len(self.truth):
                measures.append(_opened(near, far, units))
            if self.fields:
                measures.append(attributes_rebuilt(self.fields, self.truth, self.public, matched, blind))
                told = trusted(self.fields, self.truth, guess) if guess.entropy else ()
            qualities.append(Quality("PSNR, dB", tuple(near), tuple(far)))
            if all(len(truth) == 1 for truth in self.truth):
                qualities.append(Quality("cosine, less the mean", *(self._cosines(side) for side in (matched, blind))))
            if self.features is not None:
                gaps = self._feature_distances(matched), self._feature_distances(blind)
                qualities.append(Quality("feature distance, relative", *gaps))
            alike = self._alike(matched), self._alike(blind)
            if alike[0]:
                qualities.append(Quality("SSIM", *map(tuple, alike)))
            pictures = self._pictures(matched, blind, near, far)
        if guess.classes:
            self._check(len(guess.classes))
            measures.append(self._counted(guess.classes))
        if not measures:
            raise TargetError("the attack handed in neither records nor classes")
        baseline = "the mean of public records of the same class, or public records drawn at random"
        measures = [replace(measure, unit=self.unit) for measure in measures]
        return Evidence(tuple(measures), (*qualities, *pictures), baseline, (*guess.told, *told))

    def _check(self, parts: int) -> None:
        if parts != len(self.truth):
            raise TargetError(f"the attack answered {parts} of {len(self.truth)} updates")

    def _matched(self, unit: int, guesses: Array) -> Array:
        """The guess that belongs to each true record, by optimal assignment; NaN where there are too few."""
        from scipy.optimize import linear_sum_assignment

        truth = self.truth[unit].x
        if guesses.size == 0:
            return np.full(truth.shape, np.nan)
        if guesses.shape[1:] != truth.shape[1:]:
            raise TargetError(f"the attack rebuilt records of shape {guesses.shape[1:]}, they have {truth.shape[1:]}")
        guesses = guesses[: len(truth)]  # more guesses than records would be a lottery
        guesses = np.nan_to_num(np.asarray(guesses, dtype=np.float64), posinf=1e6, neginf=-1e6)
        of_truth, of_guess = linear_sum_assignment(squared_errors(self.scale(truth), self.scale(guesses)))
        matched = np.full(truth.shape, np.nan)
        matched[of_truth] = guesses[of_guess]
        return matched

    def _blind_guesses(self) -> list[Array]:
        """For each unit what is nearest without the model."""
        if not self._blind:
            rng = derived_rng(self.seed, "blind guesses")
            means = class_means(self.public, len(self.public.schema.classes))
            for unit, truth in enumerate(self.truth):
                drawn = self.public.x[rng.choice(len(self.public), len(truth), replace=len(self.public) < len(truth))]
                lots = self._matched(unit, drawn)
                mean = means[truth.y] if len(means) > 1 else np.repeat(means, len(truth), axis=0)
                lot_error, mean_error = (_own_errors(self.scale(truth.x), self.scale(g)) for g in (lots, mean))
                better = (lot_error < mean_error).reshape(-1, *([1] * (truth.x.ndim - 1)))
                self._blind.append(np.where(better, lots, mean))
        return self._blind

    def _quality(self, guesses: Sequence[Array]) -> Array:
        """PSNR of every record; 0 dB where there is no guess."""
        parts = [_own_errors(self.scale(t.x), self.scale(g)) for t, g in zip(self.truth, guesses, strict=True)]
        return np.nan_to_num(psnr(np.concatenate(parts)), nan=0.0)

    def _feature_distances(self, guesses: Sequence[Array]) -> tuple[float, ...]:
        """Between what the first half of the target makes of guess and truth, relative to the latter's length."""
        assert self.features is not None
        distances: list[float] = []
        for truth, guess in zip(self.truth, guesses, strict=True):
            images = np.nan_to_num(guess).astype(truth.x.dtype)
            own, other = (self.features(part).reshape(len(truth), -1) for part in (truth.x, images))
            distances += (np.linalg.norm(own - other, axis=1) / np.maximum(np.linalg.norm(own, axis=1), 1e-12)).tolist()
        return tuple(distances)

    def _cosines(self, guesses: Sequence[Array]) -> tuple[float, ...]:
        """Of guess and truth, both less the mean of public records."""
        middle = self.scale(self.public.x).mean(axis=0).reshape(-1)
        cosines = []
        for truth, guess in zip(self.truth, guesses, strict=True):
            a, b = (self.scale(part).reshape(-1) - middle for part in (truth.x, np.nan_to_num(guess)))
            cosines.append(float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)))
        return tuple(cosines)

    def _alike(self, guesses: Sequence[Array]) -> list[float]:
        if not self.truth[0].schema.is_image or find_spec("skimage") is None:
            return []
        return [
            0.0 if np.isnan(g).any() else ssim(self.scale(t)[()], self.scale(g)[()])
            for truth, part in zip(self.truth, guesses, strict=True)
            for t, g in zip(truth.x, part, strict=True)
        ]

    def _pictures(self, matched: Sequence[Array], blind: Sequence[Array], near: Array, far: Array) -> list[Picture]:
        """The first record of each of the first units."""
        drawn: list[Picture] = []
        place = 0
        for truth, part, other in zip(self.truth, matched, blind, strict=True):
            for row in range(len(truth) if len(self.truth) == 1 else 1):
                if len(drawn) < MOST_PICTURES:
                    scores = f"{near[place + row]:.0f} dB", f"{far[place + row]:.0f} dB"
                    drawn.append(picture(self.scale, truth.x[row], np.nan_to_num(part[row]), other[row], scores))
            place += len(truth)
        return drawn

    def _counted(self, classes: Sequence[Array]) -> Paired:
        """Share of each batch whose classes were counted rightly, against counts as in the population."""
        number = max(len(self.public.schema.classes), 1)
        usual = np.bincount(self.public.y, minlength=number) / len(self.public)
        hits, blind = [], []
        for truth, guessed in zip(self.truth, classes, strict=True):
            own = np.bincount(truth.y, minlength=number)
            given = np.bincount(np.clip(np.asarray(guessed, dtype=np.int64), 0, number - 1), minlength=number)
            hits.append(float(np.minimum(own, given).sum() / len(truth)))
            blind.append(float(np.minimum(own, _apportioned(usual, len(truth))).sum() / len(truth)))
        units = tuple(range(len(self.truth)))
        return Paired(LABELS_COUNTED, tuple(hits), tuple(blind), units, "records of a batch whose class is named")


def _opened(near: Array, far: Array, units: Sequence[int]) -> Paired:
    """Whether any record of a batch was rebuilt."""
    sides = []
    for side in (near, far):
        best = np.zeros(max(units) + 1)
        np.maximum.at(best, np.asarray(units), side)
        sides.append(tuple((best >= REBUILT).astype(float).tolist()))
    note = "at least one record of the batch with a PSNR of 20 dB or more"
    return Paired(BATCHES_OPENED, sides[0], sides[1], tuple(range(len(sides[0]))), note)


def _own_errors(truth: Array, guess: Array) -> Array:
    return np.asarray(((truth - guess) ** 2).reshape(len(truth), -1).mean(axis=1))


def _apportioned(shares: Array, total: int) -> Array:
    """Whole numbers that come nearest to these shares of a total (largest remainders)."""
    exact = shares * total
    counts = np.floor(exact).astype(np.int64)
    for place in np.argsort(counts - exact, kind="stable")[: total - int(counts.sum())]:
        counts[place] += 1
    return np.asarray(counts)


STORED = 30.0
"""dB of PSNR from which a row that a model keeps is a record as the model prepares it: encoders that are fitted out of
fold prepare their training records a little differently."""


def _likeness(rows: Array, sides: Sequence[Array]) -> Array:
    """PSNR of prepared records, training and unseen ones, to the nearest of the rows: [2, records]."""
    from sklearn.neighbors import NearestNeighbors

    low = np.minimum(rows.min(axis=0), sides[0].min(axis=0))
    width = np.maximum(np.ptp(np.concatenate([rows, sides[0]]), axis=0), 1e-12)
    there = NearestNeighbors(n_neighbors=1).fit((rows - low) / width)
    distances = [there.kneighbors((side - low) / width)[0][:, 0] for side in sides]
    return np.array([psnr(distance**2 / rows.shape[1]) for distance in distances])


BESIDE = "the nearest of as many records that the model never saw"


@dataclass(eq=False)
class FileJudge:
    """A heap of guesses against all training records.

    training, unseen: as many of each.  Whether a guess shows a training record is asked of both sides, so that what
    looks like any record of the population counts for nothing.
    """

    training: Records
    unseen: Records
    scale: Scale

    def __post_init__(self) -> None:
        # A value that is missing is compared as the lowest: what a file keeps was filled in before.
        self._sides = [np.nan_to_num(self.scale(r.x).reshape(len(r), -1)) for r in (self.training, self.unseen)]

    def judge(self, guess: SampleGuess) -> Evidence:
        """See SampleJudge.judge."""
        from sklearn.neighbors import NearestNeighbors

        parts = [np.asarray(p, dtype=np.float64) for p in guess.samples if len(p)]
        if not parts and guess.prepared:
            return Evidence(self._stored(guess.prepared), baseline=BESIDE, notes=guess.told)
        if not parts:
            return Evidence(lacking=(Lacking(RECORDS_EXACT, "the attack found no record"),), notes=guess.told)
        heap = np.concatenate(parts)
        if heap.shape[1:] != self.training.x.shape[1:]:
            raise TargetError(f"the attack rebuilt records of shape {heap.shape[1:]}")
        flat = np.nan_to_num(self.scale(heap).reshape(len(heap), -1), posinf=1e6, neginf=-1e6)
        measures = [*self._stored(guess.prepared, self._found(flat))]
        nearest = [NearestNeighbors(n_neighbors=1).fit(side).kneighbors(flat) for side in self._sides]
        similar = [
            self._similar(flat, heap, place[:, 0], side) for (_, place), side in zip(nearest, (0, 1), strict=True)
        ]
        nearer = similar[0] > similar[1]
        hits = (nearer & (similar[0] >= self._least)).astype(float)
        blind = (~nearer & (similar[1] >= self._least)).astype(float)
        units = tuple(range(len(heap)))
        measures.append(
            Paired(NEARER_TRAINING, tuple(hits), tuple(blind), units, f"{self._name} of {self._least:g} or more")
        )
        best = np.argsort(-similar[0], kind="stable")[:MOST_PICTURES]
        pictures = [
            picture(
                self.scale,
                self.training.x[nearest[0][1][g, 0]],
                heap[g],
                self.unseen.x[nearest[1][1][g, 0]],
                (f"{self._name} {similar[0][g]:.2f}", f"{self._name} {similar[1][g]:.2f}"),
            )
            for g in best
        ]
        qualities = Quality(f"{self._name} of the ten best", *(tuple(s[best][:10]) for s in similar))
        return Evidence(tuple(measures), (qualities, *pictures), BESIDE, guess.told)

    def _stored(self, prepared: Sequence[PreparedRows], exact: Paired | None = None) -> tuple[Paired, ...]:
        """Which training records, and which unseen ones, lie in the file as the model prepares them: exactly, or
        approximately.  exact: which lie there as they are, and count as well.
        """
        if not prepared:
            return () if exact is None else (exact,)
        count = min(len(self.training), len(self.unseen))
        near = np.zeros((2, count))
        for part in prepared:
            sides = [part.through(records.take(np.arange(count))) for records in (self.training, self.unseen)]
            if all(side.shape == (count, part.rows.shape[1]) for side in sides):
                near = np.maximum(near, _likeness(part.rows, [np.nan_to_num(side) for side in sides]))
            # else the steps are those of another width: parts of an ensemble see columns of their own
        whole, units = (near >= EXACT).astype(float), tuple(range(count))
        note = f"PSNR of {EXACT:.0f} dB or more, also as the model prepares them"
        if exact is not None:
            whole = np.maximum(whole, [exact.hits, exact.baseline])
        rough = (near >= STORED).astype(float)
        return (
            Paired(RECORDS_EXACT, tuple(whole[0]), tuple(whole[1]), units, note),
            Paired(
                RECORDS_REBUILT,
                tuple(rough[0]),
                tuple(rough[1]),
                units,
                "stored as the model prepares them, approximately",
            ),
        )

    def _found(self, flat: Array) -> Paired:
        """Which training records are among the guesses, and which unseen ones."""
        from sklearn.neighbors import NearestNeighbors

        there = NearestNeighbors(n_neighbors=1).fit(flat)
        hits = []
        for side in self._sides:
            distance, _ = there.kneighbors(side)
            hits.append(tuple((psnr(distance[:, 0] ** 2 / side.shape[1]) >= EXACT).astype(float)))
        count = min(map(len, hits))
        units = tuple(range(count))
        return Paired(RECORDS_EXACT, hits[0][:count], hits[1][:count], units, f"PSNR of {EXACT:.0f} dB or more")

    @property
    def _least(self) -> float:
        return ALIKE if self._image else REBUILT

    @property
    def _name(self) -> str:
        return "SSIM" if self._image else "PSNR"

    @property
    def _image(self) -> bool:
        return self.training.schema.is_image and find_spec("skimage") is not None

    def _similar(self, flat: Array, heap: Array, place: Array, side: int) -> Array:
        """Of every guess to its nearest record of a side."""
        if not self._image:
            return psnr(((flat - self._sides[side][place]) ** 2).mean(axis=1))
        records = (self.training, self.unseen)[side]
        return np.array([ssim(self.scale(records.x[p]), self.scale(g)) for p, g in zip(place, heap, strict=True)])
