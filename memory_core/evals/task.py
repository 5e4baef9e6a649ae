"""The nouns of an evaluation: questions about haystacks, and what counts as found.

A haystack becomes a namespace of its own; gold is named by the keys and sessions of its drafts,
which are in no indexed text. `labels` are the published ids that must not be in any either.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Literal

from memory_core.types import Draft

Level = Literal["turn", "session"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question and where its answer stands."""

    id: str
    kind: str
    """The published type; results are told by it."""
    text: str
    now: datetime | None
    """When it is asked; the end of the haystack where the data does not say."""
    answerable: bool
    """Whether the haystack holds the answer; if not, it counts for abstention only."""
    gold: Mapping[Level, frozenset[str]]
    """Keys of drafts, and names of sessions, that hold the answer; may be empty."""


@dataclass(frozen=True, slots=True)
class Haystack:
    """The drafts that some questions are asked about."""

    name: str
    drafts: tuple[Draft, ...]
    questions: tuple[Question, ...]
    labels: frozenset[str] = frozenset()
    """Published ids of turns, sessions, conversations and questions."""
    published: Mapping[str, str] = field(default_factory=dict)
    """Published id of a draft's session, where equal ids mean equal sessions."""


@dataclass(frozen=True, slots=True)
class Task:
    """A question set in a file."""

    name: str
    path: Path
    main: Level
    """The level that its figures are usually told at."""
    levels: tuple[Level, ...]
    read: Callable[[Path], Iterator[Haystack]]
    k: int = 20
    """How many hits are asked for: enough for the widest cutoff at each level."""

    def haystacks(self, limit: int | None = None) -> Iterator[Haystack]:
        """Yield the haystacks with the first `limit` questions in all; every one when None.

        Raises:
            InvalidInput: the file is malformed, naming the place.
        """
        left = limit
        for haystack in self.read(self.path):
            if left is None:
                yield haystack
                continue
            kept = tuple(islice(haystack.questions, left))
            left -= len(kept)
            yield replace(haystack, questions=kept)
            if left <= 0:
                return
