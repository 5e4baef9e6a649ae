"""Recall on LoCoMo through the public face: turn-level recall@k, and gold in the candidate pool.

    python -m tests.quality.locomo ../shared/data/eval/locomo_dev5.json [--set lexical_weight=1.2]

Every conversation is a namespace of its own, every turn a memory, every question of categories
1 to 4 a recall; recall@k is the mean share of a question's evidence turns among the first k hits,
and the pool is what the two retrievers bring, 128 each. Ids and answers are in no indexed text.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

from memory_core import MemoryManager, open_memory
from memory_core.interchange.locomo import LocomoConversation, LocomoQuestion, load_locomo
from memory_core.types import Draft

CUTOFFS = (1, 5, 10, 20)
ANSWERABLE = (1, 2, 3, 4)


@dataclass
class Measured:
    """What a run over some questions gave."""

    recall: dict[int, list[float]] = field(default_factory=lambda: {k: [] for k in CUTOFFS})
    pool: list[float] = field(default_factory=list)
    category: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def at(self, k: int, category: int | None = None) -> float:
        """Return the mean recall@k, of one category or of all."""
        values = zip(self.recall[k], self.category, strict=True)
        return mean([value for value, of in values if category in (None, of)])

    def __str__(self) -> str:
        rows = [f"{len(self.pool)} questions"]
        rows += [f"recall@{k:<3} {self.at(k):.4f}" for k in CUTOFFS]
        rows += [f"pool       {mean(self.pool):.4f}"]
        rows += [
            f"category {c}: recall@10 {self.at(10, c):.4f} ({self.category.count(c)} questions)"
            for c in sorted(set(self.category))
        ]
        rows.append(f"p50        {median(self.seconds) * 1000:.1f} ms a recall")
        return "\n".join(rows)


def filled(
    home: str, conversations: Sequence[LocomoConversation], **settings: Any
) -> Iterator[tuple[LocomoConversation, MemoryManager]]:
    """Yield each conversation with a memory of its own that holds its turns."""
    for conversation in conversations:
        with open_memory(home, namespace=conversation.id, **settings) as memory:
            memory.store_many(drafts(conversation))
            yield conversation, memory


def drafts(conversation: LocomoConversation) -> list[Draft]:
    """Return the turns as they would be imported."""
    return [
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
    ]


def measure(measured: Measured, conversation: LocomoConversation, memory: MemoryManager) -> None:
    """Ask every answerable question and add what came back."""
    keys = {turn.dia_id: turn.key for turn in conversation.turns}
    now = max(turn.occurred_at for turn in conversation.turns if turn.occurred_at)
    for question in conversation.questions:
        gold = {keys[name] for name in question.evidence if name in keys}
        if question.category in ANSWERABLE and gold:
            _ask(measured, memory, question, (gold, now))


def _ask(
    measured: Measured, memory: MemoryManager, question: LocomoQuestion, known: tuple[set[str], Any]
) -> None:
    gold, now = known
    result = memory.recall(question.question, k=max(CUTOFFS), now=now)
    keys = [hit.memory.key for hit in result.hits]
    for k in CUTOFFS:
        measured.recall[k].append(len(gold & set(keys[:k])) / len(gold))
    pool = {hit.memory.key for hit in result.trace[1].hits}
    measured.pool.append(len(gold & pool) / len(gold))
    measured.category.append(question.category)
    measured.seconds.append(result.seconds)


def main() -> None:
    """Print the figures for a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    settings = dict(pair.split("=", 1) for pair in given.set)
    measured = Measured()
    with tempfile.TemporaryDirectory() as home:
        for conversation, memory in filled(home, load_locomo(given.path), **settings):
            measure(measured, conversation, memory)
    print(measured)


if __name__ == "__main__":
    main()
