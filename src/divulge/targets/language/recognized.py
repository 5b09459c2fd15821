"""Language models as they are passed: objects of transformers and peft, pairs with a tokenizer, folders."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from divulge.core.errors import InputError, MissingExtra, raised
from divulge.core.target import Target
from divulge.targets.language.gguf import from_gguf, is_gguf

Loaded = tuple[Any, Any, Any]
"""A model, its tokenizer, and the model that it was trained on from, with none of its own; None where there is none."""


def is_causal(model: Any) -> bool:
    """Whether it is a causal language model of transformers, with adapters of peft or without; told without loading
    either.
    """
    kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(model).__mro__]
    if any(kind.startswith("peft.") for kind in kinds):
        return is_causal(model.get_base_model())
    named = any(part in type(model).__name__ for part in ("ForCausalLM", "LMHeadModel"))
    return named and any(kind.startswith("transformers.") for kind in kinds)


def is_pair(model: Any) -> bool:
    """Whether it is such a model together with its tokenizer."""
    return isinstance(model, tuple) and len(model) == 2 and is_causal(model[0])


def is_folder(path: Any) -> bool:
    """Whether it is a folder in which such a model, or an adapter of one, was saved, or a GGUF file of one."""
    if not isinstance(path, str | Path):
        return False
    folder = Path(path)
    return is_gguf(folder) or any((folder / name).is_file() for name in ("config.json", "adapter_config.json"))


def causal_target(model: Any, name: str | None = None, base: Any = None, max_tokens: int | None = None) -> Target:
    """The target.  base: of an adapter, or what a model was trained on from.  Raises InputError where none is."""
    try:
        from divulge.targets.language.causal import CausalTarget
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "torch", "text") from error
    start = None
    if is_folder(model):
        loaded, tokenizer, plain = load(Path(model), base)
        name, start = name or Path(model).name, plain
    else:
        loaded, tokenizer = model if isinstance(model, tuple) else (model, getattr(model, "tokenizer", None))
        if base is not None:
            start = load(Path(base), None)[:2] if is_folder(base) else base if isinstance(base, tuple) else (base, None)
    first = None
    if start is not None:
        first = CausalTarget(start[0], start[1] or tokenizer, max_tokens=max_tokens, name="the base model")
    return CausalTarget(loaded, tokenizer, max_tokens=max_tokens, name=name, start=first)


def load(folder: Path, base: Any = None) -> Loaded:
    """What was saved in a folder: safetensors alone, no code of its own is run, nothing is fetched.  An adapter is
    merged into its base.  Of a GGUF file the weights are unpacked.
    """
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "transformers", "text") from error
    if is_gguf(folder):
        return (*from_gguf(folder), _started(base))
    if (folder / "adapter_config.json").is_file():
        return _with_adapter(folder, base)
    if not any(folder.glob("*.safetensors")):
        raise InputError(f"{folder}: holds no safetensors: save the model with save_pretrained(folder)")
    how: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **how)
    except Exception as error:  # a foreign folder may make its reader raise anything
        raise InputError(f"{folder}: cannot be read as a causal language model ({raised(error)})") from error
    ready: Any = model
    return ready.eval(), _tokenizer(folder, AutoTokenizer, how), _started(base)


def _started(base: Any) -> Any:
    """The model in this folder and its tokenizer, None where it is no folder."""
    return load(Path(base), None)[:2] if base is not None and is_folder(base) else None


def _tokenizer(folder: Path, reader: Any, how: dict[str, Any]) -> Any:
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json")):
        return None
    try:
        return reader.from_pretrained(folder, **how)
    except Exception as error:
        raise InputError(f"{folder}: its tokenizer cannot be read ({raised(error)})") from error


def _with_adapter(folder: Path, base: Any) -> Loaded:
    try:
        from peft import PeftModel
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "peft", "text") from error
    if not (folder / "adapter_model.safetensors").is_file():
        raise InputError(f"{folder}: holds no adapter_model.safetensors: save the adapter with save_pretrained(folder)")
    said = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8")).get("base_model_name_or_path")
    if base is None and said and is_folder(said):
        base = said
    if base is None or not is_folder(base):
        raise InputError(f"{folder}: is an adapter of {said!r}: say in which folder that lies, base: FOLDER")
    model, tokenizer, _ = load(Path(base))
    start, _, _ = load(Path(base))
    try:
        with warnings.catch_warnings():  # peft asks transformers by a former name
            warnings.simplefilter("ignore", FutureWarning)
            merged = PeftModel.from_pretrained(model, folder, local_files_only=True).merge_and_unload()
    except Exception as error:
        raise InputError(f"{folder}: the adapter does not fit the model in {base} ({raised(error)})") from error
    from transformers import AutoTokenizer

    own = _tokenizer(folder, AutoTokenizer, {"trust_remote_code": False, "local_files_only": True})
    return merged.eval(), own or tokenizer, (start, own or tokenizer)
