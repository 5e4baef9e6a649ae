"""The same recall under other settings or models, at another moment, with or without memories.

The memory is as it was and the query's vector the recorded one; only what was asked to change
does. A memory that is left out is hidden from the query and still counts in BM25's statistics; one
that is added is embedded, counted, and written nowhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

from memory_core.answers import Extent, RecallResult
from memory_core.asking import micros
from memory_core.config import DECIDING, changed
from memory_core.embed.base import Embedder
from memory_core.errors import InvalidInput, InvalidSetting
from memory_core.filters import Filter, Group, Test
from memory_core.journal.vectors import PendingText
from memory_core.limits import MAX_K
from memory_core.parts import Parts
from memory_core.recall.rerank import Reranker
from memory_core.replay.conditions import RERANK, Conditions, conditions_of, wiring
from memory_core.replay.imagined import Embedded, embedded, missing_texts
from memory_core.replay.playback import Playback, playback
from memory_core.replay.printed import Printed
from memory_core.replay.recording import Recording
from memory_core.types import Draft
from memory_core.writing import new_number, stored_event

FIXED = ("metric",)
"""Decide a recall, but cannot change without other vectors."""
ALWAYS = ("fuse",)
"""Stages that cannot be off: the others stand on them."""


@dataclass(frozen=True, slots=True)
class Change:
    """What to do otherwise; what is not given stays as recorded."""

    without: Sequence[str] = ()
    """Ids of memories that the recall shall not see."""
    adding: Sequence[Draft | Mapping[str, object] | str] = ()
    """Memories that it shall see although they were never stored."""
    now: datetime | str | None = None
    as_of: datetime | str | None = None
    k: int | None = None
    off: Sequence[str] = ()
    """Names of stages that take no part."""
    rerank: bool | None = None
    """False leaves the cross-encoder out, True lets it judge where it did not."""
    embedder: Embedder | str | None = None
    """Another embedding model."""
    reranker: Reranker | str | None = None
    """Another cross-encoder."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that decide a recall, by name."""


@dataclass(frozen=True, slots=True)
class Move:
    """One memory's rank and score, recorded and under the change; None where not recalled."""

    id: str
    version: int
    before: tuple[int, float] | None
    after: tuple[int, float] | None


@dataclass(frozen=True, slots=True)
class WhatIf(Printed):
    """The recall as recorded, and as it would have been."""

    recorded: Playback = field(repr=False, metadata={"json": False})
    result: RecallResult = field(repr=False)
    changes: Mapping[str, Any]
    conditions: Conditions = field(repr=False, metadata={"json": False})
    """Under which it ran."""

    derived: ClassVar[tuple[str, ...]] = ("moves",)

    @property
    def moves(self) -> tuple[Move, ...]:
        """Every memory that either recalled: those under the change first, in their order."""
        before = {hit.version: (rank, hit.score) for rank, hit in enumerate(self.recorded.hits, 1)}
        after = {hit.version: (rank, hit.score) for rank, hit in enumerate(self.result.hits, 1)}
        ids = {hit.version: hit.id or f"version {hit.version}" for hit in self.recorded.hits}
        ids |= {hit.version: hit.id for hit in self.result.hits}
        return tuple(
            Move(ids[version], version, before.get(version), after.get(version))
            for version in {**after, **before}
        )

    @property
    def imagined(self) -> Mapping[str, str]:
        """The texts of the memories never stored, by id."""
        events = self.conditions.imagined.events
        return {f"{event.number:016x}": event.text for event in events}

    def __str__(self) -> str:
        """Tell ranks and scores, recorded and under the change, side by side."""
        told = ", ".join(f"{name}={value!r}" for name, value in self.changes.items()) or "nothing"
        head = f"recall {self.recorded.id} with {told}: {self.recorded.status}"
        lines = [f"{head} -> {self.result.status}", "  recorded      what if       memory"]
        lines += [
            f"  {_place(move.before):<12}  {_place(move.after):<12}  {move.id}"
            for move in self.moves
        ]
        return "\n".join(lines)


def what_if(parts: Parts, recording: Recording, change: Change) -> WhatIf:
    """Return a recall's result on the memory as it was, under a change.

    Raises:
        InvalidSetting: a setting that does not decide a recall, or a wrong value.
        InvalidInput: a wrong time, or a filter in a format that cannot be run.
    """
    check_change(change)
    recorded = conditions_of(parts, recording)
    conditions = changed_conditions(parts, recorded, change)
    result = conditions.run(parts)
    return WhatIf(playback(recording), result, _told(change), conditions)


def check_change(change: Change) -> None:
    """Refuse settings that do not decide a recall, and a k out of range.

    Raises:
        InvalidSetting: naming them.
    """
    allowed = [name for name in DECIDING if name not in FIXED]
    if wrong := [name for name in change.settings if name not in allowed]:
        raise InvalidSetting(
            f"{', '.join(wrong)} cannot change in a what-if; use {', '.join(allowed)}"
        )
    k = change.k
    if k is not None and (isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MAX_K):
        raise InvalidSetting(f"k={k!r} is out of range; pass 1 to {MAX_K}")


def changed_conditions(parts: Parts, recorded: Conditions, change: Change) -> Conditions:
    """Return the conditions of a recall under a change.

    Raises:
        InvalidSetting: a wrong value.
        InvalidInput: a wrong time or memory, or an unknown stage.
        ModelError: another model cannot be used.
    """
    query, wanted = recorded.query, changed(recorded.settings, change.settings)
    k = query.k if change.k is None else change.k
    now = query.now if change.now is None else micros(change.now, "now")
    as_of = query.as_of if change.as_of is None else micros(change.as_of, "as_of")
    extent = query.extent
    if extent is not None:  # other candidates are judged anew, and more of them scanned for
        more = max(wanted.candidates, k) > max(recorded.settings.candidates, query.k)
        neighbours = None if more else extent.neighbours
        extent = replace(extent, neighbours=neighbours, batches=None)
    where = _without(query.where, change.without)
    asked = recorded.asking(k=k, now=now, as_of=as_of, where=where, extent=extent)
    staged = _staged(parts, replace(asked, settings=wanted), change)
    return _added(parts, _modelled(parts, staged, change), change)


def _staged(parts: Parts, conditions: Conditions, change: Change) -> Conditions:
    """Return conditions with the stages that the change turns on and off."""
    wired, off = wiring(parts), frozenset(change.off)
    names = [stage.name for stage in wired.stages(conditions.settings)]
    if unknown := off - {name for name in names if name not in ALWAYS}:
        allowed = ", ".join(name for name in names if name not in ALWAYS)
        raise InvalidInput(f"no stage {', '.join(sorted(unknown))} to turn off; use {allowed}")
    staged = conditions.without(off)
    if change.rerank is False:
        return staged.without((RERANK,))
    instead = staged.instead
    if change.reranker is not None:
        named = change.reranker
        judge = wired.reranker_named(named) if isinstance(named, str) else named
        instead = replace(instead, reranker=judge)
    if change.rerank or change.reranker is not None:
        instead = replace(instead, off=instead.off - {RERANK} | off)
    return replace(staged, instead=instead)


def _modelled(parts: Parts, conditions: Conditions, change: Change) -> Conditions:
    """Return conditions with the vectors of another embedding model."""
    if change.embedder is None:
        return conditions
    named = change.embedder
    model = wiring(parts).embedder(named) if isinstance(named, str) else named
    digest = model.fingerprint.digest
    vector = model.encode_query(conditions.query.text)
    asked = conditions.asking(vector=vector, extent=Extent())
    others = embedded(model, missing_texts(parts.journal, asked.query, wiring(parts).rows(digest)))
    instead = replace(asked.instead, digest=digest)
    return replace(asked, instead=instead, imagined=replace(asked.imagined, others=others))


def _added(parts: Parts, conditions: Conditions, change: Change) -> Conditions:
    """Return conditions with memories that were never stored."""
    if not change.adding:
        return conditions
    drafts = [Draft.of(value) for value in change.adding]
    events = tuple(stored_event(parts, d, new_number(), conditions.query.now) for d in drafts)
    texts = [PendingText(place, e.text, e.speaker) for place, e in enumerate(events)]
    model = _model_of(parts, conditions, change)
    added = embedded(model, texts) if conditions.query.vector is not None else Embedded()
    return replace(conditions, imagined=replace(conditions.imagined, events=events, added=added))


def _model_of(parts: Parts, conditions: Conditions, change: Change) -> Embedder:
    """Return the model whose vectors the recall compares."""
    if change.embedder is not None:
        named = change.embedder
        return wiring(parts).embedder(named) if isinstance(named, str) else named
    digest = conditions.instead.digest
    if digest not in (None, parts.embedder.fingerprint.digest):
        raise InvalidInput(
            f"this recall compared vectors of model {digest}, the memory was opened with "
            f"{parts.embedder.fingerprint}; pass embedder= to embed the added text with"
        )
    return parts.embedder


def _without(where: Filter | None, ids: Sequence[str]) -> Filter | None:
    if not ids:
        return where
    others = Group("not", (Test("id", "$in", tuple(ids)),))
    return others if where is None else Group("and", (where, others))


def _told(change: Change) -> dict[str, Any]:
    named = {
        "without": tuple(change.without) or None, "adding": len(change.adding) or None,
        "now": change.now, "as_of": change.as_of, "k": change.k, "off": tuple(change.off) or None,
        "rerank": change.rerank, "embedder": _name(change.embedder),
        "reranker": _name(change.reranker),
    }  # fmt: skip
    given = {name: value for name, value in named.items() if value is not None}
    return {**change.settings, **given}


def _name(model: Embedder | Reranker | str | None) -> str | None:
    if model is None or isinstance(model, str):
        return model
    return str(model.fingerprint) if isinstance(model, Embedder) else model.name


def _place(place: tuple[int, float] | None) -> str:
    return "-" if place is None else f"{place[0]:>2}. {place[1]:.3f}"
