"""A store of seeded, clustered vectors, for proofs about the index."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory_core.build import open_memory
from memory_core.embed.base import CANARY, Fingerprint
from memory_core.index.derived import Derived
from memory_core.manager import MemoryManager

SETTLING = 120.0
"""Seconds that an index may take to hold every row."""


class Clustered:
    """An embedder of seeded, clustered unit vectors: "note 17" always has the same one."""

    limit = 256

    def __init__(self, dimension: int = 384, clusters: int = 200) -> None:
        self.fingerprint = Fingerprint(model="clustered", revision="1", dimension=dimension)
        self._centres = np.random.default_rng(5).normal(size=(clusters, dimension))

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text, `(n, d)`."""
        return np.stack([self.encode_query(text) for text in texts])

    def encode_query(self, text: str) -> NDArray[np.float32]:
        """Return the text's vector `(d,)`."""
        seed = 10_000_019 if text == CANARY else int(text.rsplit(" ", 1)[1])
        own = np.random.default_rng([6, seed]).normal(size=self._centres.shape[1])
        vector = self._centres[seed % len(self._centres)] + 0.7 * own
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    def count(self, text: str) -> int:
        """Return about how many tokens a text has."""
        return len(text.split())


def derived_of(memory: MemoryManager) -> Derived:
    """Return the derived copies of an opened memory."""
    if not isinstance(memory.parts.derived, Derived):
        raise TypeError("this memory has no derived copies")
    return memory.parts.derived


def settled(memory: MemoryManager) -> bool:
    """Wait until Chroma holds every row; return whether it does."""
    keeper = derived_of(memory).keeper
    return keeper is not None and keeper.wait(SETTLING)


def clustered(
    home: Path,
    count: int,
    *,
    first: int = 0,
    namespace: str = "default",
    index: str = "chroma",
    dimension: int = 384,
) -> MemoryManager:
    """Open a store and fill it up to `count` embedded notes, numbered from `first`."""
    memory = open_memory(
        home, namespace=namespace, embedder=Clustered(dimension), recordings=False,
        index=index, crossover=1,
    )  # fmt: skip
    have = memory.journal.head.seq
    if have < count:
        memory.store_many([f"note {first + number}" for number in range(have, count)])
    memory.parts.catchup.drain()
    return memory
