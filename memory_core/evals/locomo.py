"""LoCoMo and REALTALK-form files as tasks: every conversation a haystack, every turn a draft.

LoCoMo: Maharana et al. 2024; REALTALK: Lee et al. 2025. Category 5 of LoCoMo has no answer in the
conversation and counts for abstention only, as do questions whose evidence names no turn.
"""

from collections.abc import Iterator
from pathlib import Path

from memory_core.evals.task import Haystack, Level, Question, Task
from memory_core.interchange.locomo import (
    LocomoConversation,
    LocomoQuestion,
    LocomoTurn,
    load_locomo,
)
from memory_core.interchange.realtalk import load_realtalk
from memory_core.types import Draft

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
"""LoCoMo's categories, by the numbers in its file."""
REALTALK_CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "commonsense"}
ADVERSARIAL = 5


def locomo(path: Path) -> Task:
    """Return the task of a LoCoMo file."""
    return Task("locomo", path, "turn", ("turn", "session"), _read_locomo)


def realtalk(path: Path) -> Task:
    """Return the task of a REALTALK-form file."""
    return Task("realtalk", path, "turn", ("turn", "session"), _read_realtalk)


def drafts(conversation: LocomoConversation) -> tuple[Draft, ...]:
    """Return the turns as they would be imported."""
    return tuple(
        Draft(
            text=turn.text,
            role="user",
            source="user",
            speaker=turn.speaker,
            session=turn.session,
            occurred_at=turn.occurred_at,
            key=turn.key,
        )
        for turn in conversation.turns
    )


def _read_locomo(path: Path) -> Iterator[Haystack]:
    for conversation in load_locomo(path):
        yield _haystack(conversation, CATEGORIES)


def _read_realtalk(path: Path) -> Iterator[Haystack]:
    for conversation in load_realtalk(path):
        yield _haystack(conversation, REALTALK_CATEGORIES)


def _haystack(conversation: LocomoConversation, categories: dict[int, str]) -> Haystack:
    turns = {turn.dia_id: turn for turn in conversation.turns}
    end = max((turn.occurred_at for turn in turns.values() if turn.occurred_at), default=None)
    questions = []
    for number, asked in enumerate(conversation.questions):
        gold = [turns[name] for name in asked.evidence if name in turns]
        if asked.category != ADVERSARIAL and not gold:
            continue  # its evidence is not in the file: nothing can be measured
        kind = categories.get(asked.category, f"category {asked.category}")
        name = f"{conversation.id}/{number}"
        questions.append(Question(name, kind, asked.question, end, _answerable(asked), _gold(gold)))
    return Haystack(
        name=conversation.id,
        drafts=drafts(conversation),
        questions=tuple(questions),
        labels=frozenset((*turns, conversation.id, *(turn.key for turn in turns.values()))),
    )


def _answerable(asked: LocomoQuestion) -> bool:
    return asked.category != ADVERSARIAL


def _gold(turns: list[LocomoTurn]) -> dict[Level, frozenset[str]]:
    return {
        "turn": frozenset(turn.key for turn in turns),
        "session": frozenset(turn.session for turn in turns),
    }
