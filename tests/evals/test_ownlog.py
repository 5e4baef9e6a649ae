"""The user's own recall log as questions: what counts as used, and what is asked again."""

from pathlib import Path

import pytest

from memory_core import MemoryHooks, open_memory
from memory_core.errors import InvalidInput
from memory_core.evals.ownlog import evaluate_own, repeats, used_recalls

FACTS = (
    "The gate code of the office in Porto is 4471.",
    "Carla keeps two goats called Mia and Moe on her farm.",
    "The dentist moved the appointment to Friday at nine.",
    "My bicycle was stolen behind the station in May.",
)


def test_what_was_reinforced_or_repeated_was_relevant(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        code, goats, *_ = memory.store_many(FACTS).stored
        first = memory.recall("What is the gate code?", session="s1")
        memory.reinforce(code.id)
        hooks = MemoryHooks(memory, session="s2")
        shown = hooks.before_turn("What are Carla's goats called?")
        hooks.after_turn(
            "What are Carla's goats called?", "She keeps two goats called Mia and Moe."
        )
        memory.recall("Who sells bread?", session="s3")
        used = {one.recall.id: one.ids for one in used_recalls(memory)}
        assert used[str(first.recall_id)] == {code.id}
        assert goats.id in used[str(shown.recall_id)]
        assert len(used) == 2
        entries = memory.journal.head.seq
        result = evaluate_own(memory, {}, k=4)
        assert memory.journal.head.seq == entries
    assert len(result.rows) == 2
    assert result.values("any@5", "turn") == [1.0, 1.0]
    assert result.rows[0].places["turn"].ranks == (1,)


def test_a_later_memory_is_not_seen_by_an_earlier_question(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        old = memory.store(FACTS[0])
        memory.recall("What is the gate code?", session="s1")
        memory.reinforce(old.id)
        for n in range(30):
            memory.store(f"What is the gate code? It is gate code {n}.")
        result = evaluate_own(memory, {}, k=1)
    assert result.values("any@1", "turn") == [1.0]


def test_a_log_without_use_is_refused(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        memory.store_many(FACTS)
        memory.recall("What is the gate code?", session="s1")
        with pytest.raises(InvalidInput, match="no recorded recall"):
            evaluate_own(memory, {})


@pytest.mark.parametrize(
    ("reply", "text", "repeated"),
    [
        ("She has TWO goats called Mia, and Moe.", "two goats called Mia and Moe", True),
        ("She has goats.", "Carla keeps two goats called Mia", False),
        ("It is 4471 now", "is 4471", True),
        ("Yes", "Yes", False),
    ],
)
def test_a_run_of_words_is_a_repetition(reply: str, text: str, repeated: bool) -> None:
    assert repeats(reply, text) is repeated
