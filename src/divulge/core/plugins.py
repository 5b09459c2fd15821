"""What installed packages announce through entry points, and how it is loaded: one way for every kind of extension."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from divulge.core.errors import InputError, raised

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Plugin:
    """One entry point of an installed package.  place: what it names, `package.module:object`."""

    group: str
    name: str
    place: str
    package: str
    point: EntryPoint

    def load(self, kind: type[Loaded]) -> Loaded:
        """The object; raises InputError that names package and entry point where there is none of this class."""
        loaded = self.load_any()
        if not isinstance(loaded, kind):
            raise InputError(f"{self} is no {kind.__name__}: name an object of that class there, or remove the package")
        return loaded

    def load_any(self) -> Any:
        """The object, whatever it is; raises InputError as `load` does."""
        try:
            return self.point.load()
        except Exception as error:  # a package of a stranger may raise anything while it is imported
            raise InputError(f"{self} cannot be loaded: {raised(error)}; repair or remove the package") from error

    def __str__(self) -> str:
        return f"{self.name!r} ({self.place}), which the package {self.package} announces as {self.group},"


def announced(group: str, own: Collection[str] = ()) -> dict[str, Plugin]:
    """Entry points of a group by name, nothing loaded.

    own: names that divulge itself has there.  Raises InputError, with package and name, where a package announces one
    of them, or a name that another package has: neither is chosen silently.
    """
    found: dict[str, Plugin] = {}
    for plugin in installed(group):
        if plugin.name in own:
            raise InputError(
                f"the package {plugin.package} announces {plugin.name!r} as {group}, a name that divulge has itself: "
                "rename it there, or remove the package"
            )
        if plugin.name in found:
            raise InputError(
                f"the packages {found[plugin.name].package} and {plugin.package} both announce {plugin.name!r} as "
                f"{group}: remove one of them"
            )
        found[plugin.name] = plugin
    return found


def installed(group: str) -> Iterator[Plugin]:
    """Entry points of a group in the order of their names, whether or not they clash."""
    for point in _points(entry_points, group, tuple(sys.path)):
        package = point.dist.name if point.dist is not None else point.module
        yield Plugin(group, point.name, point.value, package, point)


def loaded(
    group: str, kind: type[Loaded], own: Collection[str] = (), named: Callable[[Loaded], str] | None = None
) -> dict[str, Loaded]:
    """What the entry points of a group name, loaded; raises InputError as `announced` and `Plugin.load` do.

    named: what an object calls itself, which must be the name of its entry point.
    """
    found = {}
    for name, plugin in announced(group, own).items():
        found[name] = plugin.load(kind)
        if named is not None and named(found[name]) != name:
            raise InputError(f"{plugin} calls itself {named(found[name])!r}: give both the same name")
    return found


@cache
def _points(read: Callable[..., Iterable[EntryPoint]], group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Looked for once: every attack and defence that is asked for by name asks for all names.  path: where packages
    are found, which a program may change.
    """
    return tuple(sorted(read(group=group), key=lambda point: (point.name, point.value)))
