"""Health that means something: a memory is stored, recalled and erased, in a namespace of its own.

"Running" is not "working": a server whose disk is full or whose model is gone answers all the same.
So the canary goes the whole way and is red at the first step that fails, is slow or degraded. It is
tried at most every few seconds, and leaves two journal entries without content each time.

An erasure rewrites the journal and searches every file, so on a large home it takes seconds. There
the whole way is gone less often, so that it takes a twentieth of the time at most, and between two
of them the canary recalls only.
"""

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel

from memory_core.errors import MemoryCoreError, NotFound
from memory_core.manager import MemoryManager
from memory_core.serve.stores import Stores

logger = logging.getLogger(__name__)

Way = Callable[[MemoryManager, list[str]], str | None]
"""What a canary does; it keeps the name of the step it is at."""
NAMESPACE = ".health"
PATIENCE = 4.0
"""Seconds until a canary that has not come back counts as failed, on a small home."""
BYTES_A_SECOND = 16 << 20
"""How fast a journal is at least rewritten and searched: what a large home has more time for."""
LONG = 2.0
"""Seconds from which on the whole way is too long to be gone each time."""


class Health(BaseModel):
    """What the last canary found."""

    status: Literal["ok", "failed"]
    at: datetime
    seconds: float
    failed: str | None = None
    """The step that failed: open, store, recall, erase, or answer when it took too long."""
    error: str | None = None
    """The error's class, or what was wrong; the log has the rest."""


class Canary:
    """Tries the memory, at most once at a time and not more often than told."""

    def __init__(self, stores: Stores, *, every: float, rest: float = 20.0) -> None:
        """Prepare it.

        Args:
            stores: lends the memory.
            every: seconds between two looks.
            rest: seconds between two whole ways, for each second that one took, if it took long.
        """
        self._stores = stores
        self._every = every
        self._rest = rest
        self._whole = (float("-inf"), 0.0)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="canary")
        self._lock = threading.Lock()
        self._last: tuple[float, Health] | None = None

    async def check(self) -> Health:
        """Return the newest finding; never waits longer than its patience."""
        last = self._last
        if last is not None and time.monotonic() - last[0] < self._every:
            return last[1]
        patience = PATIENCE + self._size() / BYTES_A_SECOND
        flight = asyncio.get_running_loop().run_in_executor(self._pool, self._fly)
        try:
            return await asyncio.wait_for(asyncio.shield(flight), patience)
        except TimeoutError:
            return Health(
                status="failed", at=datetime.now(UTC), seconds=patience, failed="answer",
                error=f"nothing within {patience:.0f} s",
            )  # fmt: skip

    def close(self) -> None:
        """Let the last one land."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _fly(self) -> Health:
        with self._lock:
            if self._last is not None and time.monotonic() - self._last[0] < self._every:
                return self._last[1]
            at, took = self._whole
            resting = took > LONG and time.monotonic() - at < self._rest * took
            found = self._flown(_glance if resting and self._was_ok() else _way)
            if not resting:
                self._whole = (time.monotonic(), found.seconds)
            self._last = (time.monotonic(), found)
            return found

    def _was_ok(self) -> bool:
        return self._last is not None and self._last[1].status == "ok"

    def _size(self) -> int:
        try:
            return (self._stores.home / "journal.db").stat().st_size
        except OSError:  # not there yet, or the very thing that is broken
            return 0

    def _flown(self, way: Way) -> Health:
        begun, at = time.monotonic(), datetime.now(UTC)
        step, error = ["open"], None
        try:
            with self._stores.lease(NAMESPACE, create=True) as memory:
                error = way(memory, step)
        except MemoryCoreError as caught:
            error = type(caught).__name__
            logger.warning("the canary failed at %s: %s", step[0], caught)
        except Exception as caught:  # whatever it is, the memory does not work
            error = type(caught).__name__
            logger.exception("the canary failed at %s", step[0])
        seconds = round(time.monotonic() - begun, 4)
        if error is None:
            return Health(status="ok", at=at, seconds=seconds)
        return Health(status="failed", at=at, seconds=seconds, failed=step[0], error=error)


def _glance(memory: MemoryManager, step: list[str]) -> str | None:
    """Recall only; return what was wrong, None if nothing."""
    step[0] = "recall"
    result = memory.recall("canary", k=1, record=False, deadline_ms=2_000)
    return ", ".join(note.code for note in result.notes if note.degraded) or None


def _way(memory: MemoryManager, step: list[str]) -> str | None:
    """Go the whole way; return what was wrong, None if nothing."""
    for left in memory.list(limit=8):  # of one that was killed
        memory.erase(left.id)
    step[0] = "store"
    text = f"canary {secrets.token_hex(8)}"
    stored = memory.store(text)
    step[0] = "recall"
    result = memory.recall(text, k=1, record=False, deadline_ms=2_000)
    if [hit.memory.text for hit in result.hits] != [text]:
        return "it was not recalled"
    if result.status != "ok":
        return ", ".join(note.code for note in result.notes if note.degraded) or result.status
    step[0] = "erase"
    if memory.erase(stored.id).residue:
        return "it was not erased everywhere"
    try:
        memory.get(stored.id)
    except NotFound:
        return None
    return "it is still there"
