"""The writing half of the manager: drafts and changes become committed events.

Nothing is judged outside the transaction that writes it: keys, successors and links are looked up
inside `commit`, so two processes cannot both win.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from memory_core import limits
from memory_core.attaching import attached
from memory_core.errors import InvalidInput, KeyReused, NotFound, OutcomeUnknown
from memory_core.journal.bodies import described
from memory_core.journal.codes import STATES
from memory_core.journal.entries import Entry
from memory_core.journal.erase import DERIVED_FROM
from memory_core.journal.events import (
    Event,
    Expired,
    Linked,
    Revised,
    Stored,
    Superseded,
    Trusted,
)
from memory_core.journal.journal import Decide, Pending
from memory_core.journal.memories import stored_memory
from memory_core.journal.state import Row
from memory_core.journal.where import number_of
from memory_core.keyed import SUPERSEDES, Timelines, check_span
from memory_core.lineage import ORDER, lowered, trust_of
from memory_core.media import Media
from memory_core.parts import Parts, Policy
from memory_core.types import (
    Draft,
    Memory,
    State,
    Trust,
    from_micros,
    to_micros,
)

TRUST: Mapping[str, Trust] = {
    "user": Trust.NORMAL, "assistant": Trust.NORMAL, "tool": Trust.LOW, "document": Trust.LOW,
    "import": Trust.LOW, "derived": Trust.LOW,
}  # fmt: skip
"""What a source is believed by default; only `normal` and above may drive actions."""
_SPAN = frozenset({"valid_from", "valid_to"})
_APART = {"occurred_at", "valid_from", "valid_to", "importance", "image", "audio"}


def store(parts: Parts, drafts: Sequence[Draft]) -> tuple[list[Memory], int]:
    """Store drafts in one transaction; return their memories, and how many were there already.

    Raises:
        KeyReused: a key belongs to another text; nothing of the batch was written.
    """
    numbers: list[int] = []
    repeats = 0
    drafts = [parts.admission.admit(draft) for draft in drafts]

    def decide(state: Pending, at: int) -> Sequence[Event]:
        nonlocal repeats
        numbers.clear()
        repeats = 0
        new: dict[str, Stored] = {}
        events: list[Event] = []
        timelines = Timelines(state, parts.admission.many_valued)
        for draft, media in zip(drafts, kept, strict=True):
            if (known := _known(state, draft, media, new)) is not None:
                numbers.append(known)
                repeats += 1
                continue
            event = stored_event(parts, draft, new_number(), at, media=media)
            events += timelines.placed(event)
            numbers.append(event.number)
            if draft.key is not None:
                new[draft.key] = event
        return events

    memories: list[Memory] = []

    def after(state: Pending) -> None:
        new = _as_stored(state)
        memories.extend(new.get(number) or state.memory(number) for number in numbers)

    keys = tuple(draft.key for draft in drafts if draft.key)
    try:
        with attached(parts, drafts) as kept:
            parts.journal.commit(decide, keys, after)
    except OutcomeUnknown as error:  # those without a key are asked for by their ids
        ids = tuple(f"{number:016x}" for number in numbers)
        raise OutcomeUnknown(str(error), keys, ids) from error
    parts.catchup.wake()
    return memories, repeats


def _as_stored(state: Pending) -> dict[int, Memory]:
    """Return what the transaction stored and nothing in it changed, without reading it back."""
    new: dict[int, Memory] = {}
    for entry in state.written:
        if isinstance(event := entry.event, Stored):
            new[event.number] = stored_memory(entry.seq, entry.at, event)
        elif isinstance(event, Superseded):
            new.pop(event.number, None)
    return new


def supersede(parts: Parts, old_id: str, draft: Draft) -> Memory:
    """Store a draft as the successor of a memory, and close that one; once for each key."""
    old, new = number_in(old_id, "old_id"), new_number()
    draft = parts.admission.admit(draft)
    number = new

    def decide(state: Pending, at: int) -> Sequence[Event]:
        nonlocal number
        if (known := _known(state, draft, media, {})) is not None:
            number = known
            return []
        row = _row_in(state, old, old_id, (State.LIVE, State.EXPIRED, State.SUPERSEDED))
        event = stored_event(parts, draft, new, at, media=media)
        start = check_span(event)
        if row["valid_from"] is not None and start <= row["valid_from"]:
            raise InvalidInput(
                f"the new memory starts at {from_micros(start)}, not after the old one's "
                f"{from_micros(row['valid_from'])}; pass a later valid_from"
            )
        end = start if row["valid_to"] is None else min(start, row["valid_to"])
        successor = replace(event, valid_from=start)
        timelines = Timelines(state, parts.admission.many_valued)
        placed, *others = timelines.placed(successor, given_up=old)
        return [placed, Superseded(old, new, end), Linked(new, old, SUPERSEDES), *others]

    with attached(parts, [draft]) as (media,):
        return _committed(parts, decide, lambda: number, (draft.key,) if draft.key else ())


def expire(parts: Parts, id: str, end: int | None) -> Memory:
    """End a memory's validity at a moment, or at the time of the entry."""
    number = number_in(id)

    def decide(state: Pending, at: int) -> Sequence[Event]:
        row = _row_in(state, number, id, (State.LIVE, State.EXPIRED))
        last = at if end is None else end
        if row["valid_from"] is not None and last < row["valid_from"]:
            raise InvalidInput(
                f"memory {id} begins at {from_micros(row['valid_from'])} and cannot end at "
                f"{from_micros(last)}; pass a later time, or invalidate it"
            )
        return [Expired(number, last)]

    return _committed(parts, decide, lambda: number)


def revise(parts: Parts, id: str, fields: Mapping[str, object]) -> Memory:
    """Change fields of a memory; the merged draft is validated as a new one would be."""
    if not fields or "key" in fields:
        raise InvalidInput("revise changes at least one field, and never the key; name one")
    if {"image", "audio"} & set(fields):
        raise InvalidInput("a revision keeps the file; supersede the memory with another one")
    number = number_in(id)

    def decide(state: Pending, at: int) -> Sequence[Event]:
        current_row(state, number, id)
        before = state.memory(number)
        changed = _revision(parts, before, fields)
        trust = Trust(str(changed.get("trust", before.trust)))
        return [Revised(number, changed), *lowered(state, number, trust, "its source was revised")]

    return _committed(parts, decide, lambda: number)


def _revision(parts: Parts, before: Memory, fields: Mapping[str, object]) -> dict[str, object]:
    """Return the values that change; a less believed source takes trust, none gives it."""
    kept = before.model_dump(include=set(Draft.model_fields))
    if before.media is not None:
        kept[before.media.kind] = before.media
    if not _SPAN & set(fields):  # what replaced a memory may have closed it where it began
        kept |= dict.fromkeys(_SPAN)
    given = Draft.of({**kept, **fields})
    draft = parts.admission.admit(given) if {"text", "metadata"} & set(fields) else given
    names = {*fields, "text"} if "speaker" in fields else set(fields)  # both are searched
    names |= {"metadata"} if draft.metadata != given.metadata else set()
    changed = {name: _plain(getattr(draft, name)) for name in sorted(names)}
    if "text" in names and before.media is not None:  # they are read from one body
        changed["media"] = before.media.model_dump()
    for name in ("occurred_at", "importance"):
        if name in changed and changed[name] is None:
            raise InvalidInput(f"{name} cannot be taken away from a memory; pass a value")
    if "source" in fields:
        changed["trust"] = min(before.trust, TRUST[draft.source], key=list(Trust).index).value
    return changed


def change(parts: Parts, id: str, event: Callable[[int, int], Event]) -> Memory:
    """Commit one event about one memory and return the memory after it.

    Args:
        parts: the manager's.
        id: the memory.
        event: called with its number and the entry's time.
    """
    number = number_in(id)

    def decide(state: Pending, at: int) -> Sequence[Event]:
        current_row(state, number, id)
        return [event(number, at)]

    return _committed(parts, decide, lambda: number)


def link(parts: Parts, source: str, target: str, relation: str) -> None:
    """Link two memories, unless they are linked so already."""
    limits.check_name(relation, "relation")
    first, second = number_in(source, "source"), number_in(target, "target")

    def decide(state: Pending, at: int) -> Sequence[Event]:
        current_row(state, first, source)
        current_row(state, second, target)
        if state.linked(first, second, relation):
            return []
        events: list[Event] = [Linked(first, second, relation)]
        most = trust_of(state, second)
        if relation == DERIVED_FROM and most is not None:
            reason = "it was derived from a less believed memory"
            if ORDER[trust_of(state, first) or most] > ORDER[most]:
                events.append(Trusted(first, most.value, reason))
            events += lowered(state, first, most, reason)
        return events

    parts.journal.commit(decide)


def run(parts: Parts, policy: Policy) -> tuple[Entry, ...]:
    """Commit what a policy decides on."""
    if not callable(policy):
        raise InvalidInput(f"policy is {type(policy).__name__}; pass a function of (state, at)")

    def decide(state: Pending, at: int) -> Sequence[Event]:
        events = policy(state, at)
        if not isinstance(events, Sequence) or not all(isinstance(e, Event) for e in events):
            raise InvalidInput(
                f"the policy returned {limits.shown(events)}; return a list of events"
            )
        return events

    written = parts.journal.commit(decide)
    parts.catchup.wake()
    return written


def current_row(state: Pending, number: int, id: str) -> Row:
    """Return a memory's newest row inside a transaction, or raise NotFound naming the id."""
    if (row := state.current(number)) is None:
        raise not_found(id)
    return row


def _row_in(state: Pending, number: int, id: str, states: Sequence[State]) -> Row:
    """Return a memory's newest row, or refuse what would bring it back."""
    row = current_row(state, number, id)
    found = STATES[row["state"]]
    if found not in states:
        raise InvalidInput(
            f"memory {id} is {found.value}, and this would bring it back; store a new memory"
        )
    return row


def stored_event(
    parts: Parts, draft: Draft, number: int, at: int, *, media: Media | None = None
) -> Stored:
    """Return the event that stores a draft at that time, its importance rated if not given."""
    fields = draft.model_dump(exclude=_APART)
    held = draft.source in parts.admission.quarantine
    return Stored(
        number=number,
        trust=(Trust.QUARANTINED if held else TRUST[draft.source]).value,
        occurred_at=at if draft.occurred_at is None else to_micros(draft.occurred_at),
        valid_from=None if draft.valid_from is None else to_micros(draft.valid_from),
        valid_to=None if draft.valid_to is None else to_micros(draft.valid_to),
        importance=parts.rate(draft) if draft.importance is None else draft.importance,
        media=None if media is None else media.model_dump(),
        **fields,
    )


def number_in(id: object, where: str = "id") -> int:
    """Return a memory's id as the number the journal keeps; -1 for a string that is no id.

    Raises:
        InvalidInput: not a string.
    """
    if not isinstance(id, str):
        raise InvalidInput(f"{where} is {type(id).__name__}, not str; pass a memory's id")
    return number_of(id)


def new_number() -> int:
    """Return a fresh memory number: 63 random bits, never 0."""
    return secrets.randbelow((1 << 63) - 1) + 1


def not_found(id: str) -> NotFound:
    """Return the error for an id that this namespace does not have."""
    return NotFound(f"no memory {limits.shown(id)} in this namespace; see: memory list")


def _committed(
    parts: Parts, decide: Decide, number: Callable[[], int], keys: tuple[str, ...] = ()
) -> Memory:
    """Commit, and return one memory, named once `decide` has run, as the commit left it."""
    found: list[Memory] = []
    parts.journal.commit(decide, keys, lambda state: found.append(state.memory(number())))
    parts.catchup.wake()
    return found[0]


def _known(
    state: Pending, draft: Draft, media: Media | None, new: Mapping[str, Stored]
) -> int | None:
    """Return the number already stored under the draft's key, or None."""
    if draft.key is None:
        return None
    if (event := new.get(draft.key)) is not None:
        number, text, kept = event.number, event.text, described(event.media)
    elif (found := state.first_of_key(draft.key)) is not None:
        number, text, kept = found
    else:
        return None
    if (text, kept and kept.digest) != (draft.text, media and media.digest):
        other = "text" if text != draft.text else "file"
        raise KeyReused(
            f"key {draft.key!r} was used for another {other} (memory {number:016x}); "
            "use a new key, or revise that memory"
        )
    return number


def _plain(value: object) -> object:
    return to_micros(value) if isinstance(value, datetime) else value
