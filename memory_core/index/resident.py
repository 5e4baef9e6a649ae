"""An approximate index that lives in this process's memory: built, fed and dropped by a thread.

Nothing of it is on disk, so nothing can be stale, foreign or damaged there: each process builds its
own from the journal's vectors in seconds, and exact scan serves until it is ready. Rows that came
since are scanned beside it; an erasure drops it.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from memory_core.answers import Vector
from memory_core.errors import IndexUnavailable, StoreClosed
from memory_core.index.base import VectorIndex
from memory_core.index.canary import live_rows
from memory_core.index.exact import ExactRows, Rows
from memory_core.index.retriever import Neighbours

logger = logging.getLogger(__name__)

POLL = 0.5
"""Seconds between two looks at the journal."""


@dataclass(frozen=True, slots=True)
class Held:
    """An index and what it holds."""

    index: VectorIndex
    position: int
    """Rows below this number are in it."""
    generation: int


class Resident:
    """An index in memory as queries see it; thread-safe.

    Args:
        name: of the path.
        rows: what it is fed from.
        make: returns an empty index for vectors of a dimension.
        crossover: rows from which it is built.
    """

    def __init__(
        self, name: str, rows: ExactRows, make: Callable[[int], VectorIndex], *, crossover: int
    ) -> None:
        self._name = name
        self._rows = rows
        self._make = make
        self._crossover = crossover
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._held: Held | None = None
        self._reason = f"the {name} index is not built yet"

    @property
    def name(self) -> str:
        """The path's name in notes and recordings."""
        return self._name

    @property
    def state(self) -> str:
        """In words, what the index is doing; for `doctor` and notes."""
        held = self._held
        return self._reason if held is None else f"{self._name} serves {held.position:,} vectors"

    @property
    def position(self) -> int:
        """Rows below this number are in the index; 0 while it does not serve."""
        held = self._held
        return 0 if held is None else held.position

    def start(self) -> None:
        """Start the thread, once in each process."""
        if self._stop.is_set():
            return
        if self._pid != os.getpid():  # a thread of the parent may have held the lock
            self._pid, self._lock, self._thread = os.getpid(), threading.Lock(), None
            self._held = None
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look at the journal now."""
        self._wake.set()

    def nearest(
        self, vector: Vector, count: int, generation: int, *, deadline: float | None = None
    ) -> Neighbours:
        """Return up to `count` neighbours.

        Raises:
            IndexUnavailable: it is not built, or something was erased since.
        """
        self.start()
        with self._lock:
            held = self._held
            if held is None:
                raise IndexUnavailable(self._reason)
            if held.generation != generation:
                self.wake()
                raise IndexUnavailable(f"the {self._name} index is older than the last erasure")
            found, _ = held.index.query(vector, count)
            return Neighbours(found, held.position)

    def wait(self, timeout: float) -> bool:
        """Wait until every row is in the index; tell whether it is."""
        self.start()
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            rows, held = self._rows.current(), self._held
            if held and (held.position, held.generation) == (len(rows), rows.generation):
                return True
            self.wake()
            time.sleep(0.02)
        return False

    def close(self) -> None:
        """Stop and let go of the memory; idempotent."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(timeout=10)
        self._held = None

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except StoreClosed:
                return
            except Exception as error:  # faiss may raise anything; exact scan serves
                self._reason = f"the {self._name} index failed: {error}"
                logger.warning("the %s index failed: %s", self._name, type(error).__name__)
            self._wake.wait(POLL)
            self._wake.clear()

    def _look(self) -> None:
        rows, held = self._rows.current(), self._held
        if len(rows) < max(self._crossover, 1):
            return
        if held is None or held.generation != rows.generation:
            self._held, self._reason = None, f"the {self._name} index is being built"
            self._held = self._built(rows)
        elif held.position < len(rows):
            fresh = live_rows(rows, len(rows))
            fresh = fresh[fresh >= held.position]
            with self._lock:
                held.index.add(fresh, rows.matrix[fresh])
                self._held = Held(held.index, len(rows), held.generation)

    def _built(self, rows: Rows) -> Held:
        index = self._make(rows.matrix.shape[1])
        live = live_rows(rows, len(rows))
        index.add(live, rows.matrix[live])
        return Held(index, len(rows), rows.generation)
