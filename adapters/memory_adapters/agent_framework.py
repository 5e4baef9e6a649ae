"""Microsoft Agent Framework: recalled context for every run, and a history that is kept for good.

    agent = Agent(client=client, context_providers=[MemoryContext(memory)])

`MemoryContext` recalls before a run and stores after it. `MemoryHistory` keeps a session's messages
exactly; together they share one memory, and the history alone makes what was said recallable.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from memory_adapters.conversations import Conversations
from memory_adapters.extras import needs
from memory_adapters.log import Entry, Log
from memory_core import MemoryManager, ToolResult

with needs("agent-framework-core", "msaf"):
    from agent_framework import ContextProvider, HistoryProvider, Message

SOURCE = "memory_core"
SAID = {"$not": {"metadata.raw": True}}
"""Leaves out messages that nobody said: tool calls and their results as JSON."""


class MemoryContext(ContextProvider):
    """Recalls before a run, stores after it.

    Args:
        memory: whose memory.
        store: whether the turn is stored; off where `MemoryHistory` keeps it in the same memory.
        options: what `MemoryHooks` takes: `k`, `token_budget`, `deadline_ms` and so on.
    """

    def __init__(self, memory: MemoryManager, *, store: bool = True, **options: Any) -> None:
        super().__init__(SOURCE)
        self._store = store
        self._talks = Conversations(memory, **{"where": SAID, **options})

    async def before_run(self, *, agent: Any, session: Any, context: Any, state: Any) -> None:
        """Add what is new to this conversation as a message before the user's."""
        said = _texts(context.input_messages, "user")
        if not said:
            return
        hooks = self._talks.of(session.session_id)
        turn = await asyncio.to_thread(hooks.before_turn, said)
        if turn.context:
            message = Message(role="user", contents=[turn.context])
            context.extend_messages(self.source_id, [message])

    async def after_run(self, *, agent: Any, session: Any, context: Any, state: Any) -> None:
        """Store both sides and the tool results."""
        if not self._store:
            return
        replies = context.response.messages if context.response else []
        tools = [
            ToolResult(str(content.result))
            for message in replies
            for content in message.contents
            if content.type == "function_result" and content.result
        ]
        said, reply = _texts(context.input_messages, "user"), _texts(replies, "assistant")
        hooks = self._talks.of(session.session_id)
        await asyncio.to_thread(hooks.after_turn, said, reply, tools)


class MemoryHistory(HistoryProvider):
    """Keeps the messages of each session exactly, in order, across processes.

    Args:
        memory: where the messages are kept.
        options: what `HistoryProvider` takes.
    """

    def __init__(self, memory: MemoryManager, **options: Any) -> None:
        super().__init__("memory_core_history", **options)
        self._log = Log(memory, "agent_framework")

    async def get_messages(
        self, session_id: str | None, *, state: Any = None, **kwargs: Any
    ) -> list[Message]:
        """Return the messages of a session, oldest first."""
        items = await asyncio.to_thread(self._log.items, session_id or "")
        return [Message.from_dict(item["message"]) for item in items]

    async def save_messages(
        self, session_id: str | None, messages: Sequence[Message], *, state: Any = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Append messages to a session."""
        entries = [_entry(message, session_id) for message in messages]
        if entries:
            await asyncio.to_thread(self._log.append, session_id or "", entries)


def _texts(messages: Sequence[Any], role: str) -> str:
    return "\n".join(m.text for m in messages if str(m.role) == role and m.text)


def _entry(message: Any, session: str | None) -> Entry:
    role = str(message.role)
    known = role in ("user", "assistant")
    whole = message.to_dict()
    fields = {"session": session, "role": role, "source": role if known else "tool"}
    contents = whole.get("contents", [])
    said = contents[0].get("text") if known and len(contents) == 1 else None
    if not isinstance(said, str):
        return Entry({"message": whole}, fields=fields)
    return Entry({"message": whole, "content": said}, said, fields=fields)
