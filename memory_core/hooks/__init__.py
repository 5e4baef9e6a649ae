"""Two calls a turn: recall before the model speaks, store after it has."""

from memory_core.hooks.loop import AsyncMemoryHooks
from memory_core.hooks.tools import ToolResult
from memory_core.hooks.turns import MemoryHooks, Turn

__all__ = ["AsyncMemoryHooks", "MemoryHooks", "ToolResult", "Turn"]
