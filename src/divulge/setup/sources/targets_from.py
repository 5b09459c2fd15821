"""The model of an audit: from an object, from a file, from a service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from divulge.core.errors import InputError, MissingExtra
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Task
from divulge.data.delimited import TableReading
from divulge.data.files import existing
from divulge.setup.settings import TargetSettings
from divulge.setup.sources.texts_from import language_model_in
from divulge.setup.sources.user_code import built_by, factory_from, modules_beside
from divulge.targets.estimators.booster_files import library_of, load_booster
from divulge.targets.estimators.objectives import as_its_loss
from divulge.targets.kinds import kind_of, kinds
from divulge.targets.language.recognized import causal_target, is_causal, is_folder, is_pair
from divulge.targets.pickles import load_trusted
from divulge.training.artifact_cache import ANSWERS, default_folder

if TYPE_CHECKING:
    from divulge.setup.audit_file import TargetPart


def target_from(model: Any, name: str | None = None, how: TargetSettings | None = None) -> Target:
    """The adapter for a model; a Target is returned as it is.

    how: what the outputs of a network are; raises InputError where they are stated of another model.
    """
    settings = _told_of_network(how)
    if isinstance(model, type):
        raise InputError(f"{model.__name__} is a class: pass a trained model, an instance of it")
    # Keras first: on the backend of PyTorch its models are modules, too
    if any(base.__module__.startswith("keras.") for base in type(model).__mro__) and not _is_target(model):
        from divulge.targets.networks.keras import KerasTarget

        return KerasTarget(model, name=name, **settings)
    if is_causal(model) or is_pair(model) or is_folder(model):
        _no_network(how)
        return causal_target(model, name)
    if any(base.__module__.startswith("torch.") for base in type(model).__mro__) and not _is_target(model):
        return _torch(model, name, settings)
    return _other(model, name, how)


def _told_of_network(how: TargetSettings | None) -> dict[str, Any]:
    return {key: value for key in ("output", "pick") if (value := getattr(how, key, None)) is not None}


def _no_network(how: TargetSettings | None, but: str = "") -> None:
    """Raises InputError for what was said of outputs, where they need no words; but: what may be said."""
    for setting in _told_of_network(how):
        if setting != but:
            raise InputError(f"{setting}: is about what a network returns, which this is not: leave it out")


def _is_target(model: Any) -> bool:
    return all(hasattr(model, part) for part in ("answer", "offers", "task", "fingerprint"))


def _other(model: Any, name: str | None, how: TargetSettings | None = None) -> Target:
    """The adapter for what is no network of PyTorch or Keras."""
    kind = None if _is_target(model) else kind_of(model)
    frame = hasattr(model, "dtypes") and hasattr(model, "columns")
    scored = isinstance(model, str | Path) or hasattr(model, "predict") or callable(model)
    booster = type(model).__name__ == "Booster"
    plain = not (_is_target(model) or kind is not None or frame or booster)
    _no_network(how, "output" if scored and plain else "")
    told = _told_of_network(how) if scored and plain else {}
    if _is_target(model):
        return cast(Target, model)
    if kind is not None:
        return kind.adapt(model, name)
    if isinstance(model, str | Path):
        return _onnx(Path(model), None, name, **told)
    if booster:
        from divulge.targets.estimators.boosters import BoosterTarget

        return BoosterTarget(model, name=name)
    if frame:  # a table that is released
        from divulge.targets.synthetic_table import SyntheticTable

        return SyntheticTable(model, name)
    if hasattr(model, "predict"):
        from divulge.targets.estimators.sklearn import SklearnTarget

        return SklearnTarget(as_its_loss(model), name, **told)
    if callable(model):
        from divulge.targets.function import FunctionTarget

        return FunctionTarget(model, name=name, **told)
    raise InputError(
        f"a {type(model).__name__} is no target: pass a fitted estimator, a torch module, a Keras model, a path to an "
        "ONNX file, a function x -> scores, a GeneratorTarget, a data frame of synthetic records, or a ScoreTable"
    )


def target_in(part: TargetPart, folder: Path, keep: bool = True) -> tuple[Target, Callable[[], Any] | None]:
    """The model of an audit file, and what builds such a one untrained, where the file says it.

    keep: whether answers of a service are kept for later audits, and those of earlier ones used.
    """
    if part.kind not in ("torch", "sklearn", "onnx"):
        _no_network(part)
    if part.kind == "http":
        return service_from(part, keep), None
    if part.kind in ("language", "token_table", "openai"):
        return language_model_in(part, folder), None
    if part.kind in kinds():
        kind = kinds()[part.kind]
        given = existing(folder / part.path, "target.path") if part.path is not None else None
        return kind.adapt(kind.loaded(given, part.settings), part.name), None
    path = existing(folder / part.file, "target.path")
    if part.kind == "onnx":
        _no_network(part, "output")
        return _onnx(path, _task(part), part.name, **_told_of_network(part)), None
    if part.kind in ("synthetic", "counts"):
        return _published(path, part), None
    trusted = modules_beside(part.trusted_modules, part.modules, folder) if part.trust else ()
    if part.kind == "sklearn" and path.suffix == ".skops":
        from divulge.targets.skops_files import load_skops

        return target_from(load_skops(path, part.trust, trusted), part.name, part), None
    if part.kind == "sklearn":
        own = library_of(path) is not None
        model = load_booster(path) if own else load_trusted(path, part.trust, trusted)
        return target_from(model, part.name or (path.stem if own else None), part), None
    try:
        from divulge.targets.networks.torch_files import load_weights
    except ModuleNotFoundError as error:
        raise MissingExtra("torch", "torch") from error
    factory = factory_from(part.factory, folder) if part.factory is not None else None
    built = built_by(factory, part.factory or "") if factory is not None else None
    module = load_weights(built, path, part.trust, trusted)
    return _torch(module, part.name or path.stem, {"task": _task(part)} | _told_of_network(part)), factory


def _published(path: Path, part: TargetPart) -> Target:
    """A table of records, or of counts, that was published."""
    from divulge.data.files import header_of, read_table
    from divulge.targets.count_table import CountTable
    from divulge.targets.synthetic_table import SyntheticTable

    name = part.name or path.stem
    if part.kind == "synthetic":
        return SyntheticTable(read_table(path, "target.path"), name)
    words = TableReading(dtypes=dict.fromkeys(header_of(path), "str"))  # 30-39 is no number, and 1 may be a code
    return CountTable(read_table(path, "target.path", words), name)


def encrypted(target: Target, how: TargetSettings, reference: Records) -> Target:
    """The same model, asked under encryption where the settings say so; reference: records that scales are set by."""
    if how.encrypted is None:
        return target
    from divulge.targets.services.encrypted import EncryptedTarget

    return EncryptedTarget(target, how.encrypted, reference)


def service_from(part: TargetPart, keep: bool = True) -> Target:
    """The service that an audit file describes, with its answers kept on disk."""
    assert part.service is not None
    try:
        from divulge.targets.services.http import HttpTarget
        from divulge.targets.services.http_service import Service
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "httpx", "http") from error
    from divulge.targets.services.http_bodies import body_from

    settings = part.service
    how = settings.model_dump(exclude={"url", "preset", "request", "response", "classes"})
    service = Service(settings.url, body_from(settings.preset, settings.request, settings.response), **how)
    task = _task(part) or Task.CLASSIFICATION
    kept = default_folder() / ANSWERS if keep else None
    return HttpTarget(service, classes=settings.classes, task=task, name=part.name, cache=kept)


def _task(part: TargetPart) -> Task | None:
    return Task(part.task) if part.task is not None else None


def _onnx(path: Path, task: Task | None, name: str | None, **told: Any) -> Target:
    if path.suffix in (".yaml", ".yml"):
        raise InputError(f"target {path}: an audit file is for the command line, divulge audit {path}")
    if path.is_dir() and any(path.glob("*.gguf")):
        raise InputError(f"target {path}: name the GGUF file itself, {next(path.glob('*.gguf'))}")
    if path.suffix != ".onnx":
        raise InputError(f"target {path}: only .onnx files load without code; load the model yourself and pass it")
    try:
        from divulge.targets.networks.onnx import OnnxTarget
    except ModuleNotFoundError as error:
        raise MissingExtra("onnxruntime", "onnx") from error
    return OnnxTarget(path, task=task, name=name, **told)


def _torch(module: Any, name: str | None, told: dict[str, Any]) -> Target:
    try:
        from divulge.targets.networks.pytorch import TorchTarget
    except ModuleNotFoundError as error:
        raise MissingExtra("torch", "torch") from error
    return TorchTarget(module, name=name, **told)
