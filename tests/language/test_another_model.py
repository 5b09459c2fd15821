"""Models that are taken for another one, or that say nothing: neither is a model that gives nothing away."""

from __future__ import annotations

import numpy as np

import divulge
from divulge.language import CausalTarget, TokenFunction
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
