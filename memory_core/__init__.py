"""A memory for LLM agents: local, durable, explained, replayable.

    >>> from memory_core import open_memory
    >>> import tempfile
    >>> memory = open_memory(tempfile.mkdtemp(), namespace="ana", embedder="hash")
    >>> stored = memory.store("I moved to Lisbon in March", role="user")
    >>> memory.recall("Where did I move in March?").hits[0].memory.text
    'I moved to Lisbon in March'
    >>> memory.close()

Names are imported at first use, so that `import memory_core` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from memory_core.version import __version__

if TYPE_CHECKING:
    from memory_core.aio import AsyncMemoryManager
    from memory_core.answers import Hit, RecallResult
    from memory_core.build import open_memory
    from memory_core.config import Settings
    from memory_core.errors import (
        InvalidInput,
        KeyReused,
        MemoryCoreError,
        MissingExtra,
        NotFound,
        NotStored,
        OutcomeUnknown,
        StoreBusy,
    )
    from memory_core.hooks import AsyncMemoryHooks, MemoryHooks, ToolResult, Turn
    from memory_core.manager import MemoryManager
    from memory_core.types import Draft, Link, Memory, StoreReport

__all__ = [
    "AsyncMemoryHooks",
    "AsyncMemoryManager",
    "Draft",
    "Hit",
    "InvalidInput",
    "KeyReused",
    "Link",
    "Memory",
    "MemoryCoreError",
    "MemoryHooks",
    "MemoryManager",
    "MissingExtra",
    "NotFound",
    "NotStored",
    "OutcomeUnknown",
    "RecallResult",
    "Settings",
    "StoreBusy",
    "StoreReport",
    "ToolResult",
    "Turn",
    "__version__",
    "open_memory",
]

_HOME = {
    "AsyncMemoryHooks": "hooks",
    "AsyncMemoryManager": "aio",
    "Draft": "types",
    "Hit": "answers",
    "InvalidInput": "errors",
    "KeyReused": "errors",
    "Link": "types",
    "Memory": "types",
    "MemoryCoreError": "errors",
    "MemoryHooks": "hooks",
    "MemoryManager": "manager",
    "MissingExtra": "errors",
    "NotFound": "errors",
    "NotStored": "errors",
    "OutcomeUnknown": "errors",
    "RecallResult": "answers",
    "Settings": "config",
    "StoreBusy": "errors",
    "StoreReport": "types",
    "ToolResult": "hooks",
    "Turn": "hooks",
    "open_memory": "build",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
