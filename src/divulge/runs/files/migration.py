"""Run folders of schema 1, read by this version: rewritten once, in place; what is rewritten is kept under schema1/.

Schema 1 kept the evidence of each family in a folder and a form of its own, findings without a field for what they are
about, and no strength with an outcome.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from divulge.core.results.audit_result import SCHEMA_VERSION
from divulge.core.results.metric import FIDELITY, FIDELITY_BOUNDARY, FIDELITY_UNIFORM

Json = dict[str, Any]

BEFORE = ("scores", "curves", "thefts", "rebuilt", "inferred")
"""Folders that evidence/ has taken the place of."""

KEPT = "schema1"
WHERE = {"data": FIDELITY, "uniform": FIDELITY_UNIFORM, "boundary": FIDELITY_BOUNDARY}

STRENGTHS = {
    **{"learned_ratio": 1.0, "lira": 0.9, "rmia": 0.9, "loss": 0.7, "boundary_distance": 0.8, "equation_solving": 1.0},
    **{"knockoff": 0.9, "attribute_learned": 1.0, "attribute_membership": 0.8, "black_box_inversion": 0.7},
    **{"plug_and_play": 1.0, "stored_data": 1.0, "inverting_gradients": 1.0, "analytic_gradient": 0.9},
    **{"property_queries": 0.9, "property_parameters": 1.0},
}
"""Of attacks, as schema 1 had them in a table; 0.5 for the rest."""


GONE = ("the architecture",)
"""Knowledge that schema 1 named."""


def migrate(run: Path) -> None:
    """Bring a folder of schema 1 to this one; run.json comes last, so that what is interrupted is done again."""
    kept = run / KEPT
    kept.mkdir(exist_ok=True)
    (run / "evidence").mkdir(exist_ok=True)
    for name in BEFORE:
        if (run / name).is_dir():
            shutil.copytree(run / name, kept / name, dirs_exist_ok=True)
    for table in sorted((kept / "scores").glob("*.parquet")):
        shutil.copyfile(table, run / "evidence" / table.name)
    readers: dict[str, Callable[[Json], Json]] = {"curves": _curve, "thefts": _copy, "rebuilt": _rebuilt}
    for name, read in {**readers, "inferred": _inferred}.items():
        for path in sorted((kept / name).glob("*.json")):
            _write(run / "evidence" / path.name, read(_read(path)))
    for path in sorted((run / "outcomes").glob("*.json")):
        _rewrite(path, kept / "outcomes", _outcome)
    for name, change in (("findings.json", _findings), ("turned.json", _mitigations)):
        if (run / name).is_file():
            _rewrite(run / name, kept, change)
    _rewrite(run / "run.json", kept, _facts)
    for name in BEFORE:
        shutil.rmtree(run / name, ignore_errors=True)


def _facts(facts: Json) -> Json:
    """Without what an adversary was said to know and no attack ever asked for."""
    known = [word for word in facts["threat"]["knowledge"] if word not in GONE]
    return facts | {"schema_version": SCHEMA_VERSION, "threat": facts["threat"] | {"knowledge": known}}


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, content: Any) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2), encoding="utf-8")
    os.replace(partial, path)


def _rewrite(path: Path, kept: Path, change: Callable[[Any], Any]) -> None:
    """A file with its content changed; the first version of it is kept."""
    kept.mkdir(exist_ok=True)
    if not (kept / path.name).exists():
        shutil.copyfile(path, kept / path.name)
    _write(path, change(_read(kept / path.name)))


def _named(metric: str) -> Json:
    """'attribute_accuracy:sex' as a key and what it is about."""
    key, _, about = metric.partition(":")
    return {"metric": key, "about": about}


def _about(finding: Json) -> str:
    return str(finding["metric"].partition(":")[2])


def _lacking(rows: list[list[str]]) -> list[Json]:
    return [_named(metric) | {"reason": reason} for metric, reason in rows]


def _paired(measure: Json) -> Json:
    same = {name: measure[name] for name in ("hits", "units", "note", "known")}
    return same | _named(measure["metric"]) | {"baseline": measure["blind"], "type": "paired"}


def _quality(quality: Json, about: list[str]) -> Json:
    """The name of a quality began with what it was about, where there was something."""
    own = next((each for each in about if quality["name"].startswith(f"{each}: ")), "")
    name = quality["name"].removeprefix(f"{own}: ") if own else quality["name"]
    return {"name": name, "about": own, "values": quality["values"], "baseline": quality["blind"], "type": "quality"}


def _counted(agreement: Json) -> Json:
    counts = {name: agreement[name] for name in ("both", "copy_only", "baseline_only", "neither")}
    return counts | {"metric": WHERE[agreement["where"]], "type": "counted"}


def _curve(curve: Json) -> Json:
    return {"exhibits": [curve | {"type": "curve"}]}


def _copy(theft: Json) -> Json:
    exact = [
        {name: claim[name] for name in ("values", "recovered", "tolerance", "chance", "worst")}
        | {"metric": f"{claim['what']}_recovered", "notes": claim["told"], "type": "exact"}
        for claim in theft["recoveries"]
    ]
    names = ("right_copy", "right_target", "judged", "divergence", "divergence_error")
    exhibits = [step | {"agreement": _counted(step["agreement"]), "type": "step"} for step in theft["curve"]]
    exhibits += [alarm | {"type": "alarm"} for alarm in theft["alarms"]]
    if theft["agreements"]:
        exhibits.append({name: theft[name] for name in names} | {"type": "copy_quality"})
    return {
        "trials": [*map(_counted, theft["agreements"]), *exact],
        "exhibits": exhibits,
        "baseline": theft["baseline"],
        "lacking": _lacking(theft["lacking"]),
    }


def _rebuilt(rebuilt: Json) -> Json:
    trials = [_paired(each) for each in rebuilt["measures"]]
    about = [each["about"] for each in trials if each["about"]]
    exhibits = [_quality(each, about) for each in rebuilt["qualities"]]
    exhibits += [
        _renamed(each, "blind_recall", "blind_precision") | {"type": "value_row"} for each in rebuilt["values"]
    ]
    exhibits += [_renamed(each, "blind", "blind_score") | {"type": "picture"} for each in rebuilt["pictures"]]
    return {
        "trials": trials,
        "exhibits": exhibits,
        "baseline": rebuilt["baseline"],
        "notes": rebuilt["told"],
        "lacking": _lacking(rebuilt["lacking"]),
    }


def _renamed(row: Json, *names: str) -> Json:
    """With `blind...` as `baseline...`."""
    return {name.replace("blind", "baseline") if name in names else name: value for name, value in row.items()}


def _inferred(inferred: Json) -> Json:
    trials, exhibits = [], []
    for fact in inferred["facts"]:
        trials += [_paired(each) for each in fact["measures"]]
        exhibits += [_quality(each, [fact["text"]]) for each in fact["qualities"]]
        left = {name: value for name, value in fact.items() if name not in ("measures", "qualities", "told")}
        exhibits.append(left | {"notes": fact["told"], "type": "fact"})
    return {
        "trials": trials,
        "exhibits": exhibits,
        "baseline": inferred["baseline"],
        "notes": inferred["told"],
        "lacking": _lacking(inferred["lacking"]),
    }


def _outcome(stored: Json) -> Json:
    outcome = stored["outcome"]
    result = outcome["result"]
    if "findings" in result:
        measured = [_measurement(finding) for finding in result["findings"]]
        result = {name: value for name, value in result.items() if name != "findings"} | {"measurements": measured}
    strength = STRENGTHS.get(outcome["attack"], 0.5)
    return stored | {"outcome": outcome | {"result": result, "strength": strength}}


def _measurement(finding: Json) -> Json:
    """A draft of schema 1, whose verdict meant nothing."""
    left = {name: value for name, value in finding.items() if name not in ("verdict", "reason", "p_adjusted")}
    return left | {"about": _about(finding), "unmeasurable": finding["reason"]}


def _findings(content: Json) -> Json:
    found = [finding | {"about": _about(finding)} for finding in content["findings"]]
    return content | {"findings": found, "schema_version": SCHEMA_VERSION}


def _mitigations(rows: list[Json]) -> list[Json]:
    return [row | _named(row["metric"]) for row in rows]
