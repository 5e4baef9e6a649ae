"""The entries and settings that changed an outcome are found, each seen on both sides."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core import MemoryManager, open_memory
from memory_core.errors import InvalidInput, NotFound
from memory_core.replay import Replay
from tests.replay.test_extent import Slow

QUESTION = "where is the spare key of the gate"


@pytest.fixture
def memory(tmp_path: Path):
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as opened:
        yield opened


def filled(memory: MemoryManager, count: int, start: int = 0) -> None:
    memory.store_many([f"Bo repaired bicycle number {n}" for n in range(start, start + count)])


def recalled(memory: MemoryManager, **options: Any) -> str:
    memory.parts.catchup.drain()
    return str(memory.recall(QUESTION, **{"k": 1, **options}).recall_id)


def story(memory: MemoryManager) -> tuple[str, list[int]]:
    """Store a memory that is crowded out, comes back, and is crowded out again."""
    filled(memory, 5)
    target = memory.store("The spare key is under the fern")
    filled(memory, 10, 10)
    rival = memory.store("Where is the spare key of the gate, asked Bo")
    filled(memory, 10, 20)
    memory.forget(rival.id)
    filled(memory, 10, 30)
    again = memory.store("The spare key of the gate is where the gate is")
    filled(memory, 5, 40)
    return target.id, [target.version, rival.version, rival.version + 11, again.version]


def test_every_flip_of_a_small_history_is_found(memory: MemoryManager) -> None:
    target, entries = story(memory)
    recall_id = recalled(memory)
    found = Replay(memory).bisect(recall_id, expect=target)
    assert [flip.entry for flip in found.flips] == entries
    assert [flip.held for flip in found.flips] == [True, False, True, False]
    assert [flip.event for flip in found.flips] == ["stored", "stored", "forgotten", "stored"]
    assert (found.held, found.complete, found.gap) == (False, True, 0)
    assert found.cause == found.flips[-1] and found.cause.ranks == (1, None)
    assert len(found.cause.entered) == 1 and "rank 1 -> -" in str(found)
    assert f"all of {entries[0]}.." not in str(found) and "tried: all of" in str(found)
    turned = Replay(memory).bisect(recall_id, expect_not=target)
    assert [flip.held for flip in turned.flips] == [False, True, False, True]


def test_a_long_history_is_scanned_and_confirmed(memory: MemoryManager) -> None:
    target, entries = story(memory)
    filled(memory, 60, 100)
    found = Replay(memory).bisect(recalled(memory), expect=target, runs=12)
    assert not found.complete and found.gap > 0 and "untried in a row" in str(found)
    assert found.checked < 60
    seen = [flip.entry for flip in found.flips]
    assert set(seen) <= set(entries) and seen[-1] == entries[-1]
    assert found.cause is not None and found.cause.entry == entries[-1]


def test_a_predicate_decides(memory: MemoryManager) -> None:
    story(memory)

    def names_the_fern(result) -> bool:
        return any("fern" in hit.memory.text for hit in result.hits)

    found = Replay(memory).bisect(recalled(memory), predicate=names_the_fern)
    assert [flip.held for flip in found.flips] == [True, False, True, False]
    assert found.expectation.told == "names_the_fern" and found.span[0] == 1


def test_the_setting_is_found_in_the_log(tmp_path: Path) -> None:
    settings: Any = {"embedder": "hash", "min_relevance": 0}
    with open_memory(tmp_path, **settings) as memory:
        first = memory.store("Where is the spare key of the gate", importance=0.0).id
        other = memory.store("The spare key is gone", importance=1.0).id
        recalled(memory)
    with open_memory(tmp_path, **settings, importance_weight=5.0, candidates=64) as memory:
        recall_id = recalled(memory)
    with open_memory(tmp_path, **settings) as memory:
        replay = Replay(memory)
        assert replay.playback(recall_id).hits[0].id == other
        found = replay.bisect(recall_id, expect=first)
        assert not found.held and found.configurations >= 3
        assert [(flip.setting, flip.held) for flip in found.settings] == [
            ("importance_weight", False), ("importance_weight", True),
        ]  # fmt: skip
        assert found.settings[0].values == (None, 5.0) and found.settings[0].ranks == (1, None)
        assert "importance_weight None -> 5.0: fails from here" in str(found)
        assert found.cause is not None and found.cause.entry == 2  # entries go before settings


class Picky(Slow):
    """Likes the passages it is told to, so that whoever does not reach them answers otherwise."""

    liked: tuple[str, ...] = ()

    def score(self, query, passages):
        time.sleep(self.seconds)
        likes = [any(passage.endswith(text) for text in self.liked) for passage in passages]
        return np.where(likes, 9.0, -9.0).astype(np.float32)


def test_the_deadline_is_told_apart_from_entries(tmp_path: Path) -> None:
    reranker = Picky()
    with open_memory(tmp_path, embedder="hash", reranker=reranker, min_relevance=0) as memory:
        memory.store_many([f"Ana keeps thing {n * n} in room {n}" for n in range(70)])
        memory.parts.catchup.drain()
        ranked = memory.recall(QUESTION, k=60, record=False).hits
        reranker.liked = tuple(hit.memory.text for hit in ranked[-3:])  # no deadline gets that far
        reranker.seconds = 0.05
        recalled(memory, deadline_ms=100)
        late, whole = recalled(memory, deadline_ms=100, k=3), recalled(memory, k=3)
        reranker.seconds = 0.0
        replay = Replay(memory)
        hits = {hit.id for hit in replay.playback(late).hits}
        lost = next(hit.id for hit in replay.playback(whole).hits if hit.id not in hits)
        found = replay.bisect(late, expect=lost, runs=8)
        assert [flip.setting for flip in found.settings] == ["extent"] and not found.held


def test_wrong_use_is_told(memory: MemoryManager) -> None:
    target = memory.store("The spare key is under the fern")
    recall_id = recalled(memory)
    later = memory.store("The gate is open")
    replay = Replay(memory)
    with pytest.raises(InvalidInput, match="one of"):
        replay.bisect(recall_id)
    with pytest.raises(InvalidInput, match="one of"):
        replay.bisect(recall_id, expect=target.id, expect_not=target.id)
    with pytest.raises(InvalidInput, match="no memory's id"):
        replay.bisect(recall_id, expect="the fern")
    with pytest.raises(InvalidInput, match="runs=1"):
        replay.bisect(recall_id, expect=target.id, runs=1)
    with pytest.raises(NotFound, match="was not stored before"):
        replay.bisect(recall_id, expect=later.id)
    found = replay.bisect(recall_id, expect=target.id)
    assert [flip.entry for flip in found.flips] == [1] and found.held
    assert found.to_json()["complete"] is True
