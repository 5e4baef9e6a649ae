"""A recall that an erasure crosses answers with what is left, whole."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from memory_core import MemoryManager, open_memory
from memory_core.answers import Hits, Query
from memory_core.errors import NotFound


class Crossing:
    """A stage that erases a memory while the recall is going on."""

    name = "crossing"

    def __init__(self, erase: Callable[[], object]) -> None:
        self._erase = erase

    def __call__(self, query: Query, hits: Hits) -> Hits:
        self._erase()
        return hits


class Reading:
    """A stage that reads texts, as a cross-encoder does."""

    name = "reading"

    def __call__(self, query: Query, hits: Hits) -> Hits:
        assert all(hit.memory.text for hit in hits)
        return hits


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[MemoryManager]:
    with open_memory(tmp_path, embedder="hash", index="exact") as opened:
        opened.store_many([f"a fern in pot {n}" for n in range(12)])
        opened.parts.catchup.drain()
        yield opened


def crossed(memory: MemoryManager, place: int, erase: Callable[[], object]) -> MemoryManager:
    stages = [*memory.parts.stages]
    stages.insert(place, Crossing(erase))
    return MemoryManager(replace(memory.parts, stages=[*stages, Reading()]))


@pytest.mark.parametrize("place", [0, 2, 100], ids=["first", "middle", "last"])
def test_the_erased_memory_is_left_out_and_k_others_come(memory: MemoryManager, place: int) -> None:
    doomed = [memory.recall("fern pot", k=1).hits[0].id]
    erasing = crossed(memory, place, lambda: doomed and memory.erase(doomed.pop()))
    gone = doomed[0]
    result = erasing.recall("fern pot", k=5, explain=True)
    assert gone not in [hit.memory.id for hit in result.hits]
    assert len(result.hits) == 5
    assert result.status == "ok", result.reasons
    assert gone not in {hit.id for step in result.trace for hit in step.hits}


def test_one_that_is_crossed_again_and_again_ends_in_a_typed_error(memory: MemoryManager) -> None:
    def erase_the_best() -> None:
        memory.erase(memory.recall("fern pot", k=1).hits[0].id)

    with pytest.raises(NotFound, match="erased"):
        crossed(memory, 100, erase_the_best).recall("fern pot", k=3)
