"""What an audit file may do to the machine that it is read on: the limits of a model's code, and no code at all."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from divulge.core.boundary.offline import go_offline
from divulge.core.boundary.secret import variables_in
from divulge.core.boundary.watch import limit, watcher
from divulge.core.errors import InputError, Notice
from divulge.setup.audit_file import AuditFile
from divulge.setup.parts import RecipePart
from divulge.targets.kinds import kinds

OF_THE_MACHINE = 0.9
"""The share of its memory that a process may take where nobody says."""


def confine(audit: AuditFile, engine: str | None = None) -> None:
    """Put the limits of an audit file in force in this process, where another one watches it: for its time and memory,
    and without network where it runs code of a model and needs none.  A Notice says where that cannot be had.
    """
    if watcher() is None:
        return
    service = audit.target.kind == "http"
    limits = audit.limits
    limit(0.0 if service else limits.seconds, limits.memory * 1e9 if limits.memory else OF_THE_MACHINE * memory_here())
    if runs_code(audit) and not limits.network and not _needs_network(audit, engine) and not go_offline():
        warnings.warn("the network cannot be taken from the model's code on this system", Notice, stacklevel=2)


def runs_code(audit: AuditFile) -> bool:
    """Whether reading and asking the model of an audit file runs code of whoever wrote it."""
    return bool(list(_code(audit)))


def _needs_network(audit: AuditFile, engine: str | None) -> bool:
    data = audit.data
    downloads = data is not None and data.source is not None
    return (
        audit.target.kind == "http"
        or downloads
        or (engine or audit.engine) == "ray"
        or audit.target.encrypted == "mpc"
        or bool(audit.defenses)
    )


def refuse_code(audit: AuditFile, folder: Path) -> None:
    """For a file that nobody has looked at: raises InputError, which names the keys, where it would run code, send
    what the environment holds, or read what does not lie beside it.
    """
    named = [*_code(audit), *_secrets(audit), *_outside(audit, folder)]
    if named:
        raise InputError(
            f"--untrusted: {', '.join(named)}: such an audit file runs code, sends secrets or reads files that do not "
            "lie beside it: leave these keys out, or look at the file and run it without --untrusted"
        )


def _code(audit: AuditFile) -> Iterator[str]:
    target, recipe = audit.target, audit.recipe
    for key in ("trust", "factory", "modules", "trusted_modules"):
        if getattr(target, key):
            yield f"target.{key}"
    if target.kind in kinds():
        yield f"target.kind ({target.kind}, of an installed package)"
    if isinstance(recipe, RecipePart) and recipe.factory is not None:
        yield "recipe.factory"


def _secrets(audit: AuditFile) -> Iterator[str]:
    """Keys by which a service is sent what the environment holds."""
    service = audit.target.service
    if service is None:
        return
    if service.headers:
        yield "target.service.headers"
    for key in ("url", "request"):
        for name in variables_in(getattr(service, key)):
            yield f"target.service.{key} (${{{name}}})"


def _outside(audit: AuditFile, folder: Path) -> Iterator[str]:
    """Keys whose paths lead out of the folder of an audit file."""
    home = folder.resolve()
    for where, path in _paths(audit.model_dump(), ""):
        if not (home / path).resolve().is_relative_to(home):
            yield f"{where} ({path})"


def _paths(value: Any, where: str) -> Iterator[tuple[str, Path]]:
    if isinstance(value, Path):
        yield where, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _paths(inner, where)
    elif where == "policy" and isinstance(value, str):
        yield where, Path(value)


def memory_here() -> float:
    """The bytes of memory that this machine, or the group of processes that this one is in, may take; 0 where nobody
    knows.
    """
    found = []
    for place, scale in (("/proc/meminfo", 1024), ("/sys/fs/cgroup/memory.max", 1)):
        try:
            first = Path(place).read_text(encoding="ascii").split()
            found.append(int(first[1] if scale > 1 else first[0]) * scale)
        except (OSError, ValueError, IndexError):
            continue
    return float(min(found, default=0))
