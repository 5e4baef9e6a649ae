"""Erasure with a receipt: some memories, what was derived from them, every file.

    1. recordings that quote or saw the memories are dropped
    2. `Erased` entries and the removal of the rows commit together (memory_core.journal.erase)
    3. ledgers beside known backups are told, so that a restore leaves the memories out
    4. derived copies drop what they hold, the file is rewritten, the write-ahead log is cut, images
       and sounds that no memory keeps any more are removed
    5. every file of the home is searched for the texts, vectors and parts of those files; the
       receipt says what is left

A crash after 2 leaves nothing recallable; opening the store again repeats 3 and 4, see `resume`.
Where 3 to 5 fail, the erasure stands and has its receipt, which says that nothing was proven yet.
Rewriting is needed although SQLite overwrites what it deletes: rows that moved when a page was
split leave stale copies behind, which no later deletion reaches.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from subprocess import SubprocessError

from memory_core.attaching import sweep
from memory_core.errors import MemoryCoreError
from memory_core.journal import copying, erase
from memory_core.journal.entries import Entry
from memory_core.journal.erase import Doomed
from memory_core.journal.events import Erased, Event
from memory_core.journal.journal import Journal, Pending
from memory_core.journal.media import PATIENCE, holders
from memory_core.lifecycle.ledger import tell
from memory_core.lifecycle.residue import residue, samples
from memory_core.media import Media
from memory_core.types import Receipt, from_micros

logger = logging.getLogger(__name__)

SETTLING = 5.0
"""Seconds in which what is left may still go. An index that is being built anew holds rows of this
process's memory, an erased vector among them, until it blanks them; a search that falls between
sees them. What is there after that time stays in the receipt."""

Redact = Callable[[set[int], Sequence[str]], int]
"""Removes recordings that saw these versions or quote these texts; returns how many."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What an erasure reaches outside the journal.

    Attributes:
        redact: removes recordings that saw these versions or hold these texts.
        rebuild: removes derived copies of the vectors; returns what cannot be proven from here.
        drop: removes the recordings of a session, all when None, that are so many days old or
            older; returns how many.
    """

    redact: Redact
    rebuild: Callable[[], tuple[str, ...]]
    drop: Callable[[str | None, int], int]


@dataclass(frozen=True, slots=True)
class Erasing:
    """The verb as the manager has it: see `memory_core.parts.Eraser`."""

    journal: Journal
    reach: Reach

    def __call__(self, numbers: Sequence[int]) -> tuple[Receipt, ...]:
        """Erase memories and what was derived from them; return the receipts."""
        return erase_memories(self.journal, numbers, self.reach)

    def drop_recordings(self, session: str | None) -> int:
        """Remove the recordings of a session, or all of the namespace; return how many."""
        return self.reach.drop(session, 0)


def erase_memories(journal: Journal, numbers: Sequence[int], reach: Reach) -> tuple[Receipt, ...]:
    """Erase memories and what was derived from them, and prove it.

    Args:
        journal: the namespace's.
        numbers: the memories; one that is not there is passed over.
        reach: what else holds copies.

    Returns:
        The receipts of the memories asked for, then those of what was derived from them.
    """
    with journal.database.read() as connection:
        doomed = erase.doomed_with_derived(connection, journal.identity.ns_id, numbers)
    recordings = _redact(reach, doomed)  # a crash must leave no quotation
    content = samples(journal, [media for one in doomed.values() for media in one.media])

    def decide(state: Pending, at: int) -> Sequence[Event]:
        nonlocal doomed
        doomed = erase.doomed_with_derived(state.connection, state.ns_id, numbers)
        return [Erased(number, one.entries) for number, one in doomed.items()]

    written = journal.commit(decide)
    if not written:
        return ()

    def cleaned() -> tuple[str, ...]:
        nonlocal recordings
        recordings += _redact(reach, doomed)
        return (*tell_copies(journal), *clean(journal, reach.rebuild))

    kept = {m.digest: _holders(journal, m) for one in doomed.values() for m in one.media}
    gone_media = [needle for digest, each in content.items() if not kept[digest] for needle in each]
    notes, left = _proof(journal, cleaned, doomed, gone_media)
    if left == 0:
        erase.mark_clean(journal.database, journal.identity.ns_id, written[-1].seq)
    seen = _Seen(kept, recordings, left, notes)
    return _receipts(written, doomed, seen)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found out about all memories of one erasure."""

    kept: dict[str, list[int]]
    """By digest of a file: the memories that keep it."""
    recordings: int
    residue: int | None
    notes: tuple[str, ...]


def _receipts(
    written: Sequence[Entry], doomed: dict[int, Doomed], seen: _Seen
) -> tuple[Receipt, ...]:
    gone = set(doomed)
    return tuple(
        Receipt(
            id=f"{number:016x}",
            at=from_micros(entry.at),
            entry=entry.seq,
            entry_hash=entry.hash.hex(),
            versions=len(one.entries),
            vectors=len(one.vectors),
            recordings=seen.recordings,
            residue=seen.residue,
            same_text=tuple(f"{other:016x}" for other in one.same if other not in gone),
            derived=tuple(f"{other:016x}" for other in one.derived),
            media=sum(not seen.kept[media.digest] for media in one.media),
            same_media=tuple(f"{n:016x}" for media in one.media for n in seen.kept[media.digest]),
            notes=seen.notes,
        )
        for entry, (number, one) in zip(written, doomed.items(), strict=True)
    )


def resume(journal: Journal, reach: Reach) -> int:
    """Finish the cleaning of erasures that a crash cut short; return how many there were.

    The texts are gone by then; recordings that quote them went before the erasure was written.
    """
    with journal.database.read() as connection:
        unclean = erase.unclean(connection, journal.identity.ns_id)
    if not unclean:
        return 0
    try:
        reach.redact({seq for event in unclean.values() for seq in event.entries}, ())
        tell_copies(journal)
        clean(journal, reach.rebuild)
        erase.mark_clean(journal.database, journal.identity.ns_id, max(unclean))
    except (MemoryCoreError, OSError) as error:  # busy, or no space: the next opening goes on
        told = type(error).__name__
        logger.warning("%d erasures are not cleaned up yet: %s", len(unclean), told)
    return len(unclean)


def faults_of(journal: Journal, receipt: Receipt) -> list[str]:
    """Return what speaks against a receipt; an empty list means that the chain bears it out.

    The chain knows the memory, the moment, the entry and its hash, and how many versions went;
    these are compared, the whole chain is verified, and nothing of the memory may be there. How
    many vectors, recordings and bytes the receipt names was counted then and is in no entry.
    """
    faults = journal.verify()
    entry = next(journal.entries(receipt.entry - 1, receipt.entry), None)
    event = None if entry is None else entry.event
    if entry is None or not isinstance(event, Erased):
        return [*faults, f"entry {receipt.entry} is no erasure"]
    for name, told, true in (
        ("id", receipt.id, f"{event.number:016x}"),
        ("at", receipt.at, from_micros(entry.at)),
        ("entry_hash", receipt.entry_hash, entry.hash.hex()),
        ("versions", receipt.versions, len(event.entries)),
    ):
        if told != true:
            faults.append(f"{name} is {told} in the receipt and {true} in the chain")
    with journal.database.read() as connection:
        left = erase.doomed(connection, journal.identity.ns_id, event.number)
    if left.entries:
        faults.append(f"{len(left.entries)} versions of the memory are still there")
    return faults


def _proof(
    journal: Journal,
    clean: Callable[[], tuple[str, ...]],
    doomed: dict[int, Doomed],
    media: Sequence[bytes],
) -> tuple[tuple[str, ...], int | None]:
    """Clean up, and count what is left; None where that failed, since the erasure itself stands."""
    texts = [text for one in doomed.values() for text in one.texts]
    vectors = [vector for one in doomed.values() for vector in one.vectors]
    try:
        notes = clean()
        until = time.monotonic() + SETTLING
        while (left := residue(journal, texts, vectors, media)) and time.monotonic() < until:
            time.sleep(0.1)
        return notes, left
    except (MemoryCoreError, OSError, SubprocessError, ValueError) as error:
        logger.warning("an erasure is not cleaned up yet: %s", type(error).__name__)
        told = f"files were not cleaned or not searched ({error}); opening the store does it"
        return (told,), None


def _holders(journal: Journal, media: Media) -> list[int]:
    """Return the memories that keep a file after the erasure is written."""
    with journal.database.read() as connection:
        return holders(connection, journal.identity.ns_id, media.digest)


def _redact(reach: Reach, doomed: dict[int, Doomed]) -> int:
    entries = {seq for one in doomed.values() for seq in one.entries}
    return reach.redact(entries, [text for one in doomed.values() for text in one.texts])


def tell_copies(journal: Journal) -> list[str]:
    """Tell the backups that are still there what was erased, and name the exports that are."""
    notes = []
    for copy in copying.noted_copies(journal.database, journal.identity.uid.hex()):
        if not copy.path.exists():
            continue
        if copy.uid is not None:
            notes.append(f"the export {copy.path} may hold it; remove it")
            continue
        try:
            tell(copy.path, copying.erasures(journal.database))
        except OSError as error:
            notes.append(f"the backup {copy.path} was not told ({error.strerror}); remove it")
        else:
            notes.append(f"the backup {copy.path} may hold it; a restore from it leaves it out")
    return notes


def clean(journal: Journal, rebuild: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """Drop every copy of what was removed: caches, derived files, stale pages of the file."""
    journal.refresh()
    try:
        return rebuild()
    finally:  # a process that keeps its copy open, or adds a file, holds up nothing else
        try:
            journal.database.scrub()
        finally:
            sweep(journal, PATIENCE)
