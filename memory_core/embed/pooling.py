"""Token vectors into one text vector: mean, cls or max over the tokens that are real.

mean = sum_t mask_t h_t / sum_t mask_t     (Reimers & Gurevych 2019, "Sentence-BERT", section 3)
cls  = the first real token's vector
max  = the greatest value of each coordinate over the real tokens
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memory_core.embed.base import Vectors
from memory_core.errors import InvalidSetting, InvalidVector

PoolingMode = Literal["mean", "cls", "max"]


def pool(tokens: NDArray[np.floating], mask: NDArray[np.integer], mode: PoolingMode) -> Vectors:
    """Return `(n, d)` float32 text vectors, not normalised.

    Args:
        tokens: `(n, t, d)` vectors of the model's last layer.
        mask: `(n, t)`, 1 for a real token and 0 for padding, on either side.
        mode: how to pool.

    Raises:
        InvalidVector: the shapes do not fit, or a text has no real token.
        InvalidSetting: an unknown mode.
    """
    if tokens.ndim != 3 or mask.shape != tokens.shape[:2]:
        raise InvalidVector(
            f"token vectors {tokens.shape} and mask {mask.shape} do not fit; "
            "give (n, t, d) and (n, t)"
        )
    real = mask.astype(bool)
    if not real.any(axis=1).all():
        row = int(np.flatnonzero(~real.any(axis=1))[0])
        raise InvalidVector(f"text {row} has no real token; leave it out or tokenise it again")
    if mode == "mean":
        return _mean(tokens, real)
    if mode == "cls":
        return _first(tokens, real)
    if mode == "max":
        return _greatest(tokens, real)
    raise InvalidSetting(f"pooling {mode!r} is unknown; use mean, cls or max")


def _mean(tokens: NDArray[np.floating], real: NDArray[np.bool_]) -> Vectors:
    total = np.where(real[:, :, None], tokens, 0).sum(axis=1, dtype=np.float64)
    return np.asarray(total / real.sum(axis=1, keepdims=True), dtype=np.float32)


def _first(tokens: NDArray[np.floating], real: NDArray[np.bool_]) -> Vectors:
    return np.asarray(tokens[np.arange(len(tokens)), real.argmax(axis=1)], dtype=np.float32)


def _greatest(tokens: NDArray[np.floating], real: NDArray[np.bool_]) -> Vectors:
    greatest = np.where(real[:, :, None], tokens, -np.inf).max(axis=1)
    return np.asarray(greatest, dtype=np.float32)
