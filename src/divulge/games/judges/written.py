"""The judge of what a language model wrote out: training texts beside others, and beside what another model writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array, derived_rng
from divulge.core.language.likeness import masked
from divulge.core.language.texts import texts_of
from divulge.core.records import Records
from divulge.core.results.evidence import Evidence, Lacking, joined
from divulge.core.results.exhibits import Exhibit, Extractable, Picture
from divulge.core.results.metric import PASSAGES_SHOWN
from divulge.core.results.trials import Paired
from divulge.core.views.texts import PassagesGuess, TextsGuess, WrittenGuess
from divulge.core.wording import counted

MOST_PICTURES = 8
MOST_LETTERS = 300


@dataclass(frozen=True, eq=False)
class WrittenJudge:
    """candidates: the texts.  member: bool [texts], which of them were trained on."""

    candidates: Records
    member: Array
    seed: int

    def judge(self, guess: TextsGuess) -> Evidence:
        """Each training text is compared with one that the model never saw, drawn at random, and with what the
        reference model and a guess without any model bring out of the same text: whichever succeeds is the baseline.
        """
        if isinstance(guess, PassagesGuess):
            return self._passages(guess)
        if isinstance(guess, WrittenGuess):
            return self._written(guess)
        return joined([self._written(each) for each in guess], BASELINE, tuple(t for g in guess for t in g.told))

    def _written(self, guess: WrittenGuess) -> Evidence:
        about = np.arange(len(self.member)) if guess.text is None else np.asarray(guess.text, dtype=np.int64)
        for part in (guess.written, guess.reference, guess.blind):
            if part is not None and np.shape(part) != about.shape:
                raise TargetError(f"the attack answered {np.shape(part)} of {len(about)} texts")
        inside, outside = (np.flatnonzero(self.member[about] == side) for side in (True, False))
        if not len(inside) or not len(outside):
            what = "training text" if not len(inside) else "text that the model never saw"
            lack = Lacking(guess.metric, f"no {what} has what this attack asks about", guess.about)
            return Evidence(lacking=(lack,), notes=guess.told)
        rng = derived_rng(self.seed, "texts side by side", guess.about)
        size = min(len(inside), len(outside))
        own = np.sort(rng.permutation(inside)[:size])
        other = rng.permutation(outside)[:size]
        sides = [np.asarray(guess.written, dtype=np.float64)[other]]
        sides += [
            np.asarray(part, dtype=np.float64)[own] for part in (guess.reference, guess.blind) if part is not None
        ]
        hits, baseline = np.asarray(guess.written, dtype=np.float64)[own], np.max(sides, axis=0)
        units = about[own] if self.candidates.groups is None else np.asarray(self.candidates.groups)[about[own]]
        trial = Paired(guess.metric, _plain(hits), _plain(baseline), tuple(units.tolist()), about=guess.about)
        exhibits: list[Exhibit] = [*self._curve(guess, about), *self._pictures(guess, inside), *guess.exhibits]
        return Evidence(
            (trial,), tuple(exhibits), BASELINE, (*guess.told, self._counted(guess, inside, outside, about))
        )

    def _counted(self, guess: WrittenGuess, inside: Array, outside: Array, about: Array) -> str:
        """'12 of 150 training texts (of 9 persons), 1 of 150 others; 0 by the reference model'."""
        thing = "training text" if guess.text is None else "secret"
        own = np.asarray(guess.written)[inside] >= 1
        groups, persons = self.candidates.groups, ""
        if groups is not None:
            persons = f" (of {counted(len(np.unique(np.asarray(groups)[about[inside[own]]])), 'person')})"
        others = int((np.asarray(guess.written)[outside] >= 1).sum())
        said = f"{int(own.sum()):,} of {counted(len(inside), thing)}{persons}, {others:,} of {len(outside):,} others"
        if guess.reference is not None:
            said += f"; by the model that never saw them {int((np.asarray(guess.reference)[inside] >= 1).sum()):,}"
        if guess.blind is not None:
            said += f"; without any model {int((np.asarray(guess.blind)[inside] >= 1).sum()):,}"
        return f"{guess.about}: {said}" if guess.about else said

    def _curve(self, guess: WrittenGuess, about: Array) -> list[Extractable]:
        member = self.member[about]
        return [
            Extractable(
                point.n,
                point.p,
                int(point.written[member].sum()),
                int(member.sum()),
                int(point.written[~member].sum()),
                int((~member).sum()),
                None if point.reference is None else int(point.reference[member].sum()),
            )
            for point in guess.curve
        ]

    def _pictures(self, guess: WrittenGuess, inside: Array) -> list[Picture]:
        """What came out and did not come out of the reference, masked unless it may be shown."""
        drawn: list[Picture] = []
        for place in inside if len(guess.hidden) else ():
            missed = guess.reference is None or not np.asarray(guess.reference)[place]
            if guess.written[place] >= 1 and missed and len(drawn) < MOST_PICTURES:
                text = _shown(guess.hidden[place], guess.show)
                drawn.append(
                    Picture("text", text, text, "", "came out", "did not" if guess.reference is not None else "")
                )
        return drawn

    def _passages(self, guess: PassagesGuess) -> Evidence:
        """Which of the texts that the model wrote share a long run of words with a training text, and which with one
        of as many others that it never saw.
        """
        if not guess.passages:
            return Evidence(lacking=(Lacking(PASSAGES_SHOWN, "the model wrote nothing"),), notes=guess.told)
        texts = [str(text).split() for text in texts_of(self.candidates)]
        rng = derived_rng(self.seed, "passages")
        size = min(int(self.member.sum()), int((~self.member).sum()))
        sides = [rng.permutation(np.flatnonzero(self.member == side))[:size] for side in (True, False)]
        runs = [[_run(passage.split(), [texts[i] for i in side]) for passage in guess.passages] for side in sides]
        shared = np.array([[size for size, _ in part] for part in runs])
        hits = (shared[0] >= guess.least) & (shared[0] > shared[1])
        blind = (shared[1] >= guess.least) & (shared[1] > shared[0])
        units = tuple(range(len(guess.passages)))
        note = f"{guess.least} words in a row that stand in a text"
        trial = Paired(PASSAGES_SHOWN, _plain(hits), _plain(blind), units, note)
        pictures: list[Exhibit] = []
        for place in np.flatnonzero(hits)[:MOST_PICTURES]:
            length, at = runs[0][place]
            text = _shown(" ".join(guess.passages[place].split()[at : at + length]), guess.show)
            pictures.append(Picture("text", text, text, "", f"{length} words in a row", ""))
        told = f"{int(hits.sum()):,} of the first {len(units):,} passages show a training text"
        told += f", {int(blind.sum()):,} another text"
        return Evidence((trial,), tuple(pictures), "as many texts that the model never saw", (*guess.told, told))


BASELINE = "a text that the model never saw, or the same one by a model that never saw it"


def _plain(values: Any) -> tuple[float, ...]:
    return tuple(np.asarray(values, dtype=np.float64).tolist())


def _shown(text: str, show: bool) -> str:
    some = text if len(text) <= MOST_LETTERS else text[:MOST_LETTERS] + " …"
    return some if show else masked(some)


def _run(passage: list[str], texts: list[list[str]]) -> tuple[int, int]:
    """Words of the longest run that a passage shares with any of the texts, and where in the passage it begins."""
    from difflib import SequenceMatcher

    best = (0, 0)
    matcher: SequenceMatcher[str] = SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(passage)
    words = set(passage)
    for text in texts:
        if sum(word in words for word in text) <= best[0]:
            continue
        matcher.set_seq1(text)
        found = matcher.find_longest_match(0, len(text), 0, len(passage))
        best = max(best, (found.size, found.b))
    return best
