"""The journal through its own face: chain, versions, statistics, erasure, rebuild."""

import itertools
from pathlib import Path

import apsw
import pytest

from memory_core.answers import Query
from memory_core.errors import NotFound, StoreDamaged, StoreError, StoreTooNew
from memory_core.journal import erase
from memory_core.journal.database import Database
from memory_core.journal.events import (
    Erased,
    Event,
    Forgotten,
    Invalidated,
    Linked,
    Reinforced,
    Revised,
    Stored,
    Superseded,
)
from memory_core.journal.journal import Journal
from memory_core.journal.mode import wal_is_unsafe
from memory_core.terms import terms


def open_journal(home: Path, namespace: str = "ana") -> Journal:
    clock = itertools.count(1_000_000)
    return Journal(home, namespace, clock=lambda: next(clock))


def stored(number: int, text: str, **fields: object) -> Stored:
    defaults: dict[str, object] = {
        "kind": "episodic", "source": "user", "trust": "normal", "occurred_at": 5, "importance": 0.5
    }  # fmt: skip
    return Stored(number=number, text=text, **{**defaults, **fields})  # type: ignore[arg-type]


def write(journal: Journal, *events: Event) -> None:
    journal.commit(lambda state, at: events)


def erase_memory(journal: Journal, number: int) -> None:
    journal.commit(
        lambda state, at: [Erased(number, erase.entries_of(state.connection, state.ns_id, number))]
    )


def query(seq: int, **fields: object) -> Query:
    return Query(text="q", k=5, seq=seq, now=10**12, **fields)  # type: ignore[arg-type]


def dump(journal: Journal) -> dict[str, list[tuple[object, ...]]]:
    with journal.database.read() as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
            for table in ("memories", "facets", "keys", "links", "tail", "postings")
        }


@pytest.fixture
def journal(tmp_path: Path):
    opened = open_journal(tmp_path)
    yield opened
    opened.close()


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    first = open_journal(tmp_path)
    write(first, stored(1, "one"), stored(2, "two"))
    first.close()
    again = open_journal(tmp_path)
    assert [entry.payload["text"] for entry in again.entries() if entry.payload] == ["one", "two"]
    assert again.verify() == []
    again.close()


def test_the_journal_refuses_update_and_delete(journal: Journal) -> None:
    write(journal, stored(1, "one"))
    with journal.database.read() as connection:
        for statement in ("UPDATE journal SET at = 0", "DELETE FROM journal"):
            with pytest.raises(apsw.ConstraintError, match="append-only"):
                connection.execute(statement)


def test_entry_times_never_run_backwards(tmp_path: Path) -> None:
    ticks = iter([50, 40, 40, 60])
    journal = Journal(tmp_path, "ana", clock=lambda: next(ticks))
    for number in range(1, 5):
        write(journal, stored(number, "x"))
    assert [entry.at for entry in journal.entries()] == [50, 50, 50, 60]
    journal.close()


def test_verify_names_a_changed_body_and_a_changed_entry(journal: Journal) -> None:
    write(journal, stored(1, "one"), stored(2, "two"), stored(3, "three"))
    with journal.database.write() as connection:
        connection.execute("UPDATE content SET body = CAST(replace(body, 'two', 'TWO') AS BLOB)")
    assert journal.verify() == ["the body of entry 2 was changed"]
    with journal.database.write() as connection:
        connection.execute("DROP TRIGGER journal_is_not_updated")
        connection.execute("UPDATE journal SET at = at + 1 WHERE seq = 3")
    assert "entry 3 was changed" in journal.verify()


def test_a_kind_that_is_no_text_any_more_is_a_change(journal: Journal) -> None:
    write(journal, stored(1, "one"), stored(2, "two"))
    with journal.database.write() as connection:
        connection.execute("DROP TRIGGER journal_is_not_updated")
        connection.execute("UPDATE journal SET kind = CAST(kind AS BLOB) WHERE seq = 2")
    assert journal.verify() == ["entry 2 was changed"]


@pytest.mark.parametrize("damage", ["ns_id = ns_id + 1", "uid = 7", "salt = 'x'"])
def test_a_namespace_that_lost_its_entries_is_not_opened_as_empty(
    tmp_path: Path, damage: str
) -> None:
    journal = Journal(tmp_path, "ana", clock=lambda: 1)
    write(journal, stored(1, "one"))
    with journal.database.write() as connection:
        connection.execute(f"UPDATE namespaces SET {damage}")
    journal.close()
    with pytest.raises(StoreDamaged, match="'ana' has lost its identity or head; restore"):
        Journal(tmp_path, "ana", clock=lambda: 2)


def test_a_body_missing_without_an_erasure_is_a_fault(journal: Journal) -> None:
    write(journal, stored(1, "one"))
    with journal.database.write() as connection:
        connection.execute("DELETE FROM content")
    assert journal.verify() == ["the body of entry 1 is missing"]


def test_the_past_stays_as_it_was(journal: Journal) -> None:
    write(journal, stored(1, "likes coffee"))
    write(journal, Revised(1, {"text": "likes tea"}))
    write(journal, Forgotten(1))
    texts = []
    for seq in (1, 2, 3):
        snapshot = journal.snapshot(seq)
        eligible = journal.eligible(query(seq), snapshot)
        rows = [row for row in eligible.row_of_doc.tolist() if row >= 0]
        texts.append([journal.source().memory(snapshot.version(row)).text for row in rows])
    assert texts == [["likes coffee"], ["likes tea"], []]


def test_superseded_is_seen_before_its_end_and_invalidated_never(journal: Journal) -> None:
    write(journal, stored(1, "a"), stored(2, "b", valid_from=100), stored(3, "c"))
    write(journal, Superseded(1, by=2, valid_to=100), Invalidated(3))
    snapshot = journal.snapshot()

    def seen(as_of: int | None) -> list[int]:
        found = journal.eligible(query(snapshot.seq, as_of=as_of), snapshot)
        return [doc for doc, row in enumerate(found.row_of_doc.tolist()) if row >= 0]

    assert seen(99) == [1]
    assert seen(100) == [2]
    assert seen(None) == [2]


def test_statistics_do_not_cross_namespaces(tmp_path: Path) -> None:
    ana, bob = open_journal(tmp_path, "ana"), open_journal(tmp_path, "bob")
    write(ana, stored(1, "the cat sleeps"), stored(2, "dogs bark loudly"))
    before = ana.lexical(terms("cat"), ana.snapshot())[0].tolist()
    write(bob, *(stored(n, "cat cat cat") for n in range(1, 300)))
    assert ana.lexical(terms("cat"), ana.snapshot())[0].tolist() == before
    ana.close()
    bob.close()


def test_lexical_scores_as_of_the_past_are_those_of_the_past(journal: Journal) -> None:
    write(journal, stored(1, "the cat sleeps"), stored(2, "dogs bark"))
    before = journal.lexical(terms("cat"), journal.snapshot())[0].tolist()
    for number in range(3, 1600):  # past two merges of the tail
        write(journal, stored(number, f"cat number {number}"))
    assert journal.lexical(terms("cat"), journal.snapshot(2))[0].tolist() == pytest.approx(before)


def test_merged_and_unmerged_postings_score_the_same(journal: Journal) -> None:
    write(journal, *(stored(n, f"word{n % 7} and word{n % 3}") for n in range(1, 1000)))
    before = journal.lexical(terms("word1 word2"), journal.snapshot())[0].tolist()
    write(journal, *(stored(n, "other") for n in range(1000, 1030)))
    after = journal.lexical(terms("word1 word2"), journal.snapshot(999))[0].tolist()
    assert after == pytest.approx(before)


def test_a_rebuild_equals_the_live_state(journal: Journal) -> None:
    write(journal, stored(1, "one", key="k", metadata={"a": [1, 2], "b": "x"}), stored(2, "two"))
    write(journal, Reinforced(1), Revised(2, {"metadata": {"c": 1.5}}), Linked(1, 2, "knows"))
    write(journal, stored(3, "three"), Superseded(1, 3, 7))
    erase_memory(journal, 2)
    live = dump(journal)
    journal.rebuild()
    assert dump(journal) == live
    assert journal.verify() == []


def test_erasing_leaves_the_chain_valid_and_no_row(journal: Journal) -> None:
    write(journal, stored(1, "secret plan", metadata={"code": "xyzzy"}), stored(2, "kept"))
    write(journal, Linked(1, 2, "about"), Reinforced(1))
    erase_memory(journal, 1)
    journal.database.checkpoint()
    assert journal.verify() == []
    raw = b"".join(path.read_bytes() for path in journal.home.iterdir())
    for needle in (b"secret", b"plan", b"xyzzy", b"about"):
        assert needle not in raw
    assert b"kept" in raw


def test_another_process_s_erasure_is_noticed(tmp_path: Path) -> None:
    one, other = open_journal(tmp_path), open_journal(tmp_path)
    write(one, stored(1, "a"), stored(2, "b"))
    assert len(other.snapshot().columns["version"]) == 2
    erase_memory(one, 1)
    assert other.snapshot().columns["number"].tolist() == [2]
    one.close()
    other.close()


def test_wrong_homes_get_typed_errors(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="is a file"):
        open_journal(tmp_path / "file")
    (tmp_path / "bad").mkdir(mode=0o700)
    (tmp_path / "bad" / "journal.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreDamaged):
        open_journal(tmp_path / "bad")


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    open_journal(tmp_path).close()
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(StoreTooNew, match="upgrade"):
        open_journal(tmp_path)


def test_a_reader_of_an_unknown_namespace_is_told(tmp_path: Path) -> None:
    open_journal(tmp_path).close()
    with pytest.raises(NotFound, match="bob"):
        Journal(tmp_path, "bob", clock=lambda: 1, readonly=True)


@pytest.mark.parametrize(
    ("version", "unsafe"),
    [
        ("3.6.23", False), ("3.7.0", True), ("3.40.1", True), ("3.44.5", True), ("3.44.6", False),
        ("3.45.0", True), ("3.50.6", True), ("3.50.7", False), ("3.51.2", True), ("3.51.3", False),
    ],
)  # fmt: skip
def test_wal_is_refused_where_sqlite_is_broken(version: str, unsafe: bool) -> None:
    assert wal_is_unsafe(version) is unsafe


def test_a_failed_decision_writes_nothing(journal: Journal) -> None:
    def decide(state: object, at: int) -> list[Event]:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        journal.commit(decide)
    assert journal.head.seq == 0


def test_files_are_private(tmp_path: Path) -> None:
    database = Database(tmp_path / "home" / "journal.db")
    database.close()
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "home" / "journal.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE heads SET at = at + 1",
        "UPDATE content SET ns_id = 7 WHERE id & 1",
        "UPDATE content SET body = x'ff00' WHERE id & 1",
        "UPDATE journal SET kind = CAST(x'ff' AS TEXT) WHERE seq = 1",
        "UPDATE journal SET at = 'noon' WHERE seq = 1",
        "UPDATE journal SET prev = x'00' WHERE seq = 2",
    ],
)
def test_verify_reports_damage_of_any_kind(journal: Journal, damage: str) -> None:
    write(journal, stored(1, "one"), stored(2, "two"))
    erase_memory(journal, 2)
    with journal.database.write() as connection:
        connection.execute("DROP TRIGGER journal_is_not_updated")
        connection.execute(damage)
    assert journal.verify()
