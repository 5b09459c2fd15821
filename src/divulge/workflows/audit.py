"""The library's front door: `divulge.audit(...)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from divulge.auditing.job import Job
from divulge.catalog.attacks import default_membership
from divulge.core.attack import Attack
from divulge.core.errors import InputError
from divulge.core.progress import Progress
from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Finding, Outcome, Verdict
from divulge.core.results.handshake import Handshake
from divulge.core.threat import ThreatModel
from divulge.runs.find import RUNS, discard_empty, new_folder, run_at
from divulge.runs.folder import RunFolder
from divulge.runs.result import open_run
from divulge.runs.summary import as_html, as_text
from divulge.setup.sources.arguments import in_order
from divulge.workflows.progress_bar import progress_of
from divulge.workflows.run_audit import run_audit

if TYPE_CHECKING:
    import pandas as pd

    from divulge.setup.option_types import AuditOptions


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
        return default_membership(finding.attack for finding in self.findings)

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

    def report(
        self,
        path: Path | str | None = None,
        format: str | None = None,
        page: str = "report",
        prior: str | None = None,
    ) -> Path:
        """Write the report; the format follows the file's ending (.html, .md, .pdf, .json, .sarif, or .csv for `risk`).

        page: "report", "decision" for whoever decides alone, or "card" for the privacy section of a model card.  A PDF
        needs Chromium, Chrome or Edge.  prior: share of members among those asked about, "0.1", a range "0.01:0.1" or
        "beta:2,50", for how likely a named record is a member.
        """
        from divulge.runs.export import FORMATS, csv_of, write

        usual = {"report": "report.html", "decision": "decision.html", "card": "card.md"}.get(page, "report.html")
        target = Path(path) if path is not None else self.folder / usual
        chosen = format or target.suffix.removeprefix(".")
        if chosen not in (*FORMATS, "csv"):
            raise InputError(f"report format {chosen!r} is unknown: choose one of {', '.join(FORMATS)} or csv")
        if chosen == "csv":
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(csv_of(self.risk()), encoding="utf-8")
        else:
            write(self.result if prior is None else open_run(self.folder, prior), target, chosen, page)
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


@in_order
def audit(  # the front door: every handle has a default but the first
    target: Any,
    members: Any = None,
    nonmembers: Any = None,
    population: Any = None,
    *,
    threat: str | ThreatModel | Mapping[str, Any] = "mlaas",
    recipe: Any = "auto",
    attacks: Sequence[str | Mapping[str, Any] | Attack[Any, Any]] | None = None,
    seed: int = 0,
    out: Path | str | None = None,
    progress: Progress | str | None = "auto",
    resume: Path | str | None = None,
    **options: Unpack[AuditOptions],
) -> Run:
    """Audit a model: who was in its training data, what of it can be rebuilt, what it tells about all of it together,
    and whether the model can be copied.

    target: a fitted scikit-learn estimator, a torch.nn.Module, a path to an ONNX file, a function x -> scores
        [records, classes], a `ScoreTable`, or any object with the Target protocol.
    members, nonmembers, population: (x, y) pairs; x a data frame, an array, a sparse matrix, a tensor or a list of
        texts, y [records]; or a whole data frame and the name of its target column; or a Dataset or DataLoader of
        PyTorch, which is read once.  Members were trained on, non-members were not, and both must have been drawn
        alike; population records are what the adversary has.
    threat: a preset's name, a ThreatModel, or a preset with changes, {"preset": "mlaas", "query_budget": 1000} say.
    recipe: how such a model is trained, for controls and shadow models: "auto" clones a scikit-learn estimator,
        which tunes anew what it tunes; "chosen" trains with the settings that a fitted search has chosen; a
        TorchRecipe, an unfitted estimator, a function train(x, y, seed) -> model, keys as in an audit file, or None
        for no recipe.
    attacks: names, names with settings ({"lira": {"shadows": 32}}) or attacks; all of `families` that are meant for
        this kind of target when not given.
    seed: equal seeds give equal results.
    out: the run's folder; a new one under ./divulge-runs when not given.
    progress: "auto" draws a bar on terminals and in notebooks; None draws nothing; or a Progress.
    resume: the folder, the name or "latest" of a run to go on with, begun with the same model, records and settings.

    The options are the keys of an audit file, where Python has objects for what a file names:

    name: of the run and its report.
    policy: what is tolerated: a policy's name, its file, keys, or in Python a Policy.
    sensitive: columns whose values must not come out.
    classes: the labels that the outputs of a network, a function or an ONNX file stand for, in their order, where they
        are not the outputs' numbers.
    task: classification or regression; found out when left out.
    output: what a model returns, where it is not to be recognised.
    pick: which of several things that a network returns.
    average: how often each question is put to a model that answers at random; its answer is the mean.
    duplicates: what is done with records that stand among members and non-members alike; refuse keeps those that may
        stand there by coincidence.
    groups: whose records they are, where a person has several: the column, or array of an .npz, that says it, which is
        no feature unless the model was fitted with it; in Python also (labels of members, labels of non-members[,
        labels of the population]), and for a score table one label a record. Persons are split, trained on, compared
        and counted whole.
    aggregate: how the scores of a person's records become one: max is that of the record which gives most away, sum
        adds log likelihood ratios, as `lira` has them.
    public: records of other classes than the model's, from which an adversary may learn what records look like: an .npz
        file, or in Python (x, y).
    reconstruction: what reconstruction is played on: keys, or in Python a RebuildPlan.
    properties: what is asked about the training set as a whole: expressions, share(sex == 'Female') say, keys, or in
        Python a PropertyPlan.
    shadows: models to train for attacks that learn from models of their own; more find more and cost more.
    engine: how models are trained: auto, stacked, threads, processes, sequential or ray.
    jobs: worker processes; all cores when left out.
    cache: keep models, answers and guesses for later runs, in DIVULGE_CACHE or the user's cache folder.
    families: membership, reconstruction, property, extraction; where neither attacks nor families are named, everything
        that the threat model allows in `minutes`, which are 10 on the command line when left out; in Python it is then
        membership alone.
    minutes: start attacks only as far as they fit, the most telling first, and say what is left out.
    defenses: in order, names, a name with its settings, or in Python objects; shadow models are defended alike, and
        where one acts before or while a model is trained, the model that is audited is trained anew by the recipe, on
        the members.
    detectors: when `prada` and `distribution_test` would notice an attack that copies the model.
    chain: what the closest copy opens up; membership, adversarial and inversion can be asked for.
    expect: what you know of the model, accuracy (on members), accuracy_nonmembers, r2 or loss_per_token: where it
        answers otherwise, the audit stops before anything is attacked.
    encrypted: the model is asked under CKKS, or shared among three parties.
    reference: of a language model, one that never saw the texts, what it was fine-tuned from say: a folder, a table of
        token log-probabilities, or in Python the model; the base of an adapter, or of the recipe, when left out.

    Raises InputError, with the cure, for input that cannot be audited, and for an option that does not exist.
    """
    given = {"threat": threat, "recipe": recipe, "attacks": attacks, "seed": seed, **options}
    from divulge.setup.from_objects import job_from_objects
    from divulge.setup.settings import Options

    settings = Options.of(given, beside=("out", "progress", "resume"))
    job = job_from_objects(target, (members, nonmembers, population), settings)
    return _carried_out(job, out, progress, settings.minutes, resume)


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
        discard_empty(folder)
    return Run(folder, open_run(run.path))
