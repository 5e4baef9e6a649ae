"""What waits for a decision, and the decisions: proposed contradictions, quarantined memories.

A proposal and its verdict are entries of the journal. Accepting one closes the memory that gives
way at the other's start; rejecting changes nothing, and the pair is not proposed again. Letting a
quarantined memory in is an explicit act that raises its trust, and never above its lineage's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from memory_core.asking import live_memories
from memory_core.errors import InvalidInput, NotFound
from memory_core.journal.events import Event, Linked, Proposed, Reviewed, Superseded
from memory_core.journal.journal import Pending
from memory_core.journal.sql import rows
from memory_core.keyed import SUPERSEDES
from memory_core.lifecycle.conflicts import ConflictDetector, conflicts
from memory_core.manager import MemoryManager
from memory_core.types import Memory, to_micros

ACCEPTED, REJECTED = "accepted", "rejected"
EVERYTHING = 2**31


@dataclass(frozen=True, slots=True)
class Proposal:
    """A contradiction that waits for a verdict."""

    id: int
    """The entry that proposed it."""
    earlier: Memory
    """The memory that gives way if it is accepted."""
    later: Memory
    rule: str


def propose(
    manager: MemoryManager, detector: ConflictDetector | None = None
) -> tuple[Proposal, ...]:
    """Look for contradictions among what is true now, and journal the new ones.

    Args:
        manager: the memory to look through.
        detector: what judges a pair; what the setting `conflicts` names when None.

    Raises:
        ModelNotFound, ModelRejected: the setting names a model that cannot be had or is no NLI
            model; nothing was written.
    """
    judge = _named(manager) if detector is None else detector
    alive = live_memories(manager.parts, None, EVERYTHING, 0)
    found = [
        Proposed(int(c.earlier.id, 16), int(c.later.id, 16), c.rule)
        for c in conflicts(alive, judge)
    ]

    def decide(state: Pending, at: int) -> Sequence[Event]:
        known = {frozenset(row[1:3]) for row in state.proposals()}
        alive = [e for e in found if state.current(e.first) and state.current(e.second)]
        return [event for event in alive if frozenset((event.first, event.second)) not in known]

    manager.journal.commit(decide)
    return proposals(manager)


def proposals(manager: MemoryManager) -> tuple[Proposal, ...]:
    """Return what waits for a verdict, oldest first."""
    with manager.journal.database.read() as connection:
        state = Pending(connection, manager.journal.identity.ns_id)
        return tuple(
            Proposal(seq, state.memory(first), state.memory(second), rule)
            for seq, first, second, rule, verdict in state.proposals()
            if verdict is None
        )


def accept(manager: MemoryManager, proposal: int) -> Memory:
    """Close the memory that gives way where the other begins; return it.

    Raises:
        NotFound: no such proposal waits here.
        InvalidInput: the memory that would give way is forgotten or invalidated by now.
    """
    closed: list[int] = []

    def decide(state: Pending, at: int) -> Sequence[Event]:
        first, second = _waiting(state, proposal)
        old, new = state.memory(first), state.memory(second)
        if old.state in ("forgotten", "invalidated"):
            raise InvalidInput(f"memory {old.id} is {old.state} already; reject the proposal")
        closed.append(first)
        start = to_micros(new.valid_from or new.occurred_at)
        end = start if old.valid_to is None else min(start, to_micros(old.valid_to))
        linked = state.linked(second, first, SUPERSEDES)
        return [
            Reviewed(proposal, ACCEPTED),
            Superseded(first, second, end),
            *([] if linked else [Linked(second, first, SUPERSEDES)]),
        ]

    manager.journal.commit(decide)
    return manager.get(f"{closed[0]:016x}")


def reject(manager: MemoryManager, proposal: int) -> None:
    """Let both memories stand, for good.

    Raises:
        NotFound: no such proposal waits here.
    """

    def decide(state: Pending, at: int) -> Sequence[Event]:
        _waiting(state, proposal)
        return [Reviewed(proposal, REJECTED)]

    manager.journal.commit(decide)


def quarantined(manager: MemoryManager) -> tuple[Memory, ...]:
    """Return the memories that wait to be let in, oldest first."""
    ns_id = manager.journal.identity.ns_id
    with manager.journal.database.read() as connection:
        numbers = rows(
            connection,
            "SELECT number FROM memories WHERE ns_id = ? AND seq_to IS NULL AND trust = 0"
            " AND state = 0 ORDER BY version",
            (ns_id,),
        )
        state = Pending(connection, ns_id)
        return tuple(state.memory(number) for (number,) in numbers)


def _named(manager: MemoryManager) -> ConflictDetector | None:
    wiring = manager.parts.wiring
    if wiring is None or wiring.settings.conflicts == "rules":
        return None
    from memory_core.lifecycle.nli import detector_of

    return detector_of(wiring.settings)


def _waiting(state: Pending, proposal: int) -> tuple[int, int]:
    for seq, first, second, _, verdict in state.proposals():
        if seq == proposal and verdict is None:
            return first, second
    raise NotFound(f"no proposal {proposal} waits in this namespace; see: memory review")
