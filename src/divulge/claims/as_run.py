"""A claim as a run: the same folder, findings, verdicts and report as an audit has.

A claim is a game of its own (core.results.finding.CLAIM).  What it finds says nothing of a family of attacks, so that
the four of them stay `not examined` in its run.
"""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from divulge.core.errors import InputError, Notice
from divulge.core.hashing import Array, digest
from divulge.core.persons import count
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.results.audit_result import Baseline, DataFacts, RunFacts, TargetFacts
from divulge.core.results.estimate import Estimate
from divulge.core.results.evidence import Evidence
from divulge.core.results.finding import CLAIM, Measurement, Outcome, Played, Refused
from divulge.core.results.metric import whole_name
from divulge.core.results.policy import Policy
from divulge.core.target import Target
from divulge.core.threat import Access, ThreatModel
from divulge.runs.files.whole_files import SUMS
from divulge.runs.find import run_at
from divulge.runs.folder import RunFolder, StoredOutcome
from divulge.runs.provenance import provenance
from divulge.runs.publish import publish

NO_BASELINE = "a claim is tested against chance of its own, not against a guess without the model"


@dataclass(frozen=True, eq=False)
class Tested:
    """What one test of a claim found.

    row, y: where each thing that was scored stood in the set that it was given in, and its target.  control: the same
    test where there is nothing to find.
    """

    estimates: tuple[Estimate, ...]
    evidence: Evidence
    row: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    y: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    control: tuple[Estimate, ...] = ()
    queries: int = 0
    models_trained: int = 0


Found = Callable[[], Mapping[str, Tested | str]]
"""What was found, by the name of each outcome; or why it could not be looked for."""


@dataclass(frozen=True, eq=False)
class Test:
    """One test of a claim: it is written when it is done, and read where it was.

    name: of its files.  kind: the dataclass of its result, with a field `run`.  play: the result, and what was found
    on the way, which is made only where a run is kept.  titles: of its outcomes, where it makes others than one of its
    own name.
    """

    name: str
    title: str
    kind: type[Any]
    play: Callable[[], tuple[Any, Found]]
    paper: str = ""
    access: Access = Access.SCORES
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def named(self) -> Mapping[str, str]:
        """The outcomes that it makes, with their titles."""
        return self.titles or {self.name: self.title}


@dataclass(frozen=True, eq=False)
class Setting:
    """What is known before the first test, and decides what all of them find.

    said: what was asked for, by name: of it, of the records and of what is tested a job's hash is made.
    """

    name: str
    threat: ThreatModel
    target: TargetFacts
    data: DataFacts
    policy: Policy
    seed: int
    said: Mapping[str, object]
    recipe: str | None = None

    def facts(self, tests: Sequence[Test]) -> RunFacts:
        """As run.json holds them."""
        planned = tuple(name for test in tests for name in test.named)
        asked = repr(sorted((key, str(value)) for key, value in self.said.items()))
        bounds = repr((self.policy.confidence, self.policy.delta, sorted(self.policy.thresholds.items())))
        job = digest(repr(planned), self.target.fingerprint, self.data.fingerprint, asked, bounds, str(self.seed))
        return RunFacts(
            name=self.name,
            job=job,
            threat=self.threat,
            target=self.target,
            data=self.data,
            policy=self.policy,
            provenance=provenance(self.seed),
            recipe=self.recipe,
            planned=planned,
            settings=dict.fromkeys(planned, ", ".join(f"{key}: {value}" for key, value in self.said.items())),
        )


def as_run(
    setting: Callable[[], Setting],
    tests: Sequence[Test],
    out: Path | str | None,
    resume: Path | str | None,
) -> list[Any]:
    """The result of each test, in their order.  setting: asked for only where a run is kept.

    out: the folder of a new run; None keeps none.  resume: a run to go on with.  A test that came to its end there is
    read; one that was interrupted begins again, since it is one piece.  Where a run is kept the results say where.
    Raises InputError where both are given, or where the run is one of other records, models or settings.
    """
    if out is None and resume is None:
        return [test.play()[0] for test in tests]
    if out is not None and resume is not None:
        raise InputError("out and resume exclude each other: a run goes on in its own folder")
    facts = setting().facts(tests)
    run = _opened(facts, out, resume)
    try:
        return [replace(result, run=run.path) for result in _carried_out(run, facts, tests, resume is not None)]
    except InputError:
        if resume is None and not run.outcomes():
            _withdrawn(run)
        raise


def _opened(facts: RunFacts, out: Path | str | None, resume: Path | str | None) -> RunFolder:
    if resume is None:
        run = RunFolder(Path(out or ""))
        run.create(facts)
        run.write_baseline(Baseline(missing=NO_BASELINE))
        return run
    run = RunFolder(run_at(resume))
    if run.facts().job != facts.job:
        raise InputError(
            f"{run.path} is a run of another claim (other records, model, settings or seed): resume with what it was "
            "begun with, or start a new run"
        )
    return run


def _withdrawn(run: RunFolder) -> None:
    """A run that was refused before it began leaves nothing: the folder is free for another try."""
    for part in ("outcomes", "evidence", "claims"):
        shutil.rmtree(run.path / part, ignore_errors=True)
    run.release()
    for name in ("run.json", "baseline.json", SUMS):
        (run.path / name).unlink(missing_ok=True)
    if not any(run.path.iterdir()):
        run.path.rmdir()


def _carried_out(run: RunFolder, facts: RunFacts, tests: Sequence[Test], resumed: bool) -> list[Any]:
    """Test after test, each kept as it is done."""
    results = []
    for test in tests:
        if all(name in run.outcomes() for name in test.named) and run.has_claim(test.name):
            results.append(run.claim(test.name, test.kind))
            continue
        if resumed:
            warnings.warn(f"{test.title} had not come to its end: it begins again", Notice, stacklevel=4)
        results.append(_played(run, facts, test))
        _published(run, facts)
    run.finish()
    _published(run, facts)
    return results


def _published(run: RunFolder, facts: RunFacts) -> None:
    stored = run.outcomes()
    publish(run, [stored[name] for name in facts.planned if name in stored], run.baseline() or Baseline())


def _played(run: RunFolder, facts: RunFacts, test: Test) -> Any:
    began = time.monotonic()
    result, found = test.play()
    seconds = time.monotonic() - began
    parts = found()
    for name, title in test.named.items():
        part = parts[name]
        outcome = Outcome(name, title, CLAIM, CLAIM, test.paper, Refused(str(part)), test.access.value)
        if isinstance(part, str):
            run.write_outcome(StoredOutcome(outcome, ()))
            continue
        measured = tuple(_measurement(name, each, part, test, facts, seconds) for each in part.estimates)
        outcome = replace(
            outcome,
            result=Played(measured),
            seconds=seconds,
            queries=part.queries,
            models_trained=part.models_trained,
        )
        run.write_evidence(name, part.evidence, part.row, part.y)
        above = tuple(e.p_value for e in part.control if e.p_value is not None)
        below = tuple(e.p_below for e in part.control if e.p_below is not None)
        run.write_outcome(StoredOutcome(outcome, above, below))
    run.write_claim(test.name, replace(result, run=None))
    return result


def _measurement(
    name: str, estimate: Estimate, part: Tested, test: Test, facts: RunFacts, seconds: float
) -> Measurement:
    beside = {(e.metric, e.about): e.value for e in part.control}
    return Measurement(
        attack=name,
        game=CLAIM,
        asset=CLAIM,
        access=test.access.value,
        metric=whole_name(estimate.metric, estimate.about),
        about=estimate.about,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        confidence=estimate.confidence,
        chance=estimate.chance,
        baseline=None,
        control=beside.get((estimate.metric, estimate.about)),
        positive_control=None,
        advantage=estimate.advantage,
        advantage_low=estimate.advantage_low,
        power=estimate.detectable,
        threshold=estimate.threshold,
        p_value=estimate.p_value,
        unmeasurable=estimate.unmeasurable or "",
        queries=part.queries,
        models_trained=part.models_trained,
        seconds=seconds,
        seed=facts.provenance.seed,
        paper=test.paper,
        details=estimate.details,
        attainable=estimate.attainable,
        enough=estimate.enough,
        p_below=estimate.p_below,
        unit=estimate.unit,
    )


def as_dict(result: Any) -> dict[str, Any]:
    """The fields of a result for a machine to read; where its run lies, if it has one."""
    named = asdict(result)
    run = named.pop("run")
    return named if run is None else {**named, "run": str(run)}


def agreeing(p_value: float, refuted: bool, alpha: float) -> float:
    """A p-value that was found by bisection, on the side of alpha where the bound itself is."""
    return min(p_value, alpha) if refuted else max(p_value, float(np.nextafter(alpha, 1.0)))


MOST = 1e6
"""Files have no infinity: an epsilon as large protects nobody, and stands for every larger one."""


def bounded(value: float) -> float:
    """An epsilon as a file can hold it."""
    return min(float(value), MOST)


def number(value: float) -> str:
    """An epsilon as it is read."""
    return "without bound" if value >= MOST else f"{value:.2f}"


def of_target(target: Target) -> TargetFacts:
    """Of a model that is asked."""
    offers = tuple(sorted(port.value for port in target.offers))
    return TargetFacts(target.name, type(target).__name__, target.task.value, target.fingerprint(), offers)


def of_recipe(recipe: Recipe, task: str) -> TargetFacts:
    """Of a way to train, which makes its models anew."""
    return TargetFacts(recipe.describe(), type(recipe).__name__, task, recipe.fingerprint(), (Access.SCORES.value,))


def of_records(members: Records, nonmembers: Records, population: Records | None = None) -> DataFacts:
    """Of the records that a claim is about, and of those that they are compared with."""
    parts = [part.fingerprint() for part in (members, nonmembers, population) if part is not None]
    return DataFacts(
        members=len(members),
        nonmembers=len(nonmembers),
        population=len(population) if population is not None else 0,
        columns=int(np.prod(members.x.shape[1:])),
        classes=tuple(map(str, members.schema.classes)),
        sensitive=members.schema.sensitive,
        overlap="not looked at",
        fingerprint=digest(*parts),
        member_persons=count(members.groups),
        nonmember_persons=count(nonmembers.groups),
        aggregate="mean" if members.groups is not None else "",
    )
