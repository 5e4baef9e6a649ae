"""The links around some memories, as of any entry: what spreading activation walks on."""

from collections.abc import Sequence

import apsw

from memory_core.journal.database import Database
from memory_core.journal.schema import BY_TARGET
from memory_core.journal.sql import rows
from memory_core.journal.where import number_of
from memory_core.types import Link, from_micros


class LinkReader:
    """Reads links of one namespace, nearest first."""

    def __init__(self, database: Database, ns_id: int) -> None:
        self._database = database
        self._ns_id = ns_id

    def __call__(
        self, ids: Sequence[str], *, seq: int, hops: int = 2, limit: int = 2000
    ) -> tuple[Link, ...]:
        """Return up to `limit` links within `hops` steps of the ids, known at entry `seq`."""
        found: dict[tuple[int, int, str], int] = {}
        frontier = {number_of(id) for id in ids} - {-1}
        seen: set[int] = set()
        with self._database.read() as connection:
            for _ in range(hops):
                seen |= frontier
                for source, target, relation, at in self._around(connection, frontier, seq):
                    if len(found) < limit:
                        found.setdefault((source, target, relation), at)
                frontier = {end for pair in found for end in pair[:2]} - seen
                if not frontier or len(found) >= limit:
                    break
        return tuple(
            Link(source=f"{s:016x}", target=f"{t:016x}", relation=r, at=from_micros(at))
            for (s, t, r), at in found.items()
        )

    def _around(
        self, connection: apsw.Connection, numbers: set[int], seq: int
    ) -> list[tuple[int, int, str, int]]:
        marks = ", ".join("?" * len(numbers))
        found = []
        for end, index in (("source", ""), ("target", BY_TARGET)):
            found += rows(
                connection,
                f"SELECT source, target, relation, at FROM links {index} WHERE ns_id = ?"
                f" AND {end} IN ({marks}) AND seq_from <= ? AND (seq_to IS NULL OR seq_to > ?)"
                " ORDER BY seq_from",
                (self._ns_id, *sorted(numbers), seq, seq),
            )
        return found
