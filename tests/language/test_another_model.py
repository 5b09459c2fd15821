"""Models that are taken for another one, or that say nothing: neither is a model that gives nothing away."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import divulge
from divulge.core.errors import InputError, TargetError
from divulge.core.language.texts import as_records
from divulge.core.threat import Access
from divulge.data.texts import text_records
from divulge.language import CausalTarget, TokenFunction, TokenTable
from tests.language.tiny import gpt, texts, tokenizer


class Swapped:
    """A tokenizer in all but what it makes of a text."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __len__(self):
        return len(self.inner)

    def __call__(self, *arguments, **settings):
        made = self.inner(*arguments, **settings)
        made["input_ids"] = made["input_ids"][::-1]
        return made


def test_a_tokenizer_is_what_it_makes_of_a_text():
    model, inner = gpt(), tokenizer()
    assert CausalTarget(model, inner).fingerprint() == CausalTarget(model, tokenizer()).fingerprint()
    assert CausalTarget(model, inner).fingerprint() != CausalTarget(model, Swapped(inner)).fingerprint()
    before = CausalTarget(model, inner)
    first = before.fingerprint()
    inner.pad_token = inner.eos_token or inner.unk_token
    inner(["some words", "more of them than before"], padding=True, truncation=True, max_length=3)
    assert before.fingerprint() == first, "asking a tokenizer does not change what it is"


def test_a_model_that_answers_every_text_alike_has_not_been_looked_at(tmp_path):
    members, others = texts(40, 0), texts(40, 1)
    silent = TokenFunction(lambda asked: [np.full(5, -1.0) for _ in asked])
    how = {"attacks": ["token_loss"], "recipe": None, "progress": None, "out": tmp_path / "run"}
    run = divulge.audit(silent, members, others, **how)
    assert run.verdict is divulge.Verdict.NOT_MEASURABLE
    assert [concern.kind for concern in run.result.handshake.concerns] == ["constant"]


def padded(inner, side):
    """As wrappers do that fill every text up to one length."""

    def read(text):
        ids = inner(text)["input_ids"]
        fill = [0] * (60 - len(ids))
        ids, mask = (ids + fill, [1] * len(ids) + fill) if side == "right" else (fill + ids, fill + [1] * len(ids))
        return {"input_ids": torch.tensor([ids]), "attention_mask": torch.tensor([mask])}

    return read


@pytest.mark.parametrize("side", ["right", "left", None])
def test_what_fills_a_text_up_is_no_part_of_it(side):
    """And a function that returns token numbers is a tokenizer."""
    model, inner = gpt(), tokenizer()
    other = padded(inner, side) if side else lambda text: np.array(inner(text)["input_ids"])
    records = text_records([texts(6, 0)])[0]
    one, two = (CausalTarget(model, each).answer(Access.TOKEN_LOGPROBS, records) for each in (inner, other))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda text: text, "returns its `input_ids`"),
        (lambda text: {"ids": [1, 2]}, "returns its `input_ids`"),
        (lambda text: [1, 10_000], "pass the tokenizer that it was trained with"),
        (lambda text: [1], "has no token that can be scored"),
    ],
    ids=["letters", "another key", "another vocabulary", "one token"],
)
def test_a_tokenizer_of_another_kind_is_refused_with_the_cure(broken, words, tmp_path):
    with pytest.raises(divulge.InputError, match=words):
        divulge.audit((gpt(), broken), texts(30, 0), texts(30, 1), attacks=["token_loss"], recipe=None, out=tmp_path)


def test_a_text_that_is_no_unicode_ends_in_words(tmp_path):
    members = [*texts(30, 0)[1:], "half a \ud800 pair"]
    with pytest.raises(divulge.InputError, match="token"):
        divulge.audit((gpt(), tokenizer()), members, texts(30, 1), attacks=["token_loss"], recipe=None, out=tmp_path)


def test_an_error_shows_the_text_at_fault_not_its_place_among_the_candidates():
    broken = TokenFunction(lambda asked: [np.full(3, np.nan if "lamp" in text else -1.0) for text in asked])
    with pytest.raises(TargetError, match=r"the text 'a red lamp' has tokens whose log-probability is NaN"):
        broken.answer(Access.TOKEN_LOGPROBS, as_records(["a blue cup", "a red lamp"]))
    with pytest.raises(InputError, match=r"the text 'b' has no token that can be scored"):
        TokenTable(["a b", "b"], [[-1.0], []])
