"""Pickles that would run code, generated over everything that a model's file may name: none does, and each is refused
in one line.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import pickle
import struct
import sys
import types
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.stats
import torch
from joblib.numpy_pickle import NumpyArrayWrapper
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from divulge.core.errors import InputError
from divulge.targets.known_names import CONSTRUCTORS, LIBRARIES, VALUES
from divulge.targets.networks.torch_files import CONSTRUCTORS_OF_TORCH, VALUES_OF_TORCH, load_weights
from divulge.targets.pickles import load_trusted
from divulge.training.recipes.unfitted import unfitted

MARK = "the-code-ran"
COMMAND = f"touch {MARK}"
CODE = f"import os; os.system({COMMAND!r})"
DANGEROUS = {  # module: names that run what they are given, and with what
    "os": {"system": COMMAND},
    "posix": {"system": COMMAND},
    "subprocess": {"getoutput": COMMAND, "check_call": ["touch", MARK], "call": ["touch", MARK]},
    "builtins": {"exec": CODE, "eval": f"__import__('os').system({COMMAND!r})"},
    "runpy": {"run_path": "code.py"},
}
MODULES = sorted({module for module, _ in CONSTRUCTORS | VALUES | CONSTRUCTORS_OF_TORCH | VALUES_OF_TORCH})
MODULES += ["sklearn", "sklearn.utils._testing", "sklearn.datasets._base", "sklearn.base", "xgboost.core", "joblib"]
MODULES += ["pandas.core.common", "divulge.targets.pickles", "divulge.setup.sources.user_code", "scipy.stats"]


def text(word):
    return b"X" + struct.pack("<I", len(word.encode())) + word.encode()


def called(module, name, argument):
    """STACK_GLOBAL of a name, called with one argument."""
    shown = text(argument) if isinstance(argument, str) else b"]" + b"".join(text(a) + b"a" for a in argument)
    return b"\x80\x04" + text(module) + text(name) + b"\x93" + shown + b"\x85R."


def within(module):
    """Dotted ways from a module to something that runs code: `os.system`, `inspect.os.system` and their like."""
    try:
        start = importlib.import_module(module)
    except ImportError:
        return
    seen = {id(start)}
    level = [("", start)]
    for _ in range(2):
        further = []
        for way, place in level:
            for name, found in sorted(vars(place).items(), key=str):
                if type(found) is types.ModuleType and id(found) not in seen:
                    seen.add(id(found))
                    further.append((f"{way}{name}.", found))
                    for ending, argument in DANGEROUS.get(found.__name__, {}).items():
                        yield f"{way}{name}.{ending}", argument
        level = further
    yield "__builtins__.get", "exec"


def generated():
    """A hostile pickle for every allowed module that leads anywhere, in several forms."""
    for module in MODULES:
        for n, (name, argument) in enumerate(within(module)):
            if n < 4:
                yield f"{module}:{name}", called(module, name, argument)
    for module, names in DANGEROUS.items():
        for name, argument in names.items():
            yield f"{module}:{name} itself", called(module, name, argument)
            if isinstance(argument, str):
                line = f"c{module}\n{name}\n(S{argument!r}\ntR.".encode()
                yield f"{module}:{name} GLOBAL", line
                yield f"{module}:{name} INST", f"(S{argument!r}\ni{module}\n{name}\n.".encode()
                yield f"{module}:{name} OBJ", b"(" + f"c{module}\n{name}\nS{argument!r}\no.".encode()
    yield "python 2's name", f"c__builtin__\nexecfile\n(S'{MARK}'\ntR.".encode()


class Reduced:
    """Is pickled as a call."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


def built(module, name, state, as_pairs=False):
    """NEWOBJ of a class, and BUILD with a state of texts, as a mapping or as pairs."""
    if as_pairs:
        shown = b"](" + b"".join(text(k) + text(v) + b"\x86" for k, v in state.items()) + b"e"
    else:
        shown = b"}(" + b"".join(text(k) + text(v) for k, v in state.items()) + b"u"
    return b"\x80\x04" + text(module) + text(name) + b"\x93)\x81" + shown + b"b."


UNIFORM = ("scipy.stats._continuous_distns", "uniform_gen")
TEMPLATE = {"_parse_arg_template": CODE}


def crafted():
    """Ways that need no forbidden name at first sight."""
    yield "distribution", built(*UNIFORM, TEMPLATE)
    yield "distribution, pairs", built(*UNIFORM, TEMPLATE, as_pairs=True)
    yield "a loader of divulge's own", called("divulge.targets.pickles", "load_trusted", "inner.pkl")
    yield "a loader of joblib's", called("joblib", "load", "inner.pkl")
    yield "a loader of joblib's own module", called("joblib.numpy_pickle", "load", "inner.pkl")
    yield "numpy's loader", called("numpy", "load", "inner.npy")
    yield "numpy's runner", called("numpy.testing", "runstring", CODE)
    yield "a function of scores, called", called("sklearn.metrics._classification", "accuracy_score", "x")
    yield (
        "state of a class",
        (
            b"\x80\x04" + text("sklearn.linear_model._logistic") + text("LogisticRegression") + b"\x93"
            b"N}" + text("fit") + text("x") + b"s\x86b."
        ),
    )
    yield (
        "partial of a command",
        (
            b"\x80\x04" + text("functools") + text("partial") + b"\x93" + text("os") + text("system") + b"\x93"
            b"\x85R" + text(COMMAND) + b"\x85R."
        ),
    )
    yield (
        "partial, called",
        (
            b"\x80\x04" + text("functools") + text("partial") + b"\x93" + text("numpy") + text("log") + b"\x93\x85R"
            b"K\x01\x85R."
        ),
    )
    yield (
        "reconstructor",
        b"\x80\x04"
        + text("copyreg")
        + text("_reconstructor")
        + b"\x93"
        + (text("subprocess") + text("Popen") + b"\x93" + text("builtins") + text("object") + b"\x93N\x87R."),
    )
    for module in ("operator", "functools", "importlib", "ctypes", "webbrowser", "pty", "code", "timeit", "pdb"):
        name = {"operator": "attrgetter", "functools": "reduce", "importlib": "import_module", "ctypes": "CDLL"}
        yield f"{module} itself", called(module, name.get(module, "run"), "os")
    yield "NEWOBJ of a function", (b"\x80\x04" + text("numpy._core.multiarray") + text("scalar") + b"\x93)\x81.")


GENERATED = dict(generated())
HOSTILE = GENERATED | dict(crafted())


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("code.py").write_text(CODE)
    Path("inner.pkl").write_bytes(pickle.dumps(Reduced(os.system, COMMAND)))
    return tmp_path


def test_a_hundred_hostile_pickles_run_nothing(place):
    assert len(HOSTILE) >= 100
    for name, content in HOSTILE.items():
        Path("m.pkl").write_bytes(content)
        with pytest.raises(InputError, match=r"^target\.path: ") as refused:
            load_trusted(Path("m.pkl"), trust=True)
        assert "\n" not in str(refused.value), name
        assert not Path(MARK).exists(), name


def test_they_would_run_code_where_nothing_guards_them(place):
    """The positive control: the same files, read as Python does."""
    ran = 0
    for content in [*GENERATED.values(), HOSTILE["distribution"], HOSTILE["distribution, pairs"]]:
        with contextlib.suppress(Exception):
            pickle.loads(content)
        ran += Path(MARK).exists()
        Path(MARK).unlink(missing_ok=True)
    assert ran >= 30


def test_pickles_in_the_guise_of_networks_run_nothing(place):
    for name, content in HOSTILE.items():
        Path("m.pt").write_bytes(content)
        with pytest.raises(InputError):
            load_weights(None, Path("m.pt"), trust=True)
        assert not Path(MARK).exists(), name
    torch.save({"net": Reduced(os.system, COMMAND)}, "m.pt")
    with pytest.raises(InputError, match="would run"):
        load_weights(None, Path("m.pt"), trust=True)
    assert not Path(MARK).exists()


@pytest.mark.parametrize("ending", ["joblib", "joblib.gz"])
def test_arrays_of_objects_hold_no_code(place, ending):
    joblib.dump({"x": np.array([Reduced(os.system, COMMAND)], dtype=object)}, f"m.{ending}")
    with pytest.raises(InputError, match=r"would run (posix|nt)\.system"):
        load_trusted(Path(f"m.{ending}"), trust=True)
    assert not Path(MARK).exists()
    joblib.dump({"x": np.array(["a", None, 1], dtype=object)}, f"m.{ending}")
    assert load_trusted(Path(f"m.{ending}"), trust=True)["x"].tolist() == ["a", None, 1]


def test_the_distributions_of_a_search_load_as_they_were(place):
    joblib.dump({"C": scipy.stats.loguniform(0.1, 10), "l1": scipy.stats.uniform(0, 1)}, "m.joblib")
    found = load_trusted(Path("m.joblib"), trust=True)
    assert found["C"].ppf(0.5) == pytest.approx(1.0) and found["l1"].mean() == 0.5


def test_what_a_module_of_ones_own_holds_of_others_is_not_its_own(place, monkeypatch):
    Path("mine.py").write_text("import os\nfrom os import system\n\nclass Mine:\n    pass\n")
    monkeypatch.syspath_prepend(str(place))
    importlib.invalidate_caches()
    sys.modules.pop("mine", None)
    mine = importlib.import_module("mine")
    Path("m.pkl").write_bytes(pickle.dumps(mine.Mine()))
    assert isinstance(load_trusted(Path("m.pkl"), True, ("mine",)), mine.Mine)
    for name in ("system", "os", "os.system"):
        Path("m.pkl").write_bytes(called("mine", name, COMMAND))
        with pytest.raises(InputError, match="would run mine"):
            load_trusted(Path("m.pkl"), True, ("mine",))
    assert not Path(MARK).exists()
    sys.modules.pop("mine")


def test_a_refusal_names_a_cure_that_is_none_for_the_attacker(place):
    Path("m.pkl").write_bytes(called("posix", "system", COMMAND))
    with pytest.raises(InputError) as refused:
        load_trusted(Path("m.pkl"), trust=True)
    assert "trusted_modules" not in str(refused.value) and "ONNX" in str(refused.value)


@pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning")
def test_every_listed_name_that_exists_here_is_what_it_is_called():
    for module, name in CONSTRUCTORS | VALUES:
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue  # of another version of its library
        assert not isinstance(found, types.ModuleType), (module, name)
        assert found not in (os.system, eval, exec, getattr, importlib.import_module)
    assert NumpyArrayWrapper.__module__ == "joblib.numpy_pickle" and "sklearn" in LIBRARIES
    assert functools.partial.__module__ == "functools"


def test_a_search_and_its_scorers_load_as_people_save_them(place):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    steps = make_pipeline(FunctionTransformer(np.log1p), SelectKBest(f_classif, k=2), LogisticRegression())
    search = GridSearchCV(steps, {"logisticregression__C": [0.1, 1.0]}, scoring=make_scorer(f1_score), cv=2)
    search.fit(np.abs(x), y)
    joblib.dump(search, "m.joblib")
    assert (load_trusted(Path("m.joblib"), trust=True).predict(np.abs(x)) == search.predict(np.abs(x))).all()


def test_a_pipeline_forgets_the_folder_of_its_memory():
    pipe = make_pipeline(LogisticRegression(), memory="somewhere")
    assert unfitted(pipe).memory is None and pipe.memory == "somewhere"


def test_files_of_skops_need_no_trust_and_name_what_they_hold(place):
    io_ = pytest.importorskip("skops.io")
    from divulge.targets.skops_files import load_skops

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    model = make_pipeline(LogisticRegression()).fit(x, y)
    io_.dump(model, "m.skops")
    assert (load_skops(Path("m.skops")).predict(x) == model.predict(x)).all()
    model.set_params(logisticregression=LogisticRegression()).fit(x, y)
    model.extra = types.SimpleNamespace(a=1)
    io_.dump(model, "m.skops")
    with pytest.raises(InputError, match=r"types\.SimpleNamespace"):
        load_skops(Path("m.skops"))
    with pytest.raises(InputError, match=r"types\.SimpleNamespace"):
        load_skops(Path("m.skops"), trust=False, trusted_modules=("types",))
    assert load_skops(Path("m.skops"), True, ("types",)).extra.a == 1
    io_.dump({"d": scipy.stats.uniform(0, 1)}, "m.skops")
    with pytest.raises(InputError, match="uniform"):
        load_skops(Path("m.skops"))
    Path("m.skops").write_bytes(Path("m.skops").read_bytes()[:100])
    with pytest.raises(InputError, match=r"cannot load m\.skops"):
        load_skops(Path("m.skops"))
