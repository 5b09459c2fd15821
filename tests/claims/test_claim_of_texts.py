"""Were my texts used?  Of a model that saw none of them a twentieth of the claims come out; of one that did, all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.claims.test_claim import run
from tests.language.tiny import texts

from divulge.claims import dataset_use as claim
from divulge.claims import text_signals as signals
from divulge.core.errors import InputError
from divulge.core.hashing import digest
from divulge.core.language.texts import as_records, texts_of
from divulge.language import TokenFunction


def draw_of(text):
    """Noise that depends on the text alone."""
    return np.random.default_rng(int(digest(str(text))[:8], 16))


def model(members=(), gain=0.0, whole=False):
    """A language model that expects the words of its members a little more, and all others by their noise."""
    known = set(members)

    def rows(text):
        rng, size = draw_of(text), len(str(text).split())
        log_p = -np.abs(rng.normal(4.0, 1.0, size)) + (gain if text in known else 0.0)
        log_p = np.minimum(log_p, -1e-3)
        return np.column_stack([log_p, np.full(size, -4.0), np.ones(size)]) if whole else log_p

    return TokenFunction(lambda asked: [rows(text) for text in asked], name="invented")


def test_texts_that_were_not_used_are_claimed_in_at_most_a_twentieth_of_the_cases(monkeypatch):
    monkeypatch.setattr(claim, "told_apart", lambda *_: "")  # looked at below; it takes long
    monkeypatch.setattr(claim, "DRAWS", 199)
    pool, rng = as_records(texts(400)), np.random.default_rng(0)
    target, base = model(whole=True), model(whole=True)
    claimed = t_claimed = shares = 0
    for seed in range(40):
        order = rng.permutation(400)
        usage = claim.was_used(target, pool.take(order[:60]), pool.take(order[60:120]), seed, reference=base)
        claimed += usage.p_value <= 0.05
        t_claimed += usage.t_p_value <= 0.05
        shares += usage.share > 0
    assert max(claimed, t_claimed, shares) <= 6  # binomial(40, 0.05) exceeds 6 in less than one case of a hundred


def test_texts_that_were_used_are_found_with_the_share_that_was():
    some = texts(240)
    own, fresh = as_records(some[:120]), as_records(some[120:])
    usage = claim.was_used(model(some[:90], 4.0), own, fresh)
    assert usage.p_value < 0.01 and usage.t_p_value < 0.01 and usage.apart == ""
    assert 0.2 < usage.share <= 0.75
    assert claim.was_used(model(some[120:], 4.0), own, fresh).p_value > 0.5  # the other way round it is no claim


def test_a_reference_finds_what_is_too_faint_without_it(monkeypatch):
    monkeypatch.setattr(claim, "told_apart", lambda *_: "")
    some = texts(160)
    own, fresh = as_records(some[:80]), as_records(some[80:])
    target = model(some[:80], 0.05)
    assert claim.was_used(target, own, fresh).p_value > 0.01
    assert claim.was_used(target, own, fresh, reference=model()).p_value < 0.001


def test_signals_by_hand():
    table = {"a b": [-1.0, -3.0], "c d": [-2.0, -2.0]}
    said = TokenFunction(lambda asked: [np.array(table[text]) for text in asked])
    base = TokenFunction(lambda asked: [np.array([-2.0, -2.0]) for _ in asked])
    found = signals.text_signals(said, as_records(["a b", "c d"]), base)
    assert found[:, 0].tolist() == [-2.0, -2.0]
    assert found[:, 1] == pytest.approx(-2.0 / 11)  # zlib makes 11 bytes of 3
    assert found[:, 2].tolist() == [-3.0, -2.0]
    gain, votes, least_gain = found[:, 9], found[:, 10], found[:, 11]
    assert gain.tolist() == [0.0, 0.0] and least_gain.tolist() == [-1.0, 0.0]
    assert votes.tolist() == [0.0, 0.0] and found.shape == (2, 18)


def test_texts_of_another_time_are_no_evidence():
    """Own texts that all speak of something else: any model may know them better, and nothing may be concluded."""
    some = texts(120)
    own = as_records([f"kiki {text}" for text in some[:60]])
    fresh = as_records(some[60:])
    usage = claim.was_used(model(texts_of(own), 4.0), own, fresh)
    assert "asks no model" in usage.apart
    estimate = claim._use_estimate(usage, "text")
    assert estimate.unmeasurable == usage.apart
    assert "mean nothing" in claim._use_shown(usage, 30, 30, "text").notes[1]
    assert signals.told_apart(as_records(some), np.arange(120) < 60, 0) == ""


def test_what_cannot_be_is_refused_with_the_cure():
    own, fresh = as_records(texts(40)[:20]), as_records(texts(40)[20:])
    writer = TokenFunction(write=lambda prefixes, n, *_: [["a"] * n for _ in prefixes])
    with pytest.raises(InputError, match="ask a model"):
        claim.was_used(writer, own, fresh)
    with pytest.raises(InputError, match="leave it out for texts"):
        claim.used_and_share(model(), own, fresh, recipe=None)
    with pytest.raises(InputError, match="at least 20 own"):
        claim.was_used(model(), own.take(np.arange(5)), fresh)


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    some = texts(120)
    for name, part in (("own", some[:60]), ("fresh", some[60:])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in part))
    target = model(some[:60], 4.0)
    rows = [
        json.dumps({"text": text, "logprobs": np.round(row, 4).tolist()})
        for text, row in zip(some, target._score(some), strict=True)
    ]
    (tmp_path / "table.jsonl").write_text("\n".join(rows))
    (tmp_path / "audit.yaml").write_text(
        "target: {kind: token_table, path: table.jsonl}\n"
        "data: {members: own.jsonl, nonmembers: fresh.jsonl, text: text}\n"
    )
    found = json.loads(run(["used", "audit.yaml", "--json"], capsys))
    assert found["p_value"] < 0.01 and found["t_p_value"] < 0.01 and found["apart"] == ""
