"""Brings in what is linked to the strongest hits, by bounded spreading activation.

    a(seed) = relevance of the seed
    a(n)    = max over neighbours m of  decay · a(m) / sqrt(degree(m))      for at most `hops` steps

Activation flows along links both ways and is damped by distance and by fan: a memory linked to
everything says little about each (Collins & Loftus 1975; the fan effect, Anderson 1983). The
maximum, not the sum, keeps it within 0..1 and the same in any order. Only the links around the
seeds are read. Without links the stage costs one look-up.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from memory_core.answers import Hit, Hits, Query
from memory_core.recall.fuse import FuseStage, best_first
from memory_core.recall.reader import Reader
from memory_core.recall.relevance import Calibration, relevance_of

BY_LINK = "pinned by link"


class LinkRow(Protocol):
    """A directed, named connection between two memories, by id."""

    @property
    def source(self) -> str:
        """Id of the memory it starts from."""
        ...

    @property
    def target(self) -> str:
        """Id of the memory it points to."""
        ...

    @property
    def relation(self) -> str:
        """What the link says."""
        ...


class Links(Protocol):
    """Reads the links around some memories."""

    def __call__(
        self, ids: Sequence[str], *, seq: int, hops: int = 2, limit: int = 2000
    ) -> Iterable[LinkRow]:
        """Return up to `limit` links within `hops` steps of the ids, known at entry `seq`."""
        ...


@dataclass(frozen=True, slots=True)
class Spread:
    """How far and how strongly activation spreads."""

    seeds: int = 8
    hops: int = 2
    limit: int = 2000
    """Links read at most."""
    decay: float = 0.5
    least: float = 0.1
    """Activation below which nothing enters."""
    entering: int = 32
    """New hits at most."""
    weight: float = 0.3
    """Score of a neighbour at activation 1."""


class SpreadStage:
    """Adds linked memories, and a "link" term to those that were found anyway."""

    name = "spread"

    def __init__(
        self,
        reader: Reader,
        links: Links,
        fuse: FuseStage,
        *,
        spread: Spread | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self._reader = reader
        self._links = links
        self._fuse = fuse
        self._spread = spread or Spread()
        self._calibration = calibration or Calibration()

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return the hits and their neighbours, best first; nothing is cut."""
        seeds, spread = self._seeds(hits), self._spread
        rows = list(self._links(list(seeds), seq=query.seq, hops=spread.hops, limit=spread.limit))
        if not rows:
            return Hits(hits.items)
        graph = undirected(rows)
        active = {
            id: value
            for id, value in activation(graph, seeds, self._spread).items()
            if id not in seeds and value >= self._spread.least
        }
        known = [self._linked(hit, active.get(hit.id, 0.0)) for hit in hits]
        fresh = self._entering(query, hits, active)
        return Hits(tuple(best_first((*known, *fresh))))

    def _seeds(self, hits: Hits) -> dict[str, float]:
        strengths = {
            hit.id: relevance_of(hit, self._calibration) for hit in hits[: self._spread.seeds]
        }
        return {id: value for id, value in strengths.items() if value >= self._spread.least}

    def _entering(self, query: Query, hits: Hits, active: Mapping[str, float]) -> list[Hit]:
        here = {hit.id for hit in hits}
        strongest = sorted(
            (id for id in active if id not in here), key=lambda id: (-active[id], id)
        )
        wanted = strongest[: self._spread.entering]
        view = self._reader.view(query)
        bare = view.hits(view.docs_of(wanted), hits)
        return [self._linked(hit, active[hit.id]) for hit in self._fuse.fused(query, bare)]

    def _linked(self, hit: Hit, value: float) -> Hit:
        if value <= 0:
            return hit
        terms = {**hit.terms, "link": self._spread.weight * value}
        return replace(
            hit,
            signals={**hit.signals, "link": value},
            terms=terms,
            score=sum(terms.values()),
            reasons=(*hit.reasons, BY_LINK),
        )


def undirected(rows: Iterable[LinkRow]) -> Any:
    """Return the links as a networkx Graph over ids."""
    import networkx

    graph = networkx.Graph()
    graph.add_edges_from((row.source, row.target) for row in rows if row.source != row.target)
    return graph


def activation(graph: Any, seeds: Mapping[str, float], spread: Spread) -> dict[str, float]:
    """Return the activation 0..1 of every node reached, the seeds' own included.

    Args:
        graph: a networkx Graph over ids.
        seeds: activation that the strong hits start with, 0..1.
        spread: hops and decay.
    """
    active = {id: value for id, value in seeds.items() if id in graph}
    front = dict(active)
    for _ in range(spread.hops):
        reached: dict[str, float] = {}
        for id, value in front.items():
            share = spread.decay * value / math.sqrt(graph.degree(id))
            for neighbour in graph[id]:
                if share > max(active.get(neighbour, 0.0), reached.get(neighbour, 0.0)):
                    reached[neighbour] = share
        active.update(reached)
        front = reached
    return active
