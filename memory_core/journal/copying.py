"""Copies of the whole file: taken while others write, cut at an entry, compared with a refold.

A copy is one `VACUUM INTO`: a consistent state of one moment, rewritten, so that no deleted byte
travels with it. What was erased after a copy was taken is known from `Erased` entries or from the
ledger beside the copy, and is erased again in whatever is made of it.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from memory_core.journal import schema, state
from memory_core.journal.database import Database
from memory_core.journal.entries import Namespace, read_entries
from memory_core.journal.events import REMOVALS, Erased
from memory_core.journal.sql import one, rows
from memory_core.journal.vectors import remove_vectors

_COPY = "copy:"
_REFOLDED = ("memories", "facets", "keys", "links", "proposals")
"""Projections that do not depend on when they were folded; postings are merged in blocks."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What must not come back: a memory of a namespace, and the entries that spoke of it."""

    uid: str
    """The namespace's random id, hexadecimal."""
    number: int
    entries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy outside the store."""

    path: Path
    at: int
    uid: str | None = None
    """The namespace that was exported; None for a backup of them all."""


def copy_into(database: Database, path: Path) -> None:
    """Write a consistent, compact copy of the file; others may write meanwhile."""
    with database.read() as connection:
        connection.execute("VACUUM INTO ?", (str(path),))
    path.chmod(0o600)


def namespaces(database: Database) -> list[Namespace]:
    """Return every namespace of the store: for copies of the whole, never for a recall."""
    with database.read() as connection:
        found = rows(connection, "SELECT ns_id, name, uid, salt FROM namespaces ORDER BY ns_id")
    return [Namespace(*row) for row in found]


def erasures(database: Database) -> list[Erasure]:
    """Return every erasure and compaction of every namespace."""
    found = []
    for namespace in namespaces(database):
        with database.read() as connection:
            for entry in read_entries(connection, namespace.ns_id, kinds=REMOVALS):
                if isinstance(event := entry.event, Erased):
                    uid = namespace.uid.hex()
                    found.append(Erasure(uid, event.number, tuple(event.entries)))
    return found


def note_copy(database: Database, copy: Copy) -> None:
    """Remember where a copy lies, so that later erasures can name it or be told to it."""
    value = json.dumps({"path": str(copy.path), "at": copy.at, "uid": copy.uid})
    with database.write() as connection:
        connection.execute("INSERT INTO meta VALUES (?, ?)", (_COPY + secrets.token_hex(8), value))


def noted_copies(database: Database, uid: str) -> list[Copy]:
    """Return the copies that hold a namespace, oldest first: its exports and all backups."""
    with database.read() as connection:
        found = rows(connection, "SELECT value FROM meta WHERE name LIKE ?", (f"{_COPY}%",))
    values = [json.loads(value) for (value,) in found]
    copies = [Copy(Path(v["path"]), v["at"], v["uid"]) for v in values if v["uid"] in (None, uid)]
    return sorted(copies, key=lambda copy: (copy.at, str(copy.path)))


def cut(path: Path, until: Mapping[str, int]) -> None:
    """Take a closed copy back to an entry, for each namespace that is named.

    What came later is removed, its text too, and the state is folded anew. A body that an erasure
    had removed stays removed.
    """
    connection = apsw.Connection(str(path))
    try:
        connection.pragma("secure_delete", True)
        triggers = rows(connection, "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        connection.execute("BEGIN IMMEDIATE")
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for name, seq in until.items():
            (ns_id,) = one(connection, "SELECT ns_id FROM namespaces WHERE name = ?", (name,)) or (
                -1,
            )
            _cut_one(connection, ns_id, seq)
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("VACUUM")
    finally:
        connection.close()


def _cut_one(connection: apsw.Connection, ns_id: int, seq: int) -> None:
    connection.execute("DELETE FROM journal WHERE ns_id = ? AND seq > ?", (ns_id, seq))
    connection.execute(
        "DELETE FROM content WHERE ns_id = ? AND id > ?", (ns_id, (ns_id << 40) | seq)
    )
    last = one(
        connection, "SELECT seq, at, hash FROM journal WHERE ns_id = ? AND seq = ?", (ns_id, seq)
    ) or (0, 0, bytes(32))
    connection.execute(
        "UPDATE heads SET seq = ?, at = ?, hash = ?, merged = 0, erased = min(erased, ?)"
        " WHERE ns_id = ?",
        (*last, seq, ns_id),
    )
    later = rows(
        connection, "SELECT DISTINCT doc FROM vector_docs WHERE ns_id = ? AND doc > ?", (ns_id, seq)
    )
    remove_vectors(connection, ns_id, [doc for (doc,) in later])
    connection.execute(
        "UPDATE positions SET position = min(position, ?) WHERE ns_id = ? AND name <> ?",
        (seq, ns_id, "terms_version"),
    )
    state.clear(connection, ns_id)
    for entry in read_entries(connection, ns_id):
        state.apply(connection, ns_id, entry)


def differences(namespace: Namespace, copy: Path) -> list[str]:
    """Return how the namespace's state differs from its entries folded anew in a copy of it.

    Args:
        namespace: whose state.
        copy: a closed copy of the same moment; its state is folded anew.
    """
    connection = apsw.Connection(str(copy))
    try:
        before = {table: _dump(connection, namespace.ns_id, table) for table in _REFOLDED}
        connection.execute("BEGIN IMMEDIATE")
        state.clear(connection, namespace.ns_id)
        for entry in read_entries(connection, namespace.ns_id):
            state.apply(connection, namespace.ns_id, entry)
        after = {table: _dump(connection, namespace.ns_id, table) for table in _REFOLDED}
        connection.execute("ROLLBACK")
    finally:
        connection.close()
    return [
        f"{table}: {len(before[table] ^ after[table])} rows differ from the entries; "
        "run: memory rebuild"
        for table in _REFOLDED
        if before[table] != after[table]
    ]


def vector_faults(database: Database, ns_id: int) -> list[str]:
    """Return vectors that are not finite, have a wrong size, or belong to no text."""
    with database.read() as connection:
        (stray,) = one(
            connection,
            "SELECT count(*) FROM vector_docs v WHERE v.ns_id = ? AND NOT EXISTS (SELECT 1 FROM"
            " memories m WHERE m.ns_id = v.ns_id AND m.doc = v.doc)",
            (ns_id,),
        ) or (0,)
        (lost,) = one(
            connection,
            "SELECT count(*) FROM vector_docs v WHERE v.ns_id = ? AND NOT EXISTS (SELECT 1 FROM"
            " vectors x WHERE x.id = v.id)",
            (ns_id,),
        ) or (0,)
    faults = [f"{stray} vectors belong to no text"] if stray else []
    return [*faults, *([f"{lost} vectors are missing"] if lost else [])]


def schema_of(path: Path) -> int:
    """Return the schema version of a closed copy."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return schema.version(connection)
    finally:
        connection.close()


def _dump(connection: apsw.Connection, ns_id: int, table: str) -> set[tuple[object, ...]]:
    return set(rows(connection, f"SELECT * FROM {table} WHERE ns_id = ?", (ns_id,)))


def entries_without_body(
    connection: apsw.Connection, ns_id: int, entries: Sequence[int]
) -> list[int]:
    """Return those of the entries that are here and whose body is not."""
    return [
        seq
        for seq in entries
        if one(
            connection,
            "SELECT 1 FROM journal j LEFT JOIN content c ON c.id = (j.ns_id << 40) | j.seq"
            " WHERE j.ns_id = ? AND j.seq = ? AND c.id IS NULL",
            (ns_id, seq),
        )
    ]
