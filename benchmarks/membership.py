"""Which membership attack finds most, at how many shadow models?  Four tasks, eight targets each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from torch import nn

import divulge
from divulge.auditing.challenges.membership import MEMBERSHIP
from divulge.auditing.run_attack import Session, play_arm
from divulge.core.game import Arm
from divulge.core.hashing import Array, derived_rng
from divulge.core.records import Records
from divulge.core.results.estimate import Rate
from divulge.core.results.trials import Scored
from divulge.core.signals import log_of_scores
from divulge.data.arrays import from_arrays
from divulge.data.sources import census_income, digits, fashion_mnist
from divulge.games.membership import MembershipGame
from divulge.setup.assemble import attacks_for
from divulge.setup.from_table import job_from_table
from divulge.setup.settings import Options
from divulge.stats.auc import auc
from divulge.stats.intervals import clopper_pearson
from divulge.stats.roc import at_fpr, roc
from divulge.targets.score_table import ScoreTable
from divulge.training.artifact_cache import default_cache
from divulge.training.engines.engine import Trainer
from divulge.training.recipes.pytorch import TorchRecipe
from divulge.training.recipes.sklearn import SklearnRecipe
from harness import Row, main
from peers.environment import run_attack

TARGETS = 8
BUDGETS = (2, 4, 16, 64)
ATTACKS = (
    *("loss", "correctness", "ml_leaks_unsupervised", "confidence", "modified_entropy", "shokri"),
    *("attack_r", "difficulty_calibration", "lira", "lira_offline", "rmia", "rmia_offline", "informia", "bavaria"),
    "learned_ratio",
)
WITH_MODELS = (
    *("attack_p", "quantile_regression", "gradient_norm", "white_box", "loss_trajectory", "lira_augmented"),
    *("label_only_noise", "boundary_distance", "learned_ratio"),
)
RATES = (0.01, 0.001)
BARS = {2: (1.0, 1.0), 4: (1.0, 1.0), 16: (1.08, 1.25), 64: (1.08, 1.25)}


@dataclass(frozen=True)
class Task:
    """A data set and how models of it are trained."""

    name: str
    records: Callable[[], Records]
    recipe: TorchRecipe | SklearnRecipe


def mlp(inputs: int, hidden: int, classes: int) -> nn.Module:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def clothing() -> Records:
    """10,000 images as rows of 784 numbers."""
    records = fashion_mnist()
    part = records.take(derived_rng(0, "clothing").permutation(len(records))[:10_000])
    return from_arrays([(part.x.reshape(len(part), -1), part.y)])[0]


def incomes() -> Records:
    """10,000 adults, categories as indicators, columns standardised."""
    import pandas as pd

    records = census_income()
    part = records.take(derived_rng(0, "incomes").permutation(len(records))[:10_000])
    x = pd.get_dummies(pd.DataFrame(part.columns())).to_numpy(dtype=np.float32)
    x = np.clip((x - x.mean(axis=0)) / (x.std(axis=0) + 1e-6), -5, 5)
    return from_arrays([(x, part.y)])[0]


def few_incomes() -> Records:
    """4,000 adults, categories as codes."""
    records = census_income()
    part = records.take(derived_rng(0, "few incomes").permutation(len(records))[:4_000])
    return from_arrays([(part.x, part.y)])[0]


def handwriting() -> Records:
    """1,796 images of 8 x 8."""
    records = digits()
    return from_arrays([(records.x[:1796].astype(np.float32), records.y[:1796])])[0]


def tasks() -> list[Task]:
    """The four of the table."""
    columns = incomes().x.shape[1]
    return [
        Task("Fashion-MNIST, MLP", clothing, TorchRecipe(lambda: mlp(784, 256, 10), epochs=30, batch_size=128)),
        Task("census income, MLP", incomes, TorchRecipe(lambda: mlp(columns, 64, 2), epochs=20, batch_size=128)),
        Task("digits, overfitted MLP", handwriting, TorchRecipe(lambda: mlp(64, 256, 10), epochs=100, batch_size=32)),
        Task("census income, random forest", few_incomes, SklearnRecipe(RandomForestClassifier(100))),
    ]


def trained(task: Task, models: int) -> tuple[Array, Array, Records]:
    """Logits [models, records, classes] as float32, keep [models, records], and the records."""
    import torch

    records = task.records()
    rng = np.random.default_rng(0)
    keep = np.zeros((models, len(records)), dtype=bool)
    for model in range(0, models, 2):
        keep[model, rng.permutation(len(records))[: len(records) // 2]] = True
        keep[model + 1] = ~keep[model]
    logits = np.empty((models, len(records), len(records.schema.classes)), dtype=np.float32)
    for number, model in Trainer(default_cache()).fit_many(task.recipe, records, keep, list(range(models))):
        if isinstance(task.recipe, TorchRecipe):
            with torch.inference_mode():
                logits[number] = model(torch.from_numpy(records.x)).numpy()
        else:
            logits[number] = log_of_scores(model.predict_proba(records.x))
    return logits, keep, records


def evidence_of(logits: Array, keep: Array, y: Array, rows: list[int], names: tuple[str, ...]) -> dict[str, Scored]:
    """What each attack makes of the first of these models, with the others as its shadow models."""
    table = ScoreTable(logits[rows], None, keep[rows], y)
    job = job_from_table(table, Options(attacks=list(names), name="benchmark"))
    job = replace(job, attacks=attacks_for(list(names), job.target, len(rows) - 1))
    laid = Session(job, MembershipGame(job.target, job.candidates, job.member, 0), 1, MEMBERSHIP)
    return {attack.card.name: play_arm(laid, attack, Arm.TARGET)[0].scored for attack in job.attacks}


def pooled(rates: list[Rate]) -> Rate:
    """Targets are independent: their counts add up."""
    return Rate(sum(r.successes for r in rates), sum(r.trials for r in rates))


def area_row(name: str, evidence: list[Scored]) -> Row:
    """The mean AUC over targets with its 95 % interval (Student's t: targets are the units)."""
    areas = np.array([auc(e).value for e in evidence])
    half = stats.t.ppf(0.975, len(areas) - 1) * areas.std(ddof=1) / np.sqrt(len(areas))
    return Row(name, float(areas.mean()), float(areas.mean() - half), float(areas.mean() + half))


def compare(task: Task, quick: bool) -> Iterator[Row]:
    """AUC and true positive rates of every attack, then the default against the better of LiRA and RMIA."""
    budgets = tuple(b for b in BUDGETS if b <= (16 if quick else 64))
    targets = 4 if quick else TARGETS
    names = ("lira", "rmia", "bavaria", "learned_ratio") if quick else ATTACKS
    logits, keep, records = trained(task, targets + max(budgets))
    for budget in budgets:
        found: dict[str, list[Scored]] = {name: [] for name in names}
        for target in range(targets):
            rows = [target, *range(targets, targets + budget)]
            for name, evidence in evidence_of(logits, keep, records.y, rows, names).items():
                found[name].append(evidence)
        rate: dict[tuple[str, float], Rate] = {}
        for name in names:
            yield area_row(f"{task.name}, {budget} shadows, {name}: AUC", found[name])
            for fpr in RATES:
                reached = pooled([at_fpr(roc(e), fpr).tpr for e in found[name]])
                rate[name, fpr] = reached
                low, high = clopper_pearson(reached, 0.05)
                yield Row(f"{task.name}, {budget} shadows, {name}: TPR at {fpr:.1%} FPR", reached.value, low, high)
        for fpr in RATES:
            best = max(rate["lira", fpr].value, rate["rmia", fpr].value)
            yield Row(
                f"{task.name}, {budget} shadows: default / best at {fpr:.1%}", rate["learned_ratio", fpr].value / best
            )
    if not quick:
        yield from beside(task, logits, keep, records.y, targets)


def beside(task: Task, logits: Array, keep: Array, y: Array, targets: int) -> Iterator[Row]:
    """ART's attacks on the same answers, trained on those of all shadow models, in an environment of their own."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "given.npz", Path(folder) / "answer.npz"
        np.savez(given, logits=logits, keep=keep, y=y, targets=targets)
        run_attack("art", "art_membership.py", given, answer)
        with np.load(answer) as found:
            scores = {name: found[name] for name in found.files}
    index = np.arange(len(y))
    for name, each in scores.items():
        evidence = [Scored(each[t], keep[t], index, index) for t in range(targets)]
        yield area_row(f"{task.name}, ART {name}: AUC", evidence)
        for fpr in RATES:
            reached = pooled([at_fpr(roc(e), fpr).tpr for e in evidence])
            low, high = clopper_pearson(reached, 0.05)
            yield Row(f"{task.name}, ART {name}: TPR at {fpr:.1%} FPR", reached.value, low, high)


def with_models(quick: bool) -> Iterator[Row]:
    """Attacks that need more than a table of scores, against one network and one forest; 16 shadow models."""
    size = 500 if quick else 1000
    clothes = fashion_mnist()
    part = clothes.take(derived_rng(0, "with models").permutation(len(clothes))[: 4 * size])
    pictures = from_arrays([(part.x, part.y)])[0]
    network = TorchRecipe(lambda: nn.Sequential(nn.Flatten(), *mlp(784, 256, 10)), epochs=30, batch_size=128)
    forest = RandomForestClassifier(100, random_state=0)
    incomes = few_incomes()
    for name, records, recipe, model in (
        ("Fashion-MNIST, MLP", pictures, network, None),
        ("census income, random forest", incomes, forest, forest),
    ):
        third = min(size, len(records) // 3)
        sets = [records.take(np.arange(k * third, (k + 1) * third)) for k in range(3)]
        pairs = [(s.x, s.y) for s in sets]
        target = network.fit(sets[0], 0) if model is None else model.fit(*pairs[0])
        for threat in ("published-model", "data-contributor"):
            names = WITH_MODELS[:-3] if quick else WITH_MODELS
            names = ("truth_serum",) if threat == "data-contributor" else names
            yield from _audited(f"{name}, {threat}", target, pairs, recipe, threat, names)


def _audited(
    name: str, target: object, pairs: list, recipe: object, threat: str, names: tuple[str, ...]
) -> Iterator[Row]:
    """AUC of each attack of one audit, with its interval."""
    with tempfile.TemporaryDirectory() as folder:
        run = divulge.audit(
            target,
            *pairs,
            recipe=recipe,
            threat=threat,
            attacks=list(names),
            duplicates="drop",
            out=Path(folder) / "run",
        )
        for finding in run.findings:
            if finding.metric in ("auc", "tpr_at_fpr_0.01") and finding.value is not None:
                yield Row(f"{name}, {finding.attack}: {finding.metric}", finding.value, finding.low, finding.high)


def scoring(quick: bool) -> Iterator[Row]:
    """Seconds to score 10,000 records with all attacks and 64 models, answers at hand."""
    rng = np.random.default_rng(0)
    models, records = (17, 4000) if quick else (65, 10_000)
    logits = rng.normal(size=(models, records, 10)).astype(np.float32)
    keep = rng.random((models, records)) < 0.5
    keep[2::2] = ~keep[1::2]
    y = rng.integers(0, 10, records)
    names = tuple(n for n in ATTACKS if n not in ("shokri",))
    evidence_of(logits[:5, :500], keep[:5, :500], y[:500], list(range(5)), names)
    started = perf_counter()
    evidence_of(logits, keep, y, list(range(models)), names)
    bar = None if quick else 2.0
    yield Row(
        f"seconds, all attacks, {models - 1} models x {records:,} records",
        perf_counter() - started,
        bar=bar,
        better="below",
    )


def measure(quick: bool) -> Iterator[Row]:
    """All tasks, then the averages that the bars are about."""
    ratios: dict[tuple[int, float], list[float]] = {}
    for task in tasks()[2:] if quick else tasks():
        for row in compare(task, quick):
            yield row
            if ": default / best at " in row.name:
                budget = int(row.name.split(" shadows")[0].rsplit(" ", 1)[1])
                fpr = float(row.name.rsplit(" ", 1)[1].rstrip("%")) / 100
                ratios.setdefault((budget, round(fpr, 4)), []).append(row.value)
    for (budget, fpr), values in ratios.items():
        bar = BARS[budget][0 if fpr == RATES[0] else 1]
        name = f"{budget} shadows: default / best of LiRA and RMIA, {fpr:.1%} FPR"
        yield Row(name, float(np.mean(values)), float(min(values)), float(max(values)), None if quick else bar)
    yield from with_models(quick)
    yield from scoring(quick)


if __name__ == "__main__":
    main("Which membership attack finds most?", measure)
