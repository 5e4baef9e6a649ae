"""A Chroma server as the place of the index: one collection per namespace, model and metric.

The collection's name is a hash that only this store can know, so two tenants of one server never
meet. Row numbers and vectors are the same whoever writes them, so several processes may catch it
up at once; what is missing or too much is compared with the journal when it is opened.
"""

import logging

import numpy as np
from numpy.typing import NDArray

from memory_core.errors import IndexUnavailable
from memory_core.index.canary import live_rows, require_self_search
from memory_core.index.chroma import BATCH, ChromaIndex
from memory_core.index.embedded import Abandoned, Work
from memory_core.index.exact import Rows
from memory_core.index.lane import Lane
from memory_core.index.place import Place
from memory_core.metric import Metric

logger = logging.getLogger(__name__)

FORGETTING = 10.0
"""Seconds that a server has to delete what was erased."""


class ServerStore:
    """One namespace's collection on a Chroma server; used by one thread."""

    def __init__(self, url: str, place: Place, metric: Metric) -> None:
        self._url = url
        self._place = place
        self._metric: Metric = metric

    @property
    def limit(self) -> float:
        """Seconds a query may take."""
        return 5.0

    def open(self, rows: Rows, work: Work) -> tuple[ChromaIndex, int]:
        """Return the collection, brought up to the rows, and its position.

        Raises:
            IndexUnavailable: the server cannot be reached or answers wrongly.
            Abandoned: told to stop.
        """
        work.tell("the Chroma server is being asked")
        index = self.connect()
        live, held = live_rows(rows, len(rows)), index.rows()
        index.delete(np.setdiff1d(held, live))
        missing = np.setdiff1d(live, held)
        for start in range(0, len(missing), BATCH):
            work.tell(f"the Chroma server is being filled ({start:,} of {len(missing):,} vectors)")
            if work.stop():
                index.close()
                raise Abandoned
            some = missing[start : start + BATCH]
            index.add(some, rows.matrix[some])
        require_self_search(index, rows, len(rows), metric=self._metric)
        return index, len(rows)

    def connect(self) -> ChromaIndex:
        """Return the collection as it is.

        Raises:
            IndexUnavailable: the server cannot be reached.
        """
        name = f"memory-{self._place.name}"
        return ChromaIndex.server(self._url, name, self._metric)

    def forget(self, rows: Rows) -> str:
        """Have the server delete the erased rows; return what a receipt must say about it."""
        erased = np.flatnonzero(rows.docs < 0)
        lane = Lane("the Chroma server")
        try:
            lane.run(lambda: self._delete(erased), FORGETTING)
        except IndexUnavailable as error:
            logger.warning("the Chroma server was not told of an erasure: %s", error)
            return f"the Chroma server still has the vectors ({error}); erase again when it is up"
        finally:
            lane.close()
        return "deleted on the Chroma server; its files and backups cannot be searched from here"

    def _delete(self, rows: NDArray[np.int64]) -> None:
        index = self.connect()
        try:
            index.delete(rows)
        finally:
            index.close()

    def remake(self, rows: Rows, work: Work) -> None:
        """Empty the collection and fill it anew."""
        index = self.connect()
        index.delete(index.rows())
        index.close()
        self.open(rows, work)[0].close()

    def look(self, rows: Rows) -> str:
        """Say where the collection is, without asking for it; for `doctor`."""
        return f"on the server {self._url}"

    def before_write(self) -> None:
        """Do nothing: the server keeps its own files."""

    def seal(self, rows: Rows, position: int) -> None:
        """Do nothing: the collection is compared with the journal when it is opened."""

    def blank(self) -> None:
        """Do nothing: the server keeps its own files."""

    def discard(self) -> None:
        """Do nothing: opening removes what was erased."""

    def release(self) -> None:
        """Do nothing: a server has no owner among us."""
