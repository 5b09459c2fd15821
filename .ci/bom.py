"""The bill of materials of a wheel, as CycloneDX JSON beside it: python .ci/bom.py dist/divulge-0.1.0-py3-none-any.whl.

Equal for equal wheels and equal dependencies: its time is SOURCE_DATE_EPOCH, its number follows from its content.
"""

from __future__ import annotations

import hashlib
import os
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import parse_wheel_filename

sys.path.insert(0, str(Path(__file__).parent))

from dependencies import dependencies

NAMES = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 4122, appendix C: addresses


def bom_of(wheel: Path) -> str:
    """The bill of a wheel: divulge with the wheel's checksum, what it needs, and (optional) what its extras need."""
    name, version, _, _ = parse_wheel_filename(wheel.name)
    checksum = hashlib.sha256(wheel.read_bytes()).hexdigest()
    root = _component(name, str(version), "Apache-2.0 AND MIT", None)
    root.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=checksum))
    packages = dependencies()
    scopes = {True: ComponentScope.OPTIONAL, False: ComponentScope.REQUIRED}
    parts = {key: _component(key, each.version, each.license, scopes[each.extra]) for key, each in packages.items()}
    bom = Bom(components=parts.values())
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    needed = {key for each in packages.values() for key in each.needs}
    bom.register_dependency(root, [part for key, part in parts.items() if key not in needed or not packages[key].extra])
    for key, each in packages.items():
        bom.register_dependency(parts[key], [parts[need] for need in each.needs])
    content = "".join(f"{each.name}=={each.version}\n" for each in packages.values()) + checksum
    bom.serial_number = uuid.uuid5(NAMES, content)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(name: str, version: str, licensed: str, scope: ComponentScope | None) -> Component:
    address = PackageURL("pypi", name=name, version=version)
    licenses = [LicenseFactory().make_from_string(licensed)] if licensed else []
    kind = ComponentType.APPLICATION if scope is None else ComponentType.LIBRARY
    return Component(
        name=name, version=version, type=kind, scope=scope, purl=address, bom_ref=str(address), licenses=licenses
    )


def main() -> None:
    """Write the bill of each wheel that is named, beside it."""
    for path in map(Path, sys.argv[1:]):
        bill = path.with_name(f"{path.name.removesuffix('.whl')}.cdx.json")
        bill.write_text(bom_of(path), encoding="utf-8")
        print(bill)


if __name__ == "__main__":
    main()
