"""`divulge epsilon --mechanism`: how large is the epsilon of any function, at least?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from divulge.cli.claimed import run_of, say_where
from divulge.cli.screen import out


def of_mechanism(
    named: str,
    neighbors: str,
    limits: tuple[float | None, float, float, int, int],
    as_json: bool,
    out_dir: Path,
    resume: Path | None,
) -> int:
    """The exit code, once it is said what came of it.  limits: claimed, delta, confidence, samples, seed."""
    from divulge.claims.mechanism import as_json as written
    from divulge.claims.mechanism import audit_mechanism
    from divulge.setup.sources.user_code import thing_from

    here = Path.cwd()
    sys.path.insert(0, str(here))
    try:
        function = thing_from(named, here, "--mechanism")
        pair = _pair(thing_from(neighbors, here, "--neighbors")) if ":" in neighbors else neighbors
    finally:
        sys.path.remove(str(here))
    claimed, delta, confidence, samples, seed = limits
    with run_of(f"epsilon --mechanism {named}", Path(named.rpartition(":")[2]), out_dir, resume) as place:
        found = audit_mechanism(
            function,
            pair,
            claimed=claimed,
            delta=delta,
            confidence=confidence,
            samples=samples,
            seed=seed,
            out=place.out,
            resume=place.resume,
        )
    blind = claimed is not None and found.verdict != "leak" and found.ceiling <= claimed
    if as_json:
        out.print_json(written(found))
    else:
        for line in _said(found, blind):
            out.print(line, soft_wrap=True, markup=False)
        say_where(found.run)
    return 1 if found.verdict == "leak" else 3 if blind else 0


def _pair(given: Any) -> Any:
    """Two data sets, or what a function of that name makes."""
    return given() if callable(given) else given


def _said(found: Any, blind: bool) -> list[str]:
    """What came of it, in words."""
    mark = "▲" if found.verdict == "leak" else "○"
    lines = [
        f"{mark} epsilon is at least {found.epsilon:.2f} at delta {found.delta:g} and {found.confidence:.0%} "
        f"confidence (pair: {found.pair}; told apart by {found.statistic}; of {found.samples} outputs of either, "
        f"{found.right} rightly and {found.wrong} wrongly; so many could show up to {found.ceiling:.2f})",
        f"By its posterior at least {found.credible:.2f}; if the noise is Gaussian, at least "
        f"{found.epsilon_if_gaussian:.2f} (mu {found.mu:.2f}).",
    ]
    if found.claimed is not None:
        conclusion = "The claim is refuted" if found.verdict == "leak" else "The claim is not refuted, nor confirmed"
        lines.append(f"{conclusion}: epsilon {found.claimed:g} was claimed.")
    if blind:
        lines.append(f"! so few samples could not have refuted it: they show {found.ceiling:.2f} at most; take more")
    return lines
