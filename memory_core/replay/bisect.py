"""Which entry of the journal, and which setting, changed what a recall brings.

    outcome(s) = does the recall, on the memory as of entry s, keep what is expected

The outcome may change more than once: a memory is stored and found, crowded out, found again. So
few entries are all tried; of many, points at even distances and the entries that wrote what stood
among the candidates, then the halves of every stretch whose ends differ, down to neighbours. Each
flip was seen on both sides of its entry; what lay untried between two points is told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from memory_core.answers import Extent, RecallResult
from memory_core.errors import NotFound
from memory_core.journal.where import number_of
from memory_core.parts import Parts
from memory_core.replay.conditions import Conditions, conditions_of
from memory_core.replay.configurations import setting_flips
from memory_core.replay.flips import Expectation, Flip, changed_by
from memory_core.replay.playback import Playback, playback
from memory_core.replay.printed import Printed
from memory_core.replay.recording import Recording

RUNS = 200
"""Recalls run on entries at most, apart from halving."""


@dataclass(frozen=True, slots=True)
class Bisection(Printed):
    """What changed the outcome of one recall."""

    derived: ClassVar[tuple[str, ...]] = ("cause", "complete")
    recorded: Playback = field(repr=False, metadata={"json": False})
    expectation: Expectation
    held: bool
    """Whether the expectation holds in the recall as recorded."""
    flips: tuple[Flip, ...]
    """Entries, oldest first."""
    settings: tuple[Flip, ...]
    """Settings that changed the outcome on the memory as it was."""
    span: tuple[int, int]
    """The entries looked at."""
    checked: int
    """How many of them the recall was run on."""
    gap: int
    """The most entries untried between two tried ones: a change and its undoing within would not
    be seen."""
    configurations: int
    """How many configurations were tried: the defaults, earlier recordings', its own, today's."""

    @property
    def complete(self) -> bool:
        """Whether every entry of the span was tried."""
        return self.gap == 0

    @property
    def cause(self) -> Flip | None:
        """The newest change that made the outcome what it is; None where nothing did."""
        made = [flip for flip in (*self.settings, *self.flips) if flip.held == self.held]
        return made[-1] if made else None

    def __str__(self) -> str:
        """Tell every flip, and what was tried to find them."""
        state = "holds" if self.held else "fails"
        lines = [f"recall {self.recorded.id}: {self.expectation.told}: {state} as recorded"]
        lines += [f"  {flip}" for flip in self.flips]
        lines += [f"  {flip}" for flip in self.settings]
        low, high = self.span
        if not self.flips:
            lines.append(f"  no entry from {low} to {high} was seen to change it")
        tried = f"  {self.checked:,} of {high - low + 1:,} entries tried"
        if self.complete:
            lines.append(f"{tried}: all of {low}..{high}")
        else:
            untried = "a change that is undone within would not be seen"
            lines.append(f"{tried}, at most {self.gap:,} untried in a row: {untried}")
        lines.append(f"  {self.configurations} configurations tried, defaults to today's")
        return "\n".join(lines)


def bisect(
    parts: Parts,
    recording: Recording,
    expected: Expectation,
    *,
    history: Sequence[Recording] = (),
    runs: int = RUNS,
) -> Bisection:
    """Return the entries and settings that changed a recall's outcome.

    Args:
        parts: of the memory.
        recording: the recall.
        expected: the outcome wanted.
        history: recordings of the same memory, oldest first: their settings are tried too.
        runs: recalls run on entries at most, apart from halving.

    Raises:
        NotFound: the memory expected was never stored before this recall.
        InvalidInput: the recall's filter was recorded in a format that cannot be run.
    """
    played, given = playback(recording), conditions_of(parts, recording)
    span = (_first(parts, expected, recording.seq), recording.seq)
    tried = Tried(parts, given, expected)
    points = _points(parts, played, span, (expected, runs))
    for point in points:
        tried.at(point)
    flips = [_flip(parts, tried, entry) for entry in _narrowed(tried, points)]
    as_recorded = given.run(parts)
    settings, configurations = setting_flips(parts, given, expected, history)
    held = expected.holds(as_recorded)
    if held != tried.at(recording.seq)[0]:
        settings = [_extent(tried.at(recording.seq)[1], as_recorded, expected, held), *settings]
    checked = sorted(tried.found)
    gap = max((b - a - 1 for a, b in pairwise(checked)), default=0)
    return Bisection(
        played, expected, held, tuple(flips), tuple(settings), (max(span[0], 1), span[1]),
        sum(entry > 0 for entry in checked), gap, configurations,
    )  # fmt: skip


class Tried:
    """Outcomes on the memory as of some entries; each is run once."""

    def __init__(self, parts: Parts, conditions: Conditions, expected: Expectation) -> None:
        self._parts = parts
        self._conditions = conditions.asking(extent=Extent())
        self.expected = expected
        self.found: dict[int, tuple[bool, RecallResult]] = {}

    def at(self, entry: int) -> tuple[bool, RecallResult]:
        """Return whether the expectation holds as of an entry, and the result."""
        if entry not in self.found:
            result = self._conditions.asking(seq=entry).run(self._parts)
            self.found[entry] = self.expected.holds(result), result
        return self.found[entry]

    def holds(self, entry: int) -> bool:
        """Tell whether the expectation holds as of an entry."""
        return self.at(entry)[0]


def _first(parts: Parts, expected: Expectation, seq: int) -> int:
    """Return the entry before the one that stored the memory expected; 0 for a predicate."""
    if not expected.id:
        return 0
    columns = parts.journal.snapshot().columns
    versions = columns["version"][columns["number"] == number_of(expected.id)]
    if not len(versions) or versions.min() > seq:
        raise NotFound(f"{expected.id} was not stored before this recall, at entry {seq}; see: why")
    return int(versions.min()) - 1


def _points(
    parts: Parts, played: Playback, span: tuple[int, int], how: tuple[Expectation, int]
) -> list[int]:
    """Return the entries to try first: all, or even ones and those that wrote candidates."""
    low, high = span
    expected, runs = how
    if high - low < runs:
        return list(range(low, high + 1))
    half = max(2, runs // 2)
    even = np.linspace(low, high, half).astype(int).tolist()
    columns = parts.journal.snapshot().columns
    own = columns["version"][columns["number"] == number_of(expected.id)].tolist()
    ranked = [hit.version for step in played.steps[:-1][-2:][::-1] for hit in step.hits]
    suspects = dict.fromkeys((*own, *ranked))
    near = [at for version in suspects for at in (version - 1, version) if low <= at <= high]
    return sorted({*even, *near[:half]})


def _narrowed(tried: Tried, points: Sequence[int]) -> Iterator[int]:
    """Yield the entries at which the outcome flips, by halving what differs at its ends."""
    for low, high in pairwise(points):
        if tried.holds(low) == tried.holds(high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if tried.holds(middle) == tried.holds(low):
                low = middle
            else:
                high = middle
        yield high


def _flip(parts: Parts, tried: Tried, entry: int) -> Flip:
    (_, before), (held, after) = tried.at(entry - 1), tried.at(entry)
    (found,) = parts.journal.entries(entry - 1, entry)
    number = None if found.payload is None else found.payload.get("number")
    id = f"{number:016x}" if isinstance(number, int) else ""
    return replace(changed_by(before, after, tried.expected, held), entry=entry, event=found.kind,
                   id=id)  # fmt: skip


def _extent(full: RecallResult, recorded: RecallResult, expected: Expectation, held: bool) -> Flip:
    values = ("everything embedded, scanned and judged", "as it was")
    return replace(changed_by(full, recorded, expected, held), setting="extent", values=values)
