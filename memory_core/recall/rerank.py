"""Judges the best candidates by cross-encoder, which replaces their relevance.

    rerank = logistic(a · logit + b)       instead of the terms "dense" and "lexical"

Candidates go best first. Under a deadline the stage takes as many as it can afford, by a cost per
character that it learns from every batch, buckets those by length so that little is padded, and
asks the clock before each batch: it overruns by one batch at most. What was not judged keeps its
order below what was, by the constant term "unjudged". Pinned hits keep their "link" term.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Extent, Hit, Hits, Note, Query
from memory_core.errors import ModelError, ModelNotFound, ModelRejected
from memory_core.passage import passage
from memory_core.recall.fuse import best_first
from memory_core.recall.relevance import is_pinned, sigmoid

COUNT = 64
BATCH = 16
UNJUDGED = -4.0  # below any judged hit: the other terms sum to 3.2 at most by default
RESERVE = 0.005  # seconds left to score, diversify and pack; measured below 3 ms
OVERHEAD = 64  # characters a pair costs beside its text: special tokens, speaker, date

Logits = NDArray[np.float32]


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


@dataclass(frozen=True, slots=True)
class Logistic:
    """Platt's calibration of a cross-encoder's logits."""

    a: float = 1.0
    b: float = 0.0

    def of(self, logit: float) -> float:
        """Return the relevance 0..1 of a logit."""
        return sigmoid(self.a * logit + self.b)


class RerankStage:
    """Replaces the relevance of the best `count` hits by a cross-encoder's, in its own order."""

    name = "rerank"

    def __init__(
        self,
        reranker: Reranker | None,
        count: int = COUNT,
        batch: int = BATCH,
        *,
        logistic: Logistic | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reranker = reranker
        self._count = count
        self._batch = batch
        self._logistic = logistic or Logistic()
        self._clock = clock
        self._cost = Cost()

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return all hits: judged ones first, then the rest in the order they came."""
        if self._reranker is None:
            text = "no cross-encoder configured: ranked by bi-encoder and BM25"
            return Hits(hits.items, notes=(Note("no_reranker", text),))
        if not hits:
            return hits
        chosen = self._chosen(hits)
        logits, batches = self._judge(self._reranker, query, chosen)
        notes = self._notes(self._reranker, (len(logits), len(chosen)), len(batches))
        extent = None if query.deadline is None else Extent(batches=batches)
        if not logits:
            return Hits(hits.items, notes=notes, extent=extent)
        judged = [
            self._judged(hit, logits[hit.version])
            if hit.version in logits
            else _unjudged(hit, self._count)
            for hit in hits
        ]
        return Hits(tuple(best_first(judged)), notes=notes, extent=extent)

    def _notes(self, reranker: Reranker, judged: tuple[int, int], batches: int) -> tuple[Note, ...]:
        done, wanted = judged
        text = f"{reranker.name} judged {done} of {wanted} candidates in {batches} batches"
        if done == wanted:
            return (Note("reranked", text),)
        return (Note("deadline", f"{text}: the deadline came first", degraded=True),)

    def _chosen(self, hits: Hits) -> list[Hit]:
        late = [hit for hit in hits[self._count :] if is_pinned(hit)]
        return [*hits[: self._count], *late]

    def _judge(
        self, reranker: Reranker, query: Query, chosen: Sequence[Hit]
    ) -> tuple[dict[int, float], tuple[tuple[int, ...], ...]]:
        chosen[0].origin.prefetch([hit.version for hit in chosen])
        pairs = [Pair(hit.version, passage(hit.memory, hit.span)) for hit in chosen]
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

    def _batches(self, query: Query, pairs: Sequence["Pair"]) -> Iterator[Sequence["Pair"]]:
        """Yield batches while the deadline allows; each is asked for after the last was done."""
        if query.extent is not None and query.extent.batches is not None:
            yield from _repeated(pairs, query.extent.batches)
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

    def _judged(self, hit: Hit, logit: float) -> Hit:
        terms = {"rerank": self._logistic.of(logit), **_kept(hit.terms)}
        return replace(
            hit,
            signals={**hit.signals, "rerank": logit},
            terms=terms,
            score=sum(terms.values()),
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """A passage to be judged against the query."""

    version: int
    text: str

    @property
    def length(self) -> int:
        """Characters that the model has to read for it."""
        return len(self.text) + OVERHEAD


class Cost:
    """Seconds per padded character, learned from batches; thread-safe.

    A moving average with weight 0.3 for the newest batch: follows a busier machine within three
    batches, forgets one hiccup as fast.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds_per_character = 0.0

    @property
    def known(self) -> bool:
        """Whether a batch was measured yet."""
        return self._seconds_per_character > 0

    def learn(self, batch: Sequence[Pair], seconds: float) -> None:
        """Take one measured batch into account."""
        measured = seconds / _padded(batch)
        with self._lock:
            last = self._seconds_per_character
            self._seconds_per_character = 0.7 * last + 0.3 * measured if last else measured

    def of(self, batch: Sequence[Pair]) -> float:
        """Return the seconds that a batch should take."""
        return self._seconds_per_character * _padded(batch)

    def affordable(self, pairs: Sequence[Pair], seconds: float, batch: int) -> int:
        """Return how many of the first pairs fit into the time, once bucketed by length."""
        count = len(pairs)
        while count and sum(map(self.of, bucketed(pairs[:count], batch))) > seconds:
            count -= min(count, max(1, batch // 4))
        return count


def bucketed(pairs: Sequence[Pair], batch: int) -> list[Sequence[Pair]]:
    """Return batches of similar length; the one with the best-ranked pair goes first."""
    rank = {pair.version: place for place, pair in enumerate(pairs)}
    by_length = sorted(pairs, key=lambda pair: (pair.length, rank[pair.version]))
    batches = [by_length[start : start + batch] for start in range(0, len(pairs), batch)]
    return sorted(batches, key=lambda members: min(rank[pair.version] for pair in members))


def _repeated(pairs: Sequence[Pair], batches: Sequence[Sequence[int]]) -> Iterator[Sequence[Pair]]:
    """Yield the batches of an earlier run, by version; what is no candidate now is left out."""
    here = {pair.version: pair for pair in pairs}
    for versions in batches:
        if batch := [here[version] for version in versions if version in here]:
            yield batch


def _padded(batch: Sequence[Pair]) -> int:
    return len(batch) * max(pair.length for pair in batch)


def _unjudged(hit: Hit, count: int) -> Hit:
    terms = {**hit.terms, "unjudged": UNJUDGED}
    reason = f"not judged by the reranker: beyond its {count} or its time"
    return replace(hit, terms=terms, score=sum(terms.values()), reasons=(*hit.reasons, reason))


def _kept(terms: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in terms.items() if name not in ("dense", "lexical")}


class CrossEncoderReranker:
    """A sentence-transformers CrossEncoder from a local directory; loaded at first use.

    Args:
        path: directory of the model; nothing is downloaded.
        name: what to call it in notes and recordings; the directory's name when None.
        revision: version or checksum of the weights.
        device: torch device; CPU by default, so that results do not depend on the machine.

    Example:
        >>> CrossEncoderReranker("models/reranker", revision="1").name
        'reranker'
    """

    def __init__(
        self, path: str | Path, *, name: str | None = None, revision: str = "", device: str = "cpu"
    ) -> None:
        self._path = Path(path)
        self._name = name or self._path.name
        self._revision = revision
        self._device = device
        self._lock = threading.Lock()
        self._model: Any = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    @property
    def revision(self) -> str:
        """Version or checksum of the weights."""
        return self._revision

    def score(self, query: str, passages: Sequence[str]) -> Logits:
        """Return one float32 logit per passage, `(n,)`.

        Raises:
            ModelNotFound: the directory has no model.
            ModelRejected: the weights are not safetensors, or it is no single-logit model.
            ModelError: it gave NaN or infinity.
        """
        if not passages:
            return np.zeros(0, dtype=np.float32)
        import torch

        with self._lock:
            model = self._loaded()
            logits = model.predict(
                [(query, passage) for passage in passages],
                batch_size=len(passages),
                show_progress_bar=False,
                activation_fn=torch.nn.Identity(),
                convert_to_numpy=True,
            )
        scores = np.asarray(logits, dtype=np.float32).reshape(len(passages))
        if not np.isfinite(scores).all():
            raise ModelError(
                f"{self._name!r} gave NaN or infinity; try another device or precision"
            )
        return scores

    def _loaded(self) -> Any:
        if self._model is None:
            self._model = load_cross_encoder(self._path, self._device)
        return self._model


def load_cross_encoder(path: Path, device: str) -> Any:
    """Return the CrossEncoder of a local directory, safetensors only, no remote code.

    Raises:
        ModelNotFound: the directory has no model.
        ModelRejected: the weights are not safetensors, or it is no single-logit model.
    """
    if not (path / "config.json").is_file():
        raise ModelNotFound(
            f"no cross-encoder in {path}: config.json is missing; "
            "pass a model directory or run: memory models pull"
        )
    if not any(path.glob("*.safetensors")):
        raise ModelRejected(
            f"{path} holds no safetensors weights, and pickled ones can run code; "
            "convert them to safetensors"
        )
    from sentence_transformers import CrossEncoder

    try:
        model = CrossEncoder(
            str(path),
            device=device,
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        )
    except Exception as error:
        raise ModelRejected(
            f"{path} does not load as a cross-encoder: {error}; copy the model again"
        ) from error
    if model.num_labels != 1:
        raise ModelRejected(
            f"{path} gives {model.num_labels} scores per pair, a reranker gives one; "
            "use a model with num_labels=1"
        )
    model.eval()
    return model
