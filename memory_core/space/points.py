"""Live memories as points: one unit vector each, the mean of its spans."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Query
from memory_core.errors import InvalidInput
from memory_core.journal.memories import load_list
from memory_core.manager import MemoryManager
from memory_core.types import Memory

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Points:
    """Memories and their vectors, in the same order."""

    memories: tuple[Memory, ...]
    matrix: Floats = field(repr=False)
    """`(n, d)`, rows of length 1."""

    def __len__(self) -> int:
        return len(self.memories)


def points(memory: MemoryManager, *, session: str | None = None) -> Points:
    """Return every live memory that has a vector, oldest first; what waits is embedded first.

    Args:
        memory: whose namespace.
        session: only memories of this conversation.
    """
    memory.parts.catchup.drain()
    docs, sums = _by_doc(memory)
    journal, parts = memory.journal, memory.parts
    snapshot = journal.snapshot()
    rows = journal.eligible(Query(text="", k=1, seq=snapshot.seq, now=parts.clock()), snapshot)
    place = rows.row_of_doc
    kept = [n for n, doc in enumerate(docs) if doc < len(place) and place[doc] >= 0]
    versions = [snapshot.version(int(place[docs[n]])) for n in kept]
    with journal.database.read() as connection:
        found = load_list(connection, journal.identity.ns_id, versions)
    there = {one.version: n for n, one in enumerate(found)}
    pairs = [(there[v], n) for v, n in zip(versions, kept, strict=True) if v in there]
    pairs = [(m, n) for m, n in pairs if session is None or found[m].session == session]
    chosen = np.array([n for _, n in pairs], dtype=np.int64)
    return Points(tuple(found[m] for m, _ in pairs), unit(sums[chosen]))


def unit(matrix: Floats) -> Floats:
    """Return rows of length 1; a zero row stays."""
    lengths = np.linalg.norm(matrix, axis=-1, keepdims=True)
    return np.asarray(matrix / np.maximum(lengths, 1e-12), dtype=np.float32)


def enough(found: Points, least: int, what: str) -> Points:
    """Return the points if there are enough of them.

    Raises:
        InvalidInput: there are fewer.
    """
    if len(found) < least:
        raise InvalidInput(f"{what} needs {least} embedded memories, there are {len(found)}")
    return found


def _by_doc(memory: MemoryManager) -> tuple[NDArray[np.int64], Floats]:
    table = memory.journal.vectors(memory.parts.embedder.fingerprint.digest)
    total = table.count()
    owners, vectors = table.spans(0, total).doc, table.read(0, total)
    docs, inverse = np.unique(owners[owners >= 0], return_inverse=True)
    sums = np.zeros((len(docs), vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, inverse, unit(vectors[owners >= 0]))
    return docs, sums
