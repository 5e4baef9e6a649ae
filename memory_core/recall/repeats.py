"""Shows one of several memories that were counted together, while there is anything else to show.

`memory lifecycle deduplicate` links each repetition to the oldest memory that says the same. Of
such a group only the hit that scores best goes on; the others fill k where nothing else is left, so
min(k, candidates) hits are returned in any case. A filter for a session or a date leaves one
occurrence of the group among the candidates, and that one is shown. Without links the stage costs
one look-up.
"""

from memory_core.answers import Cut, Hit, Hits, Query
from memory_core.recall.spread import Links

RELATION = "duplicate_of"
POOL = 64  # as many as diversity looks at


class RepeatStage:
    """Passes over what says the same as a better hit."""

    name = "repeats"

    def __init__(self, links: Links, pool: int = POOL) -> None:
        self._links = links
        self._pool = pool

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return the hits in their order, repetitions last, and only to fill k."""
        pool = hits[: max(self._pool, query.k)]
        rows = self._links([hit.id for hit in pool], seq=query.seq, hops=1) if pool else ()
        stands_for = {row.source: row.target for row in rows if row.relation == RELATION}
        if not stands_for:
            return Hits(hits.items)
        kept: list[Hit] = []
        again: list[Cut] = []
        shown: dict[str, str] = {}
        for hit in pool:
            group = stands_for.get(hit.id, hit.id)
            if group in shown:
                again.append(Cut(hit, f"says the same as {shown[group]}"))
            else:
                shown[group] = hit.id
                kept.append(hit)
        kept += hits[len(pool) :]
        room = max(query.k - len(kept), 0)
        return Hits((*kept, *(cut.hit for cut in again[:room])), tuple(again[room:]))
