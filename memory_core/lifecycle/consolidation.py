"""Consolidation: runs of episodes on one topic become one semantic memory, derived from them.

    episodes of a session, in order
        │  a run ends when a turn is unlike the run so far, or the run is long enough
        ▼
    one memory, kind "semantic", source "derived", linked `derived_from` each episode

Nothing is lost: the episodes stay, are recalled as before, and weigh half of their importance. The
text is made outside the write transaction, by extraction unless told otherwise; the number and the
key of the result follow from the episodes, so doing it again does nothing, and a rebuild repeats it
without a summarizer. A run is taken back by `undo`. Reflection at the end of a session and triggers
by accumulated importance are after Generative Agents (Park et al. 2023).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory_core import limits, writing
from memory_core.errors import InvalidInput
from memory_core.journal.codes import CONSOLIDATED
from memory_core.journal.erase import DERIVED_FROM
from memory_core.journal.events import Event, Revised, Stored, Undone
from memory_core.journal.journal import Pending
from memory_core.lifecycle.gather import unit_vectors
from memory_core.lifecycle.policies import Plan, everything_live
from memory_core.lifecycle.provenance import derivation
from memory_core.lifecycle.summarizer import ExtractiveSummarizer, Summarizer
from memory_core.manager import MemoryManager
from memory_core.types import Draft, Memory

WEIGHT = 0.5
"""What is left of an episode's importance once it is consolidated."""


@dataclass(frozen=True, slots=True)
class Runs:
    """When a run of episodes ends.

    Example:
        >>> Runs().most
        32
    """

    least: int = 3
    """Fewer episodes are not worth a memory of their own."""
    most: int = 32
    """Hits of one memory share a record when they are packed: longer runs leave fewer records."""
    alike: float = 0.25
    """Cosine to the run's centre below which a turn begins another."""

    def __post_init__(self) -> None:
        if not 2 <= self.least <= self.most:
            raise InvalidInput(f"runs of {self.least} to {self.most} episodes; pass 2 or more")


def consolidation_plan(
    manager: MemoryManager,
    *,
    session: str | None = None,
    accumulated: float = 0.0,
    summarizer: Summarizer | None = None,
    runs: Runs | None = None,
) -> Plan:
    """Return the plan that consolidates episodes which are not consolidated yet.

    Args:
        manager: whose memories.
        session: only this one, at its end; all when None.
        accumulated: only sessions whose episodes that wait add up to this much importance.
        summarizer: makes the text; by extraction when None.
        runs: when a run of episodes ends.

    Raises:
        ModelError: the summarizer's endpoint gave no usable answer; nothing was changed.
    """
    make = summarizer or ExtractiveSummarizer()
    shape = runs or Runs()
    events: list[Event] = []
    lines: list[str] = []
    waiting = _waiting(manager, session, accumulated)
    vectors = unit_vectors(manager, waiting)
    undone = _undone(manager)
    for places in _segments(waiting, vectors, shape):
        members = [waiting[place] for place in places]
        made = _derived(manager, members, make(members), undone)
        if made:
            events += made
            lines.append(f"{len(members)} episodes of {members[0].session} become one memory")
    count = sum(isinstance(event, Stored) for event in events)
    return Plan("consolidate", events, lines, {"episodes": len(waiting), "memories": count})


def _waiting(manager: MemoryManager, session: str | None, accumulated: float) -> list[Memory]:
    """Return live episodes of sessions that nothing was derived from, session by session."""
    where = None if session is None else {"session": session}
    with manager.journal.database.read() as connection:
        state = Pending(connection, manager.journal.identity.ns_id)
        taken = {target for _, target in state.links_of(DERIVED_FROM)}
    sessions: dict[str, list[Memory]] = defaultdict(list)
    for memory in everything_live(manager, where):
        if memory.kind == "episodic" and memory.session and int(memory.id, 16) not in taken:
            sessions[memory.session].append(memory)
    return [
        memory
        for members in sessions.values()
        if sum(member.importance for member in members) >= accumulated
        for memory in sorted(members, key=lambda m: (m.occurred_at, m.version))
    ]


def _segments(
    memories: Sequence[Memory], vectors: NDArray[np.float32], shape: Runs
) -> Iterator[list[int]]:
    """Yield runs of places: of one session, on one topic as far as vectors tell."""
    run: list[int] = []
    for place, memory in enumerate(memories):
        if run and not _goes_on(memories[run[0]], memory, vectors, run, place=place, shape=shape):
            if len(run) >= shape.least:
                yield run
            run = []
        run.append(place)
    if len(run) >= shape.least:
        yield run


def _goes_on(
    first: Memory,
    memory: Memory,
    vectors: NDArray[np.float32],
    run: Sequence[int],
    *,
    place: int,
    shape: Runs,
) -> bool:
    if memory.session != first.session or len(run) >= shape.most:
        return False
    if len(run) < shape.least:
        return True
    centre = vectors[list(run)].mean(axis=0)
    length = float(np.linalg.norm(centre))
    return length == 0 or float(vectors[place] @ centre) / length >= shape.alike


def _derived(
    manager: MemoryManager, members: Sequence[Memory], text: str, undone: int
) -> Sequence[Event]:
    said = "".join(f"{m.id}:{m.version}," for m in members) + str(undone)
    salted = manager.journal.identity.salt + said.encode()
    digest = hashlib.blake2b(salted, digest_size=16).hexdigest()
    last = members[-1]
    draft = manager.parts.admission.admit(
        Draft.of(
            text[: limits.MAX_TEXT_BYTES // 4],
            kind="semantic",
            source="derived",
            session=last.session,
            occurred_at=last.occurred_at,
            importance=max(member.importance for member in members),
            key=CONSOLIDATED + digest,
        )
    )
    number = (int(digest[:16], 16) & ((1 << 63) - 1)) or 1
    event = writing.stored_event(manager.parts, draft, number, 0)
    with manager.journal.database.read() as connection:
        state = Pending(connection, manager.journal.identity.ns_id)
        origins = [int(member.id, 16) for member in members]
        events = list(derivation(state, event, origins))
    halves = [
        Revised(int(m.id, 16), {"importance": round(m.importance * WEIGHT, 4)}) for m in members
    ]
    return [*events, *halves]


def _undone(manager: MemoryManager) -> int:
    """Return how many runs were taken back: what was undone may be made anew."""
    return sum(1 for _ in manager.journal.entries(kinds=(Undone.event,)))
