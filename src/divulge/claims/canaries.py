"""Marked records: canaries that are published among one's own, and the exact test whether a model was trained on them.

What was marked how is drawn by lot and committed to by a hash, so that nobody has to believe the owner.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from divulge.claims.as_run import Found, Setting, Test, Tested, as_run, of_records, of_target
from divulge.core.errors import InputError
from divulge.core.hashing import derived_rng
from divulge.core.records import Records
from divulge.core.results.estimate import Estimate
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Claimed
from divulge.core.results.metric import CANARIES_USED
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Paired
from divulge.core.target import Target
from divulge.core.threat import PRESETS, Access
from divulge.core.wording import counted
from divulge.stats.exchange import rank_sum_p_value
from divulge.stats.paired import mean_bounds

FEWEST_CANARIES = 5


@dataclass(frozen=True)
class CanaryTest:
    """p_value: exact, of the hypothesis that the canaries were not used.  commitment: hash that was published."""

    p_value: float
    canaries: int
    sides: int
    mean_rank: float
    commitment: str
    run: Path | None = field(default=None, compare=False, repr=False)


def mint(records: pd.DataFrame, target: str, number: int, folder: Path) -> str:
    """Canaries like the records, to be published among them: canaries.csv; and secret.json, to be kept.

    Each canary takes the value of every column from a record of its own, so that it looks like the data and like no
    record of it, and a label drawn by lot among all labels.  Returns the commitment, a hash of the secret, to be
    published or deposited now: it proves later that the lot was drawn before the model was seen.
    """
    if target not in records.columns:
        raise InputError(
            f"there is no target column {target!r}; the columns are {', '.join(map(str, records.columns))}"
        )
    labels = sorted(records[target].unique().tolist(), key=str)
    if len(labels) < 2:
        raise InputError(f"target {target!r} has one class only: a label cannot be drawn by lot")
    if number < FEWEST_CANARIES:
        raise InputError(f"{number} canaries prove nothing: mint at least {FEWEST_CANARIES}, 50 say")
    lot = np.random.default_rng(secrets.randbits(128))
    made = pd.DataFrame({name: records[name].to_numpy()[lot.integers(len(records), size=number)] for name in records})
    drawn = lot.integers(len(labels), size=number)
    made[target] = [labels[i] for i in drawn]
    secret = {
        "salt": secrets.token_hex(32),
        "target": target,
        "labels": labels,
        "canaries": json.loads(made.to_json(orient="records")),
    }
    if (folder / "secret.json").exists():
        raise InputError(f"{folder} already holds a secret: choose another folder, it cannot be minted again")
    folder.mkdir(parents=True, exist_ok=True)
    made.to_csv(folder / "canaries.csv", index=False)
    (folder / "secret.json").write_text(json.dumps(secret, indent=1, sort_keys=True), encoding="utf-8")
    commitment = commitment_of(folder / "secret.json")
    (folder / "commitment.txt").write_text(commitment + "\n", encoding="utf-8")
    return commitment


def commitment_of(secret: Path) -> str:
    """SHA-256 of the secret file, salt included."""
    if not secret.is_file():
        raise InputError(f"no secret at {secret} (looked in {secret.resolve().parent}): `divulge claim mint` makes one")
    return hashlib.sha256(secret.read_bytes()).hexdigest()


def read_secret(secret: Path, commitment: str | None = None) -> dict[str, Any]:
    """The secret, checked against the commitment where one is given; raises InputError where they do not agree."""
    found = commitment_of(secret)
    if commitment is not None and commitment.strip() != found:
        raise InputError(f"{secret.name} is not what was committed to: its hash is {found}")
    try:
        content: dict[str, Any] = json.loads(secret.read_text(encoding="utf-8"))
        if not content["canaries"] or not content["labels"]:
            raise KeyError("canaries")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{secret.name} is damaged: it is no secret that `divulge claim mint` made") from error
    return content


def canaries_used(
    target: Target,
    canaries: Records,
    commitment: str,
    seed: int = 0,
    *,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> CanaryTest:
    """Whether the label that was drawn for each canary is likelier to the model than the labels that were not.

    The label was drawn uniformly, so its rank among all labels is uniform for a model that did not see it, whatever
    that model is: the p-value is exact.  Equal scores are ranked by lot.

    out: the folder of a run that keeps what was found; none where it is None.  resume: a run to go on with.
    """

    def setting() -> Setting:
        return Setting(
            name=f"canaries: {target.name}",
            threat=PRESETS["data-owner"],
            target=of_target(target),
            data=replace(of_records(canaries, canaries), nonmembers=0),
            policy=Policy(),
            seed=seed,
            said={"commitment": commitment},
        )

    def play() -> tuple[CanaryTest, Found]:
        return _ranked(target, canaries, commitment, seed)

    result: CanaryTest = as_run(setting, [Test("canaries", "Canaries", CanaryTest, play)], out, resume)[0]
    return result


def _ranked(target: Target, canaries: Records, commitment: str, seed: int) -> tuple[CanaryTest, Found]:
    classes = len(canaries.schema.classes)
    if Access.SCORES in target.offers:
        scores = np.array(target.answer(Access.SCORES, canaries))
    else:
        scores = np.eye(classes)[target.answer(Access.LABEL, canaries)]
    lots = derived_rng(seed, "ties").random(scores.shape)
    rows = np.arange(len(canaries))
    drawn, drawn_lot = scores[rows, canaries.y][:, None], lots[rows, canaries.y][:, None]
    better = (scores > drawn) | ((scores == drawn) & (lots > drawn_lot))
    ranks = better.sum(axis=1)
    p_value = rank_sum_p_value(ranks, classes)
    result = CanaryTest(p_value, len(canaries), classes, float(ranks.mean()), commitment)

    def found() -> dict[str, Tested | str]:
        hits = 1 - ranks / (classes - 1)
        low, high = mean_bounds(hits, 1 - Policy().confidence)
        places = tuple(range(len(hits)))
        paired = Paired(CANARIES_USED, tuple(map(float, hits)), (0.5,) * len(hits), places, known=True)
        estimate = Estimate(
            metric=CANARIES_USED,
            value=float(hits.mean()),
            low=low,
            high=high,
            confidence=Policy().confidence,
            chance=0.5,
            advantage=float(2 * hits.mean() - 1),
            advantage_low=2 * low - 1,
            p_value=p_value,
            attainable=rank_sum_p_value(np.zeros(len(hits), dtype=np.int64), classes),
        )
        evidence = Evidence((paired,), (_canaries_shown(result),))
        return {"canaries": Tested((estimate,), evidence, queries=len(canaries))}

    return result, found


def _canaries_shown(result: CanaryTest) -> Claimed:
    return Claimed(
        claim="The model was trained on the canaries, the marked records that were published among the data.",
        test=f"For each of {counted(result.canaries, 'canary')} the {result.sides} labels were ranked by how "
        "likely they are to the model.",
        chance="The label of each canary was drawn by lot before it was published, as the commitment proves, so that a "
        "model that never saw it ranks that label anywhere, equally often: the probability is exact.",
        upheld="The canaries were used",
        open="It was not shown that the canaries were used",
        figures=(
            ("probability that a model that saw none of them ranks their labels so high", f"p = {result.p_value:.4g}"),
            (
                "mean rank of the label that was drawn",
                f"{result.mean_rank:.2f}, by chance {(result.sides - 1) / 2:.2f}",
            ),
            ("commitment", result.commitment),
        ),
        notes=("A large p is no proof that the canaries were not used.",),
    )
