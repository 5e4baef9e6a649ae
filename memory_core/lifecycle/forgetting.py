"""Forgetting: what fades, what is too old, what is too much; nothing is erased by it.

    strength = max(importance, 0.05) · 0.5 ^ (age / (half-life · (1 + log2(1 + uses))))

Age counts in days from the store or the last reinforcement, uses are reinforcements and counted
repetitions, half-lives go by kind. The exponential is Ebbinghaus's curve with the spacing effect
as a longer half-life (MemoryBank, Zhong et al. 2023, uses the same form with a step per recall).
A recall never counts as a use: only `reinforce` does, which is an entry.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from memory_core import limits
from memory_core.errors import InvalidInput
from memory_core.filters import Where
from memory_core.journal.events import Forgotten
from memory_core.journal.journal import Pending
from memory_core.lifecycle.policies import PINNED, Plan, everything_live
from memory_core.manager import MemoryManager
from memory_core.types import Kind, Memory, to_micros

DAY = 86_400_000_000  # microseconds
DUPLICATE_OF = "duplicate_of"
HALF_LIVES: Mapping[Kind, float] = {"episodic": 90.0, "semantic": 365.0, "procedural": 730.0}
LEAST_WEIGHT = 0.05


@dataclass(frozen=True, slots=True)
class Decay:
    """When a memory has faded.

    Example:
        >>> Decay(half_lives={"episodic": 30, "semantic": 365, "procedural": 365}).least
        0.02
    """

    half_lives: Mapping[Kind, float] = field(default_factory=lambda: HALF_LIVES)
    """Days, by kind."""
    least: float = 0.02
    """Strength below which a memory is forgotten; 0.02 is importance 0.4 after 13 months."""
    grace_days: float = 30.0
    """Nothing younger is forgotten."""

    def __post_init__(self) -> None:
        if bad := {kind: days for kind, days in self.half_lives.items() if not days > 0}:
            raise InvalidInput(f"half-lives {bad} are not positive; give them in days")

    def strength(self, memory: Memory, age_days: float, uses: int) -> float:
        """Return the strength 0..1 of a memory.

        Args:
            memory: its importance and kind count.
            age_days: days since it was stored or last reinforced.
            uses: reinforcements and counted repetitions.
        """
        half_life = self.half_lives[memory.kind] * (1 + math.log2(1 + uses))
        return max(memory.importance, LEAST_WEIGHT) * math.exp2(-max(age_days, 0.0) / half_life)


def decay_plan(
    manager: MemoryManager, decay: Decay | None = None, *, where: Where | None = None
) -> Plan:
    """Return the plan that forgets what has faded.

    Args:
        manager: whose memories.
        decay: the formula's numbers.
        where: only memories that pass this filter may fade.
    """
    rule = decay or Decay()
    found = [
        each
        for each in _weighed(manager, rule, where)
        if each.strength < rule.least and each.age_days > rule.grace_days
    ]
    return _forgetting("decay", found, lambda one: f"faded to {one.strength:.3f}")


def age_plan(manager: MemoryManager, days: float, *, where: Where | None = None) -> Plan:
    """Return the plan that forgets what was neither stored nor reinforced for that many days.

    Raises:
        InvalidInput: not a number above 0, or a bad filter.
    """
    if isinstance(days, bool) or not days > 0:
        raise InvalidInput(f"days={days!r} is not a number above 0; pass one")
    found = [each for each in _weighed(manager, Decay(), where) if each.age_days > days]
    return _forgetting("age", found, lambda one: f"{one.age_days:.0f} days old")


def capacity_plan(manager: MemoryManager, most: int, *, where: Where | None = None) -> Plan:
    """Return the plan that forgets the weakest until `most` are left; pinned ones stay.

    Raises:
        InvalidInput: not a whole number above 0, or a bad filter.
    """
    limits.check_count(most, "capacity")
    everyone = everything_live(manager, where)
    weakest = sorted(_weighed(manager, Decay(), where), key=lambda one: one.strength)
    return _forgetting(
        "capacity", weakest[: max(len(everyone) - most, 0)],
        lambda one: f"beyond {most}, strength {one.strength:.3f}",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Weighed:
    """A memory with its strength."""

    memory: Memory
    age_days: float
    strength: float


def _weighed(manager: MemoryManager, rule: Decay, where: Where | None) -> list[Weighed]:
    """Return what may be forgotten, with its strength, oldest first."""
    now = manager.parts.clock()
    with manager.journal.database.read() as connection:
        state = Pending(connection, manager.journal.identity.ns_id)
        used, repeats = state.last_used(), Counter(t for _, t in state.links_of(DUPLICATE_OF))
    weighed = []
    for memory in everything_live(manager, where):
        if memory.metadata.get(PINNED) is True:
            continue
        number = int(memory.id, 16)
        age = (now - max(to_micros(memory.stored_at), used.get(number, 0))) / DAY
        uses = memory.reinforced + repeats[number]
        weighed.append(Weighed(memory, age, rule.strength(memory, age, uses)))
    return weighed


def _forgetting(policy: str, found: Sequence[Weighed], why: Callable[[Weighed], str]) -> Plan:
    return Plan(
        policy,
        [Forgotten(int(one.memory.id, 16), f"{policy}: {why(one)}") for one in found],
        [f"forget {one.memory.id}: {why(one)}" for one in found],
        {"forgotten": len(found)},
    )
