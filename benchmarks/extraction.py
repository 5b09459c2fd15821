"""What can be stolen through an interface, and for how many queries?  Copies, parameters, settings, defences."""

from __future__ import annotations

from collections.abc import Iterator

from harness import Row, main
from stealing.copies import learned
from stealing.defended import defences, detectors
from stealing.linear import linear, service
from stealing.networks import relu, relu_labels
from stealing.settings import architecture, settings, width
from stealing.trees import tree


def measure(quick: bool) -> Iterator[Row]:
    """All of it."""
    yield from linear()
    yield from service()
    yield from settings()
    yield from tree(quick)
    yield from relu(quick)
    yield from relu_labels(quick)
    yield from width()
    yield from architecture(quick)
    yield from learned(quick)
    yield from defences(quick)
    yield from detectors(quick)


if __name__ == "__main__":
    main("What can be stolen through an interface?", measure)
