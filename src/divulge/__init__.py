"""divulge: what a machine-learning model gives away about its training data and about itself.

Everything public is here; importing it imports nothing heavy, each name loads its room when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from divulge.claims.guesses import OneRun as OneRun
    from divulge.claims.mechanism import audit_mechanism as audit_mechanism
    from divulge.claims.one_run import audit_epsilon as audit_epsilon
    from divulge.claims.rounds import RoundsAudit as RoundsAudit
    from divulge.claims.rounds import audit_rounds as audit_rounds
    from divulge.claims.worst_record import worst_record as worst_record
    from divulge.core.attack import Attack as Attack
    from divulge.core.attack import Card as Card
    from divulge.core.errors import AccessDenied as AccessDenied
    from divulge.core.errors import BudgetSpent as BudgetSpent
    from divulge.core.errors import DivulgeError as DivulgeError
    from divulge.core.errors import InputError as InputError
    from divulge.core.errors import TargetError as TargetError
    from divulge.core.progress import Progress as Progress
    from divulge.core.recipe import Recipe as Recipe
    from divulge.core.records import Records as Records
    from divulge.core.records import Schema as Schema
    from divulge.core.results.audit_result import AuditResult as AuditResult
    from divulge.core.results.estimate import Estimate as Estimate
    from divulge.core.results.finding import Failed as Failed
    from divulge.core.results.finding import Finding as Finding
    from divulge.core.results.finding import Outcome as Outcome
    from divulge.core.results.finding import Played as Played
    from divulge.core.results.finding import Reading as Reading
    from divulge.core.results.finding import Refused as Refused
    from divulge.core.results.finding import Verdict as Verdict
    from divulge.core.results.handshake import Handshake as Handshake
    from divulge.core.results.matrix import Matrix as Matrix
    from divulge.core.results.policy import Policy as Policy
    from divulge.core.target import Oracle as Oracle
    from divulge.core.target import Target as Target
    from divulge.core.threat import PRESETS as PRESETS
    from divulge.core.threat import Access as Access
    from divulge.core.threat import Asset as Asset
    from divulge.core.threat import Family as Family
    from divulge.core.threat import Knowledge as Knowledge
    from divulge.core.threat import Needs as Needs
    from divulge.core.threat import Task as Task
    from divulge.core.threat import ThreatModel as ThreatModel
    from divulge.core.views.extraction import ExtractionAuxiliary as ExtractionAuxiliary
    from divulge.core.views.extraction import ExtractionGuess as ExtractionGuess
    from divulge.core.views.extraction import ExtractionView as ExtractionView
    from divulge.core.views.membership import Auxiliary as Auxiliary
    from divulge.core.views.membership import MembershipGuess as MembershipGuess
    from divulge.core.views.membership import MembershipView as MembershipView
    from divulge.core.views.membership import Poison as Poison
    from divulge.core.views.membership import PoisonView as PoisonView
    from divulge.core.views.membership import Shadows as Shadows
    from divulge.core.views.property import BatchGuess as BatchGuess
    from divulge.core.views.property import BatchView as BatchView
    from divulge.core.views.property import InputAnswer as InputAnswer
    from divulge.core.views.property import InputGuess as InputGuess
    from divulge.core.views.property import InputView as InputView
    from divulge.core.views.property import PropertyAnswer as PropertyAnswer
    from divulge.core.views.property import PropertyAuxiliary as PropertyAuxiliary
    from divulge.core.views.property import PropertyGuess as PropertyGuess
    from divulge.core.views.property import PropertyView as PropertyView
    from divulge.core.views.reconstruction import ActivationView as ActivationView
    from divulge.core.views.reconstruction import AttributeGuess as AttributeGuess
    from divulge.core.views.reconstruction import AttributeView as AttributeView
    from divulge.core.views.reconstruction import ClassGuess as ClassGuess
    from divulge.core.views.reconstruction import ClassView as ClassView
    from divulge.core.views.reconstruction import FileView as FileView
    from divulge.core.views.reconstruction import InformedView as InformedView
    from divulge.core.views.reconstruction import ReconstructionAuxiliary as ReconstructionAuxiliary
    from divulge.core.views.reconstruction import RepeatedView as RepeatedView
    from divulge.core.views.reconstruction import SampleGuess as SampleGuess
    from divulge.core.views.reconstruction import Update as Update
    from divulge.core.views.reconstruction import UpdatedView as UpdatedView
    from divulge.core.views.reconstruction import UpdateView as UpdateView
    from divulge.core.views.reconstruction import VersionView as VersionView
    from divulge.defenses.federated.learning import Federated as Federated
    from divulge.games.properties import PropertyPlan as PropertyPlan
    from divulge.games.rebuild import RebuildPlan as RebuildPlan
    from divulge.runs.gate import assert_no_leak as assert_no_leak
    from divulge.setup.option_types import AuditOptions as AuditOptions
    from divulge.setup.option_types import CompareOptions as CompareOptions
    from divulge.targets.estimators.boosters import BoosterTarget as BoosterTarget
    from divulge.targets.estimators.sklearn import SklearnTarget as SklearnTarget
    from divulge.targets.function import FunctionTarget as FunctionTarget
    from divulge.targets.generator import GeneratorTarget as GeneratorTarget
    from divulge.targets.networks.onnx import OnnxTarget as OnnxTarget
    from divulge.targets.networks.pytorch import TorchTarget as TorchTarget
    from divulge.targets.score_table import ScoreTable as ScoreTable
    from divulge.targets.services.http import HttpTarget as HttpTarget
    from divulge.targets.services.http_service import Service as Service
    from divulge.training.recipes.pytorch import TorchRecipe as TorchRecipe
    from divulge.workflows.audit import Run as Run
    from divulge.workflows.audit import audit as audit
    from divulge.workflows.compare_defenses import compare_defenses as compare_defenses

_HOME = {
    "Access": "core.threat",
    "AccessDenied": "core.errors",
    "ActivationView": "core.views.reconstruction",
    "Asset": "core.threat",
    "Attack": "core.attack",
    "AttributeGuess": "core.views.reconstruction",
    "AttributeView": "core.views.reconstruction",
    "AuditOptions": "setup.option_types",
    "AuditResult": "core.results.audit_result",
    "Auxiliary": "core.views.membership",
    "BatchGuess": "core.views.property",
    "BatchView": "core.views.property",
    "BoosterTarget": "targets.estimators.boosters",
    "BudgetSpent": "core.errors",
    "Card": "core.attack",
    "ClassGuess": "core.views.reconstruction",
    "ClassView": "core.views.reconstruction",
    "CompareOptions": "setup.option_types",
    "DivulgeError": "core.errors",
    "Estimate": "core.results.estimate",
    "ExtractionAuxiliary": "core.views.extraction",
    "ExtractionGuess": "core.views.extraction",
    "ExtractionView": "core.views.extraction",
    "Failed": "core.results.finding",
    "Family": "core.threat",
    "Federated": "defenses.federated.learning",
    "FileView": "core.views.reconstruction",
    "Finding": "core.results.finding",
    "FunctionTarget": "targets.function",
    "GeneratorTarget": "targets.generator",
    "HttpTarget": "targets.services.http",
    "Handshake": "core.results.handshake",
    "InformedView": "core.views.reconstruction",
    "InputAnswer": "core.views.property",
    "InputError": "core.errors",
    "InputGuess": "core.views.property",
    "InputView": "core.views.property",
    "Knowledge": "core.threat",
    "MembershipGuess": "core.views.membership",
    "MembershipView": "core.views.membership",
    "Needs": "core.threat",
    "OnnxTarget": "targets.networks.onnx",
    "Matrix": "core.results.matrix",
    "OneRun": "claims.guesses",
    "Oracle": "core.target",
    "Outcome": "core.results.finding",
    "PRESETS": "core.threat",
    "Played": "core.results.finding",
    "Poison": "core.views.membership",
    "PoisonView": "core.views.membership",
    "Policy": "core.results.policy",
    "Progress": "core.progress",
    "PropertyAnswer": "core.views.property",
    "PropertyAuxiliary": "core.views.property",
    "PropertyGuess": "core.views.property",
    "PropertyPlan": "games.properties",
    "PropertyView": "core.views.property",
    "Reading": "core.results.finding",
    "RebuildPlan": "games.rebuild",
    "Recipe": "core.recipe",
    "ReconstructionAuxiliary": "core.views.reconstruction",
    "Records": "core.records",
    "Refused": "core.results.finding",
    "RepeatedView": "core.views.reconstruction",
    "RoundsAudit": "claims.rounds",
    "Run": "workflows.audit",
    "SampleGuess": "core.views.reconstruction",
    "Schema": "core.records",
    "ScoreTable": "targets.score_table",
    "Service": "targets.services.http_service",
    "SklearnTarget": "targets.estimators.sklearn",
    "TargetError": "core.errors",
    "Task": "core.threat",
    "ThreatModel": "core.threat",
    "TorchRecipe": "training.recipes.pytorch",
    "TorchTarget": "targets.networks.pytorch",
    "Shadows": "core.views.membership",
    "Target": "core.target",
    "Update": "core.views.reconstruction",
    "UpdateView": "core.views.reconstruction",
    "UpdatedView": "core.views.reconstruction",
    "Verdict": "core.results.finding",
    "VersionView": "core.views.reconstruction",
    "assert_no_leak": "runs.gate",
    "audit": "workflows.audit",
    "audit_epsilon": "claims.one_run",
    "audit_mechanism": "claims.mechanism",
    "audit_rounds": "claims.rounds",
    "compare_defenses": "workflows.compare_defenses",
    "worst_record": "claims.worst_record",
}
_EXTRA = {"torch": "torch", "onnxruntime": "onnx", "httpx": "http", "httpcore": "http"}

__all__ = [
    "PRESETS",
    "Access",
    "AccessDenied",
    "ActivationView",
    "Asset",
    "Attack",
    "AttributeGuess",
    "AttributeView",
    "AuditOptions",
    "AuditResult",
    "Auxiliary",
    "BatchGuess",
    "BatchView",
    "BoosterTarget",
    "BudgetSpent",
    "Card",
    "ClassGuess",
    "ClassView",
    "CompareOptions",
    "DivulgeError",
    "Estimate",
    "ExtractionAuxiliary",
    "ExtractionGuess",
    "ExtractionView",
    "Failed",
    "Family",
    "Federated",
    "FileView",
    "Finding",
    "FunctionTarget",
    "GeneratorTarget",
    "Handshake",
    "HttpTarget",
    "InformedView",
    "InputAnswer",
    "InputError",
    "InputGuess",
    "InputView",
    "Knowledge",
    "Matrix",
    "MembershipGuess",
    "MembershipView",
    "Needs",
    "OneRun",
    "OnnxTarget",
    "Oracle",
    "Outcome",
    "Played",
    "Poison",
    "PoisonView",
    "Policy",
    "Progress",
    "PropertyAnswer",
    "PropertyAuxiliary",
    "PropertyGuess",
    "PropertyPlan",
    "PropertyView",
    "Reading",
    "RebuildPlan",
    "Recipe",
    "ReconstructionAuxiliary",
    "Records",
    "Refused",
    "RepeatedView",
    "RoundsAudit",
    "Run",
    "SampleGuess",
    "Schema",
    "ScoreTable",
    "Service",
    "Shadows",
    "SklearnTarget",
    "Target",
    "TargetError",
    "Task",
    "ThreatModel",
    "TorchRecipe",
    "TorchTarget",
    "Update",
    "UpdateView",
    "UpdatedView",
    "Verdict",
    "VersionView",
    "assert_no_leak",
    "audit",
    "audit_epsilon",
    "audit_mechanism",
    "audit_rounds",
    "compare_defenses",
    "worst_record",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # reads a file: only where the version is asked for

        return version("divulge")
    from divulge.catalog.former import CLASSES, current

    name = current(name, CLASSES)
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
