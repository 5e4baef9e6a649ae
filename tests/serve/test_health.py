"""The canary of a large home, where an erasure takes long."""

import asyncio
from pathlib import Path

import pytest

from memory_core.serve import health
from memory_core.serve.health import NAMESPACE, Canary
from memory_core.serve.stores import Stores


@pytest.mark.parametrize(("long", "whole_ways"), [(60.0, 3), (-1.0, 1)])
def test_the_whole_way_is_gone_less_often_where_it_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: float, whole_ways: int
) -> None:
    monkeypatch.setattr(health, "LONG", long)
    stores = Stores(tmp_path / "home", {"embedder": "hash"})
    canary = Canary(stores, every=0.0, rest=1e6)
    found = [asyncio.run(canary.check()) for _ in range(3)]
    assert [each.status for each in found] == ["ok"] * 3
    with stores.lease(NAMESPACE) as memory:
        assert memory.journal.head.seq == 2 * whole_ways
    canary.close()
    stores.close()
