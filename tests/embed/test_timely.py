"""A recall with a deadline comes back in time, whatever the model does."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from memory_core import open_memory
from memory_core.embed.base import Vectors
from memory_core.embed.hashing import HashEmbedder
from memory_core.embed.timely import QueryEncoder
from memory_core.errors import EmbeddingFailed, ModelNotFound

LONG = 300.0
"""Seconds after which a stuck model goes on: a test that waited for it has failed."""


class Stuck(HashEmbedder):
    """Does nothing with documents, with queries, or both, until it is told to go on."""

    def __init__(self, *stuck: str) -> None:
        super().__init__(32)
        self._stuck = stuck
        self.go_on = threading.Event()

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        assert "documents" not in self._stuck or self.go_on.wait(LONG)
        return super().encode_documents(texts)

    def encode_query(self, text: str) -> Vectors:
        assert "queries" not in self._stuck or self.go_on.wait(LONG)
        return super().encode_query(text)


@pytest.mark.parametrize("stuck", [("queries",), ("documents",), ("documents", "queries")])
def test_recall_is_back_by_its_deadline_and_says_what_is_missing(
    tmp_path: Path, stuck: tuple[str, ...]
) -> None:
    embedder = Stuck(*stuck)
    with open_memory(tmp_path, embedder=embedder) as memory:
        memory.store("Ana likes green tea")
        result = memory.recall("green tea", deadline_ms=200)
        assert not embedder.go_on.is_set()  # it came back while the model was stuck
        embedder.go_on.set()
        assert result.status == "degraded"
        assert result.hits[0].memory.text == "Ana likes green tea"
        codes = [note.code for note in result.notes]
        assert len(codes) == len(set(codes))
        assert {"no_vector", "not_embedded"} & set(codes)
        memory.parts.catchup.drain()
        full = memory.recall("green tea")
        assert full.status == "ok", full.notes
        assert "dense" in full.hits[0].signals


def test_in_time_is_the_same_as_without_a_deadline() -> None:
    embedder = Stuck()
    encoder = QueryEncoder(embedder)
    vector = encoder.encode("tea", time.monotonic() + LONG)
    assert (vector == encoder.encode("tea", None)).all()


def test_late_is_an_error_and_the_next_query_is_not_behind_it() -> None:
    embedder = Stuck("queries")
    encoder = QueryEncoder(embedder)
    with pytest.raises(EmbeddingFailed, match="deadline"):
        encoder.encode("tea", time.monotonic() + 0.05)
    with pytest.raises(EmbeddingFailed):
        encoder.encode("given up before it began", time.monotonic())
    embedder.go_on.set()
    assert encoder.encode("coffee", time.monotonic() + LONG).any()


def test_a_missing_model_is_named() -> None:
    class Missing(HashEmbedder):
        def encode_query(self, text: str) -> Vectors:
            raise ModelNotFound("no such model; run: memory models pull")

    with pytest.raises(ModelNotFound):
        QueryEncoder(Missing(32)).encode("tea", time.monotonic() + LONG)
