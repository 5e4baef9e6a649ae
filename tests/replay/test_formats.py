"""Recordings of the first format play back and re-execute; real Chroma re-executes too."""

import base64
import json
import time
import zlib
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from memory_core import MemoryManager, RecallResult, open_memory
from memory_core.errors import InvalidInput
from memory_core.replay import Replay
from memory_core.replay.encoding import decode
from memory_core.replay.playback import playback
from memory_core.replay.recording import Recording


def first_format(result: RecallResult, where: str | None) -> bytes:
    """Return the bytes that the first format had for a recall."""
    query = result.query
    assert query.vector is not None
    body = {
        "format": 1,
        "query": {
            "text": query.text, "k": query.k, "seq": query.seq, "now": query.now,
            "as_of": query.as_of, "budget": query.token_budget, "for_action": query.for_action,
            "where": where, "vector": [float(x) for x in query.vector],
        },
        "status": result.status, "seconds": result.seconds, "tokens": result.tokens,
        "context": zlib.crc32(result.context.encode()),
        "steps": [
            {
                "name": step.name, "seconds": step.seconds,
                "hits": [[h.version, h.score, dict(h.signals), dict(h.terms)] for h in step.hits],
                "cuts": [[cut.hit.version, cut.reason] for cut in step.hits.cuts],
                "notes": [[note.code, note.text, note.degraded] for note in step.hits.notes],
            }
            for step in result.trace
        ],
    }  # fmt: skip
    return zlib.compress(json.dumps(body, separators=(",", ":")).encode())


def recorded(memory: MemoryManager, home: Path, where: str | None = None) -> RecallResult:
    """Recall, and put the recording into the first format."""
    result = memory.recall("what tea does Ana drink", k=2)
    recorder: Any = memory.parts.recorder
    recorder.flush()
    connection = apsw.Connection(str(home / "recordings.db"))
    connection.execute(
        "UPDATE recordings SET body = ? WHERE id = ?",
        (first_format(result, where), result.recall_id),
    )
    connection.close()
    return result


def test_the_first_format_plays_back_and_re_executes(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as memory:
        ids = [memory.store(f"Ana drinks tea, cup {n}").id for n in range(5)]
        memory.parts.catchup.drain()
        result = recorded(memory, tmp_path)
        replay = Replay(memory)
        played = replay.playback(str(result.recall_id))
        assert [hit.version for hit in played.hits] == [hit.version for hit in result.hits]
        assert [hit.score for hit in played.hits] == [hit.score for hit in result.hits]
        assert f"version {played.hits[0].version}" in str(played)
        again = replay.reexecute(str(result.recall_id))
        assert (again.verdict, again.same_context) == ("exact", True)
        lost = next(id for id in ids if id not in [hit.id for hit in result.hits])
        assert not replay.why(str(result.recall_id), lost).kept
    with open_memory(tmp_path, embedder="hash", min_relevance=0, dense_weight=0.2) as memory:
        verdict = Replay(memory).reexecute(str(result.recall_id)).verdict
        assert verdict == "not exact: format 1 recorded no settings"


def test_a_filter_of_the_first_format_can_only_be_shown(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        memory.store("Ana drinks tea")
        result = recorded(memory, tmp_path, where="Test(field='role')")
        replay = Replay(memory)
        assert replay.playback(str(result.recall_id)).query["where"] == "Test(field='role')"
        with pytest.raises(InvalidInput, match="play it back"):
            replay.reexecute(str(result.recall_id))


def test_recalls_that_chroma_served_re_execute(tmp_path: Path) -> None:
    settings: Any = {"embedder": "hash:64", "index": "chroma", "crossover": 1, "candidates": 16}
    with open_memory(tmp_path, **settings, min_relevance=0) as memory:
        memory.store_many([f"note {n} about thing {n * n % 91}" for n in range(400)])
        memory.parts.catchup.drain()
        end = time.monotonic() + 60
        while "chroma" not in path(result := memory.recall("thing 17")) and time.monotonic() < end:
            time.sleep(0.2)
        assert "chroma" in path(result)
        ids = [str(memory.recall(f"thing {n} noted", k=5).recall_id) for n in range(10)]
        memory.store_many([f"newer {n} about thing {n}" for n in range(40)])
        memory.parts.catchup.drain()
        replay = Replay(memory)
        for id in ids:
            again = replay.reexecute(id)
            assert again.verdict == "exact" and again.missed is not None
    with open_memory(tmp_path, **{**settings, "index": "exact"}, min_relevance=0) as memory:
        assert {Replay(memory).reexecute(id).verdict for id in ids} == {"exact"}


def path(result: RecallResult) -> str:
    return next(note.text for note in result.notes if note.code == "path")


def test_the_reranker_is_named_when_it_lost_a_memory(tmp_path: Path) -> None:
    class Contrary:
        name, revision = "contrary", "1"

        def score(self, query, passages):
            return np.array([-3.0 if "tea" in p else 3.0 for p in passages], dtype=np.float32)

    with open_memory(tmp_path, embedder="hash", reranker=Contrary(), min_relevance=0) as memory:
        tea = memory.store("Ana drinks tea")
        memory.store_many([f"Ana drinks coffee, cup {n}" for n in range(3)])
        memory.parts.catchup.drain()
        result = memory.recall("Ana drinks", k=1)
        replay = Replay(memory)
        fate = replay.why(str(result.recall_id), tea.id)
        assert fate.stage == "reranker"
        assert replay.what_if(str(result.recall_id), rerank=False).result.hits[0].id == tea.id


def test_a_recording_of_an_earlier_version_plays_back() -> None:
    """The fixture was written when format 2 was new; every later version reads it."""
    kept = json.loads((Path(__file__).parent / "data" / "format2.json").read_text())
    id, at, session, seq, body = kept["recording"]
    played = playback(Recording(id, at, session, seq, decode(base64.b64decode(body))))
    assert (played.format, played.text, played.status) == (2, kept["text"], kept["status"])
    hits = [[hit.id, hit.version, hit.score, dict(hit.terms)] for hit in played.hits]
    assert hits == kept["hits"]
    steps = [[step.name, len(step.hits), len(step.dropped)] for step in played.steps]
    assert steps == kept["steps"]
    assert played.query["where"] == ["importance", "$gte", 0] and session == "fixture"
