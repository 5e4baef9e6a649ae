"""One memory for each test, with the hashing embedder."""

from collections.abc import Iterator

import pytest

from memory_core import MemoryManager
from memory_core.testing import temporary_memory


@pytest.fixture
def memory() -> Iterator[MemoryManager]:
    with temporary_memory(recordings=False) as opened:
        yield opened
