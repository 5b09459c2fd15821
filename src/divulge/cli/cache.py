"""`divulge cache`: what earlier runs left for later ones."""

from __future__ import annotations

from typing import Annotated

import typer

from divulge.cli.screen import out
from divulge.core.wording import counted


def cache(clear: Annotated[bool, typer.Option("--clear", help="throw everything away")] = False) -> None:
    """Say where models, answers and guesses are kept and what they take; DIVULGE_CACHE_LIMIT bounds it in bytes."""
    from divulge.training.artifact_cache import default_cache

    artifact_cache = default_cache()
    if clear:
        artifact_cache.clear()
    number, size = artifact_cache.usage()
    out.print(
        f"{artifact_cache.folder}: {counted(number, 'thing')}, {_size(size)} of at most {_size(artifact_cache.limit)}",
        soft_wrap=True,
    )
    if artifact_cache.store is not None:
        out.print(f"shared with other machines: {artifact_cache.store.shown()}", soft_wrap=True)


def _size(size: int) -> str:
    return f"{size / 1024**3:.2f} GiB" if size >= 1024**3 // 10 else f"{size / 1024**2:.1f} MiB"
