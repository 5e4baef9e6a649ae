"""Finds candidates: by meaning (dense) and by words (lexical), each up to `count`.

Each stage adds what it finds to what is there, as a union by version, so the two may run in any
order. The signals are absolute: the same text and query give the same value whatever else was
found.

    dense     similarity of the best span, greater is better, on the scale of the metric
    lexical   the share of the query's BM25 that the text attains, 0..1 (`recall.reader`)
"""

import numpy as np

from memory_core.answers import Extent, Hit, Hits, Note, Query
from memory_core.index.base import DenseAnswer, Retriever
from memory_core.recall.reader import Docs, Reader, Scores
from memory_core.types import Span

COUNT = 128  # candidates of each kind; the pool the recall targets are stated for


class DenseStage:
    """Adds the texts nearest in meaning, with signal "dense" and the span that matched."""

    name = "dense"

    def __init__(self, retriever: Retriever, reader: Reader, count: int = COUNT) -> None:
        self._retriever = retriever
        self._reader = reader
        self._count = count

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return the hits and up to `count` more; notes tell the path and what was missing."""
        view = self._reader.view(query)
        answer = self._retriever.search(query, view.eligible, max(self._count, query.k))
        neighbours = tuple(answer.ann_rows) or None
        extent = Extent(answer.rows, neighbours, answer.known)
        if query.vector is None:
            text = "no query vector: no embedder could encode, searched by words only"
            note = Note("no_vector", text, degraded=True)
            return Hits(hits.items, notes=(note,), extent=extent)
        found = measured(answer)
        union = {hit.facts.doc: hit for hit in (*hits, *view.hits(fresh(answer.docs, hits), hits))}
        items = tuple(
            _dense(hit, *found[doc]) if doc in found else hit for doc, hit in union.items()
        )
        path = Note("path", f"dense candidates by path: {answer.path}")
        return Hits(items, notes=answer.notes or (path,), extent=extent)


class LexicalStage:
    """Adds the texts with the query's words; signal "lexical" goes on every hit so far."""

    name = "lexical"

    def __init__(self, reader: Reader, count: int = COUNT) -> None:
        self._reader = reader
        self._count = count

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return the hits and up to `count` more."""
        view = self._reader.view(query)
        if (scores := view.lexical) is None:
            note = Note("no_terms", "the query has no words to look up: searched by meaning only")
            return Hits(hits.items, notes=(note,))
        seen = np.where(view.eligible.row_of_doc >= 0, scores, np.float32(0))
        docs = best_docs(seen, max(self._count, query.k))
        everyone = (*hits, *view.hits(fresh(docs, hits), hits))
        return Hits(tuple(hit.with_signals(lexical=scores.item(hit.facts.doc)) for hit in everyone))


def best_docs(scores: Scores, count: int) -> Docs:
    """Return the docs with the `count` highest positive scores, best first, ties by doc."""
    docs = np.flatnonzero(scores > 0)
    if len(docs) > count:
        least = np.partition(scores[docs], len(docs) - count)[len(docs) - count]
        docs = docs[scores[docs] >= least]  # keeps all ties at the edge for the order below
    return docs[np.argsort(-scores[docs], kind="stable")][:count].astype(np.int64)


def fresh(docs: Docs, hits: Hits) -> Docs:
    """Return those docs that no hit has yet, in order."""
    known = [hit.facts.doc for hit in hits]
    return docs[~np.isin(docs, known)] if known else docs


def measured(answer: DenseAnswer) -> dict[int, tuple[float, Span | None]]:
    """Return similarity and best span by doc.

    The span is None where the text has only one, and where an image or a sound matched, whose row
    is of no characters.
    """
    columns = (answer.docs, answer.scores, answer.starts, answer.stops)
    return {
        doc: (score, None if start < 0 or start == stop else Span(start=start, stop=stop))
        for doc, score, start, stop in zip(*(c.tolist() for c in columns), strict=True)
    }


def _dense(hit: Hit, score: float, span: Span | None) -> Hit:
    signals = {**hit.signals, "dense": score}
    # `dataclasses.replace` takes three times as long, for some 500 hits a recall
    return Hit(
        hit.version, hit.facts, hit.origin, hit.score, signals, hit.terms, span or hit.span,
        hit.reasons,
    )  # fmt: skip
