"""Every stage that can keep or lose a memory is named, on a real memory."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memory_core import MemoryManager, open_memory
from memory_core.errors import InvalidSetting, NotFound
from memory_core.replay import Replay
from memory_core.testing import ManualClock

QUESTION = "what tea does Ana drink"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 5, 1, tzinfo=UTC))


@pytest.fixture
def memory(tmp_path: Path, clock: ManualClock):
    settings: Any = {"embedder": "hash", "candidates": 8, "min_relevance": 0, "clock": clock}
    with open_memory(tmp_path, **settings) as opened:
        yield opened


def stage(memory: MemoryManager, id: str, text: str = QUESTION, **options: Any) -> str:
    result = memory.recall(text, **options)
    return Replay(memory).why_not(str(result.recall_id), id).stage


def test_what_the_query_could_not_see(memory: MemoryManager, clock: ManualClock) -> None:
    states = ("forget", "invalidate", "expire")
    ids = {name: memory.store(f"Ana drinks tea number {name}").id for name in states}
    old = memory.store("Ana drinks tea with milk", occurred_at="2026-01-01T00:00:00Z")
    new = memory.supersede(old.id, "Ana drinks tea without milk")
    low = memory.store("Ana drinks tea, says a page", source="document")
    soon = memory.store("Ana drinks tea in June", valid_from="2026-06-01T00:00:00Z")
    for name, id in ids.items():
        getattr(memory, name)(id)
    clock.advance(days=1)
    assert stage(memory, ids["forget"]) == "forgotten"
    assert stage(memory, ids["invalidate"]) == "invalidated"
    assert stage(memory, ids["expire"]) == "expired"
    assert stage(memory, old.id) == "superseded"
    assert stage(memory, soon.id) == "not valid yet"
    assert stage(memory, low.id, for_action=True) == "trust"
    assert stage(memory, new.id, where={"speaker": "Bo"}) == "filter"
    assert stage(memory, new.id) == "recalled"


def test_what_was_not_there(memory: MemoryManager) -> None:
    memory.store("Ana drinks tea")
    recall_id = str(memory.recall(QUESTION).recall_id)
    later = memory.store("Ana drinks white tea")
    replay = Replay(memory)
    fate = replay.why(recall_id, later.id)
    assert fate.stage == "not stored" and "after entry 1" in fate.detail
    assert replay.why_not(recall_id, "Bo drinks cocoa").stage == "not stored"
    assert replay.why(recall_id, "00000000000000aa").stage == "not stored"
    with pytest.raises(NotFound):
        replay.why("nonsense", later.id)


def test_outside_the_candidates_with_exact_ranks(memory: MemoryManager) -> None:
    memory.store_many([f"Ana drinks tea, cup {n}" for n in range(20)])
    far = memory.store("qqq www zzz")
    memory.parts.catchup.drain()
    result = memory.recall(QUESTION, k=3)
    fate = Replay(memory).why(str(result.recall_id), far.id)
    assert fate.stage == "dense"
    assert "rank 21 by meaning, none of the query's words; 8 candidates" in fate.detail


def test_lost_and_kept_among_the_candidates(memory: MemoryManager) -> None:
    memory.store_many([f"Ana drinks tea, cup {n}" for n in range(4)])
    memory.store("Ana drinks tea, cup 0")
    memory.store("Bo drinks coffee")
    memory.parts.catchup.drain()
    twins = {found.id for found in memory.list() if found.text.endswith("cup 0")}
    replay = Replay(memory)
    result = memory.recall("Ana drinks tea, cup 0", k=2)
    first, second = (hit.id for hit in result.hits)
    assert first in twins and second not in twins
    (other,) = twins - {first}
    fate = replay.why_not(str(result.recall_id), "cup 0")
    assert (fate.kept, fate.id, fate.also) == (True, first, (other,))
    assert replay.why(str(result.recall_id), other).stage == "diversity"
    assert replay.why_not(str(result.recall_id), "coffee").stage == "fusion"


def test_budget_and_threshold(tmp_path: Path, memory: MemoryManager) -> None:
    texts = [f"Ana drinks tea, cup {n}" for n in range(4)]
    memory.store_many(texts)
    result = memory.recall(QUESTION, k=4, token_budget=60)
    shown = [hit for hit in result.hits if hit.id in result.context]
    assert 0 < len(shown) < 4
    replay = Replay(memory)
    assert replay.why(str(result.recall_id), shown[0].id).kept
    assert replay.why(str(result.recall_id), result.hits[-1].id).stage == "budget"
    strict: Any = {"embedder": "hash", "min_relevance": 1.0}
    with open_memory(tmp_path / "strict", **strict) as other:
        id = other.store(texts[0]).id
        assert stage(other, id) == "threshold"


def test_what_if(memory: MemoryManager) -> None:
    ids = [memory.store(f"Ana drinks tea, cup {n}").id for n in range(6)]
    result = memory.recall(QUESTION, k=2)
    replay, recall_id = Replay(memory), str(result.recall_id)
    same = replay.what_if(recall_id)
    assert all(move.before == move.after for move in same.moves)
    first = result.hits[0].id
    without = replay.what_if(recall_id, without=[first])
    assert first not in [hit.id for hit in without.result.hits] and len(without.result.hits) == 2
    assert len(replay.what_if(recall_id, k=5).result.hits) == 5
    old = replay.what_if(recall_id, now="2027-05-01T00:00:00Z")
    assert old.result.hits[0].score < result.hits[0].score
    words = replay.what_if(recall_id, dense_weight=0.0)
    assert words.result.hits[0].terms["dense"] == 0 and words.changes == {"dense_weight": 0.0}
    assert set(ids) >= {move.id for move in words.moves}
    for wrong in ({"runtime": "onnx"}, {"nonsense": 1}, {"dense_weight": -1}, {"k": 0}):
        with pytest.raises(InvalidSetting):
            replay.what_if(recall_id, **wrong)  # type: ignore[arg-type]


def test_results_print_in_terminals_and_notebooks(memory: MemoryManager) -> None:
    tea = memory.store("Ana drinks <b>tea</b>")
    recall_id = str(memory.recall("<b>tea</b>", session="s1").recall_id)
    replay = Replay(memory)
    results = (
        replay.playback(recall_id), replay.reexecute(recall_id), replay.why(recall_id, tea.id),
        replay.what_if(recall_id, k=1),
    )  # fmt: skip
    for result in results:
        assert tea.id in str(result) or recall_id in str(result)
        assert "<b>" not in result._repr_html_()
    assert "session s1" in str(results[0])
    assert [played.id for played in replay.list()] == [recall_id]
