"""A secret shows itself nowhere, and is found again in whatever form a text repeats it."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divulge.core.boundary.secret import HIDDEN, Redactor, Secret, plain_address, without_secrets
from divulge.core.errors import InputError
from divulge.core.wording import one_line, printable

WORD = "tomato-4711-onion"


@dataclass
class Holder:
    secret: Secret = field(default_factory=lambda: Secret(WORD))


@pytest.mark.parametrize(
    "show", [repr, str, format, "{0}".format, "{0!r:>30}".format, lambda s: f"{[s]}", lambda s: f"{s!s:>9}"]
)
def test_it_does_not_print(show):
    assert WORD not in show(Secret(WORD)) and WORD not in show(Holder())
    assert HIDDEN in show(Secret(WORD)) and HIDDEN in f"{Secret(WORD):>9}"


def test_it_travels_nowhere():
    with pytest.raises(TypeError):
        json.dumps(Secret(WORD))
    assert WORD.encode() not in pickle.dumps(Holder())
    with pytest.raises(InputError, match="does not travel"):
        pickle.loads(pickle.dumps(Secret(WORD))).reveal()
    assert copy.deepcopy(Holder()).secret.reveal() == WORD, "a copy in the same process is the same secret"
    with pytest.raises(TypeError):
        list(Secret(WORD))
    assert Secret(WORD) == Secret(WORD) != Secret("x") and Secret(WORD).trace() != Secret("x").trace()


FORMS = [
    str,
    str.upper,
    lambda t: t[::-1],
    lambda t: quote(t, safe=""),
    lambda t: t.encode().hex(),
    lambda t: json.dumps(t)[1:-1],
    lambda t: base64.b64encode(t.encode()).decode(),
    lambda t: quote(base64.b64encode(t.encode()).decode(), safe=""),
    lambda t: base64.b64encode(base64.b64encode(t.encode())).decode(),
]


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=30),
    st.sampled_from(FORMS),
    st.text("xyz ", max_size=9),
)
def test_whatever_form_it_takes_it_is_taken_out(secret, form, around):
    text = f"{around} {form(secret)} {around}"
    left = Redactor([Secret(secret)]).clean(text)
    assert form(secret).lower() not in left.lower() and HIDDEN in left


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_base64_of_something_around_it_is_recognized(before, after):
    code = base64.b64encode(before + WORD.encode() + after).decode()
    left = Redactor([Secret(WORD)]).clean(code)
    assert HIDDEN in left and len(left) < len(code) - 12


def test_parts_of_it_count_and_other_text_does_not():
    found = Redactor([Secret(f"Bearer {WORD}"), Secret("Basic " + base64.b64encode(b"me:pepper-0815").decode())])
    assert found.clean("the bearer of this is 4711") == "the bearer of this is 4711"
    assert found.clean(f"key {WORD[:9]}...") == f"key{HIDDEN}..."
    assert "pepper-0815" not in found.clean("password pepper-0815")
    assert found.cleaned({WORD: [1.5, WORD, {"a": None}]}) == {HIDDEN: [1.5, HIDDEN, {"a": None}]}
    assert Redactor([Secret("abc")]).clean("abcabc") == "abcabc", "too short to be looked for"


def test_addresses_without_their_secrets():
    whole = "https://me:pw@host:8443/a/b?model=7&api_key=abc#part"
    assert plain_address(whole) == "https://***@host:8443/a/b?model=***&api_key=***"
    assert without_secrets(f"see {whole}, please") == "see https://***@host:8443/a/b?model=7&api_key=***, please"
    assert without_secrets("ftp://me:pw@host") == "ftp://***@host"
    kept = "http://host/a?model=7&key=${KEY}"
    assert without_secrets(kept) == kept, "the name of a variable is no secret"
    assert without_secrets("mail me@host, a ? b & c") == "mail me@host, a ? b & c"


def test_what_does_not_show_is_written_out():
    assert (
        printable("a\x1b[1m\u202eb\r\x00\ud800\ufeff\u2028") == "a\\u001b[1m\\u202eb\\u000d\\u0000\\ud800\\ufeff\\u2028"
    )
    assert printable("Müller – 東京, مرحبا\tx\n") == "Müller – 東京, مرحبا\tx\n"
    assert one_line("a\nb\x1b") == "a b\\u001b"
    assert len(one_line("a" * 10_000, 100)) < 110
