"""What a deadline buys: latency kept and quality reached, with several threads asking at once.

Every deadline asks the same questions of the same filled namespaces, in turns, so that a busy
minute of the machine hits all of them alike; "none" is a recall without a deadline.
"""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from memory_core.errors import InvalidInput
from memory_core.evals.filled import Filled, Homes
from memory_core.evals.intervals import Interval, bootstrap
from memory_core.evals.report import bounds, table
from memory_core.evals.result import Row
from memory_core.evals.run import Plan, ask, haystacks_of, row_of, under
from memory_core.evals.task import Question, Task

DEADLINES_MS = (50.0, 150.0, 500.0)
THREADS = 2
METRICS = ("recall@5", "recall@10", "all@10", "mrr")

Deadline = float | None


class Kept(BaseModel):
    """What came back under one deadline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deadline_ms: Deadline
    n: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    late: float
    """Share of recalls that came after the deadline."""
    degraded: float
    """Share of recalls that say they were cut short."""
    quality: dict[str, tuple[float, float, float]]
    """Metric -> value and its 95 % bounds, over the answerable questions."""


class Deadlines(BaseModel):
    """The trade of one task under one configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    data: str
    embedder: str
    reranker: str | None
    threads: int
    processors: int
    memories: int
    rows: tuple[Kept, ...]


@dataclass(slots=True)
class _Asked:
    seconds: list[float] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    degraded: int = 0


def measure(
    task: Task, plan: Plan, deadlines_ms: Sequence[float] = DEADLINES_MS, threads: int = THREADS
) -> Deadlines:
    """Return latency and quality under every deadline and under none.

    Args:
        task: whose questions are asked.
        plan: settings and limits; its own deadline is not used.
        deadlines_ms: in milliseconds.
        threads: how many questions are asked at the same time.

    Raises:
        InvalidInput: no thread, no question.
    """
    if threads < 1:
        raise InvalidInput(f"threads={threads}; ask with one or more")
    every: dict[Deadline, _Asked] = {None: _Asked(), **{at: _Asked() for at in deadlines_ms}}
    homes = Homes(plan.settings, plan.vectors, plan.tell)
    told: dict[str, Any] = {}
    for haystack in haystacks_of(task, plan):
        with homes.filled(haystack) as filled, ThreadPoolExecutor(threads) as pool:
            told = told or under(filled.memory)
            _warm(filled, task, plan)
            for question, deadline in _turns(haystack.questions, tuple(every)):
                plan.tell(f"{len(every[None].rows)} questions asked")
                jobs = [
                    pool.submit(_one, filled, one, task, _under(plan, deadline)) for one in question
                ]
                for job in jobs:
                    row, seconds, degraded = job.result()
                    into = every[deadline]
                    into.rows.append(row)
                    into.seconds.append(seconds)
                    into.degraded += degraded
    if not every[None].rows:
        raise InvalidInput(f"{task.path.name}: no questions; check the file")
    return Deadlines(
        task=task.name, data=task.path.name, embedder=told["embedder"], reranker=told["reranker"],
        threads=threads, processors=os.cpu_count() or 1, memories=homes.memories,
        rows=tuple(_kept(at, asked) for at, asked in every.items()),
    )  # fmt: skip


def markdown_of(found: Deadlines) -> str:
    """Return the trade as Markdown."""
    headers = [
        "deadline", "p50 ms", "p99 ms", "worst ms", "late", "cut short",
        *(f"{metric} (95 %)" for metric in METRICS),
    ]  # fmt: skip
    rows = []
    for row in found.rows:
        at = "none" if row.deadline_ms is None else f"{row.deadline_ms:g} ms"
        quality = [_bounds(row.quality.get(metric)) for metric in METRICS]
        rows.append(
            [at, f"{row.p50_ms:.0f}", f"{row.p99_ms:.0f}", f"{row.worst_ms:.0f}",
             f"{row.late:.1%}", f"{row.degraded:.1%}", *quality]
        )  # fmt: skip
    head = (
        f"# {found.task}: {found.data}, {found.threads} threads\n\n"
        f"{found.rows[0].n} questions; embedder {found.embedder}; reranker "
        f"{found.reranker or 'none'}; {found.processors} logical processors."
    )
    return f"{head}\n\n{table(headers, rows)}\n"


def write(found: Deadlines, out: Path) -> None:
    """Write `deadline.json`, `deadline.md` and `deadline.png` into a directory.

    Raises:
        MissingExtra: matplotlib is not installed; JSON and Markdown are written before.
    """
    from memory_core.evals.plots import canvas

    out.mkdir(parents=True, exist_ok=True)
    (out / "deadline.json").write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (out / "deadline.md").write_text(markdown_of(found), encoding="utf-8")
    with canvas(out / "deadline.png") as axes:
        for row in found.rows:
            value, low, high = row.quality.get("recall@10", (0.0, 0.0, 0.0))
            name = "none" if row.deadline_ms is None else f"{row.deadline_ms:g} ms"
            axes.errorbar(
                row.p99_ms, value, yerr=[[value - low], [high - value]], fmt="o", label=name
            )
        axes.set_xscale("log")
        axes.set_xlabel("p99 of a recall, ms")
        axes.set_ylabel("recall@10")
        axes.set_title(f"{found.task}: what a deadline buys, {found.threads} threads", fontsize=10)
        axes.legend(title="deadline", fontsize=8)


def _turns(
    questions: Sequence[Question], deadlines: Sequence[Deadline]
) -> Iterator[tuple[Sequence[Question], Deadline]]:
    """Yield blocks of questions under every deadline before the next block is asked."""
    for start in range(0, len(questions), _BLOCK):
        for deadline in deadlines:
            yield questions[start : start + _BLOCK], deadline


def _one(filled: Filled, question: Question, task: Task, plan: Plan) -> tuple[Row, float, bool]:
    begun = time.perf_counter()
    result = ask(filled, question, task, plan)
    seconds = time.perf_counter() - begun
    return row_of(filled, question, result, task.levels), seconds, result.status == "degraded"


def _warm(filled: Filled, task: Task, plan: Plan) -> None:
    """Load the models, and let the reranker learn what a pair costs here."""
    for question in filled.haystack.questions[:_WARMING]:
        ask(filled, question, task, _under(plan, DEADLINES_MS[-1]))


def _under(plan: Plan, deadline: Deadline) -> Plan:
    return replace(plan, deadline_ms=deadline)


def _kept(deadline: Deadline, asked: _Asked) -> Kept:
    times = np.array(asked.seconds) * 1000
    p50, p99 = np.percentile(times, (50, 99))
    quality = {}
    for metric in METRICS:
        values = [
            row.places["turn"].found.value(metric) for row in asked.rows if "turn" in row.places
        ]
        if values:
            interval = bootstrap(values)
            quality[metric] = (interval.value, interval.low, interval.high)
    return Kept(
        deadline_ms=deadline, n=len(asked.rows), p50_ms=float(p50), p99_ms=float(p99),
        worst_ms=float(times.max()),
        late=0.0 if deadline is None else float(np.mean(times > deadline)),
        degraded=asked.degraded / len(asked.rows), quality=quality,
    )  # fmt: skip


def _bounds(told: tuple[float, float, float] | None) -> str:
    return "" if told is None else bounds(Interval(*told))


_BLOCK = 20
_WARMING = 3
