"""The face for event loops."""

import asyncio
from pathlib import Path

import pytest

from memory_core import AsyncMemoryManager, open_memory
from memory_core.errors import InvalidText


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
