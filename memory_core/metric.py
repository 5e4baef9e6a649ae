"""The one place where vectors become similarities: always greater-is-better.

    metric    similarity of rows m and query q    range      Chroma's distance
    cosine    m · q, both of unit length          [−1, 1]    1 − cos
    dot       m · q                               any        1 − m · q
    l2        1 / (1 + ‖m − q‖²)                  (0, 1]     ‖m − q‖²  (squared)

`similarity` (exact scan) and `from_distance` (Chroma's answer) give the same number, so a score
never depends on the path. The l2 map falls strictly with the distance, is 1 for equal vectors,
and needs no root, which would blow up rounding errors near zero.
"""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from memory_core.errors import InvalidSetting, InvalidVector

Metric = Literal["cosine", "dot", "l2"]

_SPACES: dict[Metric, str] = {"cosine": "cosine", "dot": "ip", "l2": "l2"}
_UNIT_SLACK = 1e-2  # a unit vector that was once stored as float16 is off by less
_BLOCK_ROWS = 4_096  # bounds the differences held at once: 6 MB at 384 dimensions


def normalise(matrix: NDArray[Any]) -> NDArray[np.float32]:
    """Return the rows at unit length as a new float32 array.

    Args:
        matrix: `(n, d)`, any real type; n may be 0.

    Raises:
        InvalidVector: not two-dimensional, or a row is zero, NaN or infinite.

    Example:
        >>> normalise(np.array([[3.0, 4.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    rows = np.asarray(matrix, dtype=np.float64)  # squares of float32 overflow float32
    if rows.ndim != 2:
        raise InvalidVector(f"vectors have shape {rows.shape}, not (n, d); reshape them")
    peaks = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    bad = np.flatnonzero(~np.isfinite(peaks) | (peaks == 0))
    if bad.size:
        raise InvalidVector(
            f"row {bad[0]} of {len(rows)} is zero, NaN or infinite and has no direction; "
            "embed a text that is not blank, or check the embedder"
        )
    rows = rows / peaks  # squares of float64 overflow or vanish as well
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / lengths[:, None], dtype=np.float32)


def similarity(
    matrix: NDArray[np.floating[Any]], query: NDArray[np.floating[Any]], metric: Metric
) -> NDArray[np.float32]:
    """Return the similarity `(n,)` of every row to the query, greater is better.

    Args:
        matrix: rows `(n, d)`, float32, or float64 to be independent of how many there are; for
            cosine of unit length, as `normalise` returns them.
        query: `(d,)`; for cosine of unit length.
        metric: "cosine", "dot" or "l2".

    Raises:
        InvalidVector: the shapes do not fit, or the cosine query is not of unit length.
        InvalidSetting: an unknown metric.
    """
    _check(metric)
    if matrix.ndim != 2 or query.shape != matrix.shape[1:]:
        raise InvalidVector(
            f"query has shape {query.shape}, the rows have {matrix.shape}; "
            "pass (d,) and (n, d) from one embedder"
        )
    if metric == "l2":
        return _closeness(_squared_distances(matrix, query))
    products = np.asarray(matrix @ query, dtype=np.float32)
    if metric == "dot":
        return products
    length = float(np.linalg.norm(query.astype(np.float64)))
    if not abs(length - 1) <= _UNIT_SLACK:
        raise InvalidVector(f"cosine query has length {length:.4g}, not 1; pass it to normalise()")
    return np.clip(products, -1, 1)


def from_distance(values: NDArray[Any], metric: Metric) -> NDArray[np.float32]:
    """Return the similarities for Chroma's distances, in the shape given.

    Args:
        values: distances in the space `distance_name(metric)`.
        metric: the metric that the collection was created with.

    Raises:
        InvalidSetting: an unknown metric.

    Example:
        >>> from_distance(np.array([0.0, 0.25, 2.0]), "cosine").tolist()
        [1.0, 0.75, -1.0]
    """
    _check(metric)
    distances = np.asarray(values, dtype=np.float64)
    if metric == "l2":
        return _closeness(distances)
    products = (1 - distances).astype(np.float32)
    return np.clip(products, -1, 1) if metric == "cosine" else products


def distance_name(metric: Metric) -> str:
    """Return Chroma's name of the space: "cosine", "ip" or "l2".

    Raises:
        InvalidSetting: an unknown metric.
    """
    _check(metric)
    return _SPACES[metric]


def _squared_distances(
    matrix: NDArray[np.floating[Any]], query: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    # By differences: |m|² + |q|² − 2 m·q is faster and wrong where it matters, near zero.
    squares = np.empty(len(matrix), dtype=np.float64)
    for start in range(0, len(matrix), _BLOCK_ROWS):
        apart = matrix[start : start + _BLOCK_ROWS] - query.astype(np.float64)
        squares[start : start + _BLOCK_ROWS] = np.einsum("ij,ij->i", apart, apart)
    return squares


def _closeness(squares: NDArray[np.float64]) -> NDArray[np.float32]:
    floor = np.finfo(np.float32).tiny  # stays above zero however far
    return np.maximum(1 / (1 + np.maximum(squares, 0)), floor).astype(np.float32)


def _check(metric: str) -> None:
    if metric not in _SPACES:
        raise InvalidSetting(f"unknown metric {metric!r}; use one of {get_args(Metric)}")
