"""Semantic search alone: what lies nearest to a memory or a text, by cosine and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memory_core import limits
from memory_core.errors import NotFound
from memory_core.journal.lexical import indexed
from memory_core.manager import MemoryManager
from memory_core.space.points import points, unit
from memory_core.types import Memory


class Ranker(Protocol):
    """Scores texts for a question, greater is better."""

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the score `(n,)` of each text, on a scale of its own."""
        ...


@dataclass(frozen=True, slots=True)
class Similar:
    """A memory and how near it is."""

    memory: Memory
    similarity: float
    """Cosine, −1..1; with a ranker, its score."""


def similar(
    memory: MemoryManager, wanted: str, *, k: int = 8, by: Ranker | None = None
) -> tuple[Similar, ...]:
    """Return the k live memories nearest to a memory's id, or to any other text, nearest first.

    A recall also weighs words, time and importance; this is the model's opinion only.

    Args:
        memory: whose namespace.
        wanted: an id, or a text.
        k: how many.
        by: another model to score every text with, instead of the stored vectors: a sparse or
            late-interaction one, see `memory_core.embed.sentence_transformers_ranking`.

    Raises:
        InvalidInput: a blank text, or k out of range.
        NotFound: the id of a memory that is not live.
    """
    limits.check_count(k, "k", most=limits.MAX_K)
    limits.check_text(wanted, "text")
    found = points(memory)
    own = next((n for n, one in enumerate(found.memories) if one.id == wanted), None)
    if own is None and _is_id(memory, wanted):
        raise NotFound(f"memory {wanted} is not live, so it has no place; name another one")
    if not len(found):
        return ()
    texts = [indexed(one.text, one.speaker) for one in found.memories]
    if by is not None:
        scores = by.scores(wanted if own is None else texts[own], texts)
    elif own is not None:
        scores = found.matrix @ found.matrix[own]
    else:
        scores = found.matrix @ unit(memory.parts.embedder.encode_query(wanted))
    order = [n for n in np.argsort(-scores, kind="stable").tolist() if n != own][:k]
    return tuple(Similar(found.memories[n], float(scores[n])) for n in order)


def _is_id(memory: MemoryManager, wanted: str) -> bool:
    try:
        memory.get(wanted)
    except NotFound:
        return False
    return True
