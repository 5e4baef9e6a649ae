"""A journal as of an entry, with memories that were never stored: read, never written.

The hypothetical memories get the numbers after the head, so that no real version is among them;
what was written between the entry and the head is taken out. Word statistics count them as live.
A query's `where` lets them pass.
"""

from collections.abc import Sequence
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from memory_core.answers import MemorySource, Query
from memory_core.journal.codes import CODE, NEVER
from memory_core.journal.columns import Eligible, Snapshot
from memory_core.journal.events import Stored
from memory_core.journal.journal import Journal
from memory_core.journal.lexical import POSTING, Lexicon, Postings, indexed
from memory_core.journal.links import LinkReader
from memory_core.journal.memories import stored_memory
from memory_core.journal.names import NONE, Names
from memory_core.journal.turns import asks
from memory_core.journal.where import matching
from memory_core.terms import term_counts
from memory_core.types import Link, Memory


class Hypothetical:
    """The read side of a journal with some memories added.

    Args:
        journal: the real one.
        seq: the entry as of which it is seen.
        events: the memories to add, as their storing would have been written.
        at: when they would have been stored, microseconds since 1970 UTC.
    """

    def __init__(self, journal: Journal, seq: int, events: Sequence[Stored], at: int) -> None:
        self._journal = journal
        self._base = seq
        self._head = journal.head.seq
        self.memories = {
            self._head + place: stored_memory(self._head + place, at, event)
            for place, event in enumerate(events, 1)
        }
        counts = [term_counts(indexed(event.text, event.speaker)) for event in events]
        self._lexicon = _Lexicon(journal.identity.ns_id, dict(zip(self.docs, counts, strict=True)))
        self._snapshot = self._extended(journal.snapshot(), events, counts, at)

    @property
    def seq(self) -> int:
        """The entry that a query must see up to."""
        return self._head + len(self.memories)

    @property
    def docs(self) -> list[int]:
        """The numbers of the added texts."""
        return list(self.memories)

    def snapshot(self, seq: int | None = None) -> Snapshot:
        """Return the versions known at the entry, and the added ones."""
        return self._snapshot

    def eligible(self, query: Query, snapshot: Snapshot) -> Eligible:
        """Return which texts the query may see; the added ones pass its filter."""
        allowed: NDArray[np.int64] | None = None
        if query.where is not None:
            with self._journal.database.read() as connection:
                real = matching(connection, self._journal.identity.ns_id, query.where)
            allowed = np.concatenate([real, np.array(self.docs, dtype=np.int64)])
        return snapshot.eligible(query, allowed)

    def lexical(
        self, terms: Sequence[str], snapshot: Snapshot
    ) -> tuple[NDArray[np.float32], float]:
        """Return BM25 by doc and its ceiling, the added texts counted in."""
        with self._journal.database.read() as connection:
            return self._lexicon.score(connection, terms, snapshot)

    def source(self) -> MemorySource:
        """Return a loader that knows the added memories too."""
        return _Source(self._journal.source(), self.memories)

    def links(
        self, ids: Sequence[str], *, seq: int, hops: int = 2, limit: int = 2000
    ) -> tuple[Link, ...]:
        """Return the links known at the entry; nothing links to what was added."""
        reader = LinkReader(self._journal.database, self._journal.identity.ns_id)
        return reader(ids, seq=self._base, hops=hops, limit=limit)

    def _extended(
        self, real: Snapshot, events: Sequence[Stored], counts: Sequence[dict[str, int]], at: int
    ) -> Snapshot:
        size = int(np.searchsorted(real.columns["version"], self._base, side="right"))
        kept = {name: column[:size] for name, column in real.columns.items()}
        ends = kept["seq_to"]
        kept["seq_to"] = np.where(ends > self._base, NEVER, ends)
        speakers = Names(real.speakers)
        voices = speakers.codes(event.speaker for event in events)
        added = [
            {**_row(event, doc, size + place, (sum(terms.values()), at)), "speaker": voice}
            for place, (doc, event, terms, voice) in enumerate(
                zip(self.docs, events, counts, voices, strict=True)
            )
        ]
        columns = {
            name: np.concatenate(
                [column, np.array([row.get(name, 0) for row in added], dtype=column.dtype)]
            )
            for name, column in kept.items()
        }
        return Snapshot(self.seq, columns, speakers.names)


def _row(event: Stored, doc: int, place: int, measured: tuple[int, int]) -> dict[str, Any]:
    length, at = measured
    return {
        "version": doc, "doc": doc, "number": event.number, "seq_to": NEVER, "terms": length,
        "occurred_at": event.occurred_at, "stored_at": at,
        "valid_from": -NEVER if event.valid_from is None else event.valid_from,
        "valid_to": NEVER if event.valid_to is None else event.valid_to,
        "importance": event.importance, "kind": CODE["kind"][event.kind],
        "source": CODE["source"][event.source], "trust": CODE["trust"][event.trust],
        "state": CODE["state"]["live"], "asks": asks(event.text), "slot": place, "before": -1,
        "session": NONE,
    }  # fmt: skip


class _Lexicon(Lexicon):
    """A lexicon of its own, so that no cache of the real one ever counts what was added."""

    def __init__(self, ns_id: int, added: dict[int, dict[str, int]]) -> None:
        super().__init__(ns_id)
        self._added = added

    def _postings(self, connection: apsw.Connection, term: str) -> Postings:
        real = super()._postings(connection, term)
        mine = [(doc, counts[term]) for doc, counts in self._added.items() if term in counts]
        return np.concatenate([real, np.array(mine, dtype=POSTING)]) if mine else real


class _Source:
    """Loads real memories from the journal and gives the added ones."""

    def __init__(self, real: MemorySource, added: dict[int, Memory]) -> None:
        self._real = real
        self._added = added

    def memory(self, version: int) -> Memory:
        """Return the memory of that version."""
        return self._added.get(version) or self._real.memory(version)

    def prefetch(self, versions: Sequence[int]) -> None:
        """Load many versions in one read."""
        self._real.prefetch([version for version in versions if version not in self._added])
