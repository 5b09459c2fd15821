"""The library's front door: `divulge.audit(...)`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divulge.auditing.answers import bare
from divulge.auditing.job import Job
from divulge.auditing.resources import resources
from divulge.catalog.attacks import DEFAULT_MEMBERSHIP
from divulge.core.attack import Attack
from divulge.core.audit_result import AuditResult
from divulge.core.errors import InputError
from divulge.core.finding import Finding, Outcome, Verdict
from divulge.core.handshake import Handshake
from divulge.core.policy import Policy
from divulge.core.progress import Progress
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Task, ThreatModel
from divulge.games.properties import PropertyPlan
from divulge.games.rebuild import RebuildPlan
from divulge.runs.export import FORMATS, write
from divulge.runs.find import RUNS, run_at
from divulge.runs.folder import RunFolder
from divulge.runs.policies import policy_of
from divulge.runs.result import open_run
from divulge.runs.summary import as_html, as_text
from divulge.setup.assemble import (
    DEFAULT_SHADOWS,
    Sets,
    attacks_for,
    job_from_records,
    recipe_for,
    reconstruction_of,
    target_from,
    threat_from,
)
from divulge.setup.defended import defended, defended_name
from divulge.setup.from_table import job_from_table
from divulge.setup.persons import of_persons, sets_of
from divulge.setup.scope import Scope, scope_of
from divulge.targets.score_table import ScoreTable
from divulge.targets.wrappers.averaged import averaged
from divulge.workflows.progress_bar import progress_of
from divulge.workflows.run_audit import run_audit

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Run:
    """A finished audit.  folder: where everything about it lies."""

    folder: Path
    result: AuditResult

    def __repr__(self) -> str:
        """Verdict, target and the strongest findings, a dozen lines at most."""
        return as_text(self.result, str(self.folder))

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        return as_html(self.result, str(self.folder))

    @classmethod
    def open(cls, folder: Path | str) -> Run:
        """A run from its folder, its name under ./divulge-runs, or "latest"; raises InputError where there is none."""
        found = run_at(folder)
        return cls(found, open_run(found))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One for every metric of every attack that ran."""
        return self.result.findings

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What became of every planned attack, refused and failed ones too."""
        return self.result.outcomes

    @property
    def handshake(self) -> Handshake | None:
        """How the model answered before anything was attacked; None for a run of an earlier version."""
        return self.result.handshake

    @property
    def default_membership_attack(self) -> str:
        """The attack to look at first, whatever the number of shadow models: its name in findings."""
        return DEFAULT_MEMBERSHIP

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the families of attacks, see `verdicts`."""
        return self.result.verdict

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of each family of attacks, by its name: of what was played, and `not examined` where nothing
        could be.
        """
        return {family.value: each.verdict for family, each in self.result.family_verdicts.items()}

    def report(self, path: Path | str | None = None, format: str | None = None, page: str = "report") -> Path:
        """Write the report; the format follows the file's ending (.html, .md, .pdf, .json, .sarif, or .csv for `risk`).

        page: "report", "decision" for whoever decides alone, or "card" for the privacy section of a model card.  A PDF
        needs Chromium, Chrome or Edge.
        """
        usual = {"report": "report.html", "decision": "decision.html", "card": "card.md"}.get(page, "report.html")
        target = Path(path) if path is not None else self.folder / usual
        chosen = format or target.suffix.removeprefix(".")
        if chosen not in (*FORMATS, "csv"):
            raise InputError(f"report format {chosen!r} is unknown: choose one of {', '.join(FORMATS)} or csv")
        if chosen == "csv":
            target.parent.mkdir(parents=True, exist_ok=True)
            self.risk().to_csv(target, index=False)
        else:
            write(self.result, target, chosen, page)
        return target

    def to_frame(self) -> pd.DataFrame:
        """The findings as a data frame, one row each, with the run and the target that they are about, so that frames
        of several runs can be put together; details holds what is particular to a metric.
        """
        import pandas as pd

        about = {"run": self.folder.name, "target": self.result.facts.target.name}
        return pd.DataFrame([about | vars(f) | {"verdict": f.verdict.value} for f in self.findings])

    def roc(self, attack: str) -> pd.DataFrame:
        """The ROC curve of one attack with its confidence band: columns fpr, tpr, low, high, each in [0, 1]; from the
        origin on, at thresholds that exist.  Raises InputError for an attack without a curve in this run.
        """
        import pandas as pd

        curves = {curve.attack: curve for curve in self.result.curves}
        if attack not in curves:
            raise InputError(
                f"there is no curve of attack {attack!r} in this run; there are {', '.join(curves) or 'none'}"
            )
        curve = pd.DataFrame({name: getattr(curves[attack], name) for name in ("fpr", "tpr", "low", "high")})
        start = pd.DataFrame({"fpr": [0.0], "tpr": [0.0], "low": [0.0], "high": [min([1.0, *curve["high"]])]})
        return pd.concat([start, curve], ignore_index=True)

    def risk(self) -> pd.DataFrame:
        """One row a member, in the order in which they were given: in how many other trainings it was exposed (named,
        trainings, with an exact interval low to high), how lonely it is, how many of its neighbours are of another
        class, how many copies there are, and the same in words (why).  Raises InputError where no leak was found.
        """
        found = RunFolder(self.folder).risk()
        if found is None:
            raise InputError(
                f"{self.folder} holds no risk by member: it is kept where a leak was found, else it is chance"
            )
        return found

    def scores(self, attack: str) -> pd.DataFrame:
        """Scores of one attack by record: columns member, row, y, score."""
        return RunFolder(self.folder).scores(attack)


def new_folder(root: Path, name: str) -> Path:
    """A folder under `root` that is not there yet: time and name."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "audit"
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        folder = root / (f"{stamp}-{slug}" if number == 1 else f"{stamp}-{slug}-{number}")
        if not folder.exists():
            return folder
    raise InputError(f"{root} has a thousand runs of this second: choose another folder")


def audit(  # noqa: PLR0913  # the front door: every handle has a default but the first
    target: Any,
    members: tuple[Any, Any] | None = None,
    nonmembers: tuple[Any, Any] | None = None,
    population: tuple[Any, Any] | None = None,
    *,
    threat: str | ThreatModel = "mlaas",
    recipe: Any = "auto",
    attacks: Sequence[str | Attack[Any, Any]] | None = None,
    families: Sequence[str] | None = None,
    minutes: float | None = None,
    policy: Policy | str | None = None,
    sensitive: Iterable[str] = (),
    classes: Sequence[Any] | None = None,
    task: Task | str | None = None,
    duplicates: str = "refuse",
    groups: Any = None,
    aggregate: str = "mean",
    name: str | None = None,
    seed: int = 0,
    out: Path | str | None = None,
    shadows: int = DEFAULT_SHADOWS,
    defenses: Sequence[Any] = (),
    detectors: Sequence[str] = (),
    chain: Sequence[str] = (),
    public: tuple[Any, Any] | None = None,
    reconstruction: RebuildPlan | None = None,
    properties: PropertyPlan | Sequence[str] = (),
    expect: Mapping[str, float] | None = None,
    average: int = 1,
    engine: str = "auto",
    jobs: int | None = None,
    cache: bool = True,
    progress: Progress | str | None = "auto",
    resume: Path | str | None = None,
) -> Run:
    """Audit a model: who was in its training data, what of it can be rebuilt, what it tells about all of it together,
    and whether the model can be copied.

    target: a fitted scikit-learn estimator, a torch.nn.Module, a path to an ONNX file, a function x -> scores
        [records, classes], a `ScoreTable`, or any object with the Target protocol.
    members, nonmembers, population: (x, y) pairs; x a data frame, an array, a sparse matrix, a tensor or a list of
        texts, y [records]; or a whole data frame and the name of its target column; or a Dataset or DataLoader of
        PyTorch, which is read once.  Members were trained on, non-members were not, and both must have been drawn
        alike; population records are what the adversary has.
    threat: a preset's name or a ThreatModel.
    recipe: how such a model is trained, for controls and shadow models: "auto" clones a scikit-learn estimator,
        which tunes anew what it tunes; "chosen" trains with the settings that a fitted search has chosen; a
        TorchRecipe, an unfitted estimator, a function train(x, y, seed) -> model, or None for no recipe.
    attacks: names or attacks; all of `families` that are meant for this kind of target when not given.
    families: "membership", "reconstruction", "property", "extraction"; membership when not given.
    minutes: start attacks only as far as they fit, those first that tell most a second, and say what is left out.
        With neither attacks nor families named, all families and everything that the threat model allows is tried.
    policy: what is tolerated: the name of one that comes with divulge, a file, or a Policy.
    classes: the labels that the model's outputs stand for, in their order, where it cannot say so itself (networks and
        functions); needed where labels are not the outputs' numbers.
    task: "classification" or "regression", where the model does not say and the labels cannot.
    groups: whose records they are, where a person has several: (labels of members, labels of non-members[, labels of
        the population]), or the name of a column of the frames, which is no feature unless the model was fitted with
        it; for a score table one label a record.  Persons are then split, trained on, compared and counted whole.
    aggregate: how the scores of a person's records become one: "mean", "max" (of one record that gives a person away)
        or "sum" (of log likelihood ratios, as `lira` has them).
    out: the run's folder; a new one under ./divulge-runs when not given.
    shadows: models to train for attacks that learn from models of their own; more find more and cost more.
    defenses: names, {name: settings} or defences, in order; shadow models are defended in the same way.  Where one
        acts before or while a model is trained, the model that is audited is trained anew by the recipe, on the
        members.  Those of the interface leave less to see, those of updates are what clients do before they send them.
    detectors: "prada", "distribution_test": when they would notice each extraction attack.
    chain: "membership", "adversarial", "inversion": what the closest copy of the model opens up.
    public: (x, y) of other classes than the model's, which an adversary may learn from what records look like.
    reconstruction: how many updates, pairs of versions or records are rebuilt, of how many records each.
    properties: expressions about the training set as a whole, "share(sex == 'Female')" say, or a PropertyPlan.
    expect: what you know of the model, {"accuracy": 0.97} say (on members; also accuracy_nonmembers, r2,
        loss_per_token): where it answers otherwise, the audit stops before anything is attacked.
    average: how often each question is put to a model that answers at random; its answer is the mean.
    engine, jobs: how they are trained: "auto", "stacked", "processes", "sequential" or "ray", and on how many cores.
    cache: keep models, answers and guesses for later runs, in DIVULGE_CACHE or the user's cache folder.
    progress: "auto" draws a bar on terminals and in notebooks; None draws nothing; or a Progress.
    resume: the folder, the name or "latest" of a run to go on with, begun with the same model, records and settings.
    Raises InputError, with the cure, for input that cannot be audited.
    """
    threat, policy, scope = threat_from(threat), policy_of(policy), scope_of(attacks, families, minutes)
    tools = resources(engine, jobs, cache)
    if isinstance(target, ScoreTable):
        table = (of_persons(target, groups), threat, attacks, policy, seed, name or "score table", aggregate)
        return _carried_out(_known(job_from_table(*table), (), expect, False), out, progress, minutes, resume)
    asked = averaged(target_from(target), average)
    sets = sets_of(asked, (members, nonmembers, population), groups, aggregate, sensitive, classes, task, properties)
    shown, made = _defended(asked, recipe_for(recipe, target, asked, tools), defenses, sets, seed)
    same: Any = {"duplicates": duplicates, "seed": seed, "chain": chain, "detectors": detectors, "resources": tools}
    same |= _rebuilt_and_told(sets.members, scope, public, reconstruction, defenses, properties)
    same |= {"policy": policy, "threat": threat, "recipe": made, "name": name or defended_name(shown.name, defenses)}
    job = job_from_records(shown, sets, attacks_for(attacks, shown, shadows, threat, scope.families), **same)
    job = _known(job, scope.asked(attacks, job.attacks), expect, bare(shown) is not asked)
    return _carried_out(job, out, progress, minutes, resume)


def _known(job: Job, families: tuple[str, ...], expect: Mapping[str, float] | None, own: bool) -> Job:
    return replace(job, asked=families, expect=expect or {}, own=own)


def _rebuilt_and_told(
    members: Records,
    scope: Scope,
    public: Any,
    plan: RebuildPlan | None,
    defenses: Sequence[Any],
    properties: PropertyPlan | Sequence[str],
) -> dict[str, Any]:
    """What is rebuilt, and what is asked about all records together, as a job has it."""
    rebuilt = reconstruction_of(public, members, plan, defenses)
    return {"reconstruction": rebuilt, "properties": scope.properties(properties, members)}


def _defended(asked: Target, own: Recipe | None, defenses: Sequence[Any], sets: Sets, seed: int) -> Any:
    return defended(asked, own, defenses, sets.members, sets.population, seed)


def _carried_out(
    job: Job,
    out: Path | str | None,
    progress: Progress | str | None,
    minutes: float | None,
    resume: Path | str | None,
) -> Run:
    if resume is not None and out is not None:
        raise InputError("out and resume exclude each other: a run goes on in its own folder")
    folder = run_at(resume) if resume is not None else Path(out) if out is not None else new_folder(RUNS, job.name)
    drawn = progress_of(progress)
    try:
        run = run_audit(job, folder, resume=resume is not None, progress=drawn, minutes=minutes)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"what was found is kept in {folder}; pass resume={str(folder)!r} to go on")
        raise
    finally:
        close = getattr(drawn, "close", None)
        if close is not None:
            close()
    return Run(folder, open_run(run.path))
