"""Images and sounds of one namespace: files named by their content, beside the journal.

    media/<uid>/<sha256>.png     written, fsynced and renamed before an entry speaks of it
    media/<uid>.lock             shared by those who add, exclusive for who sweeps
    media/<uid>.new-<random>     somebody adds; what is left of a crash says that a sweep is due

The directory is named by the namespace's random id, so equal files of two namespaces are two
files, and nobody can tell from one what the other has. A file that no entry speaks of is nobody's
and is swept: after an erasure, and when a store is opened after a crash.
"""

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import apsw

from memory_core.errors import NotFound, NotStored, StoreBusy, StoreDamaged
from memory_core.forking import undisturbed
from memory_core.journal.bodies import media_of
from memory_core.journal.durable import sync
from memory_core.journal.sql import rows
from memory_core.media import MAX_MEDIA_BYTES, Attachment, Media, MediaKind, examine, opened

DIRECTORY = "media"
FACET = "\x00media"
"""Names the rows of `facets` that hold a digest; metadata cannot have that name."""
PATIENCE = 10.0
"""Seconds that a sweep waits for those who add."""
_PIECE = 1 << 20
_PART = ".part-"

Keep = Callable[[Attachment, MediaKind], Media]


class MediaFiles:
    """The files of one namespace; thread-safe, shared by processes."""

    def __init__(self, home: Path, uid: bytes) -> None:
        self.place = home / DIRECTORY / uid.hex()
        self._lock = self.place.with_name(f"{self.place.name}.lock")

    @contextmanager
    def adding(self) -> Iterator[Keep]:
        """Lend what keeps files, for as long as the commit takes that speaks of them.

        Raises:
            NotStored: the disk does not take them.
        """
        with undisturbed():
            try:
                self.place.mkdir(parents=True, exist_ok=True, mode=0o700)
                handle = self._opened()
                mark = self.place.with_name(f"{self.place.name}.new-{secrets.token_hex(8)}")
            except OSError as error:
                raise _refused(self.place, error) from error
            try:
                fcntl.flock(handle, fcntl.LOCK_SH)
                self.place.mkdir(exist_ok=True, mode=0o700)  # a sweep may have been first
                mark.touch(mode=0o600)
                yield self._keep
                mark.unlink()  # where the block failed, it stays and a sweep is due
            finally:
                os.close(handle)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the files from being swept for a block."""
        try:
            handle = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # nothing was ever added
            yield
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield
        finally:
            os.close(handle)

    def sweep(self, kept: Callable[[], set[str]], patience: float = PATIENCE) -> int:
        """Remove the files that no entry speaks of; return how many.

        Args:
            kept: the digests that entries speak of, asked when nobody adds.
            patience: seconds to wait for those who add.

        Raises:
            StoreBusy: somebody still adds.
            OSError: a file cannot be removed.
        """
        if not self.place.exists():
            return 0
        with undisturbed(), self._alone(patience):
            digests = kept()
            doomed = [path for path in self._files() if _digest(path) not in digests]
            for path in doomed:
                path.unlink(missing_ok=True)
            if doomed:
                sync(self.place)
            for mark in self._marks():
                mark.unlink(missing_ok=True)
        return len([path for path in doomed if _PART not in path.name])

    @property
    def due(self) -> bool:
        """Whether somebody adds, or did when a process ended."""
        return next(self._marks(), None) is not None

    def read(self, media: Media) -> bytes:
        """Return a file's bytes, compared with its digest.

        Raises:
            NotFound: it is not there.
            StoreDamaged: it is not what was stored.
        """
        path = self.place / media.name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise NotFound(f"{path} cannot be read ({error}); restore a backup") from error
        if hashlib.sha256(content).hexdigest() != media.digest:
            raise StoreDamaged(f"{path} is not what was stored; restore a backup")
        return content

    def stray(self, kept: set[str]) -> int:
        """Return how many bytes the files have that no entry speaks of."""
        return sum(path.stat().st_size for path in self._files() if _digest(path) not in kept)

    def faults(self, wanted: Sequence[Media]) -> list[str]:
        """Return which of the files are missing or damaged; all of them are read."""
        found = []
        for media in wanted:
            try:
                self.read(media)
            except (NotFound, StoreDamaged) as error:
                found.append(str(error))
        return found

    def _keep(self, attachment: Attachment, kind: MediaKind) -> Media:
        if isinstance(attachment, Media):
            self.read(attachment)
            return attachment
        part = self.place / f"{_PART}{secrets.token_hex(8)}"
        try:
            media = self._written(attachment, kind, part)
            os.replace(part, self.place / media.name)
            sync(self.place)
        except OSError as error:
            raise _refused(self.place, error) from error
        finally:
            part.unlink(missing_ok=True)
        sync(self.place.parent)
        return media

    def _written(self, attachment: Path | bytes, kind: MediaKind, part: Path) -> Media:
        source = BytesIO(attachment) if isinstance(attachment, bytes) else opened(attachment, kind)
        hashed, size = hashlib.sha256(), 0
        with source, open(part, "xb+", opener=_private) as target:
            while size <= MAX_MEDIA_BYTES and (piece := source.read(_PIECE)):
                target.write(piece)
                hashed.update(piece)
                size += len(piece)
            target.flush()
            os.fsync(target.fileno())

            def read(start: int, most: int) -> bytes:
                target.seek(start)
                return target.read(most)

            return Media(digest=hashed.hexdigest(), type=examine(read, size, kind), size=size)

    def _files(self) -> Iterator[Path]:
        try:
            yield from sorted(self.place.iterdir())
        except FileNotFoundError:
            return

    def _marks(self) -> Iterator[Path]:
        return self.place.parent.glob(f"{self.place.name}.new-*")

    def _opened(self) -> int:
        return os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def _alone(self, patience: float) -> Iterator[None]:
        until = time.monotonic() + patience
        handle = self._opened()
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() >= until:
                        raise StoreBusy(
                            f"{self.place} is being added to; the next opening sweeps it"
                        ) from error
                    time.sleep(0.01)
            yield
        finally:
            os.close(handle)


def digests(connection: apsw.Connection, ns_id: int) -> set[str]:
    """Return the digests of all files that entries of a namespace speak of."""
    found = rows(
        connection,
        "SELECT DISTINCT value FROM facets WHERE ns_id = ? AND name = ?",
        (ns_id, FACET),
    )
    return {row[0] for row in found}


def media_in(connection: apsw.Connection, ns_id: int, docs: list[int] | None = None) -> list[Media]:
    """Return the files that entries speak of, each once; of those entries, of all when None."""
    found = rows(
        connection,
        "SELECT f.facet, c.body FROM facets f JOIN content c ON c.id = (f.ns_id << 40) | f.facet"
        " WHERE f.ns_id = ? AND f.name = ? ORDER BY f.facet",
        (ns_id, FACET),
    )
    every = [media_of(body) for doc, body in found if docs is None or doc in docs]
    return list({media.digest: media for media in every if media is not None}.values())


def holders(connection: apsw.Connection, ns_id: int, digest: str) -> list[int]:
    """Return the memories that keep a file, in one version or another."""
    found = rows(
        connection,
        "SELECT DISTINCT m.number FROM facets f JOIN memories m ON m.ns_id = f.ns_id"
        " AND m.version = f.facet WHERE f.ns_id = ? AND f.name = ? AND f.value = ? ORDER BY 1",
        (ns_id, FACET, digest),
    )
    return [row[0] for row in found]


def note(connection: apsw.Connection, ns_id: int, entry: int, media: Media) -> None:
    """Note that an entry speaks of a file, in the transaction that writes it."""
    connection.execute(
        "INSERT OR IGNORE INTO facets VALUES (?, ?, ?, ?)", (ns_id, FACET, media.digest, entry)
    )


def copy_file(source: MediaFiles, target: MediaFiles, media: Media) -> None:
    """Copy a file into another store, durable, compared with its digest.

    Raises:
        NotFound, StoreDamaged: it is not there, or not what was stored.
    """
    content = source.read(media)
    target.place.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.place.parent.chmod(0o700)
    path = target.place / media.name
    with open(path, "wb", opener=_private) as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    sync(target.place)
    sync(target.place.parent)


def _digest(path: Path) -> str:
    return path.name.partition(".")[0]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _refused(place: Path, error: OSError) -> NotStored:
    told = error.strerror or str(error)
    return NotStored(f"nothing was written to {place}: {told}; free space or check the disk")
