"""Every change between two recalls is explained by terms that sum, and by undoing its cause."""

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core import MemoryManager, open_memory
from memory_core.replay import Replay
from memory_core.replay.diff import Diff
from memory_core.testing import ManualClock
from tests.replay.test_extent import Slow
from tests.replay.test_reexecute import START, History, opened

QUESTION = "what tea does Ana drink"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 5, 1, tzinfo=UTC))


@pytest.fixture
def memory(tmp_path: Path, clock: ManualClock):
    with open_memory(tmp_path, embedder="hash", min_relevance=0, clock=clock) as opened:
        opened.store_many([f"Ana drinks tea, cup {n}" for n in range(6)])
        opened.store_many([f"Bo drinks coffee, cup {n}" for n in range(6)])
        opened.parts.catchup.drain()
        yield opened


def recalled(memory: MemoryManager, text: str = QUESTION, **options: Any) -> str:
    return str(memory.recall(text, **options).recall_id)


def summed(found: Diff) -> Diff:
    """Check that the terms of every shift sum to the difference of its scores."""
    for shift in found.shifts:
        if shift.before is not None and shift.after is not None:
            gain = shift.after.score - shift.before.score
            assert abs(sum(shift.terms.values()) - gain) <= 1e-9 and shift.gain is not None
    return found


def labels(found: Diff) -> list[str]:
    return [cause.label for cause in found.causes]


def test_content_that_came_between_is_undone(memory: MemoryManager) -> None:
    replay, first = Replay(memory), recalled(memory, k=3)
    before = replay.playback(first).hits
    new = memory.store("Ana drinks tea and what tea it is")
    memory.forget(before[0].id)
    memory.reinforce(before[2].id, times=10)
    memory.parts.catchup.drain()
    found = summed(replay.diff(first, recalled(memory, k=3)))
    assert "content" in labels(found) and found.causes[0].detail == "3 entries, 13..15 came"
    shifts = {shift.id: shift for shift in found.shifts}
    assert shifts[new.id].before is None and shifts[new.id].fates[0].startswith("not stored")
    gone = shifts[before[0].id]
    assert gone.after is None and gone.fates[1].startswith("forgotten")
    assert all("content" in shift.causes for shift in found.shifts)
    assert any(new.id in shift.behind for shift in found.shifts)
    assert "content undone: rank 1  <- takes the move back" in str(found)


def test_each_condition_is_a_cause_of_its_own(memory: MemoryManager, clock: ManualClock) -> None:
    replay, first = Replay(memory), recalled(memory, k=3)
    wider = summed(replay.diff(first, recalled(memory, k=5)))
    assert labels(wider) == ["k"] and {s.causes for s in wider.shifts} == {("k",)}
    assert len(wider.shifts) == 2
    tight = summed(replay.diff(first, recalled(memory, k=3, token_budget=60)))
    assert labels(tight) == ["budget"]
    assert all(s.before.rank == s.after.rank for s in tight.shifts if s.before and s.after)
    assert tight.shifts and {s.causes for s in tight.shifts} == {("budget",)}
    other = summed(replay.diff(first, recalled(memory, "what does Bo drink", k=3)))
    assert labels(other) == ["question"]
    assert all(shift.causes == ("question",) for shift in other.shifts)
    kept = replay.playback(first).hits[0].id
    walled = summed(replay.diff(first, recalled(memory, k=3, where={"id": {"$ne": kept}})))
    assert labels(walled) == ["filter"]
    assert next(s for s in walled.shifts if s.id == kept).fates[1].startswith("filter")
    soon = memory.store("Ana drinks tea in June", valid_from="2026-06-01T00:00:00Z")
    memory.parts.catchup.drain()
    may = recalled(memory, k=3)
    clock.advance(days=60)
    later = summed(replay.diff(may, recalled(memory, k=3)))
    assert labels(later) == ["time"]
    assert next(s for s in later.shifts if s.id == soon.id).causes == ("time",)


def test_settings_are_undone_alone_and_together(memory: MemoryManager) -> None:
    replay, first = Replay(memory), recalled(memory, "Ana tea cup 3 coffee", k=4)
    other = replay.what_if(first, lexical_weight=0.2, diversity=0.2)
    found = summed(replay.diff(first, other))
    assert labels(found) == ["lexical_weight", "diversity"]
    assert found.recalls == (first, first) and "-> the same" in str(found)
    assert found.shifts and all(shift.causes for shift in found.shifts)
    off = summed(replay.diff(first, replay.what_if(first, recency_weight=0.0)))
    assert not off.shifts or {s.causes for s in off.shifts} == {("recency_weight",)}
    assert json.loads(json.dumps(found.to_json()))["shifts"][0]["causes"]


def test_diversity_is_told_apart_from_scores(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as memory:
        memory.store("Ana drinks green tea with Bo")
        memory.store("Cy sells tea to Ana on Tuesday")
        memory.parts.catchup.drain()
        replay = Replay(memory)
        first = recalled(memory, "what tea does Ana drink", k=3)
        twin = memory.store("Ana drinks green tea with Bo")
        memory.parts.catchup.drain()
        found = summed(replay.diff(first, recalled(memory, "what tea does Ana drink", k=3)))
        (shift,) = [s for s in found.shifts if s.after and s.after.rank == 3]
        effect = next(e for e in shift.effects if e.label == "diversity")
        assert effect.rank in (1, 2) and twin.id in [s.id for s in found.shifts]


def test_the_deadline_is_undone(tmp_path: Path) -> None:
    reranker = Slow(0.05)
    with open_memory(tmp_path, embedder="hash", reranker=reranker, min_relevance=0) as memory:
        memory.store_many([f"Ana keeps thing {n * n} in room {n}" for n in range(70)])
        memory.parts.catchup.drain()
        recalled(memory, "where is the thing", deadline_ms=100)
        late = memory.recall("where is the thing", k=20, deadline_ms=100)
        assert "deadline" in [note.code for note in late.notes]
        reranker.seconds = 0.0
        whole = recalled(memory, "where is the thing", k=20)
        found = summed(Replay(memory).diff(str(late.recall_id), whole))
        assert "deadline" in labels(found)
        assert found.shifts and all("deadline" in "".join(s.causes) for s in found.shifts)


def test_nothing_differs(memory: MemoryManager) -> None:
    first = recalled(memory)
    found = Replay(memory).diff(first, first)
    assert (found.causes, found.shifts) == ((), ()) and "nothing differs" in str(found)
    assert "<pre>" in found._repr_html_()


def test_any_two_recalls_of_any_history_are_explained(tmp_path: Path) -> None:
    clock = ManualClock(START)
    with opened(tmp_path, clock, candidates=8) as memory:
        history = History(memory, clock, 11)
        history.run(120)
        replay, dice = Replay(memory), np.random.default_rng(1)
        pairs = list(itertools.pairwise(history.recalls))
        for place in dice.permutation(len(pairs))[:12]:
            found = summed(replay.diff(*pairs[place]))
            assert not found.notes
            for shift in found.shifts:
                assert shift.causes, f"{found}"
