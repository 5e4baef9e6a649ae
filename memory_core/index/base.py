"""The protocol that every vector index keeps, and what a dense search answers.

An index is a cache of the journal's vectors: it may be slow or absent, never wrong. Rows are the
journal's row numbers; similarity is always greater-is-better, on the scale of `memory_core.metric`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Note, Query, Vector
from memory_core.journal.columns import Eligible

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]


class VectorIndex(Protocol):
    """An index over the vectors of one namespace and one embedder fingerprint."""

    @property
    def name(self) -> str:
        """The path's name in notes and recordings: "chroma", "exact"."""
        ...

    def add(self, rows: Rows, vectors: NDArray[np.float32]) -> None:
        """Add vectors `(n, d)` under the journal's row numbers `(n,)`; known rows are replaced.

        Raises:
            IndexUnavailable: the index cannot take them now.
        """
        ...

    def delete(self, rows: Rows) -> None:
        """Remove rows; unknown ones are ignored."""
        ...

    def query(self, vector: Vector, count: int) -> tuple[Rows, Scores]:
        """Return up to `count` nearest rows and their similarities, best first.

        Raises:
            IndexUnavailable: the index cannot answer now.
        """
        ...

    def rows(self) -> Rows:
        """Return all row numbers held, ascending: what `verify` compares with the journal."""
        ...

    def close(self) -> None:
        """Release files and handles; a closed index raises IndexUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class DenseAnswer:
    """Candidates by meaning, one per text, best first, and the path that found them.

    `docs`, `scores`, `starts` and `stops` run in parallel as columns of one table, `(n,)` each.
    """

    docs: NDArray[np.int64]
    scores: Scores
    starts: NDArray[np.int64]
    """Character offset where the best span begins; -1 where the text is one span."""
    stops: NDArray[np.int64]
    path: str
    """"chroma", "exact", or "none"."""
    notes: tuple[Note, ...] = ()
    ann_rows: Sequence[int] = ()
    """What the approximate index returned, kept for exact replay."""
    known: int = 0
    """Rows that the approximate index knew; later ones were scanned."""
    rows: int = 0
    """Rows that were there."""


class Retriever(Protocol):
    """Finds candidates by meaning in one namespace, over whichever path can serve."""

    def search(self, query: Query, eligible: Eligible, count: int) -> DenseAnswer:
        """Return up to `count` eligible texts nearest to `query.vector`."""
        ...

    def similarity(self, query: Query, docs: NDArray[np.int64]) -> Scores:
        """Return the exact similarity `(n,)` of each text's best span; NaN where not embedded."""
        ...

    def vectors(self, query: Query, docs: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return one vector `(n, d)` per text, its first span; zeros where not embedded."""
        ...
