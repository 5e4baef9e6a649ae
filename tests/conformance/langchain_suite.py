"""LangChain's standard suites over our vector store and retriever."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_tests.integration_tests import (
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)
from memory_adapters.langchain import MemoryRetriever, MemoryVectorStore

from memory_core import open_memory


class TestVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[MemoryVectorStore]:
        with open_memory(tmp_path, embedder="hash") as memory:
            yield MemoryVectorStore(memory)


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _opened(self, tmp_path: Path) -> Iterator[None]:
        with open_memory(tmp_path, embedder="hash") as memory:
            memory.store_many(f"fact number {n} about gardens" for n in range(9))
            type(self).opened = memory
            yield

    opened: Any = None

    @property
    def retriever_constructor(self) -> type[MemoryRetriever]:
        return MemoryRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"memory": self.opened}

    @property
    def retriever_query_example(self) -> str:
        return "gardens"
