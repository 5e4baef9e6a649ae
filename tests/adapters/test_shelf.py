"""Named values: what is put is what is got, whoever writes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_adapters.extras import needs
from memory_adapters.shelf import Shelf, Value

from memory_core import InvalidInput, MemoryManager, MissingExtra, open_memory
from memory_core.testing import temporary_memory

STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "remove", "get", "many"]), st.sampled_from("abc"),
              st.text(min_size=1, max_size=5).filter(lambda t: t.strip().strip("\x00"))),
    max_size=14,
)  # fmt: skip


@pytest.mark.parametrize("erase", [False, True])
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_a_shelf_is_a_dictionary(erase: bool, steps: list[tuple[str, str, str]]) -> None:
    with temporary_memory(recordings=False) as memory:
        shelf, model = Shelf(memory, "box", erase=erase), dict[str, str]()
        for verb, name, text in steps:
            if verb == "put":
                assert shelf.put(name, Value(text)).text == text
                model[name] = text
            elif verb == "many":
                shelf.put_many({name: Value(text), "d": Value("same")})
                model |= {name: text, "d": "same"}
            elif verb == "remove":
                assert shelf.remove(name) is (model.pop(name, None) is not None)
            found = shelf.get(name)
            assert (found and found.text) == model.get(name)
        assert sorted(memory.text for memory in shelf.every()) == sorted(model.values())


def test_ten_generations_are_found_and_history_stays(memory: MemoryManager) -> None:
    shelf = Shelf(memory, "box")
    for n in range(10):
        shelf.put("a", Value(f"text {n}"))
        shelf.put("a", Value(f"text {n} revised"))
        assert shelf.remove("a")
        assert shelf.get("a") is None
    last = shelf.put("a", Value("the end"))
    assert shelf.get("a") == last
    assert [change.event for change in memory.history(last.id)] == ["stored"]


def test_putting_the_same_writes_nothing(memory: MemoryManager) -> None:
    shelf = Shelf(memory, "box")
    first = shelf.put("a", Value("text", {"n": 1}, {"session": "s"}))
    assert shelf.put("a", Value("text", {"n": 1}, {"session": "s"})) == first
    assert shelf.put("a", Value("text", {"n": 2}, {"session": "s"})).version > first.version


def test_shelves_and_namespaces_are_apart(tmp_path: Path) -> None:
    with (
        open_memory(tmp_path, namespace="ana", embedder="hash") as ana,
        open_memory(tmp_path, namespace="bo", embedder="hash") as bo,
    ):
        Shelf(ana, "box").put("a", Value("of ana"))
        assert Shelf(ana, "bag").get("a") is None
        assert Shelf(bo, "box").get("a") is None
        assert Shelf(bo, "box").every() == ()


def test_writers_at_once_leave_one_value(tmp_path: Path) -> None:
    with (
        open_memory(tmp_path, embedder="hash") as first,
        open_memory(tmp_path, embedder="hash") as second,
    ):
        shelves = [Shelf(first, "box"), Shelf(second, "box")]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: shelves[n % 2].put("a", Value(f"text {n}")), range(24)))
        (only,) = shelves[0].every()
        assert shelves[0].get("a") == only == shelves[1].get("a")


def test_wrong_values_are_typed_errors(memory: MemoryManager) -> None:
    shelf = Shelf(memory, "box")
    for text in ("", "\ud800", "x" * (1 << 20) + "y"):
        with pytest.raises(InvalidInput):
            shelf.put("a", Value(text))
        assert shelf.get("a") is None
    with pytest.raises(InvalidInput):
        Shelf(memory, "not a name")


def test_a_missing_framework_says_what_to_install() -> None:
    with (
        pytest.raises(MissingExtra, match=r"pip install 'memory-core\[frameworks\]'"),
        needs("no_such_framework", "frameworks"),
    ):
        __import__("no_such_framework")
    with pytest.raises(ModuleNotFoundError, match="memory_nonsense"), needs("x", "y"):
        __import__("memory_nonsense")
