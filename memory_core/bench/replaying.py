"""What recording a recall costs its caller, how large it is, and how fast it is replayed.

Recalls with and without recording are asked in turns of one store; the recordings' own times come
from the same store, so all see the same machine.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median
from typing import TypeVar

from memory_core.answers import RecallResult
from memory_core.bench.figure import Figure, Run, Target, spread_of
from memory_core.bench.filling import Filling, embedder_of, wait_for_index
from memory_core.bench.recalling import MIDDLE
from memory_core.manager import MemoryManager
from memory_core.replay import Replay
from memory_core.replay.encoding import encode
from memory_core.replay.environment import Environment

SMALL_ENOUGH = Target("value", 12.0)
AT_ONCE = Target("value", 2.0)
UNNOTICED = Target("ratio", 0.05)
REPEATED = Target("ratio", 1.5)
PLAYED = 500
_WARM_UP = 10
T = TypeVar("T")


def bench_replay(run: Run) -> Iterator[Figure]:
    """Measure recording, playback and re-execution at the largest size up to 10,000."""
    real = embedder_of(run)
    real.encode_query("loads the model")
    filling = Filling(run, real)
    size = max((size for size in run.sizes if size <= MIDDLE), default=min(run.sizes))
    home = run.place / f"replay-{size}"
    filling.fill(home, size)
    questions = filling.corpus.questions(run.recalls + _WARM_UP)
    with filling.open(home) as memory:
        wait_for_index(memory)
        for question in questions[:_WARM_UP]:
            memory.recall(question)
        found = [_timed(partial(memory.recall, question)) for question in questions[_WARM_UP:]]
        results, recalls = [result for result, _ in found], [seconds for _, seconds in found]
        yield from _recorded(memory, results, recalls)
        yield from _replayed(run, memory, results, recalls)


def _recorded(
    memory: MemoryManager, results: Sequence[RecallResult], recalls: Sequence[float]
) -> Iterator[Figure]:
    recorder, parts = memory.parts.recorder, memory.parts
    if recorder is None or parts.wiring is None:
        return
    whole = spread_of(recalls)["p50"]
    added = [_timed(partial(recorder.add, result, None))[1] for result in results]
    spread = spread_of(added)
    yield Figure(
        "record.caller", spread.pop("p50"), "ms", whole, len(added), target=UNNOTICED,
        spread=spread, how="what the caller of a recall waits for; floor: the recall",
    )  # fmt: skip
    under = Environment.of(parts.wiring.settings, parts.embedder.fingerprint, parts.wiring.judge)
    blobs = [_timed(partial(encode, r, under.values, under.ratios)) for r in results]
    spread = spread_of([seconds for _, seconds in blobs])
    yield Figure(
        "record.behind", spread.pop("p50"), "ms", whole, len(blobs), spread=spread,
        how="making the bytes, on the thread behind; floor: the recall",
    )  # fmt: skip
    sizes = [len(blob) / 1024 for blob, _ in blobs]
    candidates = median(len({h.version for s in r.trace for h in s.hits}) for r in results)
    yield Figure(
        "record.size", max(sizes), "KiB", None, len(sizes), target=SMALL_ENOUGH,
        spread={"p50": median(sizes)}, how=f"the largest; half have {candidates:.0f} candidates",
    )  # fmt: skip


def _replayed(
    run: Run, memory: MemoryManager, results: Sequence[RecallResult], recalls: Sequence[float]
) -> Iterator[Figure]:
    recorder, replay = memory.parts.recorder, Replay(memory)
    if recorder is None:
        return
    for place in range(PLAYED - len(results)):
        recorder.add(results[place % len(results)], None)
    replay.list(1)
    played, seconds = _timed(partial(replay.list, PLAYED))
    yield Figure(
        f"playback.{PLAYED}", seconds, "s", None, len(played), target=AT_ONCE,
        how="reading and decoding so many recordings",
    )  # fmt: skip
    again = []
    for place, result in enumerate(results):
        run.tell(f"re-executing {place + 1} of {len(results)}")
        again.append(_timed(partial(replay.reexecute, str(result.recall_id))))
    spread = spread_of([seconds for _, seconds in again])
    exact = sum(found.exact for found, _ in again)
    yield Figure(
        "reexecute", spread.pop("p50"), "ms", spread_of(recalls)["p50"], len(again),
        target=REPEATED, spread=spread,
        how=f"the verdict, without the full scan; floor: the recall; {exact} exact",
    )  # fmt: skip


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    begun = time.perf_counter()
    value = call()
    return value, time.perf_counter() - begun
