"""A run is a folder, written attack by attack, so that a crash loses at most the attack in progress.

run.json               what is known before the first attack: RunFacts
handshake.json         how the target answered before anything was attacked
baseline.json          the model-blind baseline
outcomes/NAME.json     what became of one attack, with the p-values of its negative control
evidence/NAME.json     what it achieved, and what its figures are drawn from
evidence/NAME.parquet  its score for every record
attributes.parquet     the sensitive attributes of every record
causes.json            what the members that are named have in common
what_if.json           what the model would leak if it were trained otherwise
turned.json            what is left of the other families' leaks when one thing is changed
risk.parquet           the risk of every member, and what is remarkable about it
stability.json         whether other trainings would expose the same members
next_model.json        what the next training is expected to give away
screen.json            what the losses foretold, and what was then measured
training.json          how shadow models were trained, one line each
e_values.json          evidence that may be looked at again, of each membership attack
predictive.json        how likely a record that is named is a member, over the usual base rates
record_keys.parquet    keyed digests of the records, by which another run knows them again
gains.json             what the closest copy opened up
claims/NAME.json       the result of one claim, as Python has it
corrections.json       what looking at many findings makes of each
findings.json          all findings under their final verdicts, rewritten after every attack
complete.json          there once every planned attack has an outcome
SHA256SUMS             checksums of all of these, see whole_files
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from divulge.core.errors import InputError, raised
from divulge.core.hashing import Array
from divulge.core.results.audit_result import (
    SCHEMA_VERSION,
    Baseline,
    Cause,
    Gain,
    LeftOut,
    Mitigation,
    RunFacts,
    Stability,
    WhatIf,
)
from divulge.core.results.evidence import Evidence
from divulge.core.results.finding import Correction, Finding, Outcome
from divulge.core.results.forecasts import Foretold, NextModel, Predictive
from divulge.core.results.handshake import Handshake
from divulge.core.results.trials import Scored
from divulge.runs.files.evidence_files import StoredEvidence, put_scores, scored_of, table_of
from divulge.runs.files.migration import migrate
from divulge.runs.files.whole_files import Held, check_all, check_plain, content_of, put, put_table, run_read, table_in

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import TypeAdapter

Stored = TypeVar("Stored")

EXPLANATION = ("causes.json", "what_if.json", "risk.parquet", "stability.json")
"""The files that say why a model leaks and whom it exposes."""


@dataclass(frozen=True)
class FindingsFile:
    """What findings.json holds.  families: the verdict of each family of attacks."""

    schema_version: int
    run: str
    verdict: str
    complete: bool
    findings: tuple[Finding, ...]
    families: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredOutcome:
    """What a file in outcomes/ holds."""

    outcome: Outcome
    control_p_values: tuple[float, ...]
    control_p_below: tuple[float, ...] = ()


@dataclass(frozen=True)
class Corrections:
    """What corrections.json holds: one for each finding, in their order.

    key: of the findings that they are about.  draws: splits that were drawn anew, 0 where none were.  level: of the
    bounds that hold for all findings at once.  bounded: whether they are there.
    """

    key: str
    draws: int
    level: float
    bounded: bool
    findings: tuple[Correction, ...]


class RunFolder:
    """Reads and writes the files of one run.  Every file appears whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: Held | None = None

    def hold(self) -> None:
        """Let no other process write to this run until `release`; raises InputError where another one does."""
        self._held = Held(self.path)

    def release(self) -> None:
        """Let others write to it."""
        if self._held is not None:
            self._held.release()
            self._held = None

    def check(self) -> None:
        """Raises InputError, which names the file, where a file is not what was written; see whole_files."""
        check_all(self.path, self.complete)

    def create(self, facts: RunFacts) -> None:
        """Begin a new run; raises InputError when the folder holds one already."""
        try:
            if (self.path / "run.json").exists():
                raise FileExistsError
            for part in ("outcomes", "evidence"):
                (self.path / part).mkdir(parents=True, exist_ok=True)
            put(self.path, "run.json", _adapter(cast(Any, RunFacts)).dump_json(facts, indent=2), new=True)
        except FileExistsError:
            raise InputError(
                f"{self.path} already holds a run: choose another folder, or go on with --resume"
            ) from None
        except OSError as error:
            raise InputError(f"{self.path} cannot be written to ({raised(error)}): choose another folder") from error

    def facts(self) -> RunFacts:
        """Raises InputError when the folder is no run of this version of divulge."""
        path = self.path / "run.json"
        if not path.is_file():
            raise InputError(f"{self.path} is not a run: it has no run.json (looked in {self.path.absolute()})")
        with run_read(self.path):
            check_plain(self.path)
            if _version(path) == 1:
                migrate(self.path)
        version = _version(path)
        if version != SCHEMA_VERSION:
            raise InputError(f"{path} has schema version {version}, this divulge reads {SCHEMA_VERSION}: audit again")
        return self._read(path, RunFacts)

    def write_handshake(self, handshake: Handshake) -> None:
        """Keep how the target answered at first."""
        self._write("handshake.json", handshake, Handshake)

    def handshake(self) -> Handshake | None:
        """How the target answered at first; None where a run has no handshake."""
        path = self.path / "handshake.json"
        return self._read(path, Handshake) if path.is_file() else None

    def write_baseline(self, baseline: Baseline) -> None:
        """Keep the baseline."""
        self._write("baseline.json", baseline, Baseline)

    def baseline(self) -> Baseline | None:
        """The baseline, if it was computed."""
        path = self.path / "baseline.json"
        return self._read(path, Baseline) if path.is_file() else None

    def write_outcome(self, stored: StoredOutcome) -> None:
        """Keep what became of one attack.  Written last, so that an outcome has its scores and its curve."""
        self._write(f"outcomes/{stored.outcome.attack}.json", stored, StoredOutcome)

    def outcomes(self) -> dict[str, StoredOutcome]:
        """All outcomes so far, by attack."""
        paths = sorted((self.path / "outcomes").glob("*.json"))
        return {path.stem: self._read(path, StoredOutcome) for path in paths}

    def write_evidence(self, attack: str, evidence: Evidence, row: Array, y: Array) -> None:
        """Keep what one attack achieved.  row, y: [candidates], where each stood in the set that it was given in, and
        its target.
        """
        for scored in evidence.of(Scored):
            put_scores(self.path, attack, table_of(scored, row[scored.trial], y[scored.trial]))
        self._write(f"evidence/{attack}.json", StoredEvidence.of(evidence), StoredEvidence)

    def evidence(self, attack: str) -> Evidence:
        """What one attack achieved, scores included."""
        kept = self._read(self.path / "evidence" / f"{attack}.json", StoredEvidence)
        if not self.has_scores(attack):
            return kept.evidence()
        return kept.evidence(scored_of(self.scores(attack), self.facts().data.aggregate))

    def all_evidence(self) -> dict[str, Evidence]:
        """What each attack achieved, without the scores themselves."""
        paths = sorted((self.path / "evidence").glob("*.json"))
        return {path.stem: self._read(path, StoredEvidence).evidence() for path in paths}

    def write_gains(self, gains: tuple[Gain, ...]) -> None:
        """Keep what a copy opened up."""
        self._write("gains.json", gains, tuple[Gain, ...])

    def gains(self) -> tuple[Gain, ...]:
        """What a copy opened up; empty where no chain was played."""
        return self._rows("gains.json", tuple[Gain, ...])

    def write_left_out(self, left_out: tuple[LeftOut, ...]) -> None:
        """Keep which attacks there was no time for."""
        self._write("left_out.json", left_out, tuple[LeftOut, ...])

    def left_out(self) -> tuple[LeftOut, ...]:
        """The attacks that there was no time for."""
        return self._rows("left_out.json", tuple[LeftOut, ...])

    def write_claim(self, name: str, result: Any) -> None:
        """Keep what one claim came to, a dataclass; what is not finite stays so."""
        (self.path / "claims").mkdir(exist_ok=True)
        text = json.dumps(asdict(result), indent=2, default=_plain)
        put(self.path, f"claims/{name}.json", text.encode())

    def claim(self, name: str, kind: type[Stored]) -> Stored:
        """What one claim came to.  kind: the dataclass that it was."""
        return self._read(self.path / "claims" / f"{name}.json", kind)

    def has_claim(self, name: str) -> bool:
        """Whether one claim came to its end."""
        return (self.path / "claims" / f"{name}.json").is_file()

    def has_scores(self, attack: str) -> bool:
        """Whether one attack left a score for every record."""
        return (self.path / "evidence" / f"{attack}.parquet").is_file()

    def scores(self, attack: str) -> pd.DataFrame:
        """Columns member, row, y, score for one attack, and person where several records belong to one; raises
        InputError where it left none.
        """
        if not self.has_scores(attack):
            known = ", ".join(sorted(path.stem for path in (self.path / "evidence").glob("*.parquet")))
            raise InputError(f"there are no scores of attack {attack!r} in this run; there are {known or 'none'}")
        return table_in(self.path, self.path / "evidence" / f"{attack}.parquet", "member", "row", "y", "score")

    def write_e_values(self, values: Mapping[str, float]) -> None:
        """Keep the e-value of each membership attack, see stats.e_values."""
        self._write("e_values.json", dict(values), dict[str, float])

    def e_values(self) -> dict[str, float] | None:
        """The e-value of each membership attack; None where a run has none, because it is older or was cut short."""
        path = self.path / "e_values.json"
        return self._read(path, dict[str, float]) if path.is_file() else None

    def write_predictive(self, values: tuple[Predictive, ...]) -> None:
        """Keep how likely a record that is named is a member."""
        self._write("predictive.json", values, tuple[Predictive, ...])

    def predictive(self) -> tuple[Predictive, ...]:
        """How likely a record that is named is a member, over the usual base rates; empty where that is not known."""
        return self._rows("predictive.json", tuple[Predictive, ...])

    def write_findings(self, content: FindingsFile) -> None:
        """Rewrite findings.json."""
        self._write("findings.json", content, FindingsFile)

    def write_corrections(self, corrections: Corrections) -> None:
        """Keep what the findings were corrected by, so that a run is opened without drawing splits again."""
        self._write("corrections.json", corrections, Corrections)

    def corrections(self) -> Corrections | None:
        """What the findings were corrected by when they were last published; None where that is not known."""
        path = self.path / "corrections.json"
        return self._read(path, Corrections) if path.is_file() else None

    def findings(self) -> FindingsFile | None:
        """findings.json, if there is one."""
        path = self.path / "findings.json"
        return self._read(path, FindingsFile) if path.is_file() else None

    def write_attributes(self, frame: pd.DataFrame) -> None:
        """Keep the sensitive attributes of every record, if there are any."""
        if len(frame.columns) > 2:
            put_table(self.path, "attributes.parquet", frame)

    def attributes(self) -> pd.DataFrame | None:
        """Columns member, row, and one for each sensitive attribute; None where none is sensitive."""
        path = self.path / "attributes.parquet"
        return table_in(self.path, path, "member", "row") if path.is_file() else None

    def write_causes(self, causes: tuple[Cause, ...], what_if: tuple[WhatIf, ...] = ()) -> None:
        """Keep what named members have in common, and what the model would leak if it were trained otherwise."""
        self._write("causes.json", causes, tuple[Cause, ...])
        self._write("what_if.json", what_if, tuple[WhatIf, ...])

    def what_if(self) -> tuple[WhatIf, ...]:
        """What the model would leak if it were trained otherwise; empty where that was not looked into."""
        return self._rows("what_if.json", tuple[WhatIf, ...])

    def write_turned(self, rows: tuple[Mitigation, ...]) -> None:
        """Keep what is left of the other families' leaks when one thing is changed."""
        self._write("turned.json", rows, tuple[Mitigation, ...])

    def mitigations(self) -> tuple[Mitigation, ...]:
        """What is left of the other families' leaks when one thing is changed; empty where that was not looked into."""
        return self._rows("turned.json", tuple[Mitigation, ...])

    def write_risk(self, members: pd.DataFrame, steady: Stability | None) -> None:
        """Keep the risk of every member, and whether other trainings would expose the same ones."""
        put_table(self.path, "risk.parquet", members)
        if steady is not None:
            self._write("stability.json", steady, Stability)

    def risk(self) -> pd.DataFrame | None:
        """One row a member, see `retrained.per_record`; None where no leak was found."""
        path = self.path / "risk.parquet"
        return table_in(self.path, path) if path.is_file() else None

    def stability(self) -> Stability | None:
        """Whether other trainings would expose the same members; None where that is not known."""
        path = self.path / "stability.json"
        return self._read(path, Stability) if path.is_file() else None

    def write_screen(self, rows: tuple[Foretold, ...]) -> None:
        """Keep what the losses foretold."""
        self._write("screen.json", rows, tuple[Foretold, ...])

    def screen(self) -> tuple[Foretold, ...]:
        """What the losses foretold; empty where the loss attack was not played."""
        return self._rows("screen.json", tuple[Foretold, ...])

    def write_next_model(self, rows: tuple[NextModel, ...]) -> None:
        """Keep what the next training is expected to give away."""
        self._write("next_model.json", rows, tuple[NextModel, ...])

    def next_model(self) -> tuple[NextModel, ...]:
        """What the next training is expected to give away; empty where that is not known."""
        return self._rows("next_model.json", tuple[NextModel, ...])

    def causes(self) -> tuple[Cause, ...]:
        """What named members have in common; empty where that was not looked into."""
        return self._rows("causes.json", tuple[Cause, ...])

    def write_training(self, notes: list[str], outdated: str = "") -> None:
        """Keep how models were trained, after what is known already, without a note that no longer holds."""
        before = self.training()
        lines = [*(line for line in before if line != outdated), *notes]
        if lines != before:
            put(self.path, "training.json", json.dumps(lines).encode())

    def training(self) -> list[str]:
        """How models were trained, one line each."""
        path = self.path / "training.json"
        return self._read(path, list[str]) if path.is_file() else []

    def finish(self) -> None:
        """Mark the run as complete."""
        put(self.path, "complete.json", json.dumps({"complete": True}).encode())

    @property
    def complete(self) -> bool:
        """Whether every planned attack has an outcome."""
        return (self.path / "complete.json").is_file()

    def _write(self, name: str, value: Any, kind: type[Any]) -> None:
        put(self.path, name, _adapter(cast(Any, kind)).dump_json(value, indent=2))

    def _rows(self, name: str, kind: type[Stored]) -> Stored | tuple[()]:
        return self._read(self.path / name, kind) if (self.path / name).is_file() else ()

    def _read(self, path: Path, kind: type[Stored]) -> Stored:
        from pydantic import ValidationError

        try:
            found: Stored = _adapter(cast(Any, kind)).validate_json(content_of(self.path, path))
            return found
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise InputError(f"{path} is damaged ({where}: {first['msg']}): audit again") from error


def _plain(value: Any) -> Any:
    """What JSON writes of a number of numpy's, or of a path."""
    return value.item() if hasattr(value, "item") else str(value)


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Reads and writes one kind of value; making one takes longer than using it."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _version(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("schema_version")
    except (ValueError, AttributeError, RecursionError, OSError) as error:
        raise InputError(f"{path} is damaged (it is not JSON): audit again") from error
