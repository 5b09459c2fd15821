"""Language models behind an endpoint in OpenAI's form."""

from __future__ import annotations

import numpy as np
import pytest

import divulge
from divulge.core.errors import InputError, TargetError
from divulge.core.language.texts import Chat, Prompted, as_records
from divulge.core.language.token_scores import of_padded
from divulge.core.threat import Access
from divulge.language import CausalTarget, OpenAITarget
from tests.language.server import serving
from tests.language.tiny import gpt, texts, tokenizer


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("A_KEY", "Bearer sesame")


def spoken_to(url):
    return OpenAITarget(divulge.Service(url, headers={"Authorization": "A_KEY"}, batch=4, rate=1000), "tiny")


def test_echoed_prompts_are_scored_as_the_model_scores_them():
    model, some = gpt(), [*texts(6), Prompted("ba do ", "ki lu.")]
    here = of_padded(CausalTarget(model, tokenizer()).answer(Access.TOKEN_LOGPROBS, as_records(some)))
    with serving(model, "completions", "echo") as url:
        target = spoken_to(url)
        assert target.offers == {Access.TOKEN_LOGPROBS, Access.COMPLETIONS} and not target.lacks
        there = of_padded(target.answer(Access.TOKEN_LOGPROBS, as_records(some)))
        assert (
            target.complete(["ba do"], 2, 0.0, 5)[0]
            == CausalTarget(model, tokenizer()).complete(["ba do"], 2, 0.0, 5)[0]
        )
    assert there.counts.tolist() == here.counts.tolist()
    assert np.abs(there.logprob - here.logprob).max() < 1e-5
    assert (there.rank == np.minimum(here.rank, 5)).all() and not there.whole


@pytest.mark.parametrize("offers", [("completions",), ("chat",)])
def test_a_service_without_echo_samples_and_is_asked_for_nothing_else(offers):
    with serving(gpt(), *offers) as url:
        target = spoken_to(url)
        assert target.offers == {Access.COMPLETIONS} and "prompt" in target.lacks[Access.TOKEN_LOGPROBS]
        assert "sampled text alone" in target.provenance_note()
        assert len(target.complete(["ba do", Chat((("user", "ki"),))][: 1 + (offers == ("chat",))], 3, 1.0, 4)[0]) == 3
        with pytest.raises(TargetError, match="no port"):
            target.answer(Access.TOKEN_LOGPROBS, as_records(texts(2)))


def test_a_service_that_offers_nothing_is_an_error_without_its_secret():
    with serving(gpt()) as url, pytest.raises(InputError, match="no such path") as told:
        _ = spoken_to(url).offers
    assert "sesame" not in str(told.value)


def test_no_more_texts_are_sent_than_may_be():
    with serving(gpt(), "completions", "echo") as url:
        service = divulge.Service(url, headers={"Authorization": "A_KEY"}, rate=1000, most_records=3)
        with pytest.raises(TargetError, match="at most 3"):
            OpenAITarget(service).answer(Access.TOKEN_LOGPROBS, as_records(texts(5)))
