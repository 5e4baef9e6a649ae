"""The same recall once more, on the memory as it was: exact, or the first difference and its cause.

Recall is a function of (state at `seq`, query with its vector and `now`, settings, models, recorded
extent). All of these are recorded or in the journal, so a re-execution needs the embedding model
neither loaded nor present. Where something is missing or was erased, the verdict names it.
"""

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar

from memory_core.answers import RecallResult
from memory_core.journal.events import REMOVALS, Erased
from memory_core.parts import Parts
from memory_core.replay.conditions import MATCHERS, Conditions, conditions_of, wiring
from memory_core.replay.playback import Playback, playback
from memory_core.replay.printed import Printed
from memory_core.replay.recording import Recording
from memory_core.terms import TERMS_VERSION
from memory_core.version import __version__

TOLERANCE = 1e-5
"""Scores may differ by this: the last bits of a dot product depend on the machine."""
EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Reexecution(Printed):
    """The verdict on one recall."""

    derived: ClassVar[tuple[str, ...]] = ("verdict", "missed")
    recorded: Playback = field(repr=False, metadata={"json": False})
    result: RecallResult = field(repr=False)
    difference: str
    """The first rank or score that differs; blank when exact."""
    causes: tuple[str, ...]
    """What can explain a difference, whether or not there is one."""
    same_context: bool
    """Whether the packed context is the same to the byte."""
    scan: Callable[[], tuple[str, ...] | None] = field(repr=False, metadata={"json": False})
    """Finds `missed`: another recall, so it is run when somebody asks."""

    @property
    def missed(self) -> tuple[str, ...] | None:
        """Ids that a full scan recalls and this recall did not; None where all was scanned."""
        return self.scan()

    @property
    def exact(self) -> bool:
        """Whether ids, order and scores (within 1e-5) are those recorded."""
        return not self.difference

    @property
    def verdict(self) -> str:
        """The word "exact", or "not exact: " and the cause."""
        return EXACT if self.exact else f"not exact: {', '.join(self.causes) or 'cause unknown'}"

    def __str__(self) -> str:
        """Tell the verdict, the difference and what the index lost."""
        lines = [f"recall {self.recorded.id}: {self.verdict}"]
        lines += [f"  first difference: {self.difference}"] if self.difference else []
        lines += [] if self.same_context else ["  the packed context differs"]
        if self.missed is None:
            lines.append("  all vectors were scanned: no index could lose any")
        elif self.missed:
            lines.append(f"  a full scan would have found: {', '.join(self.missed)}")
        else:
            lines.append("  a full scan finds the same memories: the index lost none")
        return "\n".join(lines)


def reexecute(parts: Parts, recording: Recording) -> Reexecution:
    """Return a recall's result on the memory as it was, compared with what is recorded.

    Raises:
        InvalidInput: its filter was recorded in a format that cannot be run.
        StoreReadOnly: the memory was opened without what makes stages anew.
    """
    played, conditions = playback(recording), conditions_of(parts, recording)
    result = conditions.run(parts)
    difference = first_difference(played, result)
    causes = () if not difference else tuple(_causes(parts, recording))
    return Reexecution(
        played, result, difference, causes, _same_context(played, result),
        cache(lambda: _missed(parts, conditions, result)),
    )  # fmt: skip


def first_difference(played: Playback, result: RecallResult) -> str:
    """Return the first rank at which memory or score differ, in words; blank if none does."""
    before, after = played.hits, result.hits
    for rank, (old, new) in enumerate(zip(before, after, strict=False), 1):
        if old.version != new.version:
            was = old.id or f"version {old.version}"
            return f"rank {rank} was {was} ({old.score:.6f}), is {new.id} ({new.score:.6f})"
        if abs(old.score - new.score) > TOLERANCE:
            return f"rank {rank}, {new.id}: score was {old.score:.6f}, is {new.score:.6f}"
    if len(before) != len(after):
        return f"{len(before)} hits were recalled, now {len(after)}"
    return "" if played.status == result.status else f"was {played.status}, is {result.status}"


def _same_context(played: Playback, result: RecallResult) -> bool:
    packed = result.context.encode()
    if isinstance(played.context, int):  # format 1
        return played.context == zlib.crc32(packed)
    return played.context == hashlib.sha256(packed).hexdigest()


def _missed(parts: Parts, conditions: Conditions, result: RecallResult) -> tuple[str, ...] | None:
    extent = conditions.extent
    if extent.neighbours is None:
        return None
    full = conditions.asking(extent=replace(extent, neighbours=None, batches=None))
    here = {hit.version for hit in result.hits}
    return tuple(hit.id for hit in full.run(parts).hits if hit.version not in here)


def _other_models(parts: Parts, body: Mapping[str, Any]) -> Iterator[str]:
    for name in MATCHERS:
        now = wiring(parts).matchers.get(name)
        if (then := body.get(name)) and (now is None or list(now) != then):
            yield f"the {name} model was {' '.join(then)}, is {' '.join(now) if now else 'none'}"


def _causes(parts: Parts, recording: Recording) -> Iterator[str]:
    """Yield what differs between then and now, the surest cause first."""
    body = recording.body
    gone = Counter(
        entry.kind
        for entry in parts.journal.entries(after=recording.seq, kinds=REMOVALS)
        if isinstance(entry.event, Erased) and min(entry.event.entries, default=0) <= recording.seq
    )
    yield from (f"{count} {kind}" for kind, count in sorted(gone.items()))
    if "settings" not in body:
        yield f"format {body['format']} recorded no settings"
    if (model := body.get("embedder")) and not parts.journal.vectors(model[0]).exists:
        yield f"no vectors of {model[1]} are here"
    judge = wiring(parts).judge
    if (then := body.get("reranker")) and (judge is None or list(judge) != then):
        yield f"the reranker was {' '.join(then)}, is {' '.join(judge) if judge else 'none'}"
    yield from _other_models(parts, body)
    if body.get("terms", TERMS_VERSION) != TERMS_VERSION:
        yield f"words were split by rules {body['terms']}, now by {TERMS_VERSION}"
    if body.get("version", __version__) != __version__:
        yield f"recorded by memory-core {body['version']}, this is {__version__}"
    if any(note[0] == "stage_failed" for step in body["steps"] for note in step["notes"]):
        yield "a stage had failed then"
