"""The state inside a write transaction: what a decision may ask before it decides."""

from collections.abc import Sequence

import apsw

from memory_core.errors import NotFound
from memory_core.journal import state
from memory_core.journal.bodies import both_of
from memory_core.journal.codes import CODE, NEVER
from memory_core.journal.entries import Entry
from memory_core.journal.erase import DERIVED_FROM, derived_from
from memory_core.journal.memories import load_current
from memory_core.journal.schema import BY_NUMBER, BY_SUBJECT
from memory_core.journal.sql import one, rows
from memory_core.media import Media
from memory_core.types import Memory

_TIMELY = ", ".join(str(CODE["state"][word]) for word in ("live", "expired", "superseded"))
"""The states of memories that are or were true."""


class Pending:
    """The state inside a write transaction, as a decision sees it."""

    def __init__(
        self, connection: apsw.Connection, ns_id: int, written: Sequence[Entry] = ()
    ) -> None:
        self.connection = connection
        self.ns_id = ns_id
        self.written = written
        """What the transaction wrote so far."""

    def number_of_key(self, key: str) -> int | None:
        """Return the memory stored under an idempotency key, or None."""
        row = one(
            self.connection,
            "SELECT number FROM keys WHERE ns_id = ? AND key = ?",
            (self.ns_id, key),
        )
        return int(row[0]) if row else None

    def first_of_key(self, key: str) -> tuple[int, str, Media | None] | None:
        """Return the memory stored under a key, its first text and its file, or None."""
        row = one(
            self.connection,
            "SELECT k.number, c.body FROM keys k JOIN content c ON c.id = (k.ns_id << 40) |"
            f" (SELECT min(version) FROM memories m {BY_NUMBER}"
            " WHERE m.ns_id = k.ns_id AND m.number = k.number)"
            " WHERE k.ns_id = ? AND k.key = ?",
            (self.ns_id, key),
        )
        return (int(row[0]), *both_of(row[1])) if row else None

    def current(self, number: int) -> state.Row | None:
        """Return a memory's newest version as a row, or None."""
        return state.current(self.connection, self.ns_id, number)

    def closed_by(self, number: int, seq: int) -> state.Row | None:
        """Return the version of a memory that an entry replaced as a row, or None."""
        return state.closed_by(self.connection, self.ns_id, number, seq)

    def memory(self, number: int) -> Memory:
        """Return a memory's newest version.

        Raises:
            NotFound: there is no such memory here.
        """
        if (found := load_current(self.connection, self.ns_id, number)) is None:
            raise NotFound(f"no memory {number:016x} in this namespace; see: memory list")
        return found

    def spans_of_key(self, subject: str, attribute: str) -> list[tuple[int, int, int]]:
        """Return (number, start, end) of what is or was true under that key, in world time."""
        return [
            (row[0], row[1], row[2])
            for row in rows(
                self.connection,
                f"SELECT number, ifnull(valid_from, occurred_at), ifnull(valid_to, {NEVER})"
                f" FROM memories {BY_SUBJECT} WHERE ns_id = ? AND subject = ? AND attribute = ?"
                f" AND seq_to IS NULL AND state IN ({_TIMELY}) ORDER BY version",
                (self.ns_id, subject, attribute),
            )
        ]

    def last_used(self) -> dict[int, int]:
        """Return when each memory was reinforced last, for those that were."""
        found = rows(
            self.connection,
            "SELECT m.number, max(j.at) FROM journal j JOIN memories m"
            " ON m.ns_id = j.ns_id AND m.version = j.seq"
            " WHERE j.ns_id = ? AND j.kind = 'reinforced' GROUP BY m.number",
            (self.ns_id,),
        )
        return {row[0]: row[1] for row in found}

    def links_of(self, relation: str) -> list[tuple[int, int]]:
        """Return (source, target) of every link of that name, oldest first."""
        found = rows(
            self.connection,
            "SELECT source, target FROM links WHERE ns_id = ? AND relation = ?"
            " AND seq_to IS NULL ORDER BY seq_from",
            (self.ns_id, relation),
        )
        return [(row[0], row[1]) for row in found]

    def sources_of(self, number: int) -> list[int]:
        """Return what a memory was made from, oldest link first; taken back ones count."""
        found = rows(
            self.connection,
            "SELECT target FROM links WHERE ns_id = ? AND source = ? AND relation = ?"
            " ORDER BY seq_from",
            (self.ns_id, number, DERIVED_FROM),
        )
        return list(dict.fromkeys(row[0] for row in found))

    def derived_from(self, number: int) -> list[int]:
        """Return what was made from a memory, nearest first, however indirectly."""
        return derived_from(self.connection, self.ns_id, number)

    def proposals(self) -> list[tuple[int, int, int, str, str | None]]:
        """Return (entry, first, second, rule, verdict) of every proposal, oldest first."""
        return [
            (row[0], row[1], row[2], row[3], row[4])
            for row in rows(
                self.connection,
                "SELECT seq, first, second, rule, verdict FROM proposals WHERE ns_id = ?"
                " ORDER BY seq",
                (self.ns_id,),
            )
        ]

    def linked(self, source: int, target: int, relation: str) -> bool:
        """Tell whether two memories are linked by that relation."""
        return (
            one(
                self.connection,
                "SELECT 1 FROM links WHERE (ns_id, source, target, relation) = (?, ?, ?, ?)"
                " AND seq_to IS NULL",
                (self.ns_id, source, target, relation),
            )
            is not None
        )
