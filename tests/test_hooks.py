"""The two calls a turn, and the face for event loops."""

import asyncio
from pathlib import Path

import pytest

from memory_core import AsyncMemoryManager, MemoryHooks, open_memory
from memory_core.errors import InvalidText
from memory_core.testing import temporary_memory


def test_what_is_said_in_one_session_is_known_in_the_next() -> None:
    with temporary_memory() as memory:
        first = MemoryHooks(memory, session="s1")
        first.after_turn("My flight leaves at 9:40 on Friday", "Noted.")
        first.end_session()
        turn = MemoryHooks(memory, session="s2").before_turn("When does my flight leave?")
        assert "9:40" in turn.context
        assert turn.status == "ok"
        assert turn.recall_id


def test_a_repeated_memory_is_not_stored_again() -> None:
    with temporary_memory() as memory:
        memory.store("The gate code is 4471")
        hooks = MemoryHooks(memory, session="s1")
        hooks.before_turn("What is the gate code?")
        stored = hooks.after_turn("What is the gate code?", "the gate  code is 4471")
        assert [m.text for m in stored] == ["What is the gate code?"]


def test_a_failing_memory_does_not_break_the_agent(tmp_path: Path) -> None:
    memory = open_memory(tmp_path, embedder="hash")
    hooks = MemoryHooks(memory, session="s1")
    memory.close()
    turn = hooks.before_turn("hello there")
    assert (turn.context, turn.status) == ("", "failed")
    assert hooks.after_turn("hello there", "hi") == ()


async def test_async_verbs_do_what_the_sync_ones_do(tmp_path: Path) -> None:
    async with AsyncMemoryManager(open_memory(tmp_path, embedder="hash")) as memory:
        stored = await asyncio.gather(*(memory.store(f"fact number {n}") for n in range(20)))
        assert len({m.id for m in stored}) == 20
        result = await memory.recall("fact number 7", k=1)
        assert result.hits[0].memory.text == "fact number 7"
        with pytest.raises(InvalidText):
            await memory.store("")


async def test_the_event_loop_stays_free(tmp_path: Path) -> None:
    lags: list[float] = []

    async def tick() -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.005)
            lags.append(loop.time() - before - 0.005)

    async with AsyncMemoryManager(open_memory(tmp_path, embedder="hash")) as memory:
        ticker = asyncio.create_task(tick())
        await memory.store_many(f"fact number {n}" for n in range(500))
        await asyncio.gather(*(memory.recall(f"fact number {n}") for n in range(8)))
        ticker.cancel()
    assert sorted(lags)[len(lags) // 2] < 0.02
