"""The memory for event loops: the same manager behind worker threads, no second implementation."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, Self, TypeVar

from memory_core.answers import RecallResult
from memory_core.manager import MemoryManager
from memory_core.parts import Policy
from memory_core.types import Change, Drafts, Link, Memory, Outcome, Receipt, StoreReport

P = ParamSpec("P")
T = TypeVar("T")


class AsyncMemoryManager:
    """`MemoryManager`'s verbs as coroutines; arguments, results and errors are the same.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> async def main() -> str:
        ...     with temporary_memory() as memory:
        ...         async with AsyncMemoryManager(memory) as amemory:
        ...             stored = await amemory.store("Rex is a dog")
        ...             return (await amemory.recall("dog")).hits[0].memory.text
        >>> asyncio.run(main())
        'Rex is a dog'
    """

    def __init__(self, memory: MemoryManager, *, threads: int = 4) -> None:
        self.memory = memory
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="memory")

    async def store(self, text: str = "", **fields: object) -> Memory:
        """See `MemoryManager.store`."""
        return await self._call(self.memory.store, text, **fields)

    async def store_many(self, drafts: Drafts) -> StoreReport:
        """See `MemoryManager.store_many`."""
        return await self._call(self.memory.store_many, drafts)

    async def recall(self, text: str, **options: Any) -> RecallResult:
        """See `MemoryManager.recall`."""
        return await self._call(self.memory.recall, text, **options)

    async def get(self, id: str) -> Memory:
        """See `MemoryManager.get`."""
        return await self._call(self.memory.get, id)

    async def list(self, **options: Any) -> tuple[Memory, ...]:
        """See `MemoryManager.list`."""
        return await self._call(self.memory.list, **options)

    async def history(self, id: str) -> tuple[Change, ...]:
        """See `MemoryManager.history`."""
        return await self._call(self.memory.history, id)

    async def link(self, source: str, target: str, relation: str) -> None:
        """See `MemoryManager.link`."""
        await self._call(self.memory.link, source, target, relation)

    async def links(self, id: str) -> tuple[Link, ...]:
        """See `MemoryManager.links`."""
        return await self._call(self.memory.links, id)

    async def revise(self, id: str, **fields: object) -> Memory:
        """See `MemoryManager.revise`."""
        return await self._call(self.memory.revise, id, **fields)

    async def supersede(self, old_id: str, text: str, **fields: object) -> Memory:
        """See `MemoryManager.supersede`."""
        return await self._call(self.memory.supersede, old_id, text, **fields)

    async def invalidate(self, id: str, reason: str | None = None) -> Memory:
        """See `MemoryManager.invalidate`."""
        return await self._call(self.memory.invalidate, id, reason)

    async def expire(self, id: str, **options: Any) -> Memory:
        """See `MemoryManager.expire`."""
        return await self._call(self.memory.expire, id, **options)

    async def reinforce(self, id: str, times: int = 1) -> Memory:
        """See `MemoryManager.reinforce`."""
        return await self._call(self.memory.reinforce, id, times)

    async def forget(self, id: str, reason: str | None = None) -> Memory:
        """See `MemoryManager.forget`."""
        return await self._call(self.memory.forget, id, reason)

    async def erase(self, id: str) -> Receipt:
        """See `MemoryManager.erase`."""
        return await self._call(self.memory.erase, id)

    async def outcome(self, key: str) -> Outcome:
        """See `MemoryManager.outcome`."""
        return await self._call(self.memory.outcome, key)

    async def run(self, policy: Policy) -> int:
        """See `MemoryManager.run`; returns how many entries were written."""
        return len(await self._call(self.memory.run, policy))

    async def close(self) -> None:
        """Close the memory and its threads; a store already begun is finished first."""
        await self._call(self.memory.close)
        self._pool.shutdown(wait=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _call(self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._pool, partial(copy_context().run, partial(verb, *args, **kwargs))
        )
