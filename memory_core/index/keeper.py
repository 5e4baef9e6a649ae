"""Keeps the Chroma index in a thread: opens or rebuilds it, feeds it, lets go of it.

The thread looks at the journal's counters twice a second, so rows that other processes wrote
arrive too, and an erasure closes the index wherever it is open. Queries run in a lane with a time
limit. Whatever fails is logged and tried again with growing pauses; a store never waits for this
and never fails by it, and a recall is told in words why exact scan served.
"""

import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from memory_core.answers import Vector
from memory_core.errors import IndexUnavailable, StoreBusy, StoreClosed
from memory_core.index.canary import live_rows
from memory_core.index.chroma import BATCH, ChromaIndex
from memory_core.index.embedded import Abandoned, Work
from memory_core.index.exact import ExactRows, Rows
from memory_core.index.lane import Lane, Late
from memory_core.index.retriever import Neighbours
from memory_core.journal.vectors import VectorTable

logger = logging.getLogger(__name__)

POLL = 0.5
"""Seconds between two looks at the journal."""
WARM = 1.0
"""Seconds a process lives before it opens the index: a single command never does."""
QUIET = 20.0
"""Seconds without new rows after which a written index is closed, marked and opened again."""
LONGEST_PAUSE = 60.0
CLOSING = 10.0
"""Seconds that Chroma has to close its files."""


class Store(Protocol):
    """Where the index lies; all but `limit` is called by the keeper's thread only."""

    @property
    def limit(self) -> float:
        """Seconds a query may take."""
        ...

    def open(self, rows: Rows, work: Work) -> tuple[ChromaIndex, int]:
        """Return a trusted index and its position."""
        ...

    def before_write(self) -> None:
        """Be told that the index is about to be written."""
        ...

    def seal(self, rows: Rows, position: int) -> None:
        """Be told that the index was closed cleanly."""
        ...

    def blank(self) -> None:
        """Be told that the index was written, and nothing is writing or asking now."""
        ...

    def discard(self) -> None:
        """Remove the closed index."""
        ...

    def release(self) -> None:
        """Let another process have it."""
        ...


@dataclass(frozen=True, slots=True)
class Serving:
    """An open index and what it holds."""

    index: ChromaIndex
    position: int
    generation: int


class Keeper:
    """The Chroma index of one namespace as queries see it; thread-safe."""

    name = "chroma"

    def __init__(
        self, store: Store, rows: ExactRows, table: VectorTable, *, crossover: int, warm: float
    ) -> None:
        self._store = store
        self._rows = rows
        self._table = table
        self._crossover = crossover
        self._warm = warm
        self._pid = os.getpid()
        self._guard = threading.Lock()
        self._lane = Lane("Chroma")
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._serving: Serving | None = None
        self._reason = "the Chroma index is not open yet"
        self._faulty = False
        self._dirty_since: float | None = None
        self._opened: Serving | None = None

    @property
    def state(self) -> str:
        """In words, what the index is doing; for `doctor` and notes."""
        serving = self._serving
        return self._reason if serving is None else f"Chroma serves {serving.position:,} vectors"

    @property
    def position(self) -> int:
        """Rows below this number are in the index; 0 while it does not serve."""
        serving = self._serving
        return 0 if serving is None else serving.position

    def start(self) -> None:
        """Start the thread, once."""
        if self._stop.is_set() or self._pid != os.getpid():
            return
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="index", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """Have the thread look at the journal now."""
        self._wake.set()

    def nearest(
        self, vector: Vector, count: int, generation: int, *, deadline: float | None = None
    ) -> Neighbours:
        """Return up to `count` neighbours.

        Raises:
            IndexUnavailable: not now; the message says why.
        """
        if self._pid != os.getpid():
            raise IndexUnavailable("the Chroma index belongs to the process this one was forked of")
        self.start()
        serving = self._serving
        if serving is None:
            raise IndexUnavailable(self._reason)
        if serving.generation != generation:
            self.wake()
            raise IndexUnavailable("the Chroma index is older than the last erasure")
        limit = self._store.limit
        if deadline is not None:
            limit = min(limit, deadline - time.monotonic())
        try:
            found, _ = self._lane.run(lambda: serving.index.query(vector, count), limit)
        except Late:
            raise
        except IndexUnavailable as error:
            logger.warning("the Chroma index is given up: %s", error)
            self._faulty = True
            self._serving = None
            self._reason = "the Chroma index failed and is being rebuilt"
            self.wake()
            raise
        return Neighbours(found, serving.position)

    def wait(self, seconds: float) -> bool:
        """Wait until the index holds every row; return whether it does."""
        self.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            serving = self._serving
            if serving and (serving.position, serving.generation) == self._table.counters():
                return True
            self.wake()
            time.sleep(0.01)
        return False

    def close(self) -> None:
        """Stop the thread, which closes and marks the index; idempotent."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(timeout=2 * CLOSING)
        self._lane.close()

    def _run(self) -> None:
        pause = 0.5
        self._stop.wait(self._warm)
        try:
            while not self._stop.is_set():
                try:
                    self._step()
                    pause, rest = 0.5, POLL
                except StoreClosed:
                    return
                except Abandoned:
                    rest = 0.0
                except StoreBusy as error:
                    self._reason, rest = f"the Chroma index is another process's: {error}", 2.0
                except Exception as error:
                    logger.warning("the Chroma index waits %.1f s: %s", pause, error)
                    self._reason = f"the Chroma index cannot be used: {error}"
                    self._faulty = True
                    rest, pause = pause, min(pause * 2, LONGEST_PAUSE)
                self._wake.wait(rest)
                self._wake.clear()
        finally:
            self._end()

    def _step(self) -> None:
        total, generation = self._table.counters()
        opened = self._opened
        if opened is not None and (self._faulty or opened.generation != generation):
            self._let_go(mark=False)
            if opened.generation != generation:
                self._store.discard()
        if self._opened is None:
            if total < self._crossover or not total:
                self._reason = "there are too few vectors for Chroma"
                return
            self._open()
        self._feed()
        since = self._dirty_since
        if since is not None:
            self._lane.run(self._store.blank, CLOSING)  # between two queries: those write as well
        if since is not None and time.monotonic() - since > QUIET:
            self._let_go(mark=True)
            self._open()

    def _open(self) -> None:
        rows = self._rows.current()
        index, position = self._store.open(rows, self._work(rows.generation))
        self._opened = self._serving = Serving(index, position, rows.generation)
        self._faulty, self._dirty_since = False, None

    def _feed(self) -> None:
        rows = self._rows.current()
        while (opened := self._opened) is not None and opened.position < len(rows):
            if self._stop.is_set() or rows.generation != opened.generation or self._faulty:
                return
            stop = min(opened.position + BATCH, len(rows))
            fresh = live_rows(rows, stop)
            fresh = fresh[fresh >= opened.position]
            self._store.before_write()
            self._dirty_since = time.monotonic()
            opened.index.add(fresh, rows.matrix[fresh])
            self._opened = Serving(opened.index, stop, rows.generation)
            if not self._faulty:
                self._serving = self._opened
            if self._table.generation != rows.generation:
                return

    def _let_go(self, *, mark: bool) -> None:
        """Close the index; mark it if all went well, so that it is believed when next opened."""
        opened, self._opened, self._serving = self._opened, None, None
        if opened is None:
            return
        self._reason = "the Chroma index is being closed"
        if not mark:
            self._store.before_write()
        self._lane.run(opened.index.close, CLOSING)
        rows = self._rows.current()
        if mark and not self._faulty and rows.generation == opened.generation:
            self._store.seal(rows, opened.position)

    def _end(self) -> None:
        try:
            self._let_go(mark=True)
        except Late:
            logger.error("Chroma does not close: its directory stays ours until this process ends")
            return
        except Exception as error:
            logger.warning("the Chroma index was not marked: %s", error)
        self._store.release()

    def _work(self, generation: int) -> Work:
        def tell(what: str) -> None:
            self._reason = what

        def stop() -> bool:
            return self._stop.is_set() or self._table.generation != generation

        return Work(tell, stop)
