"""Versions as `Memory` values: loaded in batches, by version or by id."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apsw

from memory_core.errors import NotFound
from memory_core.journal.bodies import both_of, described
from memory_core.journal.codes import CODE, KINDS, SOURCES, STATES, TRUSTS
from memory_core.journal.database import Database
from memory_core.journal.events import Stored
from memory_core.journal.schema import BY_NUMBER, BY_TARGET
from memory_core.journal.sql import one, rows
from memory_core.types import Change, Link, Memory, State, Trust, from_micros

_COLUMNS = (
    "SELECT m.version, m.number, m.state, m.kind, m.source, m.trust, m.occurred_at, m.stored_at,"
    " m.valid_from, m.valid_to, m.importance, m.reinforced, m.role, m.speaker, m.session,"
    " m.subject, m.attribute, m.key, m.metadata, c.body, m.writer"
)
_BODY = "JOIN content c ON c.id = (m.ns_id << 40) | m.doc WHERE m.ns_id = ?"
_SELECT = f"{_COLUMNS} FROM memories m {_BODY}"
_BY_NUMBER = f"{_COLUMNS} FROM memories m {BY_NUMBER} {_BODY} AND m.number = ?"
_BATCH = 500


class Loader:
    """Loads each version once; one per recall, so that it never serves what was erased since."""

    def __init__(self, database: Database, ns_id: int) -> None:
        self._database = database
        self._ns_id = ns_id
        self._loaded: dict[int, Memory] = {}

    def memory(self, version: int) -> Memory:
        """Return the memory of that version.

        Raises:
            NotFound: it was erased.
        """
        if version not in self._loaded:
            self.prefetch((version,))
        try:
            return self._loaded[version]
        except KeyError:
            raise NotFound(f"version {version} is not here any more; it was erased") from None

    def prefetch(self, versions: Sequence[int]) -> None:
        """Load many versions in one read."""
        missing = [version for version in versions if version not in self._loaded]
        with self._database.read() as connection:
            for start in range(0, len(missing), _BATCH):
                part = missing[start : start + _BATCH]
                marks = ", ".join("?" * len(part))
                found = rows(
                    connection, f"{_SELECT} AND m.version IN ({marks})", (self._ns_id, *part)
                )
                self._loaded.update({row[0]: memory_of(row) for row in found})


def load_current(connection: apsw.Connection, ns_id: int, number: int) -> Memory | None:
    """Return a memory's newest version, or None."""
    row = one(connection, f"{_BY_NUMBER} AND m.seq_to IS NULL", (ns_id, number))
    return memory_of(row) if row else None


def load_history(connection: apsw.Connection, ns_id: int, number: int) -> list[Change]:
    """Return every version of a memory with the entry that made it, oldest first."""
    found = rows(connection, f"{_BY_NUMBER} ORDER BY m.version", (ns_id, number))
    changes = []
    for row in found:
        at, kind = one(
            connection, "SELECT at, kind FROM journal WHERE ns_id = ? AND seq = ?", (ns_id, row[0])
        ) or (0, "stored")
        changes.append(
            Change(version=row[0], at=from_micros(at), event=kind, memory=memory_of(row))
        )
    return changes


def load_list(connection: apsw.Connection, ns_id: int, versions: Iterable[int]) -> list[Memory]:
    """Return memories by version, in the order given."""
    return [
        memory_of(row)
        for version in versions
        if (row := one(connection, f"{_SELECT} AND m.version = ?", (ns_id, version)))
    ]


def load_links(connection: apsw.Connection, ns_id: int, number: int) -> list[Link]:
    """Return the links from and to a memory, oldest first."""
    found = rows(
        connection,
        "SELECT source, target, relation, at FROM links WHERE ns_id = ?1 AND source = ?2"
        " AND seq_to IS NULL"
        f" UNION ALL SELECT source, target, relation, at FROM links {BY_TARGET}"
        " WHERE ns_id = ?1 AND target = ?2 AND source <> ?2 AND seq_to IS NULL ORDER BY 4",
        (ns_id, number),
    )
    return [
        Link(source=f"{s:016x}", target=f"{t:016x}", relation=relation, at=from_micros(at))
        for s, t, relation, at in found
    ]


def memory_of(row: tuple[Any, ...]) -> Memory:
    """Build a memory from a row of `_SELECT`; the values were checked when they were stored."""
    text, media = both_of(row[19])
    return Memory.model_construct(
        id=f"{row[1]:016x}",
        version=row[0],
        text=text,
        kind=KINDS[row[3]],
        role=row[12],
        speaker=row[13],
        session=row[14],
        source=SOURCES[row[4]],
        trust=TRUSTS[row[5]],
        state=STATES[row[2]],
        occurred_at=from_micros(row[6]),
        stored_at=from_micros(row[7]),
        valid_from=None if row[8] is None else from_micros(row[8]),
        valid_to=None if row[9] is None else from_micros(row[9]),
        importance=row[10],
        reinforced=row[11],
        subject=row[15],
        attribute=row[16],
        metadata=json.loads(row[18]) if row[18] else {},
        key=row[17],
        writer=row[20],
        media=media,
    )


def stored_memory(version: int, at: int, event: Stored) -> Memory:
    """Build the memory that an entry stored, as reading its row would, and without reading it."""
    return Memory.model_construct(
        id=f"{event.number:016x}",
        version=version,
        text=event.text,
        kind=KINDS[CODE["kind"][event.kind]],
        role=event.role,
        speaker=event.speaker,
        session=event.session,
        source=SOURCES[CODE["source"][event.source]],
        trust=Trust(event.trust),
        state=State.LIVE,
        occurred_at=from_micros(event.occurred_at),
        stored_at=from_micros(at),
        valid_from=None if event.valid_from is None else from_micros(event.valid_from),
        valid_to=None if event.valid_to is None else from_micros(event.valid_to),
        importance=event.importance,
        reinforced=0,
        subject=event.subject,
        attribute=event.attribute,
        metadata=json.loads(json.dumps(event.metadata)) if event.metadata else {},
        key=event.key,
        writer=event.writer,
        media=described(event.media),
    )


def load_all(connection: apsw.Connection, ns_id: int, batch: int = _BATCH) -> Iterator[Memory]:
    """Yield the newest version of every memory, in whatever state, oldest version first."""
    last = 0
    while found := rows(
        connection,
        f"{_SELECT} AND m.seq_to IS NULL AND m.version > ? ORDER BY m.version LIMIT ?",
        (ns_id, last, batch),
    ):
        last = found[-1][0]
        yield from (memory_of(row) for row in found)


def load_every_link(connection: apsw.Connection, ns_id: int) -> list[Link]:
    """Return every link of the namespace, oldest first."""
    return [
        Link(source=f"{s:016x}", target=f"{t:016x}", relation=relation, at=from_micros(at))
        for s, t, relation, at in rows(
            connection,
            "SELECT source, target, relation, at FROM links WHERE ns_id = ? AND seq_to IS NULL"
            " ORDER BY seq_from",
            (ns_id,),
        )
    ]
