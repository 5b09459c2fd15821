"""GGUF files, as llama.cpp and its kin keep quantized language models: unpacked, and read by transformers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from divulge.core.errors import InputError, raised


def is_gguf(path: Path) -> bool:
    """Whether it is such a file."""
    return path.suffix.lower() == ".gguf" and path.is_file()


def from_gguf(path: Path) -> tuple[Any, Any]:
    """The model and its tokenizer.  Its weights are float32 of the values that the file's few bits stand for, so that
    it answers as the quantized one does, but for what an engine rounds on its way.

    Raises InputError where the reader is not installed, or it cannot read the file.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if find_spec("gguf") is None:
        raise InputError(
            f"{path}: a GGUF file is read with a package of its own: pip install gguf (or serve the file, by "
            "llama.cpp's server say, and audit the address: kind: openai)"
        )
    how: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True, "trust_remote_code": False}
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(path.parent, **how)
        tokenizer = AutoTokenizer.from_pretrained(path.parent, **how)
    except Exception as error:  # a foreign file may make its reader raise anything
        raise InputError(f"{path}: cannot be read as a causal language model ({raised(error)})") from error
    return model.eval(), tokenizer
