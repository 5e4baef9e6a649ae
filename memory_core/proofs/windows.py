"""D3: the process dies in every window there is between two steps; the next opening recovers.

A child stores, embeds, indexes with Chroma, recalls, runs a policy and takes a backup, and is
killed before or after one step of that. Which steps those are is written below; each is a function
of the product that is replaced by a deadly one in the child.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
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
from memory_core.proofs.crashing import deadly
from memory_core.proofs.nursery import READY, Life, Nursery, say
from memory_core.proofs.plants import planted, swapped
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.writer import text_of_key
from memory_core.replay.recording import Recordings

STORES = 24
PATIENCE = 60.0  # seconds for Chroma to open and be fed
EMBEDDER = "hash:32"
POINTS: tuple[tuple[Any, str, int], ...] = (
    (Database, "_begin", 2), (Database, "_commit", 2), (Database, "_commit", 5),
    (entries, "append", 3), (state, "apply", 3), (lexical, "index_text", 2),
    (lexical, "merge_when_full", 2), (VectorTable, "create", 1), (VectorTable, "add", 1),
    (ScanFile, "create", 1), (ScanFile, "extend", 1), (EmbeddedStore, "open", 1),
    (EmbeddedStore, "_build", 1), (ChromaIndex, "add", 1),
    (EmbeddedStore, "seal", 1), (mark, "write", 1), (Recordings, "flush", 1),
    (copying, "copy_into", 1), (copies, "_write_manifest", 1), (copies, "_settle", 1),
    (copying, "note_copy", 1),
)  # fmt: skip
"""Owner and function, and which call of it; death comes once before and once after it."""


def prove_windows(run: Run, findings: Findings) -> None:
    """Die before and after each step, `run.size` times over."""
    unreached: set[str] = set()
    worst = 0.0
    with Nursery() as nursery:
        for turn in range(run.size):
            for point in range(2 * len(POINTS)):
                name = POINTS[point // 2][1]
                where = f"{'after' if point % 2 else 'before'} {name}"
                home = run.place / f"{turn}-{point}" / "home"
                arguments = {"home": str(home), "point": point, "plant": run.planted}
                life = nursery.life(f"{__name__}:live_and_die", arguments)
                findings.injected += life.killed
                if not life.killed:
                    unreached.add(where)
                    findings.check(life.code == 0, f"{where}: {life.said[-1:]}")
                with planted(run.planted):
                    worst = max(worst, _judge(home, life, where, findings))
    findings.measured |= {
        "points": 2 * len(POINTS), "unreached": ", ".join(sorted(unreached)) or "none",
        "worst_open_s": round(worst, 2),
    }  # fmt: skip


def live_and_die(*, home: str, point: int, plant: str | None) -> None:
    """Live a short life in a child process that dies at one point of it."""
    owner, name, call = POINTS[point // 2]
    with planted(plant), ExitStack() as stack:
        honest, after = vars(owner)[name], bool(point % 2)
        if isinstance(honest, classmethod):
            killer: Any = classmethod(deadly(honest.__func__, call, after=after))
        else:
            killer = deadly(honest, call, after=after)
        stack.enter_context(swapped(owner, name, killer))
        say(READY)
        options: dict[str, Any] = {"embedder": EMBEDDER, "index": "chroma", "crossover": 1}
        with open_memory(home, **options) as memory:
            for number in range(STORES):
                key = f"k:{number}"
                memory.store(text_of_key(key), key=key)
                say(f"!{key}")
            memory.parts.catchup.drain()
            memory.recall(text_of_key("k:3"))
            memory.parts.derived.keeper.wait(PATIENCE)  # type: ignore[union-attr]
            carry_out(memory, duplicates_plan(memory))
            copies.backup(memory, Path(home).with_name("backup"))


def _judge(home: Path, life: Life, where: str, findings: Findings) -> float:
    """Compare what the child said with what the next opening finds; return how long that took."""
    acknowledged = {line[1:] for line in life.said if line.startswith("!")}
    begun = time.monotonic()
    options: dict[str, Any] = {"embedder": EMBEDDER, "index": "chroma", "crossover": 1}
    with open_memory(home, **options) as memory:
        seconds = time.monotonic() - begun
        there = {str(one.key) for one in memory.list(limit=1000)}
        lost, phantoms = acknowledged - there, len(there - acknowledged)
        findings.check(not lost, f"{where}: {len(lost)} acknowledged are lost")
        findings.check(phantoms <= 1, f"{where}: {phantoms} were in flight")
        faults = deep_faults(memory)
        findings.check(not faults, f"{where}: {faults[:1]}")
        memory.parts.catchup.drain()
        findings.check(not _unfound(memory, sorted(there)[:3]), f"{where}: a memory is not found")
    place = home.with_name("backup")
    if place.exists():
        try:
            copies.drill(place)
        except MemoryCoreError as error:
            findings.check(False, f"{where}: the backup does not restore: {error}")
    return seconds


def _unfound(memory: Any, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if memory.recall(text_of_key(key), k=1).hits[0].memory.key != key]


PROOFS = (Proof("D3", "a death in any window is recovered from", 2, 1, prove_windows),)
