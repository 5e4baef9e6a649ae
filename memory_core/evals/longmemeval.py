"""LongMemEval as a task: every question has a haystack of its own, all roles are indexed.

Wu et al. 2024. Questions whose id ends in `_abs` have no answer in the haystack: they are left
out of every strict count, as the official evaluator does, and count for abstention only.
"""

from collections.abc import Iterator
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.evals.task import Haystack, Level, Question, Task
from memory_core.interchange.base import digest
from memory_core.interchange.longmemeval import (
    LongMemEvalQuestion,
    load_longmemeval,
    read_longmemeval,
)
from memory_core.interchange.transfer import by_conversation
from memory_core.types import Draft

K = 50  # turns: their sessions fill the first ten places


def longmemeval(path: Path) -> Task:
    """Return the task of a LongMemEval file."""
    return Task("longmemeval", path, "session", ("session", "turn"), _read, k=K)


def _read(path: Path) -> Iterator[Haystack]:
    runs = by_conversation(read_longmemeval(path))
    for question, (_, records) in zip(load_longmemeval(path), runs, strict=True):
        drafts = []
        for record in records:
            if record.error is not None:
                raise InvalidInput(record.error)
            if record.draft is not None:
                drafts.append(record.draft)
        yield _haystack(question, tuple(drafts))


def _haystack(question: LongMemEvalQuestion, drafts: tuple[Draft, ...]) -> Haystack:
    stored = frozenset(draft.key for draft in drafts if draft.key)
    gold: dict[Level, frozenset[str]] = {
        "session": frozenset(question.gold_sessions),
        "turn": frozenset(question.gold_keys) & stored,
    }
    asked = Question(
        id=question.id,
        kind=question.kind,
        text=question.question,
        now=question.asked_at,
        answerable=question.answerable,
        gold=gold,
    )
    return Haystack(
        name=digest(question.id),
        drafts=drafts,
        questions=(asked,),
        labels=frozenset((question.id, *question.published)),
        published=dict(zip(question.sessions, question.published, strict=True)),
    )
