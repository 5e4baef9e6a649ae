"""The last look at an index before it serves: known rows must be held and find themselves.

Chroma answers quietly when its graph is lost: `count` is right and every neighbour is missing. So
the ids are compared with the journal's, and a few rows are searched by their own vectors. HNSW
may lose a row now and then; what it does return must have the similarity that the journal's
vectors give.
"""

import numpy as np
from numpy.typing import NDArray

from memory_core.errors import IndexUnavailable
from memory_core.index.base import VectorIndex
from memory_core.index.exact import Rows
from memory_core.metric import Metric, similarity

ROWS = 16
MISSES = 1
"""Rows of those that HNSW may fail to reach."""
_NEIGHBOURS = 8
_TOLERANCE = 1e-3


def live_rows(rows: Rows, position: int) -> NDArray[np.int64]:
    """Return the rows below `position` that are not erased."""
    return np.flatnonzero(rows.docs[:position] >= 0)


def require_equal(index: VectorIndex, rows: Rows, position: int) -> None:
    """Compare the ids of an index with the journal's.

    Raises:
        IndexUnavailable: some are missing or too many.
    """
    held, wanted = index.rows(), live_rows(rows, position)
    if not np.array_equal(held, wanted):
        missing = len(np.setdiff1d(wanted, held))
        extra = len(np.setdiff1d(held, wanted))
        raise IndexUnavailable(f"the index misses {missing} rows and has {extra} unknown ones")


def require_self_search(
    index: VectorIndex, rows: Rows, position: int, *, metric: Metric, count: int = ROWS
) -> None:
    """Search a few rows by their own vectors.

    Raises:
        IndexUnavailable: too many are not found, or a similarity is wrong.
    """
    live = live_rows(rows, position)
    if not len(live):
        return
    chosen = np.random.default_rng(position).choice(live, min(count, len(live)), replace=False)
    missed = sum(not _finds_itself(index, rows, int(row), metric) for row in chosen)
    if missed > MISSES * -(-len(chosen) // ROWS):
        raise IndexUnavailable(f"{missed} of {len(chosen)} rows do not find themselves")


def _finds_itself(index: VectorIndex, rows: Rows, row: int, metric: Metric) -> bool:
    vector = rows.matrix[row].astype(np.float64)
    found, told = index.query(rows.matrix[row], _NEIGHBOURS)
    if not len(found) or found.max() >= len(rows) or found.min() < 0:
        return False
    true = similarity(rows.matrix[found].astype(np.float64), vector, metric)
    own = float(similarity(vector[None, :], vector, metric)[0])
    slack = _TOLERANCE * max(1.0, abs(own))
    if np.abs(true - told).max() > slack:
        raise IndexUnavailable("the index gives similarities that its vectors do not have")
    return bool(true.max() >= own - slack)
