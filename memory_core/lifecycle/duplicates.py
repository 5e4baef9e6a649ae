"""Counts what says the same as evidence for one memory; every occurrence stays as it was told.

    same statement     equal words (case, spaces and marks aside), by the same speaker
    near the same      MinHash finds pairs, words agree to 80 % and vectors to cosine 0.92,
                       with equal numbers and places, and both or neither denying it

The oldest of a group stands for it; each other one is linked `duplicate_of` to it. Nothing is
dropped: a question about a session or a date still finds the occurrence of that session or date.
What repeats is counted as a use of the one that stands for it, so it fades more slowly.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory_core.journal.events import Linked
from memory_core.journal.pending import Pending
from memory_core.lifecycle.conflicts import Statement
from memory_core.lifecycle.forgetting import DUPLICATE_OF
from memory_core.lifecycle.gather import unit_vectors
from memory_core.lifecycle.policies import Plan, everything_live
from memory_core.manager import MemoryManager
from memory_core.terms import terms
from memory_core.types import Memory

PERMUTATIONS, BAND = 64, 2  # 32 bands of 2: pairs of Jaccard .5 are met with probability .9999
PRIME = (1 << 61) - 1  # of the universal hash family, Carter & Wegman 1979
WORDS_ALIKE = 0.8
VECTORS_ALIKE = 0.92  # MiniLM's paraphrases lie below .95, its reorderings and small edits above

Signature = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Saying:
    """A memory and what is compared of it."""

    memory: Memory
    plain: str
    words: frozenset[str]
    statement: Statement

    @classmethod
    def of(cls, memory: Memory) -> "Saying":
        """Return the memory with its words."""
        words = terms(memory.text)
        return cls(memory, " ".join(words), frozenset(words), Statement.of(memory.text))


def duplicates_plan(manager: MemoryManager) -> Plan:
    """Return the plan that links each repetition to the oldest memory that says the same."""
    memories = everything_live(manager)
    sayings = [Saying.of(memory) for memory in memories]
    groups = _groups(sayings, unit_vectors(manager, memories))
    pairs = [(sayings[one].memory, sayings[of].memory) for one, of in groups]
    events = [Linked(int(one.id, 16), int(of.id, 16), DUPLICATE_OF) for one, of in pairs]
    with manager.journal.database.read() as connection:
        state = Pending(connection, manager.journal.identity.ns_id)
        known = set(state.links_of(DUPLICATE_OF))
    fresh = [e for e in events if (e.source, e.target) not in known]
    lines = [f"{one.id} says the same as {of.id}" for one, of in pairs]
    counts = {"memories": len(memories), "duplicates": len(events)}
    return Plan("deduplicate", fresh, lines, counts)


def _groups(sayings: Sequence[Saying], vectors: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Yield (place, place of the oldest that says the same), oldest first."""
    stands_for: dict[int, int] = {}
    met = _meetings(sayings)
    for place, saying in enumerate(sayings):
        for other in sorted(met[place]):
            if other < place and _same(saying, sayings[other], vectors[[place, other]]):
                stands_for[place] = stands_for.get(other, other)
                yield place, stands_for[place]
                break


def _same(one: Saying, two: Saying, vectors: NDArray[np.float32]) -> bool:
    if _who(one.memory) != _who(two.memory):
        return False
    if one.plain == two.plain:
        return True
    common, every = len(one.words & two.words), len(one.words | two.words)
    if common < WORDS_ALIKE * every or float(vectors[0] @ vectors[1]) < VECTORS_ALIKE:
        return False
    a, b = one.statement, two.statement
    return (a.numbers, a.places, a.denied) == (b.numbers, b.places, b.denied)


def _who(memory: Memory) -> tuple[str | None, ...]:
    return memory.speaker, memory.role, memory.subject, memory.attribute


def _meetings(sayings: Sequence[Saying]) -> dict[int, set[int]]:
    """Return for each place the earlier places that MinHash says may be alike."""
    met: dict[int, set[int]] = defaultdict(set)
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for place, saying in enumerate(sayings):
        signature = minhash(saying.words)
        for band in range(0, PERMUTATIONS, BAND):
            bucket = buckets[band, signature[band : band + BAND].tobytes()]
            met[place].update(bucket[:64])
            bucket.append(place)
    return met


def minhash(words: frozenset[str]) -> Signature:
    """Return the MinHash signature `(64,)` of a set of words (Broder 1997)."""
    if not words:
        return np.zeros(PERMUTATIONS, dtype=np.uint64)
    hashes = np.array([zlib.crc32(word.encode()) for word in words], dtype=np.uint64)
    mixed = (hashes[:, None] * _FACTORS[None, :] + _OFFSETS[None, :]) % np.uint64(1 << 32)
    least: Signature = mixed.min(axis=0)
    return least


_RANDOM = np.random.default_rng(1997)
_FACTORS = _RANDOM.integers(1, 1 << 31, PERMUTATIONS, dtype=np.uint64) | np.uint64(1)
_OFFSETS = _RANDOM.integers(0, 1 << 32, PERMUTATIONS, dtype=np.uint64)
