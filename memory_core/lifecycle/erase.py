"""Erasure with a receipt: one memory, every file.

    1. recordings that quote or saw the memory are dropped
    2. `Erased` and the removal of its rows commit together (memory_core.journal.erase)
    3. derived copies drop what they hold, the file is rewritten, the write-ahead log is cut
    4. every file of the home is searched for the texts and vectors; the receipt says what is left

A crash after 2 leaves nothing recallable; opening the store again repeats 3, see `resume`. Where 3
or 4 fail, the erasure stands and has its receipt, which says that nothing was proven yet.
Rewriting is needed although SQLite overwrites what it deletes: rows that moved when a page was
split leave stale copies behind, which no later deletion reaches.
"""

import logging
from collections.abc import Callable, Sequence
from subprocess import SubprocessError

from memory_core.errors import MemoryCoreError, StoreBusy
from memory_core.journal import erase
from memory_core.journal.events import Erased, Event
from memory_core.journal.journal import Journal, Pending
from memory_core.lifecycle.residue import residue
from memory_core.types import Receipt, from_micros

logger = logging.getLogger(__name__)

Redact = Callable[[set[int], Sequence[str]], int]
"""Removes recordings that saw these versions or quote these texts; returns how many."""


def erase_memory(
    journal: Journal, number: int, *, redact: Redact, rebuild: Callable[[], tuple[str, ...]]
) -> Receipt:
    """Erase a memory and prove it.

    Args:
        journal: the namespace's.
        number: the memory.
        redact: removes recordings that saw these versions or hold these texts.
        rebuild: removes derived copies of the vectors; returns what cannot be proven from here.
    """
    with journal.database.read() as connection:
        doomed = erase.doomed(connection, journal.identity.ns_id, number)
    recordings = redact(set(doomed.entries), doomed.texts)  # a crash must leave no quotation

    def decide(state: Pending, at: int) -> Sequence[Event]:
        nonlocal doomed
        doomed = erase.doomed(state.connection, state.ns_id, number)
        return [Erased(number, doomed.entries)]

    (entry,) = journal.commit(decide)

    def clean() -> tuple[str, ...]:
        nonlocal recordings
        recordings += redact(set(doomed.entries), doomed.texts)
        return _clean(journal, rebuild)

    notes, left = _proof(journal, clean, doomed.texts, doomed.vectors)
    if left == 0:
        erase.mark_clean(journal.database, journal.identity.ns_id, entry.seq)
    return Receipt(
        id=f"{number:016x}",
        at=from_micros(entry.at),
        entry=entry.seq,
        entry_hash=entry.hash.hex(),
        versions=len(doomed.entries),
        vectors=len(doomed.vectors),
        recordings=recordings,
        residue=left,
        same_text=tuple(f"{other:016x}" for other in doomed.same),
        notes=notes,
    )


def resume(journal: Journal, *, redact: Redact, rebuild: Callable[[], tuple[str, ...]]) -> int:
    """Finish the cleaning of erasures that a crash cut short; return how many there were.

    The texts are gone by then; recordings that quote them went before the erasure was written.
    """
    with journal.database.read() as connection:
        unclean = erase.unclean(connection, journal.identity.ns_id)
    if not unclean:
        return 0
    try:
        redact({seq for event in unclean.values() for seq in event.entries}, ())
        _clean(journal, rebuild)
        erase.mark_clean(journal.database, journal.identity.ns_id, max(unclean))
    except StoreBusy:  # another process is at it, or reads an old state: the next opening goes on
        logger.warning("%d erasures are not cleaned up yet: the store is busy", len(unclean))
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
    texts: Sequence[str],
    vectors: Sequence[bytes],
) -> tuple[tuple[str, ...], int | None]:
    """Clean up, and count what is left; None where that failed, since the erasure itself stands."""
    try:
        return clean(), residue(journal, texts, vectors)
    except (MemoryCoreError, OSError, SubprocessError, ValueError) as error:
        logger.warning("an erasure is not cleaned up yet: %s", type(error).__name__)
        told = f"files were not cleaned or not searched ({error}); opening the store does it"
        return (told,), None


def _clean(journal: Journal, rebuild: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    journal.refresh()
    notes = rebuild()
    journal.database.scrub()
    return notes
