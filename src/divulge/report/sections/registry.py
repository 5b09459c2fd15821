"""All sections of a report, in their order: those of this room, then those that other packages bring."""

from __future__ import annotations

from divulge.core.errors import InputError
from divulge.core.plugins import Plugin, installed, loaded
from divulge.core.results.audit_result import AuditResult
from divulge.report.section import Section
from divulge.report.sections import (
    assessment,
    attacker,
    causes,
    certainty,
    claims,
    extraction,
    findings,
    groups,
    membership,
    outlook,
    properties,
    provenance,
    questions,
    reconstruction,
    risk,
    statements,
    steps,
    untried,
    verdict,
)
from divulge.report.sections.language import tries

GROUP = "divulge.report_sections"
"""Entry points of this group name an object of the class Section."""

SECTIONS: tuple[Section, ...] = (
    verdict.SECTION,
    claims.SECTION,
    findings.SECTION,
    questions.SECTION,
    steps.SECTION,
    attacker.SECTION,
    certainty.SECTION,
    untried.SECTION,
    assessment.SECTION,
    statements.SECTION,
    membership.SECTION,
    outlook.SECTION,
    risk.SECTION,
    groups.SECTION,
    reconstruction.SECTION,
    tries.SECTION,
    properties.SECTION,
    extraction.SECTION,
    causes.SECTION,
    provenance.SECTION,
)

_registered: list[Section] = []


def register(section: Section) -> None:
    """Add a section after all others, for this process.  Raises InputError where its name is taken."""
    if section.name in {known.name for known in (*SECTIONS, *_registered)}:
        raise InputError(f"a report has a section {section.name!r} already: give yours another name")
    _registered.append(section)


def unregister(name: str) -> None:
    """Take a section away that was registered."""
    _registered[:] = [section for section in _registered if section.name != name]


def refuse_unusable() -> None:
    """Raises InputError where an installed package brings a section that cannot be loaded, or whose name is taken: what
    is said before an audit begins.  A report that is written all the same says it in a line.
    """
    loaded(GROUP, Section, {section.name for section in SECTIONS}, lambda section: section.name)


def sections() -> tuple[list[Section], list[str]]:
    """All sections in their order, and a line for each that an installed package brings and that cannot be used."""
    found, warnings = [*SECTIONS, *_registered], []
    for plugin in installed(GROUP):
        section = _section_or_reason(plugin)
        if isinstance(section, str):
            warnings.append(section)
        elif section.name in {known.name for known in found}:
            warnings.append(
                f"the section {plugin.name!r} of the package {plugin.package} was left out: the name "
                f"{section.name!r} is taken"
            )
        else:
            found.append(section)
    return found, warnings


def _section_or_reason(plugin: Plugin) -> Section | str:
    """What an entry point names, or why there is none: a report is written whatever another package does."""
    try:
        return plugin.load(Section)
    except InputError as error:
        return f"the section {error}"


def own(section: Section) -> bool:
    """Whether a section belongs to divulge itself."""
    return any(section is known for known in SECTIONS)


def applying(result: AuditResult) -> tuple[list[Section], list[str]]:
    """The sections that have something to show of this result, and warnings.  A section of a stranger that fails at
    being asked is left out aloud.
    """
    found, warnings = sections()
    kept = []
    for section in found:
        try:
            if section.applies(result):
                kept.append(section)
        except Exception as error:
            if own(section):
                raise
            warnings.append(broken(section, error))
    return kept, warnings


def broken(section: Section, error: Exception) -> str:
    """The line of a section that could not be drawn."""
    return f"the section {section.name!r} could not be shown ({type(error).__name__}: {error})"
