"""Marked records: canaries that are published among one's own, and the exact test whether a model was trained on them.

What was marked how is drawn by lot and committed to by a hash, so that nobody has to believe the owner.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from divulge.claims.as_run import Found, Setting, Test, Tested, as_run, of_records, of_target
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.results.estimate import Estimate
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Claimed
from divulge.core.results.metric import CANARIES_USED
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Paired
from divulge.core.target import Target
from divulge.core.threat import PRESETS, Access, Task
from divulge.core.wording import counted
from divulge.stats.exchange import drawn_sum_p_value
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
    labels = sorted(records[target].dropna().unique().tolist(), key=str)
    if len(labels) < 2:
        raise InputError(f"target {target!r} has fewer than two classes: a label cannot be drawn by lot")
    if number < FEWEST_CANARIES:
        raise InputError(f"{number} canaries prove nothing: mint at least {FEWEST_CANARIES}, 50 say")
    lot = np.random.default_rng(secrets.randbits(128))
    frame = pd.DataFrame({name: records[name].to_numpy()[lot.integers(len(records), size=number)] for name in records})
    drawn = lot.integers(len(labels), size=number)
    frame[target] = [labels[i] for i in drawn]
    secret = {
        "salt": secrets.token_hex(32),
        "target": target,
        "labels": [_plain(label) for label in labels],
        "columns": [str(name) for name in frame],
        "canaries": [
            {str(name): _plain(value) for name, value in row.items()} for row in frame.astype(object).to_dict("records")
        ],
    }
    if (folder / "secret.json").exists():
        raise InputError(f"{folder} already holds a secret: choose another folder, it cannot be minted again")
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "canaries.csv", index=False)
    (folder / "secret.json").write_text(json.dumps(secret, indent=1), encoding="utf-8")
    commitment = commitment_of(folder / "secret.json")
    (folder / "commitment.txt").write_text(commitment + "\n", encoding="utf-8")
    return commitment


def _plain(value: Any) -> Any:
    """A value as JSON has it, to the last digit; None where it is missing."""
    if pd.isna(value):
        return None
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, bool | int | float | str) else str(value)


def commitment_of(secret: Path) -> str:
    """SHA-256 of the secret file, salt included."""
    if not secret.is_file():
        raise InputError(
            f"no secret at {secret} (looked in {secret.absolute().parent}): `divulge claim mint` makes one"
        )
    return hashlib.sha256(secret.read_bytes()).hexdigest()


def read_secret(secret: Path, commitment: str | None = None) -> dict[str, Any]:
    """The secret, checked against the commitment where one is given; raises InputError where they do not agree.

    `columns` are the names of the canaries' columns in the order in which they were published.  A secret that was
    minted before it kept them has them from the canaries.csv beside it, or not at all.
    """
    found = commitment_of(secret)
    if commitment is not None and commitment.strip() != found:
        raise InputError(f"{secret.name} is not what was committed to: its hash is {found}")
    try:
        content: dict[str, Any] = json.loads(secret.read_text(encoding="utf-8"))
        names = {frozenset(row) for row in content["canaries"]}
        if len(names) != 1 or not content["labels"] or content["target"] not in next(iter(names)):
            raise KeyError("canaries")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{secret.name} is damaged: it is no secret that `divulge claim mint` made") from error
    if "columns" not in content:
        content |= _published_columns(secret.parent / "canaries.csv", names.pop())
    return content


def _published_columns(path: Path, names: frozenset[str]) -> dict[str, list[str]]:
    """The columns of the published table; nothing where it is not there, or is another."""
    header = list(pd.read_csv(path, nrows=0, dtype=str).columns) if path.is_file() else []
    return {"columns": header} if set(header) == names else {}


@dataclass(frozen=True, eq=False)
class Lot:
    """What was drawn for each canary: drawn, int [canaries], the place of its label among `labels`, each of which had
    its chance [labels].
    """

    labels: tuple[Any, ...]
    chance: Array
    drawn: Array


def lot_of(canaries: Records, labels: Sequence[Any] | None, chances: Sequence[float] | None) -> Lot:
    """The lot that the labels of the canaries were drawn by.  Raises InputError where it cannot be known."""
    schema = canaries.schema
    if schema.task is Task.REGRESSION:
        drawn_labels: list[Any] = np.asarray(canaries.y, dtype=np.float64).tolist()
        if labels is None:
            raise InputError("labels=: which values was each canary's drawn from? name all that were in the lot")
    else:
        drawn_labels = [schema.classes[int(code)] for code in canaries.y]
        unseen = [label for label in schema.classes if label not in set(drawn_labels)]
        if labels is None and unseen:
            raise InputError(
                f"no canary has the label {unseen[0]!r}, which the model knows: was it in the lot? name all labels "
                "that were in the lot with labels=[...]"
            )
    within = list(schema.classes if labels is None else labels)
    place = {label: i for i, label in enumerate(within)}
    if len(place) != len(within) or len(within) < 2:
        raise InputError("labels= names the labels of the lot: at least two, each once")
    strange = [v for v in drawn_labels if v not in place]
    strange += [v for v in within if schema.classes and v not in schema.classes]
    if strange:
        raise InputError(f"the label {strange[0]!r} is not in the lot, or the model does not know it: see labels=")
    chance = np.asarray(chances if chances is not None else np.full(len(within), 1 / len(within)), dtype=np.float64)
    if chance.shape != (len(within),) or not (chance > 0).all() or not np.isclose(chance.sum(), 1.0):
        raise InputError("chances= are of the labels in the lot, each above 0, and add up to 1")
    return Lot(tuple(within), chance / chance.sum(), np.array([place[label] for label in drawn_labels]))


def canaries_used(
    target: Target,
    canaries: Records,
    commitment: str,
    seed: int = 0,
    *,
    labels: Sequence[Any] | None = None,
    chances: Sequence[float] | None = None,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> CanaryTest:
    """Whether the label that was drawn for each canary is likelier to the model than the other labels of the lot.

    The label was drawn by lot, so its rank among the labels of the lot is distributed as the lot has it for a model
    that did not see it, whatever that model is and however many other labels it knows: the p-value is exact.  Labels
    that are equally likely share a rank, and the distribution is that of the shared ranks, so that no second lot is
    drawn (`seed` is of the run alone).  A regression model ranks labels by how near they are to its answer.

    labels: those that were in the lot, in any order; where they are not given, all that the model knows, each of which
    a canary must have.  chances: of each, where they were not equal.
    out: the folder of a run that keeps what was found; none where it is None.  resume: a run to go on with.
    """
    lot = lot_of(canaries, labels, chances)

    def setting() -> Setting:
        return Setting(
            name=f"canaries: {target.name}",
            threat=PRESETS["data-owner"],
            target=of_target(target),
            data=replace(of_records(canaries, canaries), nonmembers=0),
            policy=Policy(),
            seed=seed,
            said={"commitment": commitment, "labels": ", ".join(map(str, lot.labels))},
        )

    def play() -> tuple[CanaryTest, Found]:
        return _ranked(target, canaries, commitment, lot)

    result: CanaryTest = as_run(setting, [Test("canaries", "Canaries", CanaryTest, play)], out, resume)[0]
    return result


def _likelihoods(target: Target, canaries: Records, lot: Lot) -> Array:
    """How likely each label of the lot is to the model, in any numbers that grow with it: [canaries, labels]."""
    if target.task is Task.REGRESSION:
        values = np.asarray(target.answer(Access.LABEL, canaries), dtype=np.float64).reshape(-1)
        return -np.abs(values[:, None] - np.asarray(lot.labels, dtype=np.float64)[None, :])
    columns = [canaries.schema.classes.index(label) for label in lot.labels]
    if Access.SCORES in target.offers:
        return np.asarray(target.answer(Access.SCORES, canaries))[:, columns]
    return np.equal.outer(target.answer(Access.LABEL, canaries), columns).astype(np.float64)


def _ranked(target: Target, canaries: Records, commitment: str, lot: Lot) -> tuple[CanaryTest, Found]:
    from scipy.stats import rankdata

    rows, sides = np.arange(len(canaries)), len(lot.labels)
    placed = np.round(2 * rankdata(-_likelihoods(target, canaries, lot), axis=1) - 2).astype(np.int64)  # in halves
    ranks = placed[rows, lot.drawn] / 2
    p_value = drawn_sum_p_value(placed, lot.drawn, lot.chance)
    result = CanaryTest(p_value, len(canaries), sides, float(ranks.mean()), commitment)
    expected = 1 - (placed @ lot.chance) / (2 * (sides - 1))

    def found() -> dict[str, Tested | str]:
        hits = 1 - ranks / (sides - 1)
        low, high = mean_bounds(hits, 1 - Policy().confidence)
        chance = float(expected.mean())
        paired = Paired(
            CANARIES_USED, tuple(map(float, hits)), tuple(map(float, expected)), tuple(rows.tolist()), known=True
        )
        estimate = Estimate(
            metric=CANARIES_USED,
            value=float(hits.mean()),
            low=low,
            high=high,
            confidence=Policy().confidence,
            chance=chance,
            advantage=float((hits.mean() - chance) / (1 - chance)),
            advantage_low=(low - chance) / (1 - chance),
            p_value=p_value,
            attainable=drawn_sum_p_value(placed, placed.argmin(axis=1), lot.chance),
        )
        evidence = Evidence((paired,), (_canaries_shown(result, float((placed @ lot.chance).mean() / 2)),))
        return {"canaries": Tested((estimate,), evidence, queries=len(canaries))}

    return result, found


def _canaries_shown(result: CanaryTest, by_chance: float) -> Claimed:
    return Claimed(
        claim="The model was trained on the canaries, the marked records that were published among the data.",
        test=f"For each of {counted(result.canaries, 'canary')} the {result.sides} labels of the lot were ranked by "
        "how likely they are to the model.",
        chance="The label of each canary was drawn by lot before it was published, as the commitment proves, so that a "
        "model that never saw it ranks that label anywhere, equally often: the probability is exact.",
        upheld="The canaries were used",
        open="It was not shown that the canaries were used",
        figures=(
            ("probability that a model that saw none of them ranks their labels so high", f"p = {result.p_value:.4g}"),
            (
                "mean rank of the label that was drawn",
                f"{result.mean_rank:.2f}, by chance {by_chance:.2f}",
            ),
            ("commitment", result.commitment),
        ),
        notes=("A large p is no proof that the canaries were not used.",),
    )
