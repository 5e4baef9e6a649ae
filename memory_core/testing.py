"""What tests of agents need: a clock to turn by hand and a memory that needs no model."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from memory_core.build import open_memory
from memory_core.manager import MemoryManager
from memory_core.types import to_micros


class ManualClock:
    """A clock that moves only when told, in microseconds since 1970 UTC.

    Example:
        >>> clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        >>> clock.advance(days=1)
        >>> clock.now.isoformat()
        '2026-01-02T00:00:00+00:00'
    """

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> int:
        """Return the time it was set to."""
        return to_micros(self.now)

    def advance(self, **amount: float) -> None:
        """Move by a `timedelta`'s arguments: days, hours, seconds and so on."""
        self.now += timedelta(**amount)


@contextmanager
def temporary_memory(**options: Any) -> Iterator[MemoryManager]:
    """Lend a memory in a temporary home, with the hashing embedder unless told otherwise.

    Args:
        **options: what `open_memory` takes.
    """
    with tempfile.TemporaryDirectory() as home:
        memory = open_memory(home, **{"embedder": "hash", **options})
        try:
            yield memory
        finally:
            memory.close()
