"""YAML of audit files and policies: data alone, with a limit to its size, and the line of whatever is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from divulge.core.errors import InputError

LONGEST = 1_000_000
DEEPEST = 40
MOST_NODES = 50_000
"""Characters, levels and values; aliases count for all that they stand for, so that none of them grows in secret."""

Lines = Mapping[tuple[Any, ...], int]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which refuses depths, keys that stand there twice, and texts that name no file."""

    deep = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A node, at some depth."""
        self.deep += 1
        if self.deep > DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, f"more than {DEEPEST} levels", mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.deep -= 1

    def compose_scalar_node(self, anchor: Any) -> Any:
        """A text, which no path or name may hold if it has a NUL or half of a character in it."""
        node = super().compose_scalar_node(anchor)
        if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in node.value):
            raise yaml.composer.ComposerError(None, None, "a text with a NUL or half a character", node.start_mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        """A mapping without a key twice, of which Python would take the last."""
        node = super().compose_mapping_node(anchor)
        seen: dict[Any, tuple[str, int]] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                line, known = key.start_mark.line + 1, self.construct_object(key)  # true and yes are one key
                if known in seen:
                    first, before = seen[known]
                    as_what = f", first as {first!r}" if first != key.value else ""
                    where = f"in lines {before} and {line}" if before != line else f"in line {line}"
                    twice = f"the key {key.value!r} stands there twice, {where}{as_what}"
                    raise yaml.composer.ComposerError(None, None, twice, key.start_mark)
                seen[known] = (key.value, line)
        return node


def read_yaml(text: str, name: str) -> tuple[Any, Lines]:
    """The content of a text, and the line of each value by its path.  Raises InputError with one line: which file,
    which line of it, what is wrong.
    """
    if len(text) > LONGEST:
        raise InputError(f"{name}: is too long: {len(text):,} characters, where {LONGEST:,} are the most")
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, {}
        if _size(node, {}, ()) > MOST_NODES:
            raise InputError(f"{name}: its aliases stand for more than {MOST_NODES:,} values: write them out")
        return loader.construct_document(node), dict(_lines(node, ()))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark is not None else ""
        message = " ".join(part for part in (error.context, error.problem) if part)
        raise InputError(f"{name}: not YAML: {where}{' '.join(message.split())[:200]}") from error
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise InputError(f"{name}: not YAML: {' '.join(str(error).split())[:200]}") from error
    finally:
        if loader is not None:
            loader.dispose()


def _size(node: Any, known: dict[int, int], above: tuple[int, ...]) -> int:
    """How many values a node stands for, aliases written out."""
    if id(node) in above:
        raise yaml.composer.ComposerError(None, None, "an alias that holds itself", node.start_mark)
    if id(node) not in known:
        inner = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for each in inner for part in (each if isinstance(each, tuple) else (each,))]
        known[id(node)] = 1 + sum(_size(part, known, (*above, id(node))) for part in parts)
    return known[id(node)]


def _lines(node: Any, where: tuple[Any, ...]) -> Any:
    yield where, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield (*where, key.value), key.start_mark.line + 1
                yield from list(_lines(value, (*where, key.value)))[1:]
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield from _lines(value, (*where, place))


def line_of(lines: Lines, where: tuple[Any, ...]) -> int | None:
    """The line of a value, or of the nearest thing around it that stands in the file; None for the file itself."""
    while where:
        if where in lines:
            return lines[where]
        where = where[:-1]
    return None
