"""Named data sets for demos, tests and benchmarks: two from scikit-learn, two that are looked for."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from divulge.core.errors import InputError
from divulge.core.records import Column, Kind, Records, Schema
from divulge.data.arrays import from_arrays, from_frames
from divulge.data.files import read_idx, read_table

FASHION_CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
CENSUS_SENSITIVE = ("sex", "race", "marital_status")
CENSUS_OPENML = 4535
FASHION_OPENML = 40996
CENSUS_COLUMNS = tuple(
    (  # noqa: SIM905  # forty names read better as words than as forty lines
        "age class_of_worker industry_code occupation_code education wage_per_hour enrolled_in_edu "
        "marital_status major_industry major_occupation race hispanic_origin sex labor_union "
        "unemployment_reason employment_status capital_gains capital_losses dividends tax_filer "
        "previous_region previous_state household_family household_summary migration_msa migration_region "
        "migration_within_region lived_here_last_year migration_sunbelt employer_size family_under_18 "
        "father_birth_country mother_birth_country birth_country citizenship own_business "
        "veterans_questionnaire veterans_benefits weeks_worked year income "
    ).split()
)


def folders() -> list[Path]:
    """Where data sets are looked for: DIVULGE_DATA, then the user's and the system's dataset folders."""
    named = os.environ.get("DIVULGE_DATA")
    home = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    standard = [home / "divulge", Path("/usr/local/share/datasets"), Path("/usr/share/datasets")]
    return ([Path(named)] if named else []) + standard


def find(relative: str) -> Path | None:
    """The first folder's file of this name, or None."""
    return next((folder / relative for folder in folders() if (folder / relative).exists()), None)


def breast_cancer() -> Records:
    """569 tumours, 30 measurements, malignant or benign (Wolberg 1995); ships with scikit-learn."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer(as_frame=True)
    frame = bunch.frame.assign(diagnosis=np.where(bunch.target == 1, "benign", "malignant")).drop(columns="target")
    return from_frames([frame], target="diagnosis")[0]


def digits() -> Records:
    """1,797 images of 8 x 8 pixels, ten digits, as a table of 64 columns; ships with scikit-learn."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return from_arrays([(bunch.data / 16.0, bunch.target)], target="digit")[0]


def fashion_mnist() -> Records:
    """70,000 images of 28 x 28 pixels in [0, 1], ten kinds of clothing (Xiao et al. 2017).

    Looked for as fashion-mnist/*-ubyte.gz in `folders()`, then on OpenML; raises InputError that says how to get it.
    """
    names = ("train-images-idx3", "t10k-images-idx3", "train-labels-idx1", "t10k-labels-idx1")
    paths = [find(f"fashion-mnist/{name}-ubyte.gz") for name in names]
    if None not in paths:
        train, test, train_y, test_y = (read_idx(path) for path in paths if path is not None)
        images, labels = np.concatenate([train, test]), np.concatenate([train_y, test_y])
    else:
        frame = _openml(FASHION_OPENML, "fashion_mnist", "the four idx files in a folder fashion-mnist/")
        labels = frame.iloc[:, -1].to_numpy().astype(np.int64)
        images = frame.iloc[:, :-1].to_numpy(dtype=np.float32).reshape(-1, 28, 28)
    columns = (Column("image", Kind.IMAGE),)
    schema = Schema(columns, target="clothing", classes=FASHION_CLASSES)
    return Records(images.astype(np.float32) / 255.0, labels.astype(np.int64), schema)


def census_income() -> Records:
    """Adults of the UCI Census-Income data of 1994-95, 40 columns, income above 50,000 dollars or not.

    Looked for as census_income.csv.gz in `folders()`, then on OpenML; raises InputError that says how to get it.
    """
    path = find("census_income.csv.gz")
    if path is not None:
        frame = read_table(path, "census_income")
        frame = frame.assign(hispanic_origin=frame["hispanic_origin"].fillna("unknown"))
    else:
        frame = _openml(CENSUS_OPENML, "census_income", "census_income.csv.gz")
        frame = frame.drop(columns=frame.columns[24]).set_axis(CENSUS_COLUMNS, axis=1)
        rich = frame["income"].astype(str).str.contains("+", regex=False)
        frame = frame.assign(income=rich.astype(int))
        for name in frame.columns:
            if not pd.api.types.is_numeric_dtype(frame[name]):
                frame[name] = frame[name].astype(str).str.strip()
    return from_frames([frame], target="income", sensitive=CENSUS_SENSITIVE)[0]


def _openml(number: int, name: str, what: str) -> pd.DataFrame:
    from sklearn.datasets import fetch_openml

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it tries again is of no interest: the error below says what to do
            frame: pd.DataFrame = fetch_openml(data_id=number, as_frame=True, parser="auto").frame
    except Exception as error:  # the network is not ours: any failure means that the set is not to be had
        looked = ", ".join(map(str, folders()))
        raise InputError(
            f"data set {name} was not found in {looked}, and OpenML (data set {number}) did not answer: "
            f"put {what} into a folder and set DIVULGE_DATA to it"
        ) from error
    return frame


SOURCES: dict[str, Callable[[], Records]] = {
    "breast_cancer": breast_cancer,
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "census_income": census_income,
}
