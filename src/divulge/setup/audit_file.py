"""The audit file: YAML with a typed schema, unknown keys refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from divulge.core.errors import InputError
from divulge.data.yaml_text import read_yaml
from divulge.setup.parts import ComparePart, Part, Values
from divulge.setup.settings import AuditSettings, DataSettings, Options, TargetSettings
from divulge.setup.validation import complaints
from divulge.targets.kinds import kinds


class ServicePart(Part):
    """A prediction service."""

    url: str
    """the whole address; ${NAME} in it, and in `request`, stands for an environment variable"""
    preset: str | None = None
    """of the bodies, kserve-v2, torchserve, bentoml or fastapi"""
    request: Any = None
    """JSON with $records, $rows, $flat, $shape, $count or $columns where they belong"""
    response: str | None = None
    """where the predictions stand, `outputs.0.data` say"""
    headers: dict[str, str] = Field(default={})
    """header to the name of the environment variable that holds it"""
    batch: int = Field(default=32, gt=0)
    """records a request"""
    timeout: float = Field(default=10.0, gt=0)
    """seconds for a whole answer"""
    tries: int = Field(default=5, gt=0)
    """at each request"""
    rate: float = Field(default=10.0, gt=0)
    """requests a second at most"""
    concurrency: int = Field(default=2, gt=0)
    """requests at a time"""
    most_bytes: int = Field(default=33_554_432, gt=0)
    """of one answer, unpacked"""
    most_records: int | None = Field(default=None, gt=0)
    """that are sent in all, those that are sent again included"""
    redirects: list[str] = Field(default=[])
    """other addresses (scheme, host, port) that the service may send questions on to"""
    version_header: str | None = None
    """the header that tells which model answers, where it is none of the usual ones"""
    classes: Values = Field(default=[])
    """labels in the order of the service's scores"""


def _or_announced(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """One of our kinds of models, or one that an installed package announces."""
    return value if isinstance(value, str) and value in kinds() else check(value)


class TargetPart(TargetSettings):
    """The model."""

    kind: Annotated[
        Literal[
            "sklearn", "torch", "onnx", "scores", "http", "synthetic", "counts", "language", "token_table", "openai"
        ],
        WrapValidator(_or_announced),
    ]
    """of what file or service, synthetic for a released table, counts for published counts, or a kind that an installed
    package announces"""
    path: Path | None = None
    """relative to the audit file"""
    name: str | None = None
    """for the report"""
    factory: str | None = None
    """for torch, what builds the untrained module: `file.py:function` or `package.module:function`; a whole module that
    was saved needs `trust` instead"""
    trust: bool = False
    """needed for pickle and joblib files, which can run code: true says that you know who made it"""
    modules: list[Path] = Field(default=[])
    """files with classes of your own that are in the pickle, relative to the audit file"""
    trusted_modules: list[str] = Field(default=[])
    """names of further modules whose classes a pickle may contain; looked for beside the audit file, then among what is
    installed"""
    service: ServicePart | None = None
    """for http"""
    base: Path | None = None
    """for language, the folder of the model that an adapter, or the whole model, was trained on from"""
    max_tokens: int | None = Field(default=None, ge=2)
    """for language, of each text; what the model reads when left out"""
    model: str | None = None
    """for openai, what the service calls the model"""
    settings: dict[str, Any] = Field(default={})
    """for a kind of an installed package, what its loader takes besides the path"""

    @property
    def file(self) -> Path:
        """The path, which every kind of ours but http has."""
        assert self.path is not None
        return self.path

    @model_validator(mode="after")
    def _complete(self) -> TargetPart:
        if self.kind in kinds():
            return self
        if self.settings:
            raise ValueError(f"`settings` are for kinds that an installed package announces, which {self.kind} is not")
        if self.kind in ("http", "openai") and self.service is None:
            raise ValueError(f"an {self.kind} target needs `service`, with its `url` and how it is spoken to")
        if self.kind not in ("http", "openai") and self.path is None:
            raise ValueError(f"a target of kind {self.kind} needs `path`, the file that holds it")
        if self.kind == "torch" and self.factory is None and not self.trust:
            raise ValueError("a torch target needs `factory`, the function that builds the module: model.py:build, say")
        return self


class DataPart(DataSettings):
    """The records: CSV or Parquet with a `target` column, or .npz with arrays x and y; or a named `source`, which is
    split at random into parts of the sizes given as members, nonmembers and population.
    """

    members: Path | int | None = None
    """a file of the records that were trained on; with `source`, how many"""
    nonmembers: Path | int | None = None
    """of records that were not, drawn alike"""
    population: Path | int | None = None
    """further records, which the adversary has"""
    source: str | None = None
    """breast_cancer, digits, fashion_mnist or census_income"""
    target: str | None = None
    """the column that is predicted"""
    text: str | None = None
    """for a language model, the column, or field, of the texts; text, prompt and completion, or messages when left
    out"""
    separator: str | None = None
    """of CSV files; found out when left out"""
    encoding: str | None = None
    """of CSV files; found out when left out"""
    dtypes: dict[str, str] = Field(default={})
    """by column, what it is where that cannot be seen: str, category, int, float, bool or datetime; digits with a
    leading zero are text anyway"""

    @model_validator(mode="after")
    def _both_sides(self) -> DataPart:
        for name in ("members", "nonmembers"):
            if getattr(self, name) is None:
                raise ValueError(f"`{name}` is missing: a file of records, or a number with `source`")
        return self


class LimitsPart(Part):
    """What the code of a model may take, on Linux."""

    seconds: float = Field(default=600.0, gt=0)
    """for loading it, and for its answer to one question; an attack during which it takes longer has failed"""
    memory: float | None = Field(default=None, gt=0)
    """in GB, that its process may hold; nine tenths of what the machine has when left out"""
    network: bool = False
    """whether code of a model may reach the network: a target of pickles or with a factory cannot otherwise"""


_THREATS = {"synthetic": "synthetic-data", "counts": "published-counts"}
"""Who attacks what was published."""


class AuditFile(AuditSettings):
    """An audit."""

    target: TargetPart
    """the model"""
    data: DataPart | None = None
    """the records; not for a score table"""
    limits: LimitsPart = LimitsPart()
    """what the code of a model may take, on Linux"""
    compare: ComparePart = ComparePart()
    """compositions of defences, put side by side"""

    @model_validator(mode="before")
    @classmethod
    def _of_a_table(cls, values: Any) -> Any:
        """`synthetic: released.csv` says what `target: {kind: synthetic, path: released.csv}` does, and `counts:` the
        same of counts; whoever is given a table sees nothing but that.
        """
        if not isinstance(values, dict):
            return values
        values = dict(values)
        for name in _THREATS:
            if name in values and "target" not in values:
                values["target"] = {"kind": name, "path": values.pop(name)}
        target = values.get("target")
        kind = target.get("kind") if isinstance(target, dict) else None
        if isinstance(kind, str) and kind in _THREATS:
            values.setdefault("threat", _THREATS[kind])
        return values

    def options(self, folder: Path = Path(), **instead: Any) -> Options:
        """Its settings, as a call in Python has them.

        folder: what its paths are relative to.  instead: what a command line says instead of the file; None is nothing.
        """
        given = {key: value for key, value in instead.items() if value is not None}
        return Options.gathered(folder, self, self.data, self.target).changed(**given)


def load(path: Path) -> AuditFile:
    """An audit file; raises InputError with one line: file, field, what was expected."""
    return parsed(text_of(path), path.name)


def text_of(path: Path) -> str:
    """The text of an audit file; raises InputError where there is none."""
    if not path.is_file():
        raise InputError(f"no audit file at {path} (looked in {path.absolute().parent})")
    try:
        return path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path.name}: cannot be read as UTF-8 ({error}): save it so") from error


def parsed(text: str, name: str) -> AuditFile:
    """An audit file from its text; raises InputError with one line: file, fields, what was expected of each."""
    content, lines = read_yaml(text, name)
    if not isinstance(content, dict):
        raise InputError(f"{name}: expected keys and values (target:, data:, ...), see `divulge audit --schema`")
    try:
        return AuditFile.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{name}: {complaints(error, AuditFile, lines=lines)}") from error
