"""Values that must not be printed, and texts from which they are taken out again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

from divulge.core.errors import InputError

HIDDEN = "***"

WINDOW, SHORTEST = 8, 4
"""So many characters in a row give a part of a secret away, since services repeat only the beginning of some; a secret
that is shorter than the second is not looked for: it would be found everywhere.
"""

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""What stands for an environment variable in an audit file."""

SCHEMES = frozenset({"bearer", "basic", "digest", "negotiate", "apikey", "token"})

_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*)://([^\s'\"<>]*[^\s'\"<>,;.)}\]])", re.IGNORECASE)
_TELLING = re.compile(r"key|token|secret|sig|auth|pass|pwd|cred|session|code", re.IGNORECASE)
LONG_VALUE = 16
"""Characters from which on the value of a query is taken for a secret whatever its name is."""


class Secret:
    """Text that never prints: not by repr, str or format, nor as JSON, and a pickle of it holds nothing."""

    __slots__ = ("_text",)

    def __init__(self, text: str | None) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text; raises InputError for one that was pickled and came back empty."""
        if self._text is None:
            raise InputError("a secret does not travel between processes: read it again where it is needed")
        return self._text

    def trace(self) -> str:
        """Tells whether two secrets are the same and is slow to guess from (scrypt, RFC 7914, 16 MiB)."""
        return hashlib.scrypt(self.reveal().encode(), salt=b"divulge", n=2**14, r=8, p=1, dklen=16).hex()

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, form: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memory: Any) -> Secret:
        return self

    def __reduce__(self) -> tuple[type[Secret], tuple[None]]:
        return Secret, (None,)

    def __iter__(self) -> NoReturn:
        raise TypeError("a secret has no parts")


def variables_in(value: Any) -> list[str]:
    """The environment variables that ${NAME} stands for in a piece of JSON."""
    if isinstance(value, Mapping):
        return [name for part in value.values() for name in variables_in(part)]
    if isinstance(value, list):
        return [name for part in value for name in variables_in(part)]
    return VARIABLE.findall(value) if isinstance(value, str) else []


def without_secrets(text: str) -> str:
    """A text with user info, and telling values of the query, taken out of every address in it."""
    return _ADDRESS.sub(lambda found: _plain(found[1], found[2], _is_telling), text)


def plain_address(address: str) -> str:
    """An address without user info, and without any value of its query."""
    scheme, _, rest = address.partition("://")
    return _plain(scheme, rest, lambda name, value: bool(value))


def _is_telling(name: str, value: str) -> bool:
    return bool(value) and "${" not in value and (bool(_TELLING.search(name)) or len(value) >= LONG_VALUE)


def _plain(scheme: str, rest: str, hides: Callable[[str, str], bool]) -> str:
    place, query_mark, query = rest.partition("?")
    host, slash, path = place.partition("/")
    user, at, host = host.rpartition("@")
    parts = []
    for part in query.partition("#")[0].split("&"):
        name, equals, value = part.partition("=")
        parts.append(f"{name}{equals}{HIDDEN}" if equals and hides(name, value) else part)
    shown = f"{HIDDEN}@" if at and not user.startswith("${") else f"{user}{at}"
    return f"{scheme}://{shown}{host}{slash}{path}{query_mark}{'&'.join(parts)}"


class Redactor:
    """Takes secrets out of texts, also where only a part of one stands there, or one that is encoded: by base64, for
    an address, in hexadecimal, for HTML or JSON, backwards, and by two of these one after the other.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        plain = {part for secret in secrets for part in _parts(secret.reveal())}
        once = {form for text in plain for form in _encoded(text)}
        forms = {form.lower() for text in once for form in (text, *_encoded(text))}
        self._windows: dict[int, set[str]] = {}
        for form in forms:
            size = min(WINDOW, len(form))
            if size >= SHORTEST:
                found = self._windows.setdefault(size, set())
                found.update(form[at : at + size] for at in range(len(form) - size + 1))

    def clean(self, text: str) -> str:
        """The text with *** for every piece of a secret."""
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
        marked = bytearray(len(text))
        for size, windows in self._windows.items():
            for at in range(len(text) - size + 1):
                if low[at : at + size] in windows:
                    marked[at : at + size] = b"\1" * size
        if not any(marked):
            return text
        pieces, before = [], 0
        for character, hidden in zip(text, marked, strict=True):
            if not hidden:
                pieces.append(character)
            elif not before:
                pieces.append(HIDDEN)
            before = hidden
        return "".join(pieces)

    def cleaned(self, value: Any) -> Any:
        """The same for every text in a piece of JSON, names of its objects too."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, dict):
            return {self.clean(key): self.cleaned(part) for key, part in value.items()}
        if isinstance(value, list):
            return value if all(type(part) in (float, int) for part in value) else [self.cleaned(p) for p in value]
        return value


def _parts(text: str) -> set[str]:
    """A secret, and what it consists of: 'Bearer abc' is abc too, a cookie each of its values."""
    found = {text}
    for word in re.split(r"[\s;,=&:]+", text):
        if len(word) >= 6 and word.lower() not in SCHEMES:
            found.add(word)
    for word in text.split():
        try:
            inner = base64.b64decode(word, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            continue
        if len(inner) >= SHORTEST and inner.isprintable():
            found |= {inner, *(part for part in inner.split(":") if len(part) >= SHORTEST)}
    return {part for part in found if len(part) >= SHORTEST}


def _encoded(text: str) -> set[str]:
    """A text and what the usual encodings make of it."""
    raw = text.encode("utf-8", "surrogatepass")
    found = {text, text[::-1], quote(text, safe=""), quote(text), quote_plus(text), raw.hex(), html.escape(text)}
    found |= {json.dumps(text)[1:-1], "".join(f"\\u{ord(c):04x}" for c in text), "".join(f"%{b:02x}" for b in raw)}
    found |= {"".join(f"&#{ord(c)};" for c in text), "".join(f"\\x{b:02x}" for b in raw)}
    for shift in range(3):  # base64 of something that the secret is only a part of begins at one of three places
        code = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        inner = code[(0, 2, 3)[shift] : len(code) - (1 if (shift + len(raw)) % 3 else 0)]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return {form for form in found if len(form) >= SHORTEST}
