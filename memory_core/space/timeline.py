"""What a namespace has lived through: how many memories there were, and what happened to them.

    by store time   from the journal's entries: stored, reinforced, no longer recalled, removed
    by event time   from the memories as they are now, at the moment that each speaks of

The first says how the store grew and shrank; the second what the memories are about, which after an
import is not the same. Erased memories have left no rows: they count among what happened (by store
time), and not in the number there was.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memory_core.errors import InvalidInput
from memory_core.journal.codes import CODE, KINDS
from memory_core.journal.sql import rows
from memory_core.manager import MemoryManager

Axis = Literal["store", "event"]
Counts = NDArray[np.int64]

HAPPENED = ("stored", "reinforced", "retired", "removed")
"""`retired` is forgotten, superseded, expired or invalidated; `removed` erased or compacted."""
MOST_BINS = 80
LEAST_BINS = 12
_SECOND = 1_000_000  # microseconds
_DAY = 86_400
WIDTHS = [
    _SECOND * seconds
    for seconds in (
        1,
        10,
        60,
        600,
        3600,
        6 * 3600,
        _DAY,
        7 * _DAY,
        30 * _DAY,
        91 * _DAY,
        365 * _DAY,
    )
]
_OF_KIND = {
    "stored": "stored", "reinforced": "reinforced", "forgotten": "retired",
    "superseded": "retired", "expired": "retired", "invalidated": "retired",
    "erased": "removed", "compacted": "removed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timeline:
    """Counts by bins of time."""

    axis: Axis
    edges: Counts = field(repr=False)
    """`(bins + 1,)` microseconds since 1970 UTC; empty for an empty namespace."""
    there: dict[str, Counts] = field(repr=False)
    """By kind: recallable memories at the end of each bin, `(bins,)`."""
    happened: dict[str, Counts] = field(repr=False)
    """By what happened: how often in each bin, `(bins,)`."""

    def __len__(self) -> int:
        return max(len(self.edges) - 1, 0)

    @property
    def totals(self) -> dict[str, int]:
        """How often each thing happened in all."""
        return {name: int(counts.sum()) for name, counts in self.happened.items()}

    @property
    def now(self) -> int:
        """How many memories can be recalled at the end."""
        return sum(int(counts[-1]) for counts in self.there.values()) if len(self) else 0


def timeline(memory: MemoryManager, *, axis: Axis = "store") -> Timeline:
    """Return the timeline of a namespace; an empty one has no bins.

    Raises:
        InvalidInput: another axis.
    """
    if axis not in ("store", "event"):
        raise InvalidInput(f"axis={axis!r} is neither 'store' nor 'event'; pass one of them")
    return _stored(memory) if axis == "store" else _spoken_of(memory)


def _stored(memory: MemoryManager) -> Timeline:
    ns_id = memory.journal.identity.ns_id
    with memory.journal.database.read() as connection:
        entries = rows(connection, "SELECT kind, at FROM journal WHERE ns_id = ?", (ns_id,))
        spans = rows(
            connection,
            "SELECT m.kind, a.at, b.at FROM memories m"
            " JOIN journal a ON a.ns_id = m.ns_id AND a.seq = m.version"
            " LEFT JOIN journal b ON b.ns_id = m.ns_id AND b.seq = m.seq_to"
            " WHERE m.ns_id = ? AND m.state = ?",
            (ns_id, CODE["state"]["live"]),
        )
    events = [(_OF_KIND[kind], at, 1) for kind, at in entries if kind in _OF_KIND]
    changes = [(KINDS[code], begun, 1) for code, begun, _ in spans]
    changes += [(KINDS[code], ended, -1) for code, _, ended in spans if ended is not None]
    return _binned("store", events, changes)


def _spoken_of(memory: MemoryManager) -> Timeline:
    ns_id = memory.journal.identity.ns_id
    with memory.journal.database.read() as connection:
        found = rows(
            connection,
            "SELECT kind, state, occurred_at, reinforced FROM memories"
            " WHERE ns_id = ? AND seq_to IS NULL",
            (ns_id,),
        )
    events = [("stored", at, 1) for _, _, at, _ in found]
    events += [("reinforced", at, times) for _, _, at, times in found if times]
    events += [("retired", at, 1) for _, state, at, _ in found if state]
    return _binned("event", events, [(KINDS[kind], at, 1) for kind, state, at, _ in found
                                     if not state])  # fmt: skip


def _binned(axis: Axis, events: list[Any], changes: list[Any]) -> Timeline:
    moments = np.array([at for _, at, _ in (*events, *changes)], dtype=np.int64)
    edges = edges_of(moments)
    counted = {name: _sums(events, name, edges) for name in HAPPENED}
    there: dict[str, Counts] = {kind: np.cumsum(_sums(changes, kind, edges)) for kind in KINDS}
    return Timeline(axis, edges, there, counted)


def _sums(events: list[Any], name: str, edges: Counts) -> Counts:
    ours = [(at, count) for what, at, count in events if what == name]
    if not len(edges) or not ours:
        return np.zeros(max(len(edges) - 1, 0), dtype=np.int64)
    moments, counts = np.array(ours, dtype=np.int64).T
    places = np.searchsorted(edges, moments, side="right") - 1
    summed = np.zeros(len(edges) - 1, dtype=np.int64)
    np.add.at(summed, places, counts)
    return summed


def edges_of(moments: Counts) -> Counts:
    """Return the edges of 12 to 80 bins of a usual width that hold all moments."""
    if not len(moments):
        return np.zeros(0, dtype=np.int64)
    low, high = int(moments.min()), int(moments.max())
    fits = (width for width in WIDTHS if high // width - low // width < MOST_BINS)
    width = next(fits, None) or (high - low) // (MOST_BINS - 1)
    first, last = low // width, high // width
    lacking = max(LEAST_BINS - (last - first + 1), 0)
    first, last = first - lacking // 2, last + lacking - lacking // 2
    edges: Counts = np.arange(first, last + 2, dtype=np.int64) * width
    return edges
