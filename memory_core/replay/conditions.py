"""Everything a recall depends on, as one value: change a part of it and run it again.

    recall = f(query with its vector, seq, now and extent; settings; models; stages that are off)

A recording gives the conditions of its recall; re-execution, what-if, diff and bisect run these or
others made from them. Running writes nothing and records nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from memory_core.answers import Extent, Note, Query, RecallResult
from memory_core.asking import answered
from memory_core.config import DECIDING, Settings
from memory_core.errors import InvalidInput, StoreReadOnly
from memory_core.filters import filter_of
from memory_core.parts import NOTHING, Instead, Parts, Wiring
from memory_core.replay.encoding import vector_of
from memory_core.replay.imagined import Imagined
from memory_core.replay.recording import Recording

RERANK = "rerank"
MATCHERS = ("sparse", "late")
"""Stages of further models, off in the replay of a recall that had none."""
LATER = frozenset(("lineage",))
"""Stages that recordings may be older than: off in the replay of one that does not name them."""
HURRIED = ("not_read",)
"""Codes of notes that only the clock gives: they are part of the conditions, like the extent."""

REAL = Imagined()


@dataclass(frozen=True, slots=True)
class Conditions:
    """What one recall depends on."""

    query: Query
    settings: Settings
    instead: Instead = NOTHING
    notes: tuple[Note, ...] = ()
    """What was noted before the stages ran."""
    imagined: Imagined = REAL

    def run(self, parts: Parts) -> RecallResult:
        """Return what the stages answer under these conditions.

        Raises:
            StoreReadOnly: the memory was opened without what makes stages anew.
            NotFound: the vectors of that model are not here.
        """
        wired, query, instead = wiring(parts), self.query, self.instead
        if self.imagined != REAL:
            real = wired.rows(instead.digest or parts.embedder.fingerprint.digest)
            query, instead = self.imagined.over(parts.journal, query, instead, real)
        result = answered(parts, query, wired.stages(self.settings, instead), notes=self.notes)
        return replace(result, query=self.query)

    def asking(self, **changes: Any) -> "Conditions":
        """Return these conditions with other fields of the query."""
        return replace(self, query=replace(self.query, **changes))

    def without(self, stages: Iterable[str]) -> "Conditions":
        """Return these conditions with some stages off."""
        off = self.instead.off | frozenset(stages)
        return replace(self, instead=replace(self.instead, off=off))

    @property
    def extent(self) -> Extent:
        """What the recall could see and had time for."""
        return self.query.extent or Extent()


def conditions_of(parts: Parts, recording: Recording) -> Conditions:
    """Return the conditions of a recorded recall.

    Raises:
        InvalidInput: its filter was recorded in a format that cannot be run.
        StoreReadOnly: the memory was opened without what makes stages anew.
    """
    body, known = recording.body, wiring(parts).settings
    values = {k: v for k, v in body.get("settings", {}).items() if k in DECIDING}
    model = body.get("embedder")
    off = frozenset(name for name in MATCHERS if body.get(name) is None)
    off |= frozenset() if body.get("reranker", True) is not None else frozenset((RERANK,))
    noted = body.get("noted") or [[step["name"], step["notes"]] for step in body["steps"]]
    off |= LATER - {name for name, _ in noted}
    notes = (
        Note(*note)
        for name, every in noted
        for note in every
        if name == "prepare" or note[0] in HURRIED
    )
    return Conditions(
        query=query_of(recording),
        settings=known.model_copy(update=values),
        instead=Instead(digest=model[0] if model else None, off=off),
        notes=tuple(notes),
    )


def query_of(recording: Recording) -> Query:
    """Return the query that was recorded, with what it could see.

    Raises:
        InvalidInput: its filter was recorded in a format that cannot be run.
    """
    asked = recording.body["query"]
    if isinstance(asked["where"], str):
        raise InvalidInput(
            f"recall {recording.id} has a filter in format 1, which can only be shown; play it back"
        )
    return Query(
        text=asked["text"],
        k=asked["k"],
        seq=asked["seq"],
        now=asked["now"],
        vector=vector_of(asked["vector"]),
        token_budget=asked["budget"],
        where=None if asked["where"] is None else filter_of(asked["where"]),
        as_of=asked["as_of"],
        for_action=asked["for_action"],
        extent=_extent(recording.body.get("extent")),
    )


def wiring(parts: Parts) -> Wiring:
    """Return what makes stages anew.

    Raises:
        StoreReadOnly: the memory was put together without it.
    """
    if parts.wiring is None:
        raise StoreReadOnly("this memory cannot make its stages anew; open it with open_memory")
    return parts.wiring


def _extent(data: dict[str, Any] | None) -> Extent:
    if data is None:
        return Extent()
    neighbours, batches = data["neighbours"], data["batches"]
    return Extent(
        rows=data["rows"],
        neighbours=None if neighbours is None else tuple(neighbours),
        known=data["known"],
        batches=None if batches is None else tuple(tuple(batch) for batch in batches),
        sparse=data.get("sparse"),
        late=None if data.get("late") is None else tuple(data["late"]),
    )
