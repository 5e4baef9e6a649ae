"""Plans: what a policy would change, looked at first, committed as one run, taken back as one.

    plan = decay(manager)          read only: a report and the events it would write
    carry_out(manager, plan)       one transaction: `Ran`, then the events that still apply
    undo(manager, entry)           one transaction: `Undone`, then the inverse of each event

A plan is made outside the write transaction, since it may read every memory; inside, each event is
judged again on the state it meets, so a memory that changed meanwhile is left alone. The run and
its events are ordinary entries: a rebuild repeats them, replay sees them, nothing is special.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from memory_core.asking import live_memories
from memory_core.errors import InvalidInput, NotFound, WasCompacted
from memory_core.filters import Where
from memory_core.journal.codes import STATES
from memory_core.journal.entries import Entry
from memory_core.journal.events import (
    Compacted,
    Event,
    Forgotten,
    Linked,
    Ran,
    Restored,
    Revised,
    Stored,
    Undone,
    Unlinked,
)
from memory_core.journal.journal import Pending
from memory_core.journal.where import number_of
from memory_core.lineage import ORDER, trust_of
from memory_core.manager import MemoryManager
from memory_core.types import Memory, State, Trust, from_micros

EVERYTHING = 2**31
PINNED = "pinned"
"""The metadata key that keeps a memory from being forgotten by any policy, when it is true."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a policy would do; itself a policy, for `MemoryManager.run`."""

    policy: str
    events: Sequence[Event]
    lines: Sequence[str] = ()
    """Each change in words."""
    counts: Mapping[str, float | int | str] = field(default_factory=dict)

    def __call__(self, state: Pending, now: int) -> Sequence[Event]:
        """Return the run and those of its events that still apply; nothing if none does."""
        stale = _stale(state, self.events)
        fresh = {e.number for e in self.events if isinstance(e, Stored)} - stale
        standing = [event for event in self.events if _applies(state, event, stale, fresh)]
        return [Ran(self.policy, len(standing)), *standing] if standing else []


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did."""

    policy: str
    entry: int | None
    """The entry that began it, to undo it by; None if nothing was to do, or on a dry run."""
    changes: int
    lines: Sequence[str]
    counts: Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Past:
    """A run of the past."""

    entry: int
    at: str
    policy: str
    changes: int
    undone: bool


def carry_out(manager: MemoryManager, plan: Plan, *, dry_run: bool = False) -> Done:
    """Commit a plan, or only say what it would change.

    Args:
        manager: whose plan it is.
        plan: made from the same manager.
        dry_run: write nothing.
    """
    if dry_run or not plan.events:
        return Done(plan.policy, None, len(plan.events), plan.lines, plan.counts)
    written = manager.run(plan)
    entry = written[0].seq if written else None
    return Done(plan.policy, entry, max(len(written) - 1, 0), plan.lines, plan.counts)


def undo(manager: MemoryManager, entry: int) -> int:
    """Take back a run; return how many of its changes could be taken back.

    What was erased or compacted since, or changed by somebody else since, stays as it is.

    Raises:
        NotFound: no run began at that entry, or it was taken back already.
        WasCompacted: all that it forgot was compacted since, so that nothing is left to take back.
    """
    written = {past.entry: past for past in runs(manager)}
    if entry not in written or written[entry].undone:
        raise NotFound(f"no run to undo at entry {entry}; see: memory lifecycle runs")
    of_run = list(manager.journal.entries(entry, entry + written[entry].changes))

    def decide(state: Pending, at: int) -> Sequence[Event]:
        inverse = [e for one in reversed(of_run) for e in _inverse(state, one)]
        if not inverse and (removed := _compacted(manager, {one.seq for one in of_run})):
            raise WasCompacted(
                f"what run {entry} forgot was compacted by entry {removed}; it is gone for good"
            )
        return [Undone(entry, len(inverse)), *inverse]

    return len(manager.run(decide)) - 1


def runs(manager: MemoryManager) -> tuple[Past, ...]:
    """Return the runs of policies, oldest first."""
    found = list(manager.journal.entries(kinds=(Ran.event, Undone.event)))
    undone = {entry.event.run for entry in found if isinstance(entry.event, Undone)}
    return tuple(
        Past(entry.seq, from_micros(entry.at).isoformat(), ran.policy, ran.changes,
             entry.seq in undone)
        for entry in found
        if isinstance(ran := entry.event, Ran)
    )  # fmt: skip


def everything_live(manager: MemoryManager, where: Where | None = None) -> list[Memory]:
    """Return what a recall could see now, oldest first."""
    return live_memories(manager.parts, where, EVERYTHING, 0)[::-1]


def pin(manager: MemoryManager, id: str, *, pinned: bool = True) -> Memory:
    """Keep a memory from being forgotten by any policy, or let policies have it again.

    Raises:
        NotFound: no such memory in this namespace.
    """
    metadata = {k: v for k, v in manager.get(id).metadata.items() if k != PINNED}
    return manager.revise(id, metadata={**metadata, PINNED: True} if pinned else metadata)


def unforget(manager: MemoryManager, id: str) -> Memory:
    """Let a forgotten memory be recalled again, whoever forgot it.

    Raises:
        NotFound: no such memory in this namespace.
        WasCompacted: it was forgotten, and compacted since.
        InvalidInput: it is not forgotten.
    """
    number = number_of(id)

    def decide(state: Pending, at: int) -> Sequence[Event]:
        row = state.current(number)
        if row is None:
            if (removed := _compacted(manager, number=number)) is not None:
                raise WasCompacted(f"memory {id} was compacted by entry {removed}; it is gone")
            state.memory(number)  # raises
        elif STATES[row["state"]] is not State.FORGOTTEN:
            raise InvalidInput(f"memory {id} is {STATES[row['state']].value}, not forgotten")
        return [Restored(number)]

    manager.run(decide)
    return manager.get(id)


def _compacted(
    manager: MemoryManager, entries: Set[int] = frozenset(), number: int | None = None
) -> int | None:
    """Return the first compaction of some entries, or of a memory; None without one."""
    for found in manager.journal.entries(kinds=(Compacted.event,)):
        event = found.event
        if isinstance(event, Compacted) and (
            event.number == number or not entries.isdisjoint(event.entries)
        ):
            return found.seq
    return None


def _stale(state: Pending, events: Sequence[Event]) -> set[int]:
    """Return derived memories whose sources are not as they were, and those sources."""
    stale: set[int] = set()
    for event in events:
        if isinstance(event, Stored):
            origins = [
                e.target for e in events if isinstance(e, Linked) and e.source == event.number
            ]
            trusts = [trust_of(state, origin) for origin in origins]
            here = event.key is not None and state.number_of_key(event.key) is not None
            if here or any(t is None or ORDER[t] < ORDER[Trust(event.trust)] for t in trusts):
                stale |= {event.number, *origins}
    return stale


def _applies(state: Pending, event: Event, stale: set[int], fresh: set[int]) -> bool:
    if isinstance(event, Forgotten):
        row = state.current(event.number)
        return row is not None and STATES[row["state"]] is State.LIVE
    if isinstance(event, Linked):
        return (
            (event.source in fresh or state.current(event.source) is not None)
            and event.source not in stale
            and state.current(event.target) is not None
            and not state.linked(event.source, event.target, event.relation)
        )
    if isinstance(event, Revised):
        return event.number not in stale and state.current(event.number) is not None
    return not isinstance(event, Stored) or event.number not in stale


def _inverse(state: Pending, entry: Entry) -> Sequence[Event]:
    event = entry.event
    if isinstance(event, Forgotten):
        row = state.current(event.number)
        if row is not None and row["version"] == entry.seq:
            return [Restored(event.number)]
    elif isinstance(event, Linked):
        if state.linked(event.source, event.target, event.relation):
            return [Unlinked(event.source, event.target, event.relation)]
    elif isinstance(event, Revised):
        row, before = state.current(event.number), state.closed_by(event.number, entry.seq)
        if row is not None and before is not None and set(event.fields) == {"importance"}:
            return [Revised(event.number, {"importance": before["importance"]})]
    elif isinstance(event, Stored):
        row = state.current(event.number)
        if row is not None and STATES[row["state"]] is State.LIVE:
            return [Forgotten(event.number, f"undone: run {entry.seq}")]
    return []
