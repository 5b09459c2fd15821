"""One model under one attack: what came of it, and whether that agrees with what was worked out beside it."""

from __future__ import annotations

import tempfile
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import divulge
from attacked.references import Reference
from attacked.subjects import Subject, Tables, tables
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.errors import AccessDenied, DivulgeError, Impossible
from divulge.core.game import Arm
from divulge.core.records import Records
from divulge.core.results.evidence import Evidence
from divulge.core.results.metric import FIDELITY, RECORDS_EXACT
from divulge.core.threat import PRESETS, Access, Knowledge, Task, missing
from divulge.core.views.extraction import ExtractionAuxiliary, ExtractionGuess
from divulge.data.arrays import from_arrays
from divulge.games.extraction import ExtractionGame
from divulge.setup.sources.targets_from import target_from
from divulge.training.surrogates.students import SurrogateTrainer

QUERIES = 500
STEPS = 200
WEAKER = 0.1
"""A copy may be so much worse than that of the own student: three standard errors of 300 records, and more."""

ATTACKS: dict[str, dict[str, Any]] = {
    "equation_solving": {},
    "lowd_meek": {"queries": 20_000},
    "tree_paths": {},
    "tree_paths_by_scores": {"queries": 20_000},
    "relu_network": {},
    "last_layer": {},
    "regularization": {},
    "knockoff": {"queries": (QUERIES,)},
    "copycat": {"queries": (QUERIES,)},
    "stored_data": {},
}
OPEN = replace(
    PRESETS["published-model"],
    knowledge=PRESETS["published-model"].knowledge | {Knowledge.TRAINING_DATA},
    query_budget=None,
)


@dataclass(frozen=True)
class Cell:
    """shown: what came of it, in a few words.  wrong: why that cannot be; empty where all is well."""

    attack: str
    shown: str
    wrong: str = ""


class Victim:
    """A fitted model, its records as divulge holds them, and what must be found."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.tables: Tables = tables(subject)
        self.model = subject.make(*self.tables.own)
        self.reference = Reference(subject, self.model, self.tables)
        task = None if subject.classes else Task.REGRESSION
        settings = {} if task is None else {"task": task}
        sets = [self.tables.own, self.tables.held, self.tables.public]
        self.own, self.held, self.public = from_arrays(sets, **settings)
        self.target = target_from(self.model)
        self.room = SurrogateTrainer(self.held, STEPS)
        self.game = ExtractionGame(self.target, self.held, 0, None, self.public, self.own)

    def cell(self, name: str) -> Cell:
        """One attack on it."""
        if name == "stored_data":
            return self._stored()
        made = attack(name, **ATTACKS[name])
        lacks = missing(made.card.needs, OPEN)
        try:
            if self.target.task not in made.card.needs.tasks:
                raise Impossible(f"it is for {' and '.join(sorted(t.value for t in made.card.needs.tasks))}")
            if made.card.needs.access not in self.target.offers | {Access.LABEL, Access.PARAMETERS}:
                raise Impossible(f"the model offers no {made.card.needs.access.value}")
            guess, evidence = self._played(made)
        except (Impossible, AccessDenied) as refusal:
            return Cell(name, f"refused: {refusal}", self._should_have(name))
        except DivulgeError as error:
            return Cell(name, f"failed: {error}", "a failure")
        except Exception as error:  # what foreign code raises is what is looked for here
            return Cell(name, f"failed: {type(error).__name__}: {error}", traceback.format_exc(limit=-2))
        return self._judged(name, guess, evidence) if not lacks else Cell(name, "refused", "; ".join(lacks))

    def _played(self, made: Any) -> tuple[ExtractionGuess, Evidence]:
        (dealt,) = self.game.deal(Arm.TARGET)
        oracle = GrantedOracle(self.target, OPEN, made.card.uses or made.card.needs.access)
        means = ExtractionAuxiliary(self.public, self.own, self.room)
        guess = made.run(dealt.open(oracle, made.card, means, np.random.default_rng(0)))
        return guess, dealt.judge(guess)

    def _should_have(self, name: str) -> str:
        """Why a refusal is wrong; empty where it is right."""
        own = self.reference
        if name == "equation_solving" and own.linear:
            return f"by least squares {own.linear} are linear in the inputs"
        if own.leaves and (name == "tree_paths_by_scores" or (name == "tree_paths" and self.subject.classes)):
            return f"it is a tree of {own.leaves} leaves"
        if name == "relu_network" and self.subject.neurons:
            return "it is a network with one hidden layer of ReLU"
        if name == "knockoff" or (name == "copycat" and self.subject.classes):
            return "every model can be copied by a student"
        return ""

    def _judged(self, name: str, guess: ExtractionGuess, evidence: Evidence) -> Cell:
        shown, wrong = [], []
        if guess.surrogate is not None:
            mine, stated = self._copied(guess.surrogate), self._stated(evidence)
            shown.append(f"copy {mine:.2f}")
            if stated is not None and abs(mine - stated) > 1e-6 * max(1, abs(mine)):
                wrong.append(f"its copy is right on {mine:.4f} of the unseen records, and {stated:.4f} is stated")
            wrong += self._too_weak(name, mine)
        for claim in guess.claims:
            true = self.target.secrets().settings.get(claim.name) if hasattr(self.target, "secrets") else None
            shown.append(f"{claim.name} {claim.value if isinstance(claim.value, str) else f'{claim.value:.4g}'}")
            if claim.name == "hidden_width":
                if claim.value != self.reference.rank:
                    wrong.append(f"the rank of 4,000 answers is {self.reference.rank}")
            elif not isinstance(true, (int, float)) or isinstance(claim.value, str):
                wrong.append(f"{claim.name} is claimed, and nothing is known of it")
            elif abs(claim.value - true) > 0.01 * abs(true):
                wrong.append(f"{claim.name} is {true:.4g}")
        found = [e for e in evidence.exact if name in ("tree_paths",)]
        for exact in found:
            shown.append(f"{exact.recovered} of {exact.values} leaves")
            if not exact.recovered == exact.values == self.reference.leaves:
                wrong.append(f"there are {self.reference.leaves} leaves")
        return Cell(name, ", ".join(shown), "; ".join(wrong))

    def _too_weak(self, name: str, mine: float) -> list[str]:
        bar = {"equation_solving": 0.99, "lowd_meek": 0.97, "tree_paths": 0.99, "relu_network": 0.99}.get(name)
        if bar is not None:
            bar *= self.reference.consistent
        if name in ("knockoff", "copycat"):
            bar = self.reference.student - WEAKER
        if name == "tree_paths_by_scores" and self.reference.leaves:
            bar = 0.97
        return [] if bar is None or mine >= bar else [f"at least {bar:.2f} is to be had"]

    def _copied(self, surrogate: Any) -> float:
        """Share of the unseen records with the model's own answer, or R2, from the model's own methods."""
        truth, answered = self.reference.answers(self.tables.held[0]), surrogate.log_scores(self.held)
        if self.subject.classes:
            return float((answered.argmax(axis=1) == truth).mean())
        spread = ((truth - truth.mean()) ** 2).sum()
        if spread <= 1e-12 * (truth**2).sum():  # a constant
            return float(np.allclose(answered.ravel(), truth))
        return 1 - float(((answered.ravel() - truth) ** 2).sum() / spread)

    def _stated(self, evidence: Evidence) -> float | None:
        """What divulge says of the same copy; of values it says how much less than a rival's its errors are, which is
        another figure.
        """
        if not self.subject.classes:
            return None
        return next(a.copy for a in evidence.counted if a.metric == FIDELITY)

    def _stored(self) -> Cell:
        """Through the front door: whose records lie in the file, and how many."""
        own, held = self.tables.own, self.tables.held
        size = len(own[0])
        with tempfile.TemporaryDirectory() as folder:
            run = divulge.audit(
                self.model,
                own,
                (held[0][:size], held[1][:size]),
                attacks=["stored_data"],
                threat="published-model",
                recipe=None,
                cache=False,
                progress=None,
                out=Path(folder) / "run",
            )
        (outcome,) = run.outcomes
        failed = getattr(outcome.result, "error", "")
        if failed:
            return Cell("stored_data", f"failed: {failed}", "a failure")
        refused = getattr(outcome.result, "reason", "")
        found = {f.metric: f for f in run.findings}
        exact = found.get(RECORDS_EXACT)
        value = 0.0 if exact is None or exact.value is None else exact.value
        true = self.reference.stored
        shown = f"refused: {refused}" if refused else f"{value:.2f} of the records"
        wrong = "" if abs(value - true) < 1e-9 else f"a search of the heap finds {true:.2f} of them"
        if not wrong and true > 0.1 and exact is not None and exact.verdict.value != "leak":
            wrong = f"the verdict is {exact.verdict.value}"
        return Cell("stored_data", shown, wrong)


__all__ = ["ATTACKS", "Cell", "Records", "Victim"]
