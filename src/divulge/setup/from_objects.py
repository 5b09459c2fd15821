"""From objects of Python to a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from divulge.auditing.job import Job
from divulge.core.errors import InputError
from divulge.core.threat import Access
from divulge.setup.assemble import job_of
from divulge.setup.comparison import MatrixPlan
from divulge.setup.from_table import job_from_table
from divulge.setup.parts import ComparePart
from divulge.setup.settings import Options
from divulge.setup.sources.groups import of_persons
from divulge.setup.sources.recipes_from import recipe_from
from divulge.setup.sources.records_from import sets_of
from divulge.setup.sources.targets_from import target_from
from divulge.targets.score_table import ScoreTable
from divulge.targets.wrappers.averaged import averaged


def job_from_objects(model: Any, pairs: Sequence[Any], options: Options) -> Job:
    """The job about a model, or a score table, and pairs (x, y) of members, non-members and population."""
    options.checked()
    tools = options.resources
    if isinstance(model, ScoreTable):
        return job_from_table(of_persons(model, options.persons), options)
    target = target_from(model, how=options)
    asked = averaged(target, options.average)
    sets = sets_of(asked, pairs, options)
    recipe = recipe_from(options.recipe, model, asked, tools)
    if Access.SAMPLES in target.offers and options.threat == "mlaas" and options.attacks is None:
        options = options.changed(threat="synthetic-data")  # nobody asks a table for scores
    if Access.COUNTS in target.offers and options.threat == "mlaas" and options.attacks is None:
        options = options.changed(threat="published-counts")
    return job_of(target, sets, recipe, options, tools)


def matrix_from_objects(model: Any, pairs: Sequence[Any], options: Options, compare: ComparePart) -> MatrixPlan:
    """The plan of a comparison of defences of a model; raises InputError where nothing says how it is trained."""
    options.checked()
    tools = options.resources
    asked = averaged(target_from(model, how=options), options.average)
    sets = sets_of(asked, pairs, options)
    recipe = recipe_from(options.recipe, model, asked, tools)
    if recipe is None:
        raise InputError("a comparison of defences needs a recipe: a TorchRecipe, an unfitted estimator or a function")
    return MatrixPlan(asked, recipe, sets, options, compare, tools)
