"""Moves records into a memory and memories out of it, resumable and idempotent by their keys.

An exported memory comes back with what a draft cannot say: reinforcement, state and links are
restored by the same verbs that made them. Running an import again stores nothing twice.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TextIO

from memory_core.batches import MOST_BYTES, weight
from memory_core.errors import InvalidInput, NotFound
from memory_core.interchange.base import Origin, Record
from memory_core.interchange.formats import read
from memory_core.interchange.jsonl import Written, write_jsonl
from memory_core.journal.events import Revised, Superseded
from memory_core.journal.memories import load_all, load_every_link
from memory_core.journal.where import number_of
from memory_core.lifecycle.provenance import set_trust
from memory_core.lineage import ORDER
from memory_core.manager import MemoryManager
from memory_core.types import Draft, Memory, State, to_micros

BATCH = 256


@dataclass(slots=True)
class Transferred:
    """What became of an import."""

    stored: int = 0
    repeated: int = 0
    """Already there: under the same key, or the exported memories themselves."""
    rejected: list[str] = field(default_factory=list)
    """Position and reason of every record that was not stored."""
    notes: Counter[str] = field(default_factory=Counter)
    """What the readers could not say or left out, and how often."""

    def take_in(self, other: "Transferred") -> None:
        """Add what became of another part of the same file."""
        self.stored += other.stored
        self.repeated += other.repeated
        self.rejected += other.rejected
        self.notes += other.notes


def import_records(
    memory: MemoryManager,
    records: Iterable[Record],
    progress: Callable[[int], None] | None = None,
) -> Transferred:
    """Store the drafts of records in batches; a bad record is reported and passed over.

    Args:
        memory: where to.
        records: from a reader, taken as they come.
        progress: called with the number of records handled so far.
    """
    report = Transferred()
    waiting: list[tuple[Record, Draft]] = []
    origins: list[tuple[Origin, Memory]] = []
    handled = held = 0
    for handled, record in enumerate(records, 1):
        if record.note is not None:
            report.notes[record.note] += 1
        if record.error is not None:
            report.rejected.append(_placed(record, record.error))
        elif record.draft is not None:
            waiting.append((record, record.draft))
            held += weight(record.draft)
        if len(waiting) >= BATCH or held > MOST_BYTES:
            held = 0
            origins += _store(memory, waiting, report)
            if progress:
                progress(handled)
    origins += _store(memory, waiting, report)
    if progress:
        progress(handled)
    _restore(memory, origins)
    return report


def export_jsonl(memory: MemoryManager, stream: TextIO) -> Written:
    """Write every memory of the namespace, whatever its state, with its links."""
    ns_id = memory.journal.identity.ns_id
    with memory.journal.database.read() as connection:
        links = load_every_link(connection, ns_id)
        read = memory.journal.media.read
        return write_jsonl(load_all(connection, ns_id), links, stream, content=read)


def surviving(path: Path, form: str | None = None) -> Iterator[Record]:
    """Yield a file's records; damage of the file as a whole becomes its last, rejected one.

    Raises:
        InvalidInput: the format is not known, before anything is yielded.
    """
    records = read(path, form)
    try:
        yield from records
    except InvalidInput as error:
        yield Record(path.name, None, error=str(error))


def by_conversation(records: Iterable[Record]) -> Iterator[tuple[str | None, Iterator[Record]]]:
    """Yield each run of records of one conversation, to be read before the next is asked for.

    A record of no conversation, such as a note on the whole file, stays with the run before it.
    """
    current: str | None = None

    def conversation(record: Record) -> str | None:
        nonlocal current
        current = record.conversation or current
        return current

    yield from groupby(records, conversation)


def _store(
    memory: MemoryManager, waiting: list[tuple[Record, Draft]], report: Transferred
) -> list[tuple[Origin, Memory]]:
    pairs = _returned(memory, waiting)
    report.repeated += len(pairs)
    done = memory.store_many([draft for _, draft in waiting])
    report.stored += len(done.stored) - done.repeated
    report.repeated += done.repeated
    bad = {error.position: error for error in done.errors}
    for place, error in bad.items():
        report.rejected.append(_placed(waiting[place][0], error.error))
    kept = [record for place, (record, _) in enumerate(waiting) if place not in bad]
    pairs += [
        (record.origin, stored)
        for record, stored in zip(kept, done.stored, strict=True)
        if record.origin is not None
    ]
    waiting.clear()
    return pairs


def _returned(
    memory: MemoryManager, waiting: list[tuple[Record, Draft]]
) -> list[tuple[Origin, Memory]]:
    """Take out the records that come back to the store they were exported from."""
    returned: list[tuple[Origin, Memory]] = []
    fresh: list[tuple[Record, Draft]] = []
    for record, draft in waiting:
        origin = record.origin
        here = None if origin is None or origin.id is None else _found(memory, origin.id)
        if origin is not None and here is not None and _same(here, draft):
            returned.append((origin, here))
        else:
            fresh.append((record, draft))
    waiting[:] = fresh
    return returned


def _same(here: Memory, draft: Draft) -> bool:
    content = draft.attachment[0] if draft.attachment else None
    digest = hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else None
    return here.text == draft.text and digest == (here.media and here.media.digest)


def _found(memory: MemoryManager, id: str) -> Memory | None:
    try:
        return memory.get(id)
    except NotFound:
        return None


def _placed(record: Record, error: str) -> str:
    """Return the error with its position, which the readers of files name already."""
    return error if error.startswith(record.position) else f"{record.position}: {error}"


def _restore(memory: MemoryManager, origins: list[tuple[Origin, Memory]]) -> None:
    """Bring back reinforcement, links and state of exported memories, unless they are there."""
    new_id = {origin.id: stored.id for origin, stored in origins if origin.id}
    for origin, stored in origins:
        if origin.reinforced > stored.reinforced:
            memory.reinforce(stored.id, origin.reinforced - stored.reinforced)
        for link in origin.links:
            try:
                memory.link(stored.id, new_id.get(link.target, link.target), link.relation)
            except NotFound:  # its other end was not exported
                continue
    successors = {
        new_id.get(link.target): stored.id
        for origin, stored in origins
        for link in origin.links
        if link.relation == "supersedes"
    }
    for origin, stored in origins:
        if origin.trust is not None and ORDER[origin.trust] < ORDER[stored.trust]:
            set_trust(memory, stored.id, origin.trust, "it was believed less where it came from")
        if stored.state is State.LIVE:
            if origin.closed is not None:
                stored = _closed(memory, stored, origin, origin.closed)
            _retire(memory, stored, origin.state, successors.get(stored.id, stored.id))


def _closed(memory: MemoryManager, stored: Memory, origin: Origin, moment: datetime) -> Memory:
    """Give back to a memory what it could not be stored with."""
    fields: dict[str, object] = {"valid_to": to_micros(moment)}
    if origin.attribute is not None:
        fields["attribute"] = origin.attribute
    memory.run(lambda state, at: [Revised(number_of(stored.id), fields)])
    return memory.get(stored.id)


def _retire(memory: MemoryManager, stored: Memory, state: State, successor: str) -> None:
    if state is State.FORGOTTEN:
        memory.forget(stored.id)
    elif state is State.INVALIDATED:
        memory.invalidate(stored.id)
    elif state is State.EXPIRED:
        memory.expire(stored.id, stored.valid_to)
    elif state is State.SUPERSEDED:
        end = stored.valid_to or stored.occurred_at
        event = Superseded(number_of(stored.id), number_of(successor), to_micros(end))
        memory.run(lambda state, at: [event])
