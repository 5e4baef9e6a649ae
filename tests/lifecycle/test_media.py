"""Images and sounds: kept by content, carried by copies, removed by an erasure, never guessed."""

import io
import json
import os
import signal
import struct
import wave
import zlib
from pathlib import Path

import pytest

from memory_core import Draft, open_memory
from memory_core.errors import InvalidInput, InvalidMedia, KeyReused, NotFound, StoreDamaged
from memory_core.interchange.transfer import export_jsonl, import_records, surviving
from memory_core.lifecycle import erase as lifecycle_erase
from memory_core.lifecycle.backup import backup, restore
from memory_core.lifecycle.checking import deep_faults
from memory_core.lifecycle.media import content_of
from memory_core.media import MAX_MEDIA_BYTES
from memory_core.serve.api import OPERATIONS


def png(colour: bytes = b"\xff\0\0", side: int = 8) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = (b"\0" + colour * side) * side
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def wav(seconds: float = 0.1, rate: int = 8_000) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", "NONE"))
        file.writeframes(b"".join(struct.pack("<h", n % 997) for n in range(int(seconds * rate))))
    return stream.getvalue()


def files(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "media").rglob("*.*") if path.suffix != ".lock")


def test_a_file_is_kept_byte_for_byte_and_found_by_its_caption(tmp_path: Path) -> None:
    picture = tmp_path / "holiday.dat"  # the type is in the bytes, not in the name
    picture.write_bytes(png())
    with open_memory(tmp_path / "home", embedder="hash") as memory:
        stored = memory.store("the sunset over Lisbon", image=str(picture))
        sound = memory.store("the fado singer", audio=wav())
        picture.unlink()
        assert memory.get(stored.id) == stored and stored.media is not None
        assert (stored.media.type, stored.media.size) == ("image/png", len(png()))
        assert content_of(memory, stored.id) == png() and content_of(memory, sound.id) == wav()
        result = memory.recall("sunset Lisbon", k=1)
        assert result.hits[0].memory.media == stored.media
        shown = json.loads(result.context)
        assert shown["media"] == "image/png" and stored.media.digest.startswith(shown["digest"])
        later = memory.revise(stored.id, text="the sunrise over Lisbon")
        assert later.media == stored.media
        assert memory.journal.verify() == deep_faults(memory) == []
        memory.journal.rebuild()
        assert memory.get(stored.id).media == stored.media
    path = next((tmp_path / "home" / "media").rglob("*.png"))
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "empty"),
        (b"hello, I am a text", "no known type"),
        (png()[:-6], "cut short"),
        (wav(), "pass it as audio"),
        (png() + bytes(MAX_MEDIA_BYTES), "the limit is"),
        (Path("/nowhere/at/all.png"), "not there"),
        (Path("/dev/null"), "no regular file"),
        ("/etc/passwd", "a str"),
        (7, "int"),
    ],
)
def test_what_is_no_whole_image_is_refused_before_anything_is_written(
    tmp_path: Path, value: object, why: str
) -> None:
    with pytest.raises(InvalidMedia, match=why):
        Draft.of({"text": "x", "image": value})
    with open_memory(tmp_path, embedder="hash") as memory:
        report = memory.store_many([{"text": "a", "image": value}, "b"])
        assert [each.text for each in report.stored] == ["b"] and len(report.errors) == 1
        assert memory.journal.head.seq == 1 and not (tmp_path / "media").exists()


def test_a_file_alone_needs_a_model_that_takes_it(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        with pytest.raises(InvalidMedia, match="takes text only"):
            memory.store(image=png())
        with pytest.raises(InvalidInput, match="two memories"):
            memory.store("both", image=png(), audio=wav())
        with pytest.raises(InvalidInput, match="supersede"):
            memory.revise(memory.store("a", image=png()).id, image=png(b"\0\xff\0"))
        memory.store("b", image=png(), key="k")
        assert memory.store("b", image=png(), key="k").text == "b"
        with pytest.raises(KeyReused, match="another file"):
            memory.store("b", image=png(b"\0\xff\0"), key="k")
        assert len(files(tmp_path)) == 1  # the refused store left none behind


def test_an_erasure_takes_the_file_unless_somebody_else_keeps_it(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        first, second = (memory.store(text, image=png()) for text in ("one", "two"))
        assert len(files(tmp_path)) == 1
        receipt = memory.erase(first.id)
        assert (receipt.media, receipt.same_media, receipt.residue) == (0, (second.id,), 0)
        assert content_of(memory, second.id) == png()
        receipt = memory.erase(second.id)
        assert (receipt.media, receipt.same_media, receipt.residue) == (1, (), 0)
        assert files(tmp_path) == [] and memory.journal.verify() == []


def test_equal_files_of_two_namespaces_know_nothing_of_each_other(tmp_path: Path) -> None:
    with (
        open_memory(tmp_path, namespace="ana", embedder="hash") as ana,
        open_memory(tmp_path, namespace="ben", embedder="hash") as ben,
    ):
        ours, theirs = (each.store("the key", image=png()) for each in (ana, ben))
        assert len(files(tmp_path)) == 2
        receipt = ana.erase(ours.id)
        assert (receipt.media, receipt.same_media, receipt.residue) == (1, (), 0)
        assert content_of(ben, theirs.id) == png()


def test_a_copy_of_an_erased_file_is_residue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle_erase, "SETTLING", 0.2)
    with open_memory(tmp_path, embedder="hash") as memory:
        noise = wav(1.0)
        stored = memory.store("a recording", audio=noise)
        (tmp_path / "copy.bin").write_bytes(noise)
        assert memory.erase(stored.id).residue


def test_a_store_killed_before_its_commit_leaves_a_file_that_the_next_opening_sweeps(
    tmp_path: Path,
) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        kept = memory.store("kept", image=png())
    if not (child := os.fork()):
        memory = open_memory(tmp_path, embedder="hash")
        with memory.journal.media.adding() as keep:
            keep(png(b"\0\0\xff"), "image")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(files(tmp_path)) == 3  # two images, and the mark of who was adding
    with open_memory(tmp_path, embedder="hash") as memory:
        assert len(files(tmp_path)) == 1 and content_of(memory, kept.id) == png()


def test_an_erasure_killed_before_its_cleaning_is_finished_by_the_next_opening(
    tmp_path: Path,
) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        stored = memory.store("gone", image=png())
    if not (child := os.fork()):
        memory = open_memory(tmp_path, embedder="hash")
        memory.journal.refresh = lambda: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
        memory.erase(stored.id)
    os.waitpid(child, 0)
    assert len(files(tmp_path)) == 1
    with open_memory(tmp_path, embedder="hash") as memory:
        assert files(tmp_path) == []
        with pytest.raises(NotFound):
            memory.get(stored.id)


def test_backup_restore_export_and_import_carry_files(tmp_path: Path) -> None:
    with open_memory(tmp_path / "home", embedder="hash") as memory:
        kept, gone = (memory.store(t, image=png(c)) for t, c in (("a", b"abc"), ("b", b"xyz")))
        backup(memory, tmp_path / "backup")
        with open(tmp_path / "export.jsonl", "w", encoding="utf-8") as stream:
            export_jsonl(memory, stream)
        memory.erase(gone.id)
    restore(tmp_path / "backup", tmp_path / "again")
    with open_memory(tmp_path / "again", embedder="hash") as memory:
        assert content_of(memory, kept.id) == png(b"abc")
        assert len(files(tmp_path / "again")) == 1 and deep_faults(memory) == []
        assert memory.erase(kept.id).residue == 0 and files(tmp_path / "again") == []
    with open_memory(tmp_path / "other", embedder="hash") as memory:
        for _ in range(2):
            import_records(memory, surviving(tmp_path / "export.jsonl"))
        assert sorted(content_of(memory, m.id) for m in memory.list()) == sorted(
            [png(b"abc"), png(b"xyz")]
        )
    next((tmp_path / "backup" / "media").rglob("*.png")).write_bytes(b"something else")
    with pytest.raises(StoreDamaged):
        restore(tmp_path / "backup", tmp_path / "third")


def test_a_damaged_file_is_found_by_a_deep_verification(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        stored = memory.store("a", image=png())
        path = next((tmp_path / "media").rglob("*.png"))
        path.write_bytes(png()[:-1] + b"x")
        assert "not what was stored" in deep_faults(memory)[0]
        with pytest.raises(StoreDamaged):
            content_of(memory, stored.id)
        path.unlink()
        assert "cannot be read" in deep_faults(memory)[0]
        memory.store("b", image=png())  # heals it
        assert deep_faults(memory) == []


@pytest.mark.parametrize("field", ["image", "audio"])
@pytest.mark.parametrize("value", ['"/etc/passwd"', '{"digest": "0", "type": "image/png"}', "[1]"])
def test_no_request_names_a_file_of_this_machine(field: str, value: str) -> None:
    with pytest.raises(InvalidMedia):
        OPERATIONS["store"].request(f'{{"text": "x", "{field}": {value}}}'.encode())


def test_an_import_names_no_file_of_this_machine(tmp_path: Path) -> None:
    lines = ['{"format": "memory-core", "version": 1}', '{"text": "x", "image": "/etc/hostname"}']
    (tmp_path / "evil.jsonl").write_text("\n".join(lines) + "\n")
    with open_memory(tmp_path / "home", embedder="hash") as memory:
        report = import_records(memory, surviving(tmp_path / "evil.jsonl"))
        assert report.stored == 0 and len(report.rejected) == 1
