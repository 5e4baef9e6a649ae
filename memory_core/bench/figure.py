"""A measured figure, the floor it is compared with, and what was promised of it.

Timings on a shared machine vary from minute to minute, so every figure carries a floor that was
measured in the same run, in turns with it. A missed target is told, never hidden or raised.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True, slots=True)
class Target:
    """A limit on a figure's value, or on its ratio to the floor."""

    of: Literal["value", "ratio"]
    limit: float
    at_least: bool = False
    """Whether more is better; less is better otherwise."""

    def met(self, found: float) -> bool:
        """Tell whether a measurement keeps the limit."""
        return found >= self.limit if self.at_least else found <= self.limit

    def __str__(self) -> str:
        """Write the target for people: `ratio ≤ 2.5`."""
        return f"{self.of} {'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a benchmark.

    Example:
        >>> figure = Figure("store", 0.4, "ms", floor=0.2, n=1000, target=Target("ratio", 2.5))
        >>> figure.ratio, figure.met
        (2.0, True)
    """

    name: str
    value: float
    """The median of `n` measurements, or a rate."""
    unit: str
    floor: float | None
    """What the same work cannot cost less than, in the same unit; None where there is none."""
    n: int
    target: Target | None = None
    spread: Mapping[str, float] = field(default_factory=dict)
    """More of the distribution, in the same unit: p95, worst."""
    how: str = ""
    """What was measured and against what, in words."""

    @property
    def ratio(self) -> float | None:
        """The value over the floor."""
        return None if not self.floor else self.value / self.floor

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where nothing was promised or it cannot be told."""
        found = self.value if self.target and self.target.of == "value" else self.ratio
        return None if self.target is None or found is None else self.target.met(found)

    def as_json(self) -> dict[str, Any]:
        """Return the figure as JSON can carry it, ratio and verdict included."""
        target = None if self.target is None else str(self.target)
        known = {**asdict(self), "target": target, "ratio": self.ratio, "met": self.met}
        spread = known.pop("spread")
        return {**known, **spread}


@dataclass(frozen=True, slots=True)
class Run:
    """What a benchmark may use, and how much of it."""

    place: Path
    """A directory for temporary homes, on the disk that is measured."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """For `open_memory`: the embedder, for example."""
    seed: int = 1
    sizes: tuple[int, ...] = (1_000, 10_000)
    """How many memories the recall benchmark holds."""
    stores: int = 2_000
    records: int = 512
    """Records of one round of import."""
    rounds: int = 7
    recalls: int = 200
    starts: int = 12
    plots: Path | None = None
    """Where pictures go; none are drawn when None."""
    tell: Callable[[str], None] = lambda what: None
    """Called with what is being done."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by the clock on the wall, and of the processor by the calling thread."""

    wall: float
    processor: float

    @classmethod
    def now(cls) -> "Spent":
        """Return both clocks; only differences mean something."""
        return cls(time.perf_counter(), time.thread_time())

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.wall - other.wall, self.processor - other.processor)


def spread_of(seconds: Sequence[float], scale: float = 1e3) -> dict[str, float]:
    """Return p50, p95 and worst of some times, in milliseconds unless scaled otherwise."""
    p50, p95 = np.percentile(seconds, (50, 95)) * scale
    return {"p50": float(p50), "p95": float(p95), "worst": max(seconds) * scale}
