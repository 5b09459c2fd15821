"""Training texts and secrets that a language model writes out, beside what chance and a reference model bring out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from scipy import stats
from tokenizers import Tokenizer, decoders
from transformers import PreTrainedTokenizerFast

import divulge
from divulge.attacks.reconstruction.language.discoverable import within
from divulge.attacks.reconstruction.language.free_samples import FreeSamples, distinct
from divulge.attacks.reconstruction.language.greedy_prefix import GreedyPrefix
from divulge.attacks.reconstruction.language.hidden_part import HiddenPart, hidden_part
from divulge.attacks.reconstruction.language.pii import PATTERNS, PiiInference, secrets_in, with_secret
from divulge.attacks.reconstruction.language.sampled_prefix import SampledPrefix, halves
from divulge.auditing.oracle import GrantedOracle
from divulge.core.errors import Impossible, InputError
from divulge.core.language.likeness import edit_distance, edit_likeness, longest_shared, masked
from divulge.core.language.texts import Prompted, as_records
from divulge.core.language.token_scores import of_texts
from divulge.core.results.exhibits import Extractable
from divulge.core.results.metric import PASSAGES_SHOWN, TEXTS_WRITTEN
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Paired
from divulge.core.threat import PRESETS, Access
from divulge.core.views.texts import PassagesGuess, WrittenGuess
from divulge.games.judges import text as former
from divulge.games.judges.written import WrittenJudge
from divulge.language import CausalTarget, FineTune, TokenFunction, TokenTable
from divulge.report.language.written import curve, in_people
from divulge.setup.audit_file import load
from divulge.setup.from_file import job_from_file
from divulge.setup.from_objects import job_from_objects
from divulge.setup.settings import Options
from divulge.stats.paired import sign_p_value, weigh_paired
from divulge.workflows.run_audit import run_audit
from tests.language.tiny import SYLLABLES, gpt, texts, tokenizer


def reader():
    """The tokenizer of single letters, which writes them without spaces between."""
    made = Tokenizer.from_str(tokenizer().backend_tokenizer.to_str())
    made.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", eos_token="<end>")


BASE = CausalTarget(gpt(width=64), reader(), name="tiny")
EVERYBODY = texts(60, words=4)
MEMBERS, OTHERS = EVERYBODY[:20], EVERYBODY[20:40]


@lru_cache
def learned():
    """Twenty texts by heart."""
    return FineTune(BASE, learning_rate=5e-3, epochs=50, batch_size=10)(MEMBERS, 0)


def audited(folder, model, attacks, members=MEMBERS, others=OTHERS, **options):
    given = {"recipe": None, "progress": None, "out": folder / "run"} | options
    return divulge.audit(model, members, others, attacks=attacks, **given)


def test_distances_are_those_of_the_slow_way():
    rng = np.random.default_rng(0)
    for _ in range(30):
        a, b = ("".join(rng.choice(list("abc"), rng.integers(0, 12))) for _ in range(2))
        assert edit_distance(a, b) == former.edit_distance(a, b)
    assert edit_distance("kitten", "sitting") == 3 and edit_likeness("abcd", "abcx") == 0.75
    assert edit_likeness("ab", "xyzw") == 0 and longest_shared("the cat sat", "a cat sits") == 6


def test_what_is_masked_tells_no_digit_and_no_word():
    assert masked("Call Ann on 0123, now") == "C••• A•• o• ••••, n••"


def test_the_probability_within_n_tries_by_hand():
    assert within(np.log([0.5]), 2) == pytest.approx([0.75])
    assert within(np.array([-np.inf, 0.0]), 1_000) == pytest.approx([0, 1])
    assert within(np.array([-50.0]), 10) == pytest.approx([10 * np.exp(-50.0)])


@pytest.mark.parametrize("temperature, top_k", [(1.0, None), (0.7, None), (1.3, 5), (0.0, 3)])
def test_probabilities_of_a_scheme_are_those_of_its_softmax(temperature, top_k):
    record = as_records(["bado kilu."])
    (row,) = BASE.sampling_logprobs(record, temperature, top_k)
    ids = torch.tensor([tokenizer()("bado kilu.")["input_ids"]])
    with torch.no_grad():
        logits = BASE.model(ids).logits[0, :-1].double()
    kept = 1 if temperature == 0 else top_k or logits.shape[1]
    cut = logits.topk(kept).values[:, -1:]
    expected = (torch.where(logits >= cut, logits, -torch.inf) / (temperature or 1)).log_softmax(-1)
    assert row == pytest.approx(expected.gather(1, ids[0, 1:, None])[:, 0].numpy(), abs=1e-6)


def test_the_computed_probability_is_the_share_of_samples():
    """Of the two likeliest second letters, by 400 samples of the model itself."""
    written = [text for (text,) in [[t] for t in BASE.complete(["ba"], 400, 1.0, 1, 3)[0]]]
    for letter in sorted(set(written), key=written.count)[-2:]:
        (row,) = BASE.sampling_logprobs(as_records(["ba" + letter]), 1.0, None)
        assert stats.binomtest(written.count(letter), 400, float(np.exp(row[-1]))).pvalue > 0.001


def test_an_oracle_asks_for_schemes_only_what_the_model_tells():
    table = TokenFunction(lambda batch: [np.full(len(str(text)), -1.0) for text in batch])
    oracle = GrantedOracle(table, PRESETS["mlaas"], Access.TOKEN_LOGPROBS)
    assert oracle.sampling_logprobs(["abc"])[0] == pytest.approx([-1, -1, -1]) and oracle.queries == 1
    with pytest.raises(Impossible, match="temperature 1"):
        oracle.sampling_logprobs(["abc"], 0.5)


def test_what_is_hidden_of_a_text():
    scores = of_texts([np.full(10, -1.0), np.full(200, -1.0), np.full(4, -1.0)])
    part = hidden_part(["x", "y", Prompted("a", "b")], scores, None, 50)
    assert part.start.tolist() == [5, 50, 0] and part.stop.tolist() == [10, 100, 4]
    other = HiddenPart(np.array([5]), np.array([10])).of([np.arange(20)], np.array([10]))
    assert other[0].tolist() == list(range(10, 20))  # half as many letters to a token
    assert halves("one two three four") == ("one two", " three four") and halves((1, 2, 3)) == ((1,), (2, 3))


def test_the_sign_test_by_hand():
    hits, blind = (1, 1, 1, 1, 1, 0, 1, 0), (0, 0, 0, 0, 0, 1, 1, 0)
    measure = Paired(TEXTS_WRITTEN, tuple(map(float, hits)), tuple(map(float, blind)), tuple(range(8)))
    assert sign_p_value(measure) == pytest.approx(7 / 64)  # 5 or 6 of 6
    assert sign_p_value(replace(measure, baseline=measure.hits)) == 1.0
    assert sign_p_value(replace(measure, hits=(0.5,) * 8)) is None
    assert weigh_paired(measure, (), Policy()).p_value == pytest.approx(7 / 64)
    assert weigh_paired(measure, (), Policy()).attainable == pytest.approx(2.0**-6)  # of eight, two are ties at best


def test_a_text_that_any_model_writes_is_no_memory():
    member = np.arange(40) < 20
    judge = WrittenJudge(as_records(EVERYBODY[:40]), member, 0)
    everything = judge.judge(WrittenGuess(TEXTS_WRITTEN, np.ones(40)))
    assert everything.paired[0].value == everything.paired[0].chance == 1
    known = judge.judge(WrittenGuess(TEXTS_WRITTEN, member.astype(float), member.astype(float)))
    assert known.paired[0].chance == 1
    own = judge.judge(WrittenGuess(TEXTS_WRITTEN, member.astype(float), np.zeros(40), hidden=EVERYBODY[:40]))
    assert sign_p_value(own.paired[0]) == pytest.approx(2.0**-20)
    shown = own.exhibits[0].truth
    assert "20 of 20 training texts, 0 of 20 others" in own.notes[0] and not re.search(r"[a-z]{2}", shown)
    one = judge.judge(WrittenGuess(TEXTS_WRITTEN, np.ones(2), text=np.array([0, 1])))
    assert one.lacking and not one.trials


def test_passages_are_judged_by_the_words_that_they_share():
    words = [" ".join(f"{name}{k}" for k in range(12)) for name in "abcd"]
    judge = WrittenJudge(as_records(words), np.array([True, True, False, False]), 0)
    guess = PassagesGuess((f"so {words[0]}", words[3], "nothing at all"), 9, 6)
    (trial,) = judge.judge(guess).paired
    assert trial.metric == PASSAGES_SHOWN and trial.hits == (1, 0, 0) and trial.baseline == (0, 1, 0)
    assert distinct(["a b c d e", "a b c d f", "x y z"], 5) == ["a b c d e", "x y z"]


def test_texts_learned_by_heart_come_out_and_the_base_model_writes_none(tmp_path):
    kinds = [GreedyPrefix(), "discoverable_extraction", SampledPrefix(max_tokens=24)]
    run = audited(tmp_path, learned(), kinds)
    values = {f.attack: f for f in run.findings}
    assert set(values) == {"greedy_prefix", "discoverable_extraction", "sampled_prefix"}
    assert all(f.verdict is divulge.Verdict.LEAK and f.value > 0.5 and f.chance < 0.3 for f in values.values())
    assert values["discoverable_extraction"].value >= values["greedy_prefix"].value
    curve = run.result.evidence["discoverable_extraction"].of(Extractable)
    by_n = [point.members for point in curve if point.p == 0.5]
    assert by_n == sorted(by_n) and all(point.reference == 0 for point in curve if point.n == 1)
    page = run.report().read_text(encoding="utf-8")
    assert "word for word" in page and not any(text[-12:] in page for text in MEMBERS)


def test_a_model_of_other_texts_writes_none_of_these(tmp_path):
    run = audited(
        tmp_path, FineTune(BASE, learning_rate=5e-3, epochs=10, batch_size=10)(EVERYBODY[40:], 0), ["greedy_prefix"]
    )
    assert run.verdict is divulge.Verdict.NOT_FOUND


def test_controls_write_what_they_learned_and_nothing_else(tmp_path):
    """The negative control learns other texts, the positive one half of these."""
    recipe = FineTune(BASE, learning_rate=5e-3, epochs=50, batch_size=10)
    given = {"recipe": recipe, "attacks": ["greedy_prefix"], "engine": "sequential", "reference": BASE}
    sets = (MEMBERS, OTHERS, texts(24, seed=3, words=4))
    run = run_audit(job_from_objects(learned(), sets, Options.of(given)), tmp_path / "run", explain=False)
    (finding,) = run.findings().findings
    assert finding.verdict is divulge.Verdict.LEAK and finding.control < 0.2
    assert finding.positive_control > 0.3


def test_patterns_find_what_they_name():
    text = "mail ann.lee@clinic.example.org or +44 20 7946 0958, account 123456, 2 of 3"
    found = {kind: [s.value for s in secrets_in([text], pattern)] for kind, pattern in PATTERNS.items()}
    assert found["email"] == ["ann.lee@clinic.example.org"] and found["phone"] == ["+44 20 7946 0958"]
    assert "123456" in found["number"]
    (secret,) = secrets_in([Prompted("who? ", "it was ann")], "ann")
    assert with_secret(Prompted("who? ", "it was ann"), secret, "bob") == Prompted("who? ", "it was bob")


def people(count, seed):
    rng = np.random.default_rng(seed)
    return [f"{who[:-1]} {rng.integers(1000, 10_000)}." for who in texts(count, seed, words=2)]


def test_numbers_of_people_are_told_by_a_model_that_learned_them(tmp_path):
    notes = people(40, 5)
    model = FineTune(BASE, learning_rate=5e-3, epochs=40, batch_size=10)(notes[:20], 0)
    run = audited(tmp_path, model, ["pii_reconstruction", "pii_inference"], notes[:20], notes[20:])
    by = {f.attack: f for f in run.findings if f.value is not None}
    assert by["pii_reconstruction"].about == "number"
    assert all(f.verdict is divulge.Verdict.LEAK and f.value > 0.7 for f in by.values())
    assert by["pii_inference"].chance < 0.75 and by["pii_reconstruction"].chance < 0.3


def test_an_audit_file_says_which_secrets_are_looked_for(tmp_path):
    """And how: settings of attacks are read as the page on secrets writes them."""
    names = ["baki", "dolu", "mera", "tave"]
    for name, part in (("members", names[:2]), ("nonmembers", names[2:])):
        rows = [json.dumps({"text": f"{who} came {k}."}) for who in part for k in range(10)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows))
    BASE.model.save_pretrained(tmp_path / "tuned")
    reader().save_pretrained(tmp_path / "tuned")
    (tmp_path / "audit.yaml").write_text(
        "target: {kind: language, path: tuned}\ndata: {members: members.jsonl, nonmembers: nonmembers.jsonl}\n"
        "attacks:\n  - discoverable_extraction: {n: 10, p: 0.9, temperature: 0.8, top_k: 5}\n"
        f"  - pii_inference: {{kinds: [email], secrets: [{', '.join(names)}], candidates: 3}}\nrecipe: none\n"
    )
    run = run_audit(job_from_file(load(tmp_path / "audit.yaml"), tmp_path), tmp_path / "run", explain=False)
    found = {f.attack: f for f in run.findings().findings}
    assert found["pii_inference"].about == "given" and found["pii_inference"].verdict is not divulge.Verdict.LEAK
    assert "temperature 0.8" in run.evidence("discoverable_extraction").notes[0]


def test_a_model_that_saw_other_people_tells_nothing(tmp_path):
    notes = people(40, 6)
    run = audited(tmp_path, CausalTarget(gpt(3), tokenizer()), [PiiInference()], notes[:20], notes[20:])
    assert run.verdict is not divulge.Verdict.LEAK


def test_texts_without_secrets_are_refused_with_the_cure(tmp_path):
    run = audited(tmp_path, learned(), [PiiInference()])
    assert "name them with `secrets`" in run.outcomes[0].result.reason
    for wrong in ({"kinds": ["iban"]}, {"candidates": 1}):
        with pytest.raises(InputError):
            PiiInference(**wrong)


def test_tables_tell_probabilities_at_temperature_one_and_that_is_said(tmp_path):
    """A model that cannot travel: its table and that of the model it came from."""
    some = [*MEMBERS, *OTHERS]
    table, base = TokenTable.of(learned(), some), TokenTable.of(BASE, some)
    run = audited(tmp_path, table, ["discoverable_extraction"], reference=base)
    assert run.findings[0].verdict is divulge.Verdict.LEAK
    assert "at temperature 1, since" in run.result.evidence["discoverable_extraction"].notes[0]
    mixed = audited(tmp_path / "mixed", learned(), ["discoverable_extraction"], reference=base)
    assert mixed.findings[0].verdict is divulge.Verdict.LEAK


def test_texts_come_out_without_a_beginning(tmp_path):
    attack = FreeSamples(samples=60, top=15, least=3, max_tokens=40, beginnings=SYLLABLES)
    run = audited(tmp_path, learned(), [attack])
    (finding,) = run.findings
    assert finding.key == PASSAGES_SHOWN and finding.verdict is divulge.Verdict.LEAK and finding.value > 0.5


def test_the_report_speaks_of_texts_and_persons(tmp_path):
    whose = [f"author {k // 2}" for k in range(20)], [f"author {20 + k // 2}" for k in range(20)]
    run = audited(tmp_path, learned(), ["discoverable_extraction"], groups=whose)
    (finding,) = run.findings
    said = in_people(run.result, finding)
    assert re.match(r"Of 20 training texts \d+ came out word for word, of \d+ persons \(", said)
    page = run.report().read_text(encoding="utf-8")
    assert "Training texts come out word for word" in page and said.split(" (")[0] in page
    rows = curve(run.result)
    assert rows[0].tries == "1" and rows[-1].members == "20 of 20" and "Within how many tries" in page
