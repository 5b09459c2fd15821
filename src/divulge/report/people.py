"""How a report speaks of persons with several records, and of records that stand for themselves."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult, DataFacts
from divulge.core.wording import counted

HOW = {"mean": "the mean of their records' scores", "max": "the highest of their records' scores"}


def sizes(data: DataFacts, last: str = " and ") -> str:
    """'600 members and 500 non-members', or '60 persons and as many others (300 and 280 records)'."""
    if not data.member_persons:
        return f"{counted(data.members, 'member')}{last}{counted(data.nonmembers, 'non-member')}"
    same = data.member_persons == data.nonmember_persons
    others = "as many others" if same else counted(data.nonmember_persons, "other")
    persons = f"{counted(data.member_persons, 'person')}{last}{others}"
    return f"{persons} ({data.members:,} and {counted(data.nonmembers, 'record')})"


def compared(data: DataFacts) -> str:
    """'600 training records and 500 others', or '60 persons in the training data and 55 others'."""
    if data.member_persons:
        return f"{counted(data.member_persons, 'person')} in the training data and {data.nonmember_persons:,} others"
    return f"{counted(data.members, 'training record')} and {data.nonmembers:,} others"


def asked_about(data: DataFacts) -> str:
    """Whom the questions were about: '300 training records', or '60 persons with 300 training records'."""
    records = counted(data.members, "training record")
    return f"{counted(data.member_persons, 'person')} with {records}" if data.member_persons else records


def certainty(result: AuditResult) -> str:
    """What is counted, where it is not records; else nothing."""
    data = result.facts.data
    if not data.member_persons:
        return ""
    how = HOW.get(data.aggregate, "the sum of their records' scores")
    drawn = (
        f" Persons were sampled, trained on and judged as a whole: every figure counts persons, each by {how}, and an "
        "epsilon is one of persons (user-level)."
    )
    strongest = result.strongest()
    rows = [d for d in strongest.details if d.name == "auc_of_rows"] if strongest is not None else []
    if not rows or rows[0].low is None or rows[0].high is None:
        return drawn
    area = f"{rows[0].value:.3f} ({rows[0].low:.3f} to {rows[0].high:.3f}, persons as clusters)"
    return f"{drawn} Record by record the AUC of the strongest attack is {area}."
