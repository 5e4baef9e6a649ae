"""How relevant a hit is, on one scale from 0 to 1, whichever stages measured it.

    fused      logistic(slope · (dense + lexical) + offset)
    reranked   the "rerank" term, itself a calibrated probability
    link       a pinned hit is at least as relevant as its activation

The scale is fixed, never fitted to the candidates of one recall (Platt 1999). It opens the gate
of recency and importance, and decides when nothing is relevant enough to show.
"""

import math
from dataclasses import dataclass

from memory_core.answers import Hit

OWN = ("dense", "lexical")
"""The terms of the text itself. What stands around it orders hits, and says nothing about whether
any of them is relevant: memories without a session would be judged more harshly."""
PINNED = "pinned"
"""A reason with this word keeps a hit through the reranker's cuts."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The logistic that turns the fused score into relevance; 0.5 at `-offset / slope`.

    Example:
        >>> round(Calibration(slope=10, offset=-4).of(0.4), 2)
        0.5
    """

    slope: float = 6.9
    offset: float = -4.3
    """Fitted to the fused scores of answers and other candidates on LoCoMo's development part,
    both classes weighted alike; half of each lies on either side of 0.62."""

    def of(self, fused: float) -> float:
        """Return the relevance 0..1 of a fused score."""
        return sigmoid(self.slope * fused + self.offset)


def relevance_of(hit: Hit, calibration: Calibration) -> float:
    """Return the relevance 0..1 of a hit as its best informed stage sees it."""
    terms = hit.terms
    if (judged := terms.get("rerank")) is None:
        judged = calibration.of(sum(terms.get(name, 0.0) for name in OWN))
    linked = hit.signals.get("link")
    return judged if linked is None else max(judged, min(linked, 1.0))


def is_pinned(hit: Hit) -> bool:
    """Tell whether the hit came by something other than its text and must be kept."""
    return any(PINNED in reason for reason in hit.reasons)


def sigmoid(x: float) -> float:
    """Return 1 / (1 + e^−x), without overflow."""
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1 + grown)


def smoothstep(x: float, low: float, high: float) -> float:
    """Return 0 below `low`, 1 above `high`, and 3t² − 2t³ in between."""
    if x <= low:
        return 0.0
    if x >= high:
        return 1.0
    t = (x - low) / (high - low)
    return t * t * (3 - 2 * t)
