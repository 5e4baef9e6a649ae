"""Strands Agents: a memory store for its `MemoryManager`, which injects and extracts by itself.

    agent = Agent(memory_manager=MemoryManager(stores=[StrandsStore(memory)], injection=True))

Not part of the extra `frameworks`: Strands holds `mcp` below 2.2.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from memory_adapters.extras import needs
from memory_core import MemoryManager

with needs("strands-agents", "strands"):
    from strands.memory import MemoryEntry, MemoryStore


class StrandsStore(MemoryStore):
    """A Strands memory store in one namespace of a memory.

    Args:
        memory: whose memory.
        name: how the model's tools name it.
        description: what the model's tools say of it.
        max_search_results: how many memories a search returns, 1..200.
        writable: whether the agent may store.
        extraction: whether Strands hands every conversation's messages to `add_messages`.
    """

    def __init__(
        self,
        memory: MemoryManager,
        *,
        name: str = "memory",
        description: str | None = "What is known from earlier conversations.",
        max_search_results: int = 8,
        writable: bool = True,
        extraction: Any = None,
    ) -> None:
        self.memory = memory
        self.name = name
        self.description = description
        self.max_search_results = max_search_results
        self.writable = writable
        self.extraction = extraction
        self._run = secrets.token_hex(8)

    async def search(
        self, query: str, options: Mapping[str, Any] | None = None
    ) -> list[MemoryEntry]:
        """Return the memories that answer best."""
        if not query.strip():
            return []
        k = (options or {}).get("max_search_results") or self.max_search_results
        result = await asyncio.to_thread(self.memory.recall, query, k=k)
        shown = () if result.status == "empty" else result.hits
        return [
            MemoryEntry(
                content=hit.memory.text,
                metadata={
                    **hit.memory.metadata, "id": hit.id, "score": hit.score,
                    "source": hit.memory.source, "trust": hit.memory.trust.value,
                    "time": hit.memory.occurred_at.isoformat(),
                },
            )
            for hit in shown
        ]  # fmt: skip

    async def add(self, content: str, metadata: Mapping[str, Any] | None = None) -> str:
        """Store one text that the agent chose to keep; return its id."""
        about = {key: v for key, v in (metadata or {}).items() if isinstance(v, str | int | float)}
        stored = await asyncio.to_thread(
            self.memory.store, content, source="assistant", kind="semantic", metadata=about
        )
        return stored.id

    async def add_messages(self, messages: Sequence[Any], context: Any = None) -> None:
        """Store the texts of messages; a batch that is handed over again is stored once."""
        numbers = getattr(context, "sequence_numbers", None) or [None] * len(messages)
        drafts: list[dict[str, object]] = []
        for message, number in zip(messages, numbers, strict=True):
            role = message["role"]
            texts = [part["text"] for part in message["content"] if part.get("text")]
            if texts and role in ("user", "assistant"):
                key = None if number is None else f"strands:{self._run}:{number}"
                text = "\n".join(texts)
                drafts.append({"text": text, "role": role, "source": role, "key": key})
        if drafts:
            await asyncio.to_thread(self.memory.store_many, drafts)
