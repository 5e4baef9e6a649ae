"""What an embedder is, and the fingerprint that keeps vectors of different models apart.

Vectors of different fingerprints never mix: the fingerprint names everything that changes a
vector, and a canary text's vector shows a change that no name admits.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from memory_core.errors import EmbeddingFailed, InvalidVector
from memory_core.media import Media

Vectors = NDArray[np.float32]
Pooling = Literal["mean", "cls", "max", "none"]

CANARY = "The quick brown fox jumps over the lazy dog."
CANARY_TOLERANCE = 1e-3  # cosine distance; the same model on another CPU stays below 1e-5


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Everything that decides what vector a text gets."""

    model: str
    """Name without a path of this machine, e.g. `all-MiniLM-L6-v2`."""
    revision: str
    """Version or checksum of the weights; blank where there is none."""
    dimension: int
    pooling: Pooling = "none"
    normalised: bool = True
    query_prompt: str = ""
    document_prompt: str = ""
    dtype: str = "float32"

    @property
    def digest(self) -> str:
        """16 hexadecimal characters that name files and collections."""
        encoded = json.dumps(asdict(self), sort_keys=True).encode()
        return hashlib.sha256(encoded).hexdigest()[:16]

    @property
    def no_vectors(self) -> Vectors:
        """`(0, d)`: what encoding no texts gives."""
        return np.zeros((0, self.dimension), dtype=np.float32)

    def __str__(self) -> str:
        """Name the model for people: `all-MiniLM-L6-v2 (384, mean) 1a2b3c4d…`."""
        return f"{self.model} ({self.dimension}, {self.pooling}) {self.digest}"


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. Implementations are thread-safe and deterministic."""

    @property
    def fingerprint(self) -> Fingerprint:
        """What decides the vectors; reading it must not load the model if avoidable."""
        ...

    @property
    def limit(self) -> int:
        """How many of its own tokens one text may have; longer texts are chunked before."""
        ...

    def count(self, text: str) -> int:
        """Return how many tokens the model sees in `text`, special tokens left out."""
        ...

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return `(n, d)` float32 vectors of stored texts.

        Raises:
            EmbeddingFailed: the model gave no usable vectors.
        """
        ...

    def encode_query(self, text: str) -> Vectors:
        """Return the `(d,)` float32 vector of one query.

        Raises:
            EmbeddingFailed: the model gave no usable vector.
        """
        ...


class MediaEmbedder(Embedder, Protocol):
    """An embedder that takes more than text, into the same space as its texts."""

    @property
    def modalities(self) -> frozenset[str]:
        """What it takes, of `text`, `image` and `audio`; asking may load the model."""
        ...

    def encode_media(self, media: Media, content: bytes) -> Vectors:
        """Return the `(d,)` float32 vector of an image or a sound.

        Raises:
            EmbeddingFailed: the model gave no usable vector, or the file cannot be decoded.
        """
        ...


def prepare(embedder: Embedder) -> None:
    """Have an embedder that can write what lets every later process load it fast."""
    write = getattr(embedder, "prepare", None)
    if write is not None:
        write()


def modalities_of(embedder: Embedder) -> frozenset[str]:
    """Return what an embedder takes: `text`, and what it says beyond that."""
    able = as_media_embedder(embedder)
    return frozenset({"text"}) if able is None else able.modalities


def as_media_embedder(embedder: Embedder) -> MediaEmbedder | None:
    """Return an embedder as one that may take more than text; nothing is loaded to tell."""
    able = hasattr(type(embedder), "modalities") and hasattr(type(embedder), "encode_media")
    return cast(MediaEmbedder, embedder) if able else None


def encode_media(embedder: Embedder, media: Media, content: bytes) -> Vectors:
    """Return the `(d,)` vector that an embedder gives an image or a sound.

    Raises:
        EmbeddingFailed: it does not take such a thing, or gave no usable vector.
    """
    able = as_media_embedder(embedder)
    if able is None or media.kind not in able.modalities:
        raise EmbeddingFailed(f"{embedder.fingerprint.model!r} does not take {media.kind}")
    return able.encode_media(media, content)


def check_vectors(vectors: object, count: int, fingerprint: Fingerprint) -> Vectors:
    """Return `(count, d)` float32 vectors that are finite, non-zero and of the right size.

    Raises:
        InvalidVector: naming the model, the row and both shapes.
    """
    matrix = np.ascontiguousarray(np.asarray(vectors, dtype=np.float32))
    want = (count, fingerprint.dimension)
    if matrix.shape != want:
        raise InvalidVector(
            f"{fingerprint.model!r} gave vectors of shape {matrix.shape}, expected {want}; "
            "check the model's dimension"
        )
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise InvalidVector(
            f"{fingerprint.model!r} gave NaN or infinity for text {row} of {count}; "
            "try another device or precision"
        )
    if count and not matrix.any(axis=1).all():
        row = int(np.flatnonzero(~matrix.any(axis=1))[0])
        raise InvalidVector(
            f"{fingerprint.model!r} gave a zero vector for text {row} of {count}; "
            "such a text could never be found, check the model"
        )
    return matrix


def usable_vectors(vectors: object, count: int, fingerprint: Fingerprint) -> Vectors:
    """Return `check_vectors`, for vectors that a model gave rather than the caller.

    Raises:
        EmbeddingFailed: naming the model, the row and both shapes.
    """
    try:
        return check_vectors(vectors, count, fingerprint)
    except (InvalidVector, TypeError, ValueError) as error:
        raise EmbeddingFailed(f"{fingerprint.model!r} gave no usable vectors: {error}") from error
