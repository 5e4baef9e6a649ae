"""One SQLite file through apsw: connections, write transactions, and honest errors.

Keeps the first invariant: a write that returned is fsynced. `NotStored` means it never will
appear; `OutcomeUnknown` means the commit itself failed, so only a fresh look can tell. After a
failed commit the connections are thrown away and opened anew before anything else is written.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import apsw

from memory_core.errors import (
    NotStored,
    OutcomeUnknown,
    StoreBusy,
    StoreClosed,
    StoreDamaged,
    StoreError,
    StoreReadOnly,
)
from memory_core.forking import keep_open, undisturbed
from memory_core.journal import schema
from memory_core.journal.home import check_home
from memory_core.journal.mode import journal_mode
from memory_core.journal.waiting import Waiting

logger = logging.getLogger(__name__)


_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, UnicodeDecodeError)
"""What reading a damaged file ends in: no database, no such table, no text."""


class Database:
    """Connections to one SQLite file, shared by the threads of a process.

    Example:
        >>> import tempfile, pathlib
        >>> database = Database(pathlib.Path(tempfile.mkdtemp()) / "journal.db")
        >>> with database.read() as connection:
        ...     connection.pragma("journal_mode")
        'wal'
        >>> database.close()
    """

    def __init__(self, path: Path, *, readonly: bool = False, synchronous: str = "FULL") -> None:
        self.path = path
        self.readonly = readonly
        self._synchronous = synchronous
        self._lock = threading.RLock()
        self._writer: apsw.Connection | None = None
        self._idle: list[apsw.Connection] = []
        self._pid = os.getpid()
        self._closed = False
        self._abandoned: list[apsw.Connection] = []
        keep_open(self)
        with undisturbed():
            self._prepare()

    def after_fork(self) -> None:
        """Make the lock anew; the connections are given up at the next use."""
        self._lock = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """Lend a connection for reading; what it reads is one consistent state per statement.

        Raises:
            StoreClosed: after close().
            StoreDamaged: SQLite cannot read the file.
            StoreBusy: another process has it locked.
            StoreError: the disk does not give what is on it.
        """
        with undisturbed():
            connection = self._take()
            process = self._pid
            try:
                yield connection
            except _DAMAGE as error:
                raise damaged(self.path, error) from error
            except apsw.BusyError as error:
                raise busy(self.path) from error
            except apsw.Error as error:
                raise unreadable(self.path, error) from error
            finally:
                self._give(connection, process)

    @contextmanager
    def write(self, keys: tuple[str, ...] = ()) -> Iterator[apsw.Connection]:
        """Run the block in one write transaction; leaving it normally means it is fsynced.

        Raises:
            StoreReadOnly, StoreBusy: nothing was begun.
            NotStored: the block or SQLite failed; nothing will appear.
            OutcomeUnknown: the commit failed half way; `keys` are kept to ask with.
        """
        with undisturbed(), self._lock:
            connection = self._begin()
            try:
                yield connection
            except apsw.Error as error:
                self._rollback(connection)
                raise self._not_stored(error) from error
            except BaseException:
                self._rollback(connection)
                raise
            self._commit(connection, keys)

    def checkpoint(self) -> None:
        """Copy the write-ahead log into the file and cut it to nothing, as erasure needs.

        Raises:
            StoreBusy: another process is reading an old state; try again when it is done.
        """
        with undisturbed(), self._lock:
            try:
                self._open_writer().wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except apsw.BusyError as error:
                raise busy(self.path) from error

    def scrub(self) -> None:
        """Rewrite the file from its live rows and cut the log: nothing deleted is left in either.

        Raises:
            StoreBusy: another process is writing, or reading an old state.
            NotStored: there is no room for the copy; the store is as it was.
        """
        with undisturbed(), self._lock:
            try:
                self._open_writer().execute("VACUUM")
            except apsw.Error as error:
                raise self._not_stored(error) from error
            self.checkpoint()

    @property
    def mode(self) -> str:
        """How commits are made durable, for `doctor`: `wal/FULL on SQLite 3.54.1`."""
        with self.read() as connection:
            journal = connection.pragma("journal_mode")
        return f"{journal}/{self._synchronous} on SQLite {apsw.sqlite_lib_version()}"

    def close(self) -> None:
        """Close every connection; idempotent."""
        with undisturbed(), self._lock:
            self._closed = True
            if self._pid == os.getpid():
                self._drop()

    def _prepare(self) -> None:
        try:
            check_home(self.path.parent, self.readonly)
        except PermissionError as error:
            raise StoreReadOnly(
                f"{self.path.parent} cannot be written ({error}); choose another home"
            ) from error
        if self.readonly and not self.path.exists():
            raise StoreReadOnly(f"{self.path} does not exist and the home is read-only")
        with self._lock:
            connection = self._connect()
            self._idle.append(connection)
            try:
                if self.readonly:
                    self._refuse_unknown_schema(connection)
                else:
                    schema.migrate(connection)
            except (apsw.CorruptError, apsw.NotADBError) as error:
                raise damaged(self.path, error) from error
            except apsw.BusyError as error:
                raise busy(self.path) from error

    def _refuse_unknown_schema(self, connection: apsw.Connection) -> None:
        found = schema.version(connection)
        if found < schema.SCHEMA_VERSION:
            raise StoreReadOnly(
                f"{self.path} has schema {found} and needs an upgrade to "
                f"{schema.SCHEMA_VERSION}; open it once where it can be written"
            )
        schema.migrate(connection)

    def _connect(self) -> apsw.Connection:
        try:
            connection = self._opened()
            connection.set_busy_handler(Waiting())
            if not self.readonly:
                self._make_durable(connection)
            connection.pragma("mmap_size", 0)
            connection.pragma("temp_store", 2)  # memory: no user data in temporary files
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise damaged(self.path, error) from error
        except apsw.BusyError as error:
            raise busy(self.path) from error
        except (apsw.ReadOnlyError, apsw.CantOpenError, PermissionError) as error:
            raise StoreReadOnly(
                f"{self.path} cannot be opened for writing ({error}); check its permissions"
            ) from error
        except apsw.Error as error:
            raise StoreError(f"{self.path} cannot be opened: {error}; check the path") from error
        return connection

    def _opened(self) -> apsw.Connection:
        if not self.readonly:
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
            return apsw.Connection(str(self.path), flags=flags)
        alone = not os.access(self.path.parent, os.W_OK) and not self._log().exists()
        place = f"file:{quote(str(self.path.absolute()))}{'?immutable=1' if alone else ''}"
        return apsw.Connection(place, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)

    def _log(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    def _make_durable(self, connection: apsw.Connection) -> None:
        os.chmod(self.path, 0o600)
        mode = journal_mode(self.path.parent)
        if connection.pragma("journal_mode", mode) != mode:  # no shared memory here
            connection.pragma("journal_mode", "truncate")
        connection.pragma("synchronous", self._synchronous)
        connection.pragma("secure_delete", True)

    def _take(self) -> apsw.Connection:
        with self._lock:
            self._check()
            return self._idle.pop() if self._idle else self._connect()

    def _give(self, connection: apsw.Connection, process: int) -> None:
        with self._lock:
            if process != os.getpid():  # forked meanwhile: closing it would end the parent's locks
                self._abandoned.append(connection)
            elif self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    def _check(self) -> None:
        if self._closed:
            raise StoreClosed(f"{self.path} is closed; open the memory again")
        if self._pid != os.getpid():  # after a fork the parent's connections are not ours
            self._abandoned += [*self._idle, *([self._writer] if self._writer else [])]
            self._idle, self._writer, self._pid = [], None, os.getpid()

    def _open_writer(self) -> apsw.Connection:
        self._check()
        if self.readonly:
            raise StoreReadOnly(f"{self.path} is read-only; nothing can be written to it")
        if self._writer is None:
            self._writer = self._connect()
        return self._writer

    def _begin(self) -> apsw.Connection:
        connection = self._open_writer()
        if connection.in_transaction:
            raise NotStored(
                "a write inside a write: a policy returns its events and calls no verb that writes"
            )
        try:
            connection.execute("BEGIN IMMEDIATE")
        except apsw.BusyError as error:
            raise busy(self.path) from error
        except apsw.ReadOnlyError as error:
            raise StoreReadOnly(f"{self.path} cannot be written; check its permissions") from error
        except apsw.Error as error:
            raise self._not_stored(error) from error
        return connection

    def _commit(self, connection: apsw.Connection, keys: tuple[str, ...]) -> None:
        try:
            connection.execute("COMMIT")
        except apsw.Error as error:
            logger.error("commit failed: %s; connections are opened anew", type(error).__name__)
            self._drop()
            raise OutcomeUnknown(
                f"the commit to {self.path} failed ({error}); "
                "ask outcome(key), or get(id), whether it happened",
                keys,
            ) from error

    def _rollback(self, connection: apsw.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except apsw.Error:
            logger.exception("rollback failed; connections are opened anew")
            self._drop()

    def _drop(self) -> None:
        for connection in (*self._idle, *([self._writer] if self._writer else [])):
            try:
                connection.close()
            except apsw.Error as error:  # the disk is failing; what was acknowledged is there
                logger.warning("a connection did not close cleanly: %s", type(error).__name__)
                self._abandoned.append(connection)
        self._idle, self._writer = [], None

    def _not_stored(self, error: apsw.Error) -> NotStored | StoreDamaged | StoreBusy:
        if isinstance(error, apsw.CorruptError | apsw.NotADBError):
            return damaged(self.path, error)
        if isinstance(error, apsw.BusyError):
            return busy(self.path)
        what = "the disk is full" if isinstance(error, apsw.FullError) else str(error)
        return NotStored(
            f"nothing was written to {self.path}: {what}; free space or check the disk"
        )


def damaged(path: Path, error: Exception) -> StoreDamaged:
    """Return the error for a file that SQLite cannot read."""
    return StoreDamaged(f"{path} is damaged ({error}); run: memory doctor, or restore a backup")


def unreadable(path: Path, error: Exception) -> StoreError:
    """Return the error for a file that the disk or the system does not let us read."""
    return StoreError(f"{path} cannot be read ({error}); check the disk, then open it again")


def busy(path: Path) -> StoreBusy:
    """Return the error for a lock that another process holds."""
    return StoreBusy(f"{path} is locked by another process; try again, or close the other one")
