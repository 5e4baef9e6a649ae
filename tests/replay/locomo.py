"""Recalls between stores, revisions and forgettings: how many re-execute exactly?

    python -m tests.replay.locomo ../shared/data/eval/locomo_dev5.json [--recalls 500]

The default tests run the same on the sample conversation with the hashing embedder.
"""

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from memory_core import Draft, MemoryManager, open_memory
from memory_core.errors import MemoryCoreError
from memory_core.evals.locomo import locomo
from memory_core.replay import Replay


def interleaved(
    memory: MemoryManager,
    drafts: Sequence[Draft | Mapping[str, object]],
    questions: Sequence[str],
    recalls: int,
) -> list[str]:
    """Store everything, with changes and recalls in between; return the recalls' ids."""
    dice, ids, found = random.Random(1), list[str](), list[str]()
    step = max(1, len(drafts) // recalls)
    parts = [drafts[at : at + step] for at in range(0, len(drafts), step)]
    while len(found) < recalls:
        if parts:
            ids += [stored.id for stored in memory.store_many(parts.pop(0)).stored]
        for _ in range(dice.randint(0, 2)):
            change(memory, dice, ids)
        result = memory.recall(
            dice.choice(questions), k=dice.randint(1, 10),
            token_budget=dice.choice([None, 400]), deadline_ms=dice.choice([None, None, 500]),
        )  # fmt: skip
        found.append(str(result.recall_id))
    return found


def change(memory: MemoryManager, dice: random.Random, ids: list[str]) -> None:
    """Change a memory: mostly a word of it, sometimes whether it is there at all."""
    id, kind = dice.choice(ids), dice.choice(["revise", "forget", "reinforce", "supersede"])
    try:
        if kind == "revise":
            memory.revise(id, text=f"{memory.get(id).text} That was number {dice.randint(1, 99)}.")
        elif kind == "supersede":
            ids.append(memory.supersede(id, f"{memory.get(id).text} Not any more.").id)
        elif kind == "forget":
            memory.forget(id)
        else:
            memory.reinforce(id)
    except MemoryCoreError:  # e.g. superseding what was forgotten: nothing is written
        return


def verdicts(memory: MemoryManager, recall_ids: Sequence[str]) -> Counter[str]:
    """Return how often each verdict is given."""
    replay = Replay(memory)
    return Counter(replay.reexecute(id).verdict for id in recall_ids)


def furthest(memory: MemoryManager, recall_ids: Sequence[str], every: int) -> float:
    """Return how far the terms of any shift are from the difference of its scores."""
    replay, worst = Replay(memory), 0.0
    for one, two in list(pairwise(recall_ids))[::every]:
        for shift in replay.diff(one, two).shifts:
            if shift.before is not None and shift.after is not None:
                gain = shift.after.score - shift.before.score
                worst = max(worst, abs(sum(shift.terms.values()) - gain))
    return worst


def main() -> None:
    """Print the verdicts for a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--recalls", type=int, default=500)
    parser.add_argument("--embedder", default=None)
    given = parser.parse_args()
    stacks = list(locomo(given.path).read(given.path))
    drafts = [draft for stack in stacks for draft in stack.drafts]
    questions = [question.text for stack in stacks for question in stack.questions]
    settings = {} if given.embedder is None else {"embedder": given.embedder}
    with tempfile.TemporaryDirectory() as home, open_memory(home, **settings) as memory:
        ids = interleaved(memory, drafts, questions, given.recalls)
        memory.parts.catchup.drain()
        print(f"{memory.journal.head.seq} entries, {len(ids)} recalls")
        print(dict(verdicts(memory, ids)))
        print(f"terms sum to the difference within {furthest(memory, ids, 20):.1e}")


if __name__ == "__main__":
    main()
