"""A small world for recall's stages: texts, vectors and facts laid out by hand."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from memory_core.answers import Facts, Hit, Query
from memory_core.index.base import DenseAnswer
from memory_core.journal.codes import CODE, NEVER
from memory_core.journal.columns import Eligible, Snapshot
from memory_core.journal.names import Names
from memory_core.recall.reader import Reader
from memory_core.terms import terms
from memory_core.types import Memory, State, Trust, from_micros, to_micros

DAY = 86_400_000_000
NOW = to_micros(from_micros(1_780_000_000_000_000))


@dataclass
class Said:
    """One memory of the world."""

    text: str
    vector: Sequence[float] | None = None
    days_ago: float = 10.0
    importance: float = 0.5
    kind: str = "episodic"
    speaker: str | None = "Ana"
    reinforced: int = 0


@dataclass
class World:
    """A journal's read side, a memory source and an exact retriever in one."""

    said: list[Said]
    loads: list[int] = field(default_factory=list)
    cache: dict[int, Memory] = field(default_factory=dict)

    def snapshot(self, seq: int | None = None) -> Snapshot:
        n = len(self.said)
        ids = np.arange(1, n + 1, dtype=np.int64)
        at = np.array([NOW - int(s.days_ago * DAY) for s in self.said], dtype=np.int64)
        full = np.full
        columns = {
            "version": ids,
            "doc": ids,
            "number": ids + 0xA0,
            "seq_to": full(n, NEVER, dtype=np.int64),
            "terms": np.array([len(terms(s.text)) for s in self.said], dtype=np.int64),
            "occurred_at": at,
            "stored_at": at,
            "valid_from": full(n, -NEVER, dtype=np.int64),
            "valid_to": full(n, NEVER, dtype=np.int64),
            "importance": np.array([s.importance for s in self.said], dtype=np.float32),
            "reinforced": np.array([s.reinforced for s in self.said], dtype=np.int32),
            "kind": np.array([CODE["kind"][s.kind] for s in self.said], dtype=np.uint8),
            "source": full(n, CODE["source"]["user"], dtype=np.uint8),
            "trust": full(n, CODE["trust"]["normal"], dtype=np.uint8),
            "state": full(n, CODE["state"]["live"], dtype=np.uint8),
            "session": full(n, 0, dtype=np.int32),
        }
        names = Names()
        columns["speaker"] = np.array(names.codes(s.speaker for s in self.said), dtype=np.int32)
        return Snapshot(n if seq is None else seq, columns, names.names)

    def eligible(self, query: Query, snapshot: Snapshot) -> Eligible:
        return snapshot.eligible(query)

    def lexical(self, words: Sequence[str], snapshot: Snapshot) -> tuple[np.ndarray, float]:
        texts = [Counter(terms(s.text)) for s in self.said]
        mean = sum(map(Counter.total, texts)) / len(texts)
        scores = np.zeros(snapshot.seq + 1, dtype=np.float32)
        ceiling = 0.0
        for word in dict.fromkeys(words):
            df = sum(word in counts for counts in texts)
            idf = math.log1p((len(texts) - df + 0.5) / (df + 0.5))
            ceiling += idf * 3.2
            for doc, counts in enumerate(texts, start=1):
                norm = 1.2 * (0.25 + 0.75 * counts.total() / mean)
                if word in counts:
                    scores[doc] += idf * (counts[word] * 2.2 / (counts[word] + norm) + 1)
        return scores, ceiling

    def source(self) -> "World":
        return self

    def memory(self, version: int) -> Memory:
        if version not in self.cache:
            self.cache[version] = self._load(version)
        return self.cache[version]

    def _load(self, version: int) -> Memory:
        self.loads.append(version)
        s = self.said[version - 1]
        at = from_micros(NOW - int(s.days_ago * DAY))
        return Memory(
            id=f"{version + 0xA0:016x}", version=version, text=s.text, kind=s.kind, role="user",
            speaker=s.speaker, session="s1", source="user", trust=Trust.NORMAL, state=State.LIVE,
            occurred_at=at, stored_at=at, valid_from=None, valid_to=None,
            importance=s.importance, reinforced=s.reinforced, subject=None, attribute=None,
            metadata={}, key=None, writer=None,
        )  # fmt: skip

    def prefetch(self, versions: Sequence[int]) -> None:
        for version in versions:
            self.cache[version] = self._load(version)

    @property
    def reader(self) -> Reader:
        return Reader(self, terms)

    def matrix(self, docs: np.ndarray) -> np.ndarray:
        width = max(len(s.vector) for s in self.said if s.vector is not None)
        rows = [self.said[doc - 1].vector for doc in docs.tolist()]
        return np.array([r if r is not None else [0.0] * width for r in rows], dtype=np.float32)

    def search(self, query: Query, eligible: Eligible, count: int) -> DenseAnswer:
        docs = np.flatnonzero(eligible.row_of_doc >= 0).astype(np.int64)
        if query.vector is None:
            docs = docs[:0]
            return DenseAnswer(docs, docs.astype(np.float32), docs, docs, "none")
        scores = self.similarity(query, docs)
        docs, scores = docs[~np.isnan(scores)], scores[~np.isnan(scores)]
        best = np.argsort(-scores, kind="stable")[:count]
        none = np.full(len(best), -1, dtype=np.int64)
        return DenseAnswer(docs[best], scores[best], none, none, "exact")

    def similarity(self, query: Query, docs: np.ndarray) -> np.ndarray:
        scores = self.matrix(docs) @ query.vector
        missing = [self.said[doc - 1].vector is None for doc in docs.tolist()]
        return np.where(missing, np.nan, scores).astype(np.float32)

    def vectors(self, query: Query, docs: np.ndarray) -> np.ndarray:
        return self.matrix(docs)


def ask(text: str, world: World | None = None, k: int = 8, **fields: object) -> Query:
    seq = len(world.said) if world else 0
    return Query(text=text, k=k, seq=seq, now=NOW, **fields)


def hit(
    version: int,
    origin: World | None = None,
    *,
    days_ago: float = 10.0,
    importance: float = 0.5,
    score: float = 0.0,
    reinforced: int = 0,
    **more: object,
) -> Hit:
    at = NOW - int(days_ago * DAY)
    facts = Facts(
        number=version + 0xA0, doc=version, occurred_at=at, stored_at=at, importance=importance,
        reinforced=reinforced, kind="episodic", source="user", trust=Trust.NORMAL,
        state=State.LIVE,
    )  # fmt: skip
    return Hit(version, facts, origin or World([]), score=score, **more)
