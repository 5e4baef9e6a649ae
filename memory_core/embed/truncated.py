"""The first coordinates of another embedder's vectors: shorter rows, a little less meaning.

Models trained for it (Kusupati et al. 2022, "Matryoshka Representation Learning") put what counts
first and lose little; others lose more, which `memory migrate --to … --no-switch` measures.
"""

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
from memory_core.errors import EmbeddingFailed, InvalidSetting
from memory_core.media import Media


class Truncated:
    """Another embedder with its vectors cut to a width, and normalised again if they were.

    Example:
        >>> from memory_core.embed.hashing import HashEmbedder
        >>> Truncated(HashEmbedder(64), 16).encode_query("tea").shape
        (16,)
    """

    def __init__(self, embedder: Embedder, dimension: int) -> None:
        whole = embedder.fingerprint.dimension
        if not 1 <= dimension <= whole:
            raise InvalidSetting(
                f"dimensions={dimension} of {embedder.fingerprint.model!r}, which has {whole}; "
                f"name 1 to {whole}"
            )
        self._embedder = embedder
        self._dimension = dimension

    @property
    def fingerprint(self) -> Fingerprint:
        """The embedder's own, with the smaller dimension."""
        return replace(self._embedder.fingerprint, dimension=self._dimension)

    @property
    def limit(self) -> int:
        """How many tokens one text may have."""
        return self._embedder.limit

    def count(self, text: str) -> int:
        """Return how many tokens the model sees in `text`."""
        return self._embedder.count(text)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return `(n, dimension)` vectors of stored texts."""
        return self._cut(self._embedder.encode_documents(texts))

    def encode_query(self, text: str) -> Vectors:
        """Return the `(dimension,)` vector of one query."""
        return self._cut(self._embedder.encode_query(text))

    def prepare(self) -> None:
        """Have the other embedder write what lets it load fast."""
        prepare(self._embedder)

    @property
    def modalities(self) -> frozenset[str]:
        """What the model takes: `text`, and maybe more."""
        return modalities_of(self._embedder)

    def encode_media(self, media: Media, content: bytes) -> Vectors:
        """Return the vector of an image or a sound."""
        return self._cut(encode_media(self._embedder, media, content))

    def _cut(self, vectors: Vectors) -> Vectors:
        kept = vectors[..., : self._dimension]
        if not self.fingerprint.normalised:
            return np.ascontiguousarray(kept)
        lengths = np.linalg.norm(kept, axis=-1, keepdims=True)
        if vectors.size and not lengths.all():
            raise EmbeddingFailed(
                f"{self.fingerprint.model!r} gives zeros in its first {self._dimension} "
                "coordinates; use more of them"
            )
        return np.asarray(kept / lengths, dtype=np.float32)
