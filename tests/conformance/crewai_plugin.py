"""Puts our backend in the place of CrewAI's LanceDB one before its test files are imported."""

import gc
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ |= {
    "OPENAI_API_KEY": "unused", "CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true"
}  # fmt: skip

from crewai.memory.storage import lancedb_storage
from memory_adapters.crewai import CrewStorage

from memory_core import MemoryManager, open_memory

HOMES = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
OPENED: list[MemoryManager] = []


class StorageUnderTest(CrewStorage):
    """Our backend in the directory that the test gives, or in one of its own."""

    def __init__(self, path: str | Path | None = None, **ignored: Any) -> None:
        home = Path(path) if path is not None else Path(HOMES.name) / str(len(OPENED))
        OPENED.append(open_memory(home, embedder="hash", recordings=False))
        super().__init__(OPENED[-1])


lancedb_storage.LanceDBStorage = StorageUnderTest  # type: ignore[misc]


def pytest_runtest_teardown() -> None:
    while OPENED:
        OPENED.pop().close()


def pytest_sessionfinish() -> None:
    gc.collect()
