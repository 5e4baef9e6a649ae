"""Pairs of question and passage in batches of similar length, as many as there is time for."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memory_core.forking import keep_open

OVERHEAD = 64  # characters a pair costs beside its text: special tokens, speaker, date


@dataclass(frozen=True, slots=True)
class Pair:
    """A passage to be judged against the query."""

    version: int
    text: str

    @property
    def length(self) -> int:
        """Characters that the model has to read for it."""
        return len(self.text) + OVERHEAD


class Cost:
    """Seconds per padded character, learned from batches; thread-safe.

    A moving average with weight 0.3 for the newest batch: follows a busier machine within three
    batches, forgets one hiccup as fast.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds_per_character = 0.0
        keep_open(self)

    def after_fork(self) -> None:
        """Make the lock anew: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    @property
    def known(self) -> bool:
        """Whether a batch was measured yet."""
        return self._seconds_per_character > 0

    def learn(self, batch: Sequence[Pair], seconds: float) -> None:
        """Take one measured batch into account."""
        measured = seconds / _padded(batch)
        with self._lock:
            last = self._seconds_per_character
            self._seconds_per_character = 0.7 * last + 0.3 * measured if last else measured

    def of(self, batch: Sequence[Pair]) -> float:
        """Return the seconds that a batch should take."""
        return self._seconds_per_character * _padded(batch)

    def affordable(self, pairs: Sequence[Pair], seconds: float, batch: int) -> int:
        """Return how many of the first pairs fit into the time, once bucketed by length."""
        count = len(pairs)
        while count and sum(map(self.of, bucketed(pairs[:count], batch))) > seconds:
            count -= min(count, max(1, batch // 4))
        return count


def bucketed(pairs: Sequence[Pair], batch: int) -> list[Sequence[Pair]]:
    """Return batches of similar length; the one with the best-ranked pair goes first."""
    rank = {pair.version: place for place, pair in enumerate(pairs)}
    by_length = sorted(pairs, key=lambda pair: (pair.length, rank[pair.version]))
    batches = [by_length[start : start + batch] for start in range(0, len(pairs), batch)]
    return sorted(batches, key=lambda members: min(rank[pair.version] for pair in members))


def repeated(pairs: Sequence[Pair], batches: Sequence[Sequence[int]]) -> Iterator[Sequence[Pair]]:
    """Yield the batches of an earlier run, by version; what is no candidate now is left out."""
    here = {pair.version: pair for pair in pairs}
    for versions in batches:
        if batch := [here[version] for version in versions if version in here]:
            yield batch


def _padded(batch: Sequence[Pair]) -> int:
    return len(batch) * max(pair.length for pair in batch)
