"""A store whose vectors are known: clustered, seeded, one text each; brute force as the oracle."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory_core import open_memory
from memory_core.embed.base import CANARY, Fingerprint
from memory_core.manager import MemoryManager

DIMENSION = 24


class KnownVectors:
    """Gives "text 17" the 17th of some seeded clustered vectors."""

    limit = 256

    def __init__(self, dimension: int = DIMENSION, *, normalised: bool = True) -> None:
        self.fingerprint = Fingerprint(
            model="known", revision="1", dimension=dimension, normalised=normalised
        )

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self.vector(text) for text in texts])

    def encode_query(self, text: str) -> NDArray[np.float32]:
        return self.vector(text)

    def count(self, text: str) -> int:
        return len(text.split())

    def vector(self, text: str) -> NDArray[np.float32]:
        seed = 10_000_019 if text == CANARY else int(text.split()[1])
        dimension = self.fingerprint.dimension
        centre = np.random.default_rng([7, seed % 11]).normal(size=dimension)
        own = centre + 0.5 * np.random.default_rng([8, seed]).normal(size=dimension)
        length = np.linalg.norm(own) if self.fingerprint.normalised else 2.0
        return np.asarray(own / length, dtype=np.float32)


def opened(home: Path, count: int = 0, **settings: object) -> MemoryManager:
    """Open a store and fill it up to `count` embedded texts."""
    embedder = settings.pop("embedder", None) or KnownVectors()
    memory = open_memory(home, embedder=embedder, recordings=False, **settings)  # type: ignore[arg-type]
    fill(memory, count)
    return memory


def fill(memory: MemoryManager, count: int) -> None:
    have = memory.journal.head.seq
    if count > have:
        memory.store_many([f"text {n}" for n in range(have, count)])
    memory.parts.catchup.drain()


def found(memory: MemoryManager, question: str, k: int = 10, **options: object) -> list[str]:
    result = memory.recall(question, k=k, **options)  # type: ignore[arg-type]
    return [hit.memory.text for hit in result.hits]


def path_of(memory: MemoryManager, question: str = "text 1", **options: object) -> str:
    """Return what the dense step says about its path."""
    result = memory.recall(question, **options)  # type: ignore[arg-type]
    return next(note.text for note in result.notes if note.code == "path")


def nearest(memory: MemoryManager, question: str, count: int) -> list[int]:
    """Return the docs nearest to a question by brute force over the journal's vectors."""
    table = memory.journal.vectors(memory.parts.embedder.fingerprint.digest)
    matrix, docs = table.read(0, table.count()), table.spans().doc
    scores = matrix.astype(np.float64) @ memory.parts.embedder.encode_query(question)
    scores[docs < 0] = -np.inf
    return [int(docs[row]) for row in np.argsort(-scores, kind="stable")[:count]]
