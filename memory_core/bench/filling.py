"""Stores of any size within minutes: vectors from clusters around real ones, queries by the model.

A text made of the sample turns a and b gets the vector  c_a + 0.7 · c_b + noise,  where c is the
real model's encoding of a turn and the noise is as long as c_a. So the store's geometry is that
of the model, a hundred thousand texts need no hundred thousand encodes, and a query's vector, which
the real model makes, finds what it is about.
"""

import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory_core.bench.corpus import Corpus
from memory_core.bench.figure import Run, Spent
from memory_core.build import open_memory
from memory_core.embed.base import Embedder
from memory_core.embed.function import FunctionEmbedder
from memory_core.journal.lexical import indexed
from memory_core.manager import MemoryManager

SECOND, NOISE = 0.7, 1.0
PATIENCE = 900.0
_PART = 5_000
_UNSETTLED = ("is being", "not open yet", "behind")  # in the notes of a recall


def embedder_of(run: Run) -> Embedder:
    """Return the real model that the run's settings name."""
    with open_memory(run.place / "model", **run.settings) as memory:
        return memory.parts.embedder


class Filling:
    """Opens homes under a model whose documents have precomputed vectors."""

    def __init__(self, run: Run, real: Embedder) -> None:
        self._run = run
        self.corpus = Corpus(run.seed)
        self.real = real
        self._centres = _unit(real.encode_documents(self.corpus.turns))
        self._turns: dict[str, tuple[int, int]] = {}
        self.encoded: list[Spent] = []
        """What the real model took for each query so far."""
        self.embedder = FunctionEmbedder(
            self._documents,
            name=f"filled:{real.fingerprint.model}",
            dimension=real.fingerprint.dimension,
            query_function=self._query,
        )

    def fill(self, home: Path, size: int) -> None:
        """Store and embed `size` distinct texts through the public face."""
        with self.open(home) as memory:
            for done in range(0, size, _PART):
                self._run.tell(f"filling {size:,}: {done:,}")
                said = list(self.corpus.take(min(_PART, size - done)))
                self._turns = {indexed(one.text, one.speaker): one.turns for one in said}
                memory.store_many([one.fields for one in said])
                memory.parts.catchup.drain()
            self._run.tell(f"filling {size:,}: waiting for the index")
            wait_for_index(memory)

    def open(self, home: Path) -> MemoryManager:
        """Open a home with this embedder and the run's other settings."""
        others = {name: value for name, value in self._run.settings.items() if name != "embedder"}
        return open_memory(home, embedder=self.embedder, **others)

    def _query(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        begun = Spent.now()
        vector = self.real.encode_query(texts[0])
        self.encoded.append(Spent.now() - begun)
        return [vector]

    def _documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        unknown = [text for text in texts if text not in self._turns]
        real = dict(zip(unknown, self.real.encode_documents(unknown), strict=True))
        rows = [real[text] if text in real else self._clustered(text) for text in texts]
        return np.stack(rows)

    def _clustered(self, text: str) -> NDArray[np.float32]:
        first, second = self._turns[text]
        rng = np.random.default_rng(zlib.crc32(text.encode()))
        noise = NOISE * _unit(rng.standard_normal((1, self._centres.shape[1]), dtype=np.float32))
        whole = self._centres[first] + SECOND * self._centres[second] + noise
        return np.asarray(_unit(whole)[0])


def wait_for_index(memory: MemoryManager, patience: float = PATIENCE) -> None:
    """Return once no index is being opened or built, or after `patience` seconds."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        notes = memory.recall("What is served by which path?", k=1, record=False).notes
        if not any(word in note.text for note in notes for word in _UNSETTLED):
            return
        time.sleep(0.2)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)
