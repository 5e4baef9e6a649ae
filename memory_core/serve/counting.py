"""How much a namespace holds, counted without loading a model."""

from typing import Any

from memory_core.journal.sql import one
from memory_core.manager import MemoryManager


def counts(memory: MemoryManager) -> dict[str, Any]:
    """Return how much the namespace holds."""
    ns_id = memory.journal.identity.ns_id
    with memory.journal.database.read() as connection:
        row = one(
            connection,
            "SELECT count(*), ifnull(sum(state = 0), 0), count(DISTINCT session)"
            " FROM memories WHERE ns_id = ? AND seq_to IS NULL",
            (ns_id,),
        ) or (0, 0, 0)
        vectors = one(
            connection,
            "SELECT count(*) FROM vector_docs d JOIN fingerprints f ON f.ns_id = d.ns_id"
            " AND f.fp_id = d.fp_id WHERE d.ns_id = ? AND f.digest = ?",
            (ns_id, memory.parts.embedder.fingerprint.digest),
        ) or (0,)
        links = one(
            connection, "SELECT count(*) FROM links WHERE ns_id = ? AND seq_to IS NULL", (ns_id,)
        ) or (0,)
    table = memory.journal.vectors(memory.parts.embedder.fingerprint.digest)
    return {
        "namespace": memory.namespace,
        "entries": memory.journal.head.seq,
        "memories": row[0],
        "live": row[1],
        "sessions": row[2],
        "links": links[0],
        "vectors": vectors[0],
        "pending": table.pending_count(),
    }
