"""Semantic search alone: what lies nearest to a memory or a text, by cosine and nothing else."""

from dataclasses import dataclass

import numpy as np

from memory_core import limits
from memory_core.errors import NotFound
from memory_core.manager import MemoryManager
from memory_core.space.points import points, unit
from memory_core.types import Memory


@dataclass(frozen=True, slots=True)
class Similar:
    """A memory and how near it is."""

    memory: Memory
    similarity: float
    """Cosine, −1..1."""


def similar(memory: MemoryManager, wanted: str, *, k: int = 8) -> tuple[Similar, ...]:
    """Return the k live memories nearest to a memory's id, or to any other text, nearest first.

    A recall also weighs words, time and importance; this is the model's opinion only.

    Raises:
        InvalidInput: a blank text, or k out of range.
    """
    limits.check_count(k, "k", most=limits.MAX_K)
    limits.check_text(wanted, "text")
    found = points(memory)
    own = next((n for n, one in enumerate(found.memories) if one.id == wanted), None)
    if own is None and _is_id(memory, wanted):
        raise NotFound(f"memory {wanted} is not live, so it has no place; name another one")
    query = (
        found.matrix[own] if own is not None else unit(memory.parts.embedder.encode_query(wanted))
    )
    scores = found.matrix @ query if len(found) else np.zeros(0)
    order = [n for n in np.argsort(-scores, kind="stable").tolist() if n != own][:k]
    return tuple(Similar(found.memories[n], float(scores[n])) for n in order)


def _is_id(memory: MemoryManager, wanted: str) -> bool:
    try:
        memory.get(wanted)
    except NotFound:
        return False
    return True
