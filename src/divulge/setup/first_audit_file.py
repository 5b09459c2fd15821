"""A first audit file, from what lies in a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from divulge.core.errors import InputError
from divulge.data.files import header_of

MODELS = {
    ".joblib": "sklearn",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".skops": "sklearn",
    ".ubj": "sklearn",
    ".cbm": "sklearn",
    ".onnx": "onnx",
    ".pt": "torch",
    ".pth": "torch",
    ".safetensors": "torch",
}
TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".pq", ".npz")
OUTSIDE = re.compile(r"non.?member|test|hold.?out|valid|unseen|fresh|other|(^|[^a-z])(val|out)([^a-z]|$)", re.I)
INSIDE = re.compile(r"member|train|seen|(^|[^a-z])in([^a-z]|$)", re.I)
BESIDE = re.compile(r"population|public|shadow", re.I)
USUAL = ("target", "label", "class", "outcome", "diagnosis", "y")


@dataclass(frozen=True)
class Draft:
    """What a folder seems to hold.  columns: of the tables; empty for arrays.  target: the column that is predicted, as
    far as names can tell.  factory: what builds a network.  others: models that were not chosen.
    """

    model: Path
    kind: str
    members: Path
    nonmembers: Path
    population: Path | None
    columns: tuple[str, ...]
    target: str | None
    factory: str | None
    others: tuple[str, ...]

    @property
    def pickled(self) -> bool:
        """Whether loading the model can run code."""
        return self.kind == "sklearn" and self.model.suffix.lower() not in (".skops", ".ubj", ".cbm")


def look(folder: Path) -> Draft:
    """What there is to audit in a folder; raises InputError, with the cure, where a model or a table is missing."""
    files = sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
    models = sorted((p for p in files if p.suffix.lower() in MODELS), key=lambda p: -p.stat().st_mtime)
    if not models:
        raise InputError(f"there is no model in {folder.resolve()}: put it there as {', '.join(MODELS)}")
    tables = [p for p in files if p.name.lower().endswith(TABLES)]
    outside = [p for p in tables if OUTSIDE.search(_stem(p)) and not BESIDE.search(_stem(p))]
    inside = [p for p in tables if p not in outside and INSIDE.search(_stem(p))]
    if not inside or not outside:
        there = ", ".join(p.name for p in tables) or "no table"
        raise InputError(
            f"{folder.resolve()} has {there}: an audit needs the records that the model was trained on (members.csv, "
            "say) and others like them that it was not (nonmembers.csv)"
        )
    kind = MODELS[models[0].suffix.lower()]
    columns = header_of(inside[0])
    beside = next((p for p in tables if BESIDE.search(_stem(p))), None)
    others = tuple(p.name for p in models[1:])
    factory = _factory(files) if kind == "torch" else None
    return Draft(models[0], kind, inside[0], outside[0], beside, columns, _target(columns), factory, others)


def written(draft: Draft, target: str | None, trust: bool) -> str:
    """The audit file, with a word about every key.  target: the column that is predicted, for tables."""
    model = f"  path: {_plain(draft.model.name)}"
    lines = ["# What is audited: the keys are explained in docs/audit-file.md, and by divulge audit --keys", "target:"]
    lines += [f"  kind: {draft.kind}", model]
    if draft.others:
        lines.append(f"  # there are also {', '.join(draft.others)}")
    if draft.pickled:
        lines.append(
            f"  trust: {str(trust).lower()}  # a pickle can run code when it is loaded: true if you know its maker"
        )
        lines.append("  # modules: [steps.py]  # files beside this one with classes of your own in the pipeline")
    if draft.kind == "torch":
        lines.append(f"  factory: {_plain(draft.factory or 'network.py:build')}  # the function that builds the module")
    lines += [
        "",
        "# The records: split at random before training into those that were trained on and those that were not",
    ]
    lines += ["data:", f"  members: {_plain(draft.members.name)}  # trained on"]
    lines.append(f"  nonmembers: {_plain(draft.nonmembers.name)}  # drawn alike, and not trained on")
    if draft.population is not None:
        lines.append(f"  population: {_plain(draft.population.name)}  # what the adversary has")
    if draft.columns:
        lines.append(f"  target: {_plain(target or draft.columns[-1])}  # the column that is predicted")
        lines.append("  # sensitive: [sex]  # columns whose values must not come out")
        lines.append("  # dtypes: {zip: str, since: datetime}  # columns that are not what they look like")
    lines += [
        "",
        "# Who attacks: mlaas (scores), label-only, published-model; divulge attacks --threat NAME lists the attacks",
    ]
    lines += [
        "threat: mlaas",
        "",
        "# minutes: 10  # for all of it; every family of attacks is tried, the most telling first",
    ]
    lines += ["# policy: serve-by-api  # what is tolerated; divulge gate --policies lists those there are", ""]
    return "\n".join(lines)


def _stem(path: Path) -> str:
    return path.name.split(".")[0]


def _plain(text: str) -> str:
    """A value as YAML on one line: in quotes, with escapes, where it has line ends or what is no character."""
    style = None if text.isprintable() else '"'
    shown = yaml.safe_dump(
        text, allow_unicode=style is None, default_flow_style=True, default_style=style, width=1_000_000
    )
    return str(shown.splitlines()[0])


def _target(columns: tuple[str, ...]) -> str | None:
    named = [c for usual in USUAL for c in columns if c.lower() == usual]
    return named[0] if named else columns[-1] if columns else None


def _factory(files: list[Path]) -> str | None:
    """The first function of a Python file here that is called as such functions are."""
    for path in files:
        if path.suffix == ".py":
            found = re.search(r"^def (build\w*|make\w*|model|network)\(\)", path.read_text(encoding="utf-8"), re.M)
            if found:
                return f"{path.name}:{found[1]}"
    return None
