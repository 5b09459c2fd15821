"""What divulge depends on: the packages that its requirements name, those that they name in turn, and their licences.

Read from what is installed, so that it is about the very versions of constraints.txt.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BY_CLASSIFIER = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""SPDX expressions of the classifiers that older packages state their licence by."""

BY_WORDS = {
    "mit": "MIT",
    "mit license": "MIT",
    "bsd": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
}

BY_NAME: dict[str, str] = {"skops": "MIT"}
"""Of packages that state none that can be read, after a look at their licence file."""


@dataclass(frozen=True)
class Package:
    """One package.  license: an SPDX expression, empty where none is known.  needs: names of those that it depends on.
    extra: whether only extras of divulge bring it.
    """

    name: str
    version: str
    license: str
    needs: tuple[str, ...]
    extra: bool


def dependencies(extras: tuple[str, ...] = ("all",), root: str = "divulge") -> dict[str, Package]:
    """All packages by their canonical names, without divulge itself; raises PackageNotFoundError for one that is not
    installed.
    """
    core, every = _reached(root, ()), _reached(root, extras)
    return {
        name: Package(
            dist.metadata["Name"], dist.version, license_of(dist), tuple(sorted(needs - {root})), name not in core
        )
        for name, (dist, needs) in sorted(every.items())
        if name != root
    }


def _reached(root: str, extras: tuple[str, ...]) -> dict[str, tuple[Distribution, set[str]]]:
    found: dict[str, tuple[Distribution, set[str]]] = {}
    asked: set[tuple[str, str]] = set()
    open_ = [(root, extra) for extra in ("", *extras)]
    while open_:
        name, extra = open_.pop()
        if (name, extra) in asked:
            continue
        asked.add((name, extra))
        try:
            dist = distribution(name)
        except PackageNotFoundError as error:
            raise PackageNotFoundError(f"{name}: install divulge[dev] under constraints.txt first") from error
        needs = found.setdefault(name, (dist, set()))[1]
        for requirement in map(Requirement, dist.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                needed = canonicalize_name(requirement.name)
                needs.add(needed)
                open_ += [(needed, each) for each in ("", *requirement.extras)]
    return found


def license_of(dist: Distribution) -> str:
    """The SPDX expression of a package's licence; empty where none is stated that is known here."""
    facts = dist.metadata
    words = (facts.get("License") or "").strip()
    classified = [
        line.rpartition(" :: ")[2] for line in facts.get_all("Classifier") or () if line.startswith("License ")
    ]
    spdx = sorted({BY_CLASSIFIER[line] for line in classified if line in BY_CLASSIFIER})
    return (
        BY_NAME.get(canonicalize_name(facts["Name"]), "")
        or facts.get("License-Expression")
        or BY_WORDS.get(words.lower(), "")
        or (words if words in {*BY_CLASSIFIER.values(), "BSD-2-Clause"} else "")
        or " AND ".join(spdx)
        or words.split("\n")[0][:40]
    )
