"""A language model before it is attacked: its loss on every text, and whether a text is scored alike alone and among
others.
"""

from __future__ import annotations

import numpy as np

from divulge.auditing.answers import bare
from divulge.auditing.job import Job
from divulge.auditing.oracle import Memory, keys_of
from divulge.auditing.probes import NOISE, few_of
from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores, of_padded
from divulge.core.records import Records
from divulge.core.results.handshake import Concern
from divulge.core.threat import Access


def losses_of_texts(job: Job, memory: Memory) -> tuple[Array, Array]:
    """Which candidates were asked about, no more than the query budget, and the mean loss of a token of each: [asked].

    Raises InputError where the model does not answer them.
    """
    budget = job.threat.query_budget
    places = np.arange(len(job.candidates) if budget is None else min(budget, len(job.candidates)))
    records, port = job.candidates.take(places), Access.TOKEN_LOGPROBS
    try:
        scores = of_padded(memory.answer(job.target, port, records, keys_of(port, records)))
    except TargetError as error:
        raise _unscored(error) from error
    return places, -scores.mean_of(scores.logprob)


def texts_twice(job: Job) -> list[Concern]:
    """What is wrong with answers that are given again, and given to one text at a time."""
    records = job.candidates.take(few_of(job))
    together, again = _scores(job, records), _scores(job, records)
    if not together.same_tokens(again) or _apart(together, again) > NOISE:
        cure = "switch it off (eval mode), or ask a model that answers the same every time"
        seen = "the same texts get other log-probabilities when they are asked about again"
        return [Concern("random", True, seen, "dropout or another random layer is on", cure)]
    alone = [_scores(job, records.take(np.arange(place, place + 1))) for place in range(len(records))]
    apart = max(
        float(np.abs(one.logprob - part).max())
        for one, part in zip(alone, together.by_text(together.logprob), strict=True)
    )
    if apart <= NOISE:
        return []
    seen = f"a text gets other log-probabilities alone than among others, up to {apart:.2g} apart"
    cause = "texts that are filled up to one length are not masked, or half precision"
    return [
        Concern("company", apart > 100 * NOISE, seen, cause, "mask what was filled up, and ask in single precision")
    ]


def _scores(job: Job, records: Records) -> TokenScores:
    try:
        return of_padded(np.asarray(bare(job.target).answer(Access.TOKEN_LOGPROBS, records)))
    except TargetError as error:
        raise _unscored(error) from error


def _unscored(error: TargetError) -> InputError:
    return InputError(
        f"{error}: asked about the texts, before anything was attacked; mend the model, or leave out texts that it "
        "cannot score"
    )


def _apart(one: TokenScores, other: TokenScores) -> float:
    return float(np.abs(one.logprob - other.logprob).max())
