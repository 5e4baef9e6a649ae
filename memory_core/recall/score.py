"""Adds recency and importance after relevance, and decides whether anything is relevant at all.

    gate        = smoothstep(relevance; low, high)
    recency     = w_t · gate · 0.5 ^ (age in days / half-life of the kind)
    importance  = w_i · gate · importance
    reinforced  = w_f · gate · ln(1 + times) / ln(1 + 10), at most w_f
    score       = sum of all terms

Exponential recency on event time is Redis Agent Memory Server's (half-life 30 days for creation);
the additive sum is Generative Agents' (Park et al. 2023) without its two faults: no recency by
rank, no min-max inside one recall. The gate and the small weights keep both what they should be:
they decide between relevant memories and never lift an irrelevant one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from memory_core.answers import Facts, Hit, Hits, Note, Query
from memory_core.errors import InvalidSetting
from memory_core.recall.fuse import best_first
from memory_core.recall.pipeline import IRRELEVANT
from memory_core.recall.relevance import Calibration, relevance_of, smoothstep
from memory_core.types import Kind

DAY = 86_400_000_000  # microseconds
HALF_LIVES: Mapping[Kind, float] = {"episodic": 60.0, "semantic": 180.0, "procedural": 365.0}
"""Days until an event counts half as recent. What happened ages, what is known ages slower."""
REINFORCED_ENOUGH = 10  # times; more count no further
BEHIND: Mapping[str, float] = {"recency": 0.0, "importance": 0.0}
"""What is added behind the gate."""


@dataclass(frozen=True, slots=True)
class Boosts:
    """How much recency, importance and reinforcement may add to a relevant hit's score.

    Example:
        >>> Boosts(recency=0.0).recency
        0.0
    """

    recency: float = 0.2
    """Statements on one subject that differ in a word score within 0.09 of each other in 95 of
    100 cases (MiniLM and BM25); 10 against 75 days of age outweigh that, and LoCoMo's questions,
    which do not care for age, lose 0.4 points of recall@10."""
    importance: float = 0.2
    reinforced: float = 0.05
    gate_low: float = 0.4
    """Relevance up to which nothing is added."""
    gate_high: float = 0.7
    """Relevance from which everything is added."""
    half_lives: Mapping[Kind, float] = field(default_factory=lambda: HALF_LIVES)

    def __post_init__(self) -> None:
        if not 0 <= self.gate_low < self.gate_high <= 1:
            raise InvalidSetting(
                f"gate {self.gate_low}..{self.gate_high} is not rising within 0..1; correct it"
            )
        if bad := {kind: days for kind, days in self.half_lives.items() if not days > 0}:
            raise InvalidSetting(f"half-lives {bad} are not positive; give them in days")

    def terms(self, facts: Facts, relevance: float, now: int) -> dict[str, float]:
        """Return the terms that these facts add at this relevance; all 0 behind the gate."""
        if not (gate := smoothstep(relevance, self.gate_low, self.gate_high)):
            return dict(BEHIND)
        terms = {
            "recency": self.recency * gate * recency(facts, now, self.half_lives),
            "importance": self.importance * gate * facts.importance,
        }
        if facts.reinforced > 0:
            share = math.log1p(facts.reinforced) / math.log1p(REINFORCED_ENOUGH)
            terms["reinforced"] = self.reinforced * gate * min(share, 1.0)
        return terms


class ScoreStage:
    """Gives every hit its final score; signal "relevance" is the calibrated relevance.

    Args:
        boosts: what recency, importance and reinforcement may add.
        calibration: turns the fused score into relevance where no reranker judged.
        min_relevance: when no hit reaches it, the recall is "empty"; 0 turns that off. At 0.1 only
            noise is refused: the least relevance of LoCoMo's answerable questions is 0.22, and
            that of its unanswerable ones 0.24, so no threshold tells these apart. Raise it where
            a wrong memory costs more than a missing one.
    """

    name = "score"

    def __init__(
        self,
        boosts: Boosts | None = None,
        calibration: Calibration | None = None,
        min_relevance: float = 0.1,
    ) -> None:
        self._boosts = boosts or Boosts()
        self._calibration = calibration or Calibration()
        self._min_relevance = min_relevance

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return all hits with their final scores, best first, ties by id."""
        scored = best_first(self._scored(hit, query.now) for hit in hits)
        best = max((hit.signals["relevance"] for hit in scored), default=0.0)
        if not scored or best >= self._min_relevance:
            return Hits(tuple(scored))
        text = f"best relevance {best:.3f} is below {self._min_relevance}: nothing relevant enough"
        return Hits(tuple(scored), notes=(Note(IRRELEVANT, text),))

    def _scored(self, hit: Hit, now: int) -> Hit:
        relevance = relevance_of(hit, self._calibration)
        terms = {**hit.terms, **self._boosts.terms(hit.facts, relevance, now)}
        signals = {**hit.signals, "relevance": relevance}
        score = sum(terms.values())
        return Hit(
            hit.version, hit.facts, hit.origin, score, signals, terms, hit.span, hit.reasons,
            hit.within,
        )  # fmt: skip


def recency(facts: Facts, now: int, half_lives: Mapping[Kind, float]) -> float:
    """Return 1 for an event now or in the future, a half after one half-life, towards 0."""
    age = max(0, now - facts.occurred_at) / DAY
    return float(0.5 ** (age / half_lives[facts.kind]))
