"""A model that is asked under encryption: by CKKS (TenSEAL), or shared among three parties (MPyC).

Encryption hides the question from whoever computes.  It does not change the answer, and whoever asks sees it: what
answers leak, they leak under encryption too.  MPyC hides the weights from whoever asks, but for what answers tell.
CKKS alone does not promise that: without circuit privacy (noise flooding), which TenSEAL has not, the noise of a
decrypted answer depends on the weights; and answers that are handed on after decryption are outside of its proof
(IND-CPA-D, Li and Micciancio 2021).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.targets import HasModule, classes_of, estimator_of
from divulge.core.errors import InputError, MissingExtra, TargetError
from divulge.core.hashing import Array, digest, row_digests
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access, Task, closure
from divulge.targets.services.plain_layers import Layered, layered

SCHEMES = ("ckks", "mpc")
NO_CIRCUIT_PRIVACY = (
    "no proof hides the weights from whoever asks: CKKS has no circuit privacy here, and decrypted answers that are "
    "handed on weaken it"
)
"""Said with every cost of CKKS."""

PATIENCE = 600
"""Seconds after which parties that have not answered are given up."""


@dataclass
class EncryptionCost:
    """Of all questions so far.  sent: bytes that left whoever asks; received: that came back, or between parties.
    keys: bytes of keys that the server must be given before the first question.
    """

    questions: int = 0
    seconds: float = 0.0
    sent: int = 0
    received: int = 0
    keys: int = 0

    def __str__(self) -> str:
        each = max(self.questions, 1)
        return (
            f"{self.questions} questions, {1e3 * self.seconds / each:.1f} ms, {self.sent // each:,} bytes sent and "
            f"{self.received // each:,} received for each"
            + (f", after {self.keys:,} bytes of keys" if self.keys else "")
        )


@dataclass(eq=False)
class EncryptedTarget:
    """See core.target.Target: `inner`, asked under encryption.  Answers of records are kept and not asked for twice.

    scheme: "ckks" for TenSEAL, where whoever asks holds the key; "mpc" for three processes of MPyC on this machine: one
    holds the weights, one asks, one helps, and no two numbers meet unshared.
    sample: records of whoever asks: by their mean and spread questions are centred and scaled before they are
    encrypted, and from them the range of what goes into activations is learned, with a margin of a fifth.
    """

    inner: Target
    scheme: str
    sample: Records
    cost: EncryptionCost = field(default_factory=EncryptionCost)

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise InputError(f"encrypted: {self.scheme!r} is unknown: choose one of {', '.join(SCHEMES)}")
        if self.inner.task is not Task.CLASSIFICATION:
            raise InputError("encrypted: classifiers are carried out, and this model predicts values")
        model = self.inner.module if able(self.inner, HasModule) else estimator_of(self.inner)
        rows = self.sample.flat()
        self._middle, self._spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
        plain: Layered = layered(model, self.sample).around(self._middle, self._spread)
        reach = plain.ranges(self._asked(rows))
        self._layers, self._polynomials = plain.shrunk(tuple(1.2 * far for far in reach))
        self._known: dict[bytes, Array] = {}
        self._ckks: Any = None

    @property
    def name(self) -> str:
        """See Target."""
        return f"{self.inner.name} under {'CKKS' if self.scheme == 'ckks' else 'MPC'}"

    @property
    def task(self) -> Task:
        """See Target."""
        return self.inner.task

    @property
    def estimator(self) -> Any:
        """Of the inner target, for a recipe like it; raises AttributeError where it has none."""
        return self.inner.estimator  # type: ignore[attr-defined]

    @property
    def classes(self) -> Any:
        """See the inner target."""
        return classes_of(self.inner)

    @property
    def cacheable(self) -> bool:
        """Answers carry the noise of encryption, which differs from run to run."""
        return False

    @property
    def offers(self) -> frozenset[Access]:
        """Scores, and what follows from them."""
        return self.inner.offers & closure({Access.SCORES})

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access not in self.offers:
            raise TargetError(f"{self.name} has no port for {access.value}")
        keys = row_digests(records.x)
        new = [n for n, key in enumerate(keys) if key not in self._known]
        if new:
            rows = self._asked(records.flat()[new])
            started = time.perf_counter()
            found = self._by_ckks(rows) if self.scheme == "ckks" else self._by_parties(rows)
            self.cost.seconds += time.perf_counter() - started
            self.cost.questions += len(new)
            for n, scores in zip(new, self._layers.log_scores(found), strict=True):
                self._known[keys[n]] = scores
        answers = np.stack([self._known[key] for key in keys])
        return np.asarray(answers.argmax(axis=1)) if access is Access.LABEL else answers

    def fingerprint(self) -> str:
        """See Target."""
        return digest("encrypted", self.scheme, self.inner.fingerprint(), self.sample.fingerprint())

    def provenance_note(self) -> str:
        """For the report."""
        return f"{self.name}: {self.cost}" + (f"; {NO_CIRCUIT_PRIVACY}" if self.scheme == "ckks" else "")

    def plain(self, records: Records) -> Array:
        """What the same polynomials and matrices say in the clear: logits [records, outputs]."""
        return self._layers.logits(self._asked(records.flat()), self._polynomials)

    def _asked(self, x: Array) -> Array:
        """Centred and scaled: [records, inputs]."""
        return np.asarray((x.reshape(len(x), -1) - self._middle) / self._spread)

    def _context(self) -> Any:
        """The library; whoever asks, with keys for as many multiplications in a row as the layers take, at 128 bits of
        security; and the server, which is sent all of them but the secret one.
        """
        if self._ckks is None:
            try:
                import tenseal
            except ModuleNotFoundError as error:
                raise MissingExtra("tenseal", "encrypted") from error
            depth = len(self._layers.weights) + 2 * len(self._layers.activations)
            degree, bits = (8192, [60, *[40] * depth, 60]) if depth <= 2 else (16384, [60, *[40] * depth, 60])
            if sum(bits) > 438:
                raise InputError(f"encrypted: {len(self._layers.weights)} layers are too deep for CKKS here: at most 3")
            context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, degree, coeff_mod_bit_sizes=bits)
            context.global_scale = 2**40
            context.generate_galois_keys()
            keys = context.serialize(save_secret_key=False)
            self.cost.keys += len(keys)
            self._ckks = tenseal, context, tenseal.context_from(keys)
        return self._ckks

    def _by_ckks(self, rows: Array) -> Array:
        """Whoever asks encrypts, the server computes on ciphertexts, whoever asks decrypts."""
        tenseal, context, server = self._context()
        layers, answers = self._layers, []
        for row in rows:
            question = tenseal.ckks_vector(context, row.tolist())
            sent = question.serialize()
            work = tenseal.ckks_vector_from(server, sent)
            for number, (weights, bias) in enumerate(zip(layers.weights, layers.biases, strict=True)):
                work = work.matmul(weights.tolist()) + bias.tolist()
                if number < len(layers.activations):
                    work = work.polyval(self._polynomials[number].tolist())
            back = work.serialize()
            self.cost.sent += len(sent)
            self.cost.received += len(back)
            answers.append(tenseal.ckks_vector_from(context, back).decrypt())
        return np.array(answers)

    def _by_parties(self, rows: Array) -> Array:
        """Three processes; each reads only its own file."""
        if find_spec("mpyc") is None:  # imported here it would read this process's own command line, and end it
            raise MissingExtra("mpyc", "encrypted")
        layers = self._layers
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            parts: dict[str, Any] = {f"w{n}": w for n, w in enumerate(layers.weights)} | {
                f"b{n}": b for n, b in enumerate(layers.biases)
            }
            parts |= {f"p{n}": p for n, p in enumerate(self._polynomials)}
            np.savez(folder / "owner.npz", **parts)
            np.savez(folder / "asker.npz", x=rows)
            shape = [len(layers.weights), *(w.shape[0] for w in layers.weights), layers.weights[-1].shape[1], len(rows)]
            (folder / "shape.json").write_text(json.dumps(shape), encoding="utf-8")
            script = Path(__file__).with_name("mpc_party.py")
            command = [sys.executable, str(script), "-M3", "--no-log", str(folder)]
            try:
                done = subprocess.run(
                    command,
                    capture_output=True,
                    encoding="utf-8",
                    errors="replace",
                    timeout=PATIENCE,
                    check=False,
                    env=_alone(),
                    cwd=place,
                )
            except subprocess.TimeoutExpired as error:
                raise TargetError(
                    f"three parties did not answer within {PATIENCE} s: ask about fewer records"
                ) from error
            if done.returncode or not (folder / "answer.npy").is_file():
                last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
                raise TargetError(f"three parties did not come to an answer: {last}")
            sizes = json.loads((folder / "bytes.json").read_text(encoding="utf-8"))
            self.cost.sent += int(sizes["asker"])
            self.cost.received += int(sizes["all"]) - int(sizes["asker"])
            return np.asarray(np.load(folder / "answer.npy"))


def _alone() -> dict[str, str]:
    """One thread a process, since there are three; and the libraries that a script imports are not its neighbours."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"}
