"""The embedded Chroma directory: taken on lease, believed only as marked, rebuilt by rename.

    lease → mark fits every file → Chroma opens → ids and self-searches fit → serves
    anything else: set aside, build in `<dir>.new` from the journal's vectors, mark, rename

What is on disk between a first write and the next clean close is not believed: Chroma does not
fsync, and a killed writer can leave a graph that answers wrongly without an error.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memory_core.errors import IndexUnavailable, StoreBusy
from memory_core.index import mark as marks
from memory_core.index.blank import HEADER, blank_unused
from memory_core.index.canary import live_rows, require_equal, require_self_search
from memory_core.index.chroma import BATCH, ChromaIndex, chroma_version
from memory_core.index.exact import Rows
from memory_core.index.mark import DATA, MARK, OPENING, Distrust, Mark
from memory_core.index.owner import Lease
from memory_core.index.place import GENERATION, Place, generation_of, lock_of, remove
from memory_core.metric import Metric

Stamp = dict[str, tuple[int, int]]


class Abandoned(Exception):
    """The work was given up: the memory closes, or something was erased meanwhile."""


@dataclass(frozen=True, slots=True)
class Work:
    """How a long job tells its progress and learns that it is to stop."""

    tell: Callable[[str], None]
    stop: Callable[[], bool]


class EmbeddedStore:
    """One namespace's Chroma directory; used by one thread."""

    def __init__(self, place: Place, metric: Metric) -> None:
        self._place = place
        self._metric: Metric = metric
        self._lease = Lease(lock_of(place.chroma))
        self._stamp: Stamp = {}
        self._marked = False
        self._blanked: dict[Path, int] = {}

    @property
    def limit(self) -> float:
        """Seconds a query may take."""
        return 2.0

    def open(self, rows: Rows, work: Work) -> tuple[ChromaIndex, int]:
        """Return a trusted index and its position, rebuilt where it was not to be trusted.

        Raises:
            StoreBusy: another process owns it.
            IndexUnavailable, OSError: it can be neither opened nor built.
            Abandoned: told to stop.
        """
        self._place.prepare()
        self._lease.acquire()
        remove(self._place.building)
        place = self._place.chroma
        if place.exists():
            work.tell("the Chroma index is being opened")
            try:
                return self._trusted(rows)
            except (Distrust, IndexUnavailable) as fault:
                keep = generation_of(place) == rows.generation
                self._place.set_aside(place, str(fault), keep=keep)
        self._build(rows, work)
        return self._trusted(rows)

    def before_write(self) -> None:
        """Take the mark away: from here on the files are not believed."""
        if self._marked:
            (self._place.chroma / MARK).unlink(missing_ok=True)
            self._marked = False

    def seal(self, rows: Rows, position: int) -> None:
        """Mark a directory that Chroma has closed cleanly, unless its mark still fits."""
        place = self._place.chroma
        if self._marked and _stamp(place) == self._stamp:
            return
        self.before_write()
        blank_unused(place / DATA)
        marks.write(place, self._place, self._mark(rows, position))

    def blank(self) -> None:
        """Blank what Chroma wrote of this process's memory; nothing is writing or asking."""
        data = self._place.chroma / DATA
        written = {path: path.stat().st_mtime_ns for path in data.rglob(HEADER)}
        if written != self._blanked:
            blank_unused(data)
            self._blanked = written

    def discard(self) -> None:
        """Remove the closed directory: it may hold what was erased."""
        remove(self._place.building)
        remove(self._place.chroma)

    def remake(self, rows: Rows, work: Work) -> None:
        """Build the index anew, whatever is there, and close it.

        Raises:
            StoreBusy: another process owns it.
        """
        self._place.prepare()
        self._lease.acquire()
        try:
            self.discard()
            index, position = self.open(rows, work)
            index.close()
            self.seal(rows, position)
        finally:
            self.release()

    def look(self, rows: Rows) -> str:
        """Say what is on disk, without opening it; for `doctor`."""
        place = self._place.chroma
        if not place.exists():
            return "not built"
        try:
            self._lease.acquire()
        except StoreBusy:
            return f"open in process {self._lease.holder()}"
        try:
            found = marks.read(place, self._place)
            if found != self._mark(rows, found.position):
                return _difference(found, self._mark(rows, found.position))
            return f"clean, {found.position:,} of {len(rows):,} vectors"
        except Distrust as fault:
            return str(fault)
        finally:
            self._lease.release()

    def release(self) -> None:
        """Let another process own the directory."""
        self._lease.release()

    def _trusted(self, rows: Rows) -> tuple[ChromaIndex, int]:
        place = self._place.chroma
        if generation_of(place) != rows.generation:
            raise Distrust("older than the last erasure")
        found = marks.read(place, self._place)
        if found != self._mark(rows, found.position):
            raise Distrust(_difference(found, self._mark(rows, found.position)))
        os.replace(place / MARK, place / OPENING)
        index = ChromaIndex.embedded(place / DATA, self._metric)
        try:
            require_equal(index, rows, found.position)
            require_self_search(index, rows, found.position, metric=self._metric)
            # Opening alone changes Chroma's files. A process that is killed while it only reads
            # must not cost a rebuild, so what is there now is what is believed.
            blank_unused(place / DATA)
            marks.write(place, self._place, found)
            remove(place / OPENING)
        except BaseException:
            index.close()
            raise
        self._marked, self._stamp = True, _stamp(place)
        return index, found.position

    def _build(self, rows: Rows, work: Work) -> None:
        building = self._place.building
        building.mkdir(mode=0o700)
        (building / GENERATION).write_text(str(rows.generation))
        (building / GENERATION).chmod(0o600)
        live = live_rows(rows, len(rows))
        (building / DATA).mkdir(mode=0o700)
        index = ChromaIndex.embedded(building / DATA, self._metric)
        try:
            for start in range(0, len(live), BATCH):
                work.tell(f"the Chroma index is being rebuilt ({start:,} of {len(live):,} vectors)")
                if work.stop():
                    raise Abandoned
                some = live[start : start + BATCH]
                index.add(some, rows.matrix[some])
            # Chroma writes its graph at the first query: have that behind us before the mark.
            require_self_search(index, rows, len(rows), metric=self._metric)
        except BaseException:
            index.close()
            remove(building)
            raise
        index.close()
        blank_unused(building / DATA)
        marks.write(building, self._place, self._mark(rows, len(rows)))
        os.replace(building, self._place.chroma)

    def _mark(self, rows: Rows, position: int) -> Mark:
        """Return what the mark must say if the index holds the rows below `position`."""
        last = b""
        if 0 < position <= len(rows):
            last = rows.matrix[position - 1].tobytes() + rows.spans[position - 1].tobytes()
        digest = hashlib.blake2b(last, key=self._place.salt, digest_size=16)
        return Mark(
            name=self._place.name,
            chromadb=chroma_version(),
            position=position if position <= len(rows) else -1,
            generation=rows.generation,
            last=digest.hexdigest(),
        )


def _difference(found: Mark, wanted: Mark) -> str:
    if found.name != wanted.name:
        return "of another namespace or model"
    if found.chromadb != wanted.chromadb:
        return f"written by chromadb {found.chromadb}"
    if found.generation != wanted.generation:
        return "older than the last erasure"
    return "of another history"


def _stamp(place: Path) -> Stamp:
    """Return size and modification time of the data files: whether Chroma wrote to them."""
    files = [path for path in (place / DATA).rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}
