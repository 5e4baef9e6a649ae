"""Compaction: texts forgotten long ago go for good, the chain and everything else stay."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory_core import open_memory
from memory_core.errors import InvalidInput, NotFound, NotStored, WasCompacted
from memory_core.journal import database
from memory_core.lifecycle import compaction
from memory_core.lifecycle.backup import backup, restore
from memory_core.lifecycle.checking import deep_faults
from memory_core.lifecycle.compaction import compact
from memory_core.lifecycle.forgetting import capacity_plan
from memory_core.lifecycle.policies import carry_out, undo, unforget
from memory_core.manager import MemoryManager
from memory_core.testing import ManualClock

SECRET = "the gate code is 4471 xyzzy"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def memory(tmp_path: Path, clock: ManualClock) -> MemoryManager:
    return opened(tmp_path / "home", clock)


def opened(home: Path, clock: ManualClock) -> MemoryManager:
    return open_memory(home, embedder="hash", clock=clock)


def anywhere(home: Path, words: str) -> list[str]:
    files = [path for path in home.rglob("*") if path.is_file()]
    return [path.name for path in files if words.encode() in path.read_bytes()]


def test_what_was_forgotten_long_ago_goes_and_all_else_stays(
    memory: MemoryManager, tmp_path: Path, clock: ManualClock
) -> None:
    with memory:
        old = memory.store(SECRET, speaker="Ana", metadata={"word": "qwertz"})
        memory.revise(old.id, text=f"{SECRET} now")
        kept, recent = memory.store("a fern by the door"), memory.store("a fern in the hall")
        asked = memory.recall("gate code")
        memory.forget(old.id)
        clock.advance(days=20)
        memory.forget(recent.id)
        clock.advance(days=15)
        before = memory.recall("fern", record=False)
        planned = compact(memory, dry_run=True)
        assert (planned.memories, planned.characters) == ((old.id,), 2 * len(SECRET) + 4)
        assert memory.get(old.id).text == f"{SECRET} now"

        done = compact(memory)
        assert done.memories == planned.memories
        assert (done.characters, done.vectors) == (planned.characters, planned.vectors)
        assert done.recordings == 1, asked.recall_id
        assert not [word for word in ("xyzzy", "qwertz") if anywhere(tmp_path, word)]
        with pytest.raises(NotFound):
            memory.get(old.id)
        with pytest.raises(WasCompacted, match="compacted by entry 7"):
            unforget(memory, old.id)
        after = memory.recall("fern", record=False)
        assert [(h.id, h.score) for h in after.hits] == [(h.id, h.score) for h in before.hits]
        assert unforget(memory, recent.id).state == "live"
        found = {h.id for h in memory.recall("fern", record=False).hits}
        assert found == {kept.id, recent.id}
        assert deep_faults(memory) == []
        assert memory.journal.rebuild() == memory.journal.head.seq
        assert compact(memory).memories == ()
    with opened(tmp_path / "home", clock) as memory:
        assert memory.journal.verify() == []


def test_undo_says_that_it_was_compacted(memory: MemoryManager, clock: ManualClock) -> None:
    with memory:
        memory.store_many(["one", "two", "three"])
        done = carry_out(memory, capacity_plan(memory, 1))
        assert done.entry is not None
        clock.advance(days=31)
        compact(memory)
        with pytest.raises(WasCompacted, match=f"what run {done.entry} forgot was compacted"):
            undo(memory, done.entry)
        with pytest.raises(InvalidInput, match="is live, not forgotten"):
            unforget(memory, memory.list()[0].id)
        with pytest.raises(NotFound):
            unforget(memory, "0" * 16)


def test_the_lineage_of_what_lives_is_kept(memory: MemoryManager, clock: ManualClock) -> None:
    with memory:
        source, loose = memory.store("Ana said it rained"), memory.store("Bob said it snowed")
        derived = memory.store("it rained", source="derived")
        memory.link(derived.id, source.id, "derived_from")
        for one in (source, loose):
            memory.forget(one.id)
        clock.advance(days=40)
        done = compact(memory)
        assert (done.memories, done.kept) == ((loose.id,), (source.id,))
        memory.forget(derived.id)
        assert set(compact(memory, days=0).memories) == {source.id, derived.id}
        assert deep_faults(memory) == []


def test_a_crash_leaves_whole_memories_and_the_next_opening_cleans(
    memory: MemoryManager, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(self: object) -> None:
        raise NotStored("the disk is full; free space")

    with memory:
        for number in range(5):
            memory.forget(memory.store(f"{SECRET} {number}").id)
        clock.advance(days=40)
        with monkeypatch.context() as patch:
            patch.setattr(compaction, "GROUP", 2)
            patch.setattr(database.Database, "scrub", dies)
            with pytest.raises(NotStored):
                compact(memory)
        assert memory.journal.verify() == []
    with opened(tmp_path / "home", clock) as memory:
        assert not anywhere(tmp_path, "xyzzy")
        assert compact(memory, dry_run=True).memories == ()
        assert deep_faults(memory) == []


def test_a_restore_leaves_out_what_was_compacted(
    memory: MemoryManager, tmp_path: Path, clock: ManualClock
) -> None:
    with memory:
        memory.store("a fern by the door")
        memory.forget(memory.store(SECRET).id)
        backup(memory, tmp_path / "copy")
        clock.advance(days=40)
        compact(memory)
        backup(memory, tmp_path / "later")
    assert restore(tmp_path / "copy", tmp_path / "new").left_out == 1
    assert not anywhere(tmp_path / "new", "xyzzy")
    restore(tmp_path / "later", tmp_path / "past", until={"default": 3})
    for home in ("new", "past"):
        with opened(tmp_path / home, clock) as memory:
            assert memory.journal.verify() == deep_faults(memory) == []
            assert [one.text for one in memory.list()] == ["a fern by the door"]


def test_old_recordings_go_when_asked_for(memory: MemoryManager) -> None:
    with memory:
        memory.store("a fern by the door")
        memory.recall("fern")
        memory.recall("door")
        assert compact(memory).recordings == 0
        assert compact(memory, recordings_days=5).recordings == 0
        assert compact(memory, recordings_days=0).recordings == 2
        with pytest.raises(InvalidInput, match="days"):
            compact(memory, days=-1)
