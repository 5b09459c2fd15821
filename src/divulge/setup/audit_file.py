"""The audit file: YAML with a typed schema, unknown keys refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from divulge.core.errors import InputError
from divulge.core.policy import Policy
from divulge.core.threat import PRESETS, Access, Behaviour, Knowledge, ThreatModel
from divulge.runs.policies import load_policy, shipped
from divulge.runs.policy_file import PolicyFile
from divulge.setup.validation import complaints


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ServicePart(_Part):
    """A prediction service.  url: the whole address.  preset: of the bodies, kserve-v2, torchserve, bentoml or fastapi.

    request: JSON with $records, $rows, $flat, $shape, $count or $columns where they belong.  response: where the
    predictions stand, `outputs.0.data` say.  headers: header to the name of the environment variable that holds it.
    batch: records a request.  timeout: seconds.  tries: at each request.  rate: requests a second at most.
    concurrency: requests at a time.  classes: labels in the order of the service's scores.
    """

    url: str
    preset: str | None = None
    request: Any = None
    response: str | None = None
    headers: dict[str, str] = {}
    batch: int = Field(default=32, gt=0)
    timeout: float = Field(default=10.0, gt=0)
    tries: int = Field(default=5, gt=0)
    rate: float = Field(default=10.0, gt=0)
    concurrency: int = Field(default=2, gt=0)
    classes: list[Any] = []


class TargetPart(_Part):
    """The model.  kind: of what file or service.  path: relative to the audit file.  name: for the report.  task:
    classification or regression; found out when left out.  trust: needed for pickle and joblib files, which can run
    code: true says that you know who made it.

    factory: for torch, what builds the untrained module: `file.py:function` or `package.module:function`; a whole
    module that was saved needs `trust` instead.  output: what a network returns, where it is not to be recognised;
    pick: which of several things that it returns.
    modules: files with classes of your own that are in the pickle, relative to the audit file.
    trusted_modules: names of further modules whose classes a pickle may contain; looked for beside the audit file, then
    among what is installed.  service: for http.  encrypted: the model is asked under CKKS, or shared among three
    parties.  average: how often each question is put to a model that answers at random.
    """

    kind: Literal["sklearn", "torch", "onnx", "scores", "http"]
    path: Path | None = None
    name: str | None = None
    task: Literal["classification", "regression"] | None = None
    factory: str | None = None
    output: Literal["logits", "log_probabilities", "probabilities", "one_vs_rest", "logit", "probability"] | None = None
    pick: str | int | None = None
    trust: bool = False
    modules: list[Path] = []
    trusted_modules: list[str] = []
    service: ServicePart | None = None
    encrypted: Literal["ckks", "mpc"] | None = None
    average: int = Field(default=1, ge=1)

    @property
    def file(self) -> Path:
        """The path, which every kind but http has."""
        assert self.path is not None
        return self.path

    @model_validator(mode="after")
    def _complete(self) -> TargetPart:
        if self.kind == "http" and self.service is None:
            raise ValueError("an http target needs `service`, with its `url` and how it is spoken to")
        if self.kind != "http" and self.path is None:
            raise ValueError(f"a target of kind {self.kind} needs `path`, the file that holds it")
        if self.kind == "torch" and self.factory is None and not self.trust:
            raise ValueError("a torch target needs `factory`, the function that builds the module: model.py:build, say")
        return self


class DataPart(_Part):
    """The records: CSV or Parquet with a `target` column, or .npz with arrays x and y; or a named `source`, which is
    split at random into parts of the sizes given as members, nonmembers and population.

    members: a file of the records that were trained on; with `source`, how many.  nonmembers: of records that were not,
    drawn alike.  population: further records, which the adversary has.  public: .npz of records of other classes than
    the model's.  source: breast_cancer, digits, fashion_mnist or census_income.  target: the column that is predicted.
    separator, encoding: of CSV files; found out when left out.  dtypes: by column, what it is where that cannot be
    seen: str, category, int, float, bool or datetime; digits with a leading zero are text anyway.  sensitive: columns
    whose values must not come out.  duplicates: what is done with records that stand among members and non-members
    alike; refuse keeps those that may stand there by coincidence.  classes: the labels that the outputs of a network or
    of an ONNX file stand for, in their order, where they are not the outputs' numbers.  expect: what you know of the
    model, accuracy (on members), accuracy_nonmembers, r2 or loss_per_token: where it answers otherwise, the audit stops
    before anything is attacked.  groups: the column, or array of an .npz, that says whose records they are,
    where a person has several.  aggregate: how the scores of a person's records become one.
    """

    members: Path | int | None = None
    nonmembers: Path | int | None = None
    population: Path | int | None = None
    public: Path | None = None
    source: str | None = None
    target: str | None = None
    separator: str | None = None
    encoding: str | None = None
    dtypes: dict[str, str] = {}
    sensitive: list[str] = []
    classes: list[Any] = []
    duplicates: Literal["refuse", "drop", "keep"] = "refuse"
    expect: dict[str, float] = {}
    groups: str | None = None
    aggregate: Literal["mean", "max", "sum"] = "mean"

    @model_validator(mode="after")
    def _both_sides(self) -> DataPart:
        for name in ("members", "nonmembers"):
            if getattr(self, name) is None:
                raise ValueError(f"`{name}` is missing: a file of records, or a number with `source`")
        return self


class RecipePart(_Part):
    """How such a model is trained, for controls and shadow models.

    kind: auto trains it as the scikit-learn estimator was, tuning anew what it tunes; chosen with the settings that it
    has chosen; none not at all; torch with the settings below; sklearn as the estimator that `factory` builds.
    factory: `file.py:function`; of the target where it has one.  epochs, batch_size, learning_rate, optimiser,
    weight_decay, momentum, schedule: of the training, for torch.  augmentation: what is done to images at random while
    they are trained on.
    """

    kind: Literal["auto", "chosen", "none", "torch", "sklearn"] = "auto"
    factory: str | None = None
    epochs: int = Field(default=30, gt=0)
    batch_size: int = Field(default=128, gt=0)
    learning_rate: float = Field(default=1e-3, gt=0)
    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: float = Field(default=0.0, ge=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)
    schedule: Literal["constant", "cosine", "steps"] = "constant"
    augmentation: Literal["none", "flip", "shift", "both"] = "none"


class ThreatPart(_Part):
    """Who attacks: a preset with changes.

    preset: its name, mlaas or published-model say.  query_budget: the most queries of one attack.  top_k: only so many
    of the highest scores are shown.  access: what is seen: label, scores, parameters and so on.  knowledge: what is
    known besides.  behaviour: passive, or active where the adversary interferes with the training.
    """

    preset: str = "mlaas"
    query_budget: int | None = Field(default=None, gt=0)
    top_k: int | None = Field(default=None, gt=0)
    access: list[str] | None = None
    knowledge: list[str] | None = None
    behaviour: Literal["passive", "active"] | None = None

    def model(self) -> ThreatModel:
        """The threat model; raises InputError for an unknown preset or word."""
        if self.preset not in PRESETS:
            raise InputError(f"threat: preset {self.preset!r} is unknown: choose one of {', '.join(PRESETS)}")
        threat = PRESETS[self.preset]
        changes: dict[str, Any] = {
            k: v for k, v in (("query_budget", self.query_budget), ("top_k", self.top_k)) if v is not None
        }
        if self.access is not None:
            changes["access"] = frozenset(_word(Access, name, "access") for name in self.access)
        if self.knowledge is not None:
            changes["knowledge"] = frozenset(_word(Knowledge, name, "knowledge") for name in self.knowledge)
        if self.behaviour is not None:
            changes["behaviour"] = Behaviour(self.behaviour)
        return ThreatModel(**{**vars(threat), **changes})


def _word(kind: Any, name: str, field: str) -> Any:
    names = [member.name.lower() for member in kind]
    if name.lower() not in names:
        raise InputError(f"threat.{field}: {name!r} is unknown: choose from {', '.join(names)}")
    return kind[name.upper()]


class ReconstructionPart(_Part):
    """What reconstruction is played on.  trials: updates, pairs of versions or records.  batch: records of an update.
    steps, rate, epochs: of the local training behind it.  layer: where a split model is cut.  asked: training records,
    and as many others, whose sensitive attributes are asked about.  update: .npz of an update that really was sent:
    arrays in the order of the parameters, and `rows`, which of the members are behind it.  clients: updates come out of
    federated rounds of so many; secure: under secure aggregation; sees: their sum, or what one client sends.
    """

    trials: int = Field(default=20, gt=0)
    batch: int = Field(default=1, gt=0)
    steps: int = Field(default=1, gt=0)
    rate: float = Field(default=0.1, gt=0)
    epochs: int = Field(default=1, gt=0)
    layer: str | None = None
    asked: int = Field(default=2000, gt=0)
    update: Path | None = None
    clients: int = Field(default=0, ge=0)
    secure: bool = False
    sees: Literal["sum", "client"] = "sum"


class PropertyPart(_Part):
    """What is asked about the training set as a whole.  properties: expressions over the columns, such as
    share(sex == 'Female'), present(race == 'Other'), mean(age), correlation(age, income), size(), duplicates().
    values: of the models that are told apart; usual ones when left out.  victims, shadows: models that are trained, to
    be attacked and to learn from.  size: records of every training set.  queries: records that the adversary asks
    about.  trials, batch: updates of a federated training, and records in each.
    """

    properties: list[str] = []
    values: list[float] | None = None
    victims: int = Field(default=48, ge=12)
    shadows: int = Field(default=64, ge=16)
    size: int | None = Field(default=None, ge=100)
    queries: int = Field(default=1_000, ge=50)
    trials: int = Field(default=100, ge=20)
    batch: int = Field(default=32, ge=2)


class ComparePart(_Part):
    """Compositions of defences that `compare --defenses` puts side by side.  defenses: lists of names, or of
    names with settings; [] for none.  canaries: share of the members whose labels are made wrong: the worst case.
    tuned: epsilons at which DP-SGD, tuned for accuracy, is a row besides, where it can train such models.
    """

    defenses: list[list[str | dict[str, dict[str, Any]]]] = []
    canaries: float = Field(default=0.1, ge=0, lt=0.5)
    tuned: list[float] = [8.0]


class AuditFile(_Part):
    """An audit.

    name: of the run and its report.  target: the model.  data: the records; not for a score table.  recipe: how such a
    model is trained.  threat: who attacks: a preset's name, or keys.  attacks: names, or a name with its settings; all
    of `families` that fit the target when left out.  families: membership, reconstruction, property, extraction;
    everything that the threat model allows when neither attacks nor families are named.  minutes: start attacks only as
    far as they fit, the most telling first.  defenses: in order, names or a name with its settings.  detectors: when
    `prada` and `distribution_test` would notice an attack that copies the model.  chain: what the closest copy opens
    up; membership, adversarial and inversion can be asked for.  reconstruction: what reconstruction is played on.
    property: what is asked about the training set as a whole.  compare: compositions of defences, put side by side.
    policy: what is tolerated: a policy's name, its file, or keys.  seed: equal seeds give equal results.  shadows:
    models to train for attacks that learn from models of their own.
    """

    name: str | None = None
    target: TargetPart
    data: DataPart | None = None
    recipe: RecipePart = RecipePart()
    threat: str | ThreatPart = "mlaas"
    attacks: list[str | dict[str, dict[str, Any]]] | None = None
    families: list[str] | None = None
    minutes: float | None = Field(default=None, gt=0)
    defenses: list[str | dict[str, dict[str, Any]]] = []
    detectors: list[str] = []
    chain: list[str] = []
    reconstruction: ReconstructionPart = ReconstructionPart()
    property: PropertyPart = PropertyPart()
    compare: ComparePart = ComparePart()
    policy: str | PolicyFile = PolicyFile()
    seed: int = 0
    shadows: int = Field(default=16, ge=2)

    def tolerated(self, folder: Path) -> Policy:
        """The policy, by its name, from its file (relative to the audit file's folder), or as it is written here."""
        if not isinstance(self.policy, str):
            return self.policy.policy("policy")
        return load_policy(self.policy if self.policy in shipped() else folder / self.policy)


def load(path: Path) -> AuditFile:
    """An audit file; raises InputError with one line: file, field, what was expected."""
    return parsed(text_of(path), path.name)


def text_of(path: Path) -> str:
    """The text of an audit file; raises InputError where there is none."""
    if not path.is_file():
        raise InputError(f"no audit file at {path} (looked in {path.resolve().parent})")
    try:
        return path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path.name}: cannot be read as UTF-8 ({error}): save it so") from error


def parsed(text: str, name: str) -> AuditFile:
    """An audit file from its text; raises InputError with one line: file, fields, what was expected of each."""
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{name}: not YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(content, dict):
        raise InputError(f"{name}: expected keys and values (target:, data:, ...), see `divulge audit --schema`")
    try:
        return AuditFile.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{name}: {complaints(error, AuditFile)}") from error
