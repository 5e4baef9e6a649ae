"""Every public argument refuses every wrong value with one typed error, and writes nothing.

What is right for one argument is wrong for another, so all get the same values: a call either
works or raises from our own tree. Nothing else may come out, whatever a value's methods do.
"""

import datetime
import decimal
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core import MemoryManager, open_memory
from memory_core.errors import (
    InvalidFilter,
    InvalidInput,
    InvalidMetadata,
    MemoryCoreError,
    StoreBusy,
    StoreError,
)
from memory_core.filters import MAX_VALUES


class Hostile:
    """An object that breaks whoever only wants to name it."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


WRONG: list[Any] = [
    None, True, False, 0, 1, -1, 12, 2**70, -(2**70), 1.5, float("nan"), float("inf"),
    -float("inf"), "", " ", "x", "\ud800", "a\x00b", "x" * 300, "é" * 5000, b"bytes", object(),
    Hostile(), [], [1], {}, {"a": 1}, {"$in": []}, set(), (), (1, 2), int, np.float32(3),
    np.int64(3), np.array([1, 2]), np.array([]), decimal.Decimal(1), datetime.datetime.min,
    datetime.datetime.max, datetime.date(2020, 1, 1), datetime.timedelta(1), Path("x"), 1j,
    "2020-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "f" * 16, "٣" * 16,
    Ellipsis, range(3), threading.Lock(),
]  # fmt: skip
HASHABLE = [value for value in WRONG if getattr(type(value), "__hash__", None)]
FIELDS = (
    "id", "kind", "session", "trust", "occurred_at", "valid_to", "importance", "reinforced",
    "metadata.n",
)  # fmt: skip
OPERATORS = ("$eq", "$ne", "$gt", "$in", "$nin", "$contains", "$exists")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[MemoryManager]:
    with open_memory(tmp_path / "home", embedder="hash", index="exact") as opened:
        opened.store("the seed of the fern", metadata={"n": 1}, key="k")
        opened.parts.catchup.drain()
        yield opened


def untyped(call: Callable[[Any], object], values: list[Any] = WRONG) -> list[str]:
    """Return what came out that is none of ours."""
    out = []
    for place, value in enumerate(values):
        try:
            call(value)
        except MemoryCoreError as error:
            if "\n" in str(error) or len(str(error)) > 2000:
                out.append(f"value {place}: a message over {len(str(error))} characters or lines")
        except BaseException as error:
            out.append(f"value {place}, {type(value).__name__}: {type(error).__name__}: {error}")
    return out


@pytest.mark.parametrize(
    "name",
    ["k", "token_budget", "deadline_ms", "where", "as_of", "known_at", "now", "explain", "record",
     "for_action", "session"],
)  # fmt: skip
def test_recall(memory: MemoryManager, name: str) -> None:
    assert not untyped(lambda value: memory.recall("fern", **{name: value}))
    assert memory.parts.recorder is not None
    memory.recall("is the last one recorded?", session="s")
    memory.close()  # writes what is recorded: a value that no file can hold would fail here


def test_questions_and_ids(memory: MemoryManager) -> None:
    verbs = ("recall", "get", "history", "links", "erase", "forget", "invalidate", "expire",
             "reinforce", "outcome", "store", "store_many", "run")  # fmt: skip
    for verb in verbs:
        values = [value for value in WRONG if verb != "run" or not callable(value)]
        assert not untyped(getattr(memory, verb), values), verb


def test_filters(memory: MemoryManager) -> None:
    for field, operator in itertools.product(FIELDS, OPERATORS):
        assert not untyped(lambda v, f=field, o=operator: memory.list(where={f: {o: v}})), field
        assert not untyped(lambda v, f=field, o=operator: memory.list(where={f: {o: [v]}})), field
    for join in ("$and", "$or", "$not", "role"):
        assert not untyped(lambda value, j=join: memory.list(where={j: value})), join
        assert not untyped(lambda value, j=join: memory.list(where={j: [value]})), join
    assert not untyped(lambda value: memory.list(where={value: 1}), HASHABLE)
    assert not untyped(lambda value: memory.list(where={"role": {value: 1}}), HASHABLE)


def test_drafts(memory: MemoryManager) -> None:
    id = memory.store("to be revised").id
    for name in ("text", "kind", "role", "speaker", "occurred_at", "valid_from", "importance",
                 "source", "subject", "metadata", "key", "nonsense"):  # fmt: skip
        if name != "text":
            assert not untyped(lambda value, n=name: memory.store("x", **{n: value})), name
        assert not untyped(lambda value, n=name: memory.revise(id, **{n: value})), name
        assert not untyped(lambda value, n=name: memory.store_many([{n: value}])), name
    assert not untyped(lambda value: memory.store("x", metadata={"a": value}))
    assert not untyped(lambda value: memory.store("x", metadata={"a": [value]}))
    assert not untyped(lambda value: memory.store("x", metadata={value: 1}), HASHABLE)
    assert not memory.journal.verify()


def test_changes(memory: MemoryManager) -> None:
    first, second = memory.store("first").id, memory.store("second").id
    calls: list[Callable[[Any], object]] = [
        lambda value: memory.list(limit=value),
        lambda value: memory.list(offset=value),
        lambda value: memory.revise(value, text="x"),
        lambda value: memory.supersede(value, "x"),
        lambda value: memory.supersede(first, value),
        lambda value: memory.link(value, second, "r"),
        lambda value: memory.link(first, value, "r"),
        lambda value: memory.link(first, second, value),
        lambda value: memory.reinforce(first, value),
        lambda value: memory.expire(first, value),
        lambda value: memory.forget(second, value),
        lambda value: memory.invalidate(second, value),
        lambda value: memory.run(lambda state, at: value),
        lambda value: memory.run(lambda state, at: [value]),
    ]
    for number, call in enumerate(calls):
        assert not untyped(call), number
    values = [value for value in WRONG if not callable(value)]
    assert not untyped(lambda value: memory.store_many(["x"], value), values)
    assert not memory.journal.verify()


def test_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    open_memory(home, embedder="hash", index="exact").close()

    def opened(**given: Any) -> None:
        options: dict[str, Any] = {"home": home, "embedder": "hash", "index": "exact", **given}
        open_memory(options.pop("home"), **options).close()

    for name in ("namespace", "embedder", "reranker", "clock", "readonly", "models_dir", "metric",
                 "candidates", "min_relevance", "recordings", "durability"):  # fmt: skip
        assert not untyped(lambda value, n=name: opened(**{n: value})), name
    homes = [value for value in WRONG if not isinstance(value, str | Path)]
    assert not untyped(lambda value: opened(home=value), [*homes, "", " ", "\ud800", "a\x00b"])
    assert not untyped(lambda value: opened(home=value), ["x" * 300, "~nobody-has-this-name/x"])


@pytest.mark.parametrize("blank", ["", "  ", None, 7])
def test_a_blank_home_is_not_the_working_directory(tmp_path, monkeypatch, blank) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match="home"):
        open_memory(blank, embedder="hash")
    assert not list(tmp_path.iterdir())


def test_a_wrong_embedder_is_not_replaced_in_silence(tmp_path: Path) -> None:
    for wrong in (7, object(), b"hash"):
        with pytest.raises(InvalidInput, match="embedder is"):
            open_memory(tmp_path, embedder=wrong)  # type: ignore[arg-type]


def test_a_clock_that_tells_no_time_writes_nothing(tmp_path: Path) -> None:
    for wrong in (None, 1.5, "now", 2**62):
        with open_memory(tmp_path, embedder="hash", clock=lambda told=wrong: told) as memory:  # type: ignore[misc,return-value]
            with pytest.raises(InvalidInput, match="clock"):
                memory.store("x")
            assert memory.journal.head.seq == 0


def test_filters_with_too_much_are_refused_as_filters(memory: MemoryManager) -> None:
    for where in (
        {"id": {"$in": ["0" * 16] * 300_000}},
        {"$or": [{"metadata.n": {"$in": list(range(MAX_VALUES // 2))}}] * 3},
        {"reinforced": {"$gt": 2**70}},
        {"importance": {"$lt": -(2**70)}},
        {"metadata.\ud800": 1},
    ):
        with pytest.raises(InvalidFilter):
            memory.recall("fern", where=where)
    most = {"metadata.n": {"$in": list(range(MAX_VALUES))}}
    assert len(memory.recall("fern", where=most).hits) == 1


@pytest.mark.parametrize(
    ("raised", "told"), [("BusyError", StoreBusy), ("IOError", StoreError), ("Error", StoreError)]
)
def test_what_sqlite_raises_while_reading_is_typed(
    memory: MemoryManager, raised: str, told: type[Exception]
) -> None:
    import apsw

    with pytest.raises(told, match="journal"), memory.journal.database.read():
        raise getattr(apsw, raised)("the disk")


class Broken:
    """An embedder of the caller's own that fails in its own way at queries."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        from memory_core.embed.hashing import HashEmbedder

        self._sound, self._answer = HashEmbedder(32), answer
        self.fingerprint, self.limit = self._sound.fingerprint, self._sound.limit
        self.count, self.encode_documents = self._sound.count, self._sound.encode_documents

    def encode_query(self, text: str) -> Any:
        return self._answer()


@pytest.mark.parametrize(
    "answer",
    [
        lambda: 1 // 0,
        lambda: None,
        lambda: np.full(32, np.nan, np.float32),
        lambda: np.ones(7, np.float32),
        lambda: np.zeros(32, np.float32),
        lambda: "vector",
    ],
)
@pytest.mark.parametrize("deadline_ms", [None, 60_000])
def test_a_query_without_a_usable_vector_is_answered_by_words(
    tmp_path: Path, answer: Callable[[], Any], deadline_ms: float | None
) -> None:
    with open_memory(tmp_path, embedder=Broken(answer), index="exact") as memory:
        memory.store("the seed of the fern")
        result = memory.recall("fern", deadline_ms=deadline_ms)
        assert result.status == "degraded"
        assert "no_vector" in [note.code for note in result.notes]
        assert result.hits[0].memory.text == "the seed of the fern"


def test_a_list_of_numbers_as_json_writes_them(memory: MemoryManager) -> None:
    kept = memory.store("the growth of the fern", metadata={"cm": [1, 2.5]})
    assert memory.get(kept.id).metadata == {"cm": [1.0, 2.5]}
    assert [one.id for one in memory.list(where={"metadata.cm": {"$contains": 1}})] == [kept.id]
    with pytest.raises(InvalidMetadata, match="mixes types"):
        memory.store("x", metadata={"cm": [2**60 + 1, 0.5]})  # no float is that number
