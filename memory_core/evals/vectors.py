"""Vectors kept on disk between evaluations, so that a text is encoded once per model.

    <directory>/<fingerprint>.keys   32 bytes a row: sha256 of the text
    <directory>/<fingerprint>.f32    the vectors, float32, in the same order

Both files only grow; a row counts when both hold it whole, so a killed run loses its last batch
at most. Queries are always encoded anew: their cost is part of a recall's latency.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np

from memory_core.embed.base import Embedder, Fingerprint, Vectors

_KEY_BYTES = 32


class KeptVectors:
    """An embedder that encodes a text only if its vector is not kept yet; thread-safe.

    Args:
        embedder: encodes what is not kept.
        directory: where the files lie; made at first use. One writing process at a time.

    Example:
        >>> import tempfile
        >>> from memory_core.embed.hashing import HashEmbedder
        >>> kept = KeptVectors(HashEmbedder(), Path(tempfile.mkdtemp()))
        >>> kept.encode_documents(["a", "b", "a"]).shape
        (3, 256)
    """

    def __init__(self, embedder: Embedder, directory: Path) -> None:
        self._embedder = embedder
        self._lock = Lock()
        directory.mkdir(parents=True, exist_ok=True)
        name = embedder.fingerprint.digest
        self._keys, self._rows = directory / f"{name}.keys", directory / f"{name}.f32"
        self._kept = self._read()

    @property
    def fingerprint(self) -> Fingerprint:
        """The embedder's own: kept vectors are the same vectors."""
        return self._embedder.fingerprint

    @property
    def limit(self) -> int:
        """How many of the embedder's tokens one text may have."""
        return self._embedder.limit

    def count(self, text: str) -> int:
        """Return how many tokens the model sees in `text`."""
        return self._embedder.count(text)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return `(n, d)` float32 vectors of stored texts.

        Raises:
            EmbeddingFailed: the model gave no usable vectors.
        """
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        with self._lock:
            new = {
                key: text for key, text in zip(keys, texts, strict=True) if key not in self._kept
            }
            if new:
                self._keep(list(new), self._embedder.encode_documents(list(new.values())))
            rows = [self._kept[key] for key in keys]
        return np.stack(rows) if rows else self.fingerprint.no_vectors

    def encode_query(self, text: str) -> Vectors:
        """Return the `(d,)` float32 vector of one query, encoded anew."""
        return self._embedder.encode_query(text)

    def _keep(self, keys: list[bytes], vectors: Vectors) -> None:
        with self._keys.open("ab") as names, self._rows.open("ab") as rows:
            names.write(b"".join(keys))
            rows.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())
        self._kept.update(zip(keys, vectors, strict=True))

    def _read(self) -> dict[bytes, Vectors]:
        """Return what is kept, after cutting off what only one of the files holds whole."""
        row_bytes = 4 * self.fingerprint.dimension
        for path in (self._keys, self._rows):
            path.touch()
        count = min(self._keys.stat().st_size // _KEY_BYTES, self._rows.stat().st_size // row_bytes)
        for path, size in ((self._keys, _KEY_BYTES), (self._rows, row_bytes)):
            with path.open("r+b") as file:
                file.truncate(count * size)
        names = self._keys.read_bytes()
        vectors = np.fromfile(self._rows, dtype="<f4").reshape(count, self.fingerprint.dimension)
        keys = (names[start : start + _KEY_BYTES] for start in range(0, len(names), _KEY_BYTES))
        return dict(zip(keys, vectors.astype(np.float32, copy=False), strict=True))
