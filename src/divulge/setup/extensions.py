"""Whether what installed packages add to divulge can be used: said before an audit begins, not hours later."""

from __future__ import annotations

from divulge.auditing import challenge_table
from divulge.catalog import attacks, defenses
from divulge.core.results import metric
from divulge.data import kinds as data_kinds
from divulge.report.sections import registry
from divulge.targets import kinds as target_kinds

GROUPS = {
    attacks.GROUP: "an attack",
    target_kinds.GROUP: "a target kind",
    data_kinds.GROUP: "a data kind",
    challenge_table.GROUP: "a challenge",
    metric.GROUP: "a metric",
    defenses.GROUP: "a defence",
    registry.GROUP: "a report section",
}
"""Entry point groups, and what an entry of each is."""


def refuse_unusable() -> None:
    """Raises InputError, with package and name, for an extension that clashes with another or cannot be loaded.

    Attacks and defences are only looked up here: their classes are loaded where they are used.
    """
    attacks.table()
    defenses.names()
    challenge_table.table()
    metric.metrics()
    data_kinds.kinds()
    target_kinds.kinds()
    registry.refuse_unusable()
