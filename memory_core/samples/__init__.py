"""A handwritten conversation of nine months, with questions and where their answers stand.

It serves the demo, the documentation and the tests. Ana is invented, and so is everything else.
"""

import json
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class SampleQuestion:
    """A question to the sample conversation."""

    question: str
    answer: str
    """Blank when the conversation does not say."""
    evidence: tuple[str, ...]
    """Keys of the turns that answer it; none when it cannot be answered."""
    type: str
    """fact, exact, update, multi, temporal or unanswerable."""
    now: str
    """When it is asked, ISO 8601."""


def sample_turns() -> tuple[dict[str, object], ...]:
    """Return the turns in order, each a mapping of a draft's fields."""
    return tuple(json.loads(line) for line in _read("sample.jsonl").splitlines())


def sample_questions() -> tuple[SampleQuestion, ...]:
    """Return the questions."""
    return tuple(
        SampleQuestion(
            question=row["question"],
            answer=row["answer"],
            evidence=tuple(row["evidence"]),
            type=row["type"],
            now=row["now"],
        )
        for row in json.loads(_read("questions.json"))
    )


def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
