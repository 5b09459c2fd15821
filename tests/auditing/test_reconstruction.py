"""Audits that rebuild records: verdicts, report, gate, resume, audit files, captured updates, defences."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from tests.attacks.reconstruction_games import dense, pictures

import divulge
from divulge.core.errors import InputError
from divulge.core.results.exhibits import Picture
from divulge.core.results.finding import Refused, Verdict
from divulge.core.results.policy import Policy
from divulge.core.threat import Family
from divulge.defenses.updates.noise import UpdateNoise
from divulge.games.rebuild import RebuildPlan
from divulge.report import rebuilt as words_of
from divulge.report.figures.png import data_uri
from divulge.report.metrics import metric_name
from divulge.runs.gate import judge
from divulge.runs.result import open_run
from divulge.setup.audit_file import load
from divulge.setup.from_file import job_from_file
from divulge.workflows.run_audit import run_audit

NAMES = ["analytic_gradient", "label_counts", "stored_data", "fredrikson_map", "gmi"]


@pytest.fixture(scope="module")
def sets():
    made = [pictures(n, seed=n) for n in (90, 91, 300)]
    return [(r.x, r.y) for r in made]


@pytest.fixture(scope="module")
def run(sets, tmp_path_factory):
    torch.manual_seed(0)
    return divulge.audit(
        dense(),
        *sets,
        threat="federated-server",
        recipe=None,
        attacks=NAMES,
        reconstruction=RebuildPlan(12),
        out=tmp_path_factory.mktemp("runs") / "rebuilt",
    )


def finding(run, attack, metric):
    return next(f for f in run.findings if (f.attack, f.metric) == (attack, metric))


def test_a_leak_is_called_one_with_its_baseline_and_controls(run):
    found = finding(run, "analytic_gradient", "records_exact")
    assert found.verdict is Verdict.LEAK and found.value == 1 and found.chance == 0
    assert found.control == 0 and found.positive_control == 1 and found.access == "training updates"
    assert "NISTAML.032" in " ".join(found.standards)
    assert any(d.name == "PSNR, dB" and d.value > 60 for d in found.details)


def test_what_cannot_run_says_why(run):
    reasons = {o.attack: o.result.reason for o in run.outcomes if isinstance(o.result, Refused)}
    assert "sensitive" in reasons["fredrikson_map"] and "public" in reasons["gmi"]


def test_every_report_shows_what_was_rebuilt(run, tmp_path):
    page = run.report(tmp_path / "r.html").read_text()
    assert "Training records can be reconstructed" in page and page.count('<img src="data:image/png;base64,') >= 3
    text = run.report(tmp_path / "r.md").read_text()
    assert "### Reconstruction: what do the records look like?" in text and "First layer" in text
    sarif = json.loads(run.report(tmp_path / "r.sarif").read_text())
    assert any("analytic_gradient" in json.dumps(r) for r in sarif["runs"][0]["results"])
    assert run.result.tried(Family.RECONSTRUCTION) and run.result.evidence["analytic_gradient"].of(Picture)


def test_the_gate_judges_again(run):
    assert judge(run.folder).exit_code == 1
    everything = dict.fromkeys(("records_exact", "records_rebuilt", "labels_counted", "guesses_nearer_training"), 1.0)
    assert judge(run.folder, Policy({**everything})).exit_code == 0


def test_resume_gives_the_same(run, sets, tmp_path):
    (run.folder / "outcomes" / "label_counts.json").unlink()
    job = job_of(sets)
    again = open_run(run_audit(job, run.folder, resume=True).path)
    assert {f.attack for f in again.findings} == {f.attack for f in run.findings}


def job_of(sets):
    from divulge.setup.assemble import job_from_records
    from divulge.setup.parts import threat_from
    from divulge.setup.settings import Options
    from divulge.setup.sources.records_from import met, records_from
    from divulge.setup.sources.targets_from import target_from

    target = target_from(dense())
    threat = threat_from("federated-server")
    records = met(target, records_from(target, *sets))
    return job_from_records(target, records, Options(threat=threat, attacks=NAMES, reconstruction=RebuildPlan(12)))


def test_clients_that_add_noise_are_safe(sets, tmp_path):
    found = divulge.audit(
        dense(), *sets, threat="federated-server", recipe=None, attacks=["analytic_gradient"],
        defenses=[UpdateNoise(epsilon=1.0)], reconstruction=RebuildPlan(12), out=tmp_path / "r",
    )  # fmt: skip
    assert finding(found, "analytic_gradient", "records_rebuilt").value == 0
    assert finding(found, "analytic_gradient", "records_exact").verdict is Verdict.NOT_FOUND


def test_a_captured_update_and_public_records_from_an_audit_file(sets, tmp_path):
    module = dense()
    (x, y), (u, v), (p, q) = sets
    for name, a, b in (("members", x, y), ("nonmembers", u, v), ("population", p, q)):
        np.savez(tmp_path / f"{name}.npz", x=a, y=b)
    np.savez(tmp_path / "public.npz", x=np.flip(p, axis=1), y=np.array(["left", "right"])[q % 2])
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    rows = [4]
    loss = torch.nn.functional.cross_entropy(module(torch.as_tensor(x[rows])), torch.as_tensor(y[rows]))
    change = [g.numpy() for g in torch.autograd.grad(loss, list(module.parameters()))]
    np.savez(tmp_path / "update.npz", *change, rows=rows)
    (tmp_path / "model.py").write_text("from tests.attacks.reconstruction_games import dense\n\nbuild = dense\n")
    (tmp_path / "audit.yaml").write_text(
        "target: {kind: torch, path: weights.pt, factory: model.py:build}\n"
        "data: {members: members.npz, nonmembers: nonmembers.npz, population: population.npz, public: public.npz}\n"
        "recipe: {kind: none}\nthreat: federated-server\nattacks: [analytic_gradient, inversion_network]\n"
        "defenses: [update_clipping]\nreconstruction: {update: update.npz}\n"
    )
    job = job_from_file(load(tmp_path / "audit.yaml"), tmp_path)
    assert len(job.reconstruction.plan.captured[0]) == 1 and len(job.reconstruction.protections) == 1
    result = open_run(run_audit(job, tmp_path / "run").path)
    assert result.evidence["analytic_gradient"].paired[1].hits == (1.0,)
    assert "inversion_network" in result.evidence_of(Family.RECONSTRUCTION)
    np.savez(tmp_path / "update.npz", *change)
    with pytest.raises(InputError, match="rows"):
        job_from_file(load(tmp_path / "audit.yaml"), tmp_path)


def test_a_model_that_stores_its_records_is_caught_by_name(tmp_path):
    x, y = load_digits(return_X_y=True)
    parts = [(x[a:b], y[a:b]) for a, b in ((0, 500), (500, 1000), (1000, 1797))]
    model = KNeighborsClassifier().fit(*parts[0])
    run = divulge.audit(model, *parts, threat="published-model", attacks=["stored_data"], out=tmp_path / "r")
    assert run.verdict is Verdict.LEAK and "_fit_X holds 500 rows" in run.report(tmp_path / "r.html").read_text()


def test_words_for_every_outcome(run):
    assert words_of.headline(run.result) == "Training records can be reconstructed"
    assert "First layer" in words_of.sentence(run.result)
    assert metric_name("attribute_accuracy", "sex") == "attribute inferred correctly: sex"
    assert words_of.differing("a b c", "a x c") == [("a", True), ("x", False), ("c", True)]


def test_a_picture_is_a_png():
    import base64
    import io

    from PIL import Image

    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    uri = data_uri(base64.b64encode(pixels.tobytes()).decode(), (3, 4))
    drawn = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    np.testing.assert_array_equal(np.asarray(drawn), pixels)


def ages(count, seed):
    """Pairs alike but for an age of about twenty or eighty; which of the two has which class is drawn by lot."""
    rng = np.random.default_rng(seed)
    place = np.repeat(rng.normal(size=(count // 2, 4)), 2, axis=0)
    old = np.tile([0, 1], count // 2)
    lot = np.repeat(rng.integers(0, 2, count // 2), 2)
    age = 20 + 60 * old + rng.uniform(-3, 3, count)
    frame = pd.DataFrame(place, columns=list("abcd")).assign(age=age / 100)
    return frame.astype(np.float32), old ^ lot


def test_a_number_is_told_from_a_network_that_learned_it_by_heart(tmp_path):
    """Derivable: of the ages that are tried, those near the true one give the record's class, the others the other."""
    members, nonmembers, population = (ages(n, seed) for seed, n in enumerate((200, 200, 800)))

    def build():
        layers = [torch.nn.Linear(5, 256), torch.nn.ReLU(), torch.nn.Linear(256, 256), torch.nn.ReLU()]
        return torch.nn.Sequential(*layers, torch.nn.Linear(256, 2))

    recipe = divulge.TorchRecipe(build, epochs=150, batch_size=50, learning_rate=3e-3)
    torch.manual_seed(0)
    module = build()
    x, y = torch.from_numpy(members[0].to_numpy()), torch.from_numpy(members[1])
    steps = torch.optim.Adam(module.parameters(), lr=3e-3)
    for _ in range(400):
        steps.zero_grad()
        torch.nn.functional.cross_entropy(module(x), y).backward()
        steps.step()
    names = ["fredrikson_map", "csmia", "lomia", "neuron_importance"]
    audited = divulge.audit(
        module.eval(),
        members,
        nonmembers,
        population,
        threat="published-model",
        recipe=recipe,
        attacks=names,
        sensitive=["age"],
        out=tmp_path / "r",
    )
    assert not audited.result.failed() and not audited.result.refused()
    found = {f.attack: f for f in audited.findings if f.metric == "attribute_accuracy:age"}
    assert set(found) == set(names) and found["fredrikson_map"].verdict is Verdict.LEAK
    assert found["fredrikson_map"].value > 0.85 and found["fredrikson_map"].chance < 0.65
    assert found["fredrikson_map"].control < 0.65
    page = audited.report(tmp_path / "r.html").read_text()
    assert "age left out of the training" in page
