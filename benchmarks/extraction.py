"""What can be stolen through an interface, and for how many queries?  Copies, parameters, settings, defences."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from scipy import stats
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from divulge.attacks.extraction.architecture import CHOICES, Reader, random_designs
from divulge.attacks.extraction.regularisation import solve
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.catalog.defenses import DEFENSES, defense
from divulge.core.evidence import Evidence
from divulge.core.exhibits import Step
from divulge.core.game import Arm
from divulge.core.hashing import Array
from divulge.core.metric import FIDELITY, FIDELITY_BOUNDARY, FIDELITY_UNIFORM
from divulge.core.records import Column, Records, Schema
from divulge.core.target import Target
from divulge.core.threat import PRESETS, Access, ThreatModel
from divulge.core.trials import Counted
from divulge.core.views.extraction import ExtractionAuxiliary, ExtractionGuess, ExtractionView
from divulge.data.arrays import from_arrays
from divulge.data.sources import breast_cancer, census_income, digits, fashion_mnist
from divulge.defenses.detectors import DistributionTest, Prada, first_alarm, threshold
from divulge.defenses.shield import shielded
from divulge.games.extraction import ExtractionGame
from divulge.stats.counted import with_intervals
from divulge.targets.http import HttpTarget, Service
from divulge.targets.http_bodies import body_from
from divulge.targets.pytorch import TorchTarget
from divulge.targets.sklearn import SklearnTarget
from divulge.training.pytorch import TorchRecipe
from divulge.training.students import SurrogateTrainer
from divulge.training.zoo import train_zoo
from harness import Row, main
from peers.environment import run_attack

BUDGETS = (100, 1_000, 5_000, 10_000)
LEARNED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("knockoff, scores", "knockoff", {}),
    ("knockoff, top 3", "knockoff", {"answers": "top-k"}),
    ("copycat, labels", "copycat", {}),
    ("adaptive knockoff, scores", "knockoff_adaptive", {}),
    ("ActiveThief uncertainty, scores", "active_thief", {}),
    ("ActiveThief k-center, scores", "active_thief", {"strategy": "k_center"}),
    ("ActiveThief DFAL, scores", "active_thief", {"strategy": "dfal"}),
    ("ActiveThief DFAL + k-center, labels", "active_thief", {"strategy": "dfal+k_center", "answers": "labels"}),
    ("Jacobian augmentation, scores", "jacobian", {}),
    ("MixMatch, scores", "semi_supervised", {}),
    ("MixMatch, labels", "semi_supervised", {"answers": "labels"}),
    ("random inputs, scores", "knockoff_random", {}),
    ("data-free, scores", "data_free", {}),
)
OPEN = replace(PRESETS["mlaas"], query_budget=None)


def steal(
    target: Target,
    held: Records,
    made: Any,
    population: Records | None = None,
    threat: ThreatModel = OPEN,
    seed: int = 0,
) -> tuple[ExtractionGuess, Evidence, GrantedOracle, float]:
    """One attack: what it handed in, what that is worth, what it asked, and its seconds."""
    dealt, oracle, view = opened(target, held, made, population, threat, seed)
    started = perf_counter()
    guess = made.run(view)
    took = perf_counter() - started
    return guess, with_intervals(dealt.judge(guess)), oracle, took


def opened(
    target: Target,
    held: Records,
    made: Any,
    population: Records | None = None,
    threat: ThreatModel = OPEN,
    seed: int = 0,
) -> tuple[Any, GrantedOracle, ExtractionView]:
    """The round, and the attack's view of it."""
    room = SurrogateTrainer(held)
    (dealt,) = ExtractionGame(target, held, seed, None, population, None, room).deal(Arm.TARGET)
    oracle = GrantedOracle(target, threat, made.card.uses or made.card.needs.access)
    oracle.watched = []
    means = ExtractionAuxiliary(population, None, room)
    return dealt, oracle, dealt.open(oracle, made.card, means, np.random.default_rng(seed))


def agreement(name: str, theft: Evidence, metric: str = FIDELITY, bar: float | None = None) -> Row:
    """Agreement at the end, with its exact interval."""
    found = next(a for a in theft.counted if a.metric == metric)
    low, high = exact_interval(found)
    return Row(name, found.copy, low, high, bar)


def exact_interval(found: Counted) -> tuple[float, float]:
    """95 % Clopper-Pearson."""
    interval = stats.binomtest(found.both + found.copy_only, found.points).proportion_ci(0.95, "exact")
    return float(interval.low), float(interval.high)


def split(records: Records, sizes: Sequence[int], seed: int = 0) -> list[Records]:
    """Disjoint parts at random."""
    order = np.random.default_rng(seed).permutation(len(records))
    edges = np.cumsum([0, *sizes])
    return [records.take(order[a:b]) for a, b in pairwise(edges)]


def worst(guess: ExtractionGuess, target: Any) -> float:
    """Largest absolute error of a weight or bias of a linear model, up to a shift of all classes."""
    mine, true = guess.parameters.arrays, target.secrets().parameters.arrays
    return max(float(np.abs((m - m.mean(0)) - (t - t.mean(0))).max()) for m, t in zip(mine, true, strict=True))


def linear() -> Iterator[Row]:
    """Equation solving."""
    own, held = split(digits(), (1_000, 797))
    softmax = SklearnTarget(LogisticRegression(C=0.01, max_iter=5_000).fit(own.flat(), own.y))
    guess, theft, oracle, _ = steal(softmax, held, attack("equation_solving"))
    yield Row("softmax regression, digits: queries", oracle.queries, bar=65, better="below")
    yield Row(
        "softmax regression, digits: worst error of 650 parameters", worst(guess, softmax), bar=1e-8, better="below"
    )
    yield agreement("softmax regression, digits: agreement", theft, bar=1.0)
    guess, theft, oracle, _ = steal(softmax, held, attack("lowd_meek"), own)
    yield Row("softmax regression, digits, labels only: queries", oracle.queries)
    yield agreement("softmax regression, digits, labels only: agreement", theft)
    own, held = split(breast_cancer(), (300, 269))
    logistic = SklearnTarget(make_pipeline(StandardScaler(), LogisticRegression()).fit(own.flat(), own.y))
    guess, theft, oracle, _ = steal(logistic, held, attack("equation_solving"))
    yield Row("logistic regression, breast cancer: queries", oracle.queries, bar=31, better="below")
    yield Row("logistic regression, breast cancer: worst error", worst(guess, logistic))
    yield agreement("logistic regression, breast cancer: agreement", theft, bar=1.0)


def service() -> Iterator[Row]:
    """The same through HTTP, where the server counts too."""
    own, held = split(digits(), (1_000, 797))
    model = LogisticRegression(C=0.01, max_iter=5_000).fit(own.flat(), own.y)
    served: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
            served.append(len(rows))
            said = model.predict_proba(np.asarray(rows).reshape(len(rows), -1)).tolist()
            body = json.dumps({"predictions": said}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/predict"
    with tempfile.TemporaryDirectory() as folder:
        asked = Service(address, body_from("fastapi", None, None), rate=1_000.0)
        target = HttpTarget(asked, classes=list(range(10)), name="service", cache=Path(folder) / "kept.sqlite")
        met = target.meet(held)
        before = sum(served)
        _, oracle, view = opened(target, held, attack("equation_solving"))
        guess = attack("equation_solving").run(view)
        yield Row(f"HTTP service ({met}): queries by the oracle", oracle.queries)
        logged = sum(served) - before
        yield Row(
            "HTTP service: queries by the server's own log less those", logged - oracle.queries, bar=0, better="below"
        )
        error = worst(guess, SklearnTarget(model))
        yield Row("HTTP service: worst error of 650 parameters", error, bar=1e-8, better="below")
    server.shutdown()


def settings() -> Iterator[Row]:
    """Hyper-parameters from parameters and training data."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    for model, name, true, bar in (
        (Ridge(0.37), "alpha", 0.37, 1e-6),
        (Lasso(0.05, tol=1e-10, max_iter=100_000), "alpha", 0.05, None),
        (ElasticNet(0.01, l1_ratio=0.3, tol=1e-12, max_iter=100_000), "l1_ratio", 0.3, None),
        (KernelRidge(alpha=0.2, kernel="rbf"), "alpha", 0.2, None),
    ):
        found = solve(model.fit(x, y), x, y)[name]
        yield Row(f"{type(model).__name__} {name}: relative error", abs(found / true - 1), bar=bar, better="below")
    own = breast_cancer()
    x, y = StandardScaler().fit_transform(own.flat()), own.y
    for model, true, bar in (
        (LogisticRegression(C=0.7, tol=1e-8, max_iter=10_000), 0.7, 1e-3),
        (LinearSVC(C=0.3, tol=1e-10, max_iter=1_000_000), 0.3, None),
        (SVC(C=0.4), 0.4, None),
    ):
        found = solve(model.fit(x, y), x, y)["C"]
        yield Row(f"{type(model).__name__} C: relative error", abs(found / true - 1), bar=bar, better="below")


def tree(quick: bool) -> Iterator[Row]:
    """Path finding in a tree of twelve levels."""
    records = census_income()
    plain = Schema(tuple(Column(c.name) for c in records.schema.columns), classes=records.schema.classes)
    whole = Records(records.x.astype(float), records.y, plain)
    own, pool, held = split(whole, (20_000, 25_000, 10_000))
    target = SklearnTarget(DecisionTreeClassifier(max_depth=12, random_state=0).fit(own.x, own.y))
    _, theft, oracle, took = steal(target, held, attack("tree_paths"), threat=replace(OPEN, access=_leaves()))
    (leaves,) = theft.exact
    yield Row(
        f"12-level tree, census, with leaf ids: {leaves.values} leaves, share found",
        leaves.recovered / leaves.values,
        bar=1.0,
    )
    yield agreement("12-level tree, with leaf ids: agreement on unseen records", theft, bar=1.0)
    yield agreement("12-level tree, with leaf ids: agreement on random inputs", theft, FIDELITY_UNIFORM)
    yield Row("12-level tree, with leaf ids: queries", oracle.queries)
    yield Row("12-level tree, with leaf ids: seconds", took)
    made = attack("tree_paths_by_scores", queries=100_000 if quick else 300_000)
    _, theft, oracle, took = steal(target, held, made, pool)
    yield agreement("12-level tree, by scores: agreement on unseen records", theft, bar=None if quick else 0.99)
    yield agreement("12-level tree, by scores: agreement on random inputs", theft, FIDELITY_UNIFORM)
    yield Row("12-level tree, by scores: queries", oracle.queries)


def _leaves() -> frozenset[Access]:
    return frozenset({Access.LEAVES})


def relu(quick: bool) -> Iterator[Row]:
    """ReLU networks in double precision, ART beside."""
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (12_000, 64))
    for shape in ((64, 16, 1), (64, 32, 10), (32, 16, 8, 4)):
        torch.manual_seed(0)
        parts: list[nn.Module] = []
        for a, b in pairwise(shape):
            parts += [nn.Linear(a, b), nn.ReLU()]
        module = nn.Sequential(*parts[:-1]).double()
        with torch.no_grad():
            out = module(torch.from_numpy(x[:, : shape[0]])).numpy()
        y = (out[:, 0] > 0).astype(int) if shape[-1] == 1 else out.argmax(axis=1)
        (records,) = from_arrays([(x[:, : shape[0]], y)], classes=list(range(max(shape[-1], 2))))
        held = records.take(np.arange(10_000))
        target, name = TorchTarget(module), "-".join(map(str, shape))
        made = attack("relu_network", hidden_layers=len(shape) - 2)
        guess, theft, oracle, took = steal(target, held, made)
        said, true = guess.surrogate.log_scores(held), target.answer(Access.SCORES, held)
        error = float(np.abs((said - said.mean(1, keepdims=True)) - (true - true.mean(1, keepdims=True))).max())
        yield Row(f"ReLU {name}: largest logit error on 10,000 points", error, bar=1e-6, better="below")
        for found in theft.exact:  # none where a neuron never switches
            yield Row(f"ReLU {name}: parameters recovered", found.recovered / found.values)
        if quick or len(shape) > 3:
            yield Row(f"ReLU {name}: queries", oracle.queries)
            yield Row(f"ReLU {name}: seconds", took)
            continue
        arrays = dict(zip(("w0", "b0", "w1", "b1"), (p.detach().numpy() for p in module.parameters()), strict=True))
        theirs = _peer(exact=1, **arrays)
        yield Row(f"ReLU {name}: queries (bar: ART's)", oracle.queries, bar=float(theirs["queries"]), better="below")
        yield Row(f"ReLU {name}: seconds (bar: ART's)", took, bar=float(theirs["seconds"]), better="below")
        yield Row(f"ReLU {name}, ART: largest logit error (inf: no result in 120 s)", float(theirs["error"]))


def relu_labels() -> Iterator[Row]:
    """The same from labels alone."""
    for inputs, hidden in ((10, 8), (20, 10)):
        torch.manual_seed(1)
        module = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 1)).double()
        x = np.random.default_rng(0).uniform(-3, 3, (10_000, inputs))
        with torch.no_grad():
            module[-1].bias -= module(torch.from_numpy(x)).mean()
        (held,) = from_arrays([(x, np.arange(len(x)) % 2)])
        _, theft, oracle, took = steal(TorchTarget(module), held, attack("relu_network_from_labels"))
        name = f"ReLU {inputs}-{hidden}-1, labels only"
        yield agreement(f"{name}: agreement on 10,000 records", theft)
        yield agreement(f"{name}: agreement at the boundary", theft, FIDELITY_BOUNDARY)
        for found in theft.exact:
            yield Row(f"{name}: parameters recovered", found.recovered / found.values)
        yield Row(f"{name}: queries", oracle.queries)
        yield Row(f"{name}: seconds", took)


def _peer(**given: Any) -> dict[str, Array]:
    with tempfile.TemporaryDirectory() as folder:
        source, answer = Path(folder) / "given.npz", Path(folder) / "answer.npz"
        np.savez(source, **given)
        run_attack("art", "art_extraction.py", source, answer)
        with np.load(answer) as found:
            return dict(found)


def width() -> Iterator[Row]:
    """Hidden width from the rank of logits."""
    x = np.random.default_rng(0).standard_normal((2_000, 64)).astype(np.float32)
    (records,) = from_arrays([(x, np.arange(2_000) % 100)])
    for hidden in (16, 37, 64):
        torch.manual_seed(hidden)
        target = TorchTarget(
            nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, hidden), nn.ReLU(), nn.Linear(hidden, 100))
        )
        guess, _, oracle, _ = steal(target, records, attack("last_layer"))
        found = float(guess.claims[0].value)
        yield Row(
            f"hidden width {hidden}, 100 classes, {oracle.queries} queries: error",
            abs(found - hidden),
            bar=0,
            better="below",
        )


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def small_cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Unflatten(1, (1, 28)), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def learned(quick: bool) -> Iterator[Row]:
    """Copies of a network over queries."""
    own, pool, held = split(fashion_mnist(), (20_000, 25_000, 5_000))
    module = TorchRecipe(perceptron, epochs=10).fit(own, 0)
    target = TorchTarget(module)
    budgets = BUDGETS[:2] if quick else BUDGETS
    given = {name: value.numpy() for name, value in module.state_dict().items()}
    theirs = _peer(exact=0, x=pool.x[: budgets[-1]], held=held.x, queries=np.array(budgets), **given)
    for name, values in theirs.items():
        for queries, value in zip(budgets, values.tolist(), strict=True):
            yield Row(f"network 784-256-10, ART's {name}, {queries:,} queries", value)
    bars = {b: max(float(theirs["copycat"][i]), {100: 0.75, 10_000: 0.955}.get(b, 0.0)) for i, b in enumerate(budgets)}
    best: dict[str, float] = {}
    for label, name, changes in LEARNED:
        wished = tuple(
            b for b in ((1_000, 10_000, 50_000) if name == "data_free" else budgets) if not quick or b <= 1_000
        )
        _, theft, _, _ = steal(target, held, attack(name, queries=wished, **changes), pool)
        for step in theft.of(Step):
            barred = label == "knockoff, scores" and step.queries in bars
            row = Row(f"network, {label}, {step.queries:,} queries", step.agreement.copy, step.low, step.high)
            yield replace(row, bar=bars[step.queries]) if barred else row
            kind = "labels" if "labels" in label else "scores"
            if step.queries == budgets[-1]:
                best[kind] = max(best.get(kind, 0.0), step.agreement.copy)
    gap = best["scores"] - best["labels"]
    yield Row(
        f"network: best with scores less best with labels, {budgets[-1]:,} queries",
        gap,
        bar=None if quick else 0.03,
        better="below",
    )
    if quick:
        return
    target = TorchTarget(TorchRecipe(small_cnn, epochs=10).fit(own, 0))
    for label, name, _ in (LEARNED[0], LEARNED[2]):
        _, theft, _, _ = steal(target, held, attack(name, queries=BUDGETS), pool)
        for step in theft.of(Step):
            bar = 0.92 if step.queries == BUDGETS[-1] and name == "knockoff" else None
            yield Row(f"CNN, {label}, {step.queries:,} queries", step.agreement.copy, step.low, step.high, bar)


def architecture(quick: bool) -> Iterator[Row]:
    """Seven attributes of unseen networks."""
    pool, theirs, sent = split(fashion_mnist(), (3_000, 3_000, 200))
    rng = np.random.default_rng(0)
    mine, victims = random_designs(rng, 60 if quick else 400), random_designs(rng, 30 if quick else 100)
    own = np.stack([net.log_scores(sent) for net in train_zoo(pool, mine, 1)])
    seen = np.stack([net.log_scores(sent) for net in train_zoo(theirs, victims, 2)])
    reader, p_values = Reader(own, mine, 0), {}
    for name, values in CHOICES.items():
        truth = [asdict(design)[name] for design in victims]
        right = sum(a == b for a, b in zip(reader.read(name, seen), truth, strict=True))
        test = stats.binomtest(right, len(victims), 1 / len(values), alternative="greater")
        p_values[name] = test.pvalue
        interval = stats.binomtest(right, len(victims)).proportion_ci(1 - 0.05 / len(CHOICES), "exact")
        yield Row(
            f"architecture, {name} (chance {1 / len(values):.2f})", right / len(victims), interval.low, interval.high
        )
    ordered = sorted(p_values.values())
    above = 0
    for place, p in enumerate(ordered):
        if p > 0.05 / (len(ordered) - place):
            break
        above += 1
    yield Row("architecture: attributes above chance (Holm), of 7", above, bar=None if quick else 5)


STATIC: dict[str, dict[str, Any]] = {"rounding": {"decimals": 1}, "gaussian_noise": {"deviation": 2.0}}


def defences(quick: bool) -> Iterator[Row]:
    """Each defence of the interface against each kind of attack, and what it costs."""
    own, pool, held = split(fashion_mnist(), (10_000, 5_000, 2_000))
    bare = TorchTarget(TorchRecipe(perceptron, epochs=10).fit(own, 0))
    plain = split(digits(), (1_000, 797))
    softmax = SklearnTarget(LogisticRegression(C=0.01, max_iter=5_000).fit(plain[0].flat(), plain[0].y))
    queries = (1_000,) if quick else (5_000,)
    truth = bare.answer(Access.SCORES, held)
    for name in (None, *(d for d in DEFENSES if not d.startswith("update_"))):
        made = [] if name is None else [defense(name, **STATIC.get(name, {}))]
        target = shielded(bare, made)
        label = name or "no defence"
        shown = target.answer(Access.LABEL, held)
        yield Row(f"{label}: accuracy of what is shown", float((shown == held.y).mean()))
        port = next(p for p in (Access.SCORES, Access.TOPK, Access.LABEL) if p in target.offers)
        if port is not Access.LABEL:
            moved = np.abs(np.exp(target.answer(port, held)) - np.exp(truth)).sum(axis=1).mean() / 2
            yield Row(f"{label}: scores moved by (total variation)", float(moved))
        for attacked in ("knockoff", "copycat", "active_thief"):
            threat = replace(OPEN, access=frozenset({port}))
            _, theft, _, _ = steal(target, held, attack(attacked, queries=queries), pool, threat)
            yield agreement(f"{label}: {attacked}, {queries[0]:,} queries, agreement", theft)
        if port is Access.SCORES:
            _, theft, _, _ = steal(shielded(softmax, made), plain[1], attack("equation_solving"))
            yield agreement(f"{label}: equation solving on digits, agreement", theft)


def detectors(quick: bool) -> Iterator[Row]:
    """What detectors notice, at one false alarm in a thousand benign queries."""
    own, pool, held, benign = split(fashion_mnist(), (10_000, 5_000, 2_000, 20_000))
    target = TorchTarget(TorchRecipe(perceptron, epochs=10).fit(own, 0))
    size = 1_000 if quick else 3_000
    streams = {
        "knockoff": _stream(target, held, pool, "knockoff", size),
        "active_thief": _stream(target, held, pool, "active_thief", size),
        "jacobian": _stream(target, held, pool, "jacobian", size),
        "knockoff_random": _stream(target, held, pool, "knockoff_random", size),
        "equation_solving": _stream(target, held, None, "equation_solving", size),
    }
    reference, rest = benign.take(np.arange(5_000)), benign.take(np.arange(5_000, 20_000))
    calm = [rest.take(part) for part in np.array_split(np.arange(len(rest)), len(rest) // size)]
    half = len(calm) // 2
    for made in (Prada(), DistributionTest(reference.flat())):
        quiet = [made.suspicion(s.flat(), target.answer(Access.LABEL, s)) for s in calm]
        above = threshold(quiet[:half], 1.0)
        alarms = sum(int((s > above).sum()) for s in quiet[half:])
        watched = sum(len(s) for s in calm[half:])
        yield Row(f"{made.name}: false alarms in a thousand other benign queries", 1_000 * alarms / watched)
        for name, stream in streams.items():
            seen = made.suspicion(stream.flat(), target.answer(Access.LABEL, stream))
            first = first_alarm(seen, above)
            tail = np.concatenate(quiet[half:])
            area = float((seen[:, None] > tail[None]).mean() + 0.5 * (seen[:, None] == tail[None]).mean())
            yield Row(f"{made.name}: {name}, area under the ROC over windows", area)
            yield Row(f"{made.name}: {name}, share of windows noticed", float((seen > above).mean()))
            yield Row(f"{made.name}: {name}, queries until the first alarm (-1: never)", -1 if first is None else first)


def _stream(target: Target, held: Records, pool: Records | None, name: str, size: int) -> Records:
    """What an attack asks, in order."""
    from divulge.core.records import concat

    made = attack(name, queries=(size,)) if name != "equation_solving" else attack(name)
    _, _, oracle, _ = steal(target, held, made, pool)
    assert oracle.watched is not None
    asked = concat(oracle.watched)
    return asked.take(np.arange(min(len(asked), size)))


def measure(quick: bool) -> Iterator[Row]:
    """All of it."""
    yield from linear()
    yield from service()
    yield from settings()
    yield from tree(quick)
    yield from relu(quick)
    yield from relu_labels()
    yield from width()
    yield from architecture(quick)
    yield from learned(quick)
    yield from defences(quick)
    yield from detectors(quick)


if __name__ == "__main__":
    main("What can be stolen through an interface?", measure)
