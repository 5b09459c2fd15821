from __future__ import annotations

import pytest

from divulge.core.wording import counted, joined, percent


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0, "0 %"), (1, "100 %"), (0.5, "50 %"), (0.012, "1.2 %"), (0.001, "0.1 %"), (0.00012, "0.012 %")],
)
def test_percent(rate, text):
    assert percent(rate) == text


def test_counted_and_joined():
    assert counted(1, "query") == "1 query"
    assert counted(2000, "query") == "2,000 queries"
    assert joined(["a"]) == "a"
    assert joined(["a", "b", "c"]) == "a, b and c"
