"""Retrieval metrics of one question, from the ranks at which its gold was found.

    any@k     1 if some gold is within the first k        also called hit rate, and "recall_any"
    all@k     1 if all gold is within the first k         strict; LongMemEval's official figure
    recall@k  found within the first k / gold
    nDCG@k    Σ 1/log2(1+rank) within the first k / the same for the ideal order
              Järvelin & Kekäläinen 2002, binary gains
    MRR       1 / first rank, 0 if none was found

Ranks are from 1. The first two share the name "recall@k" in much of the field; they are 6 to 11
points apart on LongMemEval, so both are always told.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """At which ranks the gold of one question was found, and how much gold there is.

    Example:
        >>> found = Found(ranks=(2, 7), gold=2)
        >>> found.any_at(5), found.all_at(5), found.recall_at(5), found.reciprocal_rank()
        (1.0, 0.0, 0.5, 0.5)
    """

    ranks: tuple[int, ...]
    """Ascending, from 1."""
    gold: int
    """At least 1."""

    def any_at(self, k: int) -> float:
        """Return 1 if any gold is within the first k, else 0."""
        return float(any(rank <= k for rank in self.ranks))

    def all_at(self, k: int) -> float:
        """Return 1 if all gold is within the first k, else 0."""
        return float(self._within(k) == self.gold)

    def recall_at(self, k: int) -> float:
        """Return the share of the gold within the first k."""
        return self._within(k) / self.gold

    def ndcg_at(self, k: int) -> float:
        """Return the normalised discounted cumulative gain of the first k."""
        ideal = _gain(range(1, min(self.gold, k) + 1))
        return _gain([rank for rank in self.ranks if rank <= k]) / ideal

    def reciprocal_rank(self) -> float:
        """Return 1 / the first rank, 0 if no gold was found."""
        return 1 / self.ranks[0] if self.ranks else 0.0

    def value(self, metric: str) -> float:
        """Return a metric by its name: `recall@10`, `all@5`, `ndcg@10`, `mrr`.

        Raises:
            KeyError: no such metric.
        """
        name, _, cutoff = metric.partition("@")
        if name == "mrr":
            return self.reciprocal_rank()
        at = {
            "any": self.any_at, "all": self.all_at,
            "recall": self.recall_at, "ndcg": self.ndcg_at,
        }[name]  # fmt: skip
        return at(int(cutoff))

    def _within(self, k: int) -> int:
        return sum(rank <= k for rank in self.ranks)


def found(ranking: Sequence[str], gold: frozenset[str]) -> Found:
    """Return where gold stands in a ranking of distinct names, best first."""
    ranks = tuple(place for place, name in enumerate(ranking, 1) if name in gold)
    return Found(ranks, len(gold))


def _gain(ranks: Sequence[int]) -> float:
    return sum(1 / math.log2(1 + rank) for rank in ranks)
