"""Turns inherit relevance from their neighbours in the session, on a real journal."""

from pathlib import Path

import pytest

from memory_core import MemoryManager, RecallResult, open_memory
from memory_core.journal.turns import TurnOrder, asks
from memory_core.recall.context import REPLY

QUESTION = "Which town did your grandmother grow up in?"
ANSWER = "Braga, behind the market"


@pytest.fixture
def memory(tmp_path: Path):
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as opened:
        yield opened


def told(memory: MemoryManager, *texts: str, session: str | None = "s1") -> list[str]:
    return [memory.store(text, session=session).id for text in texts]


def context(result: RecallResult, text: str) -> float:
    for step in result.trace:
        if step.name == "context":
            return next(h.terms.get("context", 0.0) for h in step.hits if h.memory.text == text)
    raise AssertionError("no context stage")


def test_a_reply_inherits_from_its_question(memory: MemoryManager) -> None:
    told(memory, "Good morning", QUESTION, ANSWER, "It rained all week")
    result = memory.recall("town where the grandmother grew up")
    texts = [hit.memory.text for hit in result.hits]
    assert texts[:2] in ([QUESTION, ANSWER], [ANSWER, QUESTION])
    answer = next(hit for hit in result.hits if hit.memory.text == ANSWER)
    assert REPLY in answer.reasons
    assert answer.terms["context"] > 0.2
    assert answer.score == pytest.approx(sum(answer.terms.values()))


def test_a_long_reply_says_itself_what_it_is_about(memory: MemoryManager) -> None:
    told(memory, QUESTION, ANSWER, session="s1")
    told(memory, QUESTION, ANSWER + " and fig trees, stairs, lamps, boats" * 20, session="s2")
    result = memory.recall("town where the grandmother grew up", k=4)
    brief, long = sorted(
        (hit for hit in result.hits if hit.memory.text.startswith(ANSWER)),
        key=lambda hit: len(hit.memory.text),
    )
    assert long.terms["context"] < 0.5 * brief.terms["context"]


def test_other_sessions_and_no_session_are_no_neighbours(memory: MemoryManager) -> None:
    told(memory, QUESTION, session="s1")
    told(memory, ANSWER, session="s2")
    told(memory, QUESTION + " Tell me.", "Porto, by the river", session=None)
    result = memory.recall("town where the grandmother grew up")
    assert context(result, ANSWER) == 0
    assert context(result, "Porto, by the river") == 0


def test_a_reply_enters_that_neither_retriever_found(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", candidates=8, min_relevance=0) as memory:
        told(memory, QUESTION, ANSWER)
        told(memory, *(f"grandmother story number {n}: the town" for n in range(40)), session=None)
        result = memory.recall("which town did the grandmother grow up in", k=40)
        before = {hit.memory.text for hit in result.trace[0].hits}
        assert ANSWER not in before
        assert ANSWER in {hit.memory.text for hit in result.hits}


def test_what_the_query_may_not_see_lends_nothing(memory: MemoryManager) -> None:
    question, answer = told(memory, QUESTION, ANSWER)
    memory.forget(question)
    result = memory.recall("town where the grandmother grew up")
    assert context(result, ANSWER) == 0
    assert [hit.id for hit in result.hits] == [answer]


def test_a_revised_turn_keeps_its_place(memory: MemoryManager) -> None:
    question, answer, _ = told(memory, QUESTION, ANSWER, "Nice")
    memory.revise(answer, text="Braga, near the old market")
    memory.revise(question, text=QUESTION + " I forgot.")
    result = memory.recall("town where the grandmother grew up")
    assert context(result, "Braga, near the old market") > 0.2


def test_the_past_knows_no_later_turn(memory: MemoryManager) -> None:
    told(memory, "Good morning")
    known = memory.get(told(memory, QUESTION)[0]).stored_at
    before = context(memory.recall("grandmother", known_at=known), QUESTION)
    told(memory, "My grandmother grew up in a town")
    assert context(memory.recall("grandmother", known_at=known), QUESTION) == before
    assert context(memory.recall("grandmother"), QUESTION) > before


def test_versions_share_a_slot_and_sessions_have_an_order() -> None:
    order = TurnOrder()
    assert order.extend(0, [7, 8, 7, 9], ["a", "a", "a", "b"]) == ([0, 1, 0, 3], [-1, 0, -1, -1])
    assert order.extend(4, [10, 11], ["a", None]) == ([4, 5], [1, -1])


def test_questions_in_any_script() -> None:
    assert asks("どこですか\uff1f")
    assert asks("really? yes")
    assert not asks("It is here.")
