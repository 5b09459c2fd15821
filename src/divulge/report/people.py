"""How a report speaks of persons with several records, and of records that stand for themselves."""

from __future__ import annotations

from divulge.core.dossier import DataFacts, Dossier
from divulge.core.finding import Finding
from divulge.core.wording import counted, percent

HOW = {"mean": "the mean of their records' scores", "max": "the highest of their records' scores"}


def sizes(data: DataFacts, last: str = " and ") -> str:
    """'600 members and 500 non-members', or '60 persons and as many others (300 and 280 records)'."""
    if not data.member_persons:
        return f"{counted(data.members, 'member')}{last}{counted(data.nonmembers, 'non-member')}"
    same = data.member_persons == data.nonmember_persons
    others = "as many others" if same else counted(data.nonmember_persons, "other")
    persons = f"{counted(data.member_persons, 'person')}{last}{others}"
    return f"{persons} ({data.members:,} and {counted(data.nonmembers, 'record')})"


def asked_about(data: DataFacts) -> str:
    """Whom the questions were about: '300 training records', or '60 persons with 300 training records'."""
    records = counted(data.members, "training record")
    return f"{counted(data.member_persons, 'person')} with {records}" if data.member_persons else records


def picks(finding: Finding, title: str) -> str:
    """'shown one member and one non-member, the attack picks the member': how an AUC is read."""
    if finding.unit == "person":
        shown = "shown the records of one person who was in the training data and of one who was not"
        return f"{shown}, the attack “{title}” picks the former"
    return f"shown one member and one non-member, the attack “{title}” picks the member"


def named(finding: Finding, title: str) -> str:
    """'While wrongly naming 1 % of the non-members, the attack names 57 % of the members'."""
    wrongly, rightly = percent(finding.chance), percent(finding.value or 0)
    if finding.unit == "person":
        strangers = f"{wrongly} of the persons who were not in it"
        return f"While wrongly naming {strangers}, “{title}” names {rightly} of those who were"
    return f"While wrongly naming {wrongly} of the non-members, “{title}” names {rightly} of the members"


def certainty(dossier: Dossier) -> str:
    """What is counted, where it is not records; else nothing."""
    data = dossier.facts.data
    if not data.member_persons:
        return ""
    how = HOW.get(data.aggregate, "the sum of their records' scores")
    told = (
        f" Persons were drawn, trained on and judged whole: every figure counts persons, each by {how}, and an epsilon "
        "is one of persons (user-level)."
    )
    strongest = dossier.strongest()
    rows = [d for d in strongest.details if d.name == "auc_of_rows"] if strongest is not None else []
    if not rows or rows[0].low is None or rows[0].high is None:
        return told
    area = f"{rows[0].value:.3f} ({rows[0].low:.3f} to {rows[0].high:.3f}, persons as clusters)"
    return f"{told} Record by record the AUC of the strongest attack is {area}."
