"""`memory verify --deep`: the chain, and what is derived from it, against the entries."""

import tempfile
from pathlib import Path

from memory_core.journal import copying
from memory_core.journal.media import media_in
from memory_core.journal.temporary import temporary
from memory_core.manager import MemoryManager


def deep_faults(manager: MemoryManager) -> list[str]:
    """Return every fault of the chain, the folded state, the vectors' tables and the media.

    The state is folded anew in a copy of the file and compared row by row, so this takes as long
    as a rebuild and as much room as the file.
    """
    journal = manager.journal
    faults = journal.verify()
    if faults:
        return faults
    with temporary(Path(tempfile.gettempdir()), "memory-verify") as place:
        copy = place / "copy.db"
        copying.copy_into(journal.database, copy)
        faults += copying.differences(journal.identity, copy)
    faults += copying.vector_faults(journal.database, journal.identity.ns_id)
    return [*faults, *media_faults(manager)]


def media_faults(manager: MemoryManager) -> list[str]:
    """Return which images and sounds are missing or damaged; all of the namespace are read."""
    journal = manager.journal
    with journal.database.read() as connection:
        wanted = media_in(connection, journal.identity.ns_id)
    return journal.media.faults(wanted)
