"""A recall with a deadline comes back in time, whatever the model does."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from memory_core import open_memory
from memory_core.embed.base import Vectors
from memory_core.embed.hashing import HashEmbedder
from memory_core.embed.timely import QueryEncoder
from memory_core.errors import EmbeddingFailed, ModelNotFound


class Slow(HashEmbedder):
    """Takes its time with documents, with queries, or both."""

    def __init__(self, documents: float = 0.0, queries: float = 0.0) -> None:
        super().__init__(32)
        self._documents, self._queries = documents, queries

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        time.sleep(self._documents)
        return super().encode_documents(texts)

    def encode_query(self, text: str) -> Vectors:
        time.sleep(self._queries)
        return super().encode_query(text)


@pytest.mark.parametrize("slow", [Slow(queries=0.8), Slow(documents=0.8), Slow(0.4, 0.4)])
def test_recall_is_back_by_its_deadline_and_says_what_is_missing(
    tmp_path: Path, slow: Slow
) -> None:
    with open_memory(tmp_path, embedder=slow) as memory:
        memory.store("Ana likes green tea")
        begun = time.monotonic()
        result = memory.recall("green tea", deadline_ms=200)
        assert time.monotonic() - begun < 0.6
        assert result.status == "degraded"
        assert result.hits[0].memory.text == "Ana likes green tea"
        codes = [note.code for note in result.notes]
        assert len(codes) == len(set(codes))
        assert {"no_vector", "not_embedded"} & set(codes)
        full = memory.recall("green tea")
        assert full.status == "ok", full.notes
        assert "dense" in full.hits[0].signals


def test_in_time_is_the_same_as_without_a_deadline() -> None:
    embedder = Slow()
    encoder = QueryEncoder(embedder)
    vector = encoder.encode("tea", time.monotonic() + 5)
    assert (vector == encoder.encode("tea", None)).all()


def test_late_is_an_error_and_the_next_query_is_not_behind_it() -> None:
    encoder = QueryEncoder(Slow(queries=0.3))
    with pytest.raises(EmbeddingFailed, match="deadline"):
        encoder.encode("tea", time.monotonic() + 0.05)
    with pytest.raises(EmbeddingFailed):
        encoder.encode("given up before it began", time.monotonic())
    begun = time.monotonic()
    encoder.encode("coffee", begun + 5)
    assert time.monotonic() - begun < 0.75


def test_a_missing_model_is_named() -> None:
    class Missing(HashEmbedder):
        def encode_query(self, text: str) -> Vectors:
            raise ModelNotFound("no such model; run: memory models pull")

    with pytest.raises(ModelNotFound):
        QueryEncoder(Missing(32)).encode("tea", time.monotonic() + 5)
