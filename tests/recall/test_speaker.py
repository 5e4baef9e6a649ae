"""Who a question names, and what it does to a recall on a real journal."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory_core import Draft, MemoryManager, RecallResult, open_memory
from memory_core.recall.speaker import Voice, named, person
from memory_core.replay import Replay

BOTH = {0: "Ana Lima", 1: "Ben"}


@pytest.fixture
def memory(tmp_path: Path):
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as opened:
        yield opened


@pytest.mark.parametrize(
    ("question", "who"),
    [
        ("What did Ana cook?", 0),
        ("What did Ana Lima cook?", 0),
        ("Which is Ben's dog?", 1),
        ("what did ben say about it", 1),
        ("What did Ana tell Ben?", None),
        ("What about the benefit?", None),
        ("Who is Banana?", None),
        ("Was ana there, in May?", None),
        ("", None),
    ],
)
def test_whom_a_question_names(question: str, who: int | None) -> None:
    assert named(question, BOTH) == who


def test_a_word_that_is_a_name_elsewhere() -> None:
    assert named("Will it rain in Porto?", {0: "Will", 1: "Mark"}) == 0  # capitals tell no more
    assert named("When will it rain in Porto?", {0: "Will", 1: "Mark"}) is None


def test_two_of_one_first_name_are_told_apart_by_the_whole_one() -> None:
    speakers = {0: "Ana Lima", 1: "Ana Reis", 2: "Ben"}
    assert named("What did Ana cook?", speakers) is None
    assert named("What did Ana Reis cook?", speakers) == 1


@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("Where did I park the car?", "user"),
        ("what is my dog called", "user"),
        ("Can you tell me where we met?", "user"),
        ("Could you remind me what you recommended?", "assistant"),
        ("What was your advice on my knee?", "assistant"),
        ("Can you tell me the score?", None),
        ("Where did Ana park?", None),
        ("Who was Henry I.?", None),
        ("", None),
    ],
)
def test_whose_words_a_question_asks_for(question: str, source: str | None) -> None:
    assert person(question) == source


@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("What did I pay for the grey bike?", "user"),
        ("What did you say the grey bike costs?", "assistant"),
        ("What does the grey bike cost?", None),
    ],
)
def test_i_is_the_user_and_you_the_assistant(
    memory: MemoryManager, question: str, source: str | None
) -> None:
    memory.store("The grey bike: they pay 400 and it costs more", source="assistant")
    memory.store("The grey bike: they pay 500 and it costs more", source="user")
    result = memory.recall(question)
    gained = {hit.facts.source: hit.terms.get("speaker", 0.0) for hit in result.hits}
    assert {name for name, value in gained.items() if value > 0} == {source} - {None}
    assert source is None or result.hits[0].facts.source == source
    assert ("speaker" in [note.code for note in result.notes]) is (source is not None)


def test_i_tells_nothing_where_the_user_said_everything(memory: MemoryManager) -> None:
    memory.store("I bought a grey bike", speaker="Ana")
    memory.store("I sold a grey bike", speaker="Ben")
    result = memory.recall("Which grey bike did I buy?")
    assert all("speaker" not in hit.terms for hit in result.hits)


def test_a_question_of_you_is_replayed_exactly(memory: MemoryManager) -> None:
    memory.store("The grey bike costs 400", source="assistant")
    memory.store("The grey bike costs 500", source="user")
    recorded = memory.recall("What did you say the grey bike costs?", session="s1")
    assert Replay(memory).reexecute(str(recorded.recall_id)).verdict == "exact"


def term(result: RecallResult, text: str) -> float:
    return next(h.terms.get("speaker", 0.0) for h in result.hits if h.memory.text == text)


def test_what_the_named_one_said_comes_first(memory: MemoryManager) -> None:
    memory.store("I adopted a grey cat in Faro", speaker="Ben")
    memory.store("I adopted a grey cat in Beja", speaker="Ana")
    result = memory.recall("Which cat was adopted by Ana, the grey one?")
    assert result.hits[0].memory.speaker == "Ana"
    assert term(result, "I adopted a grey cat in Beja") == pytest.approx(Voice().weight)
    assert term(result, "I adopted a grey cat in Faro") == 0
    assert "speaker" in [note.code for note in result.notes]


def test_what_has_nothing_to_do_with_it_gains_nothing(memory: MemoryManager) -> None:
    memory.store("I adopted a grey cat in Faro", speaker="Ben")
    memory.store("The invoice is due on Friday at noon", speaker="Ana")
    result = memory.recall("Ana, the grey cat adopted in Faro")
    assert term(result, "The invoice is due on Friday at noon") < 0.1
    assert result.hits[0].memory.speaker == "Ben"


def test_one_speaker_alone_changes_nothing(memory: MemoryManager) -> None:
    memory.store("I adopted a grey cat in Faro", speaker="Ana")
    memory.store("The fee is paid")
    result = memory.recall("Which grey cat was adopted by Ana?")
    assert all("speaker" not in hit.terms for hit in result.hits)


def test_a_speaker_who_came_later_is_not_known_before(memory: MemoryManager) -> None:
    memory.store("I adopted a grey cat in Faro", speaker="Ben")
    kept = memory.store("I adopted a grey cat in Beja", speaker="Ana Lima")
    question, asked = "Which grey cat was adopted by Ana?", datetime(2030, 1, 1, tzinfo=UTC)
    before = memory.recall(question, now=asked, record=False)
    memory.store("Hello all", speaker="Ana Reis")
    now = memory.recall(question, now=asked, record=False)
    assert "speaker" not in [note.code for note in now.notes]
    then = memory.recall(question, known_at=kept.stored_at, now=asked, record=False)
    assert [(h.id, h.score) for h in then.hits] == [(h.id, h.score) for h in before.hits]


def test_what_if_a_speaker_had_said_it(memory: MemoryManager) -> None:
    memory.store("I adopted a grey cat in Faro", speaker="Ben")
    recall = memory.recall("Which grey cat was adopted by Ana?")
    added = Draft(text="I adopted a grey cat in Beja", speaker="Ana")
    changed = Replay(memory).what_if(str(recall.recall_id), adding=[added]).result
    assert changed.hits[0].memory.speaker == "Ana"
    assert changed.hits[0].terms["speaker"] > 0
