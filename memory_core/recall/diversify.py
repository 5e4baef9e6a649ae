"""Picks the k hits to answer with: relevant, and not all saying the same.

    next = argmax  λ · score(d) − (1 − λ) · max cos(d, c)  over the chosen c

Maximal marginal relevance (Carbonell & Goldstein 1998): the penalty looks at the *chosen* hits
only. Scores are absolute, so λ means the same in every recall. A near-duplicate of a chosen hit
goes after everything else. The stage reorders and picks; it always returns min(k, candidates).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Cut, Hits, Query
from memory_core.errors import InvalidSetting
from memory_core.index.base import Retriever

POOL = 64
DUPLICATE = 0.97  # cosine; paraphrases of MiniLM stay below 0.95, reformatted copies above
BANISH = 1e6  # puts duplicates behind any score, in their own order

Matrix = NDArray[np.float32]
Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Diversity:
    """How strongly to prefer something new; `balance` 1.0 is the order by score.

    Example:
        >>> Diversity(balance=1.0).duplicate
        0.97
    """

    balance: float = 0.9
    """λ of the formula, 0..1."""
    duplicate: float = DUPLICATE
    """Cosine above which two hits say the same."""

    def __post_init__(self) -> None:
        if not 0 <= self.balance <= 1:
            raise InvalidSetting(f"balance {self.balance} is outside 0..1; use 0.7 to 1.0")


class DiversifyStage:
    """Returns the k best hits that differ; the rest is cut as "beyond k"."""

    name = "diversify"

    def __init__(
        self,
        retriever: Retriever | None,
        diversity: Diversity | None = None,
        pool: int = POOL,
    ) -> None:
        self._retriever = retriever
        self._diversity = diversity or Diversity()
        self._pool = pool

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return min(k, candidates) hits in the order of their choosing."""
        pool = hits[: max(self._pool, query.k)]
        order = list(range(len(pool)))
        if self._retriever is not None and len(pool) > 1:
            docs = np.array([hit.facts.doc for hit in pool], dtype=np.int64)
            scores = np.array([hit.score for hit in pool], dtype=np.float64)
            order = choose(self._retriever.vectors(query, docs), scores, query.k, self._diversity)
        kept = order[: query.k]
        chosen = set(kept)
        rest = [hit for place, hit in enumerate(pool) if place not in chosen]
        reason = f"beyond k={query.k}"
        cuts = tuple([Cut(hit, reason) for hit in (*rest, *hits[len(pool) :])])
        return Hits(tuple(pool[place] for place in kept), cuts)


def choose(vectors: Matrix, scores: Column, k: int, diversity: Diversity) -> list[int]:
    """Return the places of min(k, n) candidates in the order of their choosing.

    Args:
        vectors: `(n, d)`, of any length; a zero vector is like nothing.
        scores: `(n,)`; ties go to the earlier place.
        k: how many to choose.
        diversity: λ and the duplicate threshold.
    """
    unit = normalised(vectors)
    gains = diversity.balance * scores
    nearest = np.zeros(len(scores))
    twins = np.zeros(len(scores), dtype=bool)
    free = np.ones(len(scores), dtype=bool)
    chosen: list[int] = []
    for _ in range(min(k, len(scores))):
        worth = gains - (1 - diversity.balance) * nearest - BANISH * twins
        place = int(np.argmax(np.where(free, worth, -np.inf)))
        chosen.append(place)
        free[place] = False
        likeness = unit @ unit[place]
        nearest = np.maximum(nearest, likeness)
        twins |= likeness > diversity.duplicate
    return chosen


def normalised(vectors: Matrix) -> Matrix:
    """Return the rows at length 1; zero rows stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths > 0, lengths, 1)
    return np.asarray(unit, dtype=np.float32)
