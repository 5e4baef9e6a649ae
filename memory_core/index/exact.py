"""All rows of one namespace as arrays, for exact scan: mapped from the shared file, or in RAM.

The file is written by whichever process first sees that rows are missing and mapped by all. What
is damaged, foreign or of an older generation is replaced from the journal; where nothing can be
written, or the lease is not to be had, the rows are kept in RAM. Growing costs the new rows only.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory_core.errors import StoreBusy
from memory_core.forking import keep_open
from memory_core.index.lane import Lane, Late
from memory_core.index.owner import Lease
from memory_core.index.place import Place, lock_of, remove
from memory_core.index.scanfile import CHUNK, Damaged, Floats, Ints, Outdated, ScanFile, Shape
from memory_core.journal.vectors import VectorTable

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds to wait while another process writes the file."""
LEAST = 0.002
"""Seconds that rows may take although a deadline has passed: enough to begin reading them."""


class _Moved(Exception):
    """The journal's generation rose meanwhile: begin again."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows up to one moment; immutable, whatever is written later."""

    generation: int
    matrix: Floats = field(repr=False)
    """`(n, d)`; erased rows are zeros."""
    spans: Ints = field(repr=False)
    """`(n, 3)`: doc, start, stop; erased rows have doc -1."""
    first: Ints = field(repr=False)
    """By doc: its first row, -1 where not embedded. The rows of one doc stand together."""
    number: Ints = field(repr=False)
    """By doc: how many rows it has."""
    texts: int
    """How many docs are embedded."""

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def docs(self) -> Ints:
        """The doc of each row `(n,)`."""
        return self.spans[:, 0]

    def until(self, count: int) -> "Rows":
        """Return the first `count` rows, as they were when there were no more."""
        if count >= len(self):
            return self
        texts = int(np.count_nonzero((self.first >= 0) & (self.first < count)))
        return replace(self, matrix=self.matrix[:count], spans=self.spans[:count], texts=texts)

    def of(self, docs: Ints) -> Ints:
        """Return the rows of all spans of those docs, doc by doc."""
        known = docs[(docs >= 0) & (docs < len(self.first))]
        known = known[(self.first[known] >= 0) & (self.first[known] < len(self))]
        numbers = self.number[known]
        before = np.cumsum(numbers) - numbers
        places = np.arange(int(numbers.sum()), dtype=np.int64)
        every: Ints = places + np.repeat(self.first[known] - before, numbers)
        return every


class ExactRows:
    """Gives the newest `Rows`; thread-safe."""

    def __init__(self, table: VectorTable, place: Place, *, writable: bool) -> None:
        self._table = table
        self._place = place
        self._writable = writable
        self._guard = threading.Lock()
        self._lease = Lease(lock_of(place.scan))
        self._lane = Lane("the scan file")
        self._file: ScanFile | None = None
        self._ram: _Growing | None = None
        self._generation, self._size, self._texts = -1, 0, 0
        self._reset(-1)
        keep_open(self)

    def after_fork(self) -> None:
        """Make the lock anew and read anew: the fork may have caught it half grown."""
        self._guard = threading.Lock()
        self._generation = -1

    def current(self) -> Rows:
        """Return all rows that are in the journal now."""
        with self._guard:
            while True:
                total, generation = self._table.counters()
                if generation != self._generation:
                    self._reset(generation)
                if total <= self._size:
                    self._latest = self._rows()
                    return self._latest
                try:
                    self._grow(total)
                except _Moved:
                    self._generation = -1

    def by(self, deadline: float | None) -> tuple[Rows, int]:
        """Return all rows, or those known when the time is up; and how many are missing.

        Args:
            deadline: on the monotonic clock; reading goes on behind it, for the next call.
        """
        if deadline is None:
            return self.current(), 0
        total, generation = self._table.counters()
        latest = self._latest
        if (len(latest), latest.generation) == (total, generation):
            return latest, 0
        try:
            left = max(deadline - time.monotonic(), LEAST)
            return self._lane.run(self.current, left), 0
        except Late:
            latest = self._latest
            known = latest if latest.generation == generation else latest.until(0)
            return known, max(total - len(known), 0)

    def renewed(self) -> Rows:
        """Return all rows, read anew from the journal into a new file.

        Raises:
            StoreBusy: another process is writing the file.
        """
        if self._writable:
            self._place.prepare()
            with self._guard, self._lease.waiting(PATIENCE):
                remove(self._place.scan)
                self._generation = -1
        return self.current()

    @property
    def path(self) -> str:
        """Where the rows are: "mapped", "ram", or "empty"."""
        if not self._size:
            return "empty"
        return "mapped" if self._file is not None else "ram"

    def close(self) -> None:
        """Close the file; rows that were given out stay readable."""
        self._lane.close()
        with self._guard:
            self._close_mapped()
            self._lease.release()

    def _reset(self, generation: int) -> None:
        self._close_mapped()
        self._ram = None
        self._generation, self._size, self._texts = generation, 0, 0
        self._matrix: Floats = np.zeros((0, self._table.dimension), dtype=np.float32)
        self._spans = _Growing(3, -1)
        self._first = _Growing(1, -1)
        self._number = _Growing(1, 0)
        self._in_file = True
        self._latest = self._rows()

    def _rows(self) -> Rows:
        highest = len(self._first)
        return Rows(
            self._generation,
            self._matrix[: self._size],
            self._spans.until(self._size),
            self._first.until(highest)[:, 0],
            self._number.until(highest)[:, 0],
            self._texts,
        )

    def _grow(self, total: int) -> None:
        found = self._from_file(total) if self._in_file else None
        if found is None:
            self._in_file = False
            self._close_mapped()
            found = self._from_journal(total)
        self._matrix, fresh = found
        self._spans.put(self._size, fresh)
        self._index(fresh[:, 0])
        self._size = total

    def _index(self, docs: Ints) -> None:
        rows = np.arange(self._size, self._size + len(docs), dtype=np.int64)[docs >= 0]
        live, places, numbers = np.unique(docs[docs >= 0], return_index=True, return_counts=True)
        if len(live):
            self._first.set(live, rows[places])
            self._number.set(live, numbers)
            self._texts += len(live)

    def _from_journal(self, total: int) -> tuple[Floats, Ints]:
        if self._ram is None:
            self._ram = _Growing(self._table.dimension, 0, np.float32)
        known, spans = len(self._ram), []
        for start in range(known, total, CHUNK):
            vectors, some = self._read(start, min(start + CHUNK, total))
            self._ram.put(start, vectors)
            spans.append(some)
        return self._ram.until(total), np.concatenate(spans)[self._size - known :]

    def _read(self, start: int, stop: int) -> tuple[Floats, Ints]:
        found = self._table.spans(start, stop)
        vectors = self._table.read(start, stop)
        if self._table.generation != self._generation:
            raise _Moved
        return vectors, np.stack([found.doc, found.start, found.stop], axis=1)

    def _from_file(self, total: int) -> tuple[Floats, Ints] | None:
        try:
            records = self._mapped(total)
        except (OSError, StoreBusy) as error:
            logger.info("exact scan keeps its rows in memory: %s", error)
            return None
        return records["vector"], records["span"][self._size :]

    def _mapped(self, total: int) -> NDArray[Any]:
        if self._writable:
            self._place.prepare()
            with self._lease.waiting(PATIENCE):
                return self._checked(self._written, total)
        return self._checked(self._opened, total)

    def _checked(self, step: Callable[[int], ScanFile], total: int) -> NDArray[Any]:
        """Return the rows from the file, replacing it once if it cannot be believed."""
        for attempt in (1, 2):
            try:
                opened = self._file = step(total)
                return opened.rows(total)
            except Damaged as fault:
                self._close_mapped()
                if not self._writable or attempt == 2:
                    raise OSError(f"the scan file is {fault}") from fault
                keep = self._generation == 0  # later ones may hold what was erased
                self._place.set_aside(self._place.scan, str(fault), keep=keep)
        raise OSError("the scan file cannot be written")

    def _written(self, total: int) -> ScanFile:
        """Return the open file with at least `total` rows; the lease is held."""
        opened = self._file
        if opened is None or opened.replaced():
            self._close_mapped()
            opened = self._opened(0)
        if opened.count < total:
            opened.extend(total, self._read)
        return opened

    def _opened(self, total: int) -> ScanFile:
        shape = Shape(self._table.dimension, self._generation, self._identity())
        opened: ScanFile | None = None
        try:
            opened = ScanFile(self._place.scan, shape, writable=self._writable)
            self._same_history(opened)
        except FileNotFoundError:
            if not self._writable:
                raise
            opened = ScanFile.create(self._place.scan, shape)
        except Outdated as found:
            if found.found > self._generation:
                raise _Moved from found
            if not self._writable:
                raise OSError(f"the scan file is {found}") from found
            self._place.set_aside(self._place.scan, str(found), keep=False)
            opened = ScanFile.create(self._place.scan, shape)
        if opened.count < total:
            opened.close()
            raise OSError("the scan file is behind the journal")
        return opened

    def _same_history(self, opened: ScanFile) -> None:
        """Compare the last row with the journal's: a restored backup may have written others."""
        count = opened.count
        if count:
            row = opened.rows(count)[-1]
            if count > self._table.count():
                raise Damaged("ahead of the journal")
            vectors, spans = self._read(count - 1, count)
            if (
                row["vector"].tobytes() != vectors.tobytes()
                or row["span"].tolist() != spans[0].tolist()
            ):
                raise Damaged("of another history")

    def _close_mapped(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _identity(self) -> bytes:
        return bytes.fromhex(self._place.uid)[:8] + bytes.fromhex(self._place.key)


class _Growing:
    """Rows in RAM that grow by half again, so that adding one costs one."""

    def __init__(self, width: int, blank: float, kind: Any = np.int64) -> None:
        self._blank = blank
        self._data: NDArray[Any] = np.full((0, width), blank, dtype=kind)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def until(self, stop: int) -> NDArray[Any]:
        """Return the first rows, as a view."""
        return self._data[:stop]

    def put(self, start: int, values: NDArray[Any]) -> None:
        """Write rows from `start` on."""
        self._reach(start + len(values))
        self._data[start : start + len(values)] = values

    def set(self, places: Ints, values: Ints) -> None:
        """Write one number at each of the places."""
        self._reach(int(places.max()) + 1)
        self._data[places, 0] = values

    def _reach(self, size: int) -> None:
        if size > len(self._data):
            shape = (max(size * 3 // 2, 64), self._data.shape[1])
            bigger = np.full(shape, self._blank, dtype=self._data.dtype)
            bigger[: self._used] = self._data[: self._used]
            self._data = bigger
        self._used = max(self._used, size)
