"""The hooks for event loops: the same hooks behind one worker thread, no second implementation."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from memory_core.hooks.conversation import Message
from memory_core.hooks.tools import ToolResult, ToolResults
from memory_core.hooks.turns import MemoryHooks, Turn
from memory_core.types import Memory

P = ParamSpec("P")
T = TypeVar("T")


class AsyncMemoryHooks:
    """`MemoryHooks`' calls as coroutines, one after another, as a conversation goes.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> async def main() -> bool:
        ...     with temporary_memory() as memory:
        ...         hooks = AsyncMemoryHooks(MemoryHooks(memory, session="s1"))
        ...         await hooks.after_turn("My flight is at 9:40", "Noted, 9:40.")
        ...         return "9:40" in (await hooks.before_turn("When is my flight?")).context
        >>> asyncio.run(main())
        True
    """

    def __init__(self, hooks: MemoryHooks) -> None:
        self.hooks = hooks
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="memory hooks")

    async def before_turn(self, said: str | Sequence[Message]) -> Turn:
        """See `MemoryHooks.before_turn`."""
        return await self._call(self.hooks.before_turn, said)

    async def after_turn(
        self, user: str, reply: str, tool_results: ToolResults = ()
    ) -> tuple[Memory, ...]:
        """See `MemoryHooks.after_turn`."""
        return await self._call(self.hooks.after_turn, user, reply, tool_results)

    async def on_tool_result(self, result: ToolResult | str) -> tuple[Memory, ...]:
        """See `MemoryHooks.on_tool_result`."""
        return await self._call(self.hooks.on_tool_result, result)

    async def end_session(self) -> Memory | None:
        """See `MemoryHooks.end_session`."""
        return await self._call(self.hooks.end_session)

    async def _call(self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(verb, *args, **kwargs))
