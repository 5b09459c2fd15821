"""What an attack achieved, as a run keeps it: scores as a table, everything else as text."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.audit_result import AuditResult
from divulge.core.results.evidence import Evidence, Lacking
from divulge.core.results.exhibits import Exhibit
from divulge.core.results.trials import Counted, Exact, Paired, Scored
from divulge.runs.files.whole_files import put_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class StoredEvidence:
    """Evidence less the scores themselves."""

    trials: tuple[Paired | Counted | Exact, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    baseline: str = ""
    notes: tuple[str, ...] = ()
    lacking: tuple[Lacking, ...] = ()

    @classmethod
    def of(cls, evidence: Evidence) -> StoredEvidence:
        """What of some evidence is text."""
        trials = tuple(trial for trial in evidence.trials if not isinstance(trial, Scored))
        return cls(trials, evidence.exhibits, evidence.baseline, evidence.notes, evidence.lacking)

    def evidence(self, *scored: Scored) -> Evidence:
        """The evidence again, with its scores where they are wanted."""
        return Evidence((*scored, *self.trials), self.exhibits, self.baseline, self.notes, self.lacking)


def table_of(scored: Scored, row: Array, y: Array) -> pd.DataFrame:
    """The score of every record, in the order in which the sets were given: columns member, row, y, score, and where
    there are some tie_break and person.

    row, y: [trials], where each record stood in the set that it was given in, and its target.
    """
    import pandas as pd

    order = np.lexsort((row, ~scored.exposed))
    columns = {"member": scored.exposed, "row": row, "y": y, "score": scored.score}
    if scored.tie_break is not None:
        columns["tie_break"] = scored.tie_break
    if scored.grouped:
        columns["person"] = scored.unit
    return pd.DataFrame({name: values[order] for name, values in columns.items()})


def scored_of(frame: pd.DataFrame, aggregate: str) -> Scored:
    """Trials from such a table.  aggregate: how scores of one person become one."""
    index = np.arange(len(frame))
    tie_break = frame["tie_break"].to_numpy() if "tie_break" in frame.columns else None
    unit = frame["person"].to_numpy() if "person" in frame.columns else index
    return Scored(frame["score"].to_numpy(), frame["member"].to_numpy(), unit, index, tie_break, aggregate or "mean")


def json_of(result: AuditResult) -> str:
    """A whole result as text.  Its evidence holds no scores; what is not a number becomes null."""
    from pydantic_core import to_json

    content = {each.name: getattr(result, each.name) for each in fields(result)}
    content["evidence"] = {name: StoredEvidence.of(each) for name, each in result.evidence.items()}
    return to_json(content, indent=2, inf_nan_mode="null").decode()


def put_scores(run: Path, attack: str, table: pd.DataFrame) -> None:
    """Keep the scores of one attack, which are found in `scores` too, where tables lay in schema 1."""
    put_table(run, f"evidence/{attack}.parquet", table)
    with suppress(OSError):  # there already, or a system without links
        (run / "scores").symlink_to("evidence", target_is_directory=True)
