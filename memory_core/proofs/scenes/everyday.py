"""D3's first scene: a child stores, embeds, indexes with Chroma, runs a policy, takes a backup."""

import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memory_core.build import open_memory
from memory_core.errors import MemoryCoreError
from memory_core.index import mark
from memory_core.index.chroma import ChromaIndex
from memory_core.index.embedded import EmbeddedStore
from memory_core.index.scanfile import ScanFile
from memory_core.journal import copying, entries, lexical, state
from memory_core.journal.database import Database
from memory_core.journal.vectors import VectorTable
from memory_core.lifecycle import backup as copies
from memory_core.lifecycle.checking import deep_faults
from memory_core.lifecycle.duplicates import duplicates_plan
from memory_core.lifecycle.policies import carry_out
from memory_core.proofs.nursery import Life, say
from memory_core.proofs.scenes.scene import Check, Scene, Step
from memory_core.proofs.writer import text_of_key
from memory_core.replay.recording import Recordings

STORES = 24
PATIENCE = 60.0  # seconds for Chroma to open and be fed
OPTIONS: dict[str, Any] = {"embedder": "hash:32", "index": "chroma", "crossover": 1}
STEPS: tuple[Step, ...] = (
    (Database, "_begin", 2), (Database, "_commit", 2), (Database, "_commit", 5),
    (entries, "append", 3), (state, "apply", 3), (lexical, "index_text", 2),
    (lexical, "merge_when_full", 2), (VectorTable, "create", 1), (VectorTable, "add", 1),
    (ScanFile, "create", 1), (ScanFile, "extend", 1), (EmbeddedStore, "open", 1),
    (EmbeddedStore, "_build", 1), (ChromaIndex, "add", 1),
    (EmbeddedStore, "seal", 1), (mark, "write", 1), (Recordings, "flush", 1),
    (copying, "copy_into", 1), (copies, "_write_manifest", 1), (copies, "_settle", 1),
    (copying, "note_copy", 1),
)  # fmt: skip


def _prepare(place: Path, chance: random.Random) -> None:
    place.mkdir(parents=True)


def _live(place: Path, armed: threading.Event) -> None:
    armed.set()
    with open_memory(place / "home", **OPTIONS) as memory:
        for number in range(STORES):
            key = f"k:{number}"
            memory.store(text_of_key(key), key=key)
            say(f"!{key}")
        memory.parts.catchup.drain()
        memory.recall(text_of_key("k:3"))
        memory.parts.derived.keeper.wait(PATIENCE)  # type: ignore[union-attr]
        carry_out(memory, duplicates_plan(memory))
        copies.backup(memory, place / "backup")


def _judge(place: Path, known: None, life: Life, check: Check) -> float:
    """Compare what the child said with what the next opening finds."""
    acknowledged = {line[1:] for line in life.said if line.startswith("!")}
    begun = time.monotonic()
    with open_memory(place / "home", **OPTIONS) as memory:
        seconds = time.monotonic() - begun
        there = {str(one.key) for one in memory.list(limit=1000)}
        lost, phantoms = acknowledged - there, len(there - acknowledged)
        check(not lost, f"{len(lost)} acknowledged are lost")
        check(phantoms <= 1, f"{phantoms} were in flight")
        faults = deep_faults(memory)
        check(not faults, str(faults[:1]))
        memory.parts.catchup.drain()
        check(not _unfound(memory, sorted(there)[:3]), "a memory is not found")
        if not (place / "backup").exists():
            copies.backup(memory, place / "backup")
        beside = [path.name for path in place.glob("backup.part-*")]
        check(not beside, f"{beside} is left of the first backup")
    try:
        copies.drill(place / "backup")
    except MemoryCoreError as error:
        check(False, f"the backup does not restore: {error}")
    return seconds


def _unfound(memory: Any, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if memory.recall(text_of_key(key), k=1).hits[0].memory.key != key]


EVERYDAY = Scene(STEPS, _prepare, _live, _judge)
