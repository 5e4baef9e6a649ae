"""OpenAI Agents SDK: a session that is kept for good, and recall before every model call.

    session = MemorySession(memory, "s1")
    config = RunConfig(call_model_input_filter=recall_filter(memory, session="s1"))
    await Runner.run(agent, "When is my flight?", session=session, run_config=config)

The session keeps every item exactly; what was said in it is what later sessions recall. So nothing
else has to store the turn. Recalled records stand in the user's item of the model call only.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from memory_adapters.conversations import Conversations
from memory_adapters.extras import needs
from memory_adapters.log import Entry, Log
from memory_core import MemoryManager

with needs("openai-agents", "openai-agents"):
    from agents.memory import SessionSettings
    from agents.run_config import CallModelData, ModelInputData

SAID = {"$not": {"metadata.raw": True}}
"""Leaves out items that nobody said: tool calls and their results as JSON."""

Filter = Callable[[CallModelData[Any]], Coroutine[Any, Any, ModelInputData]]


class MemorySession:
    """The SDK's `Session` in a memory: items in order, exact, across processes.

    Args:
        memory: where the items are kept.
        session_id: the conversation's name.
        erase: whether `pop_item` and `clear_session` erase every byte instead of forgetting.
    """

    def __init__(self, memory: MemoryManager, session_id: str, *, erase: bool = False) -> None:
        self.session_id = session_id
        self.session_settings: SessionSettings | None = None
        self._log = Log(memory, "openai_agents", erase=erase)

    async def get_items(self, limit: int | None = None) -> list[Any]:
        """Return the items, the latest `limit` of them, oldest first."""
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        if limit is not None and limit <= 0:
            return []
        return await asyncio.to_thread(self._log.items, self.session_id, limit)

    async def add_items(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Append items."""
        if items:
            entries = [self._entry(item) for item in items]
            await asyncio.to_thread(self._log.append, self.session_id, entries)

    async def pop_item(self) -> Any | None:
        """Take away the last item and return it."""
        return await asyncio.to_thread(self._log.pop, self.session_id)

    async def clear_session(self) -> None:
        """Take away all items."""
        await asyncio.to_thread(self._log.clear, self.session_id)

    def _entry(self, item: Mapping[str, Any]) -> Entry:
        role = item.get("role")
        fields: dict[str, object] = {"session": self.session_id, "source": "tool", "role": "tool"}
        if role in ("user", "assistant"):
            fields |= {"source": role, "role": role}
        return Entry(item, _said(item) if role in ("user", "assistant") else None, fields=fields)


def recall_filter(memory: MemoryManager, *, session: str, **options: Any) -> Filter:
    """Return a `call_model_input_filter` that puts recalled records before the user's words.

    Args:
        memory: whose memory.
        session: the conversation's name.
        options: what `MemoryHooks` takes: `k`, `token_budget`, `deadline_ms` and so on.
    """
    hooks = Conversations(memory, **{"where": SAID, **options}).of(session)

    async def recalled(data: CallModelData[Any]) -> ModelInputData:
        given = data.model_data.input
        plain = [{"role": item.get("role"), "content": _said(item) or ""} for item in given]
        turn = await asyncio.to_thread(hooks.before_turn, plain)
        changed = [
            item if ours["content"] == theirs["content"] else _with(item, str(ours["content"]))
            for item, theirs, ours in zip(given, plain, turn.messages, strict=True)
        ]
        return ModelInputData(input=changed, instructions=data.model_data.instructions)

    return recalled


def _said(item: Mapping[str, Any]) -> str | None:
    """Return the text of a message item."""
    content = item.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, Mapping)]
        said = [text for text in texts if isinstance(text, str)]
        return "\n".join(said) if said else None
    return None


def _with(item: Mapping[str, Any], text: str) -> Any:
    content = item.get("content")
    if not isinstance(content, list):
        return {**item, "content": text}
    others = [part for part in content if part.get("type") != "input_text"]
    return {**item, "content": [{"type": "input_text", "text": text}, *others]}
