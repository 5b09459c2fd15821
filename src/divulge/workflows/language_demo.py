"""The demonstration on a language model: notes of an invented clinic, and a tiny GPT fine-tuned on some of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from divulge.auditing.job import BoundRecipe, Job
from divulge.auditing.resources import resources
from divulge.core.hashing import derived_seed
from divulge.data.synthetic_notes import synthetic_notes
from divulge.data.texts import text_records
from divulge.setup.assemble import job_from_records
from divulge.setup.settings import Options
from divulge.setup.sources.sets import Sets
from divulge.setup.sources.targets_from import target_from
from divulge.training.recipes.fine_tune import FineTune
from divulge.workflows.tiny_language import tiny_gpt

TEXTS = 150
"""Members, and as many that are none, and as many of the population."""

SHADOWS = 4


def language(seed: int) -> Iterator[Job]:
    """Two fine-tunes of one model on 150 notes: one learned them nearly by heart, one read them once."""
    notes = synthetic_notes(3 * TEXTS + 500, seed)
    public = notes[3 * TEXTS :]
    base = FineTune(tiny_gpt(public, seed), learning_rate=3e-3, epochs=6, batch_size=16)(public, seed)
    base.start = None  # what is public is public
    sets = Sets(*text_records([notes[start : start + TEXTS] for start in range(0, 3 * TEXTS, TEXTS)]))
    for name, rate, epochs in (("Clinic notes, learned by heart", 3e-3, 5), ("Clinic notes, read once", 1e-4, 1)):
        yield _job(name, FineTune(base, learning_rate=rate, epochs=epochs), sets, seed)


def _job(name: str, recipe: FineTune, sets: Sets, seed: int) -> Job:
    tools = resources()
    bound = replace(BoundRecipe(recipe, target_from), trainer=tools.trainer)
    target = bound.train(sets.members, derived_seed(seed, "target"))
    options = Options(name=name, threat="published-model", families=["membership"], shadows=SHADOWS, seed=seed)
    return replace(job_from_records(target, sets, options, recipe=bound, resources=tools), own=True)
