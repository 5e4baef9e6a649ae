"""Rows of the journal as of a moment, and rows after them that are nowhere written."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from memory_core.index.exact import Rows
from memory_core.index.scanfile import Floats, Ints


class RowSource(Protocol):
    """Gives the rows to search."""

    def by(self, deadline: float | None) -> tuple[Rows, int]:
        """Return all rows, or those known when the time is up; and how many are missing."""
        ...


class AddedRows:
    """The first `until` rows of a source, then the vectors of more texts.

    Args:
        real: the source.
        until: how many of its rows were there; None for all.
        spans: `(n, 3)`: doc, start, stop of each added vector; those of one doc stand together.
        vectors: `(n, d)` float32.
    """

    def __init__(
        self, real: RowSource, until: int | None, spans: Sequence[Sequence[int]], vectors: Floats
    ) -> None:
        self._real = real
        self._until = until
        self._spans = np.array(spans, dtype=np.int64).reshape(len(spans), 3)
        self._vectors = vectors

    def by(self, deadline: float | None) -> tuple[Rows, int]:
        """Return the rows; none is ever missing."""
        rows, _ = self._real.by(None)
        seen = rows if self._until is None else rows.until(self._until)
        if not len(self._vectors):
            return seen, 0
        docs, places, counts = np.unique(self._spans[:, 0], return_index=True, return_counts=True)
        first = np.where(seen.first < len(seen), seen.first, -1)  # not of rows that came later
        size = max(int(docs.max()) + 1, len(seen.first))
        matrix = seen.matrix if len(seen) else np.zeros((0, self._vectors.shape[1]), np.float32)
        return replace(
            seen,
            matrix=np.concatenate([matrix, self._vectors]),
            spans=np.concatenate([seen.spans, self._spans]),
            first=_put(first, size, -1, (docs, places + len(seen))),
            number=_put(seen.number, size, 0, (docs, counts)),
            texts=seen.texts + len(docs),
        ), 0


def _put(column: Ints, size: int, empty: int, values: tuple[Ints, Ints]) -> Ints:
    grown = np.full(size, empty, dtype=np.int64)
    grown[: len(column)] = column
    grown[values[0]] = values[1]
    return grown
