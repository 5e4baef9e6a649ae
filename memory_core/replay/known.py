"""What is known of a hit after some steps of a recording: each step tells what it changed only."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from memory_core.replay.arrays import Arrays

Numbers = Mapping[str, float]
Source = tuple[Arrays, Numbers]
"""Where a recording's numbers stand, and what a term is its signal times."""


@dataclass(slots=True)
class Known:
    """What is known of a hit after the steps so far."""

    score: float = 0.0
    signals: dict[str, float] = field(default_factory=dict)
    terms: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    version: int = 0
    row: list[Any] = field(init=False, repr=False)
    """The hit as `decode` gives it, one for all steps that left it as it was."""

    def __post_init__(self) -> None:
        self.row = [self.version, self.score, self.signals, self.terms, list(self.reasons)]

    def foreseen(self, name: str, kind: str, signals: Numbers, ratios: Numbers) -> float:
        """Return what a reader expects of a signal ("s") or term ("t")."""
        if kind == "s":
            return self.signals.get(name, 0.0)
        if (before := self.terms.get(name)) is not None:
            return before
        return signals.get(name, 0.0) * ratios.get(name, 1.0)


UNKNOWN = Known()


def apply_step(
    step: Mapping[str, Any],
    fresh: Sequence[int],
    known: dict[int, Known],
    source: Source,
    *,
    wanted: Set[int] | None = None,
) -> None:
    """Bring what is known of the fresh hits, or of the wanted ones, up to this step."""
    arrays, ratios = source
    places = [n for n, v in enumerate(fresh) if wanted is None or v in wanted]
    if not places:
        return
    shape, size = step["shape"], len(fresh)
    which = arrays.get(shape).tolist() if isinstance(shape, list) else [0] * shape
    nothing: list[float | None] = [None] * size
    columns = _columns(step, which, arrays, size)
    shapes = [
        (
            [(n, columns.get(f"s.{n}", nothing)) for n in signals],
            [(n, columns.get(f"t.{n}", nothing)) for n in terms],
        )
        for signals, terms in step["shapes"]
    ]
    scores, reasons = columns.get("score", nothing), dict(step["reasons"])
    for place in places:
        version = fresh[place]
        before = known.get(version) or UNKNOWN
        measured, summed = shapes[which[place]]
        signals, terms = {}, {}
        for name, column in measured:
            value = column[place]
            signals[name] = before.signals.get(name, 0.0) if value is None else value
        for name, column in summed:
            if (value := column[place]) is None:
                value = before.foreseen(name, "t", signals, ratios)
            terms[name] = value
        score = sum(terms.values()) if (value := scores[place]) is None else value
        told = tuple(reasons[place]) if place in reasons else before.reasons
        known[version] = Known(score, signals, terms, told, version)


def _columns(
    step: Mapping[str, Any], which: Sequence[int], arrays: Arrays, size: int
) -> dict[str, list[float | None]]:
    """Return every column that was recorded, by place."""
    having = _having(step["shapes"], which, size)
    return {
        name: _aligned(place, arrays, having.get(name, range(size)), size)
        for name, place in step["columns"].items()
    }


def _having(
    shapes: Sequence[Sequence[Sequence[str]]], which: Sequence[int], size: int
) -> dict[str, Sequence[int]]:
    """Return by column the places of the hits that have it: a column tells of these only."""
    names = [
        {f"s.{name}" for name in signals} | {f"t.{name}" for name in terms}
        for signals, terms in shapes
    ]
    if len(names) == 1:
        return {}
    return {
        name: [place for place in range(size) if name in names[which[place]]]
        for name in set().union(*names)
    }


def _aligned(
    place: Sequence[Any], arrays: Arrays, having: Sequence[int], size: int
) -> list[float | None]:
    """Return a column's values by place; None where the value is the one foreseen."""
    recorded = iter(arrays.get(place[1]).tolist())
    mask = arrays.truths(place[0]) if place[0] else None
    column: list[float | None] = [None] * size
    for n, at in enumerate(having):
        if mask is None or mask[n]:
            column[at] = next(recorded)
    return column
