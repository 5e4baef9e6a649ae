"""The log under another configuration: overlaps, best memories, the worst turns, a verdict."""

from pathlib import Path
from typing import Any

import pytest

from memory_core import open_memory
from memory_core.errors import InvalidInput, InvalidSetting
from memory_core.replay import Replay
from memory_core.replay.gate import Thresholds
from memory_core.samples import sample_questions, sample_turns

LENIENT = Thresholds(jaccard=0, top=0, latency=1000)


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory):
    home: Path = tmp_path_factory.mktemp("gate")
    settings: Any = {"embedder": "hash", "min_relevance": 0}
    with open_memory(home, **settings) as memory:
        memory.store_many(list(sample_turns())[:80])
        memory.parts.catchup.drain()
        for question in list(sample_questions())[:12]:
            memory.recall(question.question, k=5)
        yield Replay(memory)


def test_no_change_changes_nothing(replay: Replay) -> None:
    found = replay.gate(thresholds=Thresholds(latency=1000))
    assert (found.jaccard, found.top, len(found.turns), found.worst) == (1.0, 1.0, 12, ())
    assert found.passed and "passed" in str(found)


def test_a_change_is_measured_turn_by_turn(replay: Replay) -> None:
    found = replay.gate(thresholds=LENIENT, dense_weight=0.0)
    (by_hand,) = [t for t in found.turns if t.id == found.turns[0].id]
    before = [hit.id for hit in replay.playback(by_hand.id).hits]
    after = [hit.id for hit in replay.what_if(by_hand.id, dense_weight=0.0).result.hits]
    assert by_hand.jaccard == len({*before} & {*after}) / len({*before} | {*after}) < 1
    assert found.jaccard == sum(t.jaccard for t in found.turns) / 12
    assert set(by_hand.lost) == {*before} - {*after} and found.passed
    shut = replay.gate(thresholds=Thresholds(jaccard=1.0, top=1.0, latency=1000), dense_weight=0)
    assert not shut.passed and "Jaccard@k" in shut.faults[0] and "failed" in str(shut)
    assert [t.jaccard for t in shut.worst] == sorted(t.jaccard for t in shut.worst)


def test_another_model_and_what_cannot_run(replay: Replay) -> None:
    found = replay.gate(thresholds=LENIENT, embedder="hash:64", limit=4)
    assert len(found.turns) == 4 and found.jaccard < 1 and not found.skipped
    assert found.to_json()["latency"] == found.latency
    with pytest.raises(InvalidSetting):
        replay.gate(nonsense=1)
    with pytest.raises(InvalidInput, match="thresholds"):
        Thresholds(jaccard=2)


def test_a_gate_without_recalls_is_shut(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        assert Replay(memory).gate().faults == ("no recall could be run",)
