"""divulge: what a machine-learning model gives away about its training data and about itself.

Everything public is here; importing it imports nothing heavy, each name loads its room when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from divulge.claims.one_run import audit_epsilon as audit_epsilon
    from divulge.claims.rounds import audit_rounds as audit_rounds
    from divulge.core.attack import Card as Card
    from divulge.core.errors import AccessDenied as AccessDenied
    from divulge.core.errors import BudgetSpent as BudgetSpent
    from divulge.core.errors import DivulgeError as DivulgeError
    from divulge.core.errors import InputError as InputError
    from divulge.core.errors import TargetError as TargetError
    from divulge.core.evidence import MembershipGuess as MembershipGuess
    from divulge.core.finding import Finding as Finding
    from divulge.core.finding import Verdict as Verdict
    from divulge.core.policy import Policy as Policy
    from divulge.core.progress import Progress as Progress
    from divulge.core.records import Records as Records
    from divulge.core.records import Schema as Schema
    from divulge.core.threat import PRESETS as PRESETS
    from divulge.core.threat import Access as Access
    from divulge.core.threat import Asset as Asset
    from divulge.core.threat import Family as Family
    from divulge.core.threat import Knowledge as Knowledge
    from divulge.core.threat import Needs as Needs
    from divulge.core.threat import Task as Task
    from divulge.core.threat import ThreatModel as ThreatModel
    from divulge.core.views.membership import MembershipView as MembershipView
    from divulge.runs.gate import assert_no_leak as assert_no_leak
    from divulge.targets.boosters import BoosterTarget as BoosterTarget
    from divulge.targets.function import FunctionTarget as FunctionTarget
    from divulge.targets.generator import GeneratorTarget as GeneratorTarget
    from divulge.targets.http import HttpTarget as HttpTarget
    from divulge.targets.http import Service as Service
    from divulge.targets.onnx import OnnxTarget as OnnxTarget
    from divulge.targets.pytorch import TorchTarget as TorchTarget
    from divulge.targets.score_table import ScoreTable as ScoreTable
    from divulge.targets.sklearn import SklearnTarget as SklearnTarget
    from divulge.training.pytorch import TorchRecipe as TorchRecipe
    from divulge.workflows.audit import Run as Run
    from divulge.workflows.audit import audit as audit
    from divulge.workflows.compare_defenses import compare_defenses as compare_defenses

_HOME = {
    "PRESETS": "core.threat",
    "Access": "core.threat",
    "AccessDenied": "core.errors",
    "Asset": "core.threat",
    "BudgetSpent": "core.errors",
    "Card": "core.attack",
    "DivulgeError": "core.errors",
    "Family": "core.threat",
    "Finding": "core.finding",
    "BoosterTarget": "targets.boosters",
    "FunctionTarget": "targets.function",
    "GeneratorTarget": "targets.generator",
    "HttpTarget": "targets.http",
    "InputError": "core.errors",
    "Knowledge": "core.threat",
    "MembershipGuess": "core.evidence",
    "MembershipView": "core.views.membership",
    "Needs": "core.threat",
    "OnnxTarget": "targets.onnx",
    "Policy": "core.policy",
    "Progress": "core.progress",
    "Records": "core.records",
    "Run": "workflows.audit",
    "Schema": "core.records",
    "ScoreTable": "targets.score_table",
    "Service": "targets.http",
    "SklearnTarget": "targets.sklearn",
    "TargetError": "core.errors",
    "Task": "core.threat",
    "ThreatModel": "core.threat",
    "TorchRecipe": "training.pytorch",
    "TorchTarget": "targets.pytorch",
    "Verdict": "core.finding",
    "assert_no_leak": "runs.gate",
    "audit": "workflows.audit",
    "audit_epsilon": "claims.one_run",
    "audit_rounds": "claims.rounds",
    "compare_defenses": "workflows.compare_defenses",
}
_EXTRA = {"torch": "torch", "onnxruntime": "onnx", "httpx": "http", "stamina": "http"}

__all__ = [
    "PRESETS",
    "Access",
    "AccessDenied",
    "Asset",
    "BoosterTarget",
    "BudgetSpent",
    "Card",
    "DivulgeError",
    "Family",
    "Finding",
    "FunctionTarget",
    "GeneratorTarget",
    "HttpTarget",
    "InputError",
    "Knowledge",
    "MembershipGuess",
    "MembershipView",
    "Needs",
    "OnnxTarget",
    "Policy",
    "Progress",
    "Records",
    "Run",
    "Schema",
    "ScoreTable",
    "Service",
    "SklearnTarget",
    "TargetError",
    "Task",
    "ThreatModel",
    "TorchRecipe",
    "TorchTarget",
    "Verdict",
    "assert_no_leak",
    "audit",
    "audit_epsilon",
    "audit_rounds",
    "compare_defenses",
]


_RENAMED = {"MembershipScene": "MembershipView"}


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        from warnings import warn

        warn(f"divulge.{name} is now divulge.{_RENAMED[name]}", DeprecationWarning, stacklevel=2)
        name = _RENAMED[name]
    if name not in _HOME:
        raise AttributeError(f"module 'divulge' has no attribute {name!r}")
    try:
        return getattr(import_module(f"divulge.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name in _EXTRA:
            from divulge.core.errors import MissingExtra

            raise MissingExtra(error.name, _EXTRA[error.name]) from error
        raise


def __dir__() -> list[str]:
    return __all__
