"""What tests of agents need: a clock to turn by hand and a memory that needs no model."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from memory_core.answers import RecallResult
from memory_core.build import open_memory
from memory_core.manager import MemoryManager
from memory_core.replay.frozen import FrozenTurn, Hand
from memory_core.types import to_micros

DIGITS = 4
"""Decimals of a score that are the same on every machine."""


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


@dataclass(frozen=True, slots=True)
class Thawed:
    """A frozen turn, ranked again."""

    result: RecallResult
    recorded: dict[str, float]
    """Id and score of what was recalled then, best first, to four digits."""

    @property
    def recalled(self) -> dict[str, float]:
        """Id and score of what is recalled now, best first, to four digits."""
        return {hit.id: round(hit.score, DIGITS) for hit in self.result.hits}


@contextmanager
def thawed(path: str | Path, **settings: Any) -> Iterator[Thawed]:
    """Lend the recall that `memory replay export` froze, run again in a home of its own.

    Args:
        path: the data file.
        **settings: other settings than the recorded ones.

    Raises:
        InvalidInput: the file holds no frozen turn.
    """
    turn, clock = FrozenTurn.load(path), Hand()
    plain: dict[str, Any] = {"recordings": False, "index": "exact", "durability": "normal"}
    with temporary_memory(embedder=turn.embedder, clock=clock, **plain) as memory:
        turn.thaw(memory.parts, clock)
        result = turn.recall(memory.parts, settings=settings)
        pairs = zip(turn.ids, turn.scores, strict=True)
        yield Thawed(result, {id: round(score, DIGITS) for id, score in pairs})
