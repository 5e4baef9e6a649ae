"""The memory of one namespace: store, recall, and everything that changes a memory.

There is one way to write, the journal's `commit`; a store returns once that is fsynced and leaves
the vectors to a worker. There is one way to recall, a list of stages; what they kept and cut is
the trace. The manager knows protocols and values only: `memory_core.build` wires the parts.
"""

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from memory_core import asking, batches, limits, writing
from memory_core.answers import RecallResult
from memory_core.attaching import as_paths
from memory_core.filters import Where
from memory_core.journal.entries import Entry
from memory_core.journal.events import Forgotten, Invalidated, Reinforced
from memory_core.journal.journal import Pending
from memory_core.journal.memories import load_current, load_history, load_links
from memory_core.parts import Parts, Policy
from memory_core.tracing import spanned
from memory_core.types import Change, Draft, Drafts, Link, Memory, Outcome, Receipt, StoreReport


class MemoryManager:
    """The memory of one namespace; thread-safe, and a context manager.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> with temporary_memory() as memory:
        ...     stored = memory.store("Ana moved to Lisbon in March")
        ...     memory.recall("Where does Ana live?").hits[0].memory.text
        'Ana moved to Lisbon in March'
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.journal = parts.journal

    @property
    def namespace(self) -> str:
        """The namespace this manager is opened on; it can name no other."""
        return self.journal.namespace

    @spanned("upsert_memory")
    def store(self, text: str = "", **fields: object) -> Memory:
        """Store one memory; it is durable on return, and embedded soon after.

        Args:
            text: what to remember, 1 byte to 1 MiB of UTF-8; may be left out beside a file.
            **fields: the other fields of a `Draft`; `image` and `audio` take a path as a string
                too, so pass on none that you were sent.

        Raises:
            InvalidInput: naming the field; nothing was written.
            KeyReused: the key belongs to another text.
            NotStored, OutcomeUnknown, StoreBusy, StoreReadOnly: see their docstrings.
        """
        draft = Draft.of({"text": text, **as_paths(fields)})
        (memory,), _ = writing.store(self.parts, [draft])
        return memory

    @spanned("upsert_memory")
    def store_many(
        self, drafts: Drafts, progress: Callable[[int], None] | None = None
    ) -> StoreReport:
        """Store a batch; a bad draft is reported and does not stop the others.

        Args:
            drafts: drafts, mappings of their fields, or bare texts; read lazily.
            progress: called with the number of drafts handled so far.

        Raises:
            NotStored, OutcomeUnknown, StoreBusy, StoreReadOnly: see their docstrings. Batches of
                256 drafts before are stored; drafts with keys can be passed again.
        """
        return batches.store_many(self.parts, drafts, progress)

    @spanned("search_memory")
    def recall(
        self,
        text: str,
        *,
        k: int = 8,
        token_budget: int | None = None,
        deadline_ms: float | None = None,
        where: Where | None = None,
        as_of: datetime | str | None = None,
        known_at: datetime | str | None = None,
        now: datetime | str | None = None,
        explain: bool = False,
        record: bool = True,
        for_action: bool = False,
        session: str | None = None,
    ) -> RecallResult:
        """Return the k memories that answer best, packed for a prompt, with the reasons.

        Args:
            text: the question; any text, operators and quotes mean nothing special.
            k: how many hits, 1..200.
            token_budget: most tokens of `context`; None packs all hits.
            deadline_ms: when to stop improving the answer; best so far is returned.
            where: a filter, see `memory_core.filters`.
            as_of: world time the memories must be valid at; now when None.
            known_at: store time; sees the memory as it was then.
            now: the moment that recency and validity are measured from.
            explain: keep the whole trace in the result.
            record: keep a recording for replay.
            for_action: only memories of trusted sources.
            session: the conversation, kept with the recording.

        Raises:
            InvalidInput: blank text, k or budget out of range, a bad filter or time.
            ModelMismatch: the model gives other vectors than when the store was written.
        """
        request = asking.Request(
            text=text, k=k, token_budget=token_budget, deadline_ms=deadline_ms, where=where,
            as_of=as_of, known_at=known_at, now=now, explain=explain, for_action=for_action,
        )  # fmt: skip
        return asking.answer(self.parts, request, session=session, record=record)

    def get(self, id: str) -> Memory:
        """Return a memory's newest version.

        Raises:
            NotFound: no such memory in this namespace.
        """
        with self.journal.database.read() as connection:
            found = load_current(connection, self.journal.identity.ns_id, writing.number_in(id))
        if found is None:
            raise writing.not_found(id)
        return found

    def list(
        self, *, where: Where | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[Memory, ...]:
        """Return live memories, the newest first.

        Args:
            where: a filter, see `memory_core.filters`.
            limit: how many at most.
            offset: how many to pass over.

        Raises:
            InvalidInput: a bad filter, or a number out of range.
        """
        limits.check_count(limit, "limit")
        limits.check_count(offset, "offset", least=0)
        return tuple(asking.live_memories(self.parts, where, limit, offset))

    def history(self, id: str) -> tuple[Change, ...]:
        """Return every version of a memory, oldest first, with what made it.

        Raises:
            NotFound: no such memory in this namespace.
        """
        with self.journal.database.read() as connection:
            found = load_history(connection, self.journal.identity.ns_id, writing.number_in(id))
        if not found:
            raise writing.not_found(id)
        return tuple(found)

    @spanned("update_memory")
    def link(self, source: str, target: str, relation: str) -> None:
        """Connect two memories by a named relation; linking twice is linking once.

        Raises:
            NotFound: one of them is not in this namespace.
        """
        writing.link(self.parts, source, target, relation)

    def links(self, id: str) -> tuple[Link, ...]:
        """Return the links from and to a memory, oldest first."""
        self.get(id)
        with self.journal.database.read() as connection:
            return tuple(load_links(connection, self.journal.identity.ns_id, writing.number_in(id)))

    @spanned("update_memory")
    def revise(self, id: str, **fields: object) -> Memory:
        """Correct a memory's text or fields; the old version stays in its history.

        Raises:
            InvalidInput: an unknown field or a wrong value.
            NotFound: no such memory in this namespace.
        """
        return writing.revise(self.parts, id, fields)

    @spanned("upsert_memory")
    def supersede(self, old_id: str, text: str, **fields: object) -> Memory:
        """Store a memory that replaces another from its `valid_from` on (its event time, or now).

        Raises:
            InvalidInput: the new memory is not later than the old one, or the old one was
                forgotten or invalidated.
            KeyReused: the key belongs to another text.
            NotFound: no such memory in this namespace.
        """
        draft = Draft.of({"text": text, **as_paths(fields)})
        return writing.supersede(self.parts, old_id, draft)

    @spanned("update_memory")
    def invalidate(self, id: str, reason: str | None = None) -> Memory:
        """Mark a memory as never having been true: no recall returns it, at any `as_of`."""
        limits.check_reason(reason)
        return writing.change(self.parts, id, lambda number, at: Invalidated(number, reason))

    @spanned("update_memory")
    def expire(self, id: str, at: datetime | str | None = None) -> Memory:
        """Mark a memory as true only until `at` (now when None).

        Raises:
            InvalidInput: it was superseded, forgotten or invalidated; this would bring it back.
                Or it begins only after `at`.
        """
        end = None if at is None else asking.micros(at, "at")
        return writing.expire(self.parts, id, end)

    @spanned("update_memory")
    def reinforce(self, id: str, times: int = 1) -> Memory:
        """Report that a memory was useful; the only way that use changes a later ranking.

        Args:
            id: the memory.
            times: how often, 1..1000.
        """
        limits.check_count(times, "times", most=limits.MAX_TIMES)
        return writing.change(self.parts, id, lambda number, at: Reinforced(number, times))

    @spanned("delete_memory")
    def forget(self, id: str, reason: str | None = None) -> Memory:
        """Stop recalling a memory; its history stays. See `erase` for removal."""
        limits.check_reason(reason)
        return writing.change(self.parts, id, lambda number, at: Forgotten(number, reason))

    @spanned("delete_memory")
    def erase(self, id: str) -> Receipt:
        """Remove every trace of a memory, and of what was derived from it, and return the proof.

        Raises:
            NotFound: no such memory in this namespace.
        """
        self.get(id)
        receipts = self.parts.erase([writing.number_in(id)])
        if not receipts:  # another process was first
            raise writing.not_found(id)
        return receipts[0]

    def outcome(self, key: str) -> Outcome:
        """Tell, for good, whether a write with that idempotency key is stored."""
        limits.check_name(key, "key")
        with self.journal.database.read() as connection:
            number = Pending(connection, self.journal.identity.ns_id).number_of_key(key)
            if number is None:
                return Outcome(key=key, stored=False)
            memory = load_current(connection, self.journal.identity.ns_id, number)
        return Outcome(key=key, stored=True, memory=memory)

    def run(self, policy: Policy) -> tuple[Entry, ...]:
        """Commit the events that a policy decides on, and return their entries.

        Raises:
            InvalidInput: it is no function, or does not return events; nothing was written.
        """
        written = writing.run(self.parts, policy)
        return written

    def close(self) -> None:
        """Stop the worker, write what is buffered, close the files; idempotent."""
        self.parts.catchup.close()
        for close in self.parts.closing:
            close()
        self.journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
