"""I4: a store that is synchronised again and again stays as small as what is in it.

Each round opens the store, stores the same keyed drafts once more, erases a share of them, stores
those again under their old keys, and waits for Chroma. Then what the derived copies take on disk
(allocated blocks, so that sparse files do not hide), the journal's size, the process's memory and
its open files are compared with what the vectors need and with an earlier round. Every erased
memory may leave one blank row in the scan file: rows keep their numbers.
"""

import gc
import json
import os
from pathlib import Path

from memory_core.build import open_memory
from memory_core.lifecycle.erasing import erase_where
from memory_core.proofs.clustered import Clustered, settled
from memory_core.proofs.nursery import READY, Nursery, say
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run

FULL = 20  # rounds; fewer are tried with few memories
MANY, FEW = 2_000, 400
DIMENSION = 384
SESSIONS = 50  # one of them is erased and stored again each round
TIMES_RAW = 4.0
ROW = DIMENSION * 4 + 32  # bytes of a row in the scan file, with its span and CRC
MORE_JOURNAL = 1.5
MORE_RSS = 1.25
MORE_FILES = 0


def prove_no_bloat(run: Run, findings: Findings) -> None:
    """Synchronise `run.size` times in a child process and look at what grows."""
    count = MANY if run.size >= FULL else FEW
    arguments = {
        "home": str(run.place), "rounds": run.size, "count": count, "plant": run.planted
    }  # fmt: skip
    with Nursery() as nursery:
        life = nursery.life(f"{__name__}:synchronise", arguments)
    findings.check(life.code == 0, f"the process failed: {life.said[-1:]}")
    rounds = [json.loads(line) for line in life.said if line.startswith("{")]
    findings.check(len(rounds) == run.size, f"{len(rounds)} of {run.size} rounds")
    raw = count * DIMENSION * 4
    for number, told in enumerate(rounds):
        findings.injected += 1
        findings.check(told["served"], f"round {number}: Chroma does not serve")
        findings.check(told["memories"] == count, f"round {number}: {told['memories']} memories")
        blank = (number + 1) * (count // SESSIONS) * ROW
        times = (told["derived"] - blank) / raw
        findings.check(times <= TIMES_RAW, f"round {number}: {times:.1f} times the raw vectors")
    if len(rounds) > 2:  # the allocator's arenas are full after a third of them
        _compare(rounds[len(rounds) // 3], rounds[-1], findings)
        findings.measured |= {
            "times_raw_vectors": round(rounds[-1]["derived"] / raw, 2),
            "at_first": round(rounds[0]["derived"] / raw, 2),
            "journal_mb": round(rounds[-1]["journal"] / 1e6, 1),
            "resident_mb": round(rounds[-1]["resident"] / 1e6),
            "open_files": rounds[-1]["files"],
        }


def _compare(first: dict[str, float], last: dict[str, float], findings: Findings) -> None:
    for name, most in (("journal", MORE_JOURNAL), ("resident", MORE_RSS)):
        grown = last[name] / first[name]
        findings.check(grown <= most, f"{name} grew {grown:.2f} times, {most} is allowed")
    more = last["files"] - first["files"]
    findings.check(more <= MORE_FILES, f"{more} more open files than before")


def synchronise(*, home: str, rounds: int, count: int, plant: str | None) -> None:
    """Synchronise the same drafts again and again; say after each round what is there."""
    say(READY)
    drafts = [
        {"text": f"note {n}", "key": f"k:{n}", "session": f"s{n % SESSIONS}"} for n in range(count)
    ]
    model = Clustered(DIMENSION)
    with planted(plant):
        for number in range(rounds):
            with open_memory(
                home, embedder=model, index="chroma", crossover=1, recordings=False
            ) as memory:
                memory.store_many(drafts)
                erase_where(memory, {"session": f"s{number % SESSIONS}"})
                memory.store_many(drafts)
                memory.parts.catchup.drain()
                served = settled(memory)
                memory.recall(str(drafts[number]["text"]), k=3)
                told = {"served": served, "memories": len(memory.list(limit=10_000))}
            gc.collect()
            told |= {"files": len(os.listdir("/proc/self/fd")), "resident": _resident()}
            derived = sum(_allocated(path) for path in (Path(home) / "derived").rglob("*"))
            journal = sum(_allocated(path) for path in Path(home).glob("journal.db*"))
            say(json.dumps({**told, "derived": derived, "journal": journal}))


def _allocated(path: Path) -> int:
    return path.lstat().st_blocks * 512


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


PROOFS = (Proof("I4", "a store stays as small as what is in it", 20, 3, prove_no_bloat),)
