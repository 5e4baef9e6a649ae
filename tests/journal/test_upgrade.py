"""Stores of every earlier schema open, verify and rebuild to the same state."""

import gzip
from importlib.resources import files
from pathlib import Path

import pytest

from memory_core import open_memory
from memory_core.journal import schema

STORES = files("memory_core.proofs") / "stores"


@pytest.mark.parametrize("number", range(1, schema.SCHEMA_VERSION))
def test_an_earlier_store_opens_whole(number: int, tmp_path: Path) -> None:
    packed = (STORES / f"schema-{number}.db.gz").read_bytes()
    (tmp_path / "journal.db").write_bytes(gzip.decompress(packed))
    for name in ("ana", "bob"):
        with open_memory(tmp_path, namespace=name, embedder="hash:32") as memory:
            assert memory.journal.verify() == []
            before = memory.list(limit=100)
            assert len(before) == 8
            assert memory.journal.rebuild() == 23
            assert memory.list(limit=100) == before
            assert memory.recall("corrected: where is the blue lamp").hits
            memory.store("The lamp is new", subject="lamp", attribute="age", writer="me")
            assert memory.list(where={"writer": "me"})
