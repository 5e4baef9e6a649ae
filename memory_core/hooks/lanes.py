"""Two threads beside the agent, so that a deadline holds whatever hangs behind it.

A recall that is late is given up: its answer is lost, and while it still hangs the next ones are
refused at once. A store that is late is not: it waits its turn, is carried out, and the end of the
process waits for it.
"""

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import TypeVar

from memory_core.index.lane import Lane, Late

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Lanes:
    """Runs recalls and stores with a time limit.

    Example:
        >>> Lanes(1_000).recall(lambda: 2 + 2)
        4
    """

    def __init__(self, deadline_ms: float) -> None:
        self._seconds = deadline_ms / 1000
        self._pid = -1
        self._recalls = Lane("memory recall")
        self._stores: ThreadPoolExecutor | None = None

    def recall(self, call: Callable[[], T]) -> T:
        """Return what the call returns.

        Raises:
            Late: it did not return in time, or an earlier one still has not.
        """
        self._after_fork()
        return self._recalls.run(call, self._seconds)

    def store(self, call: Callable[[], T]) -> T:
        """Return what the call returns.

        Raises:
            Late: it did not return in time; it is still carried out.
        """
        self._after_fork()
        if self._stores is None:
            self._stores = ThreadPoolExecutor(1, thread_name_prefix="memory store")
        outcome: Future[T] = self._stores.submit(call)
        try:
            return outcome.result(self._seconds)
        except TimeoutError as error:
            raise Late(
                f"the store takes more than {self._seconds:.3f} s; it goes on in the background"
            ) from error

    def warm_up(self, call: Callable[[], object]) -> None:
        """Carry out a call nobody waits for, so that the first deadline is not spent on loading."""
        Thread(target=_quietly, args=(call,), name="memory warm-up", daemon=True).start()

    def _after_fork(self) -> None:
        """Begin with new threads in a forked process: it has none of its parent's."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._recalls = Lane("memory recall")
            self._stores = None


def _quietly(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception as error:
        logger.debug("the warm-up failed: %s", type(error).__name__)
