"""Small views in which the right answer is known: those that packages of others are tested with."""

from __future__ import annotations

from divulge.testing import Toy, lookup, records_of, toy

__all__ = ["Toy", "lookup", "records_of", "toy"]
