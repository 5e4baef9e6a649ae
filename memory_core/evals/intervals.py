"""How sure a figure is: bootstrap intervals of means and differences, Wilson's of counts.

Questions are resampled with replacement from a given seed, so the same rows give the same
interval. Efron & Tibshirani 1993 (percentile bootstrap); Wilson 1927 for k of n, which stays
honest at 46 of 46, where a bootstrap would say that nothing can go wrong.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 4_000
LEVEL = 0.95
_Z = 1.959964  # the normal quantile of 0.975


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the bounds between which it lies at 95 % confidence."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of B less mean of A over the same questions."""

    value: float
    low: float
    high: float
    p: float
    """Two-sided: twice the share of resamples on the other side of 0, at most 1."""

    @property
    def sure(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def bootstrap(values: Sequence[float], *, seed: int = 0) -> Interval:
    """Return the mean of at least one value with its interval."""
    means = _resampled_means(values, seed)
    low, high = np.quantile(means, _BOUNDS)
    return Interval(float(np.mean(values)), float(low), float(high))


def wilson(successes: float, total: int) -> Interval:
    """Return a share of at least one trial with Wilson's score interval."""
    share = successes / total
    spread = _Z**2 / total
    centre = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def paired(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Difference:
    """Return second − first with its paired bootstrap interval.

    Args:
        first: values of the questions under A, at least one.
        second: values of the same questions, in the same order, under B.
        seed: of the resampling.
    """
    differences = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    means = _resampled_means(differences.tolist(), seed)
    low, high = np.quantile(means, _BOUNDS)
    tail = min(float(np.mean(means <= 0)), float(np.mean(means >= 0)))
    return Difference(float(differences.mean()), float(low), float(high), min(1.0, 2 * tail))


def _resampled_means(
    values: Sequence[float], seed: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    row = np.asarray(values, dtype=np.float64)
    means = np.empty(RESAMPLES)
    step = max(1, 2_000_000 // len(row))  # bounds the memory of one draw
    for start in range(0, RESAMPLES, step):
        stop = min(RESAMPLES, start + step)
        means[start:stop] = row[rng.integers(len(row), size=(stop - start, len(row)))].mean(axis=1)
    return means


_BOUNDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
