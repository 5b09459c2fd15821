"""Parameters of linear models, from Python and through HTTP."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divulge.attacks.extraction.equation_solving import CHECKS
from divulge.catalog.attacks import attack
from divulge.data.sources import breast_cancer, digits
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.services.http import HttpTarget, Service
from divulge.targets.services.http_bodies import body_from
from harness import Row
from stealing.playing import agreement, opened, split, steal, worst


def linear() -> Iterator[Row]:
    """Equation solving."""
    own, held = split(digits(), (1_000, 797))
    softmax = SklearnTarget(LogisticRegression(C=0.01, max_iter=5_000).fit(own.flat(), own.y))
    guess, theft, oracle, _ = steal(softmax, held, attack("equation_solving"))
    yield from spent("softmax regression, digits", oracle.queries, bar=65)
    yield Row(
        "softmax regression, digits: worst error of 650 parameters", worst(guess, softmax), bar=1e-8, better="below"
    )
    yield agreement("softmax regression, digits: agreement", theft, bar=1.0)
    guess, theft, oracle, _ = steal(softmax, held, attack("lowd_meek"), own)
    yield Row("softmax regression, digits, labels only: queries", oracle.queries)
    yield agreement("softmax regression, digits, labels only: agreement", theft)
    own, held = split(breast_cancer(), (300, 269))
    diagnoses = np.asarray(own.schema.classes)[own.y]
    logistic = SklearnTarget(make_pipeline(StandardScaler(), LogisticRegression()).fit(own.flat(), diagnoses))
    guess, theft, oracle, _ = steal(logistic, held, attack("equation_solving"))
    yield from spent("logistic regression, breast cancer", oracle.queries, bar=31)
    yield Row("logistic regression, breast cancer: worst error", worst(guess, logistic))
    yield agreement("logistic regression, breast cancer: agreement", theft, bar=1.0)


def spent(name: str, queries: int, bar: int) -> Iterator[Row]:
    """What the parameters took, and what showed beyond it that they hold."""
    yield Row(f"{name}: queries", queries - CHECKS, bar=bar, better="below")
    yield Row(f"{name}: with {CHECKS} further ones, to check them", queries)


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
