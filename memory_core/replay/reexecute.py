"""The same recall once more, on the memory as it was: exact, or the first difference and its cause.

Recall is a function of (state at `seq`, query with its vector and `now`, settings, models, recorded
extent). All of these are recorded or in the journal, so a re-execution needs the embedding model
neither loaded nor present. Where something is missing or was erased, the verdict names it.
"""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from memory_core.answers import Extent, Note, Query, RecallResult
from memory_core.asking import answered
from memory_core.config import DECIDING, Settings
from memory_core.errors import InvalidInput, StoreReadOnly
from memory_core.filters import filter_of
from memory_core.journal.events import Erased
from memory_core.parts import Parts, Wiring
from memory_core.replay.encoding import vector_of
from memory_core.replay.playback import Playback, Printed, playback
from memory_core.replay.recording import Recording
from memory_core.terms import TERMS_VERSION
from memory_core.version import __version__

TOLERANCE = 1e-5
"""Scores may differ by this: the last bits of a dot product depend on the machine."""
EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Reexecution(Printed):
    """The verdict on one recall."""

    recorded: Playback = field(repr=False)
    result: RecallResult = field(repr=False)
    difference: str
    """The first rank or score that differs; blank when exact."""
    causes: tuple[str, ...]
    """What can explain a difference, whether or not there is one."""
    same_context: bool
    """Whether the packed context is the same to the byte."""
    missed: tuple[str, ...] | None
    """Ids that a full scan recalls and this recall did not; None where all rows were scanned."""

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
    played, query = playback(recording), query_of(recording)
    settings, digest = recorded_settings(parts, recording)
    result = rerun(parts, recording, query, settings=settings, digest=digest)
    difference = first_difference(played, result)
    causes = () if not difference else tuple(_causes(parts, recording))
    return Reexecution(
        played, result, difference, causes, _same_context(played, result),
        _missed(parts, recording, query, result),
    )  # fmt: skip


def query_of(recording: Recording) -> Query:
    """Return the query that was recorded, with what it could see.

    Raises:
        InvalidInput: its filter was recorded in a format that cannot be run.
    """
    asked = recording.body["query"]
    if isinstance(asked["where"], str):
        raise InvalidInput(
            f"recall {recording.id} has a filter in format 1, which can only be shown; play it back"
        )
    return Query(
        text=asked["text"],
        k=asked["k"],
        seq=asked["seq"],
        now=asked["now"],
        vector=vector_of(asked["vector"]),
        token_budget=asked["budget"],
        where=None if asked["where"] is None else filter_of(asked["where"]),
        as_of=asked["as_of"],
        for_action=asked["for_action"],
        extent=_extent(recording.body.get("extent")),
    )


def recorded_settings(parts: Parts, recording: Recording) -> tuple[Settings, str | None]:
    """Return today's settings with the recorded ones in them, and the vectors' fingerprint."""
    body, known = recording.body, wiring(parts).settings
    values = {k: v for k, v in body.get("settings", {}).items() if k in DECIDING}
    model = body.get("embedder")
    return known.model_copy(update=values), model[0] if model else None


def rerun(
    parts: Parts,
    recording: Recording,
    query: Query,
    *,
    settings: Settings,
    digest: str | None,
    rerank: bool | None = None,
) -> RecallResult:
    """Return what the stages answer under these settings; nothing is recorded.

    Args:
        parts: of the memory that the recording is from.
        recording: tells what was noted before the stages ran.
        query: complete, with its extent.
        settings: the weights and counts to use.
        digest: the fingerprint of the vectors; the memory's own when None.
        rerank: whether the cross-encoder takes part; as recorded when None.
    """
    body = recording.body
    judged = body.get("reranker", True) is not None if rerank is None else rerank
    notes = [Note(*n) for s in body["steps"] if s["name"] == "prepare" for n in s["notes"]]
    stages = wiring(parts).stages(settings, digest=digest, rerank=judged)
    return answered(parts, query, stages, notes=tuple(notes))


def wiring(parts: Parts) -> Wiring:
    """Return what makes stages anew.

    Raises:
        StoreReadOnly: the memory was put together without it.
    """
    if parts.wiring is None:
        raise StoreReadOnly("this memory cannot make its stages anew; open it with open_memory")
    return parts.wiring


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


def _extent(data: dict[str, Any] | None) -> Extent:
    if data is None:
        return Extent()
    neighbours, batches = data["neighbours"], data["batches"]
    return Extent(
        rows=data["rows"],
        neighbours=None if neighbours is None else tuple(neighbours),
        known=data["known"],
        batches=None if batches is None else tuple(tuple(batch) for batch in batches),
    )


def _same_context(played: Playback, result: RecallResult) -> bool:
    packed = result.context.encode()
    if isinstance(played.context, int):  # format 1
        return played.context == zlib.crc32(packed)
    return played.context == hashlib.sha256(packed).hexdigest()


def _missed(
    parts: Parts, recording: Recording, query: Query, result: RecallResult
) -> tuple[str, ...] | None:
    if query.extent is None or query.extent.neighbours is None:
        return None
    settings, digest = recorded_settings(parts, recording)
    full = replace(query, extent=replace(query.extent, neighbours=None, batches=None))
    found = rerun(parts, recording, full, settings=settings, digest=digest)
    here = {hit.version for hit in result.hits}
    return tuple(hit.id for hit in found.hits if hit.version not in here)


def _causes(parts: Parts, recording: Recording) -> Iterator[str]:
    """Yield what differs between then and now, the surest cause first."""
    body = recording.body
    erased = sum(
        isinstance(entry.event, Erased) and min(entry.event.entries, default=0) <= recording.seq
        for entry in parts.journal.entries(after=recording.seq)
    )
    if erased:
        yield f"{erased} erased"
    if "settings" not in body:
        yield f"format {body['format']} recorded no settings"
    if (model := body.get("embedder")) and not parts.journal.vectors(model[0]).exists:
        yield f"no vectors of {model[1]} are here"
    judge = wiring(parts).judge
    if (then := body.get("reranker")) and (judge is None or list(judge) != then):
        yield f"the reranker was {' '.join(then)}, is {' '.join(judge) if judge else 'none'}"
    if body.get("terms", TERMS_VERSION) != TERMS_VERSION:
        yield f"words were split by rules {body['terms']}, now by {TERMS_VERSION}"
    if body.get("version", __version__) != __version__:
        yield f"recorded by memory-core {body['version']}, this is {__version__}"
    if any(note[0] == "stage_failed" for step in body["steps"] for note in step["notes"]):
        yield "a stage had failed then"
