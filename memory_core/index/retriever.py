"""Candidates by meaning, over whichever path can serve: one best span per text.

    exact     scan all rows, or only those of the eligible texts where these are few
    chroma    neighbours from the index, and the rows it does not have yet, scanned

Either way the candidates' texts are scored once more from the journal's vectors, row by row in
double precision, so a score never depends on the path. Chroma serves from `crossover` rows on,
for queries that see nearly everything; whatever speaks against it ends in exact scan and a note.
"""

import threading
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Note, Query, Vector
from memory_core.errors import IndexUnavailable
from memory_core.index.added import RowSource
from memory_core.index.base import DenseAnswer, Scores
from memory_core.index.exact import Rows
from memory_core.journal.columns import Eligible
from memory_core.metric import Metric, similarity

Ints = NDArray[np.int64]

FEW = 8
"""An eligible share below 1/FEW is gathered and scanned alone."""
NEARLY_ALL = 0.8
"""Chroma serves queries that see at least this share: the rest is taken out after it answered."""
SPARE = 2.0
"""Neighbours asked for per candidate wanted: several spans of one text, and HNSW's own losses."""
MOST = 4096
"""Rows that Chroma may be behind before exact scan serves instead."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What an approximate index found, and which rows it knew: those below `position`."""

    rows: Ints
    position: int


class Approximate(Protocol):
    """An approximate index that may or may not be able to serve."""

    @property
    def name(self) -> str:
        """The path's name: "chroma"."""
        ...

    def nearest(
        self, vector: Vector, count: int, generation: int, *, deadline: float | None = None
    ) -> Neighbours:
        """Return up to `count` neighbours, by `deadline` on the monotonic clock.

        Raises:
            IndexUnavailable: not now; the message says why.
        """
        ...


class DenseRetriever:
    """Finds the eligible texts nearest to a query's vector; thread-safe."""

    def __init__(
        self,
        rows: RowSource,
        *,
        metric: Metric = "cosine",
        approximate: Approximate | None = None,
        crossover: int = 1000,
    ) -> None:
        self._rows = rows
        self._metric: Metric = metric
        self._approximate = approximate
        self._crossover = crossover
        self._latest = threading.local()

    def search(self, query: Query, eligible: Eligible, count: int) -> DenseAnswer:
        """Return up to `count` eligible texts nearest to `query.vector`."""
        rows, missing = self._seen_by(query)
        answer = self._searched(rows, query, eligible, count)
        notes = (*answer.notes, _unread(missing)) if missing else answer.notes
        return replace(answer, rows=len(rows), notes=notes)

    def _searched(self, rows: Rows, query: Query, eligible: Eligible, count: int) -> DenseAnswer:
        if query.vector is None or not len(rows):
            return _nothing()
        if query.extent is not None:
            return self._repeated(rows, query, eligible, count)
        reason = ""
        if self._approximate is not None and len(rows) >= self._crossover:
            try:
                return self._approximately(rows, query, eligible, count)
            except IndexUnavailable as error:
                reason = f": {error}"
        return self._exactly(rows, query, eligible, count, reason=reason)

    def _repeated(self, rows: Rows, query: Query, eligible: Eligible, count: int) -> DenseAnswer:
        """Return what an earlier run found, by the path that it took."""
        extent, vector = query.extent, query.vector
        if extent is None or vector is None or extent.neighbours is None:
            return self._exactly(rows, query, eligible, count)
        found = Neighbours(np.array(extent.neighbours, dtype=np.int64), extent.known)
        docs = _seen(_candidates(rows, found), eligible)
        note = Note("path", f"{len(found.rows):,} neighbours as recorded")
        answer = self._answer(rows, vector, docs, count=count, path="recorded", note=note)
        return replace(answer, ann_rows=extent.neighbours, known=extent.known)

    def _seen_by(self, query: Query) -> tuple[Rows, int]:
        """Return the rows that all stages of this recall see, whatever is embedded meanwhile.

        Also how many more there are, which could not be read before the deadline.
        """
        rows, missing = self._rows.by(query.deadline)
        if query.extent is not None:
            return rows if query.extent.rows is None else rows.until(query.extent.rows), 0
        latest, count = getattr(self._latest, "seen", (None, 0))
        if latest is not query:
            count = len(rows)
            self._latest.seen = (query, count)
        return rows.until(count), missing

    def _exactly(
        self, rows: Rows, query: Query, eligible: Eligible, count: int, *, reason: str = ""
    ) -> DenseAnswer:
        if query.vector is None:
            return _nothing()
        docs = self._scan(rows, query.vector, eligible, count)
        seen = len(rows) if eligible.count * FEW >= rows.texts else eligible.count
        note = Note("path", f"exact scan over {seen:,} vectors{reason}")
        return self._answer(rows, query.vector, docs, count=count, path="exact", note=note)

    def similarity(self, query: Query, docs: Ints) -> Scores:
        """Return the exact similarity `(n,)` of each text's best span; NaN where not embedded."""
        rows, _ = self._seen_by(query)
        found = np.full(len(docs), np.nan, dtype=np.float32)
        if query.vector is None or not len(rows) or not len(docs):
            return found
        chosen, scores = self._best(rows, query.vector, np.unique(docs))
        owners = rows.docs[chosen]
        order = np.argsort(owners)
        places = np.searchsorted(owners[order], docs)
        places[places == len(owners)] = 0
        if len(owners):
            hit = owners[order][places] == docs
            found[hit] = scores[order][places[hit]]
        return found

    def vectors(self, query: Query, docs: Ints) -> NDArray[np.float32]:
        """Return one vector `(n, d)` per text, its first span; zeros where not embedded."""
        rows, _ = self._seen_by(query)
        chosen = np.zeros((len(docs), rows.matrix.shape[1]), dtype=np.float32)
        known = np.flatnonzero((docs >= 0) & (docs < len(rows.first)))
        firsts = rows.first[docs[known]]
        there = (firsts >= 0) & (firsts < len(rows))
        chosen[known[there]] = rows.matrix[firsts[there]]
        return chosen

    def _approximately(
        self, rows: Rows, query: Query, eligible: Eligible, count: int
    ) -> DenseAnswer:
        index, vector = self._approximate, query.vector
        share = min(eligible.count / max(rows.texts, 1), 1.0)
        if index is None or vector is None or share < NEARLY_ALL:
            raise IndexUnavailable(f"the query sees {share:.0%} of the texts")
        wanted = int(count * SPARE / share)
        found = index.nearest(vector, wanted, rows.generation, deadline=query.deadline)
        if len(rows) - found.position > MOST:
            behind = len(rows) - found.position
            raise IndexUnavailable(f"the {index.name} index is {behind:,} vectors behind")
        tail = max(len(rows) - found.position, 0)
        docs = _seen(_candidates(rows, found), eligible)
        if len(docs) < min(count, eligible.count):
            raise IndexUnavailable(f"the {index.name} index found only {len(docs)} eligible texts")
        told = f"{index.name} over {found.position:,} vectors"
        note = Note("path", f"{told}, {tail:,} newer ones scanned" if tail else told)
        answer = self._answer(rows, vector, docs, count=count, path=index.name, note=note)
        return replace(answer, ann_rows=tuple(found.rows.tolist()), known=found.position)

    def _scan(self, rows: Rows, vector: Vector, eligible: Eligible, count: int) -> Ints:
        """Return the docs of the best rows: at least `count` of them, if there are so many."""
        if eligible.count * FEW < rows.texts:
            chosen = rows.of(np.flatnonzero(eligible.row_of_doc >= 0))
            scores = similarity(rows.matrix[chosen], vector, self._metric)
        else:
            docs = rows.docs
            known = (docs >= 0) & (docs < len(eligible.row_of_doc))
            known[known] = eligible.row_of_doc[docs[known]] >= 0
            chosen = np.flatnonzero(known)
            scores = similarity(rows.matrix, vector, self._metric)[chosen]
        wanted = count + count // 4 + 8  # some texts have several spans
        while True:
            best = _highest(scores, wanted)
            docs = np.unique(rows.docs[chosen[best]])
            if len(docs) >= count or len(best) == len(scores):
                return docs
            wanted *= 4

    def _answer(
        self, rows: Rows, vector: Vector, docs: Ints, *, count: int, path: str, note: Note
    ) -> DenseAnswer:
        chosen, scores = self._best(rows, vector, docs)
        order = np.lexsort((rows.docs[chosen], -scores))[:count]
        chosen, scores = chosen[order], scores[order]
        spans = rows.spans[chosen]
        single = rows.number[spans[:, 0]] == 1
        starts = np.where(single, -1, spans[:, 1])
        stops = np.where(single, -1, spans[:, 2])
        return DenseAnswer(spans[:, 0].copy(), scores, starts, stops, path, (note,))

    def _best(self, rows: Rows, vector: Vector, docs: Ints) -> tuple[Ints, Scores]:
        """Return the best row of each doc `(n,)` and its score, docs ascending."""
        every = rows.of(docs)
        scores = self._precisely(rows, vector, every)
        order = np.lexsort((-scores, rows.docs[every]))
        _, first = np.unique(rows.docs[every][order], return_index=True)
        return every[order[first]], scores[order[first]]

    def _precisely(self, rows: Rows, vector: Vector, chosen: Ints) -> Scores:
        # In float32 the last bit depends on how many rows BLAS is given at once.
        doubled = rows.matrix[chosen].astype(np.float64)
        return similarity(doubled, vector.astype(np.float64), self._metric)


def _candidates(rows: Rows, found: Neighbours) -> Ints:
    """Return the docs of the neighbours and of the rows that the index did not know."""
    known = found.rows[found.rows < len(rows)]
    tail = np.arange(min(found.position, len(rows)), len(rows), dtype=np.int64)
    docs: Ints = np.unique(rows.docs[np.concatenate([known, tail])])
    return docs


def _seen(docs: Ints, eligible: Eligible) -> Ints:
    known = docs[(docs >= 0) & (docs < len(eligible.row_of_doc))]
    return known[eligible.row_of_doc[known] >= 0]


def _highest(scores: Scores, count: int) -> Ints:
    """Return the places of the `count` highest scores and of all that tie with the last."""
    if len(scores) <= count:
        return np.arange(len(scores), dtype=np.int64)
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    return np.flatnonzero(scores >= least)


def _unread(missing: int) -> Note:
    text = f"{missing:,} vectors were not read before the deadline: found by their words only"
    return Note("not_read", text, degraded=True)


def _nothing() -> DenseAnswer:
    none = np.zeros(0, dtype=np.int64)
    return DenseAnswer(none, np.zeros(0, dtype=np.float32), none, none, "none")
