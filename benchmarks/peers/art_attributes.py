"""ART's attribute attacks on the same answers.  Runs in an environment of its own.

`given` holds, for each attribute number k: public_k [records, features] whose column 0 is the attribute, said_k and
classes_k (the model's scores and the true classes of these), asked_k (without column 0), said_asked_k (the model's
scores for the true records, which ART's attack is given), classes_asked_k, values_k.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from art.attacks.inference.attribute_inference import AttributeInferenceBaseline, AttributeInferenceBlackBox
from art.estimators.classification.blackbox import BlackBoxClassifier

MODELS = ("nn", "rf", "gb")


def main(given: Path, answer: Path) -> None:
    warnings.simplefilter("ignore")
    told = np.load(given)
    made = {}
    for k in range(int(told["attributes"])):
        public, said, asked = (told[f"{name}_{k}"].astype(np.float32) for name in ("public", "said", "asked"))
        values = [float(v) for v in told[f"values_{k}"]]
        width = public.shape[1]
        victim = BlackBoxClassifier(lambda x, said=said: said[: len(x)], (width,), said.shape[1])
        for kind in MODELS:
            np.random.seed(0)  # noqa: NPY002  # ART draws from both
            torch.manual_seed(0)
            attack = AttributeInferenceBlackBox(victim, attack_feature=0, attack_model_type=kind)
            hot = np.eye(said.shape[1], dtype=np.float32)
            attack.fit(public, y=hot[told[f"classes_{k}"]])
            made[f"black_box_{kind}_{k}"] = attack.infer(
                asked,
                y=hot[told[f"classes_asked_{k}"]],
                pred=told[f"said_asked_{k}"].argmax(axis=1)[:, None],
                values=values,
            )
            plain = AttributeInferenceBaseline(attack_feature=0, attack_model_type=kind)
            plain.fit(public)
            made[f"baseline_{kind}_{k}"] = plain.infer(asked, values=values)
    np.savez(answer, **made)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
