"""Guesses in the cache: an attack that was played under an equal job is not played again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.auditing.job import Job
from divulge.core.attack import Attack
from divulge.core.capability.recipes import reusable
from divulge.core.capability.targets import cacheable
from divulge.core.game import Arm
from divulge.core.hashing import digest
from divulge.core.results.audit_result import Baseline
from divulge.core.results.evidence import Evidence
from divulge.core.threat import Family
from divulge.core.views.membership import MembershipGuess
from divulge.runs.files.evidence_files import StoredEvidence
from divulge.runs.files.whole_files import put
from divulge.runs.folder import EXPLANATION, RunFolder
from divulge.training.artifact_cache import ArtifactCache, code_version

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@cache
def _achievement() -> TypeAdapter[tuple[int, int, StoredEvidence]]:
    """Of queries, tokens, and what they achieved."""
    from pydantic import TypeAdapter

    return TypeAdapter(tuple[int, int, StoredEvidence])


@dataclass(frozen=True)
class Known:
    """A guess made before, or what it achieved, with the queries and tokens it cost."""

    guess: MembershipGuess | None
    queries: int
    tokens: int = 0
    achieved: Evidence | None = None


def recall(job: Job, attack: Attack[Any, Any], arm: Arm) -> Known | None:
    """The guess that this attack made in an equal job; None where none is known."""
    from pydantic import ValidationError

    artifact_cache = _artifact_cache(job, attack)
    content = artifact_cache.read(_key(job, attack, arm)) if artifact_cache is not None else None
    if content is None:
        return None
    if attack.card.family is not Family.MEMBERSHIP:
        try:
            queries, tokens, achieved = _achievement().validate_json(content)
        except ValidationError:
            return None
        return Known(None, queries, tokens, achieved.evidence())
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            tie_break = stored["tie_break"] if "tie_break" in stored.files else None
            about = stored["about"] if "about" in stored.files else None
            guess = MembershipGuess(stored["scores"], tie_break, about)
            return Known(guess, int(stored["queries"]), int(stored["tokens"]))
    except (ValueError, KeyError, OSError, EOFError):
        return None


def keep(job: Job, attack: Attack[Any, Any], arm: Arm, guess: Any, queries: int, tokens: int = 0) -> None:
    """Put a guess in the cache, or what a theft or a reconstruction achieved: a copy itself is not kept."""
    artifact_cache = _artifact_cache(job, attack)
    if artifact_cache is not None and isinstance(guess, Evidence):
        achieved = _achievement().dump_json((queries, tokens, StoredEvidence.of(guess)))
        artifact_cache.write(_key(job, attack, arm), achieved)
    if artifact_cache is None or not isinstance(guess, MembershipGuess):
        return
    arrays = {"scores": guess.scores, "queries": np.array(queries), "tokens": np.array(tokens)}
    if guess.tie_break is not None:
        arrays["tie_break"] = guess.tie_break
    if guess.about is not None:
        arrays["about"] = guess.about
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    artifact_cache.write(_key(job, attack, arm), stream.getvalue())


def baseline_of(job: Job, compute: Callable[[], Baseline]) -> Baseline:
    """The model-blind baseline of these records, computed once: no model has a part in it."""
    from pydantic import TypeAdapter, ValidationError

    artifact_cache = job.resources.artifact_cache
    seen = (job.features or job.candidates).fingerprint()
    key = digest("baseline", code_version(), seen, job.member, str(job.seed), job.aggregate)
    stored = artifact_cache.read(key) if artifact_cache is not None else None
    if stored is not None:
        try:
            return TypeAdapter(Baseline).validate_json(stored)
        except ValidationError:
            pass
    computed = compute()
    if artifact_cache is not None:
        artifact_cache.write(key, TypeAdapter(Baseline).dump_json(computed))
    return computed


@dataclass(frozen=True)
class Explanation:
    """The files of a run that say why it leaks, in the cache between equal runs."""

    artifact_cache: ArtifactCache | None
    key: str
    folder: Path
    files: tuple[str, ...] = EXPLANATION

    def restore(self) -> bool:
        """Put the files where they belong; whether they were known."""
        content = self.artifact_cache.read(self.key) if self.artifact_cache is not None else None
        if content is None:
            return False
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in self.files:
                    if name in archive.namelist():
                        put(self.folder, name, archive.read(name))
        except (zipfile.BadZipFile, KeyError):
            return False
        return True

    def keep(self) -> None:
        """Put the files in the cache."""
        if self.artifact_cache is None:
            return
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name in self.files:
                if (self.folder / name).is_file():
                    archive.write(self.folder / name, name)
        self.artifact_cache.write(self.key, stream.getvalue())


def keeper(job: Job, run: RunFolder, *about: str, files: tuple[str, ...] = EXPLANATION) -> Explanation:
    """Of an explanation of one run, by everything that decides it: the job, and which attacks it starts from."""
    key = digest("explanation", code_version(), job.fingerprint(), *files, *about)
    ours = all(type(attack).__module__.startswith("divulge.") for attack in job.attacks)
    return Explanation(_cacheable(job) if ours else None, key, run.path, files)


def _cacheable(job: Job) -> ArtifactCache | None:
    """None where a hash cannot tell that nothing has changed: functions, foreign recipes."""
    recipe = job.recipe is None or reusable(job.recipe)
    return job.resources.artifact_cache if recipe and cacheable(job.target) else None


def _artifact_cache(job: Job, attack: Attack[Any, Any]) -> ArtifactCache | None:
    """None for foreign attacks too."""
    return _cacheable(job) if type(attack).__module__.startswith("divulge.") else None


def _key(job: Job, attack: Attack[Any, Any], arm: Arm) -> str:
    watched = (repr(job.detectors),) if job.detectors else ()
    which = repr((attack.card.name, attack, arm.value))
    return digest("guess", code_version(), job.records_fingerprint(), which, *watched)
