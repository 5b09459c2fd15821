"""Language models behind an endpoint in OpenAI's form."""

from __future__ import annotations

import json

import numpy as np
import pytest

import divulge
from divulge.core.errors import InputError, TargetError
from divulge.core.language.texts import Chat, Prompted, as_records
from divulge.core.language.token_scores import of_padded
from divulge.core.threat import Access
from divulge.language import CausalTarget, OpenAITarget
from divulge.targets.services.http_exchange import Exchange, HttpAnswer
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


def told(**changed):
    """An answer to one prompt of three words as an endpoint gives it, but for some parts of it."""
    first = {
        "token_logprobs": [None, -1.0, -2.0],
        "text_offset": [0, 3, 6],
        "top_logprobs": [None, {"ba": -0.5}, {"ki": -2.5}],
    }
    choice = {"index": 0, "text": "ba do ki", "logprobs": first}
    for key, value in changed.items():
        (first if key in first else choice)[key] = value
    return {"choices": [choice]}


def answers(monkeypatch, body):
    target = spoken_to("http://127.0.0.1:1/v1")
    target.__dict__["_form"] = ("/completions", True)  # found out already
    monkeypatch.setattr(Exchange, "post", lambda *_: HttpAnswer(200, {}, json.dumps(body).encode()))
    return target


ODD = {
    "logprobs": [[1], "x", 7],
    "token_logprobs": [["x"] * 3, [True] * 3, [10**400] * 3, [[1]] * 3, {"a": 1}],
    "text_offset": [["a"] * 3, [None] * 3, [0], "abc"],
    "top_logprobs": [[None], [[1]] * 3, [{"x": "y"}] * 3, ["x"] * 3, "abc"],
    "index": ["z", [], {}],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in ODD.items() for value in values], ids=str)
def test_log_probabilities_that_are_none_end_in_one_line(key, value, monkeypatch):
    target = answers(monkeypatch, told(**{key: value}))
    with pytest.raises(TargetError, match=r"tells no log-probabilities|index is no number"):
        target.answer(Access.TOKEN_LOGPROBS, as_records(["ba do ki"]))


def test_log_probabilities_that_are_some_are_read(monkeypatch):
    target = answers(monkeypatch, told())
    found = of_padded(target.answer(Access.TOKEN_LOGPROBS, as_records(["ba do ki"])))
    assert found.logprob.tolist() == [-1.0, -2.0] and found.rank.tolist() == [1, 0]


def test_a_secret_that_a_model_writes_is_not_kept(monkeypatch):
    monkeypatch.setenv("A_KEY", "Bearer sesame-open-4711")
    target = answers(monkeypatch, {"choices": [{"text": "well: sesame-open-4711", "message": "none"}]})
    assert target.complete(["ba"], 1)[0] == ["well:***"]
    target.__dict__["_form"] = ("/chat/completions", False)
    assert target.complete(["ba"], 1)[0] == [""]
