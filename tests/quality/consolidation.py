"""What consolidation does to recall and to packed tokens, on LoCoMo's development conversations.

    python -m tests.quality.consolidation ../shared/data/eval/locomo_dev5.json [--keep 0.6]

Every conversation is asked twice, before and after its sessions were consolidated. recall@10 is by
turns. A question is covered where its gold answer stands in the packed text, letter for letter
apart from case and spaces; what a shown memory was made from does not count. Tokens are those of
the packed text, in two ways: the k best hits without a budget, and the budget that covers a share
of the questions, interpolated between the budgets tried.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from memory_core import MemoryManager, open_memory
from memory_core.evals.locomo import drafts
from memory_core.interchange.locomo import LocomoConversation, LocomoQuestion, load_locomo
from memory_core.lifecycle.consolidation import Runs, consolidation_plan
from memory_core.lifecycle.policies import carry_out
from memory_core.lifecycle.summarizer import ExtractiveSummarizer
from memory_core.recall.pack import pack

ANSWERABLE = (1, 2, 3, 4)  # categories; 5 asks for what the conversation does not say
COUNTS = (5, 8, 10, 15, 20, 40)
BUDGETS = (100, 150, 200, 250, 300, 350, 400, 500, 600, 700, 800, 1000, 1200, 1400, 1700, 2000)
LEVELS = (0.18, 0.20, 0.22, 0.24, 0.26, 0.28, 0.30, 0.31)
K = max(COUNTS)


@dataclass
class Side:
    """Figures before or after."""

    found: list[float] = field(default_factory=list)
    """Recall@10 of each question."""
    first: dict[int, list[tuple[bool, int]]] = field(
        default_factory=lambda: {k: [] for k in COUNTS}
    )
    """Whether the k best hits cover it, and their tokens."""
    within: dict[int, list[bool]] = field(default_factory=lambda: {b: [] for b in BUDGETS})
    """Whether a budget covers it."""

    def covered(self, k: int) -> float:
        return mean(covers for covers, _ in self.first[k])

    def tokens(self, k: int) -> float:
        return mean(tokens for _, tokens in self.first[k])

    def budget_for(self, level: float) -> float | None:
        """Return the budget that covers this share of the questions, None where none tried does."""
        low = (0, 0.0)
        for budget in BUDGETS:
            share = mean(self.within[budget])
            if share >= level:
                return low[0] + (level - low[1]) / (share - low[1]) * (budget - low[0])
            low = (budget, share)
        return None


def plain(text: str) -> str:
    return " ".join(text.casefold().split())


def shown(context: str) -> str:
    """Return all texts and lines of a packed context."""
    records = [json.loads(line) for line in context.splitlines()]
    return plain("\n".join(record.get("text") or record["lines"] for record in records))


def asked(conversation: LocomoConversation) -> Iterator[tuple[LocomoQuestion, set[str]]]:
    """Yield the answerable questions with the keys of their gold turns."""
    keys = {turn.dia_id: turn.key for turn in conversation.turns}
    for question in conversation.questions:
        gold = {keys[name] for name in question.evidence if name in keys}
        if question.category in ANSWERABLE and gold:
            yield question, gold


def measure(side: Side, conversation: LocomoConversation, memory: MemoryManager) -> None:
    now = max(turn.occurred_at for turn in conversation.turns if turn.occurred_at)
    for question, gold in asked(conversation):
        answer = plain(question.answer or "\0")
        top = memory.recall(question.question, k=K, now=now, record=False).hits
        found = {hit.memory.key for hit in top[:10]}  # chosen one by one: k = 10 gives the same
        side.found.append(len(gold & found) / len(gold))
        for k in COUNTS:
            packed = pack(top[:k], None, memory.parts.count, question.question)
            side.first[k].append((answer in shown(packed.text), memory.parts.count(packed.text)))
        for budget in BUDGETS:
            packed = pack(top, budget, memory.parts.count, question.question)
            side.within[budget].append(answer in shown(packed.text))


def table(before: Side, after: Side) -> Iterator[str]:
    yield f"{len(before.found)} questions"
    yield f"recall@10 by turns    {mean(before.found):.4f} -> {mean(after.found):.4f}"
    for k in COUNTS:
        saved = 1 - after.tokens(k) / before.tokens(k)
        yield (
            f"k = {k:<2}  coverage {before.covered(k):.4f} -> {after.covered(k):.4f}"
            f"  tokens {before.tokens(k):.0f} -> {after.tokens(k):.0f}  ({saved:.1%} fewer)"
        )
    for level in LEVELS:
        budgets = before.budget_for(level), after.budget_for(level)
        if budgets[0] and budgets[1]:
            saved = 1 - budgets[1] / budgets[0]
            yield (
                f"coverage {level:.2f}  by a budget of {budgets[0]:.0f} -> {budgets[1]:.0f}"
                f"  ({saved:.1%} fewer)"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--keep", type=float, default=ExtractiveSummarizer().keep)
    parser.add_argument("--most", type=int, default=Runs().most)
    parser.add_argument("--conversations", type=int, default=99)
    parser.add_argument("--reranker", choices=("default", "off"), default="default")
    given = parser.parse_args()
    before, after = Side(), Side()
    made = 0
    settings: dict[str, Any] = {"reranker": given.reranker}
    with tempfile.TemporaryDirectory() as home:
        for conversation in load_locomo(given.path)[: given.conversations]:
            with open_memory(home, namespace=conversation.id, **settings) as memory:
                memory.store_many(drafts(conversation))
                measure(before, conversation, memory)
                plan = consolidation_plan(
                    memory,
                    summarizer=ExtractiveSummarizer(keep=given.keep),
                    runs=Runs(most=given.most),
                )
                carry_out(memory, plan)
                memory.parts.catchup.drain()
                made += int(plan.counts["memories"])
                measure(after, conversation, memory)
    print(f"{made} derived memories, of up to {given.most} turns, keep {given.keep}")
    print("\n".join(table(before, after)))


if __name__ == "__main__":
    main()
