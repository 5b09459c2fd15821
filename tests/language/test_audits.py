"""Audits of language models: who was in the fine-tune, from Python and from an audit file."""

from __future__ import annotations

import json
from functools import lru_cache

import numpy as np
import pytest

import divulge
from divulge.auditing.job import BoundRecipe
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import DEFAULT_TEXTS, DEFAULT_TEXTS_WITH_SHADOWS
from divulge.cli import app
from divulge.core.errors import InputError
from divulge.core.language.texts import as_records
from divulge.core.threat import PRESETS, Access
from divulge.language import CausalTarget, FineTune, TokenTable
from divulge.runs.folder import RunFolder
from divulge.setup.audit_file import load
from divulge.setup.from_file import job_from_file
from divulge.setup.from_objects import job_from_objects
from divulge.setup.settings import Options
from divulge.training.shadow import ShadowTrainer
from divulge.workflows.run_audit import run_audit
from tests.language.tiny import gpt, texts, tokenizer

BASE = CausalTarget(gpt(width=48), tokenizer(), name="tiny")
EVERYBODY = texts(180, words=4)
MEMBERS, OTHERS, REST = EVERYBODY[:60], EVERYBODY[60:120], EVERYBODY[120:]
RECIPE = FineTune(BASE, learning_rate=5e-3, epochs=14, batch_size=10)
BOTH = ["token_loss", "reference_ratio"]
UNTRAINED = {*BOTH, "zlib_ratio", "min_k", "min_k_plus", "window_votes", "error_zone", "reference_blend"}
"""What is played where nobody named attacks and nothing is trained."""


@lru_cache
def learned():
    """By heart, mostly."""
    return RECIPE(MEMBERS, 0)


def found(run):
    """AUC and its verdict by attack."""
    return {f.attack: (f.value, f.verdict.value) for f in run.findings if f.metric == "auc"}


def audited(tmp_path, model, *sets, **options):
    return divulge.audit(model, *sets, out=tmp_path / "run", progress=None, **({"recipe": None} | options))


def played(folder, job):
    """The attacks alone, without looking into why it leaks: AUC findings by attack."""
    run = run_audit(job, folder, explain=False)
    return {f.attack: f for f in run.findings().findings if f.metric == "auc"}


def test_texts_learned_by_heart_are_a_leak(tmp_path):
    run = audited(tmp_path, learned(), MEMBERS, OTHERS)
    assert run.verdict is divulge.Verdict.LEAK
    assert set(found(run)) == UNTRAINED
    assert all(value > 0.7 and told == "leak" for value, told in found(run).values())
    assert run.default_membership_attack == DEFAULT_TEXTS and found(run)[DEFAULT_TEXTS][0] > 0.85
    met = run.result.handshake
    assert met.measure == "loss per token" and met.members < met.nonmembers
    assert all(outcome.queries == 120 for outcome in run.outcomes if outcome.attack in UNTRAINED)
    assert any("first 64 tokens" in line for line in run.result.training)
    assert "token log-probabilities" in run.report().read_text(encoding="utf-8")


def test_a_model_that_saw_other_texts_leaks_nothing(tmp_path):
    run = audited(tmp_path, RECIPE(REST, 0), MEMBERS, OTHERS)
    assert run.verdict is not divulge.Verdict.LEAK
    assert all(abs(value - 0.5) < 0.2 for value, _ in found(run).values())


def test_a_model_that_was_never_trained_leaks_nothing(tmp_path):
    run = audited(tmp_path, (gpt(5), tokenizer()), MEMBERS, OTHERS)
    assert run.verdict is not divulge.Verdict.LEAK
    assert run.result.handshake.faults and "by lot" in run.result.handshake.faults[0]


def test_token_numbers_are_texts_too_and_with_a_next_token(tmp_path):
    """The form of models that predict one token: rows of tokens and what follows.  It was declared clean once."""
    ids = [tokenizer()(text)["input_ids"][:12] for text in EVERYBODY]
    x, y = np.array(ids)[:, :-1], np.array(ids)[:, -1]
    model = FineTune(CausalTarget(gpt(width=48)), learning_rate=5e-3, epochs=30, batch_size=10)
    known = model([tuple(row) for row in ids[:60]], 0).model
    for place, (members, others) in enumerate([((x[:60], y[:60]), (x[60:120], y[60:120])), (ids[:60], ids[60:120])]):
        run = audited(tmp_path / str(place), known, members, others, attacks=["token_loss"])
        assert found(run)["token_loss"][0] > 0.85 and run.verdict is divulge.Verdict.LEAK


def test_controls_are_trained_by_the_recipe(tmp_path):
    small = FineTune(BASE, learning_rate=5e-3, epochs=5, batch_size=10)
    options = Options.of({"recipe": small, "attacks": BOTH, "engine": "sequential"})
    job = job_from_objects(small(MEMBERS[:30], 0), (MEMBERS[:30], OTHERS[:30], REST[:30]), options)
    areas = played(tmp_path / "run", job)
    assert set(areas) == {*BOTH}
    assert all(abs(f.control - 0.5) < 0.25 and f.positive_control > 0.75 for f in areas.values())
    assert all(f.baseline is not None for f in areas.values())


def test_shadow_fine_tunes_find_more_and_are_trained_on_complementary_halves(tmp_path):
    """By an adversary who knows how the model was trained."""
    short = FineTune(BASE, learning_rate=5e-3, epochs=5, batch_size=10)
    attacks = ["text_rmia", "token_lira", "token_loss", DEFAULT_TEXTS_WITH_SHADOWS]
    options = Options.of({"recipe": short, "attacks": attacks, "shadows": 4, "threat": "published-model"})
    job = job_from_objects(short(MEMBERS[:30], 0), (MEMBERS[:30], OTHERS[:30]), options)
    areas = played(tmp_path / "run", job)
    assert set(areas) == set(attacks) and all(areas[name].value > 0.75 for name in attacks if name != "token_loss")
    assert areas[DEFAULT_TEXTS_WITH_SHADOWS].value > areas["token_loss"].value - 0.02


def test_shadow_models_answer_once_for_all_attacks():
    recipe = FineTune(CausalTarget(gpt(width=16, layers=1), tokenizer()), epochs=1)
    records = as_records(MEMBERS[:24])
    pool = ShadowTrainer(BoundRecipe(recipe, lambda model: model), records, 0)
    shadows = pool.pool(2, lambda t: GrantedOracle(t, PRESETS["mlaas"], Access.TOKEN_LOGPROBS, free=True))
    asked = []
    for remembered in shadows.targets:
        inner = remembered.target
        inner.answer = lambda access, r, inner=inner, real=inner.answer: asked.append(1) or real(access, r)
    first = shadows.token_signals(records, lambda scores: scores.mean_of(scores.logprob))
    second = shadows.token_signals(records, lambda scores: scores.sum_of(scores.logprob))
    assert first.shape == second.shape == (2, 24) and len(asked) == 2
    assert (shadows.keep.sum(axis=0) == 1).all()


def test_persons_are_counted_whole(tmp_path):
    authors = [f"author {k // 3}" for k in range(60)], [f"author {20 + k // 3}" for k in range(60)]
    run = audited(tmp_path, learned(), MEMBERS, OTHERS, groups=authors, attacks=["token_loss"])
    assert run.result.facts.data.member_persons == 20
    assert found(run)["token_loss"][0] > 0.9


def test_tables_audit_a_model_that_cannot_travel(tmp_path, monkeypatch):
    some = [*MEMBERS, *OTHERS]
    TokenTable.of(learned(), some).save(tmp_path / "target.jsonl")
    TokenTable.of(BASE, some).save(tmp_path / "base.jsonl")
    for name, part in (("members", MEMBERS), ("nonmembers", OTHERS)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in part))
    (tmp_path / "audit.yaml").write_text(
        "target: {kind: token_table, path: target.jsonl}\nreference: base.jsonl\nrecipe: none\n"
        "data: {members: members.jsonl, nonmembers: nonmembers.jsonl}\nfamilies: [membership]\n"
    )
    typed = ["divulge", "audit", str(tmp_path / "audit.yaml"), "--out", str(tmp_path / "run")]
    monkeypatch.setattr("sys.argv", typed)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 1  # a leak
    (folder,) = (path for path in (tmp_path / "run").iterdir() if path.is_dir())
    areas = {f.attack: f.value for f in RunFolder(folder).findings().findings if f.metric == "auc"}
    assert set(areas) == UNTRAINED and min(areas[name] for name in BOTH) > 0.8


def test_an_audit_file_names_folders_and_how_they_were_fine_tuned(tmp_path):
    for name, target in (("base", BASE), ("tuned", learned())):
        target.model.save_pretrained(tmp_path / name)
        tokenizer().save_pretrained(tmp_path / name)
    for name, part in (("members", MEMBERS[:20]), ("nonmembers", OTHERS[:20]), ("population", REST[:20])):
        lines = "\n".join(f'"{text}",{k}' for k, text in enumerate(part))
        (tmp_path / f"{name}.csv").write_text(f"note,number\n{lines}\n")
    (tmp_path / "audit.yaml").write_text(
        """
target: {kind: language, path: tuned, base: base, max_tokens: 24}
data: {members: members.csv, nonmembers: nonmembers.csv, population: population.csv, text: note}
recipe: {kind: fine_tune, method: lora, epochs: 1, batch_size: 10, learning_rate: 0.001}
attacks: [token_loss, reference_ratio]
"""
    )
    job = job_from_file(load(tmp_path / "audit.yaml"), tmp_path)
    assert job.reference is not None and job.recipe is not None and job.target.max_tokens == 24
    assert "adapters of rank 8, 1 epochs" in job.recipe.describe()
    areas = played(tmp_path / "run", job)
    assert set(areas) == {*BOTH} and all(f.value > 0.65 for f in areas.values())


def test_what_speaks_of_language_models_is_refused_elsewhere(tmp_path):
    with pytest.raises(InputError, match="reference"):
        x, y = np.arange(40.0).reshape(20, 2), [0, 1] * 10
        audited(tmp_path, lambda x: np.full((len(x), 2), 0.5), (x, y), (x + 0.5, y), reference=BASE)
    with pytest.raises(InputError, match="members"):
        audited(tmp_path, learned(), MEMBERS)
    run = audited(tmp_path, CausalTarget(gpt(1), tokenizer()), MEMBERS, OTHERS, attacks=["reference_ratio", "lira"])
    reasons = {outcome.attack: outcome.result.reason for outcome in run.outcomes}
    assert "pass `reference`" in reasons["reference_ratio"] and "classification" in reasons["lira"]
