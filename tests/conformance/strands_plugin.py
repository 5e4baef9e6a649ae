"""Puts our store in the place of Strands' file store before its test file is imported.

Their tests look at what was added by reading the store's file, so what our memory holds is written
into one after each `add`; nothing is read from it.
"""

import gc
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import strands.vended_memory_stores
import strands.vended_memory_stores.test_memory_store as vended
from memory_adapters.strands import StrandsStore
from strands.vended_memory_stores import test_memory_store

from memory_core import MemoryManager, open_memory

HOMES = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
OPENED: list[MemoryManager] = []


class StoreUnderTest(StrandsStore):
    """Our store, one home for each of their files."""

    __test__ = False

    def __init__(self, *, name: str, path: str = "", persist: bool = True, **settings: Any) -> None:
        given = path if persist else f"{path}:{len(OPENED)}"
        home = Path(HOMES.name) / hashlib.sha256(given.encode()).hexdigest()[:16]
        OPENED.append(open_memory(home, embedder="hash", recordings=False))
        self._file = Path(path) if path and persist else None
        settings.setdefault("description", None)
        super().__init__(OPENED[-1], name=name, **settings)

    async def add(self, content: str, metadata: Any = None) -> Any:
        id = await super().add(content, metadata)
        if self._file is not None:
            held = [
                {
                    "id": m.id, "content": m.text, "createdAt": m.stored_at.isoformat(),
                    "metadata": {k: v for k, v in m.metadata.items() if k != "shelf"},
                }
                for m in self.memory.list(limit=1_000)
            ]  # fmt: skip
            self._file.write_text(json.dumps(held, indent=2))
        return vended.TestMemoryAddResult(id=id)


strands.vended_memory_stores.TestMemoryStore = StoreUnderTest
test_memory_store.TestMemoryStore = StoreUnderTest  # type: ignore[misc]


def pytest_sessionfinish() -> None:
    for memory in OPENED:
        memory.close()
    gc.collect()
