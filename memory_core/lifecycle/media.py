"""The images and sounds of memories: read back, and carried along with a copy of the journal."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from memory_core.errors import NotFound
from memory_core.journal import copying
from memory_core.journal.database import Database
from memory_core.journal.media import MediaFiles, copy_file, media_in
from memory_core.manager import MemoryManager
from memory_core.media import Media


def content_of(memory: MemoryManager, id: str) -> bytes:
    """Return the bytes of the image or sound that a memory keeps, as they were stored.

    Raises:
        NotFound: no such memory, it keeps none, or the file is not there any more.
        StoreDamaged: the file is not what was stored.
    """
    media = memory.get(id).media
    if media is None:
        raise NotFound(f"memory {id} keeps no image or sound; see: memory show {id}")
    return memory.journal.media.read(media)


@contextmanager
def media_held(database: Database) -> Iterator[None]:
    """Keep every erasure's hands off the files for a block: they belong to one state."""
    with ExitStack() as stack:
        for namespace in copying.namespaces(database):
            files = MediaFiles(database.path.parent, namespace.uid)
            stack.enter_context(files.held())
        yield


def copy_media(file: Path, source: Path, target: Path) -> int:
    """Copy what a closed journal speaks of, and nothing else; return how many bytes.

    Args:
        file: the copy of the journal.
        source: the home, or the backup, whose files are copied.
        target: where to; no store is there yet, files that an earlier copy left are removed.

    Raises:
        NotFound, StoreDamaged: a file is missing or not what was stored.
    """
    total = 0
    database = Database(file)
    try:
        for namespace in copying.namespaces(database):
            with database.read() as connection:
                wanted = media_in(connection, namespace.ns_id)
            ours, theirs = MediaFiles(source, namespace.uid), MediaFiles(target, namespace.uid)
            total += _copy(ours, theirs, wanted)
    finally:
        database.close()
    return total


def _copy(source: MediaFiles, target: MediaFiles, wanted: Sequence[Media]) -> int:
    for media in wanted:
        copy_file(source, target, media)
    target.sweep(lambda: {media.digest for media in wanted})  # what a copy before left
    return sum(media.size for media in wanted)
