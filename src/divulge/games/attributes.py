"""The attribute game: here is a record but for one attribute; which value does it have?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError, TargetError
from divulge.core.game import Arm, Round
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.records import CODED, Kind, Records
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Quality, ValueRow
from divulge.core.results.metric import ATTRIBUTE_ACCURACY
from divulge.core.results.trials import Paired, Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Family
from divulge.core.views.membership import Poison
from divulge.core.views.reconstruction import AttributeGuess, AttributeView, Question, ReconstructionAuxiliary
from divulge.games.control_models import ControlModels
from divulge.games.extraction import ranges
from divulge.games.imputer import impute

MOST_COMPLETIONS = 64
QUANTILES = 12
"""Values that are tried for a number."""

NEAR = 0.1
"""A guessed number counts as right within this share of the attribute's range from its 5 % to its 95 % quantile."""


def completions_of(records: Records, column: int) -> Array:
    """The values that an attribute may have: its categories, the few numbers that occur, or quantiles of many."""
    meaning = records.schema.columns[column]
    if meaning.kind is Kind.CATEGORICAL and meaning.categories:
        return np.arange(len(meaning.categories), dtype=np.float64)
    values = np.asarray(records.x[:, column], dtype=np.float64)
    known = values[np.isfinite(values)]
    if not len(known):
        raise Impossible(f"no population record tells {meaning.name!r}")
    seen = np.unique(known)
    if len(seen) <= QUANTILES:
        return np.asarray(seen, dtype=np.float64)
    middles = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return np.unique(np.quantile(known, middles, method="nearest"))


def questions_about(records: Records, public: Records, names: Sequence[str]) -> list[Question]:
    """Each attribute alone, and all of them together where they have few combinations."""
    if not names:
        raise Impossible("no attribute is marked as sensitive: name them with `sensitive`")
    places = [records.schema.position(name) for name in names]
    places = [place for place in places if records.schema.columns[place].kind not in CODED - {Kind.CATEGORICAL}]
    if not places:
        raise Impossible(f"{names[0]!r} holds texts, which cannot be guessed value by value")
    groups: list[tuple[int, ...]] = [(place,) for place in places]
    values = {place: completions_of(public, place) for place in places}
    if len(places) > 1 and np.prod([len(values[p]) for p in places]) <= MOST_COMPLETIONS:
        groups.append(tuple(places))
    questions = []
    for group in groups:
        x = np.array(records.x)
        x[:, group] = 0
        exact = all(len(values[p]) < QUANTILES or records.schema.columns[p].kind is Kind.CATEGORICAL for p in group)
        combos = np.array(list(product(*(values[p] for p in group))), dtype=np.float64)
        name = " and ".join(records.schema.columns[p].name for p in group)
        questions.append(Question(name, Records(x, records.y, records.schema), group, combos, exact))
    return questions


@dataclass(eq=False)
class AttributeGame:
    """Records that the target was trained on (and as many that it was not), without their sensitive attributes.

    candidates, member: as in the membership game.  population: what the adversary and the imputer know.
    names: the attributes.
    """

    target: Target
    candidates: Records
    member: Array
    population: Records
    names: tuple[str, ...]
    seed: int
    beside: ControlModels
    _imputed: dict[str, tuple[Array, str]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.candidates.schema.is_image:
            raise InputError("attributes are columns of a table: these records are images")
        self.questions = questions_about(self.candidates, self.population, self.names)
        low, high, _ = ranges(self.population)
        self._low, self._high = low, high

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.RECONSTRUCTION

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[AttributeView, AttributeGuess]]:
        """One round.  NEGATIVE: a model that never saw these records.  POSITIVE: one that learned them by heart."""
        target = self.target if arm is Arm.TARGET else self.beside.model(arm)

        def open_view(oracle: Oracle, card: Card, means: ReconstructionAuxiliary, rng: Generator) -> AttributeView:
            schema = self.candidates.schema
            asked = tuple(self.questions)
            return AttributeView(oracle, schema, self._low, self._high, rng, card.needs, means, asked)

        yield Round(target, open_view, self.judge)

    def baseline(self) -> Iterator[Scored]:
        """The baseline of this game belongs to each attribute: an imputer."""
        raise Impossible("each attribute is compared with an imputer")

    def judge(self, guess: AttributeGuess) -> Evidence:
        """Attribute by attribute, on the members; what is reached on the others is told beside it."""
        if len(guess.choices) != len(self.questions):
            raise TargetError(f"the attack answered {len(guess.choices)} of {len(self.questions)} questions")
        measures, qualities, rows, used = [], [], [], []
        groups = self.candidates.groups
        whose = np.arange(len(self.member)) if groups is None else groups
        for question, choice in zip(self.questions, map(np.asarray, guess.choices), strict=True):
            if choice.shape != (len(self.candidates),) or choice.min() < 0 or choice.max() >= len(question.completions):
                raise TargetError(
                    f"the attack's answer about {question.name!r} has shape {choice.shape}, or no such value"
                )
            imputed, how = self._impute(question)
            used.append(f"{question.name}: {how}")
            right, blind = self._right(question, choice), self._right(question, imputed)
            known = question.known_in(self.candidates)
            inside = self.member & known
            if not inside.any():
                raise Impossible(f"{question.name!r} is missing in all members")
            units = tuple(np.unique(whose[inside], return_inverse=True)[1].tolist())
            note = "the very value" if question.exact else f"within {NEAR:.0%} of its range"
            note += "" if known.all() else ", where it is not missing"
            measures.append(
                Paired(
                    ATTRIBUTE_ACCURACY,
                    tuple(map(float, right[inside])),
                    tuple(map(float, blind[inside])),
                    units,
                    note,
                    about=question.name,
                )
            )
            nonmembers = ~self.member & known
            outside = tuple(map(float, right[nonmembers])), tuple(map(float, blind[nonmembers]))
            qualities.append(Quality("right on strangers", *outside, about=question.name))
            truth = question.nearest(self.candidates)
            if question.exact:
                qualities += _balanced(question.name, truth[inside], choice[inside], imputed[inside])
            if len(question.unknown) == 1 and question.exact:
                rows += self._rows(question, truth[inside], choice[inside], imputed[inside])
        return Evidence(tuple(measures), (*qualities, *rows), "an imputer, " + "; ".join(dict.fromkeys(used)))

    def _impute(self, question: Question) -> tuple[Array, str]:
        if question.name not in self._imputed:
            inside = self.member & question.known_in(self.candidates)
            seed = derived_seed(self.seed, "imputer")

            def right(choice: Array) -> float:
                return float(self._right(question, choice)[inside].mean()) if inside.any() else 0.0

            self._imputed[question.name] = impute(question, self.population, seed, right)
        return self._imputed[question.name]

    def _right(self, question: Question, choice: Array) -> Array:
        """Bool [records]."""
        guessed, truth = question.completions[choice], self.candidates.x[:, question.unknown].astype(np.float64)
        if question.exact:
            return np.asarray((guessed == truth).all(axis=1))
        spread = np.nanquantile(self.population.x[:, question.unknown].astype(np.float64), [0.05, 0.95], axis=0)
        return np.asarray((np.abs(guessed - truth) <= NEAR * np.maximum(spread[1] - spread[0], 1e-12)).all(axis=1))

    def _rows(self, question: Question, truth: Array, choice: Array, imputed: Array) -> list[ValueRow]:
        """Value by value."""
        column = self.candidates.schema.columns[question.unknown[0]]
        rows = []
        for value in np.unique(truth):
            shown = column.word(question.completions[value, 0])
            of_attack, of_imputer = (
                (_share(g[truth == value] == value), _share(truth[g == value] == value)) for g in (choice, imputed)
            )
            rows.append(ValueRow(question.name, shown, int((truth == value).sum()), *of_attack, *of_imputer))
        return rows


def _share(hits: Array) -> float:
    return float(hits.mean()) if len(hits) else 0.0


def _balanced(name: str, truth: Array, choice: Array, imputed: Array) -> list[Quality]:
    """G-mean of the recalls, and Matthews' correlation (Mehnaz et al. 2022, section 5: accuracy flatters a guesser)."""
    from sklearn.metrics import matthews_corrcoef

    def g_mean(guess: Array) -> float:
        recalls = [max(_share(guess[truth == v] == v), 0.0) for v in np.unique(truth)]
        return float(np.prod(recalls) ** (1 / len(recalls)))

    def mcc(guess: Array) -> float:
        return float(matthews_corrcoef(truth, guess)) if len(np.unique(truth)) > 1 else 0.0

    return [
        Quality("G-mean", (g_mean(choice),), (g_mean(imputed),), about=name),
        Quality("MCC", (mcc(choice),), (mcc(imputed),), about=name),
    ]


def asked_about(candidates: Records, member: Array, most: int, seed: int) -> tuple[Records, Array]:
    """Of many candidates so many members and as many others, in random order."""
    rng = derived_rng(seed, "asked about")
    chosen = np.concatenate([rng.permutation(np.flatnonzero(side))[:most] for side in (member, ~member)])
    order = rng.permutation(chosen)
    return candidates.take(order), member[order]
