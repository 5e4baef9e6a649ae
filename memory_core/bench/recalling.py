"""Recall at several sizes, less the encoding of the query, and the opening of the largest store.

Every question is asked of every store in turn, all open at once, so that all see the same machine.
What the model takes for the query is measured within the same recall and taken off it: on a busy
machine the difference of two medians would be noise.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from memory_core.answers import RecallResult
from memory_core.bench.figure import Figure, Run, Spent, Target, spread_of
from memory_core.bench.filling import Filling, embedder_of, wait_for_index
from memory_core.manager import MemoryManager

SMALL, MIDDLE = 1_000, 10_000
AT_MIDDLE = Target("value", 8.0)
BEYOND = Target("ratio", 1.5)
OPENING = Target("value", 2_000.0)
_OPENINGS = 5
_WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Recalled:
    """An answer, what encoding its query took, and what all else took."""

    result: RecallResult
    encoding: Spent
    rest: Spent


def bench_recall(run: Run) -> Iterator[Figure]:
    """Measure recall at each size of the run, and opening the largest."""
    real = embedder_of(run)
    real.encode_query("loads the model")
    filling = Filling(run, real)
    sizes = sorted(set(run.sizes))
    homes = {size: run.place / f"recall-{size}" for size in sizes}
    for size, home in homes.items():
        filling.fill(home, size)
    questions = filling.corpus.questions(run.recalls + _WARM_UP)
    yield from _figures(_recalled(run, filling, homes, questions))
    yield _opening(run, filling, (sizes[-1], homes[sizes[-1]]), questions)


def _recalled(
    run: Run, filling: Filling, homes: Mapping[int, Path], questions: Sequence[str]
) -> dict[int, list[Recalled]]:
    """Return every answer by size, the first few left out."""
    answers: dict[int, list[Recalled]] = {size: [] for size in homes}
    with ExitStack() as stack:
        memories = {size: stack.enter_context(filling.open(home)) for size, home in homes.items()}
        for memory in memories.values():
            wait_for_index(memory)
        for place, question in enumerate(questions):
            run.tell(f"recalling {place + 1} of {len(questions)}")
            for size, memory in memories.items():
                begun = Spent.now()
                result = memory.recall(question)
                taken, encoding = Spent.now() - begun, filling.encoded[-1]
                answers[size].append(Recalled(result, encoding, taken - encoding))
    return {size: found[_WARM_UP:] for size, found in answers.items()}


def _figures(answers: Mapping[int, Sequence[Recalled]]) -> Iterator[Figure]:
    bases: dict[int, float] = {}
    for size, found in answers.items():
        spread = spread_of([one.rest.wall for one in found])
        spread["cpu"] = spread_of([one.rest.processor for one in found])["p50"]
        encode = spread_of([one.encoding.wall for one in found])["p50"]
        bases[size] = spread.pop("p50")
        grown = size > MIDDLE and SMALL in bases
        floor, against = (bases[SMALL], "1,000") if grown else (encode, "encode")
        results = [one.result for one in found]
        how = f"less its own encode of {encode:.1f} ms; of that {spread['cpu']:.1f} ms processor"
        how += f"; floor: {against}"
        yield Figure(
            f"recall.{size}", bases[size], "ms", floor, len(found),
            target=BEYOND if grown else AT_MIDDLE if size <= MIDDLE else None,
            spread=spread, how=f"{how}; {_served(results)}; {_slowest(results)}",
        )  # fmt: skip


def _served(found: Sequence[RecallResult]) -> str:
    """Return which paths and statuses the answers had, so that a failing recall is seen."""
    paths = Counter(
        note.text.split(" over ")[0] for r in found for note in r.notes if note.code == "path"
    )
    states = Counter(result.status for result in found)
    return ", ".join(f"{count} {what}" for what, count in (*paths.items(), *states.items()))


def _slowest(found: Sequence[RecallResult]) -> str:
    """Return the three steps with the highest median."""
    names = [step.name for step in found[0].trace]
    medians = {
        name: spread_of([step.seconds for r in found for step in r.trace if step.name == name])
        for name in names
    }
    top = sorted(medians, key=lambda name: -medians[name]["p50"])[:3]
    return "steps " + ", ".join(f"{name} {medians[name]['p50']:.1f}" for name in top)


def _opening(
    run: Run, filling: Filling, store: tuple[int, Path], questions: Sequence[str]
) -> Figure:
    """Measure from `open_memory` to the first answer; the floor is the second recall."""
    size, home = store
    first, second = [], []
    for place in range(_OPENINGS):
        run.tell(f"opening {size:,}, {place + 1} of {_OPENINGS}")
        begun = time.perf_counter()
        with filling.open(home) as memory:
            memory.recall(questions[place])
            first.append(time.perf_counter() - begun)
            second.append(_asked(memory, questions[-1 - place]))
    spread = spread_of(first)
    return Figure(
        f"open.{size}", spread.pop("p50"), "ms", spread_of(second)["p50"], len(first),
        target=OPENING, spread=spread,
        how="open to first answer, model loaded, file in the page cache; floor: the next recall",
    )  # fmt: skip


def _asked(memory: MemoryManager, question: str) -> float:
    begun = time.perf_counter()
    memory.recall(question)
    return time.perf_counter() - begun
