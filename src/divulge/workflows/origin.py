"""What a run was begun with, kept in its folder, so that the folder alone is enough to go on with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from divulge.core.boundary.seals import is_sealed, seal
from divulge.core.boundary.secret import without_secrets
from divulge.core.errors import InputError
from divulge.runs.find import discard_empty

if TYPE_CHECKING:
    from divulge.auditing.job import Job
    from divulge.auditing.resources import Resources

FILE = "origin.json"
SEAL = "origin.seal"
"""That this user's divulge wrote it, see core.boundary.seals."""


@dataclass(frozen=True)
class Origin:
    """An audit file, with the folder that its paths are relative to; or a demonstration.

    name: of the file or of the demonstration.  content: the file's text.  number: which audit of the demonstration.
    seed, shadows, minutes: what the command line said instead of the file.
    """

    name: str
    content: str | None = None
    folder: str | None = None
    number: int = 0
    seed: int | None = None
    shadows: int | None = None
    minutes: float | None = None

    def job(self, tools: Resources | None = None) -> Job:
        """The job, as it was when the run was begun; raises InputError where what it needs is gone."""
        if self.content is None:
            from divulge.workflows.demos import DEMOS

            return next(islice(DEMOS[self.name](self.seed or 0), self.number, None))
        from divulge.setup.audit_file import parsed
        from divulge.setup.from_file import job_from_file

        folder = Path(self.folder or ".")
        if not folder.is_dir():
            raise InputError(
                f"the run was begun with {folder / self.name}, and that folder is gone: name an audit file"
            )
        described = parsed(self.content, self.name).model_copy(update={"minutes": self.minutes})
        return job_from_file(described, folder, self.seed, self.shadows, tools)


_ADAPTER = TypeAdapter(Origin)


@contextmanager
def noted(run: Path, origin: Origin | None) -> Iterator[None]:
    """Keep what a run is begun with, without secrets that stand in addresses; nothing is left behind where it is not
    begun after all.
    """
    fresh = origin is not None and not (run / "run.json").exists()
    if fresh:
        run.mkdir(parents=True, exist_ok=True)
        assert origin is not None
        kept = without_secrets(origin.content) if origin.content is not None else None
        content = _ADAPTER.dump_json(replace(origin, content=kept), indent=2)
        (run / FILE).write_bytes(content)
        (run / SEAL).write_text(seal(content, FILE).hex() + "\n", encoding="ascii")
    try:
        yield
    finally:
        if not (run / "run.json").exists():
            for name in (FILE, SEAL) if fresh else ():
                (run / name).unlink(missing_ok=True)
            discard_empty(run)


def origin_of(run: Path) -> Origin:
    """What a run was begun with; raises InputError where its folder does not say, or is not to be believed."""
    path = run / FILE
    if not path.is_file():
        raise InputError(
            f"{run} does not say which audit file it was begun with: divulge audit AUDIT.yaml --resume {run} "
            "(or resume= of divulge.audit, where it was begun in Python)"
        )
    try:
        content = path.read_bytes()
        found = _ADAPTER.validate_json(content)
    except (ValidationError, OSError) as error:
        raise InputError(f"{path} is damaged: name the audit file, divulge audit AUDIT.yaml --resume {run}") from error
    if found.content is not None and not _sealed(run, content):
        # An audit file is a program: that of a stranger's folder is not run because it lies there.
        raise InputError(
            f"{path} was not written by you on this machine, or was changed: name the audit file yourself, "
            f"divulge audit AUDIT.yaml --resume {run}"
        )
    if found.folder is not None and Path(found.folder).resolve().is_relative_to(run.resolve()):
        # Whoever sent such a folder could have put a model into it that runs code when it is loaded.
        raise InputError(f"{path} names files inside of the run: name the audit file yourself")
    return found


def _sealed(run: Path, content: bytes) -> bool:
    """Whether this user's divulge wrote what a run was begun with."""
    try:
        found = bytes.fromhex((run / SEAL).read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return False
    return is_sealed(content, found, FILE)
