"""Recordings of recalls: written behind the caller's back, bounded, erasable.

A recording holds the query, its vector, the journal position, and what every stage kept and cut
with its signals, by version number: never a memory's text. It is no event, is outside the chain,
and is committed in groups: a crash may lose the last second of recordings, never a memory.
"""

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import apsw

from memory_core.answers import RecallResult
from memory_core.errors import MemoryCoreError, NotFound, StoreBusy, StoreError
from memory_core.forking import keep_open, undisturbed
from memory_core.replay.encoding import decode, encode, glance
from memory_core.replay.environment import Environment

logger = logging.getLogger(__name__)

T = TypeVar("T")

GROUP_SECONDS = 0.5
_SCHEMA = """
CREATE TABLE IF NOT EXISTS recordings(
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, namespace BLOB NOT NULL,
    at INTEGER NOT NULL, session TEXT, seq INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS recordings_by_id ON recordings(namespace, id);
"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept: the oldest recordings go first."""

    megabytes: int = 64
    days: int = 90


@dataclass(frozen=True, slots=True)
class Waiting:
    """A recall that is not written yet."""

    id: str
    at: int
    session: str | None
    result: RecallResult
    deadline_ms: float | None


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded recall."""

    id: str
    at: int
    """Microseconds since 1970 UTC."""
    session: str | None
    seq: int
    body: Mapping[str, Any]
    """Query, settings, steps with their hits, cuts and notes; see `encoding.decode`."""


class Recordings:
    """The recordings of one namespace, in `<home>/recordings.db`; thread-safe.

    Example:
        >>> import tempfile
        >>> recordings = Recordings(Path(tempfile.mkdtemp()), b"namespace")
        >>> recordings.list()
        []
        >>> recordings.close()
    """

    def __init__(
        self,
        home: Path,
        namespace: bytes,
        bounds: Bounds | None = None,
        environment: Environment | None = None,
        *,
        erased: Callable[[], int] = lambda: 0,
    ) -> None:
        self._path = home / "recordings.db"
        self._namespace = namespace
        self._bounds = bounds or Bounds()
        self._under = environment or Environment({}, {})
        self._erased = erased
        self._lock = threading.RLock()
        self._connection: apsw.Connection | None = None
        self._waiting: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._abandoned: list[apsw.Connection] = []
        keep_open(self)

    def after_fork(self) -> None:
        """Start anew: lock, queue and thread are the parent's, who writes what is queued."""
        self._lock, self._waiting = threading.RLock(), queue.SimpleQueue()
        self._thread, self._stop = None, threading.Event()
        if self._connection is not None:  # kept open: closing it would end the parent's locks
            self._abandoned.append(self._connection)
        self._connection = None

    def add(self, result: RecallResult, session: str | None) -> str:
        """Queue a recall for recording and return its id."""
        recall_id = secrets.token_hex(8)
        at, deadline = time.time_ns() // 1000, result.query.deadline
        if deadline is not None:  # back from the monotonic clock to what the caller gave
            deadline = (deadline - time.monotonic() + result.seconds) * 1000
        self._waiting.put(Waiting(recall_id, at, session, result, deadline))
        if self._thread is None or not self._thread.is_alive():
            self._start()
        return recall_id

    def list(self, limit: int = 50) -> list[Recording]:
        """Return the newest recordings, newest first.

        Raises:
            StoreError: the file cannot be read.
        """
        self.flush()
        found = self._asked(
            lambda connection: connection.execute(
                "SELECT id, at, session, seq, body FROM recordings WHERE namespace = ?"
                " ORDER BY n DESC LIMIT ?",
                (self._namespace, limit),
            ).fetchall()
        )
        return [_decoded(row) for row in found]

    def get(self, id: str) -> Recording:
        """Return one recording.

        Raises:
            NotFound: it is not there, or was dropped by the bounds.
            StoreError: the file cannot be read.
        """
        self.flush()
        row = self._asked(
            lambda connection: connection.execute(
                "SELECT id, at, session, seq, body FROM recordings WHERE namespace = ? AND id = ?",
                (self._namespace, id),
            ).fetchone()
        )
        if row is None:
            raise NotFound(f"no recording {id!r} in this namespace; see: memory replay list")
        return _decoded(row)

    def flush(self) -> None:
        """Write what is queued, in one transaction, and drop what is out of bounds.

        Raises:
            StoreError: the file cannot be written.
        """
        with undisturbed(), self._lock:
            rows = []
            while not self._waiting.empty():
                rows.append(self._row(self._waiting.get()))
            if rows:  # what was recalled before an erasure may hold what was erased
                erased = self._erased()
                rows = [row for row in rows if row[4] >= erased]
            if not rows:
                return
            self._asked(lambda connection: self._write(connection, rows))

    def _write(self, connection: apsw.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        with connection:
            connection.executemany(
                "INSERT INTO recordings(id, namespace, at, session, seq, body)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._trim(connection)

    def _asked(self, work: Callable[[apsw.Connection], T]) -> T:
        """Work with the file; a damaged one is begun anew, since recordings are no truth."""
        with undisturbed(), self._lock:
            try:
                try:
                    return work(self._open())
                except (apsw.CorruptError, apsw.NotADBError):
                    logger.warning("%s is damaged and begun anew", self._path.name)
                    self._discard()
                    return work(self._open())
            except apsw.BusyError as error:
                raise StoreBusy(f"{self._path} is in use; try again when it is free") from error
            except (apsw.Error, OSError) as error:
                raise StoreError(f"{self._path} cannot be used ({error}); check it") from error

    def redact(self, versions: set[int], texts: Sequence[str]) -> int:
        """Remove recordings whose query holds an erased text or that saw an erased version.

        Returns:
            How many were removed.

        Raises:
            StoreBusy: another process is reading them; erase again when it is done.
        """
        self.flush()
        if not self._path.exists():
            return 0
        return self._asked(lambda connection: self._redacted(connection, versions, texts))

    def drop(self, session: str | None = None, days: int = 0) -> int:
        """Remove a session's recordings, or all, at least so many days old; return how many."""
        self.flush()
        if not self._path.exists():
            return 0
        chosen = "SELECT n FROM recordings WHERE namespace = ?1 AND (?2 IS NULL OR session = ?2)"
        query = f"{chosen} AND at <= ?3", (self._namespace, session, _days_ago(days))
        return self._asked(lambda c: _removed(c, [n for (n,) in c.execute(*query)]))

    def _redacted(
        self, connection: apsw.Connection, versions: set[int], texts: Sequence[str]
    ) -> int:
        found = connection.execute(
            "SELECT n, body FROM recordings WHERE namespace = ?", (self._namespace,)
        )
        return _removed(connection, [n for n, body in found if _touches(body, versions, texts)])

    def close(self) -> None:
        """Write what is queued and stop; idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        try:
            self.flush()
        except MemoryCoreError as error:
            logger.warning("the last recordings are not written: %s", error)
        with undisturbed(), self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _start(self) -> None:
        with undisturbed(), self._lock:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="recordings", daemon=True)
                thread.start()
                self._thread = thread  # started: close() may join it

    def _run(self) -> None:
        while not self._stop.wait(GROUP_SECONDS):
            try:
                self.flush()
            except MemoryCoreError as error:
                logger.warning("recordings are not written: %s", error)

    def _open(self) -> apsw.Connection:
        if self._connection is None:
            connection = apsw.Connection(str(self._path))
            self._path.chmod(0o600)
            connection.set_busy_timeout(5_000)
            connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", "NORMAL")  # may lose the last second, by design
            connection.pragma("secure_delete", True)
            connection.execute(_SCHEMA)
            self._connection = connection
        return self._connection

    def _discard(self) -> None:
        with undisturbed(), self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            for name in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + name).unlink(missing_ok=True)

    def _row(self, waiting: Waiting) -> tuple[Any, ...]:
        extra = {**self._under.values, "deadline_ms": waiting.deadline_ms}
        body = encode(waiting.result, extra, self._under.ratios)
        seq = waiting.result.query.seq
        return waiting.id, self._namespace, waiting.at, waiting.session, seq, body

    def _trim(self, connection: apsw.Connection) -> None:
        oldest = _days_ago(self._bounds.days)
        connection.execute(
            "DELETE FROM recordings WHERE namespace = ? AND at < ?", (self._namespace, oldest)
        )
        limit = self._bounds.megabytes << 20
        connection.execute(
            "DELETE FROM recordings WHERE namespace = ?1 AND n <= (SELECT max(n) FROM (SELECT n,"
            " sum(length(body)) OVER (ORDER BY n DESC) AS total FROM recordings"
            " WHERE namespace = ?1) WHERE total > ?2)",
            (self._namespace, limit),
        )


def _days_ago(days: int) -> int:
    return time.time_ns() // 1000 - days * 86_400_000_000


def _removed(connection: apsw.Connection, gone: Sequence[int]) -> int:
    """Delete recordings and every copy of theirs; return how many."""
    with connection:
        connection.executemany("DELETE FROM recordings WHERE n = ?", [(n,) for n in gone])
    if gone:  # pages that were split keep copies that secure_delete does not reach
        connection.execute("VACUUM")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    return len(gone)


def _touches(blob: bytes, versions: set[int], texts: Sequence[str]) -> bool:
    text, seen = glance(blob)
    query = text.casefold()
    quoted = any(text.casefold() in query or query in text.casefold() for text in texts)
    return quoted or not versions.isdisjoint(seen)


def _decoded(row: tuple[Any, ...]) -> Recording:
    return Recording(row[0], row[1], row[2], row[3], decode(row[4]))
