"""A session is as relevant as its most relevant turn."""

from pathlib import Path

import pytest

from memory_core import MemoryManager, RecallResult, open_memory
from memory_core.recall.session import WEIGHT

QUESTION = "Which town did the grandmother grow up in?"
ANSWER = "The grandmother grew up in a town near Braga"


@pytest.fixture
def memory(tmp_path: Path):
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as opened:
        yield opened


def scored(result: RecallResult, text: str) -> dict[str, float]:
    return next(dict(h.terms) for h in result.hits if h.memory.text == text)


def test_turns_of_the_session_with_the_answer_come_before_others_alike(
    memory: MemoryManager,
) -> None:
    memory.store("They had a bakery there", session="other")
    memory.store("It was cold", session="other")
    memory.store(ANSWER, session="told")
    memory.store("Mind the step", session="told")
    memory.store("They had a bakery there, too", session="told")
    result = memory.recall(QUESTION + " They had a bakery", k=5)
    here = scored(result, "They had a bakery there, too")["session"]
    there = scored(result, "They had a bakery there")["session"]
    assert here == scored(result, ANSWER)["session"] > there
    assert here <= WEIGHT


def test_without_a_session_it_is_its_own(memory: MemoryManager) -> None:
    memory.store(ANSWER)
    memory.store("The town has a bakery")
    result = memory.recall(QUESTION, k=2)
    for hit in result.hits:
        assert hit.terms["session"] == pytest.approx(WEIGHT * hit.signals["relevance"])


def test_a_lone_answer_outranks_a_turn_of_a_session_alike(memory: MemoryManager) -> None:
    memory.store("Mind the step", session="told")
    memory.store("The town has a bakery", session="told")
    memory.store(ANSWER)
    assert memory.recall(QUESTION, k=3).hits[0].memory.text == ANSWER
