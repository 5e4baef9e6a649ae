"""How clean a memory is: shares of what repeats, what echoes, what is stale, what holds secrets.

    duplicate   says the same as an older memory                        (see duplicates)
    echo        an assistant's or a tool's words that are an older memory of somebody else's: what
                was recalled was stored again, the loop that fills stores with copies
    stale       contradicts a later memory by the rules                 (see conflicts)
    faded       weaker than the decay policy keeps                      (see forgetting)
    secret      holds a value-shaped secret, or was flagged for one     (see secrets)

It reads and writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memory_core.journal.journal import Pending
from memory_core.lifecycle.conflicts import conflicts
from memory_core.lifecycle.duplicates import duplicates_plan
from memory_core.lifecycle.forgetting import decay_plan
from memory_core.lifecycle.policies import everything_live
from memory_core.lifecycle.secrets import FLAG, find_secrets
from memory_core.manager import MemoryManager
from memory_core.terms import terms
from memory_core.types import Memory

ECHO_WORDS = 6  # content words; shorter replies repeat by chance
ECHO_SHARE = 0.9
ECHOING = ("assistant", "tool")


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found among the live memories."""

    memories: int
    ids: Mapping[str, Sequence[str]]
    """By fault: the memories that have it."""

    @property
    def rates(self) -> dict[str, float]:
        """By fault: its share of the live memories, 0..1."""
        return {name: len(ids) / max(self.memories, 1) for name, ids in self.ids.items()}


def audit(manager: MemoryManager) -> Audit:
    """Look through all live memories; quadratic only among those that share rare words."""
    memories = everything_live(manager)
    repeats = duplicates_plan(manager).lines
    faded = decay_plan(manager).lines
    return Audit(
        len(memories),
        {
            "duplicate": [line.split()[0] for line in repeats],
            "echo": _echoes(memories),
            "stale": sorted(_stale(manager, memories)),
            "faded": [line.split()[1].rstrip(":") for line in faded],
            "secret": [m.id for m in memories if FLAG in m.metadata or find_secrets(m.text)],
        },
    )


def _stale(manager: MemoryManager, memories: Sequence[Memory]) -> set[str]:
    """Return what contradicts a later memory, but for pairs that were reviewed and let stand."""
    with manager.journal.database.read() as connection:
        proposals = Pending(connection, manager.journal.identity.ns_id).proposals()
    stand = {frozenset(row[1:3]) for row in proposals if row[4] is not None}
    return {
        one.earlier.id
        for one in conflicts(memories)
        if frozenset((int(one.earlier.id, 16), int(one.later.id, 16))) not in stand
    }


def _echoes(memories: Sequence[Memory]) -> list[str]:
    """Return what an assistant or tool said that an older memory of another role holds."""
    holders: dict[str, list[int]] = {}
    said = [frozenset(terms(memory.text)) for memory in memories]
    found = []
    for place, memory in enumerate(memories):
        if memory.role in ECHOING and len(said[place]) >= ECHO_WORDS:
            rarest = min(said[place], key=lambda word: len(holders.get(word, ())))
            older = holders.get(rarest, [])
            if any(_repeats(said[place], said[o]) and memories[o].role != memory.role
                   for o in older):  # fmt: skip
                found.append(memory.id)
        for word in said[place]:
            holders.setdefault(word, []).append(place)
    return found


def _repeats(one: frozenset[str], older: frozenset[str]) -> bool:
    return len(one & older) >= ECHO_SHARE * len(one)
