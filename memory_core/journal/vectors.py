"""Vectors of one namespace and one embedding model: rows that are written once and never move.

Row numbers are dense, in write order, never reused, so derived copies (scan file, Chroma) can
catch up by number. First write wins: one text has one vector for ever, and a rebuild or a time
travel needs no model. Erasing leaves a hole and raises `generation`, which tells every copy to
start over.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import apsw
import numpy as np
from numpy.typing import NDArray

from memory_core.errors import InvalidVector, StoreError
from memory_core.journal.bodies import both_of
from memory_core.journal.database import Database
from memory_core.journal.entries import Namespace
from memory_core.journal.serving import require_kept, serve_first
from memory_core.journal.sql import one, rows
from memory_core.media import Media

MOST_MODELS = 64  # six bits of a vector's row id

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PendingText:
    """A text that has no vectors yet."""

    doc: int
    text: str
    speaker: str | None = None
    """Embedded before the text: people ask who said what."""
    media: Media | None = None
    """Beside the text, which may be blank then."""


@dataclass(frozen=True, slots=True)
class NewVector:
    """One span's vector, `(d,)` float32; start and stop are character offsets."""

    doc: int
    span: int
    start: int
    stop: int
    digest: bytes
    vector: Floats


@dataclass(frozen=True, slots=True)
class SpanTable:
    """Columns of rows start.., `(n,)` each; erased rows have doc -1."""

    doc: Ints
    start: Ints
    stop: Ints


class VectorTable:
    """The vectors of one namespace under one fingerprint; thread-safe."""

    def __init__(self, database: Database, namespace: Namespace, digest: str) -> None:
        self._database = database
        self._namespace = namespace
        self.digest = digest
        with database.read() as connection:
            found = _find(connection, namespace.ns_id, digest)
        self._fp_id, details = found if found else (-1, {})
        self.dimension = int(details.get("dimension", 0))

    @property
    def exists(self) -> bool:
        """Whether this model ever wrote a vector here."""
        return self._fp_id >= 0

    @property
    def generation(self) -> int:
        """How often rows were erased; a copy of an older generation is thrown away."""
        return self._counters()[1]

    def count(self) -> int:
        """Return the next row number: rows ever written, erased ones included."""
        return self._counters()[0]

    def counters(self) -> tuple[int, int]:
        """Return `count()` and `generation` of one moment."""
        return self._counters()

    def create(
        self, details: object, canary: Floats, *, spec: str = "", joining: bool = False
    ) -> None:
        """Register the model; the first one of a namespace serves it from then on.

        Args:
            details: its fingerprint, a dataclass.
            canary: the canary text's vector `(d,)`.
            spec: the settings that load it again, as JSON; blank where nothing can.
            joining: whether it may stand beside the model that serves, to replace it later.

        Raises:
            ModelMismatch: another model serves, and this one does not join on purpose.
        """
        encoded = json.dumps(asdict(details), sort_keys=True)  # type: ignore[call-overload]
        with self._database.write() as connection:
            if (found := _find(connection, self._namespace.ns_id, self.digest)) is None:
                serve_first(connection, self._namespace.ns_id, self.digest, joining=joining)
                (highest,) = one(
                    connection,
                    "SELECT ifnull(max(fp_id), -1) FROM fingerprints WHERE ns_id = ?",
                    (self._namespace.ns_id,),
                ) or (-1,)
                if highest >= MOST_MODELS - 1:
                    raise StoreError(
                        f"this namespace has vectors of {MOST_MODELS} models, the most there can "
                        "be; export it and import it into a new one"
                    )
                connection.execute(
                    "INSERT INTO fingerprints VALUES (?, ?, ?, ?, ?, 0, 0, ?)",
                    (*self._named(highest + 1), encoded, canary.tobytes(), spec),
                )
                found = highest + 1, json.loads(encoded)
        self._fp_id, self.dimension = found[0], int(found[1]["dimension"])

    def canary(self) -> Floats:
        """Return the canary text's vector as it was when the model was registered.

        Raises:
            ModelMismatch: its vectors were dropped.
        """
        with self._database.read() as connection:
            require_kept(connection, *self._named(self._fp_id))
            sql = "SELECT canary FROM fingerprints WHERE (ns_id, fp_id, digest) = (?, ?, ?)"
            row = one(connection, sql, self._named(self._fp_id))
        return np.frombuffer(row[0] if row else b"", dtype=np.float32)

    def spans(self, start: int = 0, stop: int | None = None) -> SpanTable:
        """Return what each row from `start` on, or up to `stop`, belongs to."""
        total = self.count() if stop is None else stop
        table = np.full((max(total - start, 0), 3), -1, dtype=np.int64)
        with self._database.read() as connection:
            found = rows(
                connection,
                "SELECT id, doc, start, stop FROM vectors WHERE id >= ? AND id < ?",
                (self._id(start), self._id(total)),
            )
        if found:
            columns = np.array(found, dtype=np.int64)
            table[columns[:, 0] - self._id(start)] = columns[:, 1:]
        return SpanTable(table[:, 0], table[:, 1], table[:, 2])

    def read(self, start: int, stop: int) -> Floats:
        """Return rows start..stop as `(stop-start, d)`; erased rows are zeros."""
        matrix = np.zeros((max(stop - start, 0), self.dimension), dtype=np.float32)
        with self._database.read() as connection:
            for row_id, blob in rows(
                connection,
                "SELECT id, vector FROM vectors WHERE id >= ? AND id < ?",
                (self._id(start), self._id(stop)),
            ):
                matrix[row_id - self._id(start)] = np.frombuffer(blob, dtype=np.float32)
        return matrix

    def pending(self, limit: int, skip: frozenset[int] = frozenset()) -> list[PendingText]:
        """Return the oldest texts without vectors, at most `limit`, leaving out `skip`."""
        with self._database.read() as connection:
            docs = self.pending_within(connection, limit + len(skip))
            wanted = [doc for doc in docs if doc not in skip][:limit]
            return [found for doc in wanted if (found := self._text(connection, doc))]

    def pending_count(self) -> int:
        """Return how many texts have no vectors yet."""
        with self._database.read() as connection:
            return len(self.pending_within(connection, -1))

    def text_digest(self, text: str | Media) -> bytes:
        """Return what identifies a text or a file within this namespace, and only here."""
        named = text.encode() if isinstance(text, str) else b"\xff" + bytes.fromhex(text.digest)
        return hmac.digest(self._namespace.salt, named, hashlib.sha256)[:16]

    def known(self, digests: Sequence[bytes]) -> dict[bytes, Floats]:
        """Return the vectors that the same texts already have in this namespace."""
        found: dict[bytes, Floats] = {}
        with self._database.read() as connection:
            for digest in digests:
                row = one(
                    connection,
                    "SELECT v.vector FROM vector_texts t JOIN vectors v ON v.id = t.id"
                    " WHERE t.ns_id = ? AND t.fp_id = ? AND t.digest = ? LIMIT 1",
                    (self._namespace.ns_id, self._fp_id, digest),
                )
                if row:
                    found[digest] = np.frombuffer(row[0], dtype=np.float32)
        return found

    def add(self, new: Sequence[NewVector]) -> None:
        """Write vectors of whole texts in one transaction; texts that have some keep theirs.

        Raises:
            InvalidVector: a vector of another dimension, or with NaN or infinity.
        """
        for item in new:
            if item.vector.shape != (self.dimension,) or not np.isfinite(item.vector).all():
                raise InvalidVector(
                    f"vector of shape {item.vector.shape} for entry {item.doc}, the model "
                    f"{self.digest} has ({self.dimension},) finite numbers; check the embedder"
                )
        with self._database.write() as connection:
            self._add(connection, new)

    def _add(self, connection: apsw.Connection, new: Sequence[NewVector]) -> None:
        ns_id, fp_id = self._namespace.ns_id, self._fp_id
        require_kept(connection, *self._named(fp_id))
        next_row, _ = self._counters_of(connection)
        writable = {doc: self._writable(connection, doc) for doc in {item.doc for item in new}}
        for item in new:
            if not writable[item.doc]:
                continue
            row_id = self._id(next_row)
            next_row += 1
            blob = np.ascontiguousarray(item.vector, dtype=np.float32).tobytes()
            connection.execute(
                "INSERT INTO vectors VALUES (?, ?, ?, ?, ?, ?, ?)",
                (row_id, item.doc, item.span, item.start, item.stop, item.digest, blob),
            )
            connection.execute(
                "INSERT INTO vector_docs VALUES (?, ?, ?, ?, ?)",
                (ns_id, fp_id, item.doc, item.span, row_id),
            )
            connection.execute(
                "INSERT INTO vector_texts VALUES (?, ?, ?, ?)", (ns_id, fp_id, item.digest, row_id)
            )
        connection.execute(
            "UPDATE fingerprints SET next_row = ? WHERE ns_id = ? AND fp_id = ?",
            (next_row, ns_id, fp_id),
        )
        self._advance(connection)

    def _advance(self, connection: apsw.Connection) -> None:
        pending = self.pending_within(connection, 1)
        (head,) = one(
            connection, "SELECT seq FROM heads WHERE ns_id = ?", (self._namespace.ns_id,)
        ) or (0,)
        connection.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
            (self._namespace.ns_id, f"vectors:{self.digest}", pending[0] - 1 if pending else head),
        )

    def pending_within(self, connection: apsw.Connection, limit: int) -> list[int]:
        """Return the oldest texts without vectors, inside the caller's transaction."""
        ns_id = self._namespace.ns_id
        sql = "SELECT position FROM positions WHERE ns_id = ? AND name = ?"
        (position,) = one(connection, sql, (ns_id, f"vectors:{self.digest}")) or (0,)
        found = rows(
            connection,
            "SELECT doc FROM memories m WHERE ns_id = ? AND version > ? AND version = doc"
            " AND NOT EXISTS (SELECT 1 FROM vector_docs v WHERE v.ns_id = m.ns_id"
            " AND v.fp_id = ? AND v.doc = m.doc) ORDER BY version LIMIT ?",
            (ns_id, position, self._fp_id, limit),
        )
        return [row[0] for row in found]

    def _writable(self, connection: apsw.Connection, doc: int) -> bool:
        (here, taken) = one(
            connection,
            "SELECT EXISTS(SELECT 1 FROM memories WHERE ns_id = ?1 AND version = ?2),"
            " EXISTS(SELECT 1 FROM vector_docs WHERE ns_id = ?1 AND fp_id = ?3 AND doc = ?2)",
            (self._namespace.ns_id, doc, self._fp_id),
        ) or (0, 1)
        return bool(here) and not taken

    def _text(self, connection: apsw.Connection, doc: int) -> PendingText | None:
        row = one(
            connection,
            "SELECT c.body, m.speaker FROM memories m JOIN content c ON c.id = (m.ns_id << 40) |"
            " m.doc WHERE m.ns_id = ? AND m.version = ?",
            (self._namespace.ns_id, doc),
        )
        text, media = both_of(row[0]) if row else ("", None)
        return PendingText(doc, text, row[1], media) if row else None

    def _counters(self) -> tuple[int, int]:
        with self._database.read() as connection:
            if self._fp_id < 0 and (
                found := _find(connection, self._namespace.ns_id, self.digest)
            ):  # another process registered the model meanwhile
                self._fp_id, self.dimension = found[0], int(found[1]["dimension"])
            return self._counters_of(connection)

    def _counters_of(self, connection: apsw.Connection) -> tuple[int, int]:
        row = one(
            connection,
            "SELECT next_row, generation FROM fingerprints"
            " WHERE (ns_id, fp_id, digest) = (?, ?, ?)",
            self._named(self._fp_id),
        )
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def _named(self, fp_id: int) -> tuple[int, int, str]:
        return self._namespace.ns_id, fp_id, self.digest

    def _id(self, row: int) -> int:
        return ((self._namespace.ns_id << 40) | (max(self._fp_id, 0) << 34)) + row


def remove_vectors(connection: apsw.Connection, ns_id: int, docs: Sequence[int]) -> int:
    """Remove all vectors of the texts, of every model; return how many."""
    removed = 0
    for doc in docs:
        for fp_id, row_id in rows(
            connection,
            "SELECT fp_id, id FROM vector_docs WHERE ns_id = ? AND fp_id IN"
            " (SELECT fp_id FROM fingerprints WHERE ns_id = ?) AND doc = ?",
            (ns_id, ns_id, doc),
        ):
            (digest,) = one(connection, "SELECT digest FROM vectors WHERE id = ?", (row_id,)) or (
                b"",
            )
            connection.execute("DELETE FROM vectors WHERE id = ?", (row_id,))
            connection.execute(
                "DELETE FROM vector_texts WHERE ns_id = ? AND fp_id = ? AND digest = ? AND id = ?",
                (ns_id, fp_id, digest, row_id),
            )
            removed += 1
        connection.execute(
            "DELETE FROM vector_docs WHERE ns_id = ? AND fp_id IN"
            " (SELECT fp_id FROM fingerprints WHERE ns_id = ?) AND doc = ?",
            (ns_id, ns_id, doc),
        )
    connection.execute(
        "UPDATE fingerprints SET generation = generation + 1 WHERE ns_id = ?", (ns_id,)
    )
    return removed


def _find(
    connection: apsw.Connection, ns_id: int, digest: str
) -> tuple[int, dict[str, int]] | None:
    row = one(
        connection,
        "SELECT fp_id, details FROM fingerprints WHERE ns_id = ? AND digest = ?",
        (ns_id, digest),
    )
    return (int(row[0]), json.loads(row[1])) if row else None
