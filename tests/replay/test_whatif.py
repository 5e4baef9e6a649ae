"""What-if on memories never stored, other models, other moments and stages that are off."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core import MemoryManager, open_memory
from memory_core.embed.hashing import HashEmbedder
from memory_core.errors import InvalidInput
from memory_core.replay import Replay

QUESTION = "where is the spare key of the gate"


@pytest.fixture
def memory(tmp_path: Path):
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as opened:
        opened.store_many([f"Bo repaired bicycle number {n}" for n in range(20)])
        opened.store("The spare key is under the fern", session="s1")
        opened.store("The gate sticks when it rains", session="s1", speaker="Bo")
        opened.parts.catchup.drain()
        yield opened


def recalled(memory: MemoryManager, text: str = QUESTION, **options: Any) -> str:
    return str(memory.recall(text, **options).recall_id)


def scores(result) -> list[tuple[str, float]]:
    return [(hit.memory.text, hit.score) for hit in result.hits]


@pytest.mark.parametrize("later", [0, 7])
def test_a_hypothetical_memory_ranks_as_a_stored_one_would(
    memory: MemoryManager, later: int
) -> None:
    added = ["The spare key of the gate is with Ana", "Cy has a key"]
    recall_id = recalled(memory, k=5)
    now = Replay(memory).playback(recall_id).query["now"]
    memory.store_many([f"Later, the gate key number {n}" for n in range(later)])
    head = memory.journal.head.seq
    result = Replay(memory).what_if(recall_id, adding=added)
    assert memory.journal.head.seq == head and result.changes == {"adding": 2}
    assert result.result.hits[0].memory.text == added[0]
    assert result.moves[0].before is None
    if not later:
        memory.store_many([{"text": text, "occurred_at": when(now)} for text in added])
        memory.parts.catchup.drain()
        stored = memory.recall(QUESTION, k=5, now=when(now))
        assert [text for text, _ in scores(stored)] == [text for text, _ in scores(result.result)]
        for (_, real), (_, imagined) in zip(scores(stored), scores(result.result), strict=True):
            assert real == pytest.approx(imagined, abs=1e-9)


def when(micros: int):
    from memory_core.types import from_micros

    return from_micros(micros)


def test_what_was_imagined_changes_no_later_recall(memory: MemoryManager) -> None:
    replay, recall_id = Replay(memory), recalled(memory, k=5)
    memory.store("one more")
    replay.what_if(recall_id, adding=["The gate key is here"])  # as many versions as the head has
    memory.parts.catchup.drain()
    assert replay.reexecute(recall_id).verdict == "exact"
    with open_memory(memory.journal.home, embedder="hash", min_relevance=0) as other:
        fresh = scores(other.recall(QUESTION, k=5, record=False, now="2030-01-01T00:00:00Z"))
    mine = scores(memory.recall(QUESTION, k=5, record=False, now="2030-01-01T00:00:00Z"))
    assert mine == fresh


def test_the_difference_is_the_added_memory(memory: MemoryManager) -> None:
    replay, recall_id = Replay(memory), recalled(memory, k=3)
    found = replay.diff(recall_id, replay.what_if(recall_id, adding=["the spare key of the gate"]))
    assert [cause.label for cause in found.causes] == ["adding"]
    assert found.shifts and all(shift.causes == ("adding",) for shift in found.shifts)
    assert found.shifts[0].fates == ("never stored", "never stored")


def test_another_embedder_embeds_what_it_must(memory: MemoryManager, tmp_path: Path) -> None:
    replay, recall_id = Replay(memory), recalled(memory, k=3)
    other = HashEmbedder(64)
    result = replay.what_if(recall_id, embedder=other, adding=["the spare key of the gate"])
    assert result.result.hits[0].memory.text == "the spare key of the gate"
    assert not memory.journal.vectors(other.fingerprint.digest).exists
    named = replay.what_if(recall_id, embedder="hash:64")
    with open_memory(tmp_path / "other", embedder="hash:64", min_relevance=0) as other_memory:
        copies = [
            {"text": m.text, "session": m.session, "speaker": m.speaker,
             "occurred_at": m.occurred_at, "importance": m.importance}
            for m in reversed(memory.list(limit=99))
        ]  # fmt: skip
        other_memory.store_many(copies)
        other_memory.parts.catchup.drain()
        now = when(replay.playback(recall_id).query["now"])
        real = other_memory.recall(QUESTION, k=3, now=now, record=False)
        assert scores(real)[:2] == scores(named.result)[:2]
    found = replay.diff(recall_id, named)
    assert [cause.label for cause in found.causes] == ["embedder"]
    assert all("embedder" in shift.causes for shift in found.shifts)
    assert replay.what_if(recall_id, embedder=other).result.hits == named.result.hits


def test_stages_off_and_another_reranker(memory: MemoryManager) -> None:
    class Longest:
        name, revision = "longest", "1"

        def score(self, query, passages):
            return np.array([float(len(p)) - 30 for p in passages], dtype=np.float32)

    replay, recall_id = Replay(memory), recalled(memory, k=3)
    judged = replay.what_if(recall_id, reranker=Longest())
    assert "rerank" in judged.result.hits[0].terms and judged.changes == {"reranker": "longest"}
    found = replay.diff(recall_id, judged)
    assert {"reranker", "stage rerank"} == {cause.label for cause in found.causes}
    for stage in ("dense", "lexical", "context", "spread", "rerank", "score", "diversify"):
        off = replay.what_if(recall_id, off=[stage])
        assert len(off.result.hits) == (2 if stage == "dense" else 3)  # two have its words
        ran = [step.name for step in off.result.trace]
        assert stage not in ran or stage in ("rerank", "diversify")
    assert all("context" not in h.terms for h in replay.what_if(recall_id, off=["context"])
               .result.hits)  # fmt: skip
    for wrong in ("fuse", "nonsense"):
        with pytest.raises(InvalidInput, match="to turn off"):
            replay.what_if(recall_id, off=[wrong])


def test_another_world_time(memory: MemoryManager) -> None:
    memory.store("The gate key was at Bo's", valid_to="2020-01-01T00:00:00Z")
    memory.parts.catchup.drain()
    replay, recall_id = Replay(memory), recalled(memory, k=3)
    then = replay.what_if(recall_id, as_of="2019-06-01T00:00:00Z")
    assert "The gate key was at Bo's" in [hit.memory.text for hit in then.result.hits]
    assert then.changes == {"as_of": "2019-06-01T00:00:00Z"}
