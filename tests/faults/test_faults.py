"""An audit to which something happens while it writes: taken up again it is what it would have been, or one line says
what is lost.
"""

from __future__ import annotations

import sys

import pytest

from tests.faults.harness import KINDS, Faults, spread, table

pytestmark = [
    pytest.mark.skipif(not hasattr(sys, "getrefcount") or sys.platform == "win32", reason="it forks"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.timeout(1800),
]


@pytest.fixture(scope="module")
def faults():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIVULGE_CACHE", "")
        made = Faults()
        yield made
        made.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_in_the_midst_loses_nothing_unsaid(kind, faults):
    points = faults.points()
    assert points["kill before"] > points["bit flipped"] > 15
    ended = faults.inject(kind, points[kind] // 2)
    assert ended.how in ("survived", "said"), ended
    assert "damaged" in ended.words or ended.how == "survived"


@pytest.mark.slow
def test_two_hundred_faults_lose_nothing_unsaid(faults):
    ended = [faults.inject(kind, at) for kind, at in spread(faults.points(), 200)]
    assert not [each for each in ended if each.how == "lost"]
    counted = table(ended)
    assert counted.loc["all", "injected"] == 200
    assert (counted.loc[["full disk", "kill before", "kill after"], "said"] == 0).all()
