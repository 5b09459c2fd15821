"""Threat models by name: who attacks, and what they see and know."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from divulge.core.errors import InputError
from divulge.core.threat.model import Access, Asset, Behavior, Knowledge, Phase, ThreatModel

_SHADOWING = frozenset({Knowledge.POPULATION, Knowledge.RECIPE})

PRESETS: Mapping[str, ThreatModel] = MappingProxyType(
    {
        threat.name: threat
        for threat in (
            ThreatModel(
                "mlaas",
                "a customer who queries the prediction service and sees the scores of every class",
                frozenset({Access.SCORES}),
                _SHADOWING,
                query_budget=1_000_000,
            ),
            ThreatModel(
                "returning-customer",
                "a customer who queries the prediction service before and after the model is updated with new records",
                frozenset({Access.SCORES, Access.SCORES_OVER_TIME}),
                _SHADOWING,
                query_budget=1_000_000,
            ),
            ThreatModel(
                "label-only",
                "a customer who queries the prediction service and sees only the predicted label",
                frozenset({Access.LABEL}),
                _SHADOWING,
                query_budget=10_000_000,
            ),
            ThreatModel(
                "published-model",
                "anyone who downloads the model file",
                frozenset({Access.PARAMETERS}),
                _SHADOWING | {Knowledge.PARTIAL_RECORD, Knowledge.PUBLIC},
            ),
            ThreatModel(
                "acquaintance",
                "someone who knows all of a person's record but the sensitive part, and queries the prediction service",
                frozenset({Access.SCORES}),
                _SHADOWING | {Knowledge.PARTIAL_RECORD, Knowledge.PUBLIC},
                assets=(Asset.MEMBERSHIP, Asset.ATTRIBUTES, Asset.RECORDS),
                query_budget=1_000_000,
            ),
            ThreatModel(
                "informed",
                "the worst case: someone with the model file, its older version, and all training records but one",
                frozenset({Access.PARAMETERS, Access.VERSIONS}),
                _SHADOWING | {Knowledge.PARTIAL_RECORD, Knowledge.PUBLIC, Knowledge.TRAINING_DATA},
                assets=(Asset.MEMBERSHIP, Asset.ATTRIBUTES, Asset.RECORDS),
            ),
            ThreatModel(
                "split-server",
                "the server of split inference, which runs the second half of the model and gets what the first makes",
                frozenset({Access.PARAMETERS, Access.ACTIVATIONS}),
                _SHADOWING | {Knowledge.PUBLIC},
                assets=(Asset.RECORDS,),
            ),
            ThreatModel(
                "passive-party",
                "a party of a vertical federation without labels, which is sent the gradients of its layers",
                frozenset({Access.CUT_GRADIENTS}),
                frozenset({Knowledge.POPULATION}),
                assets=(Asset.ATTRIBUTES, Asset.RECORDS),
                phase=Phase.TRAINING,
            ),
            ThreatModel(
                "active-party",
                "the party of a vertical federation that has the labels, and sees the scores of every joint record",
                frozenset({Access.PARAMETERS, Access.JOINT_SCORES}),
                frozenset({Knowledge.POPULATION, Knowledge.PARTIAL_RECORD}),
                assets=(Asset.ATTRIBUTES, Asset.RECORDS),
            ),
            ThreatModel(
                "federated-server",
                "the server of a federated training, which sees every client's update",
                frozenset({Access.PARAMETERS, Access.UPDATES}),
                _SHADOWING | {Knowledge.PUBLIC},
                phase=Phase.TRAINING,
                behavior=Behavior.ACTIVE,
            ),
            ThreatModel(
                "federated-client",
                "one client of a federated training, which sees the model of every round",
                frozenset({Access.PARAMETERS, Access.UPDATES}),
                _SHADOWING,
                phase=Phase.TRAINING,
                behavior=Behavior.ACTIVE,
            ),
            ThreatModel(
                "data-contributor",
                "someone who contributes records to the training data and later queries the prediction service",
                frozenset({Access.SCORES}),
                _SHADOWING,
                assets=(Asset.MEMBERSHIP, Asset.PROPERTIES),
                phase=Phase.TRAINING,
                behavior=Behavior.ACTIVE,
                query_budget=1_000_000,
            ),
            ThreatModel(
                "training-customer",
                "a customer who brings training data of their own to a platform, gets the model and wants its settings",
                frozenset({Access.PARAMETERS}),
                frozenset({*_SHADOWING, Knowledge.TRAINING_DATA}) - {Knowledge.RECIPE},
                assets=(Asset.HYPERPARAMETERS, Asset.ARCHITECTURE),
            ),
            ThreatModel(
                "synthetic-data",
                "someone who is given synthetic records, as many as they like, and not the generator",
                frozenset({Access.SAMPLES}),
                _SHADOWING | {Knowledge.PARTIAL_RECORD},
                assets=(Asset.MEMBERSHIP, Asset.RECORDS, Asset.ATTRIBUTES, Asset.PROPERTIES),
            ),
            ThreatModel(
                "published-counts",
                "anyone who reads the published counts",
                frozenset({Access.COUNTS}),
                frozenset({Knowledge.POPULATION, Knowledge.PARTIAL_RECORD}),
                assets=(Asset.MEMBERSHIP, Asset.ATTRIBUTES),
            ),
            ThreatModel(
                "data-owner",
                "a data owner who queries the service to learn whether their own records were used",
                frozenset({Access.SCORES}),
                frozenset({Knowledge.POPULATION}),
                assets=(Asset.MEMBERSHIP,),
                query_budget=100_000,
            ),
        )
    }
)


def preset(name: str) -> ThreatModel:
    """The preset of this name; raises InputError for an unknown one."""
    if name not in PRESETS:
        raise InputError(f"threat model {name!r} is unknown: choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
