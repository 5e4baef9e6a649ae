"""Calls with a time limit, one after another in a thread of their own.

What is called may be foreign code that hangs. The caller goes on after its limit; while the call
is still running the lane refuses others at once, and serves again if it ever returns.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from memory_core.errors import IndexUnavailable
from memory_core.forking import keep_open

T = TypeVar("T")


class Late(IndexUnavailable):
    """The call did not return within its limit, or an earlier one still has not."""


class Lane:
    """A thread that runs one call at a time.

    Example:
        >>> lane = Lane("sums")
        >>> lane.run(lambda: 2 + 2, 1.0)
        4
        >>> lane.close()
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self._late: Future[object] | None = None
        keep_open(self)

    def after_fork(self) -> None:
        """Start anew: the thread is the parent's."""
        self._calls, self._guard = queue.SimpleQueue(), threading.Lock()
        self._thread, self._late = None, None

    @property
    def stuck(self) -> bool:
        """Whether a call that was given up on is still running."""
        return self._late is not None and not self._late.done()

    def run(self, call: Callable[[], T], seconds: float) -> T:
        """Return what the call returns, or raise what it raises.

        Raises:
            Late: not within `seconds`; the call goes on and its answer is lost.
        """
        if self.stuck:
            raise Late(f"{self._name} is still busy with an earlier call")
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
        outcome: Future[T] = Future()
        self._calls.put(lambda: _settle(outcome, call))
        try:
            return outcome.result(max(seconds, 0.0))
        except TimeoutError as error:
            if not outcome.cancel() and not outcome.done():
                self._late = outcome  # type: ignore[assignment]
            raise Late(f"{self._name} did not answer within {seconds:.1f} s") from error

    def close(self) -> None:
        """Let the thread end after its calls; does not wait."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _settle(outcome: "Future[T]", call: Callable[[], T]) -> None:
    if not outcome.set_running_or_notify_cancel():
        return
    try:
        outcome.set_result(call())
    except BaseException as error:
        outcome.set_exception(error)
