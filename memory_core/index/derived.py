"""Everything derived from one namespace's vectors, as the manager and the commands use it."""

from collections.abc import Callable

from memory_core.config import Settings
from memory_core.index.embedded import EmbeddedStore, Work
from memory_core.index.exact import ExactRows
from memory_core.index.faiss_index import FAMILIES, FaissIndex, require_faiss
from memory_core.index.keeper import WARM, Keeper
from memory_core.index.place import Place
from memory_core.index.resident import Resident
from memory_core.index.retriever import DenseRetriever
from memory_core.index.server import ServerStore
from memory_core.index.sparse import SparseIndex, forget_erased
from memory_core.index.sweep import PATIENCE, sweep
from memory_core.journal.journal import Journal
from memory_core.journal.vectors import VectorTable

RESIDENT = {str(family): family for family in FAMILIES}
"""The settings that keep an index in memory, and its family."""


class Derived:
    """The scan file and the Chroma index of one namespace under one model.

    Args:
        journal: what they are made from.
        table: the model's vectors.
        settings: which index, and where.
        writable: whether files may be written.
        sparse: the sparse vectors, where such a model is set.
    """

    def __init__(
        self,
        journal: Journal,
        table: VectorTable,
        settings: Settings,
        *,
        writable: bool,
        sparse: SparseIndex | None = None,
    ) -> None:
        self._journal = journal
        self._sparse = sparse
        self._table = table
        self._settings = settings
        self.place = Place.of(journal.home, journal.identity, table.digest, settings.metric)
        self.rows = ExactRows(table, self.place, writable=writable)
        self.store: EmbeddedStore | ServerStore = (
            EmbeddedStore(self.place, settings.metric)
            if settings.chroma_url is None
            else ServerStore(settings.chroma_url, self.place, settings.metric)
        )
        self.keeper: Keeper | Resident | None = None
        if settings.index in RESIDENT:
            self.keeper = self._resident(settings)
        elif settings.index != "exact" and writable:
            self.keeper = self._keeper(settings.crossover, eager=settings.index == "chroma")
        self.retriever = DenseRetriever(
            self.rows,
            metric=settings.metric,
            approximate=self.keeper,
            crossover=settings.crossover,
        )

    @property
    def digest(self) -> str:
        """The fingerprint whose vectors these are."""
        return self._table.digest

    def _keeper(self, crossover: int, *, eager: bool) -> Keeper:
        warm = 0.0 if eager else WARM
        keeper = Keeper(self.store, self.rows, self._table, crossover=crossover, warm=warm)
        if eager:
            keeper.start()
        return keeper

    def _resident(self, settings: Settings) -> Resident:
        """Return an index in memory, which a read-only home may have too."""
        require_faiss()
        family = RESIDENT[settings.index]
        FaissIndex(family, 1, settings.metric).close()  # refuses a metric that it cannot serve
        return Resident(
            family,
            self.rows,
            lambda dimension: FaissIndex(family, dimension, settings.metric),
            crossover=settings.crossover,
        )

    def erased(self, patience: float = PATIENCE) -> tuple[str, ...]:
        """Remove every copy that may hold an erased vector; return what cannot be proven here.

        Raises:
            StoreBusy: another process did not close its copy within that many seconds.
        """
        wake = self.keeper.wake if self.keeper is not None else lambda: None
        sweep(self.place, self._table.generation, wake, patience=patience)
        forget_erased(self._journal, patience=patience)
        if isinstance(self.store, ServerStore):
            return (self.store.forget(self.rows.current()),)
        return ()

    def rebuild(self, tell: Callable[[str], None] = lambda what: None) -> int:
        """Throw the copies away and make them anew; return how many rows they hold.

        Chroma serves again from the next opening on.

        Raises:
            StoreBusy: another process has the Chroma index open.
            IndexUnavailable: Chroma cannot be built.
            OSError: a file cannot be written.
        """
        rows = self.rows.renewed()
        if isinstance(self.keeper, Resident):
            self.keeper.wake()
        elif self.keeper is not None:
            self.keeper.close()
            if len(rows) and len(rows) >= self._settings.crossover:
                self.store.remake(rows, Work(tell, lambda: False))
        if self._sparse is not None:
            self._sparse.remake(tell)
        return len(rows)

    def report(self) -> dict[str, str]:
        """Return what state the copies are in, in words."""
        rows = self.rows.current()
        settings = self._settings
        if settings.index == "exact" or settings.index in RESIDENT:
            chroma = "off"
        elif len(rows) < settings.crossover:
            chroma = f"not used below {settings.crossover:,} vectors"
        else:
            chroma = self.store.look(rows)
        told = {"scan": f"{self.rows.path}, {len(rows):,} vectors", "chroma": chroma}
        if self._sparse is not None:
            told["sparse"] = f"{self._sparse.model[0]}: {self._sparse.look()}"
        if settings.late_interaction is not None:
            told["late"] = "token vectors are kept in memory only: nothing on disk to look at"
        return told

    def close(self) -> None:
        """Close the index, then the rows it is fed from, and the sparse vectors; idempotent."""
        if self._sparse is not None:
            self._sparse.close()
        if self.keeper is not None:
            self.keeper.close()
        self.rows.close()
