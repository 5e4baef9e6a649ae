"""Google ADK: a memory service for `Runner`, one namespace of the memory for each user.

    runner = Runner(app_name="app", agent=agent, session_service=…, memory_service=AdkMemory(home))

ADK names an application and a user in every call. Each pair is a namespace of its own, opened at
first use, so no search can see another user's memories.
"""

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory_adapters.extras import needs
from memory_core import Hit, MemoryManager, NotFound, open_memory

with needs("google-adk", "adk"):
    from google.adk.memory.base_memory_service import BaseMemoryService, SearchMemoryResponse
    from google.adk.memory.memory_entry import MemoryEntry
    from google.genai import types

MOST = 10  # as ADK's own service


class AdkMemory(BaseMemoryService):
    """ADK's memory service over a store.

    Args:
        home: directory of the store, `~` allowed.
        k: how many memories a search returns, 1..200.
        options: what `open_memory` takes: `embedder`, `reranker` and so on.
    """

    def __init__(self, home: str | Path, *, k: int = MOST, **options: Any) -> None:
        self._home, self._k, self._options = home, k, options
        self._open: dict[str, MemoryManager] = {}
        self._lock = threading.Lock()

    async def add_session_to_memory(self, session: Any) -> None:
        """Store a session's events; those stored before are passed over."""
        await asyncio.to_thread(
            self._add, (session.app_name, session.user_id), session.events, session.id
        )

    async def add_events_to_memory(
        self,
        *,
        app_name: str,
        user_id: str,
        events: Sequence[Any],
        session_id: str | None = None,
        custom_metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Store events; those stored before, deleted ones too, are passed over."""
        about = {key: v for key, v in (custom_metadata or {}).items() if isinstance(v, _SCALARS)}
        await asyncio.to_thread(self._add, (app_name, user_id), events, session_id, about)

    async def add_memory(
        self,
        *,
        app_name: str,
        user_id: str,
        memories: Sequence[MemoryEntry],
        custom_metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Store memories as they are."""
        drafts: list[dict[str, object]] = []
        for entry in memories:
            about = {**(custom_metadata or {}), **entry.custom_metadata}
            drafts.append(
                {
                    "text": _text(entry.content), "speaker": entry.author or None,
                    "occurred_at": entry.timestamp, "key": entry.id,
                    "metadata": {key: v for key, v in about.items() if isinstance(v, _SCALARS)},
                }
            )  # fmt: skip
        memory = self.of(app_name, user_id)
        await asyncio.to_thread(memory.store_many, [d for d in drafts if d["text"]])

    async def search_memory(
        self, *, app_name: str, user_id: str, query: str
    ) -> SearchMemoryResponse:
        """Return the user's memories that answer best."""
        if not query.strip():
            return SearchMemoryResponse()
        memory = self.of(app_name, user_id)
        result = await asyncio.to_thread(memory.recall, query, k=self._k)
        shown = () if result.status == "empty" else result.hits
        return SearchMemoryResponse(memories=[_entry(hit) for hit in shown])

    async def delete_memory(
        self, *, app_name: str, user_id: str, memory_id: str | None = None
    ) -> None:
        """Forget one memory; an id that is not this user's is passed over."""
        if memory_id is not None:
            with suppress(NotFound):
                await asyncio.to_thread(self.of(app_name, user_id).forget, memory_id)

    def of(self, app_name: str, user_id: str) -> MemoryManager:
        """Return the memory of one user of an application, opened at first use."""
        namespace = json.dumps([app_name, user_id], ensure_ascii=False)
        with self._lock:
            if namespace not in self._open:
                self._open[namespace] = open_memory(
                    self._home, namespace=namespace, **self._options
                )
            return self._open[namespace]

    def close(self) -> None:
        """Close every memory that was opened."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _add(
        self,
        whose: tuple[str, str],
        events: Sequence[Any],
        session: str | None,
        about: Mapping[str, object] | None = None,
    ) -> None:
        drafts: list[dict[str, object]] = []
        for event in events:
            if event.content and (text := _text(event.content)):
                role = "user" if event.author == "user" else "assistant"
                drafts.append(
                    {
                        "text": text, "role": role, "source": role, "speaker": event.author or None,
                        "session": session or None, "key": f"{session}:{event.id}"[:250],
                        "occurred_at": datetime.fromtimestamp(event.timestamp, UTC),
                        "metadata": dict(about or {}),
                    }
                )  # fmt: skip
        self.of(*whose).store_many(drafts)


_SCALARS = (str, int, float, bool)


def _text(content: Any) -> str:
    parts = (part.text for part in content.parts or () if part.text and not part.thought)
    return "\n".join(parts).strip()


def _entry(hit: Hit) -> MemoryEntry:
    memory = hit.memory
    about = {
        "score": hit.score, "source": memory.source, "trust": memory.trust.value,
        "session": memory.session,
    }  # fmt: skip
    role = "user" if memory.role in (None, "user") else "model"
    return MemoryEntry(
        id=memory.id,
        content=types.Content(role=role, parts=[types.Part(text=memory.text)]),
        author=memory.speaker or memory.role or memory.source,
        timestamp=memory.occurred_at.isoformat(),
        custom_metadata={**memory.metadata, **about},
    )
