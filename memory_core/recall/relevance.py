"""How relevant a hit is, on one scale from 0 to 1, whichever stages measured it.

    fused      logistic(slope · (dense + lexical) + offset)
    reranked   the same with a slope for the cross-encoder's logit
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

    judged: tuple[float, float, float] = (0.5, 3.9, -2.2)
    """Slopes of logit and fused score, and offset, where a cross-encoder judged; fitted likewise,
    with the one on board."""

    def of(self, fused: float, logit: float | None = None) -> float:
        """Return the relevance 0..1 of a fused score and, if there is one, a logit."""
        if logit is None:
            return sigmoid(self.slope * fused + self.offset)
        by_logit, by_fused, offset = self.judged
        return sigmoid(by_logit * logit + by_fused * fused + offset)


def relevance_of(hit: Hit, calibration: Calibration) -> float:
    """Return the relevance 0..1 of a hit as its best informed stage sees it."""
    fused = sum(hit.terms.get(name, 0.0) for name in OWN)
    judged = calibration.of(fused, hit.signals.get("rerank"))
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
