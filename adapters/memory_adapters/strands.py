"""Strands Agents: a memory store for its `MemoryManager`, which injects and extracts by itself.

    agent = Agent(memory_manager=MemoryManager(stores=[StrandsStore(memory)], injection=True))

Not part of the extra `frameworks`: Strands holds `mcp` below 2.2.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from memory_adapters.extras import needs
from memory_adapters.shelf import SHELF, Shelf, Value
from memory_core import InvalidInput, MemoryManager

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

    Raises:
        InvalidInput: the name is blank, or `max_search_results` out of range.
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
        if not name.strip():
            raise InvalidInput("name must not be empty: the model's tools name the store by it")
        self.memory = memory
        self.name = name
        self.description = description
        self.max_search_results = _counted(max_search_results)
        self.writable = writable
        self.extraction = extraction
        self._run = secrets.token_hex(8)
        self._kept = Shelf(memory, "strands")

    async def search(
        self, query: str, options: Mapping[str, Any] | None = None
    ) -> list[MemoryEntry]:
        """Return the memories that answer best; none where the query has no word."""
        asked = (options or {}).get("max_search_results")
        k = self.max_search_results if asked is None else _counted(asked)
        if not any(character.isalnum() for character in query):
            return []
        result = await asyncio.to_thread(self.memory.recall, query, k=k)
        shown = () if result.status == "empty" else result.hits
        return [
            MemoryEntry(
                content=hit.memory.text,
                metadata={
                    **_given(hit.memory.metadata), "id": hit.id, "score": hit.score,
                    "source": hit.memory.source, "trust": hit.memory.trust.value,
                    "time": hit.memory.occurred_at.isoformat(),
                },
            )
            for hit in shown
        ]  # fmt: skip

    async def add(self, content: str, metadata: Mapping[str, Any] | None = None) -> str:
        """Store one text that the agent chose to keep; return its id.

        The same text again is the same memory: an extraction that is retried adds nothing.

        Raises:
            InvalidInput: the text is blank, or the store is not to be written.
        """
        if not self.writable:
            raise InvalidInput(f"the store is not writable; open {self.name!r} with writable=True")
        if not content.strip():
            raise InvalidInput("content must not be empty; pass what is to be kept")
        about = {key: v for key, v in (metadata or {}).items() if isinstance(v, str | int | float)}
        value = Value(content, about, {"source": "assistant", "kind": "semantic"})
        stored = await asyncio.to_thread(self._kept.put, content.strip(), value)
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


def _counted(number: int) -> int:
    if not 1 <= number <= 200:
        raise InvalidInput(
            f"max_search_results must be at least 1 and at most 200, got {number}; pass such a one"
        )
    return number


def _given(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name != SHELF}
