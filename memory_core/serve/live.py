"""The journal as it grows, for a client that listens: server-sent events without any text.

    id: 412
    event: stored
    data: {"seq":412,"at":"…","event":"stored","id":"…","hash":"…"}

A client that was cut off sends `Last-Event-ID` and misses nothing. The memory is leased for each
look and not in between, so an idle listener holds nothing open.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from memory_core.serve.exploring import entries
from memory_core.serve.replies import EntriesReply, EntryReply
from memory_core.serve.requests import Entries
from memory_core.serve.stores import Stores

T = TypeVar("T")
EVERY = 0.5
"""Seconds between two looks."""
BEAT = 15.0
"""Seconds of silence after which a comment keeps the connection alive."""
AT_ONCE = 200


class Work(Protocol):
    """Runs something in a worker thread."""

    def __call__(self, act: Callable[[], T], /) -> Awaitable[T]:
        """Return what it returned."""
        ...


class Live:
    """One listener."""

    def __init__(self, stores: Stores, namespace: str, after: int | None) -> None:
        self._stores = stores
        self._namespace = namespace
        self._after = after

    def begin(self) -> None:
        """Begin at the newest entry, unless told where.

        Raises:
            NotFound: no such namespace.
        """
        with self._stores.lease(self._namespace) as memory:
            if self._after is None:
                self._after = memory.journal.head.seq

    async def parts(self, work: Work, *, until: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Yield the stream until told to end."""
        yield b": the journal, entry by entry\n\n"
        silent = 0.0
        while not until():
            found = await work(self._look)
            for entry in found.entries:
                yield _event(entry)
                self._after = entry.seq
            if found.entries:
                silent = 0.0
                continue
            await asyncio.sleep(EVERY)
            silent += EVERY
            if silent >= BEAT:
                silent = 0.0
                yield b": nothing new\n\n"

    def _look(self) -> EntriesReply:
        with self._stores.lease(self._namespace) as memory:
            return entries(memory, Entries(after=self._after or 0, limit=AT_ONCE))


def _event(entry: EntryReply) -> bytes:
    return f"id: {entry.seq}\nevent: {entry.event}\ndata: {entry.model_dump_json()}\n\n".encode()
