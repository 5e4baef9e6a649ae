"""One namespace of one store: the single way to write, and every way to read.

`commit(decide)` runs in one write transaction: `decide` sees the state it will be judged on, its
events become chained entries, and the projections in the same file follow at once. Reads name a
`seq`; what they see never changes afterwards, except by erasure.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw
import numpy as np
from numpy.typing import NDArray

from memory_core.answers import MemorySource, Query
from memory_core.errors import NotFound, StoreDamaged
from memory_core.journal import entries, lexical, state
from memory_core.journal.columns import Columns, Eligible, Snapshot
from memory_core.journal.database import Database
from memory_core.journal.entries import Entry, Head, Namespace
from memory_core.journal.events import Event
from memory_core.journal.home import require_store
from memory_core.journal.lexical import Lexicon
from memory_core.journal.media import MediaFiles
from memory_core.journal.memories import Loader
from memory_core.journal.pending import Pending as Pending
from memory_core.journal.serving import Serving, read_serving
from memory_core.journal.sql import one
from memory_core.journal.vectors import VectorTable
from memory_core.journal.where import matching
from memory_core.terms import TERMS_VERSION

_BATCH = 1000  # entries read at once

Decide = Callable[[Pending, int], Sequence[Event]]


class Journal:
    """The entries and the state of one namespace; thread-safe.

    Example:
        >>> import tempfile, pathlib, itertools
        >>> from memory_core.journal.events import Linked
        >>> clock = itertools.count(1)
        >>> journal = Journal(pathlib.Path(tempfile.mkdtemp()), "ana", clock=lambda: next(clock))
        >>> entries = journal.commit(lambda state, at: [Linked(1, 2, "knows")])
        >>> entries[0].seq, journal.verify()
        (1, [])
        >>> journal.close()
    """

    def __init__(
        self,
        home: Path,
        namespace: str,
        *,
        clock: Callable[[], int],
        readonly: bool = False,
        create: bool = True,
        synchronous: str = "FULL",
    ) -> None:
        if not create:
            require_store(home)
        self.home = home
        self.namespace = namespace
        self.database = Database(home / "journal.db", readonly=readonly, synchronous=synchronous)
        self.clock = clock
        self.identity = self._open_namespace(create=create)
        self.media = MediaFiles(home, self.identity.uid)
        self._columns = Columns(self.identity.ns_id)
        self._lexicon = Lexicon(self.identity.ns_id)
        self._erased = 0

    @property
    def head(self) -> Head:
        """The newest entry, whoever wrote it."""
        with self.database.read() as connection:
            return entries.read_head(connection, self.identity.ns_id)

    def commit(
        self,
        decide: Decide,
        keys: tuple[str, ...] = (),
        after: Callable[[Pending], None] | None = None,
    ) -> tuple[Entry, ...]:
        """Write the events that `decide(state, at)` returns; they are durable on return.

        Args:
            decide: called once inside the transaction, with the time the entries will carry.
            keys: idempotency keys to name should the outcome be unknown.
            after: reads the new state before the commit, so that nothing can fail after it.

        Raises:
            NotStored, OutcomeUnknown, StoreBusy, StoreReadOnly: see `Database.write`.
        """
        written: list[Entry] = []
        with self.database.write(keys) as connection:
            ns_id = self.identity.ns_id
            head = entries.read_head(connection, ns_id)
            at = max(self.clock(), head.at)
            for event in decide(Pending(connection, ns_id), at):
                entry = entries.append(connection, self.identity, head, at=at, event=event)
                state.apply(connection, ns_id, entry)
                head = Head(entry.seq, at, entry.hash)
                written.append(entry)
            if any(e.kind in ("stored", "revised") for e in written):
                lexical.merge_when_full(connection, ns_id)
            if after is not None:
                after(Pending(connection, ns_id, written))
        return tuple(written)

    def entries(
        self, after: int = 0, until: int | None = None, *, kinds: Sequence[str] = ()
    ) -> Iterator[Entry]:
        """Yield entries with after < seq <= until, in order; a resting reader holds nothing.

        Args:
            after: the entry before the first.
            until: the last; the head when None.
            kinds: only entries of these kinds; of all when empty.
        """
        end = self.head.seq if until is None else min(until, self.head.seq)
        ns_id = self.identity.ns_id
        while after < end:
            stop = min(after + _BATCH, end)
            with self.database.read() as connection:
                some = list(entries.read_entries(connection, ns_id, after, stop, kinds=kinds))
            yield from some
            after = stop

    def verify(self) -> list[str]:
        """Return every fault of the chain and its bodies; an empty list is proof of none."""
        with self.database.read() as connection:
            return [
                *entries.verify_chain(connection, self.identity),
                *entries.unexplained_bodies(connection, self.identity),
            ]

    @property
    def last_erasure(self) -> int:
        """Return the newest entry that erased something, 0 for none."""
        with self.database.read() as connection:
            row = one(
                connection, "SELECT erased FROM heads WHERE ns_id = ?", (self.identity.ns_id,)
            )
        return int(row[0]) if row else 0

    @property
    def serving(self) -> Serving | None:
        """Return which model's vectors answer; None while there are no vectors."""
        with self.database.read() as connection:
            return read_serving(connection, self.identity.ns_id)

    def snapshot(self, seq: int | None = None) -> Snapshot:
        """Return the versions as columns, as of `seq` (the head when None)."""
        with self.database.read() as connection:
            head, erased = one(
                connection, "SELECT seq, erased FROM heads WHERE ns_id = ?", (self.identity.ns_id,)
            ) or (0, 0)
            if erased != self._erased:
                self.refresh()
                self._erased = erased
            return self._columns.snapshot(connection, head, None if seq is None else min(seq, head))

    def seq_at(self, moment: int) -> int:
        """Return the last entry written at or before a moment; 0 if there is none."""
        with self.database.read() as connection:
            row = one(
                connection,
                "SELECT max(seq) FROM journal WHERE ns_id = ? AND at <= ?",
                (self.identity.ns_id, moment),
            )
        return int(row[0] or 0) if row else 0

    def eligible(self, query: Query, snapshot: Snapshot) -> Eligible:
        """Return which texts the query may see, its filter applied."""
        allowed: NDArray[np.int64] | None = None
        if query.where is not None:
            with self.database.read() as connection:
                allowed = matching(connection, self.identity.ns_id, query.where)
        return snapshot.eligible(query, allowed)

    def lexical(
        self, terms: Sequence[str], snapshot: Snapshot
    ) -> tuple[NDArray[np.float32], float]:
        """Return BM25 by doc `(seq+1,)` and its ceiling, see `memory_core.journal.lexical`."""
        with self.database.read() as connection:
            return self._lexicon.score(connection, terms, snapshot)

    def source(self) -> MemorySource:
        """Return a loader of memories by version, for one recall."""
        return Loader(self.database, self.identity.ns_id)

    def vectors(self, digest: str) -> VectorTable:
        """Return the vectors written under the model of that fingerprint digest."""
        return VectorTable(self.database, self.identity, digest)

    def rebuild(self) -> int:
        """Fold the state anew from the entries; return how many were folded."""
        ns_id, folded = self.identity.ns_id, 0
        with self.database.write() as connection:
            state.clear(connection, ns_id)
            for entry in entries.read_entries(connection, ns_id):
                state.apply(connection, ns_id, entry)
                folded += 1
            lexical.merge_when_full(connection, ns_id)
        self.refresh()
        return folded

    def refresh(self) -> None:
        """Drop what is cached in memory, after rows were erased or rebuilt."""
        self._columns.forget()
        self._lexicon.forget()

    def close(self) -> None:
        """Close the files; idempotent."""
        self.database.close()

    def _open_namespace(self, *, create: bool) -> Namespace:
        try:
            with self.database.read() as connection:
                found = entries.open_namespace(connection, self.namespace)
        except StoreDamaged:
            self.database.close()
            raise
        if found is None and not create:
            self.database.close()
            raise NotFound(
                f"no namespace {self.namespace!r} in {self.home}; check its name, or store "
                "something in it first"
            )
        if found is None and self.database.readonly:
            raise NotFound(
                f"no namespace {self.namespace!r} in {self.home} and it is read-only; "
                "open it once where it can be written"
            )
        if found is None:
            with self.database.write() as connection:
                found = entries.open_namespace(connection, self.namespace)
                found = found or entries.create_namespace(connection, self.namespace)
                self._mark_terms(connection, found.ns_id)
        return found

    def _mark_terms(self, connection: apsw.Connection, ns_id: int) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, 'terms_version', ?)",
            (ns_id, TERMS_VERSION),
        )
