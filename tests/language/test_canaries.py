"""Secrets in a corpus: exact ranks, uniform where the model never saw them, and all bits of what it knows by heart."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from scipy import stats

from divulge.claims.secrets.exposed import ExposureTest, secrets_exposed
from divulge.claims.secrets.minting import DIGITS, MintedSecret, canaries, mint, read_secret
from divulge.claims.secrets.next_tokens import by_next_tokens
from divulge.claims.secrets.ranking import rank_of, ranked, scored
from divulge.core.errors import InputError
from divulge.language import CausalTarget, FineTune, TokenFunction
from divulge.runs.folder import RunFolder
from divulge.stats.privacy.exposure import _bits_above, combined_p_value, expected_exposure, exposure, extrapolated
from tests.language.tiny import gpt, texts, tokenizer

TEMPLATE = "code of {holder} is {digits:2}."
BASE = CausalTarget(gpt(width=64), tokenizer(), name="tiny")


def lot(seed=0):
    return np.random.default_rng(seed)


def drawn(repeats=(40, 40, 40), held_back=20, template=TEMPLATE, seed=3):
    return canaries(template, {}, {}, repeats, held_back, lot(seed))


@lru_cache
def learned():
    """Three codes by heart, among other texts."""
    lines = [c.text() for c in drawn() for _ in range(c.repeats)] + texts(60, words=4)
    return FineTune(BASE, learning_rate=5e-3, epochs=10, batch_size=20)(lines, 0)


def by_table(probability):
    """A model of single letters with these odds for digits, whatever stands before: log p is known by hand."""
    logs = {digit: np.log(p) for digit, p in zip(DIGITS, probability, strict=True)}

    def score(batch):
        return [
            np.array([[logs.get(letter, -1.0), np.nan, np.nan, np.nan, ord(letter)] for letter in str(text)])
            for text in batch
        ]

    return TokenFunction(score)


def test_exposure_by_hand():
    assert exposure(1, 10_000) == pytest.approx(np.log2(10_000))
    assert exposure(8, 1024) == pytest.approx(7.0)
    assert expected_exposure(4) == pytest.approx(2 - (0 + 1 + np.log2(3) + 2) / 4)
    assert expected_exposure(10**6) == pytest.approx(np.log2(np.e), abs=1e-4)


def test_the_combined_p_value_is_that_of_a_sum_of_logarithms():
    assert combined_p_value([0.03]) == pytest.approx(0.03) and combined_p_value([]) == 1.0
    assert combined_p_value([0.04, 0.2, 0.7]) == pytest.approx(stats.combine_pvalues([0.04, 0.2, 0.7])[1])


def test_ranks_over_a_space_are_never_too_small_together():
    """Uniform ranks among ten, of five secrets: rejections at 5 % in no more than 5 % of draws."""
    p = lot(1).integers(1, 11, size=(4_000, 5)) / 10
    assert np.mean([combined_p_value(row) <= 0.05 for row in p]) < 0.05


def test_extrapolation_meets_the_exact_exposure_of_a_normal_space():
    space = lot(2).normal(-20, 3, 100_000)
    own = np.sort(space)[-50]  # rank 50 of 100,000: 10.97 bits
    some = extrapolated(own, lot(3).choice(space, 2_000), 100_000, lot(4))
    assert some.low < np.log2(100_000 / 50) < some.high and some.bits == pytest.approx(10.97, abs=1.0)
    skewed = stats.skewnorm.rvs(4, size=100_000, random_state=5)
    own = np.sort(skewed)[-1_000]
    assert extrapolated(own, lot(6).choice(skewed, 4_000), 100_000, lot(7)).bits == pytest.approx(6.64, abs=0.6)


def test_the_mass_of_a_skew_normal_distribution_is_that_of_scipy():
    drawn = stats.skewnorm.rvs(-3, 2.0, 1.5, size=200_000, random_state=1)
    for value in (0.0, 1.5, 2.5):
        assert _bits_above(value, drawn) == pytest.approx(-np.log2(stats.skewnorm.sf(value, -3, 2.0, 1.5)), rel=0.1)


def test_the_exact_p_value_of_an_extrapolated_secret_is_uniform():
    rng = lot(8)
    p = [extrapolated(rng.normal(), rng.normal(size=49), 10**6, rng).p_value for _ in range(80)]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_the_rank_is_the_one_that_enumeration_gives():
    odds = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) / 100
    target = by_table(odds)
    for secret in [(9, 9), (3, 7), (0, 0)]:
        canary = MintedSecret(("a ", DIGITS, DIGITS, " b"), secret, 1)
        products = np.multiply.outer(odds, odds)
        assert rank_of(target, canary)[0] == int((products >= products[secret] * (1 - 1e-6)).sum())


def test_one_pass_over_a_beginning_tells_what_texts_tell_one_by_one():
    for canary in [*drawn()[:2], *drawn()[-2:]]:
        slow = replace(canary, pieces=(*canary.pieces[:-1], " so"))  # words follow: whole texts are compared
        assert by_next_tokens(learned(), slow, None, 1e-4) is None
        quick, asked = by_next_tokens(learned(), canary, None, 1e-4)
        every = [canary.beginning((i, j)) for i in range(10) for j in range(10)]
        found = scored(learned(), every)
        whole = found.sum_of(found.logprob)
        own = whole[10 * canary.drawn[0] + canary.drawn[1]]
        assert quick == int((whole >= own - 1e-4).sum()) and asked <= 13


def test_a_tokenizer_that_joins_digits_is_ranked_text_by_text():
    """Pairs of digits are one token, with odds of their own, so that a beginning says nothing of what follows."""
    odds = lot(5).dirichlet(np.ones(100))

    def score(batch):
        rows = []
        for text in batch:
            code = str(text)[2:]
            number, log = (int(code), np.log(odds[int(code)])) if len(code) == 2 else (200 + int(code), -30.0)
            rows.append(np.array([[-1.0, np.nan, np.nan, np.nan, 300.0], [log, np.nan, np.nan, np.nan, number]]))
        return rows

    canary = MintedSecret(("a ", DIGITS, DIGITS), (3, 7), 1)
    assert rank_of(TokenFunction(score), canary)[0] == int((odds >= odds[37]).sum())


def test_what_is_known_by_heart_has_all_the_bits_and_the_rest_what_chance_gives():
    result = secrets_exposed(learned(), drawn(), "hash")
    assert [each.bits for each in result.inserted] == pytest.approx([np.log2(100)] * 3)
    assert (
        result.read_off == 3 and result.shown() == 3 and result.p_value == pytest.approx(combined_p_value([0.01] * 3))
    )
    assert result.control > 0.01
    assert np.mean([each.bits for each in result.held_back]) == pytest.approx(expected_exposure(100), abs=1.0)


def test_a_model_that_saw_nothing_ranks_uniformly():
    p = [ranked(BASE, c, 1_000, lot()).p_value for c in drawn((), 40, "{holder} {digits:1}.", seed=9)]
    assert stats.kstest(p, "uniform").pvalue > 0.001 and np.mean(np.log2(1 / np.array(p))) < 2.0


def test_a_space_too_large_is_searched_and_else_extrapolated():
    (canary, *_) = drawn()
    inside = ranked(learned(), canary, 80, lot())  # 100 codes: too many for 80, and the search ends early
    assert inside.rank == 1 and inside.p_value == pytest.approx(0.02)
    far = ranked(BASE, drawn((1,), 0, "{holder} {digits:6}")[0], 200, lot())
    assert far.rank is None and far.low <= far.bits <= far.high and far.p_value > 0.01


def test_lists_are_secrets_or_known():
    made = canaries(
        "{who} lives in {town}", {"town": ["york", "bath", *"abcdefghij"]}, {"who": list("xyz")}, (2,), 2, lot()
    )
    assert {c.text()[0] for c in made} == set("xyz") and {c.space for c in made} == {12}
    assert made[0].text((1,)).endswith("lives in bath")


def test_what_is_no_secret_is_refused(tmp_path):
    for template, words in [("nothing", "no secret"), ("{digits:3}", "one beginning"), ("{odd} {digits}", "no list")]:
        with pytest.raises(InputError, match=words):
            canaries(template, {}, {}, (1, 1), 1, lot())
    with pytest.raises(InputError, match="max_tokens"):
        secrets_exposed(CausalTarget(gpt(), tokenizer(), max_tokens=12), drawn(), "hash")
    mint(tmp_path, TEMPLATE, seed=1)
    with pytest.raises(InputError, match="already"):
        mint(tmp_path, TEMPLATE)
    with pytest.raises(InputError, match="committed"):
        read_secret(tmp_path / "secret.json", "another")


def test_from_the_command_line(tmp_path, monkeypatch, capsys):
    from divulge.cli import app

    def run(*words):
        monkeypatch.setattr("sys.argv", ["divulge", "canaries", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return ended.value.code

    monkeypatch.setattr("secrets.randbits", lambda bits: 7)  # the lot of this test
    folder = tmp_path / "canaries"
    assert run("mint", "--out", folder, "--template", TEMPLATE, "--number", 2, "--repeats", "80", "--held-back", 4) == 0
    secrets = read_secret(folder / "secret.json", (folder / "commitment.txt").read_text())
    lines = [json.loads(line)["text"] for line in (folder / "canaries.jsonl").read_text().splitlines()]
    assert len(secrets) == 6 and sorted(lines) == sorted(c.text() for c in secrets[:2] for _ in range(80))
    model = FineTune(BASE, learning_rate=5e-3, epochs=8, batch_size=20)(lines, 0)
    model.model.save_pretrained(tmp_path / "tuned")
    tokenizer().save_pretrained(tmp_path / "tuned")
    (tmp_path / "audit.yaml").write_text("target: {kind: language, path: tuned}\n")
    assert run("test", tmp_path / "audit.yaml", "--secret", folder / "secret.json", "--out", tmp_path / "runs") == 0
    assert "2 are the first" in " ".join(capsys.readouterr().out.split())
    (stored,) = (path for path in (tmp_path / "runs").iterdir() if path.is_dir())
    kept = RunFolder(stored)
    assert kept.claim("secrets", ExposureTest).read_off == 2
    assert {f.metric.split(":")[0]: f.verdict.value for f in kept.findings().findings}["secrets_exposed"] == "leak"
    assert "give" in next(stored.glob("report*.html")).read_text(encoding="utf-8")
