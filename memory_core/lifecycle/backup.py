"""Backup while others write, restore into a new home, restore as of an entry, and the drill.

    <backup>/journal.db      one consistent state, rewritten; recordings and derived files stay out
    <backup>/media/          the images and sounds that it speaks of
    <backup>/manifest.json   when, which schema, the heads of the chains, the file's SHA-256
    <backup>/erased.jsonl    what was erased since, told by every erasure while the backup is there

A backup appears under its name only when it is whole and fsynced. What was written after it is not
in it: the most that is lost is what was stored since the last backup. A restore leaves out what its
ledgers say was erased, verifies every chain, and touches no store that is there.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from memory_core.errors import InvalidInput, StoreDamaged, StoreTooNew
from memory_core.journal import copying, erase
from memory_core.journal.copying import Copy, Erasure
from memory_core.journal.database import Database
from memory_core.journal.durable import sync
from memory_core.journal.entries import Head
from memory_core.journal.events import REMOVALS, Erased, Event
from memory_core.journal.journal import Journal, Pending
from memory_core.journal.media import DIRECTORY
from memory_core.journal.schema import SCHEMA_VERSION
from memory_core.journal.temporary import temporary
from memory_core.lifecycle import ledger
from memory_core.lifecycle.media import copy_media, media_held
from memory_core.manager import MemoryManager

FILE, MANIFEST = "journal.db", "manifest.json"
FORMAT, WITH_MEDIA = 1, 2
"""Of a backup without and with media, which a version before them would leave out."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was written."""

    path: Path
    seconds: float
    bytes: int
    heads: Mapping[str, int]
    """By namespace: the newest entry in it."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A store that was restored and verified."""

    home: Path
    heads: Mapping[str, int]
    left_out: int
    """Memories that had been erased since and were erased again."""
    seconds: float


def backup(manager: MemoryManager, destination: str | Path) -> Backup:
    """Write a backup of the whole store, all namespaces, while it is in use.

    Args:
        manager: of any namespace of the store.
        destination: a new directory.

    Raises:
        InvalidInput: it is there already, or cannot be written.
    """
    begun = time.monotonic()
    place = Path(destination).expanduser().absolute()
    if os.path.lexists(place):
        raise InvalidInput(f"{place} is there already; name a new directory")
    database = manager.journal.database
    try:
        with temporary(place.parent, f"{place.name}.part") as part:
            with media_held(database):
                copying.copy_into(database, part / FILE)
                heads = _heads(part / FILE)
                size = copy_media(part / FILE, database.path.parent, part)
            size += (part / FILE).stat().st_size
            _write_manifest(part, heads, manager.parts.clock())
            _settle(part)
            os.replace(part, place)
            sync(place.parent)
    except OSError as error:
        raise InvalidInput(
            f"{place} cannot be written ({error.strerror or error}); name another place"
        ) from error
    if not database.readonly:
        copying.note_copy(database, Copy(place, manager.parts.clock()))
    return Backup(place, time.monotonic() - begun, size, heads)


def restore(
    source: str | Path,
    home: str | Path,
    *,
    ledgers: Iterable[str | Path] = (),
    until: Mapping[str, int] | None = None,
    clock: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> Restored:
    """Restore a backup into a home that has no store yet, and verify it.

    Args:
        source: a backup's directory.
        home: where to; made if it is not there.
        ledgers: more lists of erasures: ledger files, backups, or the home of the store that the
            backup was taken from.
        until: by namespace, the entry to go back to; what came later is left out.
        clock: the time that repeated erasures are dated with.

    Raises:
        InvalidInput: no backup is there, the home has a store, or an entry is out of range.
        StoreDamaged: the backup is not what its manifest says, or a chain does not verify.
        StoreTooNew: written by a newer version.
    """
    begun = time.monotonic()
    place, target = Path(source).expanduser(), Path(home).expanduser()
    manifest = _checked(place)
    if (target / FILE).exists():
        raise InvalidInput(f"{target} has a store already; name another home, or move it away")
    if unknown := set(until or {}) - set(manifest["heads"]):
        raise InvalidInput(
            f"no namespace {', '.join(sorted(unknown))} in {place}; see its manifest"
        )
    for name, seq in (until or {}).items():
        if not 0 <= seq <= manifest["heads"][name]:
            raise InvalidInput(
                f"entry {seq} of {name} is not in 0..{manifest['heads'][name]}; pass another"
            )
    erased = _known_erasures(place, ledgers)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    with temporary(target, "restoring") as work:
        file = work / FILE
        shutil.copyfile(place / FILE, file)
        file.chmod(0o600)
        if until:
            erased += _of_copy(file)  # what a later entry of the copy itself explains
            copying.cut(file, until)
        left_out = _erase_again(work, erased, clock)
        heads = _heads(file)
        copy_media(file, place, target)
        _settle(work)
        os.replace(file, target / FILE)
    sync(target)
    return Restored(target, heads, left_out, time.monotonic() - begun)


def drill(source: str | Path) -> Restored:
    """Restore a backup into a temporary place, verify it, and throw it away.

    Raises:
        InvalidInput, StoreDamaged, StoreTooNew: as `restore` does.
    """
    with temporary(Path(tempfile.gettempdir()), "memory-drill") as place:
        return restore(source, place / "home")


def _known_erasures(place: Path, ledgers: Iterable[str | Path]) -> list[Erasure]:
    sources = [Path(one).expanduser() for one in ledgers]
    if (place / ledger.NAME).exists():
        sources.append(place / ledger.NAME)
    return list(dict.fromkeys(one for source in sources for one in ledger.read(source)))


def _of_copy(file: Path) -> list[Erasure]:
    database = Database(file)
    try:
        return copying.erasures(database)
    finally:
        database.close()


def _erase_again(home: Path, erased: Sequence[Erasure], clock: Callable[[], int]) -> int:
    """Erase what the ledgers name and the copy still has; return how many memories."""
    database = Database(home / FILE)
    names = {one.uid.hex(): one.name for one in copying.namespaces(database)}
    database.close()
    count = 0
    for uid, name in names.items():
        wanted = {one.number: one.entries for one in erased if one.uid == uid}
        if wanted:
            journal = Journal(home, name, clock=clock)
            try:
                count += _apply(journal, wanted)
                journal.database.scrub()
                erase.mark_clean(journal.database, journal.identity.ns_id, journal.last_erasure)
            finally:
                journal.close()
    return count


def _apply(journal: Journal, wanted: Mapping[int, tuple[int, ...]]) -> int:
    """Commit `Erased` for what is still there, or was cut away with the entry that explained it."""
    here = 0

    def decide(state: Pending, at: int) -> Sequence[Event]:
        nonlocal here
        known = {one.number for one in _own(journal)}
        events = []
        for number, entries in wanted.items():
            doomed = erase.doomed(state.connection, state.ns_id, number)
            bare = copying.entries_without_body(state.connection, state.ns_id, entries)
            if doomed.entries or (bare and number not in known):
                events.append(Erased(number, sorted({*doomed.entries, *bare})))
                here += bool(doomed.entries)
        return events

    journal.commit(decide)
    return here


def _own(journal: Journal) -> Iterable[Erased]:
    for entry in journal.entries(kinds=REMOVALS):
        if isinstance(event := entry.event, Erased):
            yield event


def _heads(file: Path) -> dict[str, int]:
    """Return the heads of a file's chains; every chain is verified.

    Raises:
        StoreDamaged: one does not verify.
    """
    heads: dict[str, int] = {}
    database = Database(file)
    names = [one.name for one in copying.namespaces(database)]
    database.close()
    for name in names:
        journal = Journal(file.parent, name, clock=lambda: 0)
        try:
            if faults := journal.verify():
                raise StoreDamaged(
                    f"{file}: namespace {name!r} does not verify ({faults[0]}); take another backup"
                )
            head: Head = journal.head
            heads[name] = head.seq
        finally:
            journal.close()
    return heads


def _write_manifest(place: Path, heads: Mapping[str, int], at: int) -> None:
    manifest = {
        "format": WITH_MEDIA if (place / DIRECTORY).exists() else FORMAT, "at": at,
        "schema": SCHEMA_VERSION, "heads": dict(heads), "sha256": _digest(place / FILE),
    }  # fmt: skip
    (place / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    (place / MANIFEST).chmod(0o600)


def _checked(place: Path) -> dict[str, dict[str, int]]:
    try:
        manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        wanted, version, schema = manifest["sha256"], manifest["format"], manifest["schema"]
        manifest["heads"] = {str(name): int(seq) for name, seq in manifest["heads"].items()}
        digest = _digest(place / FILE)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{place} is no whole backup ({type(error).__name__}: {error}); name a directory that "
            "memory backup wrote"
        ) from error
    if version > WITH_MEDIA or schema > SCHEMA_VERSION:
        raise StoreTooNew(f"{place} was written by a newer version; upgrade memory-core")
    if digest != wanted:
        raise StoreDamaged(f"{place / FILE} is not what its manifest says; take another backup")
    return {"heads": manifest["heads"]}


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _settle(place: Path) -> None:
    """Make a directory's files durable; SQLite's own side files are gone by then."""
    for file in place.iterdir():
        if file.name.endswith(("-wal", "-shm")):
            file.unlink()
        elif file.is_file():
            sync(file)
    sync(place)
