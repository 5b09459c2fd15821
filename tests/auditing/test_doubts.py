"""What speaks against the model that is audited without proving anything: then what is not found is not measurable."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier

import divulge
from divulge.core.errors import InputError
from divulge.core.results.finding import Verdict

RNG = np.random.default_rng(0)
X = RNG.normal(size=(900, 5))
Y = (X[:, 0] + RNG.normal(size=900) > 0).astype(int)
HOW = {"attacks": ["loss"], "progress": None}


def forest(x, y, **how):
    return RandomForestClassifier(20, random_state=0).fit(x, y, **how)


def audited(model, tmp_path, y=Y, **more):
    return divulge.audit(model, (X[:300], y[:300]), (X[300:600], y[300:600]), out=tmp_path / "run", **HOW | more)


def test_the_same_model_of_other_records_is_doubted(tmp_path):
    run = audited(forest(X[600:], Y[600:]), tmp_path)
    assert {each.kind for each in run.result.handshake.concerns} <= {"strangers", "lower"}
    assert run.verdict is Verdict.NOT_MEASURABLE
    assert not audited(forest(X[:300], Y[:300]), tmp_path / "own").result.handshake.concerns


def test_a_model_that_lags_behind_its_recipe_is_doubted_unless_its_owner_knows_that(tmp_path):
    order = [1, 0, 2, 3, 4]
    weak = X[:, order]
    mixed = RandomForestClassifier(20, random_state=0).fit(weak[:300], Y[:300])
    run = audited(mixed, tmp_path)
    assert run.verdict in (Verdict.NOT_MEASURABLE, Verdict.INVALID)
    known = audited(mixed, tmp_path / "known", expect={"accuracy": float(mixed.score(X[:300], Y[:300]))})
    assert not known.result.handshake.doubts


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4])
def test_labels_with_noise_make_no_other_model(tmp_path, share):
    noisy = np.where(np.random.default_rng(3).random(300) < share, 1 - Y[:300], Y[:300])
    model = forest(X[:300], noisy)
    run = audited(model, tmp_path)
    concerns = run.result.handshake.concerns
    assert all("on labels with noise" in each.cause for each in concerns if each.kind in ("lower", "other"))
    known = audited(model, tmp_path / "known", expect={"accuracy": model.score(X[:300], Y[:300])})
    assert not known.result.handshake.faults and not known.result.handshake.doubts


def test_weights_of_records_make_no_other_model(tmp_path):
    weights = np.where(Y[:300] == 1, 9.0, 1.0)
    weighted = LogisticRegression().fit(X[:300], Y[:300], sample_weight=weights)
    run = audited(weighted, tmp_path)
    assert not run.result.handshake.faults and run.verdict is not Verdict.INVALID


def test_the_first_line_is_about_what_the_model_itself_answers(tmp_path):
    model = FixedThresholdClassifier(forest(X[:300], Y[:300]), threshold=0.8).fit(X[:300], Y[:300])
    run = audited(model, tmp_path, expect={"accuracy": model.score(X[:300], Y[:300])})
    assert run.result.handshake.members == pytest.approx(model.score(X[:300], Y[:300]))
    assert run.result.handshake.nonmembers == pytest.approx(model.score(X[300:600], Y[300:600]))


def test_codes_that_a_model_was_trained_on_are_named(tmp_path):
    words = np.where(Y == 1, "well", "ill")
    model = forest(X[:300], Y[:300])
    one = audited(model, tmp_path).to_frame()
    two = audited(model, tmp_path / "named", y=words, classes=["ill", "well"]).to_frame()
    np.testing.assert_array_equal(one.value, two.value)


def table(rows=9, records=400):
    x, keep = RNG.normal(size=(records, 4)), RNG.random((rows, records)) < 0.5
    y = (x[:, 0] + RNG.normal(size=records) > 0).astype(int)
    found = [forest(x[each], y[each]).predict_proba(x) for each in keep]
    return np.log(np.clip(found, 1e-3, 1)), keep, y


def test_a_row_unlike_all_others_of_its_table_is_doubted(tmp_path):
    logits, keep, y = table()
    right = divulge.audit(divulge.ScoreTable(logits, None, keep, y), out=tmp_path / "right", **HOW)
    assert right.verdict is Verdict.LEAK and not right.result.handshake.concerns
    keep[0] = RNG.permutation(keep[0])
    wrong = divulge.audit(divulge.ScoreTable(logits, None, keep, y), out=tmp_path / "wrong", **HOW)
    assert [each.kind for each in wrong.result.handshake.concerns] == ["strangers"]
    assert wrong.verdict is Verdict.NOT_MEASURABLE


def test_a_table_whose_keep_no_record_confirms_is_doubted(tmp_path):
    logits, keep, y = table()
    order = np.random.default_rng(1).permutation(len(y))
    wrong = divulge.audit(divulge.ScoreTable(logits, None, keep[:, order], y), out=tmp_path / "wrong", **HOW)
    assert [each.kind for each in wrong.result.handshake.concerns] == ["silent"]
    assert wrong.verdict is Verdict.NOT_MEASURABLE


@pytest.mark.parametrize("seed", range(3))
def test_a_table_of_models_that_hardly_remember_is_confirmed_by_its_records(tmp_path, seed):
    rng = np.random.default_rng(seed)
    x, keep = rng.normal(size=(400, 5)), rng.random((9, 400)) < 0.5
    y = (x[:, 0] + rng.normal(size=400) > 0).astype(int)
    logits = np.stack([LogisticRegression().fit(x[each], y[each]).predict_log_proba(x) for each in keep])
    scores = divulge.ScoreTable(logits, None, keep, y)
    assert not divulge.audit(scores, out=tmp_path, **HOW).result.handshake.concerns
    signal = scores.model(0).known_by_training()
    others = [divulge.ScoreTable(logits, None, rng.permuted(keep, axis=1), y).model(0) for _ in range(20)]
    null = [other.known_by_training() for other in others]
    assert signal > 3.5 > max(map(abs, null))


def test_how_well_records_are_known_by_hand():
    keep = np.array([[True, False, True], [False, True, True], [True, True, False]])
    signals = np.array([[3.0, 0.0, 5.0], [1.0, 2.0, 4.0], [2.0, 1.0, 0.0]])
    found = divulge.ScoreTable(None, signals, keep, np.array([0, 1, 0])).model(0).known_by_training()
    # ranks inside minus outside: 1.5 - 0, 1.5 - 0, 1.5 - 0 but for none that varies
    assert found == 0.0
    signals[0, 2] = 3.0
    again = divulge.ScoreTable(None, signals, keep, np.array([0, 1, 0])).model(0).known_by_training()
    assert again == 0.0
    keep[0, 0] = False
    gaps = np.array([1 - 1.0, 1.5, 1.5])  # the first record: row 2 inside (rank 1), rows 0 and 1 outside (ranks 2, 0)
    third = divulge.ScoreTable(None, signals, keep, np.array([0, 1, 0])).model(0).known_by_training()
    assert third == pytest.approx(gaps.mean() / gaps.std(ddof=1) * np.sqrt(3))


def test_signals_that_tell_nothing_of_any_model_are_no_evidence(tmp_path):
    _, keep, y = table(rows=4)
    signals = divulge.ScoreTable(None, RNG.normal(size=keep.shape), keep, y)
    assert divulge.audit(signals, out=tmp_path, **HOW).verdict is Verdict.NOT_MEASURABLE


def test_probabilities_are_no_logits():
    logits, keep, y = table(rows=2)
    given = np.exp(logits)
    with pytest.raises(InputError, match="these are probabilities: pass their logarithms"):
        divulge.ScoreTable(given / given.sum(axis=2, keepdims=True), None, keep, y)
