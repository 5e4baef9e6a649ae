"""The memories that servers lend."""

import threading
from pathlib import Path

import pytest

from memory_core.errors import InvalidInput, NotFound, StoreBusy, StoreClosed
from memory_core.serve.stores import Stores


def test_asking_makes_nothing(tmp_path: Path) -> None:
    stores = Stores(tmp_path / "home", {"embedder": "hash"})
    for name in ("ana", "../x"):
        with pytest.raises(NotFound), stores.lease(name):
            pass
    with pytest.raises(InvalidInput), stores.lease(""):
        pass
    assert not (tmp_path / "home").exists()
    with stores.lease("ana", create=True) as memory:
        memory.store("a fact")
    with stores.lease("ana") as memory:
        assert len(memory.list()) == 1
    stores.close()
    with pytest.raises(StoreClosed), stores.lease("bob", create=True):
        pass


def test_idle_memories_are_closed_and_used_ones_are_not(tmp_path: Path) -> None:
    stores = Stores(tmp_path / "home", {"embedder": "hash"}, most=2)
    with stores.lease("a", create=True) as a, stores.lease("b", create=True) as b:
        with pytest.raises(StoreBusy), stores.lease("c", create=True):
            pass
        a.store("still open")
        b.store("still open")
    with stores.lease("c", create=True), stores.lease("a") as again:
        assert len(again.list()) == 1
    stores.close()


def test_many_threads_share_one_memory(tmp_path: Path) -> None:
    stores = Stores(tmp_path / "home", {"embedder": "hash"})
    seen = set()

    def use() -> None:
        with stores.lease("ana", create=True) as memory:
            seen.add(id(memory))
            memory.store("a fact")

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 1
    stores.close()
