"""A causal language model of transformers, its adapters merged: every token scored, and text sampled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.language.texts import Prompted, Text, Written, texts_of
from divulge.core.language.token_scores import WIDTH, padded
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.targets.answers import guarded
from divulge.targets.language.encoding import Encoded, encoded, tokenizer_print
from divulge.targets.language.real_tokens import RealTokens
from divulge.targets.language.token_rows import RowsOf, scheme_rows, token_rows
from divulge.targets.networks.torch_lent import device_of, fingerprint_of, lent

USUAL = 1024
"""Tokens of a text where neither the model nor its tokenizer says how many it reads."""

MOST_LOGITS = 2**24
"""Logits of one batch."""

MOST_TOKENS = 4096
"""Tokens of one batch."""


class CausalTarget:
    """`model` and `tokenizer` as transformers have them, asked in evaluation mode and left as they were; a tokenizer of
    None means that texts are given as token numbers.

    max_tokens: of each text; the rest is not read.  The model's own window when not given; stated in the report.
    start: a language model that this one was trained on from, as attacks compare with.
    device: where it is asked, and brought back from.
    Raises InputError for what is no causal language model.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        *,
        max_tokens: int | None = None,
        name: str | None = None,
        start: Target | None = None,
        device: str | None = None,
    ) -> None:
        config = getattr(model, "config", None)
        if config is None or not hasattr(model, "generate") or getattr(config, "is_encoder_decoder", False):
            raise InputError(f"a {type(model).__name__} is no causal language model of transformers")
        self.model, self.tokenizer, self.start, self._device = model, tokenizer, start, device
        self.max_tokens = max_tokens or _window(config, tokenizer)
        if self.max_tokens < 2:
            raise InputError("max_tokens: the first token of a text has no probability: read at least 2")
        self._name = name or type(model).__name__
        self._cut = self._asked = 0
        self._parts: RealTokens | None = None

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return Task.LANGUAGE

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        return frozenset({Access.TOKEN_LOGPROBS, Access.COMPLETIONS})

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return int(self.model.config.vocab_size)

    @property
    def settings_told(self) -> str:
        """How texts are read."""
        return repr((self.max_tokens, tokenizer_print(self.tokenizer)))

    def provenance_note(self) -> str:
        """How texts were cut, of those that were asked about so far."""
        some = f"; {self._cut:,} of {self._asked:,} went on" if self._cut else "; none went on"
        return f"of each text the first {self.max_tokens:,} tokens were read{some if self._asked else ''}"

    def started_from(self) -> Target | None:
        """See StartsFrom."""
        return self.start

    def alike(self, model: Any) -> CausalTarget:
        """Another model, read with the same tokenizer where it brings none."""
        if isinstance(model, CausalTarget):
            return model
        if isinstance(model, tuple):
            return CausalTarget(*model, max_tokens=self.max_tokens, start=self.start, device=self._device)
        return CausalTarget(model, self.tokenizer, max_tokens=self.max_tokens, start=self.start, device=self._device)

    def fingerprint(self) -> str:
        """See Target."""
        return digest("causal", fingerprint_of(self.model), self.settings_told)

    def encode(self, text: Text) -> Encoded:
        """The tokens of a text, as they are scored."""
        return encoded(self.tokenizer, text, self.max_tokens)

    def token_counts(self, texts: Sequence[Text]) -> list[int]:
        """See CountsTokens."""
        return [len(self.encode(text).ids) if text else 0 for text in texts]

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access is not Access.TOKEN_LOGPROBS:
            raise TargetError(f"the language model {self._name} has no port for {access.value}")
        read = texts_of(records)
        texts = [self.encode(text) for text in read]
        self._cut, self._asked = self._cut + sum(text.cut for text in texts), self._asked + len(texts)
        short = next((place for place, text in enumerate(texts) if len(text.ids) <= text.first), None)
        if short is not None:
            raise TargetError(
                f"the text {str(read[short])[:40]!r} has no token that can be scored: it needs two, or the prompt "
                f"leaves no room for its completion in {self.max_tokens} tokens"
            )
        strange = next((t for text in texts for t in text.ids if not 0 <= t < self.vocabulary), None)
        if strange is not None:
            raise TargetError(
                f"there is a token {strange}, and the model {self._name} knows {self.vocabulary}: pass the "
                "tokenizer that it was trained with"
            )
        found: Any = guarded(self._name, lambda: self._scored(texts))
        return padded(found)

    def _scored(self, texts: Sequence[Encoded], rows_of: RowsOf = token_rows) -> list[Array]:
        """Rows of each text; texts of like length go together, filled up on the right and masked."""
        rows: list[Array] = [np.empty((0, WIDTH))] * len(texts)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place].ids))
        with lent(self.model, self._device), torch.no_grad():
            parts = self._parts = self._parts or RealTokens(self.model, self.vocabulary)
            most = MOST_TOKENS if parts.split else max(min(MOST_TOKENS, MOST_LOGITS // self.vocabulary), 1)
            while order:
                size = 1
                while size < len(order) and (size + 1) * len(texts[order[size]].ids) <= most:
                    size += 1
                batch, order = order[:size], order[size:]
                for place, row in zip(
                    batch, self._batch([texts[place] for place in batch], rows_of, parts), strict=True
                ):
                    rows[place] = row
        return rows

    def _batch(self, texts: Sequence[Encoded], rows_of: RowsOf, parts: RealTokens) -> list[Array]:
        ids, mask = (given.to(device_of(self.model)) for given in filled(texts))
        if parts.split:
            found = parts.rows(ids, mask, rows_of).cpu().numpy()
        else:
            logits = self.model(input_ids=ids, attention_mask=mask).logits
            found = rows_of(logits[:, :-1], ids[:, 1:]).cpu().numpy()
        return [row[text.first - 1 : len(text.ids) - 1] for row, text in zip(found, texts, strict=True)]

    def sampling_logprobs(self, records: Records, temperature: float, top_k: int | None) -> list[Array]:
        """See Oracle."""
        texts = [self.encode(text) for text in texts_of(records)]
        found: Any = guarded(self._name, lambda: self._scored(texts, partial(scheme_rows, temperature, top_k)))
        return list(found)

    def next_logprobs(self, texts: Sequence[Text], tokens: Sequence[int]) -> Array:
        """See TellsNext."""
        found: Any = guarded(self._name, lambda: self._following([self.encode(text) for text in texts], list(tokens)))
        return np.asarray(found)

    def _following(self, texts: Sequence[Encoded], tokens: list[int]) -> Array:
        """Texts of one length go together, so that the last place of each is the last of all."""
        rows, place = np.empty((len(texts), len(tokens))), device_of(self.model)
        lengths = np.array([len(text.ids) for text in texts])
        with lent(self.model, self._device), torch.no_grad():
            for length in np.unique(lengths):
                same = np.flatnonzero(lengths == length)
                size = max(min(MOST_TOKENS, MOST_LOGITS // self.vocabulary) // int(length), 1)
                for start in range(0, len(same), size):
                    batch = same[start : start + size]
                    ids = torch.tensor([texts[i].ids for i in batch], device=place)
                    logs = self.model(input_ids=ids).logits[:, -1].float().log_softmax(-1)
                    rows[batch] = logs[:, tokens].double().cpu().numpy()
        return rows

    def complete(
        self, prefixes: Sequence[Text], n: int = 1, temperature: float = 1.0, max_tokens: int = 50, seed: int = 0
    ) -> list[list[Any]]:
        """See Oracle: text, or token numbers where there is no tokenizer, sampled from the whole distribution."""
        found: Any = guarded(self._name, lambda: self._written(prefixes, n, temperature, max_tokens, seed))
        return found  # type: ignore[no-any-return]

    def _written(
        self, prefixes: Sequence[Text], n: int, temperature: float, max_tokens: int, seed: int
    ) -> list[list[Any]]:
        from transformers import GenerationConfig

        sampled = temperature > 0
        how: dict[str, Any] = {"temperature": temperature, "top_k": 0, "top_p": 1.0} if sampled else {}
        spare = getattr(self.model.config, "pad_token_id", None)
        ending = getattr(self.model.config, "eos_token_id", None)
        settings: Any = GenerationConfig
        config = settings(
            do_sample=sampled,
            max_new_tokens=max_tokens,
            num_return_sequences=n if sampled else 1,
            pad_token_id=ending if spare is None else spare,
            eos_token_id=ending,
            **how,
        )
        room, written = max(_window(self.model.config, None) - max_tokens, 1), Written()
        written.tokens = 0
        with lent(self.model, self._device), torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(seed)
            for prefix in prefixes:
                text = prefix.prompt if isinstance(prefix, Prompted) else prefix
                given = encoded(self.tokenizer, text, 2**31).ids[-room:] or (self._beginning(ending),)
                ids = torch.tensor([given], device=device_of(self.model))
                made = self.model.generate(
                    input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config
                )[:, ids.shape[1] :]
                rows = [row.tolist() for row in made.cpu()]
                written.tokens += sum(min(_end_of(row, ending) + 1, len(row)) for row in rows)
                parts = [self._decoded(row, ending) for row in rows]
                written.append(parts if sampled else parts * n)
        return written

    def _beginning(self, ending: Any) -> int:
        """What stands before a text that begins with nothing."""
        first = getattr(self.model.config, "bos_token_id", None)
        first = (ending[0] if isinstance(ending, list) else ending) if first is None else first
        if first is None:
            raise TargetError(f"the model {self._name} has no token that a text begins with: give a beginning")
        return int(first)

    def _decoded(self, ids: list[int], ending: Any) -> Any:
        stop = _end_of(ids, ending)
        return tuple(ids[:stop]) if self.tokenizer is None else self.tokenizer.decode(ids[:stop])


def filled(texts: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token numbers filled up on the right, and which of them are real: [texts, longest] each."""
    longest = max(len(text.ids) for text in texts)
    ids = torch.zeros(len(texts), longest, dtype=torch.long)
    mask = torch.zeros(len(texts), longest, dtype=torch.long)
    for row, text in enumerate(texts):
        ids[row, : len(text.ids)] = torch.tensor(text.ids)
        mask[row, : len(text.ids)] = 1
    return ids, mask


def _end_of(ids: list[int], ending: Any) -> int:
    """Where a text ends that was written: at its first ending token, or with its last one."""
    ends = ending if isinstance(ending, list) else [ending]
    return next((place for place, token in enumerate(ids) if token in ends), len(ids))


def _window(config: Any, tokenizer: Any) -> int:
    """How many tokens the model reads."""
    said = [getattr(config, key, None) for key in ("max_position_embeddings", "n_positions", "n_ctx")]
    said.append(getattr(tokenizer, "model_max_length", None))
    known = [int(number) for number in said if isinstance(number, int | float) and 0 < number < 10**7]
    return min(known, default=USUAL)
