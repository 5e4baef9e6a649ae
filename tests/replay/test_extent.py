"""What a recall could see and had time for is repeated too: rows, neighbours, reranker batches."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core import MemoryManager, open_memory
from memory_core.embed.hashing import HashEmbedder
from memory_core.errors import EmbeddingFailed, NotFound
from memory_core.index.retriever import Neighbours
from memory_core.replay import Replay

THINGS = ("key", "pot", "rake", "hose", "lamp", "bell")
TEXTS = [f"Ana keeps the {thing} in the garden" for thing in THINGS]
QUESTION = "where does Ana keep the key"


class Failing(HashEmbedder):
    """Cannot encode texts while it is down."""

    down = False

    def encode_documents(self, texts):
        if self.down:
            raise EmbeddingFailed("the model is down; wait")
        return super().encode_documents(texts)


class Lossy:
    """An approximate index that never returns the rows it lost."""

    name = "lossy"

    def __init__(self, rows: list[int], position: int) -> None:
        self.rows, self.position = rows, position

    def nearest(self, vector, count, generation, *, deadline=None):
        return Neighbours(np.array(self.rows, dtype=np.int64), self.position)


class Slow:
    """A reranker that takes its time, so that a deadline cuts its batches."""

    name, revision = "slow", "1"

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def score(self, query, passages):
        time.sleep(self.seconds)
        return np.array([float(len(p) % 7) for p in passages], dtype=np.float32)


def recalled(memory: MemoryManager, text: str = QUESTION, **options: Any) -> str:
    result = memory.recall(text, **options)
    assert result.recall_id is not None
    return result.recall_id


def test_what_was_not_embedded_then_is_not_seen_now(tmp_path: Path) -> None:
    embedder = Failing()
    with open_memory(tmp_path, embedder=embedder, min_relevance=0) as memory:
        memory.store_many(TEXTS[:3])
        memory.parts.catchup.drain()
        embedder.down = True
        late = [memory.store(text).id for text in TEXTS[3:]]
        result = memory.recall("hose lamp bell garden", deadline_ms=200)
        assert result.status == "degraded"
        none = memory.recall("Bo bought a bicycle", deadline_ms=200)
        embedder.down = False
        memory.parts.catchup.drain()
        replay = Replay(memory)
        again = replay.reexecute(str(result.recall_id))
        assert (again.verdict, again.result.status) == ("exact", "degraded")
        assert replay.why(str(none.recall_id), late[0]).stage == "not embedded"


def lossy(memory: MemoryManager, rows: list[int], position: int) -> None:
    wiring: Any = memory.parts.wiring
    retriever = wiring.derived.retriever
    retriever._approximate, retriever._crossover = Lossy(rows, position), 1


def test_what_the_index_lost_is_a_verdict_of_its_own(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", min_relevance=0, candidates=8) as memory:
        memory.store("The code of the gate is 4471")
        memory.store_many([f"{text} number {n}" for n in range(8) for text in TEXTS])
        memory.parts.catchup.drain()
        lossy(memory, list(range(10, 40)), 45)
        lost = recalled(memory, "gatekeeper codename", k=3)
        found = recalled(memory, "gatekeeper codename", k=3, where={"importance": {"$gte": 0}})
        memory.store("Bo counts the gates and the codes twice")
        memory.parts.catchup.drain()
        replay = Replay(memory)
        again = replay.reexecute(lost)
        assert again.verdict == "exact"
        assert again.missed is not None and memory.list(limit=99)[-1].id in again.missed
        fate = replay.why_not(lost, "4471")
        assert fate.stage == "dense" and "approximate index did not return it" in fate.detail
        assert replay.reexecute(found).verdict == "exact"


def test_the_reranker_judges_the_same_batches(tmp_path: Path) -> None:
    reranker = Slow(0.05)
    with open_memory(tmp_path, embedder="hash", reranker=reranker, min_relevance=0) as memory:
        memory.store_many([f"{text} number {n}" for n in range(12) for text in TEXTS])
        memory.parts.catchup.drain()
        recalled(memory, deadline_ms=150)  # learns the cost
        result = memory.recall(QUESTION, k=20, deadline_ms=150)
        assert "deadline" in [note.code for note in result.notes]
        reranker.seconds = 0.0
        again = Replay(memory).reexecute(str(result.recall_id))
        assert again.verdict == "exact"
        whole = Replay(memory).what_if(str(result.recall_id))
        assert any(move.before != move.after for move in whole.moves)
        off = Replay(memory).what_if(str(result.recall_id), rerank=False)
        assert all("rerank" not in hit.terms for hit in off.result.hits)
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as memory:
        again = Replay(memory).reexecute(str(result.recall_id))
        assert again.verdict == "not exact: the reranker was slow 1, is none"


def test_erased_text_is_told_by_number_and_leaves_no_trace(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", min_relevance=0, candidates=8) as memory:
        memory.store_many([f"{text} number {n}" for n in range(8) for text in TEXTS])
        secret = memory.store("Zoltan sold seven old violins to Xaver")
        memory.parts.catchup.drain()
        blind = recalled(memory, "the key and the bell in the garden", k=3)
        seeing = recalled(memory, "violins sold to Xaver", k=3)
        memory.erase(secret.id)
        replay = Replay(memory)
        again = replay.reexecute(blind)
        assert again.verdict == "not exact: 1 erased"
        assert "Zoltan" not in str(again) + str(again.recorded)
        assert replay.why(blind, secret.id).stage == "erased"
        with pytest.raises(NotFound):
            replay.playback(seeing)


def test_stages_of_one_recall_see_the_same_rows(tmp_path: Path) -> None:
    """Texts are embedded while recalls run: each of these still re-executes."""
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as memory:
        memory.store_many(TEXTS)
        ids: list[str] = []
        stop = threading.Event()

        def store() -> None:
            for n in range(150):
                memory.store(f"{TEXTS[n % len(TEXTS)]} again, number {n}")
            stop.set()

        writer = threading.Thread(target=store)
        writer.start()
        while not stop.is_set():
            ids.append(recalled(memory, deadline_ms=2.0))
        writer.join()
        memory.parts.catchup.drain()
        assert {Replay(memory).reexecute(id).verdict for id in ids} == {"exact"}
