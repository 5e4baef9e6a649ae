"""Judges the best candidates by cross-encoder, and adds what it says to what is known.

    rerank = w · logistic(a · logit + b)          beside the terms "dense", "lexical", "context" …

A small cross-encoder and the first stage err in different places, so their sum is better than
either. The term is absolute: it depends on question and passage alone. Candidates go best first.
Under a deadline the stage takes as many as it can afford, by a cost per character that it learns
from every batch, buckets those by length so that little is padded, and asks the clock before each
batch: it overruns by one batch at most. What was not judged keeps its order below what was, by
the constant term "unjudged".

A fact in a long text is judged in the middle of what stands around it, and low. So before a recall
is called empty, the best of the long texts are judged by their best sentence alone, once more.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Extent, Hit, Hits, Note, Query
from memory_core.recall.batching import Cost, Pair, bucketed, repeated
from memory_core.recall.fuse import best_first
from memory_core.recall.passages import closer, passages
from memory_core.recall.reader import Reader
from memory_core.recall.relevance import Calibration, is_pinned, relevance_of, sigmoid

COUNT = 64
CLOSER = 4
"""Long texts that are judged again where nothing is relevant enough."""
BATCH = 16
UNJUDGED = -6.0  # below any judged hit: the other terms sum to 5.6 at most by default
RESERVE = 0.005  # seconds left to score, diversify and pack; measured below 3 ms

Logits = NDArray[np.float32]


@runtime_checkable
class Reranker(Protocol):
    """A cross-encoder: reads query and passage together. Implementations are thread-safe."""

    @property
    def name(self) -> str:
        """The model's name, without a path of this machine."""
        ...

    @property
    def revision(self) -> str:
        """Version or checksum of the weights; blank where there is none."""
        ...

    def score(self, query: str, passages: Sequence[str]) -> Logits:
        """Return one float32 logit per passage, `(n,)`, greater is more relevant."""
        ...


@runtime_checkable
class Warmed(Protocol):
    """A cross-encoder that can load beside other work."""

    def warm(self) -> None:
        """Begin to load, once; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class Blend:
    """What a cross-encoder's logit adds to a hit's score; `a` and `b` calibrate the logit (Platt).

    Example:
        >>> Blend().of(0.0)
        0.25
    """

    weight: float = 0.5
    a: float = 0.5
    b: float = 0.0
    """On 400 questions of LoCoMo's development conversations weights from 0.5 to 1.2 do equally
    well; on the sample conversation recall@5 falls from 0.8 on, so the least of them is taken."""

    def of(self, logit: float) -> float:
        """Return the term of a logit, 0..weight."""
        return self.weight * sigmoid(self.a * logit + self.b)


class RerankStage:
    """Adds a cross-encoder's judgement of the best `count` hits."""

    name = "rerank"

    def __init__(
        self,
        reranker: Reranker | None,
        count: int = COUNT,
        *,
        reader: Reader | None = None,
        batch: int = BATCH,
        blend: Blend | None = None,
        min_relevance: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reranker = reranker
        self._reader = reader
        self._count = count
        self._batch = batch
        self._blend = blend or Blend()
        self._min_relevance = min_relevance
        self._clock = clock
        self._cost = Cost()

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return all hits: judged ones first, then the rest in the order they came."""
        if self._reranker is None:
            text = "no cross-encoder configured: ranked by bi-encoder and BM25"
            return Hits(hits.items, notes=(Note("no_reranker", text),))
        if not hits:
            return hits
        chosen, wordless = self._chosen(hits)
        logits, batches = self._judge(self._reranker, query, chosen)
        notes = self._notes(self._reranker, (len(logits), len(chosen)), len(batches))
        extent = None if query.deadline is None else Extent(batches=batches)
        if not logits:
            return Hits(hits.items, notes=notes, extent=extent)
        judged = [
            self._judged(hit, logits[hit.version])
            if hit.version in logits
            else _wordless(hit)
            if hit.version in wordless
            else _unjudged(hit, self._count)
            for hit in hits
        ]
        if query.deadline is None and (query.extent is None or query.extent.batches is None):
            judged = self._looked_closer(self._reranker, query, judged)
        return Hits(tuple(best_first(judged)), notes=notes, extent=extent)

    def _notes(self, reranker: Reranker, judged: tuple[int, int], batches: int) -> tuple[Note, ...]:
        done, wanted = judged
        text = f"{reranker.name} judged {done} of {wanted} candidates in {batches} batches"
        if done == wanted:
            return (Note("reranked", text),)
        return (Note("deadline", f"{text}: the deadline came first", degraded=True),)

    def _chosen(self, hits: Hits) -> tuple[list[Hit], set[int]]:
        """Return what is judged, and the versions among the best that have no words to judge."""
        late = [hit for hit in hits[self._count :] if is_pinned(hit)]
        best = [*hits[: self._count], *late]
        best[0].origin.prefetch([hit.version for hit in best])
        wordless = {hit.version for hit in best if not hit.memory.text}
        return [hit for hit in best if hit.version not in wordless], wordless

    def _judge(
        self, reranker: Reranker, query: Query, chosen: Sequence[Hit]
    ) -> tuple[dict[int, float], tuple[tuple[int, ...], ...]]:
        texts = passages(query, chosen, self._reader)
        pairs = [Pair(hit.version, text) for hit, text in zip(chosen, texts, strict=True)]
        logits: dict[int, float] = {}
        batches: list[tuple[int, ...]] = []
        for batch in self._batches(query, pairs):
            begun = self._clock()
            values = reranker.score(query.text, [pair.text for pair in batch])
            self._cost.learn(batch, self._clock() - begun)
            pairs_scored = zip(batch, values.tolist(), strict=True)
            logits.update({pair.version: value for pair, value in pairs_scored})
            batches.append(tuple(pair.version for pair in batch))
        return logits, tuple(batches)

    def _batches(self, query: Query, pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
        """Yield batches while the deadline allows; each is asked for after the last was done."""
        if query.extent is not None and query.extent.batches is not None:
            yield from repeated(pairs, query.extent.batches)
            return
        if query.deadline is None:
            yield from bucketed(pairs, self._batch)
            return
        end = query.deadline - RESERVE
        if not self._cost.known:
            if self._clock() < end:
                yield pairs[: self._batch]
            pairs = pairs[self._batch :]
        affordable = self._cost.affordable(pairs, end - self._clock(), self._batch)
        for batch in bucketed(pairs[:affordable], self._batch):
            if self._clock() + self._cost.of(batch) > end:
                return
            yield batch

    def _looked_closer(self, reranker: Reranker, query: Query, hits: list[Hit]) -> list[Hit]:
        """Return the hits, the best long ones judged anew if no hit is relevant enough."""
        calibration = Calibration()
        if any(relevance_of(hit, calibration) >= self._min_relevance for hit in hits):
            return hits
        best = (hit for hit in best_first(hits) if "rerank" in hit.signals)
        read = ((hit.version, closer(hit, query.text)) for hit in best)
        sentences = dict(islice(((v, text) for v, text in read if text is not None), CLOSER))
        if not sentences:
            return hits
        logits = reranker.score(query.text, list(sentences.values())).tolist()
        better = dict(zip(sentences, logits, strict=True))
        return [
            self._judged(hit, logit)
            if (logit := better.get(hit.version, -math.inf)) > hit.signals.get("rerank", math.inf)
            else hit
            for hit in hits
        ]

    def _judged(self, hit: Hit, logit: float) -> Hit:
        terms = {**hit.terms, "rerank": self._blend.of(logit)}
        return replace(
            hit,
            signals={**hit.signals, "rerank": logit},
            terms=terms,
            score=sum(terms.values()),
        )


def _wordless(hit: Hit) -> Hit:
    """Return an image or a sound alone: it stands by what the bi-encoder says of it."""
    reason = "not judged by the reranker: it has no words"
    return replace(hit, reasons=(*hit.reasons, reason))


def _unjudged(hit: Hit, count: int) -> Hit:
    terms = {**hit.terms, "unjudged": UNJUDGED}
    reason = f"not judged by the reranker: beyond its {count} or its time"
    return replace(hit, terms=terms, score=sum(terms.values()), reasons=(*hit.reasons, reason))
