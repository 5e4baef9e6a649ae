"""What stands in for the embedding worker where nothing can be written: it only counts."""

from memory_core.journal.vectors import VectorTable


class IdleCatchUp:
    """Embeds nothing; a read-only home recalls with the vectors it has."""

    def __init__(self, table: VectorTable) -> None:
        self._table = table

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

    def close(self) -> None:
        """Do nothing."""
