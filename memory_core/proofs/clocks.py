"""U3: the clock jumps back an hour, to 1970, to 2106, or stands still; order is that of entries.

Store time never runs backwards, every moment that is shown is UTC, and a memory with an end is seen
until that end by the clock of the moment, not earlier.
"""

import random
from datetime import timedelta

from memory_core.build import open_memory
from memory_core.journal.sql import rows
from memory_core.manager import MemoryManager
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.types import Memory, from_micros, to_micros

SECOND = 1_000_000
HOUR = 3_600 * SECOND
YEAR = 365 * 24 * HOUR
START = 56 * YEAR
EPOCH_32 = 2**32 * SECOND
"""February 2106: where an unsigned 32-bit count of seconds ends."""


class Dial:
    """A clock in microseconds since 1970 that jumps."""

    def __init__(self, chance: random.Random) -> None:
        self.now = START
        self._chance = chance
        self.jumps = 0

    def __call__(self) -> int:
        """Return the time it shows."""
        return self.now

    def turn(self) -> None:
        """Move as clocks do when they are set, synchronised, broken, or read too fast."""
        before = self.now
        self.now = self._chance.choice(
            [before, before, before + 1, before + SECOND, before - HOUR, before + HOUR, 0, -1,
             EPOCH_32 - 1, EPOCH_32, before - YEAR, START, before + 10 * YEAR]
        )  # fmt: skip
        self.now = min(max(self.now, -YEAR), 200 * YEAR)
        self.jumps += self.now < before


def prove_clock(run: Run, findings: Findings) -> None:
    """Store and change under a jumping clock; compare every order and stamp with the entries."""
    dial = Dial(run.random)
    with (
        planted(run.planted),
        open_memory(run.place, embedder="hash:64", clock=dial, recordings=False) as memory,
    ):
        kept: list[Memory] = []
        for number in range(run.size):
            dial.turn()
            _write(memory, kept, number, run.random)
            if number % 10 == 0:
                _check_ends(memory, dial, findings)
        _check_order(memory, findings)
        for stored in run.random.sample(kept, min(100, len(kept))):
            _check_past(memory, stored, findings)
    findings.injected = dial.jumps


def _write(memory: MemoryManager, kept: list[Memory], number: int, chance: random.Random) -> None:
    if kept and number % 4 == 0:
        memory.revise(chance.choice(kept).id, metadata={"turn": number})
    elif kept and number % 7 == 0:
        memory.reinforce(chance.choice(kept).id)
    else:
        end = from_micros(START + chance.randrange(60 * YEAR))
        kept.append(memory.store(f"note {number}", valid_to=end if number % 3 == 0 else None))


def _check_ends(memory: MemoryManager, dial: Dial, findings: Findings) -> None:
    seen = {m.id for m in memory.list(limit=1_000_000)}
    with memory.journal.database.read() as connection:
        found = rows(
            connection,
            "SELECT number, valid_to FROM memories WHERE seq_to IS NULL AND valid_to IS NOT NULL",
        )
    for number, end in found:
        holds = (f"{number:016x}" in seen) == (dial.now < end)
        findings.check(holds, f"a memory valid to {end} is wrongly there or not at {dial.now}")


def _check_order(memory: MemoryManager, findings: Findings) -> None:
    entries = list(memory.journal.entries())
    stamps = [entry.at for entry in entries]
    findings.check([e.seq for e in entries] == list(range(1, len(entries) + 1)), "a gap in seq")
    findings.check(stamps == sorted(stamps), "store time ran backwards")
    findings.check(memory.journal.verify() == [], "verify finds faults")
    versions = [m.version for m in memory.list(limit=1_000_000)]
    findings.check(versions == sorted(versions, reverse=True), "list is not in order of entries")
    for stored in memory.list(limit=1_000_000):
        changes = memory.history(stored.id)
        moments = [change.at for change in changes]
        findings.check(moments == sorted(moments), "a history runs backwards")
        shown = (*moments, stored.stored_at, stored.occurred_at)
        findings.check(all(m.utcoffset() == timedelta(0) for m in shown), "a moment is not UTC")
        findings.check(stored.stored_at == moments[0], "a memory is older than its first entry")


def _check_past(memory: MemoryManager, stored: Memory, findings: Findings) -> None:
    """A memory is known at its store time, and not before."""
    before = stored.stored_at - timedelta(microseconds=1)
    for moment, known in ((stored.stored_at, True), (before, False)):
        seq = memory.journal.seq_at(to_micros(moment))
        holds = (seq >= stored.version) == known
        findings.check(holds, f"what was known at {moment} does not agree with the entries")


PROOFS = (
    Proof(
        "U3", "the order is that of the entries, whatever the clock does", 3000, 200, prove_clock
    ),
)
