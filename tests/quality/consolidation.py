"""What consolidation does to recall and to packed tokens, on LoCoMo's development conversations.

    python -m tests.quality.consolidation ../shared/data/eval/locomo_dev5.json [--keep 0.6]

Every conversation is asked twice, before and after its sessions were consolidated. recall@10 is by
turns, and by turns that a recalled derived memory was made from as well (lineage). Coverage is the
share of questions whose gold answer stands in the packed text, letter for letter apart from case
and spaces; tokens are those of that text, at several budgets.
"""

import argparse
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from memory_core import MemoryManager, open_memory
from memory_core.evals.locomo import drafts
from memory_core.interchange.locomo import LocomoConversation, load_locomo
from memory_core.lifecycle.consolidation import consolidation_plan
from memory_core.lifecycle.policies import carry_out
from memory_core.lifecycle.summarizer import ExtractiveSummarizer
from memory_core.recall.pack import pack

ANSWERABLE = (1, 2, 3, 4)  # categories; 5 asks for what the conversation does not say
BUDGETS = (150, 250, 350, 500, 700, 1000, 1400)
K = 40


@dataclass
class Side:
    """Figures before or after."""

    strict: list[float] = field(default_factory=list)
    episodes: list[float] = field(default_factory=list)
    lineage: list[float] = field(default_factory=list)
    covered: dict[int, list[bool]] = field(default_factory=lambda: {b: [] for b in BUDGETS})
    tokens: dict[int, list[int]] = field(default_factory=lambda: {b: [] for b in BUDGETS})

    def __str__(self) -> str:
        rows = [
            f"recall@10 {mean(self.strict):.4f}  episodes only {mean(self.episodes):.4f}"
            f"  with lineage {mean(self.lineage):.4f}  ({len(self.strict)} questions)"
        ]
        rows += [
            f"{b:>5}: coverage {mean(self.covered[b]):.4f}, {mean(self.tokens[b]):.0f} tokens"
            for b in BUDGETS
        ]
        return "\n".join(rows)


def plain(text: str) -> str:
    return " ".join(text.casefold().split())


def measure(side: Side, conversation: LocomoConversation, memory: MemoryManager) -> None:
    keys = {turn.dia_id: turn.key for turn in conversation.turns}
    now = max(turn.occurred_at for turn in conversation.turns if turn.occurred_at)
    for question in conversation.questions:
        gold = {keys[name] for name in question.evidence if name in keys}
        if question.category not in ANSWERABLE or not gold:
            continue
        result = memory.recall(question.question, k=K, now=now, record=False)
        top = result.hits[:10]
        found = {hit.memory.key for hit in top}
        side.strict.append(len(gold & found) / len(gold))
        below = set(found)
        for hit in top:
            if hit.facts.source == "derived":
                ids = [link.target for link in memory.links(hit.id)]
                below |= {memory.get(id).key for id in ids}
        side.lineage.append(len(gold & below) / len(gold))
        only = memory.recall(
            question.question, k=10, now=now, record=False, where={"kind": "episodic"}
        )
        side.episodes.append(len(gold & {hit.memory.key for hit in only.hits}) / len(gold))
        for budget in BUDGETS:
            packed = pack(result.hits, budget, memory.parts.count, question.question)
            text = packed.text.replace("\\n", " ").replace('\\"', '"')
            side.covered[budget].append(plain(question.answer or "\0") in plain(text))
            side.tokens[budget].append(memory.parts.count(packed.text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--keep", type=float, default=0.6)
    parser.add_argument("--conversations", type=int, default=99)
    given = parser.parse_args()
    before, after = Side(), Side()
    made = 0
    with tempfile.TemporaryDirectory() as home:
        for conversation in load_locomo(given.path)[: given.conversations]:
            with open_memory(home, namespace=conversation.id) as memory:
                memory.store_many(drafts(conversation))
                measure(before, conversation, memory)
                plan = consolidation_plan(memory, summarizer=ExtractiveSummarizer(keep=given.keep))
                carry_out(memory, plan)
                memory.parts.catchup.drain()
                made += int(plan.counts["memories"])
                measure(after, conversation, memory)
    print(f"before\n{before}\nafter, {made} derived memories, keep {given.keep}\n{after}")


if __name__ == "__main__":
    main()
