"""What an attack achieved comes back from a run's folder as it was put there, whatever it consists of."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from divulge.core.errors import InputError
from divulge.core.results.audit_result import (
    SCHEMA_VERSION,
    AuditResult,
    Baseline,
    DataFacts,
    Provenance,
    RunFacts,
    TargetFacts,
)
from divulge.core.results.evidence import Evidence, Lacking, joined
from divulge.core.results.exhibits import CopyQuality, Curve, Estimated, Exhibit, Fact, Quality
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Counted, Exact, Paired, Scored, Trial
from divulge.core.threat import PRESETS
from divulge.runs.files.evidence_files import StoredEvidence, json_of
from divulge.runs.folder import RunFolder
from divulge.stats.weigh import weigh

PLAIN = {
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(-(2**53), 2**53),
    str: st.text(max_size=6),
    bool: st.booleans(),
    NoneType: st.none(),
}
TRIALS = [kind for kind in get_args(Trial) if kind is not Scored]
EXHIBITS = list(get_args(Exhibit))


def anything(hint):
    """Any value of a type, field by field, so that a field that is added later is looked at too."""
    if hint in PLAIN:
        return PLAIN[hint]
    if is_dataclass(hint):
        hints = {name: each for name, each in get_type_hints(hint).items() if get_origin(each) is not Literal}
        return st.builds(hint, **{f.name: anything(hints[f.name]) for f in fields(hint) if f.name in hints})
    if isinstance(hint, UnionType):
        return st.one_of(*map(anything, get_args(hint)))
    assert get_origin(hint) is tuple, hint
    first, *rest = get_args(hint)
    if rest == [...]:
        return st.lists(anything(first), max_size=3).map(tuple)
    return st.tuples(*map(anything, get_args(hint)))


def facts(aggregate="mean"):
    return RunFacts(
        name="run",
        job="job",
        threat=PRESETS["mlaas"],
        target=TargetFacts("model", "kind", "classification", "print", ("scores",)),
        data=DataFacts(3, 3, 0, 1, ("no", "yes"), (), "none", "print", aggregate=aggregate),
        policy=Policy(),
        provenance=Provenance("1", "3.11", "any", {}, "divulge audit", "today", 0),
        recipe=None,
        planned=("loss",),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = RunFolder(tmp_path_factory.mktemp("run") / "r")
    made.create(facts())
    return made


def kept(folder, evidence, name="attack"):
    nothing = np.zeros(0, dtype=np.int64)
    folder.write_evidence(name, evidence, nothing, nothing)
    return folder.evidence(name)


def parts(evidence):
    """What is compared: evidence holds arrays and has no equality of its own."""
    return evidence.trials, evidence.exhibits, evidence.baseline, evidence.notes, evidence.lacking


def test_no_kind_is_forgotten():
    assert set(TRIALS) == {Paired, Counted, Exact} and len(EXHIBITS) == 10
    names = [kind(*[None] * _required(kind)).type for kind in (*TRIALS, *EXHIBITS)]
    assert len(set(names)) == len(names), "each kind is told from all others by its type"


def _required(kind):
    return sum(f.init and not f.kw_only and f.default is f.default_factory for f in fields(kind))


@pytest.mark.parametrize("kind", [*TRIALS, *EXHIBITS], ids=lambda kind: kind.__name__)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_each_kind_comes_back_as_it_was(folder, kind, data):
    value = data.draw(anything(kind))
    evidence = Evidence((value,)) if kind in TRIALS else Evidence(exhibits=(value,))
    again = kept(folder, evidence)
    assert parts(again) == parts(evidence)
    assert [type(each) for each in (*again.trials, *again.exhibits)] == [kind]
    assert again.of(kind) == (value,)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    trials=st.lists(st.sampled_from(TRIALS).flatmap(anything), max_size=3),
    exhibits=st.lists(st.sampled_from(EXHIBITS).flatmap(anything), max_size=3),
    baseline=st.text(max_size=9),
    notes=st.lists(st.text(max_size=9), max_size=2),
    lacking=st.lists(anything(Lacking), max_size=2),
)
def test_all_of_it_comes_back_in_its_order(folder, trials, exhibits, baseline, notes, lacking):
    evidence = Evidence(tuple(trials), tuple(exhibits), baseline, tuple(notes), tuple(lacking))
    assert parts(kept(folder, evidence)) == parts(evidence)
    assert parts(folder.all_evidence()["attack"]) == parts(evidence)


def test_numbers_of_arrays_are_kept_as_numbers(folder):
    """Games fill tuples from arrays, and their numbers are not of Python."""
    hits = tuple(np.array([0.1, 1.0]))
    evidence = Evidence((Paired("records_exact", hits, tuple(np.zeros(2)), (0, 1)),), (Quality("PSNR, dB", hits),))
    again = kept(folder, evidence)
    assert parts(again) == parts(evidence) and type(again.paired[0].hits[0]) is float


SCORES = np.array([0.5, -1.0, 2.0, 0.25, 3.0, 0.0])
EXPOSED = np.array([True, False, False, True, True, False])
ROW = np.array([2, 0, 1, 0, 1, 2])
ORDER = np.array([3, 4, 0, 1, 2, 5])
"""Members first, each arm as its set was given."""


@pytest.mark.parametrize("ties", [None, np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])], ids=["no ties", "ties"])
@pytest.mark.parametrize("persons", [None, np.array([7, 9, 9, 7, 8, 4])], ids=["records", "persons"])
@pytest.mark.parametrize("aggregate", ["mean", "max"])
def test_scores_come_back_in_the_order_of_the_sets(tmp_path, ties, persons, aggregate):
    folder = RunFolder(tmp_path / "r")
    folder.create(facts(aggregate))
    unit = np.arange(6) if persons is None else persons
    scored = Scored(SCORES, EXPOSED, unit, np.arange(6), ties, aggregate)
    rest = (Paired("records_exact", (1.0,), (0.0,), (0,)),)
    curve = Curve("loss", (0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (1.0,), (1.0,))
    folder.write_evidence("loss", Evidence((scored, *rest), (curve,), "a guess", ("a note",)), ROW, EXPOSED * 1)
    again = folder.evidence("loss")
    assert again.scored.score.tolist() == SCORES[ORDER].tolist()
    assert again.scored.exposed.tolist() == [True] * 3 + [False] * 3
    assert again.scored.unit.tolist() == (list(range(6)) if persons is None else persons[ORDER].tolist())
    assert (again.scored.tie_break is None) == (ties is None)
    assert ties is None or again.scored.tie_break.tolist() == ties[ORDER].tolist()
    assert again.scored.aggregate == aggregate and again.scored.grouped == (persons is not None)
    assert again.scored.by_unit().score.tolist() == scored.by_unit().score[_first(unit)].tolist()
    assert again.trials[1:] == rest and again.exhibits == (curve,)
    assert (again.baseline, again.notes) == ("a guess", ("a note",))
    bare = folder.all_evidence()["loss"]
    assert bare.trials == rest and bare.exhibits == (curve,), "a result holds no scores"
    assert folder.scores("loss")["row"].tolist() == ROW[ORDER].tolist()


def _first(unit):
    """Where the units, in the order in which they come back, stand among the units as they were."""
    was, now = list(dict.fromkeys(unit.tolist())), list(dict.fromkeys(unit[ORDER].tolist()))
    return [was.index(each) for each in now]


def test_a_trial_may_be_about_any_record(tmp_path):
    """Two of four records are asked about, in another order: their rows and targets go with them."""
    folder = RunFolder(tmp_path / "r")
    folder.create(facts())
    scored = Scored(np.array([1.0, 0.0]), np.array([False, True]), np.arange(2), np.array([3, 1]))
    folder.write_evidence("loss", Evidence((scored,)), np.array([0, 5, 1, 8]), np.array([10, 11, 12, 13]))
    table = folder.scores("loss")
    assert table[["member", "row", "y", "score"]].to_numpy().tolist() == [[True, 5, 11, 0.0], [False, 8, 13, 1.0]]


def test_what_is_read_back_weighs_the_same(tmp_path):
    """The gate weighs evidence from the disk: every number is that of the play."""
    folder = RunFolder(tmp_path / "r")
    folder.create(facts())
    rng = np.random.default_rng(0)
    exposed = np.arange(60) < 30
    scored = Scored(rng.normal(size=60) + exposed, exposed, np.arange(60), np.arange(60))
    hits = tuple(map(float, rng.random(40) < 0.9))
    evidence = Evidence(
        (
            scored,
            Paired("attribute_accuracy", hits, (0.5,) * 40, tuple(range(40)), about="sex"),
            Counted("fidelity", 60, 30, 5, 5),
            Exact("parameters_recovered", 9, 8, 1e-3, worst=0.25),
        ),
        (Quality("MCC", (0.4,), (0.1,), about="sex"), CopyQuality(70, 80, 100, 0.02, 0.001)),
        lacking=(Lacking("attribute_accuracy", "nothing came", "race"),),
    )
    folder.write_evidence("all", evidence, np.arange(60) % 30, exposed * 1)
    estimates = weigh(folder.evidence("all"), Policy(), 9)
    assert estimates == weigh(evidence, Policy(), 9) and len(estimates) == 10
    assert [e.about for e in estimates] == [""] * 6 + ["sex", "", "", "race"]


def test_damaged_evidence_is_told_by_its_file(folder):
    kept(folder, Evidence((Counted("fidelity", 1, 2, 3, 4),)), "damaged")
    path = folder.path / "evidence" / "damaged.json"
    path.write_text(path.read_text().replace('"counted"', '"guessed"'))
    with pytest.raises(InputError, match=r"damaged\.json is damaged"):
        folder.evidence("damaged")
    path.unlink()


def test_an_attack_without_scores_is_told_with_those_that_have_some(folder):
    kept(folder, Evidence(), "bare")
    assert not folder.has_scores("bare")
    with pytest.raises(InputError, match="no scores of attack 'bare'"):
        folder.scores("bare")


def test_parts_are_joined_and_found_by_kind():
    """Of two properties: trials beside trials, exhibits beside exhibits, and of each kind as many as there are."""
    one = Evidence(
        (Paired("property_told", (1.0,), (0.5,), (0,), about="a"),),
        (Fact("a", (Estimated(0.2, 0.3), Estimated(0.6, 0.5))),),
        notes=("left out",),
    )
    two = Evidence((Counted("fidelity", 1, 2, 3, 4), Exact("parameters_recovered", 2, 1, 0.1)), (Fact("b"),))
    both = joined([one, two], "drawing lots", ("kept",))
    assert [type(each) for each in both.trials] == [Paired, Counted, Exact]
    assert (both.paired, both.counted, both.exact) == (one.trials, two.trials[:1], two.trials[1:])
    assert [fact.text for fact in both.of(Fact)] == ["a", "b"] and both.of(Quality) == ()
    assert (both.baseline, both.notes) == ("drawing lots", ("kept",))
    assert one.of(Fact)[0].error == pytest.approx(0.1) and both.of(Fact)[1].error is None
    with pytest.raises(IndexError):
        _ = both.scored


def test_stored_evidence_is_equal_to_itself_and_to_no_other():
    evidence = Evidence((Counted("fidelity", 1, 2, 3, 4),), notes=("a",))
    assert StoredEvidence.of(evidence) == StoredEvidence.of(replace(evidence))
    assert StoredEvidence.of(evidence) != StoredEvidence.of(replace(evidence, notes=("b",)))


def test_a_result_is_written_as_text_with_its_evidence():
    exact = Exact("parameters_recovered", 9, 8, 1e-3, worst=float("inf"))
    fact = Fact("share(y == 1)", (Estimated(0.2, 0.3),))
    evidence = {"knockoff": Evidence((exact,), (fact,), "a guess")}
    titles = {"knockoff": "Knockoff"}
    result = AuditResult(facts(), Baseline(missing="none"), (), (), evidence, (), None, True, titles)
    content = json.loads(json_of(result))
    assert list(content) == [each.name for each in fields(AuditResult)]
    assert content["facts"]["threat"]["name"] == "mlaas" and content["facts"]["schema_version"] == SCHEMA_VERSION
    (trial,), (exhibit,) = (content["evidence"]["knockoff"][name] for name in ("trials", "exhibits"))
    assert (trial["type"], trial["recovered"], trial["worst"]) == ("exact", 8, None)
    assert (exhibit["type"], exhibit["estimates"]) == (
        "fact",
        [{"truth": 0.2, "estimate": 0.3, "low": None, "high": None}],
    )
