"""LangGraph's store: exact by key, by meaning in search, in the framework's own runner."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

import pytest

pytest.importorskip("langgraph.store.base", reason="needs the extra langgraph")

from langgraph.graph import END, START, StateGraph
from langgraph.store.base import BaseStore, GetOp, PutOp, SearchOp
from memory_adapters.langgraph import MemoryStore

from memory_core import InvalidInput, MemoryManager, open_memory

NS = ("users", "ana")
VALUES: list[dict[str, Any]] = [
    {}, {"a": None}, {"a": [1, 2.5, True, None, {"b": "c"}]}, {"ü": "这是中文 🐈 \u202e"},
    {"lone": "\ud800"}, {"nul": "a\x00b"}, {"deep": {"x": {"y": [[[]]]}}}, {"big": 10**30},
    {"order": {"z": 1, "a": 2}},
]  # fmt: skip


@pytest.fixture
def store(memory: MemoryManager) -> MemoryStore:
    return MemoryStore(memory)


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_what_is_put_is_got(store: MemoryStore, value: dict[str, Any]) -> None:
    store.put(NS, "k", value)
    item = store.get(NS, "k")
    assert item is not None
    assert item.value == value
    assert list(item.value) == list(value)
    assert (item.namespace, item.key) == (NS, "k")


@pytest.mark.parametrize(
    "value", [{"a": float("nan")}, {1: "a"}, {"a": (1, 2)}, {"a": object()}, {"a": {1}}]
)
def test_what_json_would_change_is_refused(store: MemoryStore, value: dict[Any, Any]) -> None:
    with pytest.raises(InvalidInput):
        store.put(NS, "k", value)
    assert store.get(NS, "k") is None


@pytest.mark.parametrize("key", ["", "a.b", "ü" * 300, 'quo"te', "\x00"])
def test_keys_are_any_string(store: MemoryStore, key: str) -> None:
    store.put(NS, key, {"key": key})
    assert store.get(NS, key).value == {"key": key}  # type: ignore[union-attr]
    assert store.get(NS, key + "x") is None
    store.delete(NS, key)
    assert store.get(NS, key) is None


def test_a_label_is_no_string_prefix(store: MemoryStore) -> None:
    store.put(("a",), "k", {"t": "apple"})
    store.put(("ab",), "k", {"t": "apple"})
    store.put(("a", "b"), "k", {"t": "apple"})
    for query in (None, "apple"):
        found = {item.namespace for item in store.search(("a",), query=query)}
        assert found == {("a",), ("a", "b")}
    assert len(store.search((), query="apple")) == 3


def test_a_put_replaces_and_everything_survives_reopening(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        store = MemoryStore(memory)
        store.put(NS, "food", {"likes": "sardines"})
        created = store.get(NS, "food").created_at  # type: ignore[union-attr]
        store.put(NS, "food", {"likes": "figs"})
    with open_memory(tmp_path, embedder="hash") as memory:
        item = MemoryStore(memory).get(NS, "food")
        assert item is not None
        assert item.value == {"likes": "figs"}
        assert created == item.created_at <= item.updated_at
        found = MemoryStore(memory).search(NS, query="sardines")
        assert [one.value for one in found] == [{"likes": "figs"}]


def test_index_paths_give_an_item_several_texts(store: MemoryStore) -> None:
    talk = {"topic": "boats", "turns": [{"text": "sails are torn"}, {"text": "anchor is lost"}]}
    store.put(NS, "talk", talk, index=["turns[*].text", "topic"])
    store.put(NS, "other", {"topic": "gardens"}, index=["topic"])
    store.put(NS, "hidden", {"topic": "anchor"}, index=False)
    found = store.search(NS, query="anchor", limit=3)
    assert [item.key for item in found[:2]] == ["talk", "other"]
    assert found[2].score is None
    store.put(NS, "talk", {"turns": [{"text": "mast is new"}]}, index=["turns[*].text"])
    stale = {item.key: item.score for item in store.search(NS, query="anchor", limit=3)}
    fresh = {item.key: item.score for item in store.search(NS, query="mast new", limit=3)}
    assert fresh["talk"] > (stale["talk"] or 0.0)  # type: ignore[operator]
    store.delete(NS, "talk")
    assert "talk" not in {item.key for item in store.search(NS, query="mast new")}


def test_filters_compare_nested_values(store: MemoryStore) -> None:
    for n in range(5):
        store.put(
            NS, f"k{n}", {"n": n, "tags": ["a", n], "at": {"city": "Porto" if n % 2 else "x"}}
        )
    keys = lambda **options: sorted(i.key for i in store.search(NS, **options))  # noqa: E731
    assert keys(filter={"n": {"$gt": 1, "$lte": 3}}) == ["k2", "k3"]
    assert keys(filter={"at": {"city": "Porto"}}) == ["k1", "k3"]
    assert keys(filter={"tags": ["a", 4]}) == ["k4"]
    assert keys(filter={"n": {"$ne": 0}}, query="Porto") == ["k1", "k2", "k3", "k4"]
    assert keys(filter={"absent": {"$gt": 1}}) == []
    with pytest.raises(InvalidInput, match=r"\$like"):
        store.search(NS, filter={"n": {"$like": 1}})


def test_items_live_as_many_minutes_as_given(memory: MemoryManager) -> None:
    store = MemoryStore(memory, ttl={"default_ttl": 10, "refresh_on_read": False})
    store.put(NS, "long", {"t": "apple"})
    store.put(NS, "short", {"t": "apple"}, ttl=0.0005)
    store.put(NS, "ever", {"t": "apple"}, ttl=None)
    ends = {m.metadata["item_id"]: m.valid_to for m in memory.list()}
    left = ends['["users", "ana", "long"]'] - datetime.now(UTC)  # type: ignore[operator]
    assert timedelta(minutes=9.5) < left <= timedelta(minutes=10)
    assert ends['["users", "ana", "ever"]'] is None
    until = datetime.now(UTC) + timedelta(seconds=5)
    while store.get(NS, "short") is not None and datetime.now(UTC) < until:
        pass
    assert store.get(NS, "short") is None
    assert {item.key for item in store.search(NS, query="apple")} == {"long", "ever"}
    store.put(NS, "short", {"t": "apple again"})
    assert store.get(NS, "short") is not None


def test_reading_begins_the_time_anew(memory: MemoryManager) -> None:
    store = MemoryStore(memory)
    store.put(NS, "k", {"t": "apple"}, ttl=5)
    (before,) = memory.list()
    store.get(NS, "k", refresh_ttl=False)
    assert memory.list()[0].valid_to == before.valid_to
    store.search(NS, query="apple")
    assert memory.list()[0].valid_to > before.valid_to  # type: ignore[operator]


def test_erased_items_leave_no_text(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        store = MemoryStore(memory, erase=True)
        store.put(NS, "k", {"t": "xylophonecanary"})
        store.delete(NS, "k")
        store.put(NS, "k", {"t": "again"})
        assert store.get(NS, "k").value == {"t": "again"}  # type: ignore[union-attr]
    assert b"xylophonecanary" not in b"".join(
        p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()
    )


def test_pages_of_a_search_meet_without_overlap(store: MemoryStore) -> None:
    store.batch([PutOp(NS, f"k{n}", {"text": f"box number {n} of many"}) for n in range(30)])
    pages = [store.search(NS, query="box many", limit=7, offset=n) for n in range(0, 35, 7)]
    keys = [item.key for page in pages for item in page]
    assert sorted(keys) == sorted(f"k{n}" for n in range(30))


async def test_reads_of_a_batch_see_what_was_there_before(store: MemoryStore) -> None:
    await store.aput(NS, "k", {"n": 1})
    got, nothing, found = await store.abatch(
        [GetOp(NS, "k"), PutOp(NS, "k", {"n": 2}), SearchOp(NS)]
    )
    assert (got.value, nothing, found[0].value) == (  # type: ignore[union-attr, index]
        {"n": 1}, None, {"n": 1},
    )  # fmt: skip
    assert (await store.aget(NS, "k")).value == {"n": 2}  # type: ignore[union-attr]
    await asyncio.gather(*(store.aput(NS, f"k{n}", {"n": n}) for n in range(8)))
    assert len(await store.asearch(NS, limit=20)) == 9


class State(TypedDict):
    said: str
    reply: str


def graph_over(memory: MemoryManager) -> Any:
    def remember(state: State, *, store: BaseStore) -> dict[str, str]:
        known = store.search(NS, query=state["said"], limit=1)
        store.put(NS, state["said"][:20], {"text": state["said"]})
        return {"reply": known[0].value["text"] if known else "I know nothing of it."}

    builder = StateGraph(State)
    builder.add_node("remember", remember)
    builder.add_edge(START, "remember")
    builder.add_edge("remember", END)
    return builder.compile(store=MemoryStore(memory))


def test_a_graph_knows_in_its_second_session_what_it_heard_in_the_first(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        first = graph_over(memory).invoke({"said": "My flight leaves at 9:40 on Friday"})
        assert first["reply"] == "I know nothing of it."
    with open_memory(tmp_path, embedder="hash") as memory:
        second = graph_over(memory).invoke({"said": "When does my flight leave?"})
        assert second["reply"] == "My flight leaves at 9:40 on Friday"
