"""The hooks of the conversations that are going on, one of each name."""

from collections import OrderedDict
from typing import Any

from memory_core import MemoryHooks, MemoryManager

MOST = 256  # conversations whose injected texts are remembered at once


class Conversations:
    """Lends each conversation its `MemoryHooks`, and forgets the one used longest ago.

    Args:
        memory: whose memory.
        options: what `MemoryHooks` takes: `k`, `token_budget`, `deadline_ms` and so on.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> with temporary_memory() as memory:
        ...     talks = Conversations(memory, k=4)
        ...     talks.of("s1") is talks.of("s1"), talks.of("s1") is talks.of("s2")
        (True, False)
    """

    def __init__(self, memory: MemoryManager, **options: Any) -> None:
        self.memory = memory
        self._options = options
        self._hooks: OrderedDict[str, MemoryHooks] = OrderedDict()
        MemoryHooks(memory, session="checks the options", **{**options, "deadline_ms": None})

    def of(self, session: str) -> MemoryHooks:
        """Return the hooks of a conversation."""
        hooks = self._hooks.pop(session, None)
        if hooks is None:
            hooks = MemoryHooks(self.memory, session=session, **self._options)
        self._hooks[session] = hooks
        while len(self._hooks) > MOST:
            self._hooks.popitem(last=False)
        return hooks
