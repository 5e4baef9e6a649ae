"""Runs a task: every haystack into a namespace, every question a recall, every outcome a row.

Nothing but the public face is used to store and recall. The leak test runs before anything is
stored and on every packed context; a leak ends the run.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memory_core import config
from memory_core.answers import RecallResult
from memory_core.errors import InvalidInput
from memory_core.evals.filled import Filled, Homes
from memory_core.evals.leaks import check_context
from memory_core.evals.metrics import found
from memory_core.evals.pool import pooled
from memory_core.evals.result import Place, Result, Row
from memory_core.evals.task import Haystack, Level, Question, Task
from memory_core.manager import MemoryManager
from memory_core.version import __version__

TOKEN_BUDGET = 1_000
RETRIEVING_ENDS = "fuse"
"""The stage whose input is everything that the retrievers brought."""
_SHORT = 20
"""Characters below which a text must be shown by itself: it could stand inside any other."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a task is run."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """For `open_memory`."""
    k: int | None = None
    """How many hits; the task's own number when None."""
    token_budget: int = TOKEN_BUDGET
    deadline_ms: float | None = None
    pooled: bool = False
    """Whether all haystacks go into one namespace."""
    limit: int | None = None
    """How many questions; all when None."""
    vectors: Path | None = None
    """Directory of vectors kept between runs."""
    tell: Callable[[str], None] = lambda what: None


def evaluate(task: Task, plan: Plan) -> Result:
    """Return the outcome of every question.

    Raises:
        InvalidInput: the file is malformed, or has no question.
        LabelLeak: an id or label is in an indexed text or a packed context.
    """
    homes = Homes(plan.settings, plan.vectors, plan.tell)
    rows: list[Row] = []
    count, asking = 0, 0.0
    told: dict[str, Any] = {}
    for haystack in haystacks_of(task, plan):
        count += 1
        with homes.filled(haystack) as filled:
            told = told or under(filled.memory)
            begun = time.perf_counter()
            rows += ask_all(filled, task, plan)
            asking += time.perf_counter() - begun
    if not rows:
        raise InvalidInput(f"{task.path.name}: no questions; check the file")
    return Result(
        task=task.name, main=task.main, levels=task.levels,
        data=task.path.name, sha256=_sha256(task.path), version=__version__,
        settings={name: plain(value) for name, value in plan.settings.items()},
        k=plan.k or task.k, token_budget=plan.token_budget, deadline_ms=plan.deadline_ms,
        pooled=plan.pooled, limit=plan.limit, processors=os.cpu_count() or 1,
        haystacks=count, memories=homes.memories,
        seconds={**homes.seconds, "ask": asking}, rows=tuple(rows), **told,
    )  # fmt: skip


def haystacks_of(task: Task, plan: Plan) -> Iterator[Haystack]:
    """Yield the haystacks as the plan wants them: each its own, or one of all."""
    if not plan.pooled:
        yield from task.haystacks(plan.limit)
        return
    everything = list(task.haystacks())  # a limit is on the questions, never on the haystack
    whole = pooled(everything)
    questions = whole.questions[: plan.limit]
    yield Haystack(whole.name, whole.drafts, questions, whole.labels)


def ask_all(filled: Filled, task: Task, plan: Plan) -> list[Row]:
    """Ask every question of a haystack."""
    rows: list[Row] = []
    for place, question in enumerate(filled.haystack.questions, 1):
        plan.tell(f"{len(rows)} of {len(filled.haystack.questions)} questions asked")
        if place == 1:  # loads the models: no part of any question's latency
            ask(filled, question, task, plan)
        rows.append(row_of(filled, question, ask(filled, question, task, plan), task.levels))
    return rows


def ask(filled: Filled, question: Question, task: Task, plan: Plan) -> RecallResult:
    """Recall one question.

    Raises:
        LabelLeak: the packed context holds an id or label.
    """
    result = filled.memory.recall(
        question.text, k=plan.k or task.k, token_budget=plan.token_budget,
        deadline_ms=plan.deadline_ms, now=question.now, record=False,
    )  # fmt: skip
    check_context(result.context, filled.labels, question.id)
    return result


def row_of(
    filled: Filled, question: Question, result: RecallResult, levels: Sequence[Level]
) -> Row:
    """Return what a recall gave for a question."""
    turns = [filled.keys[hit.id] for hit in result.hits]
    sessions = list(dict.fromkeys(filled.sessions[hit.id] for hit in result.hits))
    rankings: dict[Level, list[str]] = {"turn": turns, "session": sessions}
    gold = question.gold["turn"]
    counts = question.answerable and bool(gold)
    return Row(
        id=question.id,
        kind=question.kind,
        answerable=question.answerable,
        places={
            level: _place(rankings[level], question.gold[level])
            for level in levels
            if question.answerable and question.gold[level]
        },
        pool=len(gold & _pool(filled, result)) / len(gold) if counts else None,
        shown=_shown(filled, gold, result.context) if counts else None,
        tokens=result.tokens,
        seconds=result.seconds,
        status=result.status,
        relevance=max((hit.signals.get("relevance", 0.0) for hit in result.hits), default=0.0),
    )


def shown_texts(context: str) -> list[str]:
    """Return every text that a packed context shows: the strings of its JSON lines."""
    texts: list[str] = []
    for line in context.splitlines():
        try:
            texts += _strings(json.loads(line))
        except ValueError:
            texts.append(line)
    return texts


def _place(ranking: Sequence[str], gold: frozenset[str]) -> Place:
    where = found(ranking, gold)
    return Place(ranks=where.ranks, gold=where.gold)


def _pool(filled: Filled, result: RecallResult) -> set[str]:
    """Return the keys of all candidates: what the stage before fusion passed on."""
    names = [step.name for step in result.trace]
    last = names.index(RETRIEVING_ENDS) - 1 if RETRIEVING_ENDS in names else 0
    return {filled.keys[hit.id] for hit in result.trace[max(last, 0)].hits}


def _shown(filled: Filled, gold: frozenset[str], context: str) -> float:
    texts = shown_texts(context)
    return sum(_stands(filled.texts[key], texts) for key in gold) / len(gold)


def _stands(text: str, texts: Sequence[str]) -> bool:
    if len(text) < _SHORT:
        return text in texts
    return any(text in one for one in texts)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def under(memory: MemoryManager) -> dict[str, Any]:
    """Return the models and the threshold that a run is under."""
    parts = memory.parts
    judge = parts.wiring.judge if parts.wiring else None
    settings = parts.wiring.settings if parts.wiring else config.Settings()
    return {
        "embedder": str(parts.embedder.fingerprint),
        "reranker": " ".join(judge).strip() if judge else None,
        "min_relevance": settings.min_relevance,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain(value: object) -> str | int | float | bool | None:
    """Return a setting as JSON can carry it."""
    return value if isinstance(value, str | int | float | bool | None) else str(value)
