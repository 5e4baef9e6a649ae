"""What stands in for the embedding worker where nothing can be written: it only counts."""

from memory_core.embed.base import Embedder
from memory_core.index.agreement import canary_of, require_same
from memory_core.journal.vectors import VectorTable


class IdleCatchUp:
    """Embeds nothing; a read-only home recalls with the vectors it has."""

    def __init__(self, table: VectorTable, embedder: Embedder) -> None:
        self._table = table
        self._embedder = embedder
        self._ready = False

    @property
    def refused(self) -> frozenset[int]:
        """Nothing: no text was tried."""
        return frozenset()

    def wake(self) -> None:
        """Do nothing: there is nothing new in a read-only store."""

    def absorb(self, deadline: float) -> int:
        """Return how many texts have no vectors."""
        return self._table.pending_count()

    def drain(self, timeout: float | None = None) -> int:
        """Return how many texts have no vectors."""
        return self._table.pending_count()

    def check(self) -> None:
        """Look once whether the model is still the one that wrote the vectors, if any are there.

        Raises:
            ModelMismatch: the model gives other vectors than when the store was written.
            ModelError: it cannot be asked.
        """
        if not self._ready and self._table.exists:
            require_same(self._table, self._embedder, canary_of(self._embedder))
            self._ready = True

    def close(self) -> None:
        """Do nothing."""
