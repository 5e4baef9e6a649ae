"""A turn of a session that has the answer is likelier the answer, or a part of it.

    session = w · max over the hits of the session of their relevance

A session stands behind its turns as a parent behind its children, and is as relevant as its most
relevant turn. What is needed for one question often lies in several turns of one session, which
resemble the question less than the best of them. What has no session is a session of its own: it
gets its own relevance, so that it stands to the turns as it did.
"""

import numpy as np

from memory_core.answers import Hits, Query
from memory_core.recall.fuse import best_first
from memory_core.recall.reader import Reader
from memory_core.recall.relevance import Calibration, relevance_of

WEIGHT = 0.4
"""Measured on LoCoMo's development conversations with the cross-encoder, recall@10: .775 without,
.789, .790 and .788 at 0.3, 0.4 and 0.5; higher in each of the five. The mean of the best two or
three instead of the maximum does no better."""


class SessionStage:
    """Adds a "session" term to every hit."""

    name = "session"

    def __init__(
        self, reader: Reader, weight: float = WEIGHT, calibration: Calibration | None = None
    ) -> None:
        self._reader = reader
        self._weight = weight
        self._calibration = calibration or Calibration()

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return all hits, best first; nothing is cut."""
        if not hits or not self._weight:
            return hits
        docs = np.array([hit.facts.doc for hit in hits], dtype=np.int64)
        sessions = self._reader.view(query).sessions(docs)
        relevances = np.array([relevance_of(hit, self._calibration) for hit in hits])
        best = relevances.copy()
        inside = sessions >= 0
        most = np.zeros(int(sessions.max(initial=-1)) + 1)
        np.maximum.at(most, sessions[inside], relevances[inside])
        best[inside] = most[sessions[inside]]
        pairs = zip(hits, (self._weight * best).tolist(), strict=True)
        return Hits(
            tuple(best_first(hit.scored({**hit.terms, "session": term}) for hit, term in pairs))
        )
