"""ART's membership attacks on the same models, asked through the same answers.  Runs in an environment of its own.

Reads logits [models, records, classes], keep [models, records] and y; the first `targets` models are attacked, each
with the models after them as its shadow models.  Writes one array of scores [targets, records] for every attack.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
from art.attacks.inference.membership_inference import (
    MembershipInferenceBlackBox,
    MembershipInferenceBlackBoxRuleBased,
)
from art.estimators.classification import BlackBoxClassifier

MOST_EXAMPLES = 10_000


def probabilities(logits: np.ndarray) -> np.ndarray:
    """What ART's attacks expect."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)


def main(given: str, answer: str) -> None:
    """Play every attack against every target."""
    warnings.filterwarnings("ignore")
    with np.load(given) as arrays:
        logits, keep, y, targets = arrays["logits"], arrays["keep"], arrays["y"], int(arrays["targets"])
    scores = probabilities(logits)
    classes = logits.shape[2]
    hot = np.eye(classes, dtype=np.float32)[y]
    rows = np.arange(len(y), dtype=np.float32)[:, None]
    rng = np.random.default_rng(0)
    found: dict[str, list[np.ndarray]] = {"rule_based": [], "rf": [], "gb": [], "nn": []}
    shadow, row = np.divmod(rng.permutation((len(logits) - targets) * len(y))[:MOST_EXAMPLES], len(y))
    seen, said = keep[targets + shadow, row], scores[targets + shadow, row]
    for target in range(targets):
        model = BlackBoxClassifier(lambda x, t=target: scores[t, x[:, 0].astype(int)], (1,), classes)
        rule = MembershipInferenceBlackBoxRuleBased(model).infer(rows, hot, probabilities=True)
        found["rule_based"].append(rule[:, 1])
        for kind in ("rf", "gb", "nn"):
            attack = MembershipInferenceBlackBox(model, attack_model_type=kind)
            inside, outside = row[seen], row[~seen]
            attack.fit(rows[inside], hot[inside], rows[outside], hot[outside], pred=said[seen], test_pred=said[~seen])
            inferred = np.asarray(attack.infer(rows, hot, pred=scores[target], probabilities=True))
            found[kind].append(inferred[:, 1] if inferred.ndim == 2 and inferred.shape[1] == 2 else inferred.ravel())
    np.savez(answer, **{name: np.stack(values) for name, values in found.items()})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
