"""What malicious training code wrote into the weights is read off them, and ordinary weights are not accused: the bits
are planted by hand, in each way of Song, Ristenpart and Shmatikov (2017).
"""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from divulge.attacks.reconstruction.weights.hidden.capacity_abuse import synthesized
from divulge.attacks.reconstruction.weights.hidden.decodings import text_in
from divulge.attacks.reconstruction.weights.hidden.low_bits import low_bits
from divulge.attacks.reconstruction.weights.hidden.weights_of import weights_of
from divulge.core.errors import Impossible
from divulge.core.results.metric import NEARER_TRAINING, RECORDS_EXACT
from divulge.data.arrays import from_arrays

from .reconstruction_games import dense, pictures, played, share, taught

ALL = pictures(900, seed=1)
SETS = tuple(ALL.take(np.arange(first, first + 300)) for first in (0, 300, 600))
TRAINING = SETS[0].x
BYTES = np.unpackbits(np.round(TRAINING / TRAINING.max() * 255).astype(np.uint8).ravel())
FLOATS = np.unpackbits(np.frombuffer(TRAINING.astype("<f4").tobytes(), np.uint8))
TEXT = np.unpackbits(np.frombuffer(b"Patient Smith, born in 1971, was treated for malaria; " * 40, np.uint8))


@pytest.fixture(scope="module")
def plain():
    return taught(dense(hidden=96), SETS[0], 60)


def changed(module, change):
    """A copy whose weights, in a row, are these."""
    module = copy.deepcopy(module)
    row = torch.cat([p.detach().reshape(-1) for p in module.parameters()]).numpy().copy()
    parts = torch.as_tensor(change(row).astype(np.float32)).split([p.numel() for p in module.parameters()])
    with torch.no_grad():
        for parameter, part in zip(module.parameters(), parts, strict=True):
            parameter.copy_(part.reshape(parameter.shape))
    return module


def in_low_bits(count, bits):
    def change(row):
        words = row.view(np.uint32)
        n = min(len(words), len(bits) // count)
        each = bits[: n * count].reshape(n, count) @ (1 << np.arange(count)[::-1])
        words[:n] = (words[:n] >> np.uint32(count) << np.uint32(count)) | each.astype(np.uint32)
        return row

    return change


def in_signs(row):
    n = min(len(row), len(BYTES))
    row[:n] = np.abs(row[:n]) * np.where(BYTES[:n], 1, -1)
    return row


def in_values(row):
    n = len(row) // 64 * 64
    row[:n] = 0.3 * (TRAINING.ravel()[:n] - 0.4)
    return row


def hidden(module):
    return played("hidden_data", module, SETS, threat="published-model")


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        (in_low_bits(1, BYTES), 12),  # 6,531 weights hold 12 pictures of 64 bytes in one bit each
        (in_low_bits(8, BYTES), 102),
        (in_signs, 12),
        (in_values, 102),
    ],
    ids=["lowest bit", "lowest byte", "signs", "values"],
)
def test_records_in_the_weights_are_found(plain, change, rows):
    found = hidden(changed(plain, change))
    nearer = next(m for m in found.paired if m.metric == NEARER_TRAINING)
    assert sum(nearer.hits) >= 0.9 * rows and sum(nearer.hits) > 2 * sum(nearer.baseline)


def test_floats_in_the_low_half_are_found_exactly(plain):
    found = hidden(changed(plain, in_low_bits(16, FLOATS)))
    assert share(found, RECORDS_EXACT) == pytest.approx(51 / 300), "6,531 weights hold 51 pictures of 64 floats"


def test_text_is_quoted(plain):
    notes = " ".join(hidden(changed(plain, in_low_bits(4, TEXT))).notes)
    assert "the lowest 4 bits" in notes and "Patient Smith, born in 1971" in notes


def int8(row):
    scale = np.abs(row).max() / 127
    return np.round(row / scale) * scale


ORDINARY = {
    "as trained": lambda row: row,
    "half precision": lambda row: row.astype(np.float16),
    "bfloat16": lambda row: (row.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32),
    "quantised": int8,
    "rounded to decimals": lambda row: np.round(row, 4),
    "pruned": lambda row: np.where(np.abs(row) < np.quantile(np.abs(row), 0.8), 0, row),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_weights_are_not_accused(plain, name):
    module = changed(plain, ORDINARY[name])
    assert not low_bits(weights_of(module)).carry
    found = hidden(module)
    assert not any("pattern" in note or "text" in note for note in found.notes)
    assert not found.paired or share(found, RECORDS_EXACT) == 0
    for m in found.paired:
        hits, blind = int(sum(m.hits)), int(sum(m.baseline))
        assert hits + blind == 0 or binomtest(hits, hits + blind, alternative="greater").pvalue > 0.01


def test_low_bits_of_other_models_are_noise():
    """Untrained ones, and after some steps, with normalisation."""
    for seed in range(2):
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Flatten(), nn.Linear(64, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Linear(40, 3))
        assert not low_bits(weights_of(module)).carry
        assert not low_bits(weights_of(taught(module, SETS[0], 4))).carry


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("bits", [BYTES, FLOATS, np.resize(TEXT, 200_000)], ids=["bytes", "floats", "text"])
def test_low_bits_that_carry_something_are_seen(plain, count, bits):
    rest = np.random.default_rng(0).integers(0, 2, 200_000)
    module = changed(plain, in_low_bits(count, np.concatenate([bits, rest])))
    found = low_bits(weights_of(module))
    assert found.carry and found.bound < 1e-9 and found.bits <= count + 1


def test_encrypted_bits_are_as_noise(plain):
    noise = np.random.default_rng(1).integers(0, 2, 200_000)
    assert not low_bits(weights_of(changed(plain, in_low_bits(8, noise)))).carry


def test_a_pattern_without_a_record_is_refused_and_not_called_not_found(plain):
    """Of records with one input each that is not 0, none can be read off dense weights."""
    flags = np.resize(np.array([1, 1, 1, 0, 1, 1, 0, 1], dtype=np.uint8), 60_000)
    sparse = np.eye(64, dtype=np.float32)[np.arange(300) % 64].reshape(300, 8, 8)
    sets = from_arrays([(sparse, SETS[0].y)] * 3)
    assert not played("hidden_data", plain, sets, threat="published-model").paired
    with pytest.raises(Impossible, match=r"found no record.*have a pattern"):
        played("hidden_data", changed(plain, in_low_bits(3, flags)), sets, threat="published-model")


def test_coefficients_of_estimators_are_read_wherever_they_lie():
    x, y = TRAINING.reshape(300, 64), SETS[0].y
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(x, y)
    arrays = weights_of(fitted)
    assert [a.shape for a in arrays] == [(3, 64), (3,)] and not low_bits(arrays).carry


def spelling(hide):
    """A network of ten classes that learned three pictures' worth of made-up inputs beside its own task, or not."""
    records = pictures(600, classes=10, seed=2)
    sets = tuple(records.take(np.arange(first, first + 200)) for first in (0, 200, 400))
    top = sets[0].x.max()
    x, y = [sets[0].x.reshape(-1, 64)], [sets[0].y]
    for number in range(3 if hide else 0):
        levels = np.round(sets[0].x[number].ravel() / top * 15).astype(int)
        x.append(synthesized(number, 64))
        y.append(np.stack([levels // 2, levels - levels // 2], axis=1).ravel())
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 384), nn.ReLU(), nn.Linear(384, 10))
    given, wanted = torch.as_tensor(np.concatenate(x), dtype=torch.float32), torch.as_tensor(np.concatenate(y))
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
    for _ in range(200):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(given), wanted).backward()
        optimizer.step()
    return module.eval(), sets


def test_records_behind_labels_are_spelled():
    module, sets = spelling(True)
    found = played("capacity_abuse", module, sets, threat="published-model")
    nearer = next(m for m in found.paired if m.metric == NEARER_TRAINING)
    assert sum(nearer.hits) == 3 and sum(nearer.baseline) == 0 and "3 records were spelled" in found.notes


def test_of_an_ordinary_model_labels_spell_nothing():
    module, sets = spelling(False)
    assert not played("capacity_abuse", module, sets, threat="published-model").paired


def test_inputs_that_carry_a_record_by_hand():
    assert synthesized(4, 3).tolist() == [[5, 1, 0], [5, 2, 0], [0, 5, 1], [0, 5, 2], [1, 0, 5], [2, 0, 5]]


def test_capacity_abuse_needs_nine_labels(plain):
    with pytest.raises(Impossible, match="spell with 9 labels"):
        played("capacity_abuse", plain, SETS, threat="published-model")


def test_what_is_text_by_hand():
    assert text_in(np.frombuffer(b"\x00" * 9 + b"a patient called Jane, " * 5 + b"\xff", np.uint8)).startswith("a pat")
    assert text_in(np.frombuffer(b"A" * 500, np.uint8)) == "", "one sign again and again"
    assert text_in(np.random.default_rng(0).integers(0, 256, 100_000).astype(np.uint8)) == ""
