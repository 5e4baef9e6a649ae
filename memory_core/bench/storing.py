"""A store against a bare commit of the same bytes by the same SQLite, in turns."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw

from memory_core.bench.corpus import Corpus
from memory_core.bench.figure import Figure, Run, Target, spread_of
from memory_core.build import open_memory
from memory_core.manager import MemoryManager

TARGET = Target("ratio", 2.5)
_WARM_UP = 50


def bench_store(run: Run) -> Iterator[Figure]:
    """Measure `store` with the embedding worker stopped, then with it running."""
    texts = [said.text for said in Corpus(run.seed).take(run.stores + _WARM_UP)]
    run.tell(f"storing {run.stores:,} texts, worker stopped")
    with open_memory(run.place / "store", **run.settings) as memory:
        memory.parts.catchup.close()
        quiet, bare = _in_turns(memory, run.place / "bare.db", texts)
        work, least = _in_turns(memory, run.place / "cpu.db", texts, time.thread_time)
        mode = memory.journal.database.mode
    alone = spread_of(bare)
    yield _figure(
        "store", quiet, alone["p50"], f"worker stopped; floor: INSERT of the text, {mode}"
    )
    least_of = spread_of(least)["p50"]
    yield _figure("store.cpu", work, least_of, "processor time of the same, whatever else runs")
    run.tell(f"storing {run.stores:,} texts, worker running")
    with open_memory(run.place / "store-worker", **run.settings) as memory:
        memory.store("The model is loaded before anything is measured.")
        memory.parts.catchup.drain()
        busy, _ = _in_turns(memory, run.place / "bare-worker.db", texts)
    yield _figure(
        "store.worker", busy, alone["p50"], "worker embeds meanwhile; same floor, undisturbed"
    )


def _in_turns(
    memory: MemoryManager,
    floor: Path,
    texts: Sequence[str],
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[list[float], list[float]]:
    """Return seconds of each store and each bare commit, the first few left out."""
    bare = _bare(floor, memory.journal.database.mode)
    ours, theirs = [], []
    for text in texts:
        begun = clock()
        memory.store(text)
        between = clock()
        bare.execute("INSERT INTO texts(text) VALUES (?)", (text,))
        ours.append(between - begun)
        theirs.append(clock() - between)
    bare.close()
    return ours[_WARM_UP:], theirs[_WARM_UP:]


def _bare(path: Path, mode: str) -> apsw.Connection:
    """Open a file with one table, as durable as the journal; `mode` as in `wal/FULL on …`."""
    journal, synchronous = mode.split(" ")[0].split("/")
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", journal)
    connection.pragma("synchronous", synchronous)
    connection.execute("CREATE TABLE texts(n INTEGER PRIMARY KEY, text TEXT)")
    return connection


def _figure(name: str, seconds: Sequence[float], floor: float, how: str) -> Figure:
    spread = spread_of(seconds)
    target = TARGET if name == "store" else None
    value = spread.pop("p50")
    return Figure(name, value, "ms", floor, len(seconds), target=target, spread=spread, how=how)
