"""What many tests share: a folder of data, small trained models, and skipping that cannot hide in CI."""

from __future__ import annotations

import gc
import os
import sys

# One thread a worker: several workers whose libraries each take every core wait for each other most of the time.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# Compiled once, for the next worker and the many processes that tests start: each compiles all of divulge otherwise.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

os.environ.pop("COLUMNS", None)  # of a terminal, which workers inherit: what is printed would be folded to it

import json
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divulge import Run
from divulge.runs.folder import FindingsFile, RunFolder

try:
    import fcntl
except ImportError:  # a system without such locks: each worker makes its own
    fcntl = None  # type: ignore[assignment]

if "DIVULGE_DATA" in os.environ:
    os.environ["DIVULGE_DATA"] = str(Path(os.environ["DIVULGE_DATA"]).resolve())

ROOT = Path(__file__).parent.parent

LONGEST = (
    "cli/test_fuzz.py",
    "cli/test_demos.py",
    "faults/test_faults.py",
    "targets/test_estimators.py",
    "auditing/test_baseline_by_kind.py",
    "house/test_documentation.py",
    "house/test_same_figures.py",
    "attacks/test_gradients.py",
    "defenses/test_private.py",
    "attacks/test_rebuilding.py",
    "house/test_commands.py",
    "cli/test_commands.py",
    "explain/test_turned.py",
    "auditing/test_null.py",
    "attacks/test_exact_extraction.py",
    "auditing/test_budget.py",
    "attacks/test_strong_attacks.py",
    "attacks/test_repeated_training.py",
    "defenses/test_encrypted.py",
    "defenses/test_federated.py",
    "auditing/test_reconstruction.py",
    "claims/test_claim.py",
)
"""Modules that take longest, in that order: they go first, so that no worker is left with one of them at the end."""

hypothesis.settings.register_profile("divulge", deadline=None)  # a busy machine is no fault
hypothesis.settings.load_profile("divulge")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules first; within a module, and among the others, the order stays."""
    places = {str(ROOT / "tests" / module): place for place, module in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(str(item.path), len(places)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Where DIVULGE_NOTHING_SKIPPED is set, a skipped test is a failed one."""
    report = yield
    if report.skipped and os.environ.get("DIVULGE_NOTHING_SKIPPED"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where nothing may be: {call.excinfo}"
    return report


def pytest_collection_finish() -> None:
    """What is there now, modules and thousands of tests, stays to the end: no need to look through it for garbage."""
    gc.collect()
    gc.freeze()


def _listed() -> set[str]:
    """What lies in the checkout's root, but for caches of tools."""
    return {path.name for path in ROOT.iterdir() if not path.name.startswith(".") and path.name != "__pycache__"}


@pytest.fixture(scope="session", autouse=True)
def nothing_is_written_into_the_checkout():
    """Reports, runs and canaries belong into tmp_path: what a test leaves in the root ends in a commit some day."""
    before = _listed()
    yield
    left = _listed() - before
    assert not left, f"tests have written into {ROOT}: {', '.join(sorted(left))}"


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory):
    """No test uses what another run of the tests, or their owner, has left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIVULGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("DIVULGE_KEY", "of the tests")
        yield


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk():
    """No test cuts the power: what is written need not be on the disk before the test goes on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_audit_is_calm_about_what_it_did_not_look_at():
    """Whenever a run writes its findings: a family, or the run, that is `not found` has an attack that was played to
    its end, and was measured.  Read from the files, by rules of its own.
    """
    write = RunFolder.write_findings

    def checked(run: RunFolder, found: FindingsFile) -> None:
        write(run, found)
        told = json.loads((run.path / "findings.json").read_text())
        looked = set()
        for path in (run.path / "outcomes").glob("*.json"):
            outcome = json.loads(path.read_text())["outcome"]
            if any(f["p_value"] is not None for f in outcome["result"].get("measurements", ())):
                looked.add(outcome["game"])
        calm = {family for family, verdict in told["families"].items() if verdict == "not found"}
        assert calm <= looked, f"{run.path} finds nothing in {calm - looked}, of which nothing was played"
        assert told["verdict"] != "not found" or calm

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "write_findings", checked)
        yield


@pytest.fixture(scope="session")
def halves() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Breast cancer in two random halves: x, y of members and x, y of non-members."""
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    inside, outside = order[:200], order[200:400]
    return x[inside], y[inside], x[outside], y[outside]


@pytest.fixture(scope="session")
def careful_model(halves):
    """A pipeline that hardly overfits."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.05)).fit(halves[0], halves[1])


@pytest.fixture
def memory():
    """The file system of fsspec that lies in memory, empty."""
    import fsspec

    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    return files


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], Run]], Run]:
    """A run by its name, from the worker that was the first to ask for it."""
    shared = "PYTEST_XDIST_WORKER" in os.environ and fcntl is not None
    root = tmp_path_factory.getbasetemp().parent if shared else tmp_path_factory.mktemp("runs")

    def opened(name: str, audit: Callable[[Path], Run]) -> Run:
        folder = root / f"once {name}"
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock, pytest.MonkeyPatch.context() as patch:
            if shared:
                fcntl.flock(lock, fcntl.LOCK_EX)
            patch.setenv("DIVULGE_CACHE", str(folder / "cache"))  # owes nothing to what was audited before
            made = (folder / "r" / "complete.json").is_file()
            return Run.open(folder / "r") if made else audit(folder / "r")

    return opened
