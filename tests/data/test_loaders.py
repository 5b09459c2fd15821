"""Records as PyTorch keeps them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.targets.networks import MEMBER, X, Y, auc, logits_of, right_class, sets, softmax, trained
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset, TensorDataset

import divulge
from divulge.core.errors import InputError
from divulge.data.loaders import unpacked

TENSORS = torch.tensor(X, requires_grad=True), torch.tensor(Y)
PAIRS = TensorDataset(*TENSORS)


class Pictures(Dataset):
    """Items as a vision data set gives them: a tensor and a number."""

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return torch.tensor(X[i]), int(Y[i])


class Named(Dataset):
    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return {"input_ids": torch.tensor(X[i]), "attention_mask": torch.ones(6), "labels": torch.tensor(Y[i])}


class Stream(IterableDataset):
    def __iter__(self):
        yield from zip(torch.tensor(X), torch.tensor(Y), strict=True)


GIVEN = {
    "tensors": TENSORS,
    "a list of two": list(TENSORS),
    "loader": DataLoader(PAIRS, batch_size=7),
    "dataset": PAIRS,
    "pictures": Pictures(),
    "loader of pictures": DataLoader(Pictures(), batch_size=32),
    "named": Named(),
    "loader of named": DataLoader(Named(), batch_size=9),
    "stream": Stream(),
    "loader of a stream": DataLoader(Stream(), batch_size=11),
    "parts": ConcatDataset([Subset(PAIRS, range(100)), Subset(PAIRS, range(100, 240))]),
    "records with labels beside them": (TensorDataset(TENSORS[0]), Y),
    "a loader with labels beside it": (DataLoader(PAIRS, batch_size=50), torch.tensor(Y)),
}


@pytest.mark.parametrize("name", GIVEN)
def test_the_records_come_in_their_order(name):
    x, y = unpacked(GIVEN[name])
    np.testing.assert_array_equal(np.asarray(x.detach() if hasattr(x, "detach") else x), X)
    np.testing.assert_array_equal(np.asarray(y), Y)


def test_a_mask_that_leaves_something_out_stays_beside_the_tokens():
    class Masked(Named):
        def __getitem__(self, i):
            item = super().__getitem__(i)
            item["attention_mask"][5] = i % 2
            return item

    x, y = unpacked(Masked())
    assert sorted(x) == ["attention_mask", "input_ids"] and x["attention_mask"][:, 5].tolist()[:3] == [0, 1, 0]
    np.testing.assert_array_equal(np.asarray(x["input_ids"]), X)
    np.testing.assert_array_equal(np.asarray(y), Y)


def test_a_shuffling_loader_is_read_once():
    reads = []

    class Counted(Pictures):
        def __getitem__(self, i):
            reads.append(i)
            return super().__getitem__(i)

    x, y = unpacked(DataLoader(Counted(), batch_size=16, shuffle=True))
    assert sorted(reads) == list(range(len(X)))
    np.testing.assert_array_equal(x, X[reads])
    np.testing.assert_array_equal(y, Y[reads])


def test_other_things_are_left_alone():
    for thing in ((X, Y), None, 3, "words", (X, Y, Y), [1, 2, 3]):
        assert unpacked(thing) is thing or unpacked(thing) == thing or unpacked(thing)[0] is X


def test_half_precision_tensors_stay_what_they_are():
    x, _ = unpacked((torch.tensor(X).bfloat16(), torch.tensor(Y)))
    assert x.dtype is torch.bfloat16


def test_texts_of_unequal_length_stay_a_list():
    class Texts(Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return torch.arange(i + 1), 0

    x, y = unpacked(Texts())
    assert [part.tolist() for part in x] == [[0], [0, 1], [0, 1, 2]] and y.tolist() == [0, 0, 0]


def test_items_that_are_no_pairs():
    with pytest.raises(InputError, match=r"must give pairs \(x, y\), and this one gives 1 things"):
        unpacked(TensorDataset(TENSORS[0]))
    with pytest.raises(InputError, match="is empty"):
        unpacked(Subset(PAIRS, []))

    class Odd(Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return {"foo": 1}

    with pytest.raises(InputError, match="dictionaries of foo: none is called input_ids"):
        unpacked(Odd())


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_audit_takes_loaders(shuffle, tmp_path):
    net = trained()
    inside, outside = (TensorDataset(torch.tensor(X[side]), torch.tensor(Y[side])) for side in (MEMBER, ~MEMBER))
    members = DataLoader(inside, batch_size=50, shuffle=shuffle)
    run = divulge.audit(net, members, outside, recipe=None, attacks=["loss"], out=tmp_path / "run")
    found = next(f.value for f in run.findings if f.metric == "auc")
    assert abs(found - auc(right_class(softmax(logits_of(net))))) < 1e-6
    assert len(sets()[0][0]) == run.result.facts.data.members
