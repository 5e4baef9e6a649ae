"""Erasure reaches what was derived, goes by subject and session, and survives a restore."""

from pathlib import Path

import pytest

from memory_core import open_memory
from memory_core.errors import InvalidInput, NotFound, StoreDamaged
from memory_core.journal.copying import Copy, note_copy
from memory_core.lifecycle.anchor import anchor, anchor_faults
from memory_core.lifecycle.backup import backup, drill, restore
from memory_core.lifecycle.checking import deep_faults
from memory_core.lifecycle.erasing import doomed_ids, erase_namespace, erase_where
from memory_core.testing import temporary_memory


def holds(place: Path, word: str) -> list[str]:
    return [
        path.name
        for path in place.rglob("*")
        if path.is_file() and word.encode() in path.read_bytes()
    ]


def test_what_was_derived_goes_with_its_source() -> None:
    with temporary_memory() as memory:
        source = memory.store("Ana keeps zqxj under the stairs")
        other = memory.store("Bob keeps nothing")
        summary = memory.store("Somebody keeps zqxj", source="derived")
        deeper = memory.store("zqxj exists", source="derived")
        memory.link(summary.id, source.id, "derived_from")
        memory.link(summary.id, other.id, "derived_from")
        memory.link(deeper.id, summary.id, "derived_from")
        receipt = memory.erase(source.id)
        assert receipt.derived == (summary.id, deeper.id)
        assert receipt.residue == 0
        assert [one.id for one in memory.list()] == [other.id]
        assert memory.journal.verify() == []
        assert memory.journal.rebuild()
        assert [one.id for one in memory.list()] == [other.id]


def test_erasure_by_subject_session_and_namespace(tmp_path: Path) -> None:
    with (
        open_memory(tmp_path, embedder="hash:32") as memory,
        open_memory(tmp_path, namespace="bob", embedder="hash:32") as neighbour,
    ):
        kept = neighbour.store("Ana is my neighbour", subject="Ana")
        first = memory.store("Ana lives here", subject="Ana", session="s1")
        memory.revise(first.id, subject="Eve")  # it was about Ana once
        second = memory.store("Ana sings", subject="Ana", session="s2")
        third = memory.store("The lamp is green", session="s1")
        fourth = memory.store("Rain again", session="s3")
        assert set(doomed_ids(memory, {"subject": "Ana"})) == {first.id, second.id}
        gone = erase_where(memory, {"subject": "Ana"})
        assert {receipt.id for receipt in gone} == {first.id, second.id}
        memory.recall("which lamp", session="s1")
        erase_where(memory, {"session": "s1"})
        assert memory.parts.recorder is not None
        assert memory.parts.recorder.list() == []  # type: ignore[attr-defined]
        with pytest.raises(NotFound):
            memory.get(third.id)
        with pytest.raises(InvalidInput, match="erase_namespace"):
            erase_where(memory, {})
        assert [receipt.id for receipt in erase_namespace(memory)] == [fourth.id]
        assert memory.list() == ()
        assert neighbour.list()[0].id == kept.id
        assert memory.journal.verify() == []


def test_an_export_that_is_still_there_is_named(tmp_path: Path) -> None:
    with temporary_memory() as memory:
        gone = memory.store("The combination is 7341")
        for name, uid in (("ours", memory.journal.identity.uid.hex()), ("foreign", "ff")):
            (tmp_path / name).write_text("x")
            note_copy(memory.journal.database, Copy(tmp_path / name, 1, uid))
        notes = " ".join(memory.erase(gone.id).notes)
        assert str(tmp_path / "ours") in notes
        assert "foreign" not in notes


def test_a_restore_leaves_out_what_was_erased_since(tmp_path: Path) -> None:
    home, place = tmp_path / "home", tmp_path / "backup"
    with open_memory(home, embedder="hash:32") as memory:
        gone = memory.store("The combination is zqxjvk", key="k")
        kept = memory.store("The lamp is green")
        memory.parts.catchup.drain()
        done = backup(memory, place)
        assert done.heads == {"default": 2}
        assert holds(place, "zqxjvk")
        memory.store("later")
        assert any(str(place) in note for note in memory.erase(gone.id).notes)
        assert memory.journal.verify() == []
    result = restore(place, tmp_path / "new")
    assert result.left_out == 1
    with open_memory(tmp_path / "new", embedder="hash:32") as again:
        assert [one.id for one in again.list()] == [kept.id]
        assert again.recall("The combination").hits[0].id == kept.id
        assert again.journal.verify() == []
        assert deep_faults(again) == []
        assert not again.outcome("k").stored
    assert holds(tmp_path / "new", "zqxjvk") == []
    (place / "erased.jsonl").unlink()
    assert restore(place, tmp_path / "newer", ledgers=[home]).left_out == 1


def test_a_restore_goes_back_to_an_entry(tmp_path: Path) -> None:
    with open_memory(tmp_path / "home", embedder="hash:32") as memory:
        first = memory.store("The lamp is green")
        gone = memory.store("The combination is zqxjvk")
        memory.revise(first.id, text="The lamp is blue")
        memory.store("Too much")
        memory.parts.catchup.drain()
        memory.erase(gone.id)
        then = memory.recall("lamp", known_at=memory.history(first.id)[1].at).hits[0].memory.text
        backup(memory, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "new", until={"default": 3})
    with open_memory(tmp_path / "new", embedder="hash:32") as again:
        assert [one.text for one in again.list()] == ["The lamp is blue"] == [then]
        assert again.journal.head.seq == 4  # the erasure is said again
        assert again.journal.verify() == []
        assert deep_faults(again) == []
        again.store("Life goes on")
        assert again.recall("goes on life").hits[0].memory.text == "Life goes on"
    with pytest.raises(InvalidInput, match="has a store already"):
        restore(tmp_path / "backup", tmp_path / "new")
    with pytest.raises(InvalidInput, match=r"not in 0\.\.5"):
        restore(tmp_path / "backup", tmp_path / "x", until={"default": 99})


def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    with temporary_memory() as memory:
        memory.store("a b c")
        backup(memory, tmp_path / "backup")
        with pytest.raises(InvalidInput, match="there already"):
            backup(memory, tmp_path / "backup")
    assert drill(tmp_path / "backup").heads == {"default": 1}
    file = tmp_path / "backup" / "journal.db"
    damaged = bytearray(file.read_bytes())
    damaged[-100] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(StoreDamaged, match="manifest"):
        drill(tmp_path / "backup")
    (tmp_path / "backup" / "manifest.json").unlink()
    with pytest.raises(InvalidInput, match="no whole backup"):
        drill(tmp_path / "backup")


def test_an_anchor_knows_a_chain_that_was_cut_or_rewritten(tmp_path: Path) -> None:
    key, file = b"0123456789abcdef", tmp_path / "heads.jsonl"
    with open_memory(tmp_path / "home", embedder="hash:32") as memory:
        for n in range(3):
            memory.store(f"note {n}")
            anchor(memory, file, key)
        assert anchor_faults(memory, file, key) == []
        backup(memory, tmp_path / "backup")
        with pytest.raises(InvalidInput, match="the key is another"):
            anchor_faults(memory, file, b"another key of 16")
    restore(tmp_path / "backup", tmp_path / "cut", until={"default": 2})
    with open_memory(tmp_path / "cut", embedder="hash:32") as shorter:
        assert shorter.journal.verify() == []
        assert "it once had 3" in anchor_faults(shorter, file, key)[0]
        shorter.store("another note 2")
        assert "was rewritten" in anchor_faults(shorter, file, key)[0]
        lines = file.read_text().splitlines()
        file.write_text("\n".join([lines[0], lines[2]]) + "\n")
        with pytest.raises(InvalidInput, match="was changed"):
            anchor_faults(shorter, file, key)


def test_a_deep_look_finds_a_changed_projection(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash:32") as memory:
        memory.store("The lamp is green")
        assert deep_faults(memory) == []
        with memory.journal.database.write() as connection:
            connection.execute("UPDATE memories SET trust = 3")
        assert memory.journal.verify() == []
        assert "memory rebuild" in deep_faults(memory)[0]
        memory.journal.rebuild()
        assert deep_faults(memory) == []
