"""What makes a run repeatable: versions, platform, command and time."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata

from divulge.core.results.audit_result import Provenance

LIBRARIES = ("numpy", "scipy", "scikit-learn", "pandas", "torch", "onnxruntime")


def provenance(seed: int) -> Provenance:
    """Of a run that begins now."""
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    command = " ".join([os.path.basename(sys.argv[0] or "python"), *sys.argv[1:]])
    return Provenance(
        divulge=metadata.version("divulge"),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        libraries=versions,
        command=command,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
    )
