"""The games in which records are rebuilt: from updates, a file, intermediate results, two versions, all but one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.capability.declared import able
from divulge.core.capability.targets import (
    Decodes,
    SendsBuffers,
    SendsUpdates,
    SplitModel,
    Surprised,
    Updatable,
    model_of,
    origin_of,
    reads_tokens,
)
from divulge.core.errors import Impossible
from divulge.core.game import Arm, Round
from divulge.core.hashing import Array, derived_rng, derived_seed, digest
from divulge.core.mixed.fields import fields_of
from divulge.core.records import Records, concat
from divulge.core.results.evidence import Evidence
from divulge.core.results.trials import Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Challenge, Family, Task
from divulge.core.views.membership import Poison
from divulge.core.views.reconstruction import (
    ActivationView,
    FileView,
    InformedView,
    ReconstructionAuxiliary,
    RepeatedView,
    SampleGuess,
    Sent,
    Update,
    UpdatedView,
    UpdateView,
    VersionView,
)
from divulge.games.control_models import ControlModels
from divulge.games.extraction import ranges
from divulge.games.judges.image import Scale
from divulge.games.judges.text import TextJudge
from divulge.games.samples import FileJudge, SampleJudge
from divulge.games.update_oracle import TheModelItself

CONTROL_TRIALS = 6

EASY_REST = 50
"""Known records of the easiest training that can be repeated: among so few, one weighs more than among many."""

UpdateShield = Callable[[tuple[Array, ...], Generator], tuple[Array, ...]]


@dataclass(frozen=True)
class RebuildPlan:
    """What a reconstruction is played on.

    trials: updates, pairs of versions, records.  batch, steps, rate, epochs: of each update: records in it, local steps
    (the batch is then split among them), their learning rate, and how often they go through the batch.  layer: after
    which a split model is cut; half way when None.  other: names of the columns that another party holds, the second
    half of them when empty.  asked: training records (and as many others) whose attributes are
    asked about.  captured: an update that really was sent, with the rows of the members behind it.  clients: updates
    come out of federated rounds of so many, 0 for one by one; secure: under secure aggregation; sees: the "sum" of all
    clients, or what one "client" sends.  mode: in which clients compute updates: "train", with batch norm of the batch
    and dropout, as training code does, or "eval".
    """

    trials: int = 20
    batch: int = 1
    steps: int = 1
    rate: float = 0.1
    layer: str | None = None
    asked: int = 2_000
    captured: tuple[tuple[Update, ...], tuple[tuple[int, ...], ...]] | None = None
    clients: int = 0
    secure: bool = False
    sees: str = "sum"
    epochs: int = 1
    mode: str = "train"
    other: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """Content hash."""
        sent = self.captured[0] if self.captured is not None else ()
        rows = repr(self.captured[1]) if self.captured is not None else ""
        bare = repr(replace(self, captured=None))
        return digest(bare, rows, *(part for update in sent for part in update.change))


def _sent(target: Any, records: Records, plan: RebuildPlan, module: Any) -> Sent:
    """What one client sends."""
    if able(target, SendsBuffers):
        return target.sent(records, plan.steps, plan.rate, module, plan.epochs, plan.mode == "train")
    return Sent(target.update(records, plan.steps, plan.rate, module, plan.epochs))


def _telling(
    judge: Callable[[SampleGuess], Evidence], provenance_note: Callable[[], str] | None
) -> Callable[[SampleGuess], Evidence]:
    """A judge that says where the updates come from."""
    if provenance_note is None:
        return judge

    def judged(guess: SampleGuess) -> Evidence:
        found = judge(guess)
        return replace(found, notes=(provenance_note(), *found.notes))

    return judged


@dataclass(eq=False)
class RebuildGame:
    """training: what the target learned from.  unseen: what it never saw.  public: what the adversary may know.

    shield: what clients do to an update before they send it.
    """

    challenge: Challenge
    target: Target
    training: Records
    unseen: Records
    public: Records | None
    seed: int
    plan: RebuildPlan
    beside: ControlModels
    see: Callable[[Target], Oracle]
    shield: UpdateShield | None = None
    _models: dict[Arm, Target] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._known = self.public if self.public is not None else self.unseen
        low, high, _ = ranges(self._known)
        self.scale = Scale(low, high, self.training.schema)
        self._fields = fields_of(self._known)

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.RECONSTRUCTION

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[Any, SampleGuess]]:
        """One round.  NEGATIVE: the attack works on something that has nothing to do with the records it is judged by
        (updates of other records, a model that never saw them).  POSITIVE: the easiest case of the same kind.
        """
        dealt = {
            Challenge.UPDATES: self._updates,
            Challenge.FILE: self._file,
            Challenge.ACTIVATIONS: self._activations,
            Challenge.VERSIONS: self._versions,
            Challenge.UPDATED: self._updated,
            Challenge.INFORMED: self._informed,
            Challenge.REPEATED: self._repeated,
        }[self.challenge]
        yield dealt(arm)

    def baseline(self) -> Iterator[Scored]:
        """The baseline of this game belongs to each record."""
        raise Impossible("each record is compared with the best guess without the model")

    def _trials(self, arm: Arm) -> int:
        return self.plan.trials if arm is Arm.TARGET else min(self.plan.trials, CONTROL_TRIALS)

    def _model(self, arm: Arm) -> Target:
        if arm is Arm.TARGET:
            return self.target
        if arm not in self._models:
            self._models[arm] = self.beside.model(arm)
        return self._models[arm]

    def _drawn(self, records: Records, trials: int, batch: int, name: str) -> list[Records]:
        """Batches without a record twice, in as many trials as there are records for."""
        order = derived_rng(self.seed, name).permutation(len(records))
        trials = max(1, min(trials, len(records) // batch))
        return [records.take(order[t * batch : (t + 1) * batch]) for t in range(trials)]

    def _view(self, kind: type[Any], **own: Any) -> Callable[[Oracle, Card, ReconstructionAuxiliary, Generator], Any]:
        def open_view(oracle: Oracle, card: Card, means: ReconstructionAuxiliary, rng: Generator) -> Any:
            schema, low, high = self.training.schema, self.scale.low, self.scale.high
            return kind(oracle, schema, low, high, rng, card.needs, means, **own)

        return open_view

    def _judge(self, truth: Sequence[Records]) -> Callable[[SampleGuess], Evidence]:
        target, features = self.target, None
        if able(target, SplitModel):
            features = partial(target.through, target.front())
        fields = self._fields if self.challenge is Challenge.UPDATES else ()
        unit = "update" if self.challenge in (Challenge.UPDATES, Challenge.UPDATED) else ""
        return SampleJudge(truth, self._known, self.scale, self.seed, features, fields, unit).judge

    def _updates(self, arm: Arm) -> Round[Any, Any]:
        """Of batches of members; the positive control sends single records, bare, by an untrained module."""
        if not able(self.target, SendsUpdates) or self.training.schema.task is not Task.CLASSIFICATION:
            raise Impossible("updates are computed for classifiers of PyTorch: give the module itself")
        plan = self.plan if arm is not Arm.POSITIVE else replace(self.plan, batch=1, captured=None)
        target: Any = self.target.fresh(self.seed) if arm is Arm.POSITIVE else self.target  # type: ignore[attr-defined]
        truth = self._truth_of_updates(plan, arm)
        sent = truth
        if arm is Arm.NEGATIVE:
            sent = self._drawn(self.unseen, len(truth), plan.batch, "other updates")
            truth = truth[: len(sent)]
        shield = self.shield if arm is not Arm.POSITIVE else None

        def ask(module: Any) -> tuple[Update, ...]:
            rng = derived_rng(self.seed, "updates", arm.value)
            how = plan.steps, plan.rate, plan.epochs
            told = [_sent(target, r, plan, module) for r in sent]
            changes = [shield(t.change, rng) if shield is not None else t.change for t in told]
            parts = zip(changes, sent, told, strict=True)
            return tuple(Update(c, len(r), *how, t.train, t.buffers) for c, r, t in parts)

        captured = plan.captured[0] if plan.captured is not None and arm is Arm.TARGET else None
        tokens = reads_tokens(target) and not any(field.code for field in self._fields)
        opened = self._view(
            UpdateView,
            updates=captured if captured is not None else ask(None),
            classes=len(self.training.schema.classes),
            tokens=tokens,
            fields=self._fields,
            _ask=ask if captured is None else None,
        )
        if tokens:
            decode = self.target.decode if able(self.target, Decodes) else None
            surprise = self.target.surprise if able(self.target, Surprised) else None
            return Round(target, opened, TextJudge(truth, self._known, self.seed, decode, surprise).judge)
        return Round(target, opened, _telling(self._judge(truth), origin_of(target)))

    def _truth_of_updates(self, plan: RebuildPlan, arm: Arm) -> list[Records]:
        if plan.captured is not None:
            return [self.training.take(np.array(rows)) for rows in plan.captured[1]]
        return self._drawn(self.training, self._trials(arm), plan.batch, "updates")

    def _file(self, arm: Arm) -> Round[Any, Any]:
        """Equally many training and unseen records are looked for."""
        model = self._model(arm)
        count = min(len(self.training), len(self.unseen))
        rng = derived_rng(self.seed, "looked for")
        sides = [r.take(rng.permutation(len(r))[:count]) for r in (self.training, self.unseen)]
        judge = FileJudge(sides[0], sides[1], self.scale).judge
        return Round(model, self._view(FileView, classes=len(self.training.schema.classes)), judge)

    def _activations(self, arm: Arm) -> Round[Any, Any]:
        """Half way through; the positive control cuts after the first layer."""
        target = self.target
        if not able(target, SplitModel):
            raise Impossible("only a module of PyTorch can be cut in two: give the module itself")
        front = target.front("first" if arm is Arm.POSITIVE else self.plan.layer)
        (truth,) = self._drawn(self.training, 1, min(self._trials(arm), len(self.training)), "activations")
        sent = truth if arm is not Arm.NEGATIVE else self._drawn(self.unseen, 1, len(truth), "other activations")[0]
        one_by_one = [truth.take(np.array([i])) for i in range(len(sent))]
        embed = partial(target.through, front)
        opened = self._view(ActivationView, activations=embed(sent.x), _front=front, _embed=embed)
        return Round(self.target, opened, self._judge(one_by_one))

    def _versions(self, arm: Arm) -> Round[Any, Any]:
        """With all training records, and without one of them or a batch, by the same recipe and seed."""
        if self.beside.recipe is None:
            raise Impossible("no recipe is known, so no second version can be trained")
        if arm is Arm.POSITIVE:
            raise Impossible("no pair of versions is easier than another")
        recipe = self.beside.recipe
        rng = derived_rng(self.seed, "deleted")
        order, batch = rng.permutation(len(self.training)), self.plan.batch
        trials = max(1, min(self._trials(arm), len(order) // (2 * batch)))
        rows = order[: trials * batch].reshape(trials, batch)
        asked = rows if arm is not Arm.NEGATIVE else order[-trials * batch :].reshape(trials, batch)
        seed = derived_seed(self.seed, "versions")
        keep = np.ones((len(rows) + 1, len(self.training)), dtype=bool)
        keep[np.arange(1, len(rows) + 1)[:, None], rows] = False
        models = dict(recipe.train_many(self.training, keep, [seed] * len(keep)))
        pairs = tuple((self.see(models[0]), self.see(models[n + 1])) for n in range(len(rows)))
        truth = [self.training.take(part) for part in asked]
        opened = self._view(VersionView, versions=pairs, size=len(self.training), batch=batch)
        return Round(models[0], opened, self._judge(truth))

    def _updated(self, arm: Arm) -> Round[Any, Any]:
        """With records that are new to the target, each time from the same version.  The adversary rehearses on models
        trained on halves of the population; the positive control on the target itself.
        """
        if self.training.schema.task is not Task.CLASSIFICATION or not able(self.target, Updatable):
            raise Impossible("only a classifier of PyTorch is updated with new records: give the module itself")
        plan, target = self.plan, self.target
        truth = self._drawn(self.unseen, self._trials(arm), plan.batch, "new records")
        sent = truth
        if arm is Arm.NEGATIVE:
            sent = self._drawn(self.unseen, len(truth), plan.batch, "other new records")
        how = plan.steps, plan.rate, plan.epochs
        oracles = tuple(self.see(target.updated(records, *how)) for records in sent)
        opened = self._view(UpdatedView, updated=oracles, batch=plan.batch, how=how)
        if arm is Arm.POSITIVE:
            if self.public is None:
                raise Impossible("updates are rehearsed with population records: pass `population`")
            own = TheModelItself(target, self.public, self.see)
            bare = opened

            def opened(oracle: Oracle, card: Card, means: ReconstructionAuxiliary, rng: Generator) -> Any:
                return bare(oracle, card, replace(means, shadows=lambda models: own), rng)

        return Round(self.target, opened, self._judge(truth))

    def _informed(self, arm: Arm) -> Round[Any, Any]:
        """One trial for each of some members; all others are known."""
        if arm is Arm.POSITIVE:
            raise Impossible("to know all records but one is the easiest case")
        model = self._model(arm)
        rows = derived_rng(self.seed, "unknown").permutation(len(self.training))[: self._trials(arm)]
        rest = [self.training.take(np.delete(np.arange(len(self.training)), row)) for row in rows]
        truth = [self.training.take(np.array([row])) for row in rows]
        return Round(model, self._view(InformedView, known=rest), self._judge(truth))

    def _repeated(self, arm: Arm) -> Round[Any, Any]:
        """Models of the audited one's recipe, trained on the members less some and on one of those, which comes last,
        all under one seed.  The positive control has few known records.
        """
        recipe = self.beside.recipe
        if recipe is None:
            raise Impossible("no recipe is known, so the training cannot be repeated")
        if not hasattr(model_of(self.target), "state_dict"):
            raise Impossible("it reads networks of PyTorch; for linear models there is `informed_adversary`")
        order = derived_rng(self.seed, "unknown").permutation(len(self.training))
        most = max(1, min(self.plan.trials, len(order) // 2))
        trials = min(self._trials(arm), most)
        truth = [self.training.take(order[t : t + 1]) for t in range(trials)]
        rest = self.training.take(order[most:][: EASY_REST if arm is Arm.POSITIVE else None])
        sent = self._drawn(self.unseen, trials, 1, "other records") if arm is Arm.NEGATIVE else truth
        seed = derived_seed(self.seed, "repeated training")

        def repeat(records: Records, same_seed: bool = True) -> Iterator[tuple[int, Oracle]]:
            seeds = [seed if same_seed else derived_seed(seed, str(number)) for number in range(len(records))]
            keep = np.zeros((len(records), len(rest) + len(records)), dtype=bool)
            keep[:, : len(rest)] = True
            keep[np.arange(len(records)), len(rest) + np.arange(len(records))] = True
            for number, model in recipe.train_many(concat([rest, records]), keep, seeds):
                yield number, self.see(model)

        models = dict(repeat(concat(sent)))
        released = tuple(models[n] for n in range(len(sent)))
        opened = self._view(RepeatedView, rest=rest, released=released, _repeat=repeat)
        return Round(self.target, opened, self._judge(truth[: len(sent)]))
