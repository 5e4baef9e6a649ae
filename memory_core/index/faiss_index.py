"""IVF, LSH, HNSW and quantised vectors in memory, through faiss, under every index's protocol.

ivf     k-means cells; a query looks into the nearest ones        (Jégou et al. 2011, section III)
lsh     one bit a random direction, neighbours by Hamming distance (Charikar 2002)
hnsw    a graph of near neighbours in layers                       (Malkov & Yashunin 2018)
int8    one byte a coordinate, 256 steps between its least and greatest value: scanned
binary  one bit a coordinate, its sign, neighbours by Hamming distance: scanned

The last two are what sentence-transformers calls "uint8" and "ubinary" (`quantize_embeddings`).
Coarse codes bring `candidates` times as many as are wanted (LSH alone finds four of ten neighbours
at 1,024 bits), and the float32 vectors decide among them. Row numbers are kept beside faiss, which
knows positions only: a deleted position stays, and is passed over. Not thread-safe.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Vector
from memory_core.errors import IndexUnavailable, InvalidSetting, MissingExtra
from memory_core.index.base import Rows, Scores
from memory_core.metric import Metric, similarity

Family = Literal["ivf", "lsh", "hnsw", "int8", "binary"]
FAMILIES: tuple[Family, ...] = ("ivf", "lsh", "hnsw", "int8", "binary")
DIRECTIONS = ("lsh", "binary")
"""They compare directions only."""


@dataclass(frozen=True, slots=True)
class Dials:
    """What trades recall for speed."""

    cells: float = 2.0
    """Cells of ivf, times the root of the number of vectors."""
    probes: int = 8
    """Cells looked into at least; more where many neighbours are wanted."""
    bits: int = 512
    candidates: int = 10
    """Candidates of lsh and binary for each neighbour wanted."""
    spare: int = 2
    """The same of int8."""
    links: int = 16
    breadth: int = 64
    """Nodes that hnsw keeps in sight while searching."""


class FaissIndex:
    """One family over the vectors of one fingerprint; see `memory_core.index.base.VectorIndex`.

    Raises:
        MissingExtra: faiss is not installed.
        InvalidSetting: lsh and binary compare directions: they take the cosine metric only.
    """

    def __init__(
        self, family: Family, dimension: int, metric: Metric, *, dials: Dials | None = None
    ) -> None:
        if family in DIRECTIONS and metric != "cosine":
            raise InvalidSetting(f"index={family!r} with metric={metric!r}; use cosine, or 'ivf'")
        require_faiss()
        self._family: Family = family
        self._dimension = dimension
        self._metric: Metric = metric
        self.dials = dials or Dials()
        self._index: Any = None
        self._trained = 0
        self._numbers: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._matrix: NDArray[np.float32] = np.zeros((0, dimension), dtype=np.float32)
        self._closed = False

    @property
    def name(self) -> str:
        """The path's name in notes and recordings."""
        return self._family

    def add(self, rows: Rows, vectors: NDArray[np.float32]) -> None:
        """Add vectors `(n, d)` under row numbers `(n,)`; known rows are replaced.

        Raises:
            IndexUnavailable: the index was closed, or faiss failed.
        """
        self._check()
        if not len(rows):
            return
        self.delete(rows)
        fresh = np.ascontiguousarray(vectors, dtype=np.float32)
        self._numbers = np.concatenate([self._numbers, np.asarray(rows, dtype=np.int64)])
        self._matrix = np.concatenate([self._matrix, fresh])
        with _mapped("add"):
            if self._index is None or len(self._numbers) > 4 * self._trained:
                self._build()  # cells of a few vectors do not fit many
            else:
                self._index.add(self._coded(fresh))

    def delete(self, rows: Rows) -> None:
        """Remove rows; unknown ones are ignored. Their vectors stay in memory until a rebuild."""
        self._check()
        self._numbers[np.isin(self._numbers, rows)] = -1

    def query(self, vector: Vector, count: int) -> tuple[Rows, Scores]:
        """Return up to `count` nearest rows and their similarities, best first.

        Raises:
            IndexUnavailable: the index was closed, or faiss failed.
        """
        self._check()
        live = int(np.count_nonzero(self._numbers >= 0))
        if not live:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        gone = len(self._numbers) - live
        wanted = min(self._wanted(count) + gone, len(self._numbers))
        with _mapped("query"):
            places = self._search(np.asarray(vector, dtype=np.float32)[None], wanted)
        places = places[places >= 0]
        places = places[self._numbers[places] >= 0]
        scores = similarity(self._matrix[places], np.asarray(vector), self._metric)
        order = np.lexsort((self._numbers[places], -scores))[:count]
        return self._numbers[places][order], scores[order]

    def rows(self) -> Rows:
        """Return all row numbers held, ascending."""
        self._check()
        return np.sort(self._numbers[self._numbers >= 0])

    def close(self) -> None:
        """Let go of the memory; idempotent."""
        self._closed, self._index = True, None
        self._matrix = np.zeros((0, self._dimension), dtype=np.float32)

    @property
    def bytes(self) -> int:
        """Size of what faiss keeps; the vectors for re-scoring lie in the scan file anyway."""
        import faiss

        self._check()
        if self._index is None:
            return 0
        binary = self._family == "binary"
        written = faiss.serialize_index_binary if binary else faiss.serialize_index
        return int(written(self._index).nbytes)

    def _wanted(self, count: int) -> int:
        if self._family in DIRECTIONS:
            return count * self.dials.candidates
        return count * (self.dials.spare if self._family == "int8" else 1)

    def _coded(self, vectors: NDArray[np.float32]) -> NDArray[Any]:
        """Return vectors as the index takes them; for binary `(n, ⌈d / 8⌉)` bytes."""
        return np.packbits(vectors > 0, axis=1) if self._family == "binary" else vectors

    def _build(self) -> None:
        """Build anew from the live vectors; for ivf and int8 that is also the training."""
        live = self._numbers >= 0
        self._numbers, self._matrix = self._numbers[live], self._matrix[live]
        index = self._empty()
        coded = self._coded(self._matrix)
        index.train(coded)
        index.add(coded)
        self._index, self._trained = index, len(self._numbers)

    def _empty(self) -> Any:
        import faiss

        index: Any
        metric = faiss.METRIC_L2 if self._metric == "l2" else faiss.METRIC_INNER_PRODUCT
        if self._family == "hnsw":
            index = faiss.IndexHNSWFlat(self._dimension, self.dials.links, metric)
        elif self._family == "lsh":
            index = faiss.IndexLSH(self._dimension, self.dials.bits)
        elif self._family == "int8":
            code = faiss.ScalarQuantizer.QT_8bit
            index = faiss.IndexScalarQuantizer(self._dimension, code, metric)
        elif self._family == "binary":
            index = faiss.IndexBinaryFlat(-(-self._dimension // 8) * 8)
        else:
            cells = max(1, int(self.dials.cells * len(self._numbers) ** 0.5))
            index = faiss.IndexIVFFlat(
                faiss.IndexFlat(self._dimension, metric), self._dimension, cells, metric
            )
            index.cp.min_points_per_centroid = 1  # else it warns on small namespaces
            index.cp.seed = 7
        return index

    def _search(self, query: NDArray[np.float32], wanted: int) -> NDArray[np.int64]:
        index = self._index
        if self._family == "ivf":
            share = 2 * wanted / max(len(self._numbers), 1)
            index.nprobe = min(index.nlist, max(self.dials.probes, int(share * index.nlist) + 1))
        elif self._family == "hnsw":
            index.hnsw.efSearch = max(self.dials.breadth, wanted)
        return np.asarray(index.search(self._coded(query), wanted)[1][0], dtype=np.int64)

    def _check(self) -> None:
        if self._closed:
            raise IndexUnavailable(f"the {self._family} index is closed")


def require_faiss() -> None:
    """Refuse to go on without faiss.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import faiss  # noqa: F401
    except ImportError as error:
        raise MissingExtra("faiss-cpu", "faiss") from error


@contextmanager
def _mapped(action: str) -> Iterator[None]:
    """Turn what faiss raises into IndexUnavailable."""
    try:
        yield
    except (RuntimeError, AssertionError, ValueError, MemoryError) as error:
        raise IndexUnavailable(f"faiss cannot {action}: {error}") from error
