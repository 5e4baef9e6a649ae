"""Vectors of memories from the journal, one unit row each: what policies compare."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memory_core.manager import MemoryManager
from memory_core.types import Memory


def unit_vectors(manager: MemoryManager, memories: Sequence[Memory]) -> NDArray[np.float32]:
    """Return `(n, d)`: the mean of each memory's spans at length 1, zeros where there is none.

    What waits for vectors is embedded first.
    """
    manager.parts.catchup.drain()
    table = manager.journal.vectors(manager.parts.embedder.fingerprint.digest)
    if not table.exists:
        return np.zeros((len(memories), 1), dtype=np.float32)
    count = table.count()
    spans = table.spans(0, count)
    snapshot = manager.journal.snapshot()
    doc_of = dict(
        zip(snapshot.columns["version"].tolist(), snapshot.columns["doc"].tolist(), strict=True)
    )
    place_of = {doc_of[memory.version]: place for place, memory in enumerate(memories)}
    rows = np.array([place_of.get(doc, -1) for doc in spans.doc.tolist()], dtype=np.int64)
    summed = np.zeros((len(memories), table.dimension), dtype=np.float32)
    np.add.at(summed, rows[rows >= 0], table.read(0, count)[rows >= 0])
    lengths = np.linalg.norm(summed, axis=1, keepdims=True)
    return np.asarray(summed / np.where(lengths > 0, lengths, 1), dtype=np.float32)
