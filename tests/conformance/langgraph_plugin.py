"""Puts our store in the place of LangGraph's own before its test file is imported."""

import gc
import tempfile
from typing import Any

import langgraph.store.memory
from langgraph.store.base import IndexConfig
from memory_adapters.langgraph import MemoryStore

from memory_core import open_memory
from memory_core.embed.function import FunctionEmbedder


class StoreUnderTest(MemoryStore):
    """Our store in a temporary home, with the embeddings that the test brings."""

    def __init__(self, *, index: IndexConfig | None = None) -> None:
        self._home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        embedder: Any = "hash"
        if index is not None:
            embed: Any = index["embed"]
            embedder = FunctionEmbedder(
                embed.embed_documents, name="theirs", dimension=index["dims"]
            )
        memory = open_memory(self._home.name, embedder=embedder, recordings=False)
        super().__init__(memory, index=index)

    def __del__(self) -> None:
        self.memory.close()
        self._home.cleanup()


langgraph.store.memory.InMemoryStore = StoreUnderTest


def pytest_sessionfinish() -> None:
    gc.collect()
