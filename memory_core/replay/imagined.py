"""What a recall may see that is written nowhere: memories never stored, vectors of another model.

Hypothetical memories are embedded and stand behind the real ones of that moment. A model that
never wrote vectors here embeds the texts that the query may see, for this one question.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Query
from memory_core.embed.base import Embedder, usable_vectors
from memory_core.errors import InvalidInput
from memory_core.index.added import AddedRows, RowSource
from memory_core.index.catchup import pieces_of
from memory_core.journal.events import Stored
from memory_core.journal.hypothetical import Hypothetical
from memory_core.journal.journal import Journal
from memory_core.journal.lexical import indexed
from memory_core.journal.vectors import PendingText
from memory_core.parts import Instead

MOST = 2_000
"""Texts that another model embeds for one question; some ten seconds on two cores."""

Spans = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors `(n, d)` and what each belongs to: doc, or place among the added; start, stop."""

    spans: Spans = ()
    vectors: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Imagined:
    """What one run of a recall sees beside what is written; nothing unless told."""

    events: tuple[Stored, ...] = ()
    """Memories never stored."""
    added: Embedded = Embedded()
    """Their vectors."""
    others: Embedded = Embedded()
    """Vectors of real texts under a model that has none for them here."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the memories never stored."""
        return tuple(f"{event.number:016x}" for event in self.events)

    def over(
        self, journal: Journal, query: Query, instead: Instead, real: RowSource
    ) -> tuple[Query, Instead]:
        """Return the query and the parts with which the stages see what is imagined."""
        extent = query.extent
        until = None if extent is None else extent.rows
        if extent is not None:
            query = replace(query, extent=replace(extent, rows=None))
        spans, vectors = list(self.others.spans), self.others.vectors
        if self.events:
            seen = Hypothetical(journal, query.seq, self.events, query.now)
            instead = replace(instead, read=seen, links=seen.links)
            query = replace(query, seq=seen.seq)
            spans += [(seen.docs[place], start, stop) for place, start, stop in self.added.spans]
            vectors = _stacked(vectors, self.added.vectors)
        if vectors is None:
            return query, instead
        return query, replace(instead, rows=AddedRows(real, until, spans, vectors))


def embedded(embedder: Embedder, texts: Sequence[PendingText]) -> Embedded:
    """Return the texts' vectors, span by span.

    Raises:
        EmbeddingFailed: the model gave no usable vectors.
    """
    pieces = [(item, piece) for item in texts for piece in pieces_of(item, embedder)]
    if not pieces:
        return Embedded()
    searched = [indexed(item.text[p.start : p.stop], item.speaker) for item, p in pieces]
    answer = embedder.encode_documents(searched)
    vectors = usable_vectors(answer, len(pieces), embedder.fingerprint)
    return Embedded(tuple((item.doc, p.start, p.stop) for item, p in pieces), vectors)


def missing_texts(journal: Journal, query: Query, rows: RowSource) -> list[PendingText]:
    """Return the texts that the query may see and that have no vector among the rows.

    Raises:
        InvalidInput: there are more than one question may embed.
    """
    snapshot = journal.snapshot(query.seq)
    row_of_doc = journal.eligible(query, snapshot).row_of_doc
    known = rows.by(None)[0].docs
    docs = np.setdiff1d(np.flatnonzero(row_of_doc >= 0), known)
    if len(docs) > MOST:
        raise InvalidInput(
            f"{len(docs):,} texts have no vectors of that model, a what-if embeds {MOST:,}; open "
            "the memory with that model once, so that its vectors are written"
        )
    source = journal.source()
    versions = {doc: snapshot.version(int(row_of_doc[doc])) for doc in docs.tolist()}
    source.prefetch(list(versions.values()))
    memories = {doc: source.memory(version) for doc, version in versions.items()}
    return [PendingText(doc, found.text, found.speaker) for doc, found in memories.items()]


def _stacked(
    one: NDArray[np.float32] | None, two: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    if one is None or two is None:
        return two if one is None else one
    return np.concatenate([one, two])
