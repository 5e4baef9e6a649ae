"""Gives any embedder vectors of length 1, as the cosine metric needs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from memory_core.embed.base import (
    Embedder,
    Fingerprint,
    Vectors,
    encode_media,
    modalities_of,
    prepare,
)
from memory_core.errors import EmbeddingFailed
from memory_core.media import Media


class UnitLength:
    """Another embedder with its vectors normalised, under a fingerprint of its own.

    Example:
        >>> from memory_core.embed.function import FunctionEmbedder
        >>> two = FunctionEmbedder(lambda many: [[2.0, 0.0] for _ in many], dimension=2, name="two")
        >>> UnitLength(two).encode_query("tea").tolist()
        [1.0, 0.0]
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def fingerprint(self) -> Fingerprint:
        """The embedder's own, marked as normalised."""
        return replace(self._embedder.fingerprint, normalised=True)

    @property
    def limit(self) -> int:
        """How many tokens one text may have."""
        return self._embedder.limit

    def count(self, text: str) -> int:
        """Return how many tokens the model sees in `text`."""
        return self._embedder.count(text)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return `(n, d)` unit vectors of stored texts."""
        return _unit(self._embedder.encode_documents(texts))

    def encode_query(self, text: str) -> Vectors:
        """Return the `(d,)` unit vector of one query."""
        (vector,) = _unit(self._embedder.encode_query(text)[None])
        return vector  # type: ignore[no-any-return]

    def prepare(self) -> None:
        """Have the other embedder write what lets it load fast."""
        prepare(self._embedder)

    @property
    def modalities(self) -> frozenset[str]:
        """What the model takes: `text`, and maybe more."""
        return modalities_of(self._embedder)

    def encode_media(self, media: Media, content: bytes) -> Vectors:
        """Return the vector of an image or a sound."""
        (vector,) = _unit(encode_media(self._embedder, media, content)[None])
        return vector  # type: ignore[no-any-return]


def _unit(vectors: Vectors) -> Vectors:
    rows = vectors.astype(np.float64)  # squares of float32 overflow float32
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise EmbeddingFailed("a vector is zero or infinite and has no direction; check the model")
    unit: Vectors = (rows / lengths).astype(np.float32)
    return unit
