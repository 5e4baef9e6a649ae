"""An assistant gives a wrong answer after 300 turns: find the cause, and freeze it as a test.

replay = Replay(memory)
print(replay.why_not(recall_id, "the text that should have come"))
print(replay.bisect(recall_id, expect=memory_id))
"""

import itertools
import sys
import tempfile
from pathlib import Path

from memory_core import MemoryManager, open_memory
from memory_core.replay import Replay

QUESTION = "What is the gate code?"
OLD = "The gate code is 4471."
NEW = "They changed it: 9026 opens the gate now."
TIP = "Tip {n}: the gate code is what you type at the gate."
TOPICS = ("tea", "the garden", "her sister", "the train", "a book", "dinner", "the piano")
MINUTE = 60_000_000
START = 1_767_225_600_000_000  # 2026-01-01, in microseconds


def say(memory: MemoryManager, turn: int) -> None:
    """Store what was said in one turn."""
    if turn == 40:
        memory.store(OLD, role="user", session="spring")
    elif turn == 212:
        memory.store(NEW, role="user", session="autumn")
    elif turn in (231, 244, 259):
        memory.store(TIP.format(n=turn), role="assistant", source="assistant", session="tips")
    else:
        topic = TOPICS[turn % len(TOPICS)]
        memory.store(
            f"Ana talked about {topic}, part {turn}.", role="user", session=f"s{turn // 9}"
        )


def answer(memory: MemoryManager) -> tuple[str, str]:
    """Return the assistant's reply, made of the first code that it recalls, and the recall's id."""
    result = memory.recall(QUESTION, k=4, session="winter")
    codes = (word for hit in result.hits for word in hit.memory.text.split() if word[:4].isdigit())
    return f"The code is {next(codes, 'unknown').strip('.')}.", str(result.recall_id)


def show(command: str, result: object, names: dict[str, str]) -> None:
    """Print a command and its result, ids by name."""
    told = str(result)
    for id, name in names.items():
        told = told.replace(id, name)
    print(f"$ memory replay {command}\n{told}\n")


def main(folder: Path) -> None:
    """Tell the story."""
    ticks = itertools.count(START, MINUTE)
    with tempfile.TemporaryDirectory() as home, open_memory(
        home, embedder="hash", clock=lambda: next(ticks), min_relevance=0
    ) as memory:  # fmt: skip
        for turn in range(1, 301):
            say(memory, turn)
        while memory.recall("Is everything embedded?", record=False).status == "degraded":
            pass
        reply, recall_id = answer(memory)
        print(f"turn 301, user: {QUESTION}\nassistant: {reply}   <- wrong, it is 9026\n")
        names = {m.id: name_of(m.text) for m in memory.list(limit=400)} | {recall_id: "LAST"}
        replay = Replay(memory)

        lost = replay.why_not(recall_id, "9026")
        show("why-not 9026", lost, names)
        show("bisect --expect NEW", replay.bisect(recall_id, expect=lost.id), names)
        tips = [id for id, name in names.items() if name.startswith("TIP")]
        show("what-if --without TIP231 --without TIP244 --without TIP259",
             replay.what_if(recall_id, without=tips), names)  # fmt: skip
        show("diff last --k 6", replay.diff(recall_id, replay.what_if(recall_id, k=6)), names)

        old = next(id for id, name in names.items() if name == "OLD")
        memory.supersede(old, "The gate code is 9026.")
        while memory.recall("Is everything embedded?", record=False).status == "degraded":
            pass
        fixed, fixed_id = answer(memory)
        print(f"after superseding the old code, assistant: {fixed}\n")
        frozen = replay.export(fixed_id, folder, expect_not=old)
        print(f"frozen as {frozen.test.name.replace(fixed_id, 'ID')}; run: pytest")


def name_of(text: str) -> str:
    """Return a short name for a memory of the story."""
    if text.startswith("Tip"):
        return f"TIP{text.split()[1].strip(':')}"
    return {OLD: "OLD", NEW: "NEW"}.get(text) or f"TURN{text.split()[-1].strip('.')}"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
