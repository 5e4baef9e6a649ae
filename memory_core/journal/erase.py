"""Removal of one memory from every table, in the transaction that writes `Erased`.

Either the entry and the removal are both there or neither is: a crash leaves no half. The caller
then has files rewritten and derived copies rebuilt, see `memory_core.lifecycle.erase`; the position
`cleaned` says up to which entry that is done.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apsw

from memory_core.journal import lexical
from memory_core.journal.bodies import text_of
from memory_core.journal.database import Database
from memory_core.journal.entries import content_id
from memory_core.journal.events import REMOVALS, Erased
from memory_core.journal.media import media_in
from memory_core.journal.schema import BY_TARGET
from memory_core.journal.sql import one, rows
from memory_core.journal.vectors import remove_vectors
from memory_core.media import Media
from memory_core.terms import term_counts

_CLEANED = "cleaned"
DERIVED_FROM = "derived_from"
"""The relation of what was made from a memory to that memory."""
_HOLDING_WORDS = (
    "content", "memories", "facets", "keys", "links", "tail", "postings", "vectors", "fingerprints",
    "proposals",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Doomed:
    """What there is of a memory before it is erased."""

    entries: list[int]
    """The entries whose bodies speak of it."""
    texts: list[str]
    vectors: list[bytes]
    same: list[int]
    """Live memories of the namespace that say the same."""
    media: list[Media]
    """Images and sounds that it keeps; another memory may keep the same."""
    derived: list[int]
    """Memories that were derived from it, however indirectly."""


def doomed(connection: apsw.Connection, ns_id: int, number: int) -> Doomed:
    """Return what there is now of a memory."""
    texts = texts_of(connection, ns_id, number)
    return Doomed(
        entries_of(connection, ns_id, number),
        [text for text in texts.values() if text],
        vectors_of(connection, ns_id, list(texts)),
        same_texts(connection, ns_id, number),
        media_in(connection, ns_id, list(texts)),
        derived_from(connection, ns_id, number),
    )


def doomed_with_derived(
    connection: apsw.Connection, ns_id: int, numbers: Sequence[int]
) -> dict[int, Doomed]:
    """Return what there is now of memories, then of what was derived from them; each once."""
    every = dict.fromkeys(numbers)
    for number in numbers:
        every |= dict.fromkeys(derived_from(connection, ns_id, number))
    found = {number: doomed(connection, ns_id, number) for number in every}
    return {number: one for number, one in found.items() if one.entries}


def derived_from(connection: apsw.Connection, ns_id: int, number: int) -> list[int]:
    """Return what was ever derived from a memory, nearest first; the links may be taken back."""
    found: dict[int, None] = {}
    front = [number]
    while front:
        sources = [
            row[0]
            for target in front
            for row in rows(
                connection,
                f"SELECT DISTINCT source FROM links {BY_TARGET} WHERE ns_id = ? AND target = ?"
                " AND relation = ? ORDER BY source",
                (ns_id, target, DERIVED_FROM),
            )
        ]
        front = [source for source in sources if source not in found and source != number]
        found |= dict.fromkeys(front)
    return list(found)


def entries_of(connection: apsw.Connection, ns_id: int, number: int) -> list[int]:
    """Return the entries whose bodies speak of a memory: versions, links, proposals."""
    found = rows(
        connection,
        "SELECT version FROM memories WHERE ns_id = ?1 AND number = ?2"
        " UNION SELECT seq_from FROM links WHERE ns_id = ?1 AND (source = ?2 OR target = ?2)"
        " UNION SELECT seq_to FROM links WHERE ns_id = ?1 AND (source = ?2 OR target = ?2)"
        " AND seq_to IS NOT NULL"
        " UNION SELECT seq FROM proposals WHERE ns_id = ?1 AND (first = ?2 OR second = ?2)"
        " ORDER BY 1",
        (ns_id, number),
    )
    return [row[0] for row in found]


def same_texts(connection: apsw.Connection, ns_id: int, number: int) -> list[int]:
    """Return other live memories whose text equals one of this memory, or was counted with it."""
    ours = texts_of(connection, ns_id, number)
    found: set[int] = set()
    for text in filter(None, ours.values()):
        for other, doc in _others(connection, ns_id, text):
            if other != number and _text(connection, ns_id, doc) == text:
                found.add(other)
    repeats = rows(
        connection,
        "SELECT source, target FROM links WHERE ns_id = ?1 AND relation = 'duplicate_of'"
        " AND (source = ?2 OR target = ?2) AND seq_to IS NULL",
        (ns_id, number),
    )
    found.update(end for pair in repeats for end in pair if end != number)
    return sorted(found)


def texts_of(connection: apsw.Connection, ns_id: int, number: int) -> dict[int, str]:
    """Return every text the memory ever had, by the entry that wrote it."""
    docs = rows(
        connection,
        "SELECT DISTINCT doc FROM memories WHERE ns_id = ? AND number = ?",
        (ns_id, number),
    )
    return {doc: text for (doc,) in docs if (text := _text(connection, ns_id, doc)) is not None}


def remove(connection: apsw.Connection, ns_id: int, number: int, entries: list[int]) -> None:
    """Delete a memory's rows, postings, vectors and bodies."""
    texts = texts_of(connection, ns_id, number)
    for doc, text in texts.items():
        searched = lexical.indexed(text, _speaker(connection, ns_id, doc))
        lexical.remove_text(connection, ns_id, doc, term_counts(searched))
    remove_vectors(connection, ns_id, list(texts))
    for seq in entries:
        connection.execute("DELETE FROM content WHERE id = ?", (content_id(ns_id, seq),))
        connection.execute("DELETE FROM facets WHERE ns_id = ? AND facet = ?", (ns_id, seq))
    connection.execute("DELETE FROM keys WHERE ns_id = ? AND number = ?", (ns_id, number))
    connection.execute("DELETE FROM memories WHERE ns_id = ? AND number = ?", (ns_id, number))
    connection.execute(
        "DELETE FROM links WHERE ns_id = ?1 AND (source = ?2 OR target = ?2)", (ns_id, number)
    )
    connection.execute(
        "DELETE FROM proposals WHERE ns_id = ?1 AND (first = ?2 OR second = ?2)", (ns_id, number)
    )


def unclean(connection: apsw.Connection, ns_id: int) -> dict[int, Erased]:
    """Return the erasures and compactions, by entry, whose cleaning did not come to its end."""
    found = rows(
        connection,
        "SELECT j.seq, c.body FROM heads h JOIN journal j ON j.ns_id = h.ns_id"
        " JOIN content c ON c.id = (j.ns_id << 40) | j.seq"
        " LEFT JOIN positions p ON p.ns_id = h.ns_id AND p.name = ?2"
        " WHERE h.ns_id = ?1 AND h.erased > ifnull(p.position, 0)"
        " AND j.seq > ifnull(p.position, 0) AND j.kind IN (?3, ?4) ORDER BY j.seq",
        (ns_id, _CLEANED, *REMOVALS),
    )
    return {seq: Erased(**json.loads(body)) for seq, body in found}


def mark_clean(database: Database, ns_id: int, seq: int) -> None:
    """Note that erasures up to that entry left nothing in any file."""
    with database.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", (ns_id, _CLEANED, seq)
        )


def other_namespaces(connection: apsw.Connection, ns_id: int) -> list[bytes]:
    """Return the random ids of the other namespaces, which their derived files are named by."""
    return [
        row[0] for row in rows(connection, "SELECT uid FROM namespaces WHERE ns_id <> ?", (ns_id,))
    ]


def live_values(connection: apsw.Connection) -> Iterator[bytes]:
    """Yield every value of the store that users' words or vectors stand in, as bytes."""
    for table in _HOLDING_WORDS:
        for row in connection.execute(f"SELECT * FROM {table}"):
            yield from (
                value.encode() if isinstance(value, str) else value
                for value in row
                if isinstance(value, str | bytes)
            )


def _text(connection: apsw.Connection, ns_id: int, doc: int) -> str | None:
    row = one(connection, "SELECT body FROM content WHERE id = ?", (content_id(ns_id, doc),))
    return text_of(row[0]) if row else None


def _speaker(connection: apsw.Connection, ns_id: int, doc: int) -> str | None:
    row = one(
        connection, "SELECT speaker FROM memories WHERE ns_id = ? AND version = ?", (ns_id, doc)
    )
    return row[0] if row else None


def _others(connection: apsw.Connection, ns_id: int, text: str) -> list[tuple[int, int]]:
    """Return memories whose text has about as many terms: the speaker's name may add some."""
    count = sum(term_counts(text).values())
    return [
        (row[0], row[1])
        for row in rows(
            connection,
            "SELECT number, doc FROM memories WHERE ns_id = ? AND terms BETWEEN ? AND ?"
            " AND seq_to IS NULL",
            (ns_id, count, count + 64),
        )
    ]


def vectors_of(connection: apsw.Connection, ns_id: int, docs: list[int]) -> list[bytes]:
    """Return the stored vectors of those texts, of every model, as bytes."""
    return [
        bytes(row[0])
        for doc in docs
        for row in rows(
            connection,
            "SELECT v.vector FROM vector_docs d JOIN vectors v ON v.id = d.id"
            " WHERE d.ns_id = ?1 AND d.doc = ?2 AND d.fp_id IN"
            " (SELECT fp_id FROM fingerprints WHERE ns_id = ?1)",
            (ns_id, doc),
        )
    ]
