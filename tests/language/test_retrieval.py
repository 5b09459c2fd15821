"""Is a document in the index?  The index is a list, and what is looked up is the document with most words in common."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

import divulge
from divulge.attacks.membership.retrieval.answer_similarity import AnswerSimilarity, bleu, cut
from divulge.attacks.membership.retrieval.masked_words import MaskedWords, mask, share_named
from divulge.auditing.oracle import GrantedOracle
from divulge.core.errors import Impossible, InputError
from divulge.core.language.texts import Prompted, as_records
from divulge.core.threat import PRESETS, Access
from divulge.core.views.membership import Auxiliary, MembershipView
from divulge.data.synthetic_notes import synthetic_notes
from divulge.language import TokenFunction

NOTES = synthetic_notes(160, seed=3)
INDEX, OTHERS, POPULATION = NOTES[:40], NOTES[40:80], NOTES[80:]


def lookup(index):
    """A service: it fills in masks from the nearest document, and otherwise goes on as that document does."""
    bags = [(document, Counter(re.findall(r"\w+", document.lower()))) for document in index]

    def answer(question):
        asked = Counter(re.findall(r"\w+", question.lower()))
        best = max(bags, key=lambda bag: (asked & bag[1]).total())[0]
        if "[Mask_1]" not in question:
            words = best.split()
            return " ".join(words[len(words) // 2 :])
        text = question.split("\n\n", 1)[1]
        pattern = re.escape(text)
        pattern = re.sub(r"\\\[Mask_\d+\\\]", r"(\\w+)", pattern)
        found = re.fullmatch(pattern, best)
        if not found:
            return "I do not know."
        return "\n".join(f"[Mask_{n}]: {word}" for n, word in enumerate(found.groups(), 1))

    return TokenFunction.answering(answer, "lookup")


def scores(attack, service, candidates=(*INDEX, *OTHERS)):
    oracle = GrantedOracle(service, PRESETS["label-only"], Access.COMPLETIONS)
    means = Auxiliary(population=as_records(POPULATION))
    view = MembershipView(oracle, as_records(list(candidates)), np.random.default_rng(0), attack.card.needs, means)
    guess = attack.run(view)
    assert oracle.queries == len(candidates)
    return guess.scores


def area(found):
    inside, outside = found[:40, None], found[None, 40:]
    return np.mean((inside > outside) + 0.5 * (inside == outside))


def test_masked_words_of_indexed_documents_are_named_and_of_no_others():
    found = scores(MaskedWords(masks=5), lookup(INDEX))
    assert (found[:40] == 1).all() and (found[40:] == 0).all()


def test_an_answer_is_the_rest_of_an_indexed_document():
    found = scores(AnswerSimilarity(), lookup(INDEX))
    assert found[:40].min() > 0.99 and found[40:].mean() < 0.7
    assert area(found) > 0.95


@pytest.mark.parametrize("attack", [MaskedWords(masks=5), AnswerSimilarity()])
def test_documents_of_another_index_are_at_chance(attack):
    assert abs(area(scores(attack, lookup(POPULATION))) - 0.5) < 0.15
    silent = TokenFunction.answering(lambda question: "I do not know.")
    assert area(scores(attack, silent)) == 0.5


def test_masks_by_hand():
    known = Counter({"seen": 9, "on": 3, "monday": 5, "in": 9, "hall": 1})
    text = "Seen Anna Berg on Monday in Hall 17."
    shown, hidden = mask(text, known, 3)
    # words that count: Seen Anna Berg Monday Hall 17; unknown ones first, the longest of them, none beside another
    assert (shown, hidden) == ("Seen [Mask_1] Berg on [Mask_2] in Hall [Mask_3].", ["Anna", "Monday", "17"])
    assert mask(text, known, 2)[1] == ["Anna", "17"]
    assert mask("of a", known, 3) == ("of a", [])


def test_answers_are_read_as_they_come():
    hidden = ["Anna", "17", "fever"]
    assert share_named("[Mask_1]: anna\n[Mask_2]: 17\n[Mask_3]: cough", hidden) == pytest.approx(2 / 3)
    assert share_named('Mask_1 = "Anna".\nmask_3: **fever**', hidden) == pytest.approx(2 / 3)
    assert share_named("Anna, 17, fever", hidden) == 0  # it does not say which
    assert share_named("[Mask_1]: Bert\n[Mask_1]: Anna", hidden) == 0  # the first answer counts
    assert share_named("anything", []) == 0


def test_bleu_by_hand():
    assert bleu(["a", "b", "c", "d", "e"], ["a", "b", "c", "d", "e"]) == pytest.approx(1)
    assert bleu(["x"], ["a", "b"]) == 0 and bleu([], ["a"]) == 0 and bleu(["a"], []) == 0
    # words 2 of 3; pairs 1 + 1 of 2 + 1; triples 0 + 1 of 1 + 1; no penalty: as long
    assert bleu(["a", "b", "x"], ["a", "b", "c"]) == pytest.approx((2 / 3 * 2 / 3 * 1 / 2) ** (1 / 3))
    # half as long: exp(1 - 4 / 2); words 2 of 2, pairs 2 of 2, triples and fours 1 of 1
    assert bleu(["a", "b"], ["a", "b", "c", "d"]) == pytest.approx(np.exp(-1))


def test_what_is_asked_of_which_text():
    assert cut("one two three four") == ("one two", "three four")
    assert cut(Prompted("who is ill?", "Anna")) == ("who is ill?", "Anna")
    with pytest.raises(Impossible, match="written documents"):
        cut((1, 2, 3))
    for settings in ({"question": "no place"}, {"max_tokens": 0}):
        with pytest.raises(InputError):
            AnswerSimilarity(**settings)
    with pytest.raises(InputError, match="masks"):
        MaskedWords(masks=0)


def test_an_audit_of_an_index(tmp_path):
    how = {"attacks": ["masked_words"], "recipe": None, "progress": None, "threat": "label-only"}
    run = divulge.audit(lookup(INDEX), INDEX, OTHERS, POPULATION, out=tmp_path / "run", **how)
    assert run.verdict is divulge.Verdict.LEAK
    assert run.findings[0].value == 1
