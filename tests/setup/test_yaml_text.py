"""YAML of strangers and of tired people: bombs are refused, and what is wrong has a line."""

from __future__ import annotations

import time

import pytest

from divulge.core.errors import InputError
from divulge.data.yaml_text import DEEPEST, LONGEST, read_yaml
from divulge.runs.policy_file import parsed as policy
from divulge.setup.audit_file import parsed

AUDIT = """\
target: {kind: onnx, path: m.onnx}
data:
  members: members.csv
  nonmembers: nonmembers.csv
attacks: [loss]
"""


def bomb(levels):
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(rows)


def test_what_is_well_formed_is_read_as_pyyaml_reads_it():
    content, lines = read_yaml("a: 1\nb: {c: [x, y]}\nd: &d [1]\ne: *d\n", "f")
    assert content == {"a": 1, "b": {"c": ["x", "y"]}, "d": [1], "e": [1]}
    assert lines["b", "c", 1] == 2 and lines["e",] == 4
    assert read_yaml("", "f") == (None, {}) and read_yaml("base: &b {x: 1}\nm: {<<: *b, y: 2}", "f")[0]["m"] == {
        "x": 1,
        "y": 2,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('a: "x\\0y"', "not YAML: line 1: a text with a NUL or half a character"),
        ('a:\n- "\\ud800"', "not YAML: line 2: a text with a NUL or half a character"),
        (bomb(9), "aliases stand for more than"),
        ("a: &a [*a]", "line 1: an alias that holds itself"),
        ("[" * 5000 + "]" * 5000, f"more than {DEEPEST} levels"),
        ("{a: " * 5000, f"more than {DEEPEST} levels"),
        ("seed: 1\nname: x\nseed: 2\n", "line 3: the key 'seed' stands there twice, in lines 1 and 3"),
        ("target:\n  options:\n    a: 1\n    a: 2\n", "line 4: the key 'a' stands there twice, in lines 3 and 4"),
        ("true: 1\nyes: 2\n", "line 2: the key 'yes' stands there twice, in lines 1 and 2, first as 'true'"),
        ("target: {kind: onnx, kind: torch}", "line 1: the key 'kind' stands there twice"),
        ("#" * (LONGEST + 1), "is too long"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: could not determine a constructor"),
        ("a: [b", "line 1: "),
        ("a: b\n\tc: d", "line 2: "),
        ("a: '\x00'", "not YAML: "),
        ("a: 2024-99-99", "not YAML: "),
    ],
    ids=range(16),
)
def test_what_is_not_has_one_line_that_says_where(text, said):
    before = time.process_time()
    for read in (parsed, policy):
        with pytest.raises(InputError) as refused:
            read(text, "audit.yaml")
        assert str(refused.value).startswith("audit.yaml: ") and said in str(refused.value)
        assert "\n" not in str(refused.value)
    assert time.process_time() - before < 60  # a bomb that went off would take hours


def test_a_wrong_value_has_the_line_of_its_key():
    with pytest.raises(InputError) as refused:
        parsed(AUDIT + "seed: soon\nlimits: {seconds: -1}\n", "a.yaml")
    assert "seed: " in str(refused.value) and "(line 6)" in str(refused.value)
    assert "limits.seconds: " in str(refused.value) and "(line 7)" in str(refused.value)
    with pytest.raises(InputError, match=r"data\.membrs: .*\(line 3\)"):
        parsed(AUDIT.replace("members:", "membrs:", 1), "a.yaml")
    with pytest.raises(InputError, match=r"confidence: .*\(line 2\)"):
        policy("name: p\nconfidence: high\n", "p.yaml")
