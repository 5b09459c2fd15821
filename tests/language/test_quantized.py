"""Language models whose weights are kept in few bits: asked as they are, trained only where that can be done."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

import numpy as np
from transformers import LlamaConfig, LlamaForCausalLM

from divulge.core.errors import InputError
from divulge.core.language.texts import as_records
from divulge.core.threat import Access
from divulge.language import CausalTarget, FineTune
from divulge.setup.sources.targets_from import target_from
from tests.language.tiny import texts, tokenizer


def _llama():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer()),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
    )
    return LlamaForCausalLM(config).eval()


class _Int8(torch.nn.Module):
    """Weights in eight bits and a scale for each row, as libraries of quantization keep them."""

    def __init__(self, linear):
        super().__init__()
        scale = linear.weight.data.abs().amax(1, keepdim=True) / 127
        self.scale = torch.nn.Parameter(scale, requires_grad=False)
        whole = (linear.weight.data / scale).round().to(torch.int8)
        self.weight = torch.nn.Parameter(whole, requires_grad=False)

    def forward(self, x):
        return x @ (self.weight.to(x.dtype) * self.scale).T


def _int8(model):
    packed = copy.deepcopy(model)
    for part in list(packed.model.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, torch.nn.Linear):
                setattr(part, name, _Int8(child))
    return packed


def _dynamic(model):
    return torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {torch.nn.Linear}, dtype=torch.qint8)


@pytest.mark.parametrize("pack", [_int8, _dynamic])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:torch.quantize_per_tensor:UserWarning")
def test_it_answers_nearly_as_the_whole_model_and_is_not_trained(pack):
    whole, records = _llama(), as_records(texts(6))
    target = target_from((pack(whole), tokenizer()))
    plain = CausalTarget(whole, tokenizer()).answer(Access.TOKEN_LOGPROBS, records)[..., 0]
    packed = target.answer(Access.TOKEN_LOGPROBS, records)[..., 0]
    assert np.nanmax(np.abs(plain - packed)) < 0.05
    assert target.fingerprint() != CausalTarget(whole, tokenizer()).fingerprint()
    for method in ("full", "lora"):
        with pytest.raises(InputError, match="its weights are quantized"):
            FineTune(target, method=method)


def test_a_gguf_file_says_what_reads_it(tmp_path):
    path = tmp_path / "small.gguf"
    path.write_bytes(b"GGUF nothing")
    with pytest.raises(InputError, match=r"pip install gguf|cannot be read as a causal language model"):
        target_from(path)
    with pytest.raises(InputError, match="name the GGUF file itself"):
        target_from(tmp_path)
