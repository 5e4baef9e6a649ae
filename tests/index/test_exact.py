"""Rows for exact scan: mapped from a shared file, checked, healed, and in RAM where need be."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from memory_core.index import exact
from memory_core.index.exact import ExactRows
from memory_core.index.owner import Lease
from memory_core.index.place import Place, lock_of
from memory_core.journal.vectors import VectorTable
from memory_core.manager import MemoryManager
from tests.index.world import KnownVectors, fill, found, opened, path_of


@pytest.fixture
def memory(tmp_path: Path):
    with opened(tmp_path / "home", 300, index="exact") as made:
        yield made


def parts_of(memory: MemoryManager) -> tuple[VectorTable, Place]:
    digest = memory.parts.embedder.fingerprint.digest
    journal = memory.journal
    return journal.vectors(digest), Place.of(journal.home, journal.identity, digest, "cosine")


def rows_of(memory: MemoryManager, *, writable: bool = True) -> ExactRows:
    return ExactRows(*parts_of(memory), writable=writable)


def assert_equal_to_journal(rows: ExactRows, memory: MemoryManager) -> None:
    table, _ = parts_of(memory)
    current = rows.current()
    assert np.array_equal(current.matrix, table.read(0, table.count()))
    assert np.array_equal(current.docs, table.spans().doc)
    live = np.flatnonzero(current.docs >= 0)
    assert current.of(current.docs[live]).tolist() == live.tolist()
    assert current.texts == len(live)


def test_rows_are_mapped_and_shared(memory: MemoryManager) -> None:
    first, second = rows_of(memory), rows_of(memory)
    for rows in (first, second):
        assert_equal_to_journal(rows, memory)
        assert rows.path == "mapped"
    fill(memory, 320)
    assert_equal_to_journal(second, memory)
    assert_equal_to_journal(first, memory)
    first.close()
    second.close()


def test_files_are_private(memory: MemoryManager) -> None:
    rows = rows_of(memory)
    rows.current()
    _, place = parts_of(memory)
    assert place.directory.stat().st_mode & 0o777 == 0o700
    assert [p.stat().st_mode & 0o777 for p in place.directory.iterdir()] == [0o600] * 2
    rows.close()


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(bytes(data))


DAMAGE = {
    "header": lambda path: flip(path, 3),
    "dimension": lambda path: flip(path, 13),
    "identity": lambda path: flip(path, 33),
    "count": lambda path: flip(path, 65),
    "row": lambda path: flip(path, 4096 + 128 * 7 + 5),
    "span": lambda path: flip(path, 4096 + 128 * 7 + 97),
    "checksum": lambda path: flip(path, 4096 + 128 * 7 + 121),
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_file_is_replaced(memory: MemoryManager, how: str) -> None:
    rows = rows_of(memory)
    rows.current()
    rows.close()
    _, place = parts_of(memory)
    before = place.scan.read_bytes()
    DAMAGE[how](place.scan)
    again = rows_of(memory)
    assert_equal_to_journal(again, memory)
    assert again.path == "mapped"
    assert place.scan.read_bytes() == before
    assert len(place.quarantines()) == (how != "gone")
    again.close()


def test_another_namespaces_file_is_not_believed(memory: MemoryManager) -> None:
    _, place = parts_of(memory)
    with opened(memory.journal.home, namespace="other", index="exact") as other:
        other.store("text 999")
        other.parts.catchup.drain()
        theirs = rows_of(other)
        theirs.current()
        theirs.close()
        shutil.copy(parts_of(other)[1].scan, place.scan)
    rows = rows_of(memory)
    assert_equal_to_journal(rows, memory)
    rows.close()


def test_a_restored_backup_with_another_future_is_noticed(tmp_path: Path) -> None:
    home, backup = tmp_path / "home", tmp_path / "backup"
    with opened(home, 50, index="exact"):
        pass
    shutil.copytree(home, backup)
    with opened(home, 60, index="exact") as memory:
        memory.recall("text 3")
    shutil.copy(backup / "journal.db", home / "journal.db")
    for leftover in ("journal.db-wal", "journal.db-shm"):
        (home / leftover).unlink(missing_ok=True)
    with opened(home, index="exact") as memory:
        memory.store_many([f"text {n}" for n in range(500, 512)])
        memory.parts.catchup.drain()
        rows = rows_of(memory)
        assert_equal_to_journal(rows, memory)
        rows.close()


def test_erasure_replaces_the_file(memory: MemoryManager) -> None:
    rows = rows_of(memory)
    rows.current()
    _, place = parts_of(memory)
    gone = memory.recall("text 7", k=1).hits[0].memory
    vector = memory.parts.embedder.encode_query(gone.text).tobytes()
    assert vector in place.scan.read_bytes()
    place.set_aside(place.scan, "a test", keep=True)
    assert memory.erase(gone.id).residue == 0
    assert place.quarantines() == []
    assert_equal_to_journal(rows, memory)
    assert vector not in place.scan.read_bytes()
    rows.close()


def test_growing_reads_only_the_new_rows(
    memory: MemoryManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    for writable in (True, False):
        rows = rows_of(memory, writable=writable)
        rows.current()
        fill(memory, memory.journal.head.seq + 3)
        rows.current()  # without the right to write, this moves the rows to RAM, once
        read: list[int] = []
        real = VectorTable.read
        monkeypatch.setattr(
            VectorTable, "read", lambda *a, r=real, n=read: (n.append(a[2] - a[1]), r(*a))[1]
        )
        fill(memory, memory.journal.head.seq + 3)
        rows.current()
        monkeypatch.undo()
        assert sum(read) <= 4
        rows.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_reads_on(memory: MemoryManager) -> None:
    memory.recall("text 3")
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if memory.recall("text 5", k=1).hits[0].memory.text == "text 5" else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_without_space_rows_are_kept_in_ram(tmp_path: Path) -> None:
    """A file-size limit stands for a full disk: the write of a row fails."""
    code = """
import resource, signal, sys
from pathlib import Path
from tests.index.world import opened, found
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with opened(Path(sys.argv[1]), index="exact") as memory:
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    print(found(memory, "text 11", k=1), memory.parts.derived.rows.path)
"""
    with opened(tmp_path, 300, index="exact"):
        pass
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stdout == "['text 11'] ram\n", done.stderr


def test_a_model_registered_by_another_process_is_seen(tmp_path: Path) -> None:
    with opened(tmp_path, index="exact") as first, opened(tmp_path, index="exact") as second:
        fill(second, 5)
        assert first.recall("text 3", k=1).hits[0].signals["dense"] == pytest.approx(1)


def test_the_vectors_are_what_the_embedder_gave(memory: MemoryManager) -> None:
    rows = rows_of(memory)
    expected = KnownVectors().encode_documents([f"text {n}" for n in range(300)])
    assert np.array_equal(rows.current().matrix, expected)
    rows.close()


def test_a_deadline_is_kept_while_another_process_has_the_file(
    memory: MemoryManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "PATIENCE", 120.0)
    _, place = parts_of(memory)
    place.prepare()
    other = Lease(lock_of(place.scan))
    other.acquire()
    try:
        begun = time.monotonic()
        result = memory.recall("text 7", k=3, deadline_ms=100)
        assert time.monotonic() - begun < exact.PATIENCE / 2
    finally:
        other.release()
    assert "not_read" in [note.code for note in result.notes]
    assert result.status == "degraded"
    assert result.hits[0].memory.text == "text 7"  # by its words
    assert found(memory, "text 7", k=1) == ["text 7"]
    assert path_of(memory).startswith("exact scan over 300")


def test_what_is_known_serves_until_the_newer_rows_are_read(memory: MemoryManager) -> None:
    rows = rows_of(memory)
    assert rows.by(time.monotonic() + 60)[1] == 0
    fill(memory, 320)
    _, place = parts_of(memory)
    other = Lease(lock_of(place.scan))
    other.acquire()
    known, missing = rows.by(time.monotonic())
    other.release()
    assert (len(known), missing) == (300, 20)
    assert_equal_to_journal(rows, memory)
    assert [len(rows.by(time.monotonic())[0]), rows.by(time.monotonic())[1]] == [320, 0]
    rows.close()
