"""A recording gives back the recall bit by bit, in few bytes, whatever format wrote it."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core import MemoryManager, RecallResult, open_memory
from memory_core.answers import Extent, Step
from memory_core.errors import StoreError
from memory_core.filters import filter_data, filter_of, parse_filter
from memory_core.replay.encoding import decode, encode, glance, vector_of
from memory_core.samples import sample_questions, sample_turns


@pytest.fixture
def memory(tmp_path: Path):
    with open_memory(tmp_path, embedder="hash") as opened:
        opened.store_many(sample_turns())
        opened.parts.catchup.drain()
        yield opened


def shown(step: Step) -> list[list[Any]]:
    return [
        [hit.version, hit.score, dict(hit.signals), dict(hit.terms), list(hit.reasons)]
        for hit in step.hits
    ]


def bodies(memory: MemoryManager) -> list[Mapping[str, Any]]:
    recorder: Any = memory.parts.recorder
    return [recording.body for recording in recorder.list()]


def test_every_step_comes_back_bit_by_bit(memory: MemoryManager) -> None:
    ids = [hit.id for hit in memory.recall("tea").hits[:2]]
    memory.link(*ids, "about")
    for question in list(sample_questions())[:10]:
        result = memory.recall(question.question, k=10, token_budget=60)
        (body, *_) = bodies(memory)
        assert [step["name"] for step in body["steps"]] == [step.name for step in result.trace]
        assert body["last"] == body["steps"][-2]["hits"]
        for step, recorded in zip(result.trace, body["steps"], strict=True):
            assert recorded["hits"] == shown(step)
            assert [cut[:3] for cut in recorded["cuts"]] == [
                [cut.hit.version, cut.reason, cut.hit.score] for cut in step.hits.cuts
            ]
        assert np.array_equal(vector_of(body["query"]["vector"]), result.query.vector)


def test_tokens_are_kept_where_a_budget_had_them_counted(memory: MemoryManager) -> None:
    memory.recall("tea")
    limited = memory.recall("tea", token_budget=60)
    assert [body["tokens"] for body in bodies(memory)] == [limited.tokens, None]
    assert 0 < limited.tokens <= 60


def test_a_recording_is_small(memory: MemoryManager) -> None:
    for question in list(sample_questions())[:5]:
        result = memory.recall(question.question, k=10)
        candidates = {hit.version for step in result.trace for hit in step.hits}
        assert len(candidates) >= 128
        assert len(encode(result, {})) <= 12 * 1024


def test_a_glance_sees_every_version(memory: MemoryManager) -> None:
    result = memory.recall("tea")
    everyone = {h.version for s in result.trace for h in (*s.hits, *(c.hit for c in s.hits.cuts))}
    assert glance(encode(result, {})) == ("tea", everyone)


def test_no_text_of_a_memory_is_recorded(memory: MemoryManager) -> None:
    result = memory.recall("tea", k=10)
    told = json.dumps(bodies(memory))
    assert all(hit.memory.text not in told for hit in result.hits)


def test_what_the_caller_asked_is_kept(memory: MemoryManager) -> None:
    where = {"role": {"$in": ["user", "assistant"]}, "$not": {"speaker": "Nobody"}}
    memory.recall("tea", k=3, deadline_ms=5000, where=where, session="s9", token_budget=90)
    recorder: Any = memory.parts.recorder
    (recording,) = recorder.list()
    assert recording.session == "s9"
    query = recording.body["query"]
    assert (query["k"], query["budget"]) == (3, 90)
    assert filter_of(query["where"]) == parse_filter(where)
    assert recording.body["deadline_ms"] == pytest.approx(5000, abs=50)
    assert recording.body["settings"]["lexical_weight"] == 1.5
    assert recording.body["embedder"][0] == memory.parts.embedder.fingerprint.digest


def test_neighbours_and_batches_come_back(memory: MemoryManager) -> None:
    result = memory.recall("tea")
    dense, *others = result.trace
    seen = with_extent(result, dense, others, Extent(rows=40, neighbours=(9, 3, 30), known=35))
    body = decode(encode(seen, {}))
    assert body["extent"] == {"rows": 40, "known": 35, "neighbours": [3, 9, 30], "batches": None}


def with_extent(
    result: RecallResult, dense: Step, others: list[Step], extent: Extent
) -> RecallResult:
    from dataclasses import replace

    trace = (replace(dense, hits=replace(dense.hits, extent=extent)), *others)
    return replace(result, trace=trace)


def test_filters_survive_as_data() -> None:
    where = {"$or": [{"importance": {"$gte": 0.5}}, {"metadata.tag": {"$in": ["a", 1]}}]}
    parsed = parse_filter(where)
    assert filter_of(json.loads(json.dumps(filter_data(parsed)))) == parsed


def test_the_first_format_is_still_read() -> None:
    body = {"format": 1, "query": {"text": "tea", "vector": [0.5, 1.0]}, "steps": []}
    assert decode(zlib.compress(json.dumps(body).encode())) == body
    assert vector_of(body["query"]["vector"]).tolist() == [0.5, 1.0]  # type: ignore[index]


def test_a_damaged_file_is_begun_anew_and_records_again(memory: MemoryManager) -> None:
    memory.recall("tea")
    memory.close()
    path = memory.journal.home / "recordings.db"
    for name in ("recordings.db-wal", "recordings.db-shm"):
        path.with_name(name).unlink(missing_ok=True)
    path.write_bytes(b"garbage " * 1000)
    with open_memory(memory.journal.home, embedder="hash") as opened:
        assert bodies(opened) == []
        opened.recall("the garden")
        assert [body["query"]["text"] for body in bodies(opened)] == ["the garden"]


def test_a_file_that_cannot_be_opened_is_a_typed_error(memory: MemoryManager) -> None:
    path = memory.journal.home / "recordings.db"
    path.unlink(missing_ok=True)
    path.mkdir()
    recorder: Any = memory.parts.recorder
    with pytest.raises(StoreError, match=r"recordings\.db cannot be used"):
        recorder.list()
    assert memory.recall("tea").hits
