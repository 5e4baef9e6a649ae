"""Where memories come from: lineage, decisions about trust, and the removal of a poisoned source.

A memory knows its `source`, its `writer` and, by `derived_from` links, what it was made from. Only
`set_trust` raises trust, it is an entry of the journal, and never above the lineage's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memory_core import writing
from memory_core.errors import InvalidInput
from memory_core.filters import Where
from memory_core.journal.codes import STATES
from memory_core.journal.erase import DERIVED_FROM
from memory_core.journal.events import Event, Forgotten, Linked, Stored, Trusted
from memory_core.journal.journal import Pending
from memory_core.journal.where import number_of
from memory_core.lifecycle.erasing import doomed_ids, erase_where
from memory_core.lifecycle.policies import Plan, carry_out
from memory_core.limits import check_reason
from memory_core.lineage import ORDER, ceiling, least, lowered, trust_of
from memory_core.manager import MemoryManager
from memory_core.types import Draft, Memory, Receipt, State, Trust


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge removed."""

    ids: tuple[str, ...]
    """Of the source itself, then of what was derived from it; unless they are erased, those that
    could be recalled until now."""
    derived: int
    entry: int | None
    """The run's entry, to undo it by; None when it was erased, or nothing was there."""
    receipts: tuple[Receipt, ...] = ()
    """Of an erasure."""


def derive(manager: MemoryManager, text: str, sources: Sequence[str], **fields: object) -> Memory:
    """Store what was made from other memories; it is believed no more than the least of them.

    Args:
        manager: whose memories.
        text: what was made.
        sources: ids of one or more memories it was made from.
        **fields: the other fields of a `Draft`; `source` is "derived" and cannot be given.

    Raises:
        InvalidInput: no source, or a wrong field.
        NotFound: a source is not in this namespace.
    """
    if not sources or "source" in fields:
        raise InvalidInput("derive needs the ids it was made from, and its source is 'derived'")
    draft = manager.parts.admission.admit(Draft.of({**fields, "text": text, "source": "derived"}))
    number, origins = writing.new_number(), [number_of(id) for id in dict.fromkeys(sources)]

    def decide(state: Pending, at: int) -> Sequence[Event]:
        event = writing.stored_event(manager.parts, draft, number, at)
        return derivation(state, event, origins)

    manager.run(decide)
    return manager.get(f"{number:016x}")


def derivation(state: Pending, event: Stored, origins: Sequence[int]) -> Sequence[Event]:
    """Return the events that store a derived memory with the trust and links of its lineage.

    Raises:
        NotFound: a source is not there.
    """
    trusts = [state.memory(origin).trust for origin in origins]
    held = event.trust == Trust.QUARANTINED.value
    trust = Trust.QUARANTINED if held else least(trusts, Trust.NORMAL)
    stored = replace(event, trust=trust.value)
    return [stored, *(Linked(event.number, origin, DERIVED_FROM) for origin in origins)]


def sources(manager: MemoryManager, id: str) -> tuple[Memory, ...]:
    """Return what a memory was made from, nearest first, however indirectly.

    Raises:
        NotFound: no such memory in this namespace.
    """
    manager.get(id)
    with manager.journal.database.read() as connection:
        state = Pending(connection, manager.journal.identity.ns_id)
        found: dict[int, None] = {}
        front = [number_of(id)]
        while front:
            above = [source for each in front for source in state.sources_of(each)]
            front = [source for source in dict.fromkeys(above) if source not in found]
            found |= dict.fromkeys(front)
        return tuple(state.memory(number) for number in found)


def set_trust(
    manager: MemoryManager, id: str, trust: Trust | str, reason: str | None = None
) -> Memory:
    """Decide how far a memory is believed; what is derived from it is never believed more.

    Args:
        manager: whose memory.
        id: the memory.
        trust: "quarantined" (not recalled), "low" (not for actions), "normal" or "high".
        reason: kept with the decision.

    Raises:
        InvalidInput: no such trust, or more than one of its sources has.
        NotFound: no such memory in this namespace.
    """
    check_reason(reason)
    if trust not in list(Trust):
        raise InvalidInput(f"trust {trust!r} is none of {', '.join(Trust)}; pass one of them")
    wanted, number = Trust(trust), number_of(id)

    def decide(state: Pending, at: int) -> Sequence[Event]:
        writing.current_row(state, number, id)
        most = ceiling(state, number)
        if ORDER[wanted] > ORDER[most]:
            raise InvalidInput(
                f"memory {id} was derived from one that is {most.value}; raise that one first"
            )
        return [Trusted(number, wanted.value, reason), *lowered(state, number, wanted, reason)]

    manager.run(decide)
    return manager.get(id)


def let_in(manager: MemoryManager, id: str, reason: str | None = None) -> Memory:
    """Let a quarantined memory be recalled, at the trust its source and lineage give.

    Raises:
        InvalidInput: it is not quarantined, or a memory it was derived from is.
        NotFound: no such memory in this namespace.
    """
    memory, number = manager.get(id), number_of(id)
    if memory.trust is not Trust.QUARANTINED:
        raise InvalidInput(f"memory {id} is not quarantined; see: memory review")
    with manager.journal.database.read() as connection:
        most = ceiling(Pending(connection, manager.journal.identity.ns_id), number)
    usual = writing.TRUST[memory.source]
    return set_trust(manager, id, least([usual, most], usual), reason)


def purge(
    manager: MemoryManager,
    *,
    source: str | None = None,
    writer: str | None = None,
    erase: bool = False,
    dry_run: bool = False,
) -> Purged:
    """Remove a poisoned source and everything that was derived from it.

    Args:
        manager: whose memories.
        source: every memory that ever had this source, such as "tool".
        writer: every memory that this writer wrote; with `source` both must hold.
        erase: remove every trace; else they are forgotten in one run that can be undone.
        dry_run: only say what would go.

    Raises:
        InvalidInput: neither is given.
    """
    given = {"source": source, "writer": writer}
    where: Where = {name: value for name, value in given.items() if value is not None}
    if not where:
        raise InvalidInput("name a source or a writer to purge")
    roots = doomed_ids(manager, where)
    if erase and not dry_run:
        receipts = erase_where(manager, where)
        return Purged(tuple(r.id for r in receipts), len(receipts) - len(roots), None, receipts)
    named = [number_of(id) for id in roots]
    every = dict.fromkeys(named)
    with manager.journal.database.read() as connection:
        state = Pending(connection, manager.journal.identity.ns_id)
        for root in named:
            every |= dict.fromkeys(state.derived_from(root))
        gone = [number for number in every if erase or _recallable(state, number)]
    plan = Plan("purge", [Forgotten(number, "purge") for number in gone])
    done = carry_out(manager, plan, dry_run=dry_run)
    derived = len(set(gone) - set(named))
    return Purged(tuple(f"{number:016x}" for number in gone), derived, done.entry)


def _recallable(state: Pending, number: int) -> bool:
    row = state.current(number)
    return row is not None and STATES[row["state"]] in (
        State.LIVE, State.EXPIRED, State.SUPERSEDED,
    )  # fmt: skip


def believed(manager: MemoryManager, id: str) -> tuple[Trust, Trust]:
    """Return how far a memory is believed, and the most that its lineage allows.

    Raises:
        NotFound: no such memory in this namespace.
    """
    manager.get(id)
    with manager.journal.database.read() as connection:
        state = Pending(connection, manager.journal.identity.ns_id)
        trust = trust_of(state, number_of(id)) or Trust.QUARANTINED
        return trust, ceiling(state, number_of(id))
