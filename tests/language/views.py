"""Views of the membership game on texts in which the right answer is known: models are tables of log-probabilities."""

from __future__ import annotations

from itertools import count

import numpy as np

from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.language.texts import as_records, text_key
from divulge.core.threat import PRESETS, Access
from divulge.core.views.membership import Auxiliary, MembershipView
from divulge.language import TokenFunction
from divulge.training.shadow import ShadowSet

_NUMBER = count()


def model(answers):
    """A language model from {text: log-probabilities of its tokens, or rows of up to five numbers}."""
    table = {text_key(text): np.asarray(rows, dtype=float) for text, rows in answers.items()}
    return TokenFunction(lambda texts: [table[text_key(text)] for text in texts], name=f"table {next(_NUMBER)}")


def view_of(card, target, texts, reference=None, population=None, shadows=(), keep=None, seed=0):
    """A view with what the card asks for."""
    records = as_records(texts)

    def seen(asked, free=True):
        return GrantedOracle(asked, PRESETS["published-model"], Access.TOKEN_LOGPROBS, free=free)

    pool = ShadowSet(records, np.asarray(keep), tuple(shadows), seen) if shadows else None
    means = Auxiliary(
        population=as_records(population) if population is not None else None,
        shadows=(lambda models: pool) if pool else None,
        reference=(lambda: seen(reference)) if reference is not None else None,
    )
    return MembershipView(seen(target, free=False), records, np.random.default_rng(seed), card.needs, means)


def played(name, target, texts, **given):
    """The guess of an attack."""
    settings = given.pop("settings", {})
    made = attack(name, **settings)
    return made.run(view_of(made.card, target, texts, **given))
