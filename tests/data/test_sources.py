from __future__ import annotations

import numpy as np
import pytest

from divulge.core.errors import InputError
from divulge.data import sources


def needed(name):
    try:
        return sources.SOURCES[name]()
    except InputError as error:
        pytest.skip(str(error))


def test_breast_cancer():
    records = sources.breast_cancer()
    assert records.x.shape == (569, 30)
    assert dict(zip(records.schema.classes, np.bincount(records.y), strict=True)) == {"benign": 357, "malignant": 212}


def test_digits():
    records = sources.digits()
    assert records.x.shape == (1797, 64) and records.x.max() == 1.0 and len(records.schema.classes) == 10


def test_fashion_mnist():
    records = needed("fashion_mnist")
    assert records.x.shape == (70000, 28, 28) and records.x.dtype == np.float32
    assert np.bincount(records.y).tolist() == [7000] * 10
    assert records.schema.is_image


def test_census_income():
    records = needed("census_income")
    assert len(records.schema.columns) == 40 and len(records) == 100_000
    assert set(records.schema.sensitive) == {"sex", "race", "marital_status"}
    assert records.y.sum() == 8561


def test_a_missing_set_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "folders", lambda: [tmp_path])
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda **_: (_ for _ in ()).throw(OSError("no network")))
    for source in (sources.fashion_mnist, sources.census_income):
        with pytest.raises(InputError, match=r"OpenML .* did not answer: put .* set DIVULGE_DATA"):
            source()


def test_the_users_folder_comes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("DIVULGE_DATA", str(tmp_path))
    assert sources.folders()[0] == tmp_path
