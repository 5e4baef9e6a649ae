"""Look-ups go through their index: none reads the whole namespace, however large it grows."""

from pathlib import Path

import pytest

from memory_core import open_memory
from memory_core.journal.sql import rows
from memory_core.manager import MemoryManager

SIZES = (50, 400)  # with as many links: below the number of entries at which the tail is merged


def steps(memory: MemoryManager, action: str) -> int:
    """Return how many steps SQLite's machine took for an action."""
    import apsw

    seen = 0
    database = memory.journal.database

    def count(event: dict[str, int]) -> None:
        nonlocal seen
        seen += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    with database.read() as connection:
        every = [connection, database._open_writer()]
    newest = memory.list(limit=1)[0].id
    for connection in every:
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, count)
    {
        "get": lambda: memory.get(newest),
        "history": lambda: memory.history(newest),
        "links": lambda: memory.links(newest),
        "reinforce": lambda: memory.reinforce(newest),
        "store": lambda: memory.store("one more", key="new"),
        "store again": lambda: memory.store("the first", key="first"),
    }[action]()
    for connection in every:
        connection.trace_v2(0, None)
    return seen


@pytest.mark.parametrize("action", ["get", "history", "links", "reinforce", "store", "store again"])
def test_the_work_does_not_grow_with_the_store(action: str, tmp_path: Path) -> None:
    found = []
    for size in SIZES:
        with open_memory(tmp_path / str(size), embedder="hash") as memory:
            memory.parts.catchup.close()
            memory.store("the first", key="first")
            ids = [m.id for m in memory.store_many([f"text {n}" for n in range(size)]).stored]
            for target in ids[:-1]:
                memory.link(ids[0], target, "knows")
            found.append(steps(memory, action))
    few, many = found
    assert few > 0
    assert many < few + 100


def test_a_recall_after_a_change_reads_only_the_change(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        memory.store_many([f"text {n}" for n in range(300)])
        first = memory.journal.snapshot()
        changed = memory.list(limit=1)[0]
        memory.reinforce(changed.id)
        with memory.journal.database.read() as connection:
            plan = rows(
                connection,
                "EXPLAIN QUERY PLAN SELECT version, seq_to FROM memories"
                " INDEXED BY memories_closed WHERE ns_id = 1 AND seq_to > 300 AND version <= 300",
            )
        assert "memories_closed" in str(plan)
        second = memory.journal.snapshot()
        assert int(first.columns["seq_to"][changed.version - 1]) > first.seq + 1
        assert int(second.columns["seq_to"][changed.version - 1]) == second.seq
