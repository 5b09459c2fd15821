"""The licences of everything that divulge depends on, and whether each may be: python .ci/licenses.py.

Exit code 1 where one may not, or is not known.
"""

from __future__ import annotations

import sys
from pathlib import Path

from license_expression import ExpressionError, LicenseSymbol, LicenseWithExceptionSymbol, get_spdx_licensing

sys.path.insert(0, str(Path(__file__).parent))

from dependencies import Package, dependencies

ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "HPND", "ISC", "MIT",
    "MIT-0", "MIT-CMU", "NCSA", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib",
})  # fmt: skip
"""They ask for no more than their text and names beside copies."""

WEAK = frozenset({"MPL-2.0", "LGPL-3.0-only", "LGPL-3.0-or-later", "LGPL-2.1-or-later"})
"""They ask for the source of the package itself where it is altered: allowed, since divulge neither alters nor contains
it, and for extras only.  MPL-2.0 may be in the core: certificates, say.
"""

SPDX = get_spdx_licensing()


def allowed(expression: str, extra: bool) -> bool:
    """Whether a package under this SPDX expression may be depended on; false for what is no expression."""
    try:
        parsed = SPDX.parse(expression, validate=True)
    except ExpressionError:
        return False
    return parsed is not None and _allowed(parsed, ALLOWED | WEAK if extra else ALLOWED | {"MPL-2.0"})


def _allowed(node: object, known: frozenset[str]) -> bool:
    if isinstance(node, LicenseWithExceptionSymbol):  # an exception only ever permits more
        return node.license_symbol.key in known
    if isinstance(node, LicenseSymbol):
        return node.key in known
    parts = [_allowed(part, known) for part in node.args]  # type: ignore[attr-defined]
    return any(parts) if isinstance(node, SPDX.OR) else all(parts)


def refused(packages: dict[str, Package]) -> list[str]:
    """One line for each package that may not be, and why."""
    return [
        f"{each.name} {each.version}: {each.license or 'states no licence that is known'}"
        for each in packages.values()
        if not allowed(each.license, each.extra)
    ]


def main() -> None:
    """Print all licences; end with 1 where one may not be."""
    packages = dependencies()
    for each in packages.values():
        print(f"{each.name:28} {each.version:16} {'extra' if each.extra else 'core':6} {each.license}")
    bad = refused(packages)
    print(f"\n{len(packages)} packages, {len(bad)} under a licence that is not allowed, or not known")
    for line in bad:
        print(f"  {line}", file=sys.stderr)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
