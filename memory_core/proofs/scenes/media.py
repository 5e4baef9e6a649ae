"""D3's images: a file is there before its entry, and none is there that no entry speaks of."""

import random
import threading
import time
from pathlib import Path

from memory_core.build import open_memory
from memory_core.journal import media
from memory_core.journal.database import Database
from memory_core.journal.media import MediaFiles
from memory_core.lifecycle.checking import deep_faults
from memory_core.lifecycle.media import content_of
from memory_core.manager import MemoryManager
from memory_core.proofs.nursery import Life, say
from memory_core.proofs.pictures import orphans, picture
from memory_core.proofs.scenes.scene import Check, Scene, Step
from memory_core.proofs.writer import text_of_key

KEYS = tuple(f"k:{number}" for number in range(4))
STEPS: tuple[Step, ...] = (
    (MediaFiles, "_opened", 1), (MediaFiles, "_written", 1), (MediaFiles, "_keep", 1),
    (MediaFiles, "_keep", 2), (Database, "_begin", 1), (media, "note", 1),
    (Database, "_commit", 1), (Database, "_commit", 2),
)  # fmt: skip


def _picture(key: str) -> bytes:
    return picture(random.Random(key))


def _store(memory: MemoryManager, key: str) -> None:
    memory.store(text_of_key(key), key=key, image=_picture(key))


def _prepare(place: Path, chance: random.Random) -> None:
    with open_memory(place, embedder="hash:32", index="exact") as memory:
        _store(memory, KEYS[0])
        memory.parts.catchup.drain()


def _live(place: Path, armed: threading.Event) -> None:
    with open_memory(place, embedder="hash:32", index="exact") as memory:
        armed.set()
        for key in KEYS[1:]:
            _store(memory, key)
            say(f"!{key}")


def _judge(place: Path, known: None, life: Life, check: Check) -> float:
    acknowledged = {KEYS[0], *(line[1:] for line in life.said if line.startswith("!"))}
    begun = time.monotonic()
    with open_memory(place, embedder="hash:32", index="exact") as memory:
        seconds = time.monotonic() - begun
        there = _kept(memory, check)
        check(acknowledged <= there, f"{len(acknowledged - there)} acknowledged are lost")
        check(len(there - acknowledged) <= 1, "more than one was in flight")
        for key in KEYS:
            _store(memory, key)
        check(_kept(memory, check) == set(KEYS), "a retry did not store what was missing")
    return seconds


def _kept(memory: MemoryManager, check: Check) -> set[str]:
    """Return the keys that are there; see that each has its image and no other file is there."""
    found = memory.list(limit=1000)
    for one in found:
        check(content_of(memory, one.id) == _picture(str(one.key)), "an image is not what it was")
    left = orphans(memory)
    check(not left, f"files that are nobody's: {left}")
    faults = deep_faults(memory)
    check(not faults, str(faults[:1]))
    check(len({one.key for one in found}) == len(found), "a key is stored twice")
    return {str(one.key) for one in found}


MEDIA = Scene(STEPS, _prepare, _live, _judge)
