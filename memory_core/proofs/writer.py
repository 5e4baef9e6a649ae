"""What the children do that proofs kill: store without end, saying what was acknowledged.

A child says the key of each store before it begins ("?key") and after it returned ("!key"), so
the parent knows what was in flight when it died.
"""

import itertools
import random

from memory_core.build import open_memory
from memory_core.manager import MemoryManager
from memory_core.proofs.nursery import READY, say
from memory_core.proofs.pictures import picture
from memory_core.proofs.plants import planted

TEXT = "memory {key}: the box number {number} is in room {room} of house {house}"


def text_of_key(key: str) -> str:
    """Return the text that the writer stores under a key."""
    number = int(key.rsplit(":", 1)[1])
    return TEXT.format(key=key, number=number, room=number % 17, house=number % 5)


def image_of_key(key: str) -> bytes | None:
    """Return the image that the writer of retries stores under a key, one in eight has one."""
    number = int(key.rsplit(":", 1)[1])
    return None if number % 8 else picture(random.Random(number))


def write(*, home: str, start: int, index: str, plant: str | None) -> None:
    """Store new memories until killed."""
    with planted(plant):
        memory = open_memory(home, embedder="hash:64", index=index)
        say(READY)
        for number in itertools.count(start):
            _store(memory, number)


def retry(*, home: str, start: int, stop: int, seed: int, plant: str | None) -> None:
    """Store every number of the range one to five times under one key."""
    times = random.Random(seed)
    with planted(plant):
        memory = open_memory(home, embedder="hash:64", recordings=False)
        say(READY)
        for number in range(start, stop):
            for _ in range(times.randint(1, 5)):
                _store(memory, number, image=image_of_key(f"k:{number}"))
        memory.close()


def _store(memory: MemoryManager, number: int, image: bytes | None = None) -> None:
    key = f"k:{number}"
    say(f"?{key}")
    memory.store(text_of_key(key), key=key, image=image)
    say(f"!{key}")
