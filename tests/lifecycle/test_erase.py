"""Erasure: what it leaves, what its receipt tells of others, how a crash inside it ends."""

import shutil
import threading
from pathlib import Path

import pytest

from memory_core import open_memory
from memory_core.errors import NotFound, NotStored
from memory_core.journal import database, erase, waiting
from memory_core.journal.database import Database
from memory_core.journal.erase import live_values
from memory_core.lifecycle import erase as lifecycle_erase
from memory_core.lifecycle import search
from memory_core.lifecycle.erase import faults_of
from memory_core.lifecycle.residue import count_in_files


def occurrences(home: Path, word: str) -> int:
    found = count_in_files(home, [word.encode()])
    return sum(count for counts in found.values() for count, _ in counts)


def test_rows_that_moved_leave_no_stale_copy(tmp_path: Path) -> None:
    words = [f"{n * 7919 % 1000:03}zqxv{n}x" for n in range(600)]  # in no order: pages are split
    needles = [word.encode() for word in words]
    with open_memory(tmp_path, embedder="hash", recordings=False) as memory:
        report = memory.store_many(
            {"text": f"note {n} {word}", "key": word, "metadata": {word: word * (n % 9 + 1)}}
            for n, word in enumerate(words)
        )
        memory.journal.database.checkpoint()
        with memory.journal.database.read() as connection:
            live = b"\0".join(live_values(connection))
        (counts,) = count_in_files(tmp_path, needles).values()
        stale = [n for n in range(600) if counts[n][0] > live.count(needles[n])]
        assert stale, "no page was split: this test shows nothing"
        for number in stale[:5]:
            memory.erase(report.stored[number].id)
            assert not occurrences(tmp_path, words[number])


def test_a_receipt_tells_nothing_about_other_namespaces(tmp_path: Path) -> None:
    text = 'The "blue" envelope is behind the boiler'
    with (
        open_memory(tmp_path, namespace="ana", embedder="hash") as ana,
        open_memory(tmp_path, namespace="bob", embedder="hash") as bob,
    ):
        kept = ana.store(text)
        ana.recall("envelope")
        receipt = bob.erase(bob.store(text).id)
        assert (receipt.residue, receipt.same_text) == (0, ())
        assert ana.get(kept.id).text == text


def test_a_longer_live_text_is_no_residue(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        memory.store("I like green tea and coffee")
        assert memory.erase(memory.store("I like green tea").id).residue == 0


def test_a_copy_beside_the_store_is_residue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle_erase, "SETTLING", 0.2)
    with open_memory(tmp_path, embedder="hash") as memory:
        gone = memory.store("The combination is 7341 to the left")
        memory.journal.database.checkpoint()
        shutil.copy(tmp_path / "journal.db", tmp_path / "copy.db")
        assert memory.erase(gone.id).residue > 0


def test_what_goes_while_an_index_is_built_anew_is_no_residue(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        gone = memory.store("The combination is 7341 to the left")
        built = tmp_path / "being-built"
        built.write_bytes(b"rows: The combination is 7341 to the left")
        blanking = threading.Timer(0.5, built.unlink)
        blanking.start()
        receipt = memory.erase(gone.id)
        blanking.join()
    assert receipt.residue == 0


def test_opening_finishes_what_a_crash_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(BaseException):
        pass

    def crash(self: Database) -> None:
        raise Crash

    memory = open_memory(tmp_path, embedder="hash")
    gone = memory.store("The combination is zqxjvk")
    with monkeypatch.context() as patch:
        patch.setattr(Database, "scrub", crash)
        with pytest.raises(Crash):
            memory.erase(gone.id)
    assert occurrences(tmp_path, "zqxjvk")
    with open_memory(tmp_path, embedder="hash") as again:
        assert not occurrences(tmp_path, "zqxjvk")
        assert again.list() == ()
    memory.close()


def test_a_receipt_is_borne_out_or_refused(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        receipt = memory.erase(memory.store("a b c").id)
        assert faults_of(memory.journal, receipt) == []
        forged = receipt.model_copy(update={"versions": 9})
        assert faults_of(memory.journal, forged) == [
            "versions is 9 in the receipt and 1 in the chain"
        ]


def test_recordings_made_before_they_were_turned_off_are_redacted(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        gone = memory.store("The spare key lies under the blue pot")
        memory.recall("where is the spare key")
    with open_memory(tmp_path, embedder="hash", recordings=False) as memory:
        assert memory.erase(gone.id).recordings == 1
    with open_memory(tmp_path, embedder="hash") as memory:
        assert memory.parts.recorder is not None
        assert memory.parts.recorder.list() == []


def test_a_damaged_recordings_file_stops_neither_erasure_nor_closing(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        gone = memory.store("The spare key lies under the blue pot")
        memory.recall("spare key")
    (tmp_path / "recordings.db").write_bytes(b"no database at all" * 500)
    with open_memory(tmp_path, embedder="hash") as memory:
        memory.recall("spare key")
        assert memory.erase(gone.id).residue == 0


def test_what_another_process_had_queued_is_not_written_after_an_erasure(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as other:
        gone = other.store("The spare key lies under the blue pot")
        other.recall("The spare key lies under the blue pot")  # queued, not written yet
        with open_memory(tmp_path, embedder="hash") as memory:
            assert memory.erase(gone.id).residue == 0
    assert not occurrences(tmp_path, "blue pot")
    with open_memory(tmp_path, embedder="hash") as memory:
        assert memory.parts.recorder is not None
        assert memory.parts.recorder.list() == []


def test_a_search_that_fails_loses_no_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        gone = memory.store("the gate code is 4471 xyzzy")
        with monkeypatch.context() as patch:
            patch.setattr(search, "__file__", str(tmp_path / "no such program"))
            receipt = memory.erase(gone.id)
        assert receipt.residue is None
        assert "opening the store does it" in receipt.notes[0]
        assert faults_of(memory.journal, receipt) == []
        with pytest.raises(NotFound):
            memory.get(gone.id)
        ns_id = memory.journal.identity.ns_id
        with memory.journal.database.read() as connection:
            assert list(erase.unclean(connection, ns_id)) == [receipt.entry]
    with open_memory(tmp_path, embedder="hash") as memory:
        with memory.journal.database.read() as connection:
            assert not erase.unclean(connection, ns_id)
        assert memory.erase(memory.store("another text").id).residue == 0


def test_a_store_opens_although_an_erasure_cannot_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object) -> None:
        raise NotStored("the disk is full; free space")

    with open_memory(tmp_path, embedder="hash") as memory:
        kept, gone = memory.store("a fern by the door"), memory.store("the gate code is 4471")
        monkeypatch.setattr(database.Database, "scrub", full)
        assert memory.erase(gone.id).residue is None
    with open_memory(tmp_path, embedder="hash") as memory:
        assert memory.recall("fern", k=1).hits[0].id == kept.id
        monkeypatch.undo()
    with (
        open_memory(tmp_path, embedder="hash") as memory,
        memory.journal.database.read() as connection,
    ):
        assert not erase.unclean(connection, memory.journal.identity.ns_id)


def test_a_store_that_is_busy_after_an_erasure_loses_no_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 0.05)
    with open_memory(tmp_path, embedder="hash", index="exact") as memory:
        gone = memory.store("the gate code is 4471 xyzzy")
        with memory.journal.database.read() as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM memories").fetchall()  # reads an old state
            receipt = memory.erase(gone.id)
            reader.execute("COMMIT")
        assert receipt.residue is None
        assert "locked" in receipt.notes[0]
    with open_memory(tmp_path, embedder="hash", index="exact") as memory:
        assert memory.journal.verify() == []
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and b"xyzzy" in p.read_bytes()]
