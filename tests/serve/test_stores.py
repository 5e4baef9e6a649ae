"""The memories that servers lend."""

import threading
from pathlib import Path

import pytest

from memory_core.build import open_memory
from memory_core.errors import InvalidInput, NotFound, StoreBusy, StoreClosed
from memory_core.recall.rerank import Reranker
from memory_core.serve.stores import Stores, models_of


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


@pytest.mark.model
def test_namespaces_share_both_models(tmp_path: Path) -> None:
    stores = Stores(tmp_path / "home", {})
    with stores.lease("a", create=True) as a, stores.lease("b", create=True) as b:
        first, second = models_of(a), models_of(b)
        assert isinstance(first["reranker"], Reranker)
        assert first["reranker"] is second["reranker"]
        assert first["embedder"] is second["embedder"]
    stores.close()


def test_a_namespace_that_another_model_serves_opens_with_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for namespace, embedder in (("a", "hash"), ("b", "hash:64")):
        with open_memory(tmp_path, namespace=namespace, embedder=embedder) as memory:
            memory.store("Ana lives in Lisbon")
            memory.parts.catchup.drain()
    monkeypatch.delenv("MEMORY_EMBEDDER", raising=False)
    stores = Stores(tmp_path, {})
    with stores.lease("a") as a, stores.lease("b") as b, stores.lease("a") as again:
        assert (a.parts.embedder.fingerprint, again) != (b.parts.embedder.fingerprint, b)
        assert b.recall("Where does Ana live?").hits
    stores.close()
