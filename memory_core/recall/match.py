"""Two further judges of texts, off unless a model is set: learned sparse, and late interaction.

    sparse = w · s / (s + q·q)       s = Σ_w q_w · d_w; a half where text and question fit alike
    late   = w · clip(Σ_q max_t q · t / |q|, 0, 1)      the mean over the question's tokens

Both terms depend on question and text alone and are at most their weight, like every other one.
The sparse stage brings candidates of its own (SPLADE, Formal et al. 2021); the late one measures
the best of those that are there (ColBERT, Khattab & Zaharia 2020). What either could see is kept
in the recording, so a recall that is played again sees the same.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Extent, Hit, Hits, Note, Query
from memory_core.index.lane import Lane, Late
from memory_core.journal.lexical import indexed
from memory_core.recall.fuse import best_first
from memory_core.recall.reader import Reader, Scores
from memory_core.recall.relevance import is_pinned
from memory_core.recall.retrieve import best_docs, fresh

PATIENCE = 2.0
"""Seconds that a recall without a deadline waits for texts to be encoded; it goes on behind it."""
SHARE = 0.3
"""Share of the time left that either stage may take of a recall with a deadline."""
UNLIMITED = 600.0
BATCH = 16
KEPT = 1024
"""Texts whose token vectors are kept in memory, on no disk: 50 kB each at 100 tokens of 128."""
NONE = -1
"""Position of a recall in which no sparse vector took part."""

Tokens = NDArray[np.float32]
Weighted = tuple[NDArray[np.int32], NDArray[np.float32]]


class SparseSource(Protocol):
    """Sparse vectors of a namespace; see `memory_core.index.sparse`."""

    @property
    def model(self) -> tuple[str, str]:
        """Name and revision of the model."""
        ...

    def asked(self, text: str, seconds: float) -> Weighted:
        """Return a question's weights, or raise `Late`."""
        ...

    def absorb(self, seconds: float | None) -> int:
        """Encode what is missing, all of it when None; return the entry reached."""
        ...

    def scores(self, asked: Weighted, size: int, position: int) -> Scores:
        """Return the score by doc `(size,)`, 0 for texts after `position`."""
        ...


class LateSource(Protocol):
    """A late-interaction model."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def revision(self) -> str:
        """Checksum of its weights."""
        ...

    def query(self, text: str) -> Tokens:
        """Return a question's vectors `(q, d)`, of unit length."""
        ...

    def documents(self, texts: Sequence[str]) -> list[Tokens]:
        """Return texts' vectors `(t, d)`, of unit length."""
        ...


@dataclass(frozen=True, slots=True)
class Matchers:
    """The further models of a memory; none unless set."""

    sparse: SparseSource | None = None
    late: LateSource | None = None

    @property
    def models(self) -> dict[str, tuple[str, str]]:
        """Name and revision by stage."""
        found = {} if self.sparse is None else {"sparse": self.sparse.model}
        if self.late is not None:
            found["late"] = (self.late.name, self.late.revision)
        return found

    def sparse_stage(self, reader: Reader, count: int) -> list["SparseStage"]:
        """Return the stage, or nothing."""
        return [] if self.sparse is None else [SparseStage(self.sparse, reader, count)]

    def late_stage(self, count: int, weight: float) -> list["LateStage"]:
        """Return the stage, or nothing."""
        return [] if self.late is None else [LateStage(self.late, count, weight)]


class SparseStage:
    """Adds the texts that a sparse model finds; signal "sparse" goes on every hit so far."""

    name = "sparse"

    def __init__(self, source: SparseSource, reader: Reader, count: int) -> None:
        self._source = source
        self._reader = reader
        self._count = count
        self._latest = threading.local()

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return the hits and up to `count` more."""
        position, shares = self._measured(query)
        extent = Extent(sparse=position)
        name = self._source.model[0]
        if shares is None:
            text = f"{name} did not encode the question before the deadline"
            return Hits(hits.items, notes=(Note("deadline", text, degraded=True),), extent=extent)
        view = self._reader.view(query)
        seen = np.where(view.eligible.row_of_doc >= 0, shares, np.float32(0))
        docs = best_docs(seen, max(self._count, query.k))
        everyone = (*hits, *view.hits(fresh(docs, hits), hits))
        missing = int(np.count_nonzero(view.eligible.row_of_doc[position + 1 :] >= 0))
        notes = [Note("sparse", f"{name} over the texts up to entry {position:,}")]
        if missing:
            text = f"{missing:,} texts have no sparse vector yet: found by the other retrievers"
            notes.append(Note("not_encoded", text, degraded=True))
        items = tuple(hit.with_signals(sparse=shares.item(hit.facts.doc)) for hit in everyone)
        return Hits(items, notes=tuple(notes), extent=extent)

    def shares(self, query: Query) -> Scores | None:
        """Return the signal by doc `(seq+1,)` for hits that come later; None where none is."""
        latest = getattr(self._latest, "seen", None)
        return latest[1] if latest is not None and latest[0] is query else None

    def _measured(self, query: Query) -> tuple[int, Scores | None]:
        position, shares = self._position(query), None
        try:
            if position != NONE:
                asked = self._source.asked(query.text, _left(query, UNLIMITED))
                size = len(self._reader.view(query).eligible.row_of_doc)
                scores = self._source.scores(asked, size, position)
                own = np.float32(np.dot(asked[1], asked[1]))
                shares = np.divide(
                    scores, scores + own, where=scores > 0, out=np.zeros_like(scores)
                )
        except Late:
            position = NONE
        self._latest.seen = (query, shares)
        return position, shares

    def _position(self, query: Query) -> int:
        if query.extent is None:
            return self._source.absorb(_left(query, PATIENCE))
        wanted = NONE if query.extent.sparse is None else query.extent.sparse
        if wanted != NONE:
            self._source.absorb(None)
        return wanted


class LateStage:
    """Adds how well the tokens of the best `count` hits fit those of the question."""

    name = "late"

    def __init__(self, source: LateSource, count: int, weight: float) -> None:
        self._source = source
        self._count = count
        self._weight = weight
        self._lane = Lane("the late-interaction model")
        self._kept: OrderedDict[tuple[int, int], Tokens] = OrderedDict()

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return all hits, best first; nothing is cut."""
        chosen = [hit for n, hit in enumerate(hits) if n < self._count or is_pinned(hit)]
        if query.extent is not None and query.extent.late is not None:
            chosen = [hit for hit in chosen if hit.version in query.extent.late]
        if not chosen:
            return Hits(hits.items)
        values = self._values(query, chosen)
        text = f"{self._source.name} compared {len(values)} of {len(chosen)} candidates"
        note = Note("late", text)
        if len(values) < len(chosen):
            note = Note("deadline", f"{text}: the deadline came first", degraded=True)
        extent = None if query.deadline is None else Extent(late=tuple(values))
        told = [self._told(hit, values.get(hit.version)) for hit in hits]
        return Hits(tuple(best_first(told)), notes=(note,), extent=extent)

    def _told(self, hit: Hit, value: float | None) -> Hit:
        if value is None:
            return hit
        terms = {**hit.terms, "late": self._weight * min(max(value, 0.0), 1.0)}
        signals = {**hit.signals, "late": value}
        return replace(hit, signals=signals, terms=terms, score=sum(terms.values()))

    def _values(self, query: Query, chosen: Sequence[Hit]) -> dict[int, float]:
        """Return the mean best similarity by version, of as many as the time allows."""
        chosen[0].origin.prefetch([hit.version for hit in chosen])
        texts = [_text(hit) for hit in chosen]
        stop, found = threading.Event(), dict[int, float]()

        def compare() -> None:
            asked = self._source.query(query.text)
            for start in range(0, len(chosen), BATCH):
                if stop.is_set():
                    return
                part = chosen[start : start + BATCH]
                rows = self._tokens(part, texts[start : start + BATCH])
                for hit, tokens in zip(part, rows, strict=True):
                    found[hit.version] = maxsim(asked, tokens)

        return self._in_time(query, compare, stop, found)

    def _in_time(
        self, query: Query, compare: Callable[[], None], stop: threading.Event,
        found: dict[int, float],
    ) -> dict[int, float]:  # fmt: skip
        if query.deadline is None:
            compare()
            return found
        try:
            self._lane.run(compare, _left(query, UNLIMITED))
        except Late:
            stop.set()
        return dict(found)

    def _tokens(self, part: Sequence[Hit], texts: Sequence[str]) -> list[Tokens]:
        keys = [(hit.facts.doc, -1 if hit.span is None else hit.span.start) for hit in part]
        known = {key: kept for key in keys if (kept := self._kept.get(key)) is not None}
        lacking = [n for n, key in enumerate(keys) if key not in known]
        made = self._source.documents([texts[n] for n in lacking]) if lacking else []
        for n, tokens in zip(lacking, made, strict=True):
            known[keys[n]] = self._kept[keys[n]] = tokens
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return [known[key] for key in keys]


def maxsim(asked: Tokens, tokens: Tokens) -> float:
    """Return the mean over the question's tokens of the best similarity in the text, −1..1."""
    if not len(asked) or not len(tokens):
        return 0.0
    return float((asked @ tokens.T).max(axis=1).mean())


def _text(hit: Hit) -> str:
    """Return what is compared: of a long text the part that matched best."""
    memory = hit.memory
    said = memory.text if hit.span is None else memory.text[hit.span.start : hit.span.stop]
    return indexed(said, memory.speaker)


def _left(query: Query, usual: float) -> float:
    if query.deadline is None:
        return usual
    return max(query.deadline - time.monotonic(), 0.0) * SHARE
