"""Policies: what is tolerated, why, and what an audit must have looked at.  Four come with it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from divulge.core.errors import InputError
from divulge.core.results.policy import Policy


def shipped() -> list[str]:
    """Names of the policies that come with divulge."""
    folder = files("divulge.runs") / "policy_files"
    return sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml"))


def load_policy(named: Path | str) -> Policy:
    """A policy by the name of one that comes with divulge, or from a file; raises InputError naming file and field."""
    from divulge.runs.policy_file import parsed

    if str(named) in shipped():
        return parsed((files("divulge.runs") / "policy_files" / f"{named}.yaml").read_text("utf-8"), str(named))
    path = Path(named)
    if not path.is_file():
        raise InputError(
            f"policy: no file at {path} (looked in {path.absolute().parent}), and none that comes with divulge: "
            f"{', '.join(shipped())}"
        )
    try:
        return parsed(path.read_text("utf-8-sig"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"policy: {path.name} cannot be read as UTF-8 ({error}): save it so") from error


def policy_of(given: Policy | str | Path | None) -> Policy:
    """A policy as it was given to a function: itself, a name or a file, or the default."""
    if isinstance(given, Policy):
        return given
    return Policy() if given is None else load_policy(given)
