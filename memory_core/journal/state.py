"""The fold: how each event changes the current state of the memories.

`apply` is the one place where an entry becomes state, used by live commits and by rebuilds alike,
so a rebuilt state equals the live one. Every change closes a version (`seq_to`) and opens the
next; nothing is overwritten, so the state at any past `seq` is one WHERE.
"""

import json
from collections.abc import Callable
from functools import singledispatch
from operator import itemgetter
from typing import Any

import apsw

from memory_core.journal import erase, lexical, media
from memory_core.journal.bodies import described
from memory_core.journal.codes import CODE
from memory_core.journal.entries import Entry
from memory_core.journal.events import (
    Erased,
    Event,
    Expired,
    Forgotten,
    Invalidated,
    Linked,
    Migrated,
    Proposed,
    Ran,
    Reinforced,
    Restored,
    Reviewed,
    Revised,
    Stored,
    Superseded,
    Trusted,
    Undone,
    Unlinked,
)
from memory_core.journal.schema import BY_NUMBER
from memory_core.journal.sql import one
from memory_core.journal.turns import asks
from memory_core.terms import term_counts

_COLUMNS = (
    "ns_id", "version", "seq_to", "number", "doc", "facet", "terms", "asks", "state", "kind",
    "source", "trust", "occurred_at", "stored_at", "valid_from", "valid_to", "importance",
    "reinforced", "role", "speaker", "session", "subject", "attribute", "key", "metadata",
    "writer",
)  # fmt: skip
_INSERT = f"INSERT INTO memories VALUES ({', '.join('?' * len(_COLUMNS))})"
_VALUES = itemgetter(*_COLUMNS)
_PROJECTIONS = ("memories", "facets", "keys", "links", "tail", "postings", "proposals")

Row = dict[str, Any]


def apply(connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    """Change the state by one entry; an erased one changes nothing.

    Args:
        connection: in a write transaction.
        ns_id: the namespace.
        entry: the next entry of its chain.
    """
    if (event := entry.event) is not None:
        _change(event, connection, ns_id, entry)


def clear(connection: apsw.Connection, ns_id: int) -> None:
    """Drop the namespace's state, to be folded anew from its entries."""
    for table in _PROJECTIONS:
        connection.execute(f"DELETE FROM {table} WHERE ns_id = ?", (ns_id,))
    connection.execute("UPDATE heads SET merged = 0 WHERE ns_id = ?", (ns_id,))


def current(connection: apsw.Connection, ns_id: int, number: int) -> Row | None:
    """Return the newest version of a memory as a row, or None."""
    found = one(
        connection,
        f"SELECT * FROM memories {BY_NUMBER} WHERE ns_id = ? AND number = ? AND seq_to IS NULL",
        (ns_id, number),
    )
    return dict(zip(_COLUMNS, found, strict=True)) if found else None


def closed_by(connection: apsw.Connection, ns_id: int, number: int, seq: int) -> Row | None:
    """Return the version of a memory that an entry replaced as a row, or None."""
    found = one(
        connection,
        f"SELECT * FROM memories {BY_NUMBER} WHERE ns_id = ? AND number = ? AND seq_to = ?",
        (ns_id, number, seq),
    )
    return dict(zip(_COLUMNS, found, strict=True)) if found else None


@singledispatch
def _change(event: Event, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    raise TypeError(f"no fold for {type(event).__name__}")


@_change.register
def _stored(event: Stored, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    row: Row = {
        "ns_id": ns_id, "version": entry.seq, "seq_to": None, "number": event.number,
        "doc": entry.seq, "facet": entry.seq, "asks": asks(event.text),
        "state": CODE["state"]["live"],
        "kind": CODE["kind"][event.kind], "source": CODE["source"][event.source],
        "trust": CODE["trust"][event.trust], "occurred_at": event.occurred_at,
        "stored_at": entry.at, "valid_from": event.valid_from, "valid_to": event.valid_to,
        "importance": event.importance, "reinforced": 0, "role": event.role,
        "speaker": event.speaker, "session": event.session, "subject": event.subject,
        "attribute": event.attribute, "key": event.key,
        "metadata": _metadata(event.metadata), "writer": event.writer,
    }  # fmt: skip
    row["terms"] = _index_text(
        connection, ns_id, entry.seq, lexical.indexed(event.text, event.speaker)
    )
    _insert(connection, row)
    _index_metadata(connection, ns_id, entry.seq, event.metadata)
    if (kept := described(event.media)) is not None:
        media.note(connection, ns_id, entry.seq, kept)
    if event.key is not None:
        connection.execute("INSERT INTO keys VALUES (?, ?, ?)", (ns_id, event.key, event.number))


@_change.register
def _revised(event: Revised, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    def edit(row: Row) -> None:
        fields = dict(event.fields)
        if (kept := described(fields.pop("media", None))) is not None:
            media.note(connection, ns_id, entry.seq, kept)
        if "text" in fields:
            speaker: Any = fields.get("speaker", row["speaker"])
            text = str(fields.pop("text"))
            searched = lexical.indexed(text, speaker)
            row["doc"], row["asks"] = entry.seq, asks(text)
            row["terms"] = _index_text(connection, ns_id, entry.seq, searched)
        if "metadata" in fields:
            metadata: dict[str, Any] = fields.pop("metadata")  # type: ignore[assignment]
            row["facet"], row["metadata"] = entry.seq, _metadata(metadata)
            _index_metadata(connection, ns_id, entry.seq, metadata)
        for name, value in fields.items():
            row[name] = CODE[name][str(value)] if name in CODE else value

    _next_version(connection, ns_id, entry, edit)


@_change.register
def _superseded(event: Superseded, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    def edit(row: Row) -> None:
        row["state"], row["valid_to"] = CODE["state"]["superseded"], event.valid_to

    _next_version(connection, ns_id, entry, edit)


@_change.register
def _invalidated(event: Invalidated, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    def edit(row: Row) -> None:
        row["state"] = CODE["state"]["invalidated"]

    _next_version(connection, ns_id, entry, edit)


@_change.register
def _expired(event: Expired, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    def edit(row: Row) -> None:
        row["state"], row["valid_to"] = CODE["state"]["expired"], event.valid_to

    _next_version(connection, ns_id, entry, edit)


@_change.register
def _reinforced(event: Reinforced, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    def edit(row: Row) -> None:
        row["reinforced"] += event.times

    _next_version(connection, ns_id, entry, edit)


@_change.register
def _forgotten(event: Forgotten, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    def edit(row: Row) -> None:
        row["state"] = CODE["state"]["forgotten"]

    _next_version(connection, ns_id, entry, edit)


@_change.register
def _restored(event: Restored, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    def edit(row: Row) -> None:
        row["state"] = CODE["state"]["live"]

    _next_version(connection, ns_id, entry, edit)


@_change.register
def _trusted(event: Trusted, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    def edit(row: Row) -> None:
        row["trust"] = CODE["trust"][event.trust]

    _next_version(connection, ns_id, entry, edit)


@_change.register
def _linked(event: Linked, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    connection.execute(
        "INSERT INTO links VALUES (?, ?, ?, ?, ?, NULL, ?)",
        (ns_id, event.source, event.target, event.relation, entry.seq, entry.at),
    )


@_change.register
def _unlinked(event: Unlinked, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    connection.execute(
        "UPDATE links SET seq_to = ? WHERE (ns_id, source, target, relation) = (?, ?, ?, ?)"
        " AND seq_to IS NULL",
        (entry.seq, ns_id, event.source, event.target, event.relation),
    )


@_change.register
def _proposed(event: Proposed, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    connection.execute(
        "INSERT INTO proposals VALUES (?, ?, ?, ?, ?, NULL, NULL)",
        (ns_id, entry.seq, event.first, event.second, event.rule),
    )


@_change.register
def _reviewed(event: Reviewed, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    connection.execute(
        "UPDATE proposals SET verdict = ?, decided = ? WHERE ns_id = ? AND seq = ?",
        (event.verdict, entry.seq, ns_id, event.proposal),
    )


@_change.register(Ran)
@_change.register(Undone)
def _noted(event: Event, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    """Change nothing: what was done stands in entries of its own."""


@_change.register
def _erased(event: Erased, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    erase.remove(connection, ns_id, event.number, event.entries)
    connection.execute("UPDATE heads SET erased = ? WHERE ns_id = ?", (entry.seq, ns_id))


@_change.register
def _migrated(event: Migrated, connection: apsw.Connection, ns_id: int, entry: Entry) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO serving VALUES (?, ?, ?, ?)",
        (ns_id, event.after, event.before, entry.seq),
    )


def _next_version(
    connection: apsw.Connection, ns_id: int, entry: Entry, edit: Callable[[Row], None]
) -> None:
    number = int(entry.payload["number"]) if entry.payload else -1  # type: ignore[call-overload]
    row = current(connection, ns_id, number)
    if row is None:  # erased since
        return
    connection.execute(
        "UPDATE memories SET seq_to = ? WHERE ns_id = ? AND version = ?",
        (entry.seq, ns_id, row["version"]),
    )
    row["version"] = entry.seq
    edit(row)
    _insert(connection, row)


def _insert(connection: apsw.Connection, row: Row) -> None:
    connection.execute(_INSERT, _VALUES(row))


def _index_text(connection: apsw.Connection, ns_id: int, doc: int, text: str) -> int:
    counts = term_counts(text)
    lexical.index_text(connection, ns_id, doc, counts)
    return sum(counts.values())


def _metadata(metadata: dict[str, Any]) -> str | None:
    return json.dumps(metadata, ensure_ascii=False, sort_keys=True) if metadata else None


def _index_metadata(
    connection: apsw.Connection, ns_id: int, facet: int, metadata: dict[str, Any]
) -> None:
    for name, value in metadata.items():
        for item in value if isinstance(value, list) else [value]:
            connection.execute(
                "INSERT OR IGNORE INTO facets VALUES (?, ?, ?, ?)", (ns_id, name, item, facet)
            )
