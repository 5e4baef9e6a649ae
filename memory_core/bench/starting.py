"""How long a fresh process takes: the import, `memory stats`, and a cold `memory recall`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from memory_core.bench.figure import Figure, Run, Target, spread_of
from memory_core.build import open_memory
from memory_core.samples import sample_turns

COMMAND = "from memory_core.serve.cli import main; main()"
LOADING = (
    "from memory_core.embed.registry import make_embedder; from pathlib import Path; import sys;"
    "make_embedder(sys.argv[1], cache_dir=Path(sys.argv[2])).encode_query('Where does Ana live?')"
)


def bench_start(run: Run) -> Iterator[Figure]:
    """Measure fresh processes in turns with the bare interpreter."""
    home = run.place / "start"
    run.tell("embedding the sample conversation")
    with open_memory(home, **run.settings) as memory:
        memory.store_many(sample_turns())
        memory.parts.catchup.drain()
        settings = memory.parts.embedder.fingerprint.model
    given = str(run.settings.get("embedder") or os.environ.get("MEMORY_EMBEDDER") or settings)
    memory_command = (COMMAND, "--home", str(home), "--embedder", given)
    quick = _timed(run, {
        "bare": ("pass",), "import": ("import memory_core",),
        "stats": (*memory_command, "stats"),
    }, run.starts)  # fmt: skip
    slow = _timed(run, {
        "encode": (LOADING, given, str(run.place)),
        "recall": (*memory_command, "recall", "Where does Ana live?"),
    }, max(2, run.starts // 3))  # fmt: skip
    bare = spread_of(quick["bare"])["p50"]
    over = [max(0.0, seconds - bare / 1e3) for seconds in quick["import"]]
    bare_import = "import memory_core, less the bare interpreter"
    yield _figure("start.import", over, bare, limit=150, how=bare_import)
    yield _figure("start.stats", quick["stats"], bare, limit=700, how="`memory stats`, all of it")
    how = "`memory recall` from the shell; floor: a process that loads the model and encodes"
    encode = spread_of(slow["encode"])["p50"]
    yield _figure("start.recall", slow["recall"], encode, limit=None, how=how)


def _timed(run: Run, codes: Mapping[str, Sequence[str]], count: int) -> dict[str, list[float]]:
    """Return seconds of `count` processes of each kind, in turns; the first ones warm up."""
    times: dict[str, list[float]] = {name: [] for name in codes}
    for place in range(count + 1):
        run.tell(f"starting {', '.join(codes)}: {place + 1} of {count + 1}")
        for name, words in codes.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", *words], check=True, capture_output=True)
            times[name].append(time.perf_counter() - begun)
    return {name: seconds[1:] for name, seconds in times.items()}


def _figure(
    name: str, seconds: Sequence[float], floor: float, *, limit: float | None, how: str
) -> Figure:
    spread = spread_of(seconds)
    target = None if limit is None else Target("value", limit)
    value = spread.pop("p50")
    return Figure(name, value, "ms", floor, len(seconds), target=target, spread=spread, how=how)
