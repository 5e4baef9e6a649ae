"""D9: four processes write one store while two read it; then a fresh one finds everything.

Who has the vector index open is read from the kernel's list of open files, not from the product.
"""

import json
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import apsw
import numpy as np

from memory_core.build import open_memory
from memory_core.proofs.nursery import READY, Life, Nursery, say
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run

WRITERS, READERS = 4, 2
LOOK_EVERY = 0.02  # seconds between two looks at who has the index open
OWN = 0.999  # a text is at least this similar to itself


def prove_crowd(run: Run, findings: Findings) -> None:
    """Let the writers store `run.size` memories each, and check what all of them see."""
    nurseries = [Nursery() for _ in range(WRITERS + READERS)]
    with ThreadPoolExecutor(len(nurseries)) as pool:
        ends = [
            pool.submit(nursery.life, _role(number), _arguments(run, number))
            for number, nursery in enumerate(nurseries)
        ]
        most, looks = _most_owners(run.place, nurseries, ends)
        floors = list(pool.map(partial(_floor, run), nurseries[:WRITERS], range(WRITERS)))
    for nursery in nurseries:
        nursery.__exit__(None, None, None)
    lives = [end.result() for end in ends]
    findings.check(most <= 1, f"{most} processes had the index open at once")
    waits = np.concatenate([_judge(life, findings) for life in lives[:WRITERS]])
    for life in lives[WRITERS:]:
        _judge(life, findings)
    _find_everything(run, findings)
    findings.injected = WRITERS + READERS
    findings.measured |= {
        "stored": len(waits), "p50_ms": round(float(np.percentile(waits, 50)), 2),
        "p99_ms": round(float(np.percentile(waits, 99)), 2),
        "floor_p99_ms": round(float(np.percentile(np.concatenate(floors), 99)), 2),
        "worst_ms": round(float(max(waits)), 1), "index_owners": most, "looks": looks,
    }  # fmt: skip


def write_share(*, home: str, writer: int, count: int, plant: str | None) -> None:
    """Store a share of the memories and say how long each store took, in milliseconds."""
    with planted(plant), open_memory(home, embedder="hash:64", index="chroma") as memory:
        say(READY)
        waits = []
        for number in range(count):
            begun = time.perf_counter()
            memory.store(text_of(writer, number), key=f"{writer}:{number}")
            waits.append(round((time.perf_counter() - begun) * 1000, 3))
        memory.parts.catchup.drain()
    say(json.dumps(waits))


def write_bare(*, home: str, writer: int, count: int, plant: str | None) -> None:
    """Commit as many rows to a bare SQLite file, made durable as the journal is: the floor."""
    connection = apsw.Connection(f"{home}-floor.db")
    connection.set_busy_timeout(5_000)
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS floor(text TEXT NOT NULL)")
    say(READY)
    waits = []
    for number in range(count):
        begun = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO floor VALUES (?)", (text_of(writer, number),))
        connection.execute("COMMIT")
        waits.append(round((time.perf_counter() - begun) * 1000, 3))
    connection.close()
    say(json.dumps(waits))


def read_along(*, home: str, writer: int, count: int, plant: str | None) -> None:
    """Recall while others write; every hit must be a whole memory that a writer stored."""
    waits = []
    with planted(plant), open_memory(home, embedder="hash:64", index="chroma") as memory:
        say(READY)
        for number in range(count):
            begun = time.perf_counter()
            result = memory.recall(text_of(number % WRITERS, number), k=5, record=False)
            for hit in result.hits:
                owner, place = (hit.memory.key or "").split(":")
                if hit.memory.text != text_of(int(owner), int(place)):
                    raise ValueError(f"{hit.memory.key} has a foreign text")
            waits.append(round((time.perf_counter() - begun) * 1000, 3))
    say(json.dumps(waits))


def text_of(writer: int, number: int) -> str:
    """Return the text of a writer's memory."""
    return f"writer {writer} put box {number} into room w{writer}n{number} of house {number % 9}"


def _floor(run: Run, nursery: Nursery, number: int) -> list[float]:
    life = nursery.life(f"{__name__}:write_bare", _arguments(run, number))
    return [float(wait) for wait in json.loads(life.said[-1])] if life.code == 0 else [0.0]


def _role(number: int) -> str:
    return f"{__name__}:{'write_share' if number < WRITERS else 'read_along'}"


def _arguments(run: Run, number: int) -> dict[str, object]:
    return {"home": str(run.place), "writer": number, "count": run.size, "plant": run.planted}


def _most_owners(home: Path, nurseries: list[Nursery], ends: list[Future[Life]]) -> tuple[int, int]:
    """Return how many children had the index open at once at most, and how often it looked."""
    most = looks = 0
    while not all(end.done() for end in ends):
        owners = sum(_has_index_open(nursery.pid, home / "derived") for nursery in nurseries)
        most, looks = max(most, owners), looks + 1
        time.sleep(LOOK_EVERY)
    return most, looks


def _has_index_open(pid: int, derived: Path) -> bool:
    try:
        opened = [os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()] if pid else []
    except OSError:  # it ended, or this is no Linux
        return False
    return any(name.startswith(f"{derived}/chroma") and ".sqlite3" in name for name in opened)


def _judge(life: Life, findings: Findings) -> list[float]:
    findings.check(life.code == 0, f"a process failed: {life.said[-1:]}")
    return [float(wait) for wait in json.loads(life.said[-1])] if life.code == 0 else [0.0]


def _find_everything(run: Run, findings: Findings) -> None:
    wanted = {
        f"{writer}:{number}": text_of(writer, number)
        for writer in range(WRITERS)
        for number in range(run.size)
    }
    with open_memory(run.place, embedder="hash:64", index="chroma") as memory:
        memory.parts.catchup.drain()
        there = {m.key: m.text for m in memory.list(limit=10_000_000)}
        findings.check(there == wanted, f"{len(there)} of {len(wanted)} memories are there")
        for key, text in wanted.items():
            hits = memory.recall(text, k=3, record=False).hits
            own = [hit for hit in hits if hit.memory.key == key]
            found = bool(own) and own[0].signals.get("dense", 0.0) >= OWN
            findings.check(found, f"{key} is not found by its own text and vector")
        findings.check(memory.journal.verify() == [], "the chain is broken")


PROOFS = (Proof("D9", "several processes share one store and one index", 400, 25, prove_crowd),)
