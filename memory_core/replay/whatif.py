"""The same recall under other settings, at another moment, or without some memories.

The memory is as it was and the query's vector the recorded one; only what was asked to change
does. A memory that is left out is hidden from the query and still counts in BM25's statistics.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

from memory_core.answers import RecallResult
from memory_core.asking import micros
from memory_core.config import DECIDING, changed
from memory_core.errors import InvalidSetting
from memory_core.filters import Filter, Group, Test
from memory_core.limits import MAX_K
from memory_core.parts import Parts
from memory_core.replay.conditions import RERANK, Conditions, conditions_of
from memory_core.replay.playback import Playback, playback
from memory_core.replay.printed import Printed
from memory_core.replay.recording import Recording

FIXED = ("metric",)
"""Decide a recall, but cannot change without other vectors."""


@dataclass(frozen=True, slots=True)
class Change:
    """What to do otherwise; what is not given stays as recorded."""

    without: Sequence[str] = ()
    """Ids of memories that the recall shall not see."""
    now: datetime | str | None = None
    k: int | None = None
    rerank: bool | None = None
    """False leaves the cross-encoder out."""
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
    _check(change)
    recorded = conditions_of(parts, recording)
    conditions = changed_conditions(recorded, change)
    result = conditions.run(parts)
    return WhatIf(playback(recording), result, _told(change), conditions)


def _check(change: Change) -> None:
    allowed = [name for name in DECIDING if name not in FIXED]
    if wrong := [name for name in change.settings if name not in allowed]:
        raise InvalidSetting(
            f"{', '.join(wrong)} cannot change in a what-if; use {', '.join(allowed)}"
        )
    k = change.k
    if k is not None and (isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MAX_K):
        raise InvalidSetting(f"k={k!r} is out of range; pass 1 to {MAX_K}")


def changed_conditions(recorded: Conditions, change: Change) -> Conditions:
    """Return the conditions of a recall under a change.

    Raises:
        InvalidSetting: a wrong value.
        InvalidInput: a wrong time.
    """
    query, wanted = recorded.query, changed(recorded.settings, change.settings)
    k = query.k if change.k is None else change.k
    now = query.now if change.now is None else micros(change.now, "now")
    extent = query.extent
    if extent is not None:  # other candidates are judged anew, and more of them scanned for
        more = max(wanted.candidates, k) > max(recorded.settings.candidates, query.k)
        neighbours = None if more else extent.neighbours
        extent = replace(extent, neighbours=neighbours, batches=None)
    where = _without(query.where, change.without)
    asked = replace(recorded.asking(k=k, now=now, where=where, extent=extent), settings=wanted)
    return asked.without((RERANK,)) if change.rerank is False else asked


def _without(where: Filter | None, ids: Sequence[str]) -> Filter | None:
    if not ids:
        return where
    others = Group("not", (Test("id", "$in", tuple(ids)),))
    return others if where is None else Group("and", (where, others))


def _told(change: Change) -> dict[str, Any]:
    named = {"without": tuple(change.without) or None, "now": change.now, "k": change.k}
    named["rerank"] = change.rerank
    given = {name: value for name, value in named.items() if value is not None}
    return {**change.settings, **given}


def _place(place: tuple[int, float] | None) -> str:
    return "-" if place is None else f"{place[0]:>2}. {place[1]:.3f}"
