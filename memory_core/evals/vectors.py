"""Vectors kept on disk between evaluations, so that a text is encoded once per model.

    <directory>/<fingerprint>.rows    a row a text: its sha256, then its vector in float32

The file only grows, whole batches at a time under a lock, so several runs may share it, and a
killed one leaves a part of a row at most, which the next cuts off. Queries are always encoded
anew: their cost is part of a recall's latency.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np

from memory_core.embed.base import Embedder, Fingerprint, Vectors

_KEY_BYTES = 32


class KeptVectors:
    """An embedder that encodes a text only if its vector is not kept yet; thread-safe.

    Args:
        embedder: encodes what is not kept.
        directory: where the file lies; made at first use.

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
        self._path = directory / f"{embedder.fingerprint.digest}.rows"
        self._row = np.dtype(
            [("key", f"V{_KEY_BYTES}"), ("vector", "<f4", embedder.fingerprint.dimension)]
        )
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
        rows = np.empty(len(keys), dtype=self._row)
        rows["key"], rows["vector"] = keys, vectors
        with self._locked() as file:
            file.seek(os.fstat(file.fileno()).st_size // self._row.itemsize * self._row.itemsize)
            file.write(rows.tobytes())
        self._kept.update(zip(keys, vectors, strict=True))

    def _read(self) -> dict[bytes, Vectors]:
        """Return what is kept; a part of a row at the end is cut off."""
        self._path.touch()
        with self._locked() as file:
            whole = self._path.stat().st_size // self._row.itemsize * self._row.itemsize
            file.truncate(whole)
        rows = np.fromfile(self._path, dtype=self._row)
        vectors = np.ascontiguousarray(rows["vector"], dtype=np.float32)
        return {row.tobytes(): vector for row, vector in zip(rows["key"], vectors, strict=True)}

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        with self._path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file  # closing it gives the lock back, after what was written is flushed
