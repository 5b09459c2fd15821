"""An attack on a language model costs tokens: counted exactly where they can be known, and bounded where not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import divulge
from divulge.auditing.oracle import GrantedOracle, Memory
from divulge.core.boundary.secret import Redactor
from divulge.core.errors import BudgetSpent
from divulge.core.language.texts import Prompted
from divulge.core.threat import PRESETS, Access
from divulge.language import CausalTarget, OpenAITarget, TokenFunction, TokenTable
from divulge.report.plain import attacker
from divulge.setup.parts import ThreatPart
from tests.language.tiny import gpt, texts, tokenizer

MODEL = CausalTarget(gpt(), tokenizer())
OPEN = PRESETS["published-model"]


def oracle(target, budget=None, memory=None, access=Access.TOKEN_LOGPROBS):
    return GrantedOracle(target, replace(OPEN, token_budget=budget), access, memory or Memory())


def letters(asked, *_):
    """A model that is only a function: one token a letter, the first not scored."""
    return [np.full(len(str(text)) - 1, -1.0) for text in asked]


def test_every_text_is_paid_once_as_the_model_reads_it():
    seen, some = oracle(MODEL), ["abc.", "abcdef.", "a" * 200]
    seen.token_logprobs(some)
    assert seen.tokens == 4 + 7 + 64  # one token a letter, and the window has 64
    seen.token_logprobs([*some[:2], Prompted("ab ", "ba.")])
    assert seen.tokens == 4 + 7 + 64 + 6  # the prompt is sent as well


def test_what_another_attack_asked_is_paid_again_by_this_one():
    memory, some = Memory(), texts(5)
    first, second = oracle(MODEL, memory=memory), oracle(MODEL, memory=memory)
    first.token_logprobs(some)
    second.token_logprobs(some)
    assert first.tokens == second.tokens == sum(map(len, some))


def test_a_batch_beyond_the_budget_is_refused_whole_with_the_cure():
    seen = oracle(MODEL, budget=10)
    seen.token_logprobs(["abcde."])
    with pytest.raises(BudgetSpent, match=r"^8 more tokens are needed and 6 of 10 are spent: raise `token_budget`"):
        seen.token_logprobs(["abc.", "abd."])
    assert (seen.tokens, seen.queries) == (6, 1)
    seen.token_logprobs(["abc."])
    assert seen.tokens == 10


def test_written_text_costs_its_beginning_and_itself_every_time():
    bare = CausalTarget(gpt())  # without a tokenizer what it writes are token numbers, which can be counted
    seen, given = oracle(bare, access=Access.COMPLETIONS), [(1, 2, 3), (4, 5)]
    written = seen.complete(given, n=4, max_tokens=9, seed=1)
    ended = sum(len(row) < 9 for rows in written for row in rows)  # by a token that was written as well
    assert seen.tokens == 3 + 2 + sum(len(row) for rows in written for row in rows) + ended
    assert ended and written.tokens == seen.tokens - 5
    seen.complete(given, n=4, max_tokens=9, seed=1)
    assert seen.tokens == 2 * (written.tokens + 5)
    with pytest.raises(BudgetSpent, match=r"^28 more tokens"):
        oracle(MODEL, budget=27, access=Access.COMPLETIONS).complete(["ba do ki"], n=4, max_tokens=5)


def test_a_model_that_does_not_tell_its_tokens_is_asked_as_far_as_they_surely_suffice():
    asked = []
    model = TokenFunction(lambda some: asked.extend(some) or letters(some))
    seen = oracle(model, budget=20)
    seen.token_logprobs(["abcd", "éé"])
    assert seen.tokens == 4 + 2  # as many as were scored, and the first
    with pytest.raises(BudgetSpent, match=r"^up to 22 more tokens are needed and 14 of 20"):
        seen.token_logprobs(["abcdefgh", "abcdefghijklmnopqrstu"])
    assert seen.tokens == 14 and len(asked) == 3  # what fitted was asked and is paid
    writer = TokenFunction(write=lambda prefixes, n, *_: [["ba"] * n for _ in prefixes])
    bounded = oracle(writer, access=Access.COMPLETIONS)
    bounded.complete(["abc"], n=2, max_tokens=50)
    assert bounded.tokens == 4 + 2 * 3  # a byte is a token at least, and one to end


def test_many_small_questions_never_exceed_the_budget():
    seen, some = oracle(TokenFunction(letters), budget=150), texts(12)
    with pytest.raises(BudgetSpent):
        for text in some:
            seen.token_logprobs([text])
    assert 100 < seen.tokens <= 150


def test_a_table_costs_what_the_model_read():
    some = texts(4)
    seen = oracle(TokenTable.of(MODEL, some))
    seen.token_logprobs(some)
    assert seen.tokens == sum(map(len, some))


def test_queries_that_sampled_count_against_the_budget_of_those_that_score():
    seen = GrantedOracle(MODEL, replace(OPEN, query_budget=3), Access.TOKEN_LOGPROBS, Memory())
    seen.complete(["ba"], n=2, max_tokens=2)
    with pytest.raises(BudgetSpent, match="2 more queries are needed and 2 of 3"):
        seen.token_logprobs(texts(2))


def test_an_audit_says_what_its_attacks_cost(tmp_path):
    some = texts(40)
    total = sum(map(len, some))
    how = {"attacks": ["token_loss"], "recipe": None, "progress": None, "out": tmp_path / "run"}
    run = divulge.audit(MODEL, some[:20], some[20:], threat={"preset": "published-model", "token_budget": total}, **how)
    (outcome,) = run.result.outcomes
    assert outcome.tokens == total and f"{total:,} tokens" in outcome.asked
    assert f"{total:,} tokens" in run.report().read_text()


def test_the_budget_is_part_of_who_attacks():
    threat = ThreatPart(preset="mlaas", token_budget=5000).model()
    assert (threat.token_budget, threat.query_budget) == (5000, 1_000_000)
    assert "They may ask 1,000,000 queries and 5,000 tokens per attack." in attacker(threat)


def test_a_service_says_what_it_wrote():
    replies = [{"choices": [{"text": "ba do"}], "usage": {"completion_tokens": 5}}, {"choices": [{"text": "lu"}]}]
    service = OpenAITarget("http://127.0.0.1:9/v1", "m")
    service.__dict__["_form"] = ("/completions", False)
    service._post = lambda path, content: (json.dumps(replies.pop(0)).encode(), Redactor(()))
    seen = oracle(service, access=Access.COMPLETIONS)
    seen.complete(["abc"], max_tokens=50)
    assert seen.tokens == 4 + 5
    seen.complete(["abc"], max_tokens=50)  # it does not say: no more than bytes, and an end
    assert seen.tokens == 9 + 4 + 3
