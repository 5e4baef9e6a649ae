"""Keeps one untrusted writer from filling an answer: at most m of k hits are of one.

    m = max(1, floor(share · k))

Counted apart are pairs of source and writer among memories of low trust that came from tools or
documents, or were derived from such; what the user or the assistant said, and imports of it, are
never capped. Where nothing else is left to fill k, what was capped fills it, so min(k, candidates)
hits are returned in any case. Poisoning works by writing many memories near one question
(AgentPoison, MINJA); a cap before diversity bounds what that buys, whatever the texts say.
"""

from collections import Counter

from memory_core.answers import Cut, Hit, Hits, Query

CAPPED = frozenset({"tool", "document", "derived"})
UNTRUSTED = frozenset({"low", "quarantined"})


class CapStage:
    """Passes over what exceeds the share of one untrusted writer, while there is anything else."""

    name = "cap"

    def __init__(self, share: float = 0.5) -> None:
        self._share = share

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return the hits in their order, those beyond the cap last, and only to fill k."""
        most = max(1, int(self._share * query.k))
        suspects = [hit for hit in hits if _is_capped(hit)]
        if len(suspects) <= most or self._share >= 1:
            return Hits(hits.items)
        suspects[0].origin.prefetch([hit.version for hit in suspects])
        counts: Counter[tuple[str, str | None]] = Counter()
        kept: list[Hit] = []
        beyond: list[Cut] = []
        for hit in hits:
            if _is_capped(hit):
                who = hit.facts.source, hit.memory.writer
                counts[who] += 1
                if counts[who] > most:
                    reason = f"beyond {most} of k={query.k} from {who[1] or who[0]}"
                    beyond.append(Cut(hit, reason))
                    continue
            kept.append(hit)
        room = max(query.k - len(kept), 0)
        return Hits((*kept, *(cut.hit for cut in beyond[:room])), tuple(beyond[room:]))


def _is_capped(hit: Hit) -> bool:
    return hit.facts.source in CAPPED and hit.facts.trust in UNTRUSTED
