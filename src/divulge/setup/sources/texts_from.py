"""Language models: their texts, what they were trained on from, and how, as Python and audit files have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.auditing.answers import bare
from divulge.auditing.job import BoundRecipe
from divulge.core.capability.declared import able
from divulge.core.capability.targets import ReadsTexts, started_from
from divulge.core.errors import InputError, MissingExtra
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.data.files import existing
from divulge.data.texts import read_texts, text_records
from divulge.setup.parts import GivenObject, RecipePart
from divulge.setup.settings import Options
from divulge.setup.sources.groups import SETS, Labels, with_groups
from divulge.setup.sources.sets import Sets
from divulge.targets.language.recognized import causal_target, is_causal, is_folder, is_pair
from divulge.targets.language.table import TokenTable

if TYPE_CHECKING:
    from divulge.setup.audit_file import DataPart, TargetPart

TABLES = (".jsonl", ".jsonl.gz", ".parquet")


def texts_given(sets: Sequence[Any], options: Options) -> Sets:
    """Members, non-members and population of `divulge.audit`, each a list of texts; see data.texts."""
    if sets[0] is None or sets[1] is None:
        raise InputError("audit() needs members=[texts] and nonmembers=[texts]: what was trained on, and what was not")
    if all(part is None or isinstance(part, Records) for part in sets):
        return with_groups(Sets(sets[0], sets[1], sets[2]), None, options.aggregate)
    there = [part for part in sets if part is not None]
    found = text_records(there, names=["members", "nonmembers", "population"])
    made = Sets(found[0], found[1], found[2] if len(found) > 2 else None)
    return with_groups(made, _labels(options.persons, there), options.aggregate)


def _labels(groups: Any, sets: Sequence[Any]) -> Labels | None:
    """Whose texts they are: labels of each set, or the name of a column, or field, that all sets have."""
    if groups is None:
        return None
    if isinstance(groups, str):
        found: Labels = [_column(part, groups) for part in sets]
        return [*found, *[None] * (len(SETS) - len(found))]
    listed = list(groups) if isinstance(groups, tuple | list) else []
    if len(listed) not in (2, 3) or any(isinstance(part, str | int) for part in listed):
        raise InputError("groups must be (authors of members, authors of non-members), one label a text, or a column")
    return [*listed, *[None] * (len(SETS) - len(listed))]


def _column(texts: Any, name: str) -> Any:
    columns = getattr(texts, "columns", None)
    columns = getattr(texts, "column_names", None) if columns is None else columns
    if columns is not None and name in list(columns):
        return np.asarray(list(texts[name]), dtype=object)
    if columns is None and all(isinstance(row, Mapping) and name in row for row in texts):
        return np.asarray([row[name] for row in texts], dtype=object)
    raise InputError(f"groups: the texts have no column {name!r}: pass (authors of members, authors of non-members)")


def texts_in(part: DataPart, folder: Path) -> Sets:
    """The texts that an audit file names: JSONL, CSV, Parquet, or folders of `datasets`."""
    found, labels = [], []
    groups = part.groups if isinstance(part.groups, str) else None
    for name in ("members", "nonmembers", "population"):
        value = getattr(part, name)
        if isinstance(value, int):
            raise InputError(f"data.{name}: {value} is a number: name a file of texts")
        if value is not None:
            texts, whose = read_texts(folder / value, f"data.{name}", part.text, groups)
            found.append(texts)
            labels.append(whose)
    made = text_records(found, names=["data.members", "data.nonmembers", "data.population"])
    persons = None if groups is None else [*labels, *[None] * (len(SETS) - len(labels))]
    return with_groups(Sets(made[0], made[1], made[2] if len(made) > 2 else None), persons, part.aggregate)


def reference_from(options: Options, target: Target, recipe: Recipe | None) -> Target | None:
    """The model that never saw the texts: the one that was named, else what the target, or the recipe, starts from."""
    if target.task is not Task.LANGUAGE:
        if options.reference is not None:
            raise InputError("reference: compares language models, and this is none: leave it out")
        return None
    if options.reference is not None:
        given = options.reference
        found = named_model(given.value if isinstance(given, GivenObject) else options.path(given), bare(target))
        if Access.TOKEN_LOGPROBS not in found.offers:
            raise InputError(f"reference: {found.name} tells no token log-probabilities")
        return found
    start = started_from(bare(target))
    return start if start is not None or not isinstance(recipe, BoundRecipe) else started_from(recipe.recipe)


def named_model(given: Any, like: Target | None = None) -> Target:
    """A language model that is a target, an object of transformers, a folder, or a table; read like another one."""
    if isinstance(given, str | Path) and str(given).endswith(TABLES):
        return TokenTable.load(Path(given))
    tokenizer = getattr(like, "tokenizer", None)
    most = like.max_tokens if able(like, ReadsTexts) else None
    if is_causal(given) and getattr(given, "tokenizer", None) is None:
        return causal_target((given, tokenizer), max_tokens=most)
    if is_causal(given) or is_pair(given) or is_folder(given):
        return causal_target(given, max_tokens=most)
    if all(hasattr(given, part) for part in ("answer", "offers", "task", "fingerprint")):
        found: Target = given
        return found
    raise InputError(f"reference: {given!r:.80} is no language model, no folder of one, and no table")


def language_model_in(part: TargetPart, folder: Path) -> Target:
    """The language model of an audit file."""
    if part.kind == "openai":
        assert part.service is not None
        try:
            from divulge.targets.language.openai import openai_from
        except ModuleNotFoundError as error:
            raise MissingExtra(error.name or "httpx", "http") from error
        return openai_from(part.service, part.model, part.name)
    path = folder / part.file
    if part.kind == "token_table":
        return TokenTable.load(existing(path, "target.path"), part.name)
    if not is_folder(path):
        raise InputError(f"target.path: {path} is no folder in which a language model was saved")
    base = folder / part.base if part.base is not None else None
    if base is not None and not is_folder(base):
        raise InputError(f"target.base: {base} is no folder in which a language model was saved")
    return causal_target(path, part.name, base, part.max_tokens)


def fine_tune_in(part: RecipePart, target: Target, folder: Path) -> Any:
    """The recipe `fine_tune` of an audit file, with the defaults of FineTune."""
    from divulge.training.recipes.fine_tune import FineTune

    base = started_from(bare(target)) if part.base is None else named_model(folder / part.base, bare(target))
    if base is None:
        raise InputError("recipe.base: is missing: from which model is it fine-tuned? Name its folder")
    names = (
        *("method", "rank", "alpha", "epochs", "batch_size", "learning_rate", "weight_decay", "max_tokens"),
        *("proxy_layers", "proxy_learning_rate"),
    )
    said: dict[str, Any] = {name: getattr(part, name) for name in names if name in part.model_fields_set}
    return FineTune(base, **said)
