"""The whole log once more under another configuration: what would it do to real questions?

    Jaccard@k = in both / in either     1 where both recall nothing
    top-1     = share of recalls with the same best memory
    latency   = median seconds under the change over the median as recorded, both run now

Each recall runs on the memory as it was. Below a threshold the gate is shut.
"""

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from memory_core.embed.base import Embedder, Fingerprint, Vectors
from memory_core.errors import InvalidInput, MemoryCoreError
from memory_core.parts import Parts
from memory_core.replay.conditions import conditions_of, wiring
from memory_core.replay.playback import playback
from memory_core.replay.printed import Printed
from memory_core.replay.recording import Recording
from memory_core.replay.whatif import Change, changed_conditions, check_change

WORST = 10


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a change must keep to pass."""

    jaccard: float = 0.8
    """Least mean overlap of what is recalled, 0..1."""
    top: float = 0.8
    """Least share of recalls with the same best memory, 0..1."""
    latency: float = 2.0
    """Most that the median time may grow by, as a factor."""

    def __post_init__(self) -> None:
        if not (0 <= self.jaccard <= 1 and 0 <= self.top <= 1 and self.latency > 0):
            raise InvalidInput(
                f"thresholds jaccard={self.jaccard}, top={self.top}, latency={self.latency}: the "
                "first two are 0..1, the last is above 0; correct them"
            )


@dataclass(frozen=True, slots=True)
class Turn:
    """One recall, as recorded and under the change."""

    id: str
    text: str
    jaccard: float
    same_top: bool
    seconds: tuple[float, float]
    """As recorded and under the change, both measured now."""
    status: tuple[str, str]
    lost: tuple[str, ...]
    """Ids that are not recalled any more."""
    gained: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gate(Printed):
    """What a change does to the recorded recalls."""

    derived: ClassVar[tuple[str, ...]] = ("passed", "faults", "jaccard", "top", "latency")
    turns: tuple[Turn, ...] = field(repr=False)
    """Those that changed most first."""
    skipped: tuple[tuple[str, str], ...]
    """Recalls that could not be run, with the reason."""
    thresholds: Thresholds

    @property
    def jaccard(self) -> float:
        """Mean overlap of what is recalled."""
        return statistics.fmean(turn.jaccard for turn in self.turns) if self.turns else 1.0

    @property
    def top(self) -> float:
        """Share of recalls with the same best memory."""
        return statistics.fmean(turn.same_top for turn in self.turns) if self.turns else 1.0

    @property
    def latency(self) -> float:
        """Median time under the change over the median as recorded."""
        if not self.turns:
            return 1.0
        before, after = zip(*(turn.seconds for turn in self.turns), strict=True)
        return float(statistics.median(after) / max(statistics.median(before), 1e-9))

    @property
    def faults(self) -> tuple[str, ...]:
        """Which thresholds are not kept; having run nothing is a fault too."""
        wanted = self.thresholds
        found = [] if self.turns else ["no recall could be run"]
        if self.jaccard < wanted.jaccard:
            found.append(f"Jaccard@k {self.jaccard:.3f} is below {wanted.jaccard}")
        if self.top < wanted.top:
            found.append(f"top-1 {self.top:.3f} is below {wanted.top}")
        if self.latency > wanted.latency:
            found.append(f"latency x{self.latency:.2f} is above x{wanted.latency}")
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether every threshold is kept."""
        return not self.faults

    @property
    def worst(self) -> tuple[Turn, ...]:
        """The ten turns that changed most."""
        changed = [turn for turn in self.turns if turn.jaccard < 1 or not turn.same_top]
        return tuple(changed[:WORST])

    def __str__(self) -> str:
        """Tell the figures, the verdict, and the turns that changed most."""
        head = f"{len(self.turns)} recalls, {len(self.skipped)} could not be run"
        lines = [
            f"{head}: Jaccard@k {self.jaccard:.3f}, top-1 {self.top:.3f},"
            f" latency x{self.latency:.2f}"
        ]
        lines += ["passed"] if self.passed else [f"failed: {'; '.join(self.faults)}"]
        for turn in self.worst:
            top = "" if turn.same_top else ", another best"
            moved = f"lost {len(turn.lost)}, gained {len(turn.gained)}"
            lines.append(f"  {turn.id}  {turn.jaccard:.2f}{top}, {moved}  {turn.text!r}")
        lines += [f"  {id} not run: {reason}" for id, reason in self.skipped[:WORST]]
        return "\n".join(lines)


def gate(
    parts: Parts, recordings: Iterable[Recording], change: Change, thresholds: Thresholds
) -> Gate:
    """Return what a change does to recorded recalls.

    Raises:
        InvalidSetting: a setting that does not decide a recall, or a wrong value.
        InvalidInput: an unknown stage, or a wrong time.
        ModelError: another model cannot be used.
    """
    check_change(change)
    named = change.embedder
    if named is not None:
        model = wiring(parts).embedder(named) if isinstance(named, str) else named
        change = replace(change, embedder=Remembering(model))
    turns, skipped = [], []
    for recording in recordings:
        try:
            turns.append(_turn(parts, recording, change))
        except MemoryCoreError as error:
            skipped.append((recording.id, str(error)))
    ordered = sorted(turns, key=lambda turn: (turn.jaccard, turn.same_top, turn.id))
    return Gate(tuple(ordered), tuple(skipped), thresholds)


def _turn(parts: Parts, recording: Recording, change: Change) -> Turn:
    played, recorded = playback(recording), conditions_of(parts, recording)
    changed = changed_conditions(parts, recorded, change)
    begun = time.perf_counter()
    was = recorded.run(parts)
    middle = time.perf_counter()
    now = changed.run(parts)
    seconds = (middle - begun, time.perf_counter() - middle)
    before, after = [hit.id for hit in was.hits], [hit.id for hit in now.hits]
    if len(was.hits) != len(played.hits):
        raise InvalidInput("it does not re-execute exactly; see: memory replay reexecute")
    every = {*before, *after}
    return Turn(
        id=recording.id,
        text=played.text,
        jaccard=len(every & {*before} & {*after}) / len(every) if every else 1.0,
        same_top=before[:1] == after[:1],
        seconds=seconds,
        status=(was.status, now.status),
        lost=tuple(id for id in before if id not in after),
        gained=tuple(id for id in after if id not in before),
    )


class Remembering:
    """An embedder that encodes each stored text once, however many recalls need it."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}

    @property
    def fingerprint(self) -> Fingerprint:
        """The model's own."""
        return self._embedder.fingerprint

    @property
    def limit(self) -> int:
        """The model's own."""
        return self._embedder.limit

    def count(self, text: str) -> int:
        """Return how many tokens the model sees in a text."""
        return self._embedder.count(text)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return `(n, d)` vectors of stored texts."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._known]
        if fresh:
            encoded = self._embedder.encode_documents(fresh)
            self._known.update(zip(fresh, encoded, strict=True))
        rows = [self._known[text] for text in texts]
        return np.stack(rows) if rows else self.fingerprint.no_vectors

    def encode_query(self, text: str) -> Vectors:
        """Return the `(d,)` vector of a query."""
        return self._embedder.encode_query(text)
