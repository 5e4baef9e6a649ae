"""Catching up: every text gets its vector, those of like length together."""

import itertools
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from memory_core import asking, open_memory
from memory_core.embed.base import CANARY, Vectors
from memory_core.embed.hashing import HashEmbedder
from memory_core.errors import EmbeddingFailed, ModelMismatch
from memory_core.index import catchup


class Watched(HashEmbedder):
    """Keeps the texts of every call; refuses those with a marked word."""

    def __init__(self) -> None:
        super().__init__(32)
        self.calls: list[list[str]] = []

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        if any("unspeakable" in text for text in texts):
            raise EmbeddingFailed("a word it does not take; leave it out")
        self.calls.append(list(texts))
        return super().encode_documents(texts)


def texts(count: int) -> list[str]:
    rng = np.random.default_rng(1)
    return [f"text {n} " + "word " * int(rng.integers(1, 60)) for n in range(count)]


def test_batches_hold_texts_of_like_length(tmp_path: Path) -> None:
    embedder = Watched()
    with open_memory(tmp_path, embedder=embedder) as memory:
        memory.parts.catchup.close()  # the worker would take the first before all are there
        memory.store_many(texts(300))
        assert memory.parts.catchup.drain() == 0
    batches = [[len(text) for text in call] for call in embedder.calls if len(call) > 1]
    assert sum(map(len, batches)) == 300
    assert max(map(len, batches)) <= catchup.BATCH
    assert all(max(a) <= min(b) for a, b in itertools.pairwise(batches))


def test_what_is_stored_meanwhile_and_what_fails_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "BATCH", 8)
    monkeypatch.setattr(catchup, "WINDOW", 32)
    with open_memory(tmp_path, embedder=Watched()) as memory:
        memory.parts.catchup.close()
        memory.store_many([*texts(50), "an unspeakable text", *texts(90)[50:]])
        memory.parts.catchup._batch()  # 8 of the 32 in the window are embedded
        window = {item.doc for item in memory.parts.catchup._window}
        gone = next(m for m in memory.list(limit=200) if m.version in window)
        memory.erase(gone.id)
        memory.store("the last")
        assert memory.parts.catchup.drain() == 1
        table = memory.journal.vectors(memory.parts.embedder.fingerprint.digest)
        assert [item.text for item in table.pending(9)] == ["an unspeakable text"]
        embedded = set(table.spans().doc.tolist())
        live = {m.version for m in memory.list(limit=200)} - {51}
        assert embedded == live
        assert gone.version not in embedded


class Broken(HashEmbedder):
    """Is down, gives NaN for a marked word, or raises what no one expects, as told."""

    def __init__(self) -> None:
        super().__init__(32)
        self.trouble: Exception | None = None

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        if self.trouble is not None:
            raise self.trouble
        vectors = super().encode_documents(texts).copy()
        vectors[["unspeakable" in text for text in texts]] = np.nan
        return vectors


def test_a_model_that_was_down_loses_no_text(tmp_path: Path) -> None:
    embedder = Broken()
    with open_memory(tmp_path, embedder=embedder) as memory:
        memory.parts.catchup.close()
        memory.store("the first")
        assert memory.parts.catchup.drain() == 0
        embedder.trouble = EmbeddingFailed("no connection; try again")
        memory.store_many(texts(9))
        assert memory.parts.catchup.drain() == 9
        embedder.trouble = None
        assert memory.parts.catchup.drain() == 0


def test_a_vector_that_is_no_number_holds_up_no_other_text(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder=Broken()) as memory:
        memory.parts.catchup.close()
        memory.store_many(["an unspeakable text", *texts(9)])
        assert memory.parts.catchup.drain() == 1


def test_the_worker_outlives_what_an_embedder_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "LONGEST_PAUSE", 0.05)
    embedder = Broken()
    embedder.trouble = RuntimeError("out of memory")
    with open_memory(tmp_path, embedder=embedder) as memory:
        memory.store("a text about tea")
        assert memory.recall("tea").status == "degraded"
        worker = memory.parts.catchup._thread
        embedder.trouble = None
        until = time.monotonic() + 120
        while memory.parts.catchup.absorb(until) and time.monotonic() < until:
            time.sleep(0.05)
        assert memory.recall("tea").status == "ok"
        assert memory.parts.catchup._thread is worker


class Loading(HashEmbedder):
    """Takes its time to be there, as a model that is read from disk."""

    def __init__(self, seconds: float) -> None:
        super().__init__(32)
        self._lock, self._left = threading.Lock(), seconds

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            time.sleep(self._left)
            self._left = 0.0
        return super().encode_documents(texts)

    def encode_query(self, text: str) -> Vectors:
        return self.encode_documents([text])[0]


def test_what_is_pending_gets_its_time_once_the_model_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_memory(tmp_path, embedder=HashEmbedder(32)) as memory:
        memory.parts.catchup.close()
        memory.store_many(texts(9))
    monkeypatch.setattr(asking, "PATIENCE", 0.2)
    monkeypatch.setattr(asking, "LOADING", 0.1)
    with open_memory(tmp_path, embedder=Loading(0.8)) as memory:
        result = memory.recall("tea")
        assert "not_embedded" not in {note.code for note in result.notes}


class Changed(HashEmbedder):
    """Other weights under the same name."""

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return super().encode_documents([text[::-1] for text in texts])

    encode_query = HashEmbedder.encode_query


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("deadline_ms", [None, 60_000])
def test_a_changed_model_is_noticed_at_the_first_question(
    tmp_path: Path, readonly: bool, deadline_ms: float | None
) -> None:
    with open_memory(tmp_path, embedder=HashEmbedder(32)) as memory:
        memory.store("a fern by the door")
        assert memory.parts.catchup.drain() == 0
        assert memory.recall("fern").status == "ok"
    with open_memory(tmp_path, embedder=Changed(32), readonly=readonly) as memory:
        for _ in range(2):
            with pytest.raises(ModelMismatch, match="install the model"):
                memory.recall("fern", deadline_ms=deadline_ms)
    with open_memory(tmp_path, embedder=HashEmbedder(32), readonly=readonly) as memory:
        assert memory.recall("fern", deadline_ms=deadline_ms).status == "ok"


def test_the_model_is_compared_once_an_opening(tmp_path: Path) -> None:
    embedder = Watched()
    with open_memory(tmp_path, embedder=embedder) as memory:
        memory.store("a fern by the door")
        memory.parts.catchup.drain()
    embedder.calls.clear()
    with open_memory(tmp_path, embedder=embedder) as memory:
        memory.recall("fern")
        memory.recall("door")
        memory.store("another fern")
        memory.parts.catchup.drain()
    assert sum(call == [CANARY] for call in embedder.calls) == 1
