"""Records into a memory and memories out of it: nothing lost, nothing twice."""

import io
import json
from pathlib import Path

import pytest

from memory_core import open_memory
from memory_core.interchange.formats import read
from memory_core.interchange.transfer import export_jsonl, import_records
from memory_core.manager import MemoryManager


def export(memory: MemoryManager) -> list[dict[str, object]]:
    stream = io.StringIO()
    export_jsonl(memory, stream)
    return [json.loads(line) for line in stream.getvalue().splitlines()][1:]


def comparable(rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """Everything but what a new store must give itself: ids, versions, store times, keys."""
    names = {row["id"]: row["text"] for row in rows}
    own = {"id", "version", "stored_at", "key", "links"}
    return sorted(
        (
            repr(sorted((k, repr(v)) for k, v in row.items() if k not in own)),
            sorted((names[link["target"]], link["relation"]) for link in row["links"]),  # type: ignore[attr-defined]
        )
        for row in rows
    )


@pytest.fixture
def filled(tmp_path: Path):
    with open_memory(tmp_path / "old", embedder="hash") as memory:
        house = memory.store("house in Porto", metadata={"n": [1, 2], "s": "\u202eé😀"}, key="k1")
        other = memory.store("NUL \x00 inside", speaker="Ana", session="s1", role="user")
        memory.link(house.id, other.id, "near")
        memory.reinforce(other.id, 3)
        memory.supersede(house.id, "house in Lisbon", valid_from="2026-05-01")
        memory.forget(memory.store("to be forgotten").id)
        memory.invalidate(memory.store("never true").id)
        memory.expire(memory.store("true for a while").id, "2026-02-02")
        for place in ("Lisbon", "Porto"):  # of two with one start the later holds
            memory.store(f"Ana lives in {place}", subject="Ana", attribute="city",
                         valid_from="2026-03-01")  # fmt: skip
        yield memory


def test_a_round_trip_loses_nothing(filled: MemoryManager, tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        export_jsonl(filled, stream)
    with open_memory(tmp_path / "new", embedder="hash") as memory:
        report = import_records(memory, read(path))
        assert (report.stored, report.repeated, report.rejected) == (8, 0, [])
        assert comparable(export(memory)) == comparable(export(filled))
        again = import_records(memory, read(path))
        assert (again.stored, again.repeated) == (0, 8)
        assert comparable(export(memory)) == comparable(export(filled))


def test_a_bad_line_is_named_and_the_rest_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text(
        '{"format": "memory-core", "version": 1}\n{"text": "one"}\n{"text": \n'
        '{"text": "two", "colour": "red"}\n{"text": "three"}\n',
        encoding="utf-8",
    )
    with open_memory(tmp_path / "home", embedder="hash") as memory:
        report = import_records(memory, read(path))
        assert report.stored == 2
        assert [line.split(":")[1] for line in report.rejected] == ["3", "4"]
        assert {m.text for m in memory.list()} == {"one", "three"}
