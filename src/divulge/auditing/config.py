"""The audit file: YAML with a typed schema, unknown keys refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from divulge.auditing.policies import PolicyFile, load_policy, shipped
from divulge.core.errors import InputError
from divulge.core.policy import Policy
from divulge.core.threat import PRESETS, Access, Behaviour, Knowledge, ThreatModel


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
    """The model.  path: relative to the audit file.  trust: needed for pickle and joblib files, which can run code.

    factory: for torch, what builds the untrained module: `file.py:function` or `package.module:function`.
    trusted_modules: further modules whose classes a pickle may contain.  service: for http.  encrypted: the model is
    asked under CKKS, or shared among three parties.
    """

    kind: Literal["sklearn", "torch", "onnx", "scores", "http"]
    path: Path | None = None
    name: str | None = None
    task: Literal["classification", "regression"] | None = None
    factory: str | None = None
    trust: bool = False
    trusted_modules: list[str] = []
    service: ServicePart | None = None
    encrypted: Literal["ckks", "mpc"] | None = None

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
        if self.kind == "torch" and self.factory is None:
            raise ValueError("a torch target needs `factory`, the function that builds the module: model.py:build, say")
        return self


class DataPart(_Part):
    """The records: CSV or Parquet with a `target` column, or .npz with arrays x and y; or a named `source`, which is
    split at random into parts of the sizes given as members, nonmembers and population.  public: .npz of records of
    other classes than the model's.  groups: the column, or array of an .npz, that says whose records they are, where a
    person has several; aggregate: how the scores of a person's records become one.
    """

    members: Path | int | None = None
    nonmembers: Path | int | None = None
    population: Path | int | None = None
    public: Path | None = None
    source: str | None = None
    target: str | None = None
    sensitive: list[str] = []
    duplicates: Literal["refuse", "drop", "keep"] = "refuse"
    groups: str | None = None
    aggregate: Literal["mean", "max", "sum"] = "mean"

    @model_validator(mode="after")
    def _both_sides(self) -> DataPart:
        for name in ("members", "nonmembers"):
            if getattr(self, name) is None:
                raise ValueError(f"`{name}` is missing: a file of records, or a number with `source`")
        return self


class RecipePart(_Part):
    """How such a model is trained.  auto: as the scikit-learn estimator is; torch: with these settings; sklearn: as the
    estimator that `factory` builds.  factory: `file.py:function`; of the target where it has one.
    """

    kind: Literal["auto", "none", "torch", "sklearn"] = "auto"
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
    """A preset with changes."""

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
    """Compositions of defences that `divulge compare --defenses` puts side by side.  defenses: lists of names, or of
    names with settings; [] for none.  canaries: share of the members whose labels are made wrong: the worst case.
    tuned: epsilons at which DP-SGD, tuned for accuracy, is a row besides, where it can train such models.
    """

    defenses: list[list[str | dict[str, dict[str, Any]]]] = []
    canaries: float = Field(default=0.1, ge=0, lt=0.5)
    tuned: list[float] = [8.0]


class AuditFile(_Part):
    """An audit.  attacks: names, or a name with its settings; all of `families` that fit the target when left out.
    families: membership, reconstruction, property, extraction; everything that the threat model allows when neither
    attacks nor families are named.  minutes: start attacks only as far as they fit, the most telling first.
    shadows: models to train for attacks that learn from models of their own.  defenses: in order, names or a name with
    its settings; compare: several such lists, side by side.
    chain: membership, adversarial, inversion: what the closest copy opens up.
    detectors: prada, distribution_test: when they would notice an attack that copies the model.
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

    @model_validator(mode="after")
    def _data_where_needed(self) -> AuditFile:
        if self.data is None and self.target.kind != "scores":
            raise ValueError("`data` is missing: which records were trained on, and which were not")
        return self


def load(path: Path) -> AuditFile:
    """An audit file; raises InputError with one line: file, field, what was expected."""
    if not path.is_file():
        raise InputError(f"no audit file at {path} (looked in {path.resolve().parent})")
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: not YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path.name}: expected keys and values (target:, data:, ...), see `divulge audit --schema`")
    try:
        return AuditFile.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path.name}: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    """The first complaint of pydantic as a person would say it."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        said = "no such key: see `divulge audit --schema` for those there are"
    if first["type"] == "missing":
        said = "is missing: see `divulge audit --schema`"
    return f"{where}: {said}" if where else said
