"""Files of PyTorch as training loops leave them."""

from __future__ import annotations

import os
import warnings

import pytest
import torch
from torch import nn

from divulge.core.errors import InputError
from divulge.targets.networks.torch_files import load_weights

NET = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def empty():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def prefixed(prefix):
    return {f"{prefix}{name}": value for name, value in NET.state_dict().items()}


SAVED = {
    "state dict": NET.state_dict,
    "state_dict": lambda: {"epoch": 3, "state_dict": NET.state_dict(), "optimizer": {"lr": 0.1}},
    "model_state_dict": lambda: {"model_state_dict": NET.state_dict(), "loss": 0.5},
    "model": lambda: {"model": NET.state_dict(), "args": {"depth": 2}},
    "DataParallel": lambda: nn.DataParallel(NET).state_dict(),
    "checkpoint of DataParallel": lambda: {"state_dict": prefixed("module.")},
    "Lightning": lambda: {"state_dict": prefixed("model."), "hyper_parameters": {}},
    "compiled, in parallel": lambda: {"model": prefixed("module._orig_mod.")},
}


@pytest.mark.parametrize("name", SAVED)
def test_weights_are_found_in_a_checkpoint(name, tmp_path):
    torch.save(SAVED[name](), tmp_path / "net.pt")
    made = load_weights(empty(), tmp_path / "net.pt")
    assert all(torch.equal(a, b) for a, b in zip(made.state_dict().values(), NET.state_dict().values(), strict=True))


def test_weights_of_another_network_do_not_fit(tmp_path):
    torch.save({"state_dict": prefixed("module.")}, tmp_path / "net.pt")
    with pytest.raises(InputError, match="do not fit the factory's module"):
        load_weights(nn.Linear(3, 2), tmp_path / "net.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(InputError, match="do not fit the factory's module"):
        load_weights(empty(), tmp_path / "list.pt")
    with pytest.raises(InputError, match=r"target\.factory: is missing"):
        load_weights(None, tmp_path / "net.pt")


def test_a_whole_module_needs_trust(tmp_path):
    path = tmp_path / "whole.pt"
    torch.save(NET, path)
    with pytest.raises(InputError, match="a whole module loads with `trust: true` only"):
        load_weights(empty(), path)
    made = load_weights(None, path, trust=True)
    assert torch.equal(made[0].weight, NET[0].weight) and isinstance(made, nn.Sequential)


class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = empty()

    def forward(self, x):
        return self.inner(x)


def test_classes_of_ones_own_are_named_before_they_are_loaded(tmp_path):
    path = tmp_path / "mine.pt"
    torch.save(Mine(), path)
    with pytest.raises(
        InputError, match=r"would run .*Mine: if it is a class of yours, add .* to target\.trusted_modules"
    ):
        load_weights(None, path, trust=True)
    assert isinstance(load_weights(None, path, trust=True, modules=(Mine.__module__.split(".", maxsplit=1)[0],)), Mine)


class Evil:
    def __init__(self, call, *args):
        self.made = call, args

    def __reduce__(self):
        return self.made


def test_code_does_not_run_even_from_a_trusted_file(tmp_path):
    mark = tmp_path / "pwned"
    for call, args in (
        (os.system, (f"touch {mark}",)),
        (torch.load, (str(mark),)),
        (eval, ("1",)),
        (getattr, (1, "real")),
    ):
        torch.save({"net": Evil(call, *args)}, tmp_path / "evil.pt")
        with pytest.raises(InputError, match="would run"):
            load_weights(None, tmp_path / "evil.pt", trust=True)
    assert not mark.exists()
    (tmp_path / "cut.pt").write_bytes((tmp_path / "evil.pt").read_bytes()[:60])
    with pytest.raises(InputError, match="cannot load"):
        load_weights(None, tmp_path / "cut.pt", trust=True)


def test_torchscript_files_load_when_trusted(tmp_path):
    path = tmp_path / "scripted.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(NET).save(str(path))
        made = load_weights(None, path, trust=True)
    x = torch.randn(5, 3)
    assert torch.equal(made(x), NET(x))
