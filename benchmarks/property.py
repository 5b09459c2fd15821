"""What does a model tell about its training set as a whole, and what makes it tell more or less?"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from harness import Row, main
from properties.active import federated, poisoning
from properties.census import census, unseen_property
from properties.choices import choices
from properties.generators import generators
from properties.overlearning import overlearned
from properties.pictures import pictures


def measure(quick: bool) -> Iterator[Row]:
    warnings.filterwarnings("ignore")
    for part in (census, unseen_property, pictures, generators, poisoning, federated, overlearned, choices):
        yield from part(quick)


if __name__ == "__main__":
    main("Properties of training sets", measure)
