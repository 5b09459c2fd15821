"""The readable table name -> attack, plus entry points for strangers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any, cast

from divulge.catalog import former
from divulge.catalog.former import current
from divulge.catalog.settings import finite, fits
from divulge.core.attack import Attack, Card
from divulge.core.errors import InputError
from divulge.core.plugins import announced

GROUP = "divulge.attacks"
"""Entry point group in which an installed package announces attacks of its own: name = 'package.module:Class'."""

_MEMBERSHIP = "divulge.attacks.membership"
_LANGUAGE = "divulge.attacks.membership.language"
_EXTRACTION = "divulge.attacks.extraction"
_RECONSTRUCTION = "divulge.attacks.reconstruction"
_PROPERTY = "divulge.attacks.property"

ATTACKS: dict[str, str] = {
    "active_thief": f"{_EXTRACTION}.active_thief:ActiveThief",
    "architecture": f"{_EXTRACTION}.architecture:Architecture",
    "copycat": f"{_EXTRACTION}.copycat:Copycat",
    "data_free": f"{_EXTRACTION}.data_free:DataFree",
    "equation_solving": f"{_EXTRACTION}.equation_solving:EquationSolving",
    "explained_network": f"{_EXTRACTION}.forms.explained_network:ExplainedNetwork",
    "jacobian": f"{_EXTRACTION}.jacobian:Jacobian",
    "knockoff": f"{_EXTRACTION}.knockoff:Knockoff",
    "knockoff_adaptive": f"{_EXTRACTION}.bandits.knockoff_adaptive:KnockoffAdaptive",
    "knockoff_random": f"{_EXTRACTION}.knockoff:KnockoffRandom",
    "last_layer": f"{_EXTRACTION}.last_layer:LastLayer",
    "lowd_meek": f"{_EXTRACTION}.lowd_meek:LowdMeek",
    "regularization": f"{_EXTRACTION}.regularization:Regularization",
    "relu_network": f"{_EXTRACTION}.relu_network:ReluNetwork",
    "relu_network_from_labels": f"{_EXTRACTION}.relu_network_from_labels:ReluNetworkFromLabels",
    "semi_supervised": f"{_EXTRACTION}.semi_supervised:SemiSupervised",
    "tree_paths": f"{_EXTRACTION}.tree_paths:TreePaths",
    "tree_paths_by_scores": f"{_EXTRACTION}.tree_paths:TreePathsByScores",
    "absolute_error": f"{_MEMBERSHIP}.scores.absolute_error:AbsoluteError",
    "answer_similarity": f"{_MEMBERSHIP}.retrieval.answer_similarity:AnswerSimilarity",
    "attack_p": f"{_MEMBERSHIP}.scores.attack_p:AttackP",
    "attack_r": f"{_MEMBERSHIP}.shadows.attack_r:AttackR",
    "bavaria": f"{_MEMBERSHIP}.shadows.bavaria:Bavaria",
    "boundary_distance": f"{_MEMBERSHIP}.labels.boundary_distance:BoundaryDistance",
    "calibrated_error": f"{_MEMBERSHIP}.shadows.calibrated_error:CalibratedError",
    "confidence": f"{_MEMBERSHIP}.scores.confidence:Confidence",
    "correctness": f"{_MEMBERSHIP}.labels.correctness:Correctness",
    "difficulty_calibration": f"{_MEMBERSHIP}.shadows.difficulty_calibration:DifficultyCalibration",
    "entropy": f"{_MEMBERSHIP}.scores.entropy:Entropy",
    "explanation_variance": f"{_MEMBERSHIP}.scores.explanation_variance:ExplanationVariance",
    "gap": f"{_MEMBERSHIP}.labels.gap:Gap",
    "gradient_norm": f"{_MEMBERSHIP}.whitebox.gradient_norm:GradientNorm",
    "informia": f"{_MEMBERSHIP}.shadows.informia:Informia",
    "label_only_augmentation": f"{_MEMBERSHIP}.labels.label_only_augmentation:LabelOnlyAugmentation",
    "label_only_noise": f"{_MEMBERSHIP}.labels.label_only_noise:LabelOnlyNoise",
    "learned_ratio": f"{_MEMBERSHIP}.shadows.learned_ratio:LearnedRatio",
    "lira": f"{_MEMBERSHIP}.shadows.lira:Lira",
    "masked_words": f"{_MEMBERSHIP}.retrieval.masked_words:MaskedWords",
    "lira_augmented": f"{_MEMBERSHIP}.shadows.lira_augmented:LiraAugmented",
    "lira_offline": f"{_MEMBERSHIP}.shadows.lira:LiraOffline",
    "loss": f"{_MEMBERSHIP}.scores.loss:Loss",
    "loss_trajectory": f"{_MEMBERSHIP}.shadows.loss_trajectory:LossTrajectory",
    "ml_leaks_shadow": f"{_MEMBERSHIP}.shadows.ml_leaks_shadow:MlLeaksShadow",
    "ml_leaks_unsupervised": f"{_MEMBERSHIP}.scores.ml_leaks_unsupervised:MlLeaksUnsupervised",
    "modified_entropy": f"{_MEMBERSHIP}.scores.modified_entropy:ModifiedEntropy",
    "quantile_regression": f"{_MEMBERSHIP}.scores.quantile_regression:QuantileRegression",
    "rmia": f"{_MEMBERSHIP}.shadows.rmia:Rmia",
    "rmia_offline": f"{_MEMBERSHIP}.shadows.rmia:RmiaOffline",
    "shokri": f"{_MEMBERSHIP}.shadows.shokri:Shokri",
    "truth_serum": f"{_MEMBERSHIP}.shadows.truth_serum:TruthSerum",
    "white_box": f"{_MEMBERSHIP}.whitebox.white_box:WhiteBox",
    "calibrated_distance": f"{_MEMBERSHIP}.synthetic.calibrated_distance:CalibratedDistance",
    "closest_record": f"{_MEMBERSHIP}.synthetic.closest_record:ClosestRecord",
    "distance_ratio": f"{_MEMBERSHIP}.synthetic.distance_ratio:DistanceRatio",
    "domias": f"{_MEMBERSHIP}.synthetic.domias:Domias",
    "exact_hits": f"{_MEMBERSHIP}.synthetic.exact_hits:ExactHits",
    "generator_lira": f"{_MEMBERSHIP}.synthetic.generator:GeneratorLira",
    "generator_ratio": f"{_MEMBERSHIP}.synthetic.generator:GeneratorRatio",
    "generator_rmia": f"{_MEMBERSHIP}.synthetic.generator:GeneratorRmia",
    "groundhog": f"{_MEMBERSHIP}.synthetic.groundhog:Groundhog",
    "kernel_likelihood": f"{_MEMBERSHIP}.synthetic.kernel_likelihood:KernelLikelihood",
    "local_likelihood": f"{_MEMBERSHIP}.synthetic.local_likelihood:LocalLikelihood",
    "monte_carlo": f"{_MEMBERSHIP}.synthetic.monte_carlo:MonteCarlo",
    "plagiarism_index": f"{_MEMBERSHIP}.synthetic.plagiarism_index:PlagiarismIndex",
    "query_features": f"{_MEMBERSHIP}.synthetic.query_features:QueryFeatures",
    "release_classifier": f"{_MEMBERSHIP}.synthetic.release_classifier:ReleaseClassifier",
    "homer": f"{_MEMBERSHIP}.aggregates.homer:Homer",
    "share_likelihood": f"{_MEMBERSHIP}.aggregates.share_likelihood:ShareLikelihood",
    "traceability": f"{_MEMBERSHIP}.aggregates.traceability:Traceability",
    "con_recall": f"{_LANGUAGE}.con_recall:ConRecall",
    "dc_pdd": f"{_LANGUAGE}.dc_pdd:DcPdd",
    "error_zone": f"{_LANGUAGE}.error_zone:ErrorZone",
    "learned_text_ratio": f"{_LANGUAGE}.shadows.learned_text_ratio:LearnedTextRatio",
    "lower_case": f"{_LANGUAGE}.lower_case:LowerCase",
    "min_k": f"{_LANGUAGE}.min_k:MinK",
    "min_k_plus": f"{_LANGUAGE}.min_k:MinKPlus",
    "neighborhood": f"{_LANGUAGE}.neighborhood:NeighborhoodAttack",
    "recall": f"{_LANGUAGE}.recall:Recall",
    "reference_blend": f"{_LANGUAGE}.reference_blend:ReferenceBlend",
    "reference_ratio": f"{_LANGUAGE}.reference_ratio:ReferenceRatio",
    "text_bavaria": f"{_LANGUAGE}.shadows.text_bavaria:TextBavaria",
    "text_difference": f"{_LANGUAGE}.shadows.text_difference:TextDifference",
    "text_lira": f"{_LANGUAGE}.shadows.text_lira:TextLira",
    "text_rmia": f"{_LANGUAGE}.shadows.text_rmia:TextRmia",
    "token_informia": f"{_LANGUAGE}.shadows.token_informia:TokenInformia",
    "token_lira": f"{_LANGUAGE}.shadows.token_lira:TokenLira",
    "token_loss": f"{_LANGUAGE}.token_loss:TokenLoss",
    "window_votes": f"{_LANGUAGE}.window_votes:WindowVotes",
    "zlib_ratio": f"{_LANGUAGE}.zlib_ratio:ZlibRatio",
    "melis_active": f"{_PROPERTY}.melis:MelisActive",
    "melis_passive": f"{_PROPERTY}.melis:MelisPassive",
    "overlearning": f"{_PROPERTY}.overlearning:Overlearning",
    "property_activations": f"{_PROPERTY}.property_activations:PropertyActivations",
    "property_chosen": f"{_PROPERTY}.property_chosen:PropertyChosen",
    "property_kl_test": f"{_PROPERTY}.property_kl_test:PropertyKlTest",
    "property_labels": f"{_PROPERTY}.property_labels:PropertyLabels",
    "property_loss_test": f"{_PROPERTY}.property_loss_test:PropertyLossTest",
    "property_neurons": f"{_PROPERTY}.property_neurons:PropertyNeurons",
    "property_parameters": f"{_PROPERTY}.property_parameters:PropertyParameters",
    "property_poisoning": f"{_PROPERTY}.property_poisoning:PropertyPoisoning",
    "property_queries": f"{_PROPERTY}.property_queries:PropertyQueries",
    "property_samples": f"{_PROPERTY}.property_samples:PropertySamples",
    "property_threshold_test": f"{_PROPERTY}.property_threshold_test:PropertyThresholdTest",
    "snap": f"{_PROPERTY}.snap:Snap",
    "differencing": f"{_RECONSTRUCTION}.aggregates.differencing:Differencing",
    "image_cliques": f"{_RECONSTRUCTION}.release.image_cliques:ImageCliques",
    "linear_program": f"{_RECONSTRUCTION}.aggregates.linear_program:LinearProgram",
    "activation_decoder": f"{_RECONSTRUCTION}.activations.activation_decoder:ActivationDecoder",
    "activation_inversion": f"{_RECONSTRUCTION}.activations.activation_inversion:ActivationInversion",
    "analytic_gradient": f"{_RECONSTRUCTION}.gradients.analytic_gradient:AnalyticGradient",
    "attribute_deduction": f"{_RECONSTRUCTION}.release.attribute_deduction:AttributeDeduction",
    "correct_attribution": f"{_RECONSTRUCTION}.release.correct_attribution:CorrectAttribution",
    "copied_rows": f"{_RECONSTRUCTION}.release.copied_rows:CopiedRows",
    "linkability": f"{_RECONSTRUCTION}.release.linkability:Linkability",
    "singling_out": f"{_RECONSTRUCTION}.release.singling_out:SinglingOut",
    "singling_out_univariate": f"{_RECONSTRUCTION}.release.singling_out:SinglingOutUnivariate",
    "attribute_learned": f"{_RECONSTRUCTION}.attributes.attribute_learned:AttributeLearned",
    "attribute_membership": f"{_RECONSTRUCTION}.attributes.attribute_membership:AttributeMembership",
    "black_box_inversion": f"{_RECONSTRUCTION}.inversion.black_box_inversion:BlackBoxInversion",
    "brep_mi": f"{_RECONSTRUCTION}.inversion.brep_mi:BrepMi",
    "csmia": f"{_RECONSTRUCTION}.attributes.csmia:Csmia",
    "dager": f"{_RECONSTRUCTION}.gradients.dager:Dager",
    "deleted_record": f"{_RECONSTRUCTION}.versions.deleted_record:DeletedRecord",
    "discoverable_extraction": f"{_RECONSTRUCTION}.language.discoverable:DiscoverableExtraction",
    "dlg": f"{_RECONSTRUCTION}.gradients.dlg:Dlg",
    "fedavg_inversion": f"{_RECONSTRUCTION}.gradients.fedavg_inversion:FedavgInversion",
    "fishing": f"{_RECONSTRUCTION}.gradients.fishing:Fishing",
    "fredrikson_inversion": f"{_RECONSTRUCTION}.inversion.fredrikson_inversion:FredriksonInversion",
    "fredrikson_map": f"{_RECONSTRUCTION}.attributes.fredrikson:FredriksonMap",
    "fredrikson_tree_counts": f"{_RECONSTRUCTION}.attributes.fredrikson:FredriksonTreeCounts",
    "free_samples": f"{_RECONSTRUCTION}.language.free_samples:FreeSamples",
    "gmi": f"{_RECONSTRUCTION}.inversion.gmi:Gmi",
    "grad_inversion": f"{_RECONSTRUCTION}.gradients.grad_inversion:GradInversion",
    "greedy_prefix": f"{_RECONSTRUCTION}.language.greedy_prefix:GreedyPrefix",
    "idlg": f"{_RECONSTRUCTION}.gradients.idlg:Idlg",
    "imprint_block": f"{_RECONSTRUCTION}.gradients.imprint_block:ImprintBlock",
    "informed_adversary": f"{_RECONSTRUCTION}.weights.informed_adversary:InformedAdversary",
    "inversion_network": f"{_RECONSTRUCTION}.inversion.inversion_network:InversionNetwork",
    "inverting_gradients": f"{_RECONSTRUCTION}.gradients.inverting_gradients:InvertingGradients",
    "ked_mi": f"{_RECONSTRUCTION}.inversion.ked_mi:KedMi",
    "kkt": f"{_RECONSTRUCTION}.weights.kkt:Kkt",
    "label_counts": f"{_RECONSTRUCTION}.gradients.label_counts:LabelCounts",
    "lomia": f"{_RECONSTRUCTION}.attributes.lomia:Lomia",
    "neuron_importance": f"{_RECONSTRUCTION}.attributes.neuron_importance:NeuronImportance",
    "pii_inference": f"{_RECONSTRUCTION}.language.pii:PiiInference",
    "pii_reconstruction": f"{_RECONSTRUCTION}.language.pii:PiiReconstruction",
    "plug_and_play": f"{_RECONSTRUCTION}.inversion.plug_and_play:PlugAndPlay",
    "repeated_training": f"{_RECONSTRUCTION}.weights.repeated_training:RepeatedTraining",
    "spear": f"{_RECONSTRUCTION}.gradients.spear:Spear",
    "label_norm": f"{_RECONSTRUCTION}.vertical.label_norm:LabelNorm",
    "label_direction": f"{_RECONSTRUCTION}.vertical.label_direction:LabelDirection",
    "feature_equations": f"{_RECONSTRUCTION}.vertical.feature_equations:FeatureEquations",
    "r_gap": f"{_RECONSTRUCTION}.gradients.closed_form.r_gap:RGap",
    "tableak": f"{_RECONSTRUCTION}.gradients.tables.tableak:Tableak",
    "sampled_prefix": f"{_RECONSTRUCTION}.language.sampled_prefix:SampledPrefix",
    "hidden_data": f"{_RECONSTRUCTION}.weights.hidden.hidden_data:HiddenData",
    "capacity_abuse": f"{_RECONSTRUCTION}.weights.hidden.capacity_abuse:CapacityAbuse",
    "stored_data": f"{_RECONSTRUCTION}.weights.stored_data:StoredData",
    "trap_weights": f"{_RECONSTRUCTION}.gradients.trap_weights:TrapWeights",
    "updates_leak": f"{_RECONSTRUCTION}.versions.updates_leak:UpdatesLeak",
    "yeom_attribute": f"{_RECONSTRUCTION}.attributes.yeom_attribute:YeomAttribute",
}

DEFAULT_MEMBERSHIP = "learned_ratio"
"""The attack to look at first: with one setting it is no worse than the others at any number of shadow models."""

DEFAULT_RELEASE, DEFAULT_GENERATOR = "domias", "generator_ratio"
"""The attacks to look at first where records are made: from a released table alone, and with generators of one's own.
Both were named before they were measured on fresh seeds (benchmarks/synthetic.py).
"""
DEFAULT_COUNTS = "share_likelihood"
"""The same where counts were published."""

DEFAULT_TEXTS = "reference_blend"
DEFAULT_TEXTS_WITH_SHADOWS = "learned_text_ratio"
"""The same of language models, without shadow fine-tunes and with some."""


def default_membership(played: Iterable[str]) -> str:
    """The attack on membership to look at first, of those that were played."""
    of_texts, published = (
        (DEFAULT_TEXTS_WITH_SHADOWS, DEFAULT_TEXTS),
        (DEFAULT_GENERATOR, DEFAULT_RELEASE, DEFAULT_COUNTS),
    )
    names, others = set(played), (*of_texts, *published)
    return next((name for name in others if name in names), DEFAULT_MEMBERSHIP)


@cache
def table() -> dict[str, str]:
    """All attacks by name, those of installed packages included; raises InputError where one has the name of ours."""
    brought = {name: plugin.place for name, plugin in announced(GROUP, ATTACKS).items()}
    return dict(sorted((brought | ATTACKS).items()))


def attack_class(name: str) -> type[Attack[Any, Any]]:
    """The class behind a name; raises InputError with the nearest name for an unknown one."""
    name = current(name, former.ATTACKS)
    if name not in table():
        near = difflib.get_close_matches(name, table(), 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"attack {name!r} is unknown: {hint}`divulge attacks` shows all")
    if name not in ATTACKS:
        plugin = announced(GROUP, ATTACKS)[name]
        brought = plugin.load(type)
        card = next((vars(each)["card"] for each in brought.__mro__ if "card" in vars(each)), None)
        if not isinstance(card, Card) or card.name != name:
            raise InputError(f"{plugin} is no attack whose card has that name")
        return brought
    module, _, attribute = ATTACKS[name].partition(":")
    return cast("type[Attack[Any, Any]]", getattr(import_module(module), attribute))


def attack(name: str, **settings: Any) -> Attack[Any, Any]:
    """An attack with these settings; raises InputError for settings that it does not have."""
    kind = attack_class(name)
    fits(f"attacks.{name}", kind, settings)
    try:
        played = kind(**settings)
    except TypeError as error:
        raise InputError(f"attack {name!r} does not take these settings: {error}") from error
    finite(f"attacks.{name}", played)
    return played


def cards(names: Iterable[str] | None = None) -> list[Card]:
    """The cards of these attacks, or of all."""
    return [attack_class(name).card for name in (names if names is not None else table())]
