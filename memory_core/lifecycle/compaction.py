"""Compaction: what was forgotten long enough ago loses its text, and cannot be brought back.

    1. recordings that quote or saw the memories are dropped, and those older than asked for
    2. `Compacted` entries and the removal of the rows commit together, some memories at a time
    3. derived copies drop what they hold, the file is rewritten, the write-ahead log is cut

The entries stay with their salted digests, so the chain verifies as before; what is gone are bodies
and rows, as after an erasure (memory_core.journal.erase), and backups are told, so that a restore
leaves the memories out. It promises less: no file is searched for what is left, and nothing derived
goes along. A crash between two groups leaves whole memories on either side: run it again; one
before the end of 3 is finished by the next opening. A forgotten memory that a live one was derived
from stays: it is lineage.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memory_core import limits
from memory_core.errors import StoreReadOnly
from memory_core.journal import erase
from memory_core.journal.codes import CODE
from memory_core.journal.events import Compacted, Event
from memory_core.journal.journal import Journal, Pending
from memory_core.journal.sql import rows
from memory_core.lifecycle.erase import Erasing, Reach, clean, tell_copies
from memory_core.lifecycle.forgetting import DAY
from memory_core.manager import MemoryManager

DAYS = 30
GROUP = 200
"""Memories a transaction: others write between two."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction removed, or would remove."""

    memories: tuple[str, ...]
    """Ids; all were forgotten before."""
    kept: tuple[str, ...]
    """Forgotten as long ago, and kept because a live memory was derived from them."""
    characters: int
    """Of their texts, every version counted."""
    vectors: int
    recordings: int
    """How many were dropped; 0 on a dry run, which does not look into them."""
    before: int
    """Bytes of the store's files."""
    after: int
    """The same afterwards; equal to `before` on a dry run."""


@dataclass(slots=True)
class _Gone:
    """What went so far."""

    numbers: list[int] = field(default_factory=list)
    characters: int = 0
    vectors: int = 0
    recordings: int = 0


def compact(
    manager: MemoryManager,
    *,
    days: int = DAYS,
    recordings_days: int | None = None,
    dry_run: bool = False,
) -> Compaction:
    """Remove the texts of what was forgotten at least so many days ago.

    Args:
        manager: whose memories.
        days: since they were forgotten, 0 or more; until then they can be brought back.
        recordings_days: recordings older than that go as well; only those that saw or quote a
            compacted memory when None.
        dry_run: only say what would go.

    Raises:
        InvalidInput: a number below 0.
        StoreReadOnly: the home cannot be written.
        StoreBusy: another process keeps a copy or the file open; the texts are gone from the
            journal by then, and opening the store again finishes.
    """
    limits.check_count(days, "days", least=0)
    if recordings_days is not None:
        limits.check_count(recordings_days, "recordings_days", least=0)
    journal, now = manager.journal, manager.parts.clock()
    before = _size(journal.home)
    doomed, kept = _past(journal, now - days * DAY)
    if dry_run:
        gone = _looked_at(journal, doomed)
    else:
        eraser = manager.parts.erase
        if journal.database.readonly or not isinstance(eraser, Erasing):
            raise StoreReadOnly(f"{journal.home} cannot be written; compact where it can")
        gone = _Gone()
        if recordings_days is not None:
            gone.recordings += eraser.reach.drop(None, recordings_days)
        for at in range(0, len(doomed), GROUP):
            _compact(journal, doomed[at : at + GROUP], eraser.reach, gone)
        tell_copies(journal)
        clean(journal, eraser.reach.rebuild)
        erase.mark_clean(journal.database, journal.identity.ns_id, journal.last_erasure)
    return Compaction(
        _ids(gone.numbers), _ids(kept), gone.characters, gone.vectors, gone.recordings,
        before, _size(journal.home),
    )  # fmt: skip


def _past(journal: Journal, latest: int) -> tuple[list[int], list[int]]:
    """Return what was forgotten by that moment, and of that what is the lineage of live ones."""
    ns_id = journal.identity.ns_id
    with journal.database.read() as connection:
        state = Pending(connection, ns_id)
        forgotten = [
            row[0]
            for row in rows(
                connection,
                "SELECT m.number FROM memories m JOIN journal j"
                " ON j.ns_id = m.ns_id AND j.seq = m.version"
                " WHERE m.ns_id = ? AND m.seq_to IS NULL AND m.state = ? AND j.at <= ?"
                " ORDER BY m.version",
                (ns_id, CODE["state"]["forgotten"], latest),
            )
        ]
        kept = {number: None for number in forgotten if _lineage(state, number)}
    return [number for number in forgotten if number not in kept], list(kept)


def _lineage(state: Pending, number: int) -> bool:
    """Tell whether something that is not forgotten was derived from a memory."""
    derived = (state.current(each) for each in state.derived_from(number))
    return any(row is not None and row["state"] != CODE["state"]["forgotten"] for row in derived)


def _looked_at(journal: Journal, numbers: Sequence[int]) -> _Gone:
    gone, ns_id = _Gone(list(numbers)), journal.identity.ns_id
    with journal.database.read() as connection:
        for number in numbers:
            texts = erase.texts_of(connection, ns_id, number)
            gone.characters += sum(map(len, texts.values()))
            gone.vectors += len(erase.vectors_of(connection, ns_id, list(texts)))
    return gone


def _compact(journal: Journal, numbers: Sequence[int], reach: Reach, gone: _Gone) -> None:
    """Compact some memories in one transaction; one that is not forgotten any more is left."""
    ns_id = journal.identity.ns_id
    with journal.database.read() as connection:
        texts = {n: erase.texts_of(connection, ns_id, n) for n in numbers}
        entries = {n: erase.entries_of(connection, ns_id, n) for n in numbers}
    every = {seq for some in entries.values() for seq in some}
    quoted = [text for some in texts.values() for text in some.values() if text]
    gone.recordings += reach.redact(every, quoted)

    def decide(state: Pending, at: int) -> Sequence[Event]:
        events: list[Event] = []
        for number in numbers:
            row = state.current(number)
            if row is None or row["state"] != CODE["state"]["forgotten"] or _lineage(state, number):
                continue
            gone.numbers.append(number)
            gone.characters += sum(map(len, texts[number].values()))
            gone.vectors += len(erase.vectors_of(state.connection, ns_id, list(texts[number])))
            events.append(Compacted(number, erase.entries_of(state.connection, ns_id, number)))
        return events

    journal.commit(decide)


def _ids(numbers: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{number:016x}" for number in numbers)


def _size(home: Path) -> int:
    return sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
