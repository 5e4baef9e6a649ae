"""What one recall sees of the journal, read once and shared by its stages.

A `View` is fixed by its query: the snapshot at `query.seq`, the texts that the query may see, and
the lexical scores. It never holds a memory's text.

    lexical = BM25 / ceiling          the share 0..1 of what any text could attain for the terms
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Hit, MemorySource, Query
from memory_core.journal.columns import Eligible, Snapshot
from memory_core.journal.turns import Neighbours, Turns
from memory_core.terms import terms

Docs = NDArray[np.int64]
Scores = NDArray[np.float32]
Terms = Callable[[str], Sequence[str]]
"""Turns a query into lexical terms, as the journal did with the texts."""


class ReadSide(Protocol):
    """What recall reads of a journal: one namespace of one store."""

    def snapshot(self, seq: int | None = None) -> Snapshot:
        """Return the namespace as of `seq`."""
        ...

    def eligible(self, query: Query, snapshot: Snapshot) -> Eligible:
        """Return which texts the query may see."""
        ...

    def lexical(self, terms: Sequence[str], snapshot: Snapshot) -> tuple[Scores, float]:
        """Return BM25 by doc `(seq+1,)`, 0 where no term occurs, and the most it could be."""
        ...

    def source(self) -> MemorySource:
        """Return a loader of memories for one recall."""
        ...


T = TypeVar("T")


class once(Generic[T]):
    """A property made at first use, for objects that one thread uses.

    Until Python 3.12 `functools.cached_property` has one lock for all objects: recalls in two
    threads would wait for each other, and a forked child for a thread that it does not have.
    """

    def __init__(self, make: Callable[..., T]) -> None:
        self._make = make

    def __get__(self, owner: object, kind: type[object] | None = None) -> T:
        value = owner.__dict__[self._make.__name__] = self._make(owner)
        return value


class View:
    """The memories as one query may see them; everything is read at first use."""

    def __init__(self, journal: ReadSide, terms: Terms, query: Query) -> None:
        self.query = query
        self._journal = journal
        self._terms = terms

    @once
    def snapshot(self) -> Snapshot:
        """The columns at the query's seq."""
        return self._journal.snapshot(self.query.seq)

    @once
    def eligible(self) -> Eligible:
        """The texts that the query may see."""
        return self._journal.eligible(self.query, self.snapshot)

    @once
    def lexical(self) -> Scores | None:
        """The lexical signal by doc `(seq+1,)`, 0..1; None when the query has no terms."""
        words = self._terms(self.query.text)
        if not words:
            return None
        return lexical_scale(*self._journal.lexical(words, self.snapshot))

    def hits(self, docs: Docs, known: Sequence[Hit]) -> tuple[Hit, ...]:
        """Return bare hits for those docs `(n,)` that are eligible, in order.

        Args:
            docs: the texts.
            known: hits of the same recall, whose source the new ones share.
        """
        if not len(docs):
            return ()
        snapshot = self.snapshot
        origin = known[0].origin if known else self._journal.source()
        rows = self.eligible.rows(docs)
        rows = rows[rows >= 0]
        versions = snapshot.columns["version"][rows].tolist()
        every = zip(versions, snapshot.facts(rows), strict=True)
        return tuple([Hit(version, facts, origin) for version, facts in every])

    @once
    def _neighbours(self) -> Neighbours:
        return Neighbours.among(self.snapshot.columns, self.eligible.row_of_doc)

    def turns(self, docs: Docs) -> Turns:
        """Return the eligible texts before and after docs `(n,)` in their sessions."""
        return self._neighbours.of(docs)

    def sessions(self, docs: Docs) -> Docs:
        """Return a number for the session of each of the docs `(n,)`, -1 for none."""
        return self._of("session", docs)

    def lengths(self, docs: Docs) -> Docs:
        """Return the number of lexical terms of each of the docs `(n,)`."""
        return self._of("terms", docs)

    def consolidated(self, docs: Docs) -> Docs:
        """Return 1 for each of the docs `(n,)` that consolidation made, else 0."""
        return self._of("consolidated", docs)

    def speakers(self, docs: Docs) -> Docs:
        """Return the place in `names` of who said each of the docs `(n,)`, -1 for nobody."""
        return self._of("speaker", docs)

    @once
    def names(self) -> dict[int, str]:
        """Who speaks in the texts that the query may see, by place."""
        rows = self.eligible.row_of_doc
        codes = self.snapshot.columns["speaker"][rows[rows >= 0]]
        counts = np.bincount(codes[codes >= 0])
        return {code: self.snapshot.speakers[code] for code in np.flatnonzero(counts).tolist()}

    def _of(self, column: str, docs: Docs) -> Docs:
        values: Docs = self.snapshot.columns[column][self.eligible.rows(docs)].astype(np.int64)
        return values

    def docs_of(self, ids: Sequence[str]) -> Docs:
        """Return the docs of those memories that are eligible, in journal order."""
        columns = self.snapshot.columns
        numbers = np.array([int(id, 16) for id in ids], dtype=columns["number"].dtype)
        rows = np.flatnonzero(np.isin(columns["number"], numbers))
        docs: Docs = columns["doc"][rows]
        known = docs <= self.snapshot.seq
        rows, docs = rows[known], docs[known]
        seen: Docs = docs[self.eligible.rows(docs) == rows]
        return seen


class Reader:
    """Gives the stages of one recall the same view; each thread keeps its latest."""

    def __init__(self, journal: ReadSide, terms: Terms = terms) -> None:
        self._journal = journal
        self._terms = terms
        self._latest = threading.local()

    def view(self, query: Query) -> View:
        """Return the view of this query object."""
        latest: View | None = getattr(self._latest, "view", None)
        if latest is None or latest.query is not query:
            latest = self._latest.view = View(self._journal, self._terms, query)
        return latest


def lexical_scale(bm25: Scores, ceiling: float) -> Scores:
    """Return BM25 as the share 0..1 of what any text could attain for these terms.

    The ceiling depends on the query's terms and the namespace's statistics, never on the
    candidates, so one candidate more or less changes no score.
    """
    if ceiling <= 0:
        return np.zeros_like(bm25)
    scaled: Scores = np.minimum(bm25 / np.float32(ceiling), np.float32(1))
    return scaled
