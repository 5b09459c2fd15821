"""The readable table name -> defence, plus entry points for strangers."""

from __future__ import annotations

import difflib
from importlib import import_module
from importlib.util import find_spec
from inspect import getattr_static
from typing import Any, cast

from divulge.catalog import former
from divulge.catalog.former import current
from divulge.catalog.settings import fits
from divulge.core.defense import DefenseCard
from divulge.core.errors import InputError, MissingExtra
from divulge.core.plugins import announced

GROUP = "divulge.defenses"
"""Entry point group in which an installed package announces defences of its own: name = 'package.module:Class'."""

DEFENSES: dict[str, str] = {
    "adversarial_regularization": "divulge.defenses.training.adversarial_regularization:AdversarialRegularization",
    "deduplication": "divulge.defenses.data.deduplication:Deduplication",
    "distillation": "divulge.defenses.training.distillation:Distillation",
    "dp_sgd": "divulge.defenses.training.dp_sgd:DpSgd",
    "dropout": "divulge.defenses.settings.dropout:Dropout",
    "early_stopping": "divulge.defenses.training.early_stopping:EarlyStopping",
    "federated": "divulge.defenses.federated.learning:Federated",
    "gaussian_noise": "divulge.defenses.interface.gaussian_noise:GaussianNoise",
    "goldfish": "divulge.defenses.training.goldfish:Goldfish",
    "hamp": "divulge.defenses.training.hamp:Hamp",
    "k_anonymity": "divulge.defenses.data.k_anonymity:KAnonymity",
    "label_only": "divulge.defenses.interface.label_only:LabelOnly",
    "label_smoothing": "divulge.defenses.training.label_smoothing:LabelSmoothing",
    "memguard": "divulge.defenses.interface.memguard:MemGuard",
    "minimization": "divulge.defenses.data.minimization:Minimization",
    "mixup": "divulge.defenses.training.mixup:Mixup",
    "pate": "divulge.defenses.training.pate:Pate",
    "prediction_poisoning": "divulge.defenses.interface.prediction_poisoning:PredictionPoisoning",
    "relaxloss": "divulge.defenses.training.relaxloss:RelaxLoss",
    "reverse_sigmoid": "divulge.defenses.interface.reverse_sigmoid:ReverseSigmoid",
    "rounding": "divulge.defenses.interface.rounding:Rounding",
    "selena": "divulge.defenses.training.selena:Selena",
    "temperature": "divulge.defenses.interface.temperature:Temperature",
    "top_k": "divulge.defenses.interface.top_k:TopK",
    "update_clipping": "divulge.defenses.updates.clipping:UpdateClipping",
    "update_noise": "divulge.defenses.updates.noise:UpdateNoise",
    "update_pruning": "divulge.defenses.updates.pruning:UpdatePruning",
    "update_quantization": "divulge.defenses.updates.quantization:UpdateQuantization",
    "weight_decay": "divulge.defenses.settings.weight_decay:WeightDecay",
}


def names() -> list[str]:
    """All defences, ours first; raises InputError where an installed package announces one of the name of ours."""
    return [*DEFENSES, *announced(GROUP, DEFENSES)]


def defense(name: str, **settings: Any) -> Any:
    """A defence with these settings; raises InputError for an unknown one, or for settings that it does not have."""
    name, known = current(name, former.DEFENSES), names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"defense {name!r} is unknown: {hint}choose from {', '.join(known)}")
    kind = _class(name)
    extra = kind.card.extra
    if extra and find_spec(extra) is None:
        raise MissingExtra(extra, extra)
    fits(f"defenses.{name}", kind, settings)
    try:
        return kind(**settings)
    except TypeError as error:
        raise InputError(f"defense {name!r} does not take these settings: {error}") from error


def defense_card(name: str) -> DefenseCard:
    """The card of a defence, also where its library is not installed."""
    return cast(DefenseCard, _class(name).card)


def _class(name: str) -> Any:
    if name not in DEFENSES:
        plugin = announced(GROUP, DEFENSES)[name]
        brought = plugin.load(type)
        if not isinstance(card := getattr_static(brought, "card", None), DefenseCard) or card.name != name:
            raise InputError(f"{plugin} is no defence whose card has that name")
        return brought
    module, _, attribute = DEFENSES[name].partition(":")
    return getattr(import_module(module), attribute)
