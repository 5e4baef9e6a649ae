"""D3's migration: one model serves at any moment, the whole of what it finds is its own."""

import random
import threading
import time
from pathlib import Path

from memory_core.build import open_memory
from memory_core.embed.hashing import HashEmbedder
from memory_core.journal import entries
from memory_core.journal.database import Database
from memory_core.journal.events import Migrated
from memory_core.journal.vectors import VectorTable
from memory_core.lifecycle.checking import deep_faults
from memory_core.manager import MemoryManager
from memory_core.migrate import drop, migrate, switch
from memory_core.migrate import run as migration
from memory_core.migrate.run import Plan
from memory_core.proofs.migrating import wrong_scores
from memory_core.proofs.nursery import Life, say
from memory_core.proofs.scenes.scene import Check, Scene, Step
from memory_core.proofs.writer import text_of_key

OLD, NEW = "hash:32", "hash:48"
TEXTS = 30
STEPS: tuple[Step, ...] = (
    (VectorTable, "create", 1), (VectorTable, "add", 1), (migration, "_fill", 1),
    (migration, "_copies", 1), (migration, "shadow", 1), (migration, "switch", 1),
    (entries, "append", 1), (Database, "_commit", 1), (Database, "_commit", 2),
    (Database, "_commit", 3), (switch, "remove_copies", 1), (switch, "drop_model", 1),
)  # fmt: skip


def _prepare(place: Path, chance: random.Random) -> None:
    with open_memory(place, embedder=OLD, index="exact") as memory:
        memory.store_many({"text": text_of_key(f"k:{n}"), "key": f"k:{n}"} for n in range(TEXTS))
        memory.parts.catchup.drain()
        memory.recall(text_of_key("k:3"))


def _live(place: Path, armed: threading.Event) -> None:
    armed.set()
    migrate(place, NEW, plan=Plan(recalls=2))
    say("migrated")
    drop(place, "default", OLD)


def _judge(place: Path, known: None, life: Life, check: Check) -> float:
    begun = time.monotonic()
    with open_memory(place) as memory:
        seconds = time.monotonic() - begun
        serves = _serving(memory, check)
    check(serves == 48 or "migrated" not in life.said, "what was switched is not")
    migrate(place, NEW, plan=Plan(recalls=2))
    with open_memory(place) as memory:
        check(_serving(memory, check) == 48, "the next run does not finish")
    return seconds


def _serving(memory: MemoryManager, check: Check) -> int:
    """Return the dimension that serves; see that the entries say so and all is found with it."""
    dimension = memory.parts.embedder.fingerprint.dimension
    switched = any(isinstance(one.event, Migrated) for one in memory.journal.entries())
    check(dimension == (48 if switched else 32), f"{dimension} serves, switched is {switched}")
    check(memory.parts.catchup.drain() == 0, "texts stay without vectors")
    there = {one.key for one in memory.list(limit=1000)}
    check(len(there) == TEXTS, f"{TEXTS - len(there)} acknowledged are lost")
    for key in ("k:0", "k:7", f"k:{TEXTS - 1}"):
        wrong = wrong_scores(memory, key, HashEmbedder(dimension))
        check(not wrong, "; ".join(wrong))
    faults = deep_faults(memory)
    check(not faults, str(faults[:1]))
    return dimension


MIGRATION = Scene(STEPS, _prepare, _live, _judge)
