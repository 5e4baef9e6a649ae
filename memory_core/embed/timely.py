"""Encodes a query before a deadline, or not at all.

A model that is still loading, or busy with a batch of stored texts, takes as long as it takes. A
recall with a deadline asks through a thread of its own and goes on without the vector when the
time is up; the model is then ready for the next one.
"""

import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from memory_core.embed.base import Embedder, Vectors, usable_vectors
from memory_core.errors import EmbeddingFailed, MemoryCoreError
from memory_core.forking import keep_open


@dataclass(slots=True)
class _Task:
    text: str
    done: threading.Event = field(default_factory=threading.Event)
    vector: Vectors = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    error: BaseException | None = None
    late: bool = False


class QueryEncoder:
    """Encodes queries with one embedder, once `check` has let it; thread-safe.

    Example:
        >>> from memory_core.embed.hashing import HashEmbedder
        >>> QueryEncoder(HashEmbedder(64)).encode("tea", time.monotonic() + 1).shape
        (64,)
    """

    def __init__(self, embedder: Embedder, check: Callable[[], None] = lambda: None) -> None:
        self._embedder = embedder
        self._check = check
        self._lock = threading.Lock()
        self._tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self._pid = -1
        keep_open(self)

    def after_fork(self) -> None:
        """Make the lock anew; the thread is started at the next use."""
        self._lock = threading.Lock()

    def encode(self, text: str, deadline: float | None) -> Vectors:
        """Return the query's `(d,)` vector.

        Args:
            text: the query.
            deadline: on the monotonic clock, in seconds; None waits for the model.

        Raises:
            EmbeddingFailed: the deadline came first, or the model gave no usable vector.
            ModelMismatch: the model is not the one that the store was written with.
            ModelError: the model cannot be loaded.
        """
        if deadline is None:
            return self._encoded(text)
        task = _Task(text)
        self._started().put(task)
        if not task.done.wait(max(0.0, deadline - time.monotonic())):
            task.late = True
            raise EmbeddingFailed(
                "the model was still loading or busy at the deadline; give it more time, or warm "
                "it up with a recall without a deadline"
            )
        if task.error is not None:
            raise task.error
        return task.vector

    def _encoded(self, text: str) -> Vectors:
        fingerprint = self._embedder.fingerprint
        try:
            self._check()
            vector = self._embedder.encode_query(text)
        except MemoryCoreError:
            raise
        except Exception as error:  # an embedder of the caller's own may raise anything
            told = f"{type(error).__name__}: {error}"
            raise EmbeddingFailed(f"{fingerprint.model!r} failed: {told}; check it") from error
        usable: Vectors = usable_vectors([vector], 1, fingerprint)[0]
        return usable

    def _started(self) -> "queue.SimpleQueue[_Task]":
        with self._lock:
            if self._pid != os.getpid():  # the first time, and after a fork
                self._pid, self._tasks = os.getpid(), queue.SimpleQueue()
                threading.Thread(
                    target=self._run, args=(self._tasks,), name="query encoder", daemon=True
                ).start()
            return self._tasks

    def _run(self, tasks: "queue.SimpleQueue[_Task]") -> None:
        while True:
            task = tasks.get()
            if task.late:
                continue
            try:
                task.vector = self._encoded(task.text)
            except BaseException as error:
                task.error = error
            task.done.set()
