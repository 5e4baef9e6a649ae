"""What a fork must not cut through, and what a child has to make anew.

A forked child has one thread; a lock that another thread of the parent held is locked for ever
there. Our own locks are made anew in the child. SQLite's and the books it keeps of them cannot
be, so a fork waits until no thread is inside SQLite or half way to a lease, and none enters until
it is done. What an object holds beside its locks it must tell apart by its process id.
"""

import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

logger = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that a fork waits for the other threads; a child may hang that is forked then."""
_STEP = 0.0005


class Forked(Protocol):
    """Something with locks."""

    def after_fork(self) -> None:
        """Make the locks anew; called in the child, where nobody else runs."""
        ...


def keep_open(item: Forked) -> None:
    """Have `item.after_fork()` called in every child that is forked while it lives."""
    _kept.add(item)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Run a block that no fork cuts through; a thread that is inside may enter again."""
    thread = _gate.enter()
    try:
        yield
    finally:
        _gate.leave(thread)


class _Gate:
    """Counts who is inside, and keeps others out while a fork happens.

    The counts are one dictionary operation each, which the interpreter does not interrupt. Whoever
    enters counts first and looks whether it is open second, and the fork closes first and looks at
    the counts second: one of the two sees the other.
    """

    def __init__(self) -> None:
        self._inside: dict[int, int] = {}
        self._open = threading.Event()
        self._open.set()
        self._forking = threading.Lock()

    def enter(self) -> int:
        """Count the thread in and return what `leave` needs."""
        me = threading.get_ident()
        depth = self._inside.get(me, 0)
        self._inside[me] = depth + 1
        while not depth and not self._open.is_set():
            del self._inside[me]
            self._open.wait()
            self._inside[me] = 1
        return me

    def leave(self, thread: int) -> None:
        """Count the thread out; after a fork there may be nothing to count."""
        depth = self._inside.get(thread, 0)
        if depth > 1:
            self._inside[thread] = depth - 1
        else:
            self._inside.pop(thread, None)

    def shut(self) -> None:
        """Wait until nobody else is inside, and let nobody in."""
        until, me = time.monotonic() + PATIENCE, threading.get_ident()
        self._forking.acquire(timeout=PATIENCE)
        self._open.clear()
        while any(thread != me for thread in list(self._inside)):
            if time.monotonic() > until:
                logger.warning("forked while another thread uses the store: the child may hang")
                return
            time.sleep(_STEP)

    def reopen(self) -> None:
        """Let the others in again."""
        self._open.set()
        if self._forking.locked():
            self._forking.release()

    def begin_anew(self) -> None:
        """Start over in the child: of all threads only this one is there."""
        me = threading.get_ident()
        self._inside = {me: self._inside[me]} if me in self._inside else {}
        self._open, self._forking = threading.Event(), threading.Lock()
        self._open.set()


_gate = _Gate()
_kept: "weakref.WeakSet[Forked]" = weakref.WeakSet()


def _in_child() -> None:
    _gate.begin_anew()
    for item in list(_kept):
        item.after_fork()


os.register_at_fork(before=_gate.shut, after_in_parent=_gate.reopen, after_in_child=_in_child)
