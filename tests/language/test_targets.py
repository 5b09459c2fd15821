"""Language models as targets: what is said of each token, checked by hand, and that company does not change it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from divulge.core.errors import InputError, TargetError
from divulge.core.language.texts import Chat, Prompted, as_records
from divulge.core.language.token_scores import of_padded, of_texts
from divulge.core.threat import Access
from divulge.language import CausalTarget, TokenFunction, TokenTable
from divulge.setup.sources.targets_from import target_from
from divulge.targets.language.causal import token_rows
from tests.language.tiny import gpt, texts, tokenizer

TEMPLATE = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }}. {% endfor %}"


def scored(target, given):
    return of_padded(target.answer(Access.TOKEN_LOGPROBS, as_records(given)))


def test_numbers_of_a_token_are_those_worked_out_by_hand():
    """Probabilities 3/4 and 1/4: mean of log p is -0.5623, its standard deviation sqrt(3)/4 * ln 3 = 0.4757."""
    logits = torch.log(torch.tensor([[[0.75, 0.25], [0.5, 0.5]]]))
    rows = token_rows(logits, torch.tensor([[1, 0]]))[0].numpy()
    assert rows[0] == pytest.approx([np.log(0.25), -0.562335, np.sqrt(3) / 4 * np.log(3), 1, 1], abs=1e-5)
    assert rows[1] == pytest.approx([np.log(0.5), np.log(0.5), 0, 0, 0], abs=1e-5)


def test_a_text_is_scored_alike_alone_and_among_others():
    target = CausalTarget(gpt(), tokenizer())
    some = [*texts(12), "ab", "a longer text with all that may stand in it."]
    together, alone = scored(target, some), [scored(target, [text]) for text in some]
    assert np.abs(together.rows - np.concatenate([one.rows for one in alone])).max() < 1e-5
    assert together.counts.tolist() == [min(len(text), 64) - 1 for text in some]
    assert together.whole


def test_scores_are_those_of_transformers_own_loss():
    model, text = gpt(), texts(1)[0]
    ids = torch.tensor([tokenizer()(text)["input_ids"]])
    with torch.no_grad():
        loss = model(ids, labels=ids).loss.item()
    found = scored(CausalTarget(model, tokenizer()), [text])
    assert -found.mean_of(found.logprob)[0] == pytest.approx(loss, abs=1e-5)
    assert -model(ids).logits[0, :-1].log_softmax(-1).gather(-1, ids[0, 1:, None]).mean().item() == pytest.approx(loss)


def test_of_a_pair_the_completion_alone_is_scored():
    target = CausalTarget(gpt(), tokenizer())
    whole, pair = scored(target, ["badoki lume."]), scored(target, [Prompted("badoki ", "lume.")])
    assert pair.counts.tolist() == [5]
    assert np.allclose(pair.logprob, whole.logprob[-5:], atol=1e-5)


def test_a_chat_is_put_together_by_the_template_of_the_tokenizer():
    target = CausalTarget(gpt(), tokenizer())
    chat = Chat((("user", "ba do"), ("model", "ki")))
    with pytest.raises(InputError, match="chat_template"):
        scored(target, [chat])
    import copy

    templated = copy.deepcopy(tokenizer())
    templated.chat_template = TEMPLATE
    found = scored(CausalTarget(gpt(), templated), [chat])
    assert np.allclose(found.logprob, scored(target, ["user ba do. model ki. "]).logprob, atol=1e-5)


def test_a_text_is_cut_and_the_report_says_so():
    target = CausalTarget(gpt(), tokenizer(), max_tokens=10)
    assert scored(target, ["badokilumenora", "badoki"]).counts.tolist() == [9, 5]
    assert target.provenance_note() == "of each text the first 10 tokens were read; 1 of 2 went on"


def test_what_cannot_be_scored_is_refused_with_the_cure():
    target = CausalTarget(gpt(), tokenizer(), max_tokens=10)
    with pytest.raises(TargetError, match="needs two"):
        scored(target, ["ba do", "b"])
    with pytest.raises(TargetError, match="completion"):
        scored(target, [Prompted("badokilumenora", "ki")])
    with pytest.raises(TargetError, match="token 99"):
        scored(CausalTarget(gpt()), [(1, 99)])
    with pytest.raises(InputError, match="no tokenizer"):
        scored(CausalTarget(gpt()), ["ba do"])
    with pytest.raises(InputError, match="causal"):
        CausalTarget(torch.nn.Linear(2, 2))
    with pytest.raises(TargetError, match="above 0"):
        of_texts([np.array([0.1])])


def test_sampling_follows_the_model_and_the_seed():
    target = CausalTarget(gpt(), tokenizer())
    first, again, other = (target.complete(["ba do"], 4, 1.0, 8, seed) for seed in (1, 1, 2))
    assert first == again != other and len(first[0]) == 4
    (greedy,) = target.complete(["ba do"], 2, 0.0, 6)
    ids = tokenizer()("ba do")["input_ids"]
    for _ in range(6):
        with torch.no_grad():
            ids.append(int(target.model(torch.tensor([ids])).logits[0, -1].argmax()))
    assert greedy == [tokenizer().decode(ids[5:])] * 2


def test_samples_have_the_frequencies_that_scores_say():
    """Of 400 first tokens the commonest occurs as often as its probability says, within 4 standard errors."""
    target = CausalTarget(gpt(width=16, layers=1), tokenizer())
    ids = tokenizer()("ba do")["input_ids"]
    with torch.no_grad():
        p = target.model(torch.tensor([ids])).logits[0, -1].softmax(-1)
    (made,) = target.complete(["ba do"], 400, 1.0, 1, 0)
    letter = tokenizer().decode([int(p.argmax())])
    share, expected = np.mean([text == letter for text in made]), float(p.max())
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / 400)


def test_a_folder_is_the_model_that_was_saved_and_code_in_it_is_not_run(tmp_path):
    model, some = gpt(3), texts(3)
    model.save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    loaded = target_from(tmp_path / "model")
    assert np.allclose(scored(loaded, some).rows, scored(CausalTarget(model, tokenizer()), some).rows, atol=1e-5)
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text("{}")
    (tmp_path / "bare" / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(InputError, match="safetensors"):
        target_from(tmp_path / "bare")


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_is_merged_into_its_base_which_is_then_the_reference(tmp_path):
    from peft import LoraConfig, get_peft_model

    base, some = gpt(3), texts(3)
    base.save_pretrained(tmp_path / "base")
    tokenizer().save_pretrained(tmp_path / "base")
    config = LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, init_lora_weights=False)
    adapted = get_peft_model(gpt(3), config)
    adapted.save_pretrained(tmp_path / "adapter")
    by_hand = scored(CausalTarget(adapted, tokenizer()), some)
    with pytest.raises(InputError, match="base"):
        target_from(tmp_path / "adapter")
    from divulge.targets.language.recognized import causal_target

    loaded = causal_target(tmp_path / "adapter", base=tmp_path / "base")
    assert np.allclose(scored(loaded, some).rows, by_hand.rows, atol=1e-4)
    start = loaded.started_from()
    assert np.allclose(scored(start, some).rows, scored(CausalTarget(base, tokenizer()), some).rows, atol=1e-5)
    assert not np.allclose(scored(start, some).rows, by_hand.rows, atol=1e-2)


def test_models_are_recognised_as_they_are_passed():
    assert isinstance(target_from((gpt(), tokenizer())), CausalTarget)
    bare = target_from(gpt())
    assert isinstance(bare, CausalTarget) and bare.tokenizer is None
    assert scored(bare, [(1, 2, 3)]).counts.tolist() == [2]


def test_a_table_answers_for_the_model_that_it_was_made_of(tmp_path):
    target, some = CausalTarget(gpt(), tokenizer()), [*texts(3), Prompted("ba ", "do.")]
    TokenTable.of(target, some).save(tmp_path / "table.jsonl")
    table = TokenTable.load(tmp_path / "table.jsonl")
    assert np.allclose(scored(table, some[::-1]).rows, scored(target, some[::-1]).rows)
    assert Access.COMPLETIONS not in table.offers
    with pytest.raises(TargetError, match="no row"):
        scored(table, ["another one"])
    own = TokenTable(["ba", "do ki"], [[-1.0], [-0.5, -2.0]])
    assert scored(own, ["do ki"]).logprob.tolist() == [-0.5, -2.0] and not scored(own, ["ba"]).whole
    (tmp_path / "wrong.jsonl").write_text('{"text": "ba"}\n')
    with pytest.raises(InputError, match=r"wrong.jsonl, line 1"):
        TokenTable.load(tmp_path / "wrong.jsonl")


def test_a_function_is_a_language_model():
    target = TokenFunction(lambda given: [np.full(len(text), -1.0) for text in given], name="flat")
    assert scored(target, ["ba", "dok"]).counts.tolist() == [2, 3]
    writer = TokenFunction(write=lambda prefixes, n, temperature, most, seed: [["x"] * n for _ in prefixes])
    assert writer.complete(["a", "b"], 2) == [["x", "x"], ["x", "x"]]
    assert writer.offers == {Access.COMPLETIONS}
    with pytest.raises(InputError, match="score"):
        TokenFunction()
