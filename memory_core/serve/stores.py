"""The namespaces of one home, opened when somebody needs them and shared by all who do.

A lease keeps a memory open while it is used; idle ones are closed, the longest unused first, once
too many are open. One embedder and one cross-encoder serve all, but for namespaces that another
model serves. Reading a namespace that nobody has written is
`NotFound`: a question makes nothing.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory_core.errors import MemoryCoreError, ModelMismatch, StoreBusy, StoreClosed
from memory_core.limits import check_name

if TYPE_CHECKING:  # opening is what costs time: a server listens before
    from memory_core.manager import MemoryManager

PAUSE = 1.0
"""Seconds before a memory is opened unasked: who starts a server waits for its first answer."""
logger = logging.getLogger(__name__)

MOST_OPEN = 32
"""Memories open at once; each holds connections and two threads."""


@dataclass(slots=True)
class _Open:
    memory: "MemoryManager"
    users: int = 0


class Stores:
    """Lends the memories of one home; thread-safe.

    Example:
        >>> import tempfile
        >>> stores = Stores(Path(tempfile.mkdtemp()), {"embedder": "hash"})
        >>> with stores.lease("ana", create=True) as memory:
        ...     memory.namespace
        'ana'
        >>> stores.close()
    """

    def __init__(self, home: Path, settings: Mapping[str, Any], *, most: int = MOST_OPEN) -> None:
        self.home = home
        self._settings = dict(settings)
        self._models: Mapping[str, Any] = {}
        self._most = most
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def lease(self, namespace: str, *, create: bool = False) -> Iterator["MemoryManager"]:
        """Lend the memory of a namespace.

        Args:
            namespace: whose memory.
            create: whether to make the namespace if it is not there.

        Raises:
            InvalidInput: no possible name.
            NotFound: there is no such namespace, and it is not to be made.
            StoreBusy: too many others are in use.
            StoreError, ModelError: it cannot be opened.
        """
        check_name(namespace, "namespace")
        with self._lock:
            held = self._open.get(namespace) or self._opened(namespace, create)
            held.users += 1
            self._open.move_to_end(namespace)
        try:
            yield held.memory
        finally:
            with self._lock:
                held.users -= 1

    def warm(self, namespace: str) -> None:
        """Open a namespace soon, in the background; a failure is told to the first who asks."""
        threading.Thread(target=self._warm, args=(namespace,), daemon=True).start()

    def close(self) -> None:
        """Close every memory; what is acknowledged stays."""
        with self._lock:
            self._closed = True
            held = list(self._open.values())
            self._open.clear()
        for each in held:
            each.memory.close()

    def _warm(self, namespace: str) -> None:
        time.sleep(PAUSE)
        try:
            with self.lease(namespace, create=True):
                pass
        except MemoryCoreError as error:
            logger.warning("the memory is not open yet: %s", error)

    def _opened(self, namespace: str, create: bool) -> _Open:
        from memory_core.build import open_memory

        if self._closed:
            raise StoreClosed("the server is stopping; start it again")
        self._make_room()
        where: dict[str, Any] = {"namespace": namespace, "create": create}
        try:
            memory = open_memory(self.home, **where, **{**self._settings, **self._models})
        except ModelMismatch:
            if not self._models or "embedder" in self._settings:
                raise
            memory = open_memory(self.home, **where, **self._settings)
        else:
            self._models = self._models or models_of(memory)
        held = self._open[namespace] = _Open(memory)
        return held

    def _make_room(self) -> None:
        while len(self._open) >= self._most:
            idle = next((name for name, held in self._open.items() if not held.users), None)
            if idle is None:
                raise StoreBusy(f"{self._most} namespaces are in use; try again in a moment")
            self._open.pop(idle).memory.close()


def models_of(memory: "MemoryManager") -> Mapping[str, Any]:
    """Return the models of an open memory, for another namespace of the home to share."""
    wiring = memory.parts.wiring
    judge = None if wiring is None else wiring.reranker
    return {"embedder": memory.parts.embedder, "reranker": "off" if judge is None else judge}
