"""Kinds of models that installed packages bring: how they are recognised, loaded, and made targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from divulge.core.errors import InputError, raised
from divulge.core.plugins import loaded
from divulge.core.target import Target

GROUP = "divulge.targets"
"""Entry point group in which an installed package announces kinds of models: name = 'package.module:KIND'."""

OWN = (
    "sklearn",
    "torch",
    "onnx",
    "scores",
    "http",
    "keras",
    "booster",
    "function",
    "generator",
    "synthetic",
    "counts",
    "language",
    "token_table",
    "openai",
)
"""Names of what divulge adapts itself."""


@dataclass(frozen=True)
class TargetKind:
    """A kind of model, and the adapter that makes a target of one."""

    name: str
    """Of its entry point, and of `target.kind` in an audit file."""
    recognizes: Callable[[Any], bool]
    """Whether a model, as it is passed to `divulge.audit` or made by a recipe, is of this kind.  Asked before anything
    is taken for an estimator or a function; never about networks of PyTorch or Keras, nor about what is a Target."""
    adapt: Callable[[Any, str | None], Target]
    """A model, and what a person calls it, None where nobody said: the target."""
    load: Callable[..., Any] | None = None
    """What `target: {kind: NAME, path: ..., settings: {...}}` names: called as load(path, **settings), path None where
    the file has none; returns a model.  None where such models come from Python alone."""

    def loaded(self, path: Path | None, settings: dict[str, Any]) -> Any:
        """The model of an audit file; raises InputError where it cannot be loaded."""
        if self.load is None:
            raise InputError(f"target.kind: models of kind {self.name!r} are not loaded from files: use divulge.audit")
        try:
            return self.load(path, **settings)
        except Exception as error:  # a loader of a stranger may raise anything
            raise InputError(f"target: a model of kind {self.name!r} cannot be loaded: {raised(error)}") from error


@cache
def kinds() -> dict[str, TargetKind]:
    """Those that installed packages announce; raises InputError for one that cannot be loaded."""
    return loaded(GROUP, TargetKind, OWN, lambda kind: kind.name)


def kind_of(model: Any) -> TargetKind | None:
    """The announced kind of a model; raises InputError where a recogniser fails, or two kinds claim it."""
    claims = []
    for kind in kinds().values():
        try:
            if kind.recognizes(model):
                claims.append(kind)
        except Exception as error:
            raise InputError(f"the target kind {kind.name!r} fails at recognising a model: {raised(error)}") from error
    if len(claims) > 1:
        raise InputError(f"the target kinds {claims[0].name!r} and {claims[1].name!r} both claim this model")
    return claims[0] if claims else None
