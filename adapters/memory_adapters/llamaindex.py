"""LlamaIndex: a memory block for agents, and a retriever.

    chat = Memory.from_defaults(session_id="s1", memory_blocks=[RecallBlock(memory=memory)])

The block recalls for the latest user message, and stores the messages that leave the short-term
memory. To store every message at once, give `Memory` a small `token_limit` or call `aput`.
"""

import asyncio
from typing import Any

from memory_adapters.conversations import Conversations
from memory_adapters.extras import needs
from memory_core import ToolResult

with needs("llama-index-core", "llamaindex"):
    from llama_index.core.base.llms.types import ChatMessage, MessageRole
    from llama_index.core.memory import BaseMemoryBlock
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
    from pydantic import Field, PrivateAttr


class RecallBlock(BaseMemoryBlock[str]):
    """Long-term memory as a block of LlamaIndex's `Memory`."""

    name: str = "memories"
    description: str | None = "What is known from earlier conversations."
    memory: Any
    """An open `MemoryManager`."""
    session: str = "agent"
    """The conversation's name where the messages carry no `session_id`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """What `MemoryHooks` takes: `k`, `token_budget`, `deadline_ms` and so on."""

    _talks: Any = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Open the hooks; wrong options fail here."""
        self._talks = Conversations(self.memory, **self.options)

    async def _aget(self, messages: list[ChatMessage] | None = None, **block_kwargs: Any) -> str:
        said = [m for m in messages or () if m.role == MessageRole.USER and m.content]
        if not said:
            return ""
        session = str(block_kwargs.get("session_id") or self.session)
        turn = await asyncio.to_thread(self._talks.of(session).before_turn, said[-1].content)
        return str(turn.context)

    async def _aput(self, messages: list[ChatMessage]) -> None:
        await asyncio.to_thread(self._put, messages)

    def _put(self, messages: list[ChatMessage]) -> None:
        for message in messages:
            session = str(message.additional_kwargs.get("session_id") or self.session)
            hooks, text = self._talks.of(session), message.content or ""
            if message.role == MessageRole.USER:
                hooks.after_turn(text, "")
            elif message.role == MessageRole.ASSISTANT:
                hooks.after_turn("", text)
            elif message.role == MessageRole.TOOL:
                hooks.on_tool_result(ToolResult(text, message.additional_kwargs.get("name")))


class RecallRetriever(BaseRetriever):
    """Recalls memories as nodes with scores.

    Args:
        memory: an open `MemoryManager`.
        k: how many nodes, 1..200.
        where: a filter, see `memory_core.filters`.
        options: what `BaseRetriever` takes.
    """

    def __init__(
        self, memory: Any, *, k: int = 8, where: dict[str, Any] | None = None, **options: Any
    ) -> None:
        self._memory, self._k, self._where = memory, k, where
        super().__init__(**options)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        result = self._memory.recall(query_bundle.query_str, k=self._k, where=self._where)
        return [
            NodeWithScore(
                node=TextNode(id_=hit.id, text=hit.memory.text, metadata=_about(hit.memory)),
                score=hit.score,
            )
            for hit in result.hits
        ]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _about(memory: Any) -> dict[str, Any]:
    about = {
        "time": memory.occurred_at.isoformat(), "source": memory.source,
        "trust": memory.trust.value, "session": memory.session, "speaker": memory.speaker,
    }  # fmt: skip
    return {**memory.metadata, **about}
