"""The sample conversation as a task, so that an evaluation runs where no data set is at hand."""

from collections.abc import Iterator
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path

from memory_core.evals.task import Haystack, Level, Question, Task
from memory_core.samples import sample_questions, sample_turns
from memory_core.types import Draft


def sample() -> Task:
    """Return the task of the handwritten conversation that comes with the package."""
    with as_file(files("memory_core.samples").joinpath("questions.json")) as path:
        return Task("sample", path, "turn", ("turn", "session"), _read)


def _read(path: Path) -> Iterator[Haystack]:
    drafts = tuple(Draft.of(turn) for turn in sample_turns())
    sessions = {draft.key: draft.session or "" for draft in drafts}
    questions = []
    for number, asked in enumerate(sample_questions()):
        gold: dict[Level, frozenset[str]] = {
            "turn": frozenset(asked.evidence),
            "session": frozenset(sessions[key] for key in asked.evidence),
        }
        questions.append(
            Question(
                id=f"sample/{number}",
                kind=asked.type,
                text=asked.question,
                now=datetime.fromisoformat(asked.now),
                answerable=bool(asked.evidence),
                gold=gold,
            )
        )
    labels = frozenset(key for key in sessions if key)
    yield Haystack("sample", drafts, tuple(questions), labels)
