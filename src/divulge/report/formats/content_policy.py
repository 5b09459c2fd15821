"""What a page lets a browser do: run and draw what stands in it by the hands of divulge, and nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable


def content_policy(styles: Iterable[str], scripts: Iterable[str]) -> str:
    """The Content-Security-Policy (CSP Level 3) of a page with these inline styles and scripts, by their SHA-256.

    An empty style is allowed too: plotly.js puts one in, and writes its rules through the style sheet's interface.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts)) or _NONE}",
            f"style-src {' '.join(map(_hash, ('', *styles)))}",
            "img-src data:",
            f"base-uri {_NONE}",
            f"form-action {_NONE}",
        )
    )


_NONE = "'none'"


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
