"""Fuses meaning and words into one absolute, additive relevance, and keeps the best `pool`.

    dense    = w_d · clip((similarity − floor) / (ceiling − floor), 0, 1)
    lexical  = w_l · lexical
    sparse   = w_s · sparse                    where a sparse model is set (`recall.match`)
    score    = dense + lexical + sparse

Both signals are absolute (`recall.retrieve`), so a score means the same in every recall: nothing
is scaled by the other candidates, unlike min-max or rank fusion (Bruch et al. 2023, "An Analysis
of Fusion Functions for Hybrid Retrieval", find convex combination better than rank fusion).
A text that is not embedded yet is ranked by its words alone.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from memory_core.answers import Cut, Hit, Hits, Note, Query
from memory_core.errors import InvalidSetting
from memory_core.index.base import Retriever
from memory_core.recall.reader import Docs, Reader, Scores

POOL = 128


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each signal counts, and which similarities count as nothing and as all.

    Example:
        >>> Weights().terms({"dense": 0.5, "lexical": 0.25})
        {'dense': 0.5, 'lexical': 0.375}
    """

    dense: float = 1.0
    lexical: float = 1.5
    """On LoCoMo's development conversations recall@10 rises up to 1.5 and falls after 2."""
    sparse: float = 0.0
    floor: float = 0.0
    """Similarity that is worth nothing; 0 is right for the cosine of most bi-encoders."""
    ceiling: float = 1.0
    """Similarity of a text with itself."""

    def __post_init__(self) -> None:
        if not self.ceiling > self.floor:
            raise InvalidSetting(
                f"ceiling {self.ceiling} is not above floor {self.floor}; swap or widen them"
            )
        if min(weights := (self.dense, self.lexical, self.sparse)) < 0:
            raise InvalidSetting(
                f"of the weights dense, lexical, sparse = {weights} one is negative; use 0 or more"
            )

    @property
    def most(self) -> float:
        """The greatest sum of terms that any hit can get."""
        return self.dense + self.lexical + self.sparse

    def terms(self, signals: Mapping[str, float]) -> dict[str, float]:
        """Return the relevance terms of the signals that are there."""
        terms = {}
        if (similarity := signals.get("dense")) is not None:
            share = (similarity - self.floor) / (self.ceiling - self.floor)
            terms["dense"] = self.dense * (0.0 if share < 0 else 1.0 if share > 1 else share)
        if (lexical := signals.get("lexical")) is not None:
            terms["lexical"] = self.lexical * lexical
        if (sparse := signals.get("sparse")) is not None:
            terms["sparse"] = self.sparse * sparse
        return terms


class FuseStage:
    """Gives every candidate both signals and a score; keeps the best `pool`, at least k."""

    name = "fuse"

    def __init__(
        self,
        retriever: Retriever | None,
        reader: Reader,
        *,
        weights: Weights | None = None,
        pool: int = POOL,
        further: Callable[[Query], Scores | None] = lambda query: None,
    ) -> None:
        self._retriever = retriever
        self._reader = reader
        self._weights = weights or Weights()
        self._pool = pool
        self._further = further

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return the best candidates, best first, ties by id; the rest are cut."""
        fused = best_first(self.fused(query, hits.items))
        pool = max(self._pool, query.k)
        reason = f"beyond the pool of {pool} after fusion"
        cuts = tuple([Cut(hit, reason) for hit in fused[pool:]])
        return Hits(tuple(fused[:pool]), cuts, self._notes(query, fused))

    def fused(self, query: Query, items: Sequence[Hit]) -> list[Hit]:
        """Return the same hits, measured by both signals and scored, in the same order.

        A hit keeps the terms that other stages gave it.
        """
        similarities = self._similarities(query, items)
        columns = {"lexical": self._reader.view(query).lexical, "sparse": self._further(query)}
        by_doc = {name: column for name, column in columns.items() if column is not None}
        return [self._measured(hit, similarities.get(hit.facts.doc), by_doc) for hit in items]

    def relevances(self, query: Query, docs: Docs) -> Scores:
        """Return dense + lexical of docs `(n,)`, without making hits of them."""
        weights, view = self._weights, self._reader.view(query)
        total = np.zeros(len(docs), dtype=np.float32)
        if self._retriever is not None and query.vector is not None and len(docs):
            similarity = np.nan_to_num(self._retriever.similarity(query, docs))
            share = (similarity - weights.floor) / (weights.ceiling - weights.floor)
            total += weights.dense * np.clip(share, 0, 1)
        if view.lexical is not None:
            total += weights.lexical * view.lexical[docs]
        return total

    def _measured(self, hit: Hit, similarity: float | None, by_doc: Mapping[str, Scores]) -> Hit:
        signals = hit.signals
        if similarity is not None:
            signals = {**signals, "dense": similarity}
        for name, column in by_doc.items():
            if name not in signals:
                signals = {**signals, name: column.item(hit.facts.doc)}
        terms = self._weights.terms(signals)
        if hit.terms:
            terms = {**hit.terms, **terms}
        score = sum(terms.values())
        return Hit(hit.version, hit.facts, hit.origin, score, signals, terms, hit.span, hit.reasons)

    def _similarities(self, query: Query, items: Sequence[Hit]) -> dict[int, float]:
        """Return the similarity by doc of those hits that were not found by meaning."""
        lacking = [hit.facts.doc for hit in items if "dense" not in hit.signals]
        if self._retriever is None or query.vector is None or not lacking:
            return {}
        values = self._retriever.similarity(query, np.array(lacking, dtype=np.int64)).tolist()
        return {
            doc: value for doc, value in zip(lacking, values, strict=True) if not math.isnan(value)
        }

    def _notes(self, query: Query, fused: Sequence[Hit]) -> tuple[Note, ...]:
        if query.vector is None or self._retriever is None:
            return ()
        if not (count := sum("dense" not in hit.signals for hit in fused)):
            return ()
        text = f"{count} of {len(fused)} candidates are not embedded yet: ranked by words only"
        return (Note("not_embedded", text, degraded=True),)


def best_first(hits: Iterable[Hit]) -> list[Hit]:
    """Return the hits by score, greatest first, ties by id."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.facts.number))
