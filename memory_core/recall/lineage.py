"""A consolidated memory takes no place from the episodes that it was made of.

Where one of its sources is a candidate, the source goes on and the derived memory is cut: what it
says is there already, turn by turn. It keeps its place where its sources cannot come (forgotten,
filtered away, too far from the question), and it fills k where nothing else is left, so
min(k, candidates) hits are returned in any case. A source remembers it as `within`: packing may
show several sources of one by its lines. Where nothing consolidated was found, nothing is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from memory_core.answers import Cut, Hit, Hits, Query
from memory_core.recall.reader import Reader
from memory_core.recall.spread import Links

RELATION = "derived_from"
MOST = 100_000  # links read of the derived candidates: each has as many as it has sources


class LineageStage:
    """Lets episodes go before the memories that were made of them."""

    name = "lineage"

    def __init__(self, reader: Reader, links: Links) -> None:
        self._reader = reader
        self._links = links

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return the hits in their order, without what was made of others among them."""
        made = self._consolidated(query, hits)
        if not made:
            return Hits(hits.items)
        heirs = self._heirs(query, hits, made)
        counts = dict.fromkeys(made, 0)
        for heir in heirs.values():
            counts[heir.id] += 1
        kept = [replace(hit, within=heirs[hit.id]) if hit.id in heirs else hit for hit in hits]
        behind = [
            Cut(hit, f"made of memories that are here: {counts[hit.id]} of them")
            for hit in hits
            if counts.get(hit.id)
        ]
        kept = [hit for hit in kept if not counts.get(hit.id)]
        room = max(query.k - len(kept), 0)
        return Hits((*kept, *(cut.hit for cut in behind[:room])), tuple(behind[room:]))

    def _heirs(self, query: Query, hits: Sequence[Hit], made: Mapping[str, Hit]) -> dict[str, Hit]:
        """Return by id what was made of each hit; the better one where there are several."""
        here = {hit.id for hit in hits}
        rows = self._links(list(made), seq=query.seq, hops=1, limit=MOST)
        sources: dict[str, list[str]] = {id: [] for id in made}
        for row in rows:
            if row.relation == RELATION and row.source in made and row.target in here:
                sources[row.source].append(row.target)
        heirs: dict[str, Hit] = {}
        for id, derived in made.items():
            for source in sources[id]:
                heirs.setdefault(source, derived)
        return heirs

    def _consolidated(self, query: Query, hits: Hits) -> dict[str, Hit]:
        """Return by id the hits that consolidation made, best first."""
        derived = [hit for hit in hits if hit.facts.source == "derived"]
        if not derived:
            return {}
        docs = np.array([hit.facts.doc for hit in derived], dtype=np.int64)
        made = self._reader.view(query).consolidated(docs).tolist()
        return {hit.id: hit for hit, its in zip(derived, made, strict=True) if its}
