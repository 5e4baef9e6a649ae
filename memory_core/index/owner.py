"""A lease on one derived copy: at most one process holds it, and its death gives it back.

The lease is an `flock` on a file beside the copy, so the kernel ends it with the process. Two
holders of one Chroma directory lose vectors silently; whoever is refused scans exactly. A forked
child does not hold its parent's lease: the inherited handle is closed there at once, or the
parent's death would not end it.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory_core.errors import StoreBusy
from memory_core.forking import keep_open, undisturbed

_RETRY = 0.002


class Lease:
    """The right to write one copy; not held until acquired.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "x.lock"
        >>> first, second = Lease(path), Lease(path)
        >>> first.acquire()
        >>> second.holder() == str(os.getpid())
        True
        >>> first.release()
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._guard = threading.Lock()
        keep_open(self)

    @property
    def held(self) -> bool:
        """Whether this object holds the lease, in this process."""
        return self._handle is not None

    def acquire(self) -> None:
        """Take the lease at once or not at all; holding it already is fine.

        Raises:
            StoreBusy: another holder has it; the message names its process.
            OSError: the file cannot be locked here.
        """
        with undisturbed(), self._guard:
            if self._handle is not None:
                return
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(handle)
                raise StoreBusy(
                    f"{self.path.name} is held by process {self.holder()}; exact scan serves"
                ) from error
            except BaseException:
                os.close(handle)
                raise
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()} {_started(os.getpid())}\n".encode(), 0)
            self._handle = handle

    def release(self) -> None:
        """Give the lease back; idempotent."""
        with self._guard:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None

    def holder(self) -> str:
        """Return the process that wrote itself down last, "unknown" if none did."""
        try:
            pid, started = self.path.read_text().split()
        except (OSError, ValueError):
            return "unknown"
        return pid if started == _started(int(pid)) else f"{pid} (ended)"

    @contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """Hold the lease for a block, waiting for it a while.

        Raises:
            StoreBusy: it stayed taken.
        """
        until = time.monotonic() + seconds
        while True:
            try:
                self.acquire()
                break
            except StoreBusy:
                if time.monotonic() >= until:
                    raise
                time.sleep(_RETRY)
        try:
            yield
        finally:
            self.release()

    def after_fork(self) -> None:
        """Close the inherited handle: the parent holds the lease, this child does not."""
        self._guard = threading.Lock()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _started(pid: int) -> str:
    """Return a process's start time in clock ticks: a reused number has another one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return "0"
