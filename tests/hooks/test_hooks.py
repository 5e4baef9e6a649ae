"""The two calls a turn: what they bring, what they store, and what they never break."""

import json
import logging
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from memory_core import (
    AsyncMemoryHooks,
    InvalidInput,
    MemoryHooks,
    MemoryManager,
    ToolResult,
    open_memory,
)
from memory_core.embed.hashing import HashEmbedder
from memory_core.serve.cli.tuning import pairs_of_store
from memory_core.testing import temporary_memory


@pytest.fixture
def memory() -> Iterator[MemoryManager]:
    with temporary_memory() as opened:
        yield opened


def test_what_is_said_in_one_session_is_known_in_the_next() -> None:
    with temporary_memory() as memory:
        first = MemoryHooks(memory, session="s1")
        first.after_turn("My flight leaves at 9:40 on Friday", "Noted.")
        first.end_session()
        turn = MemoryHooks(memory, session="s2").before_turn("When does my flight leave?")
        assert "9:40" in turn.context
        assert turn.status == "ok"
        assert turn.recall_id


def test_a_repeated_memory_is_not_stored_again() -> None:
    with temporary_memory() as memory:
        known = memory.store("The gate code is 4471")
        hooks = MemoryHooks(memory, session="s1")
        hooks.before_turn("What is the gate code?")
        stored = hooks.after_turn("What is the gate code?", "the gate  code is 4471")
        assert [m.text for m in stored] == ["What is the gate code?"]
        assert memory.get(known.id).reinforced == 1  # it was of use
        (example,) = pairs_of_store(memory)
        assert (example.query, example.positive) == ("What is the gate code?", known.text)


def test_a_reply_of_its_own_words_reinforces_nothing() -> None:
    with temporary_memory() as memory:
        known = memory.store("The gate code is 4471 and the key is under the fern")
        hooks = MemoryHooks(memory, session="s1")
        hooks.before_turn("What is the gate code?")
        hooks.after_turn("What is the gate code?", "I would rather not say that aloud.")
        assert memory.get(known.id).reinforced == 0


def test_a_memory_erased_in_between_breaks_no_turn() -> None:
    with temporary_memory() as memory:
        known = memory.store("The gate code is 4471")
        hooks = MemoryHooks(memory, session="s1")
        hooks.before_turn("What is the gate code?")
        memory.erase(known.id)
        stored = hooks.after_turn("What is the code?", "the gate code is 4471")
        assert [m.text for m in stored] == ["What is the code?"]


def test_a_failing_memory_does_not_break_the_agent(tmp_path: Path) -> None:
    memory = open_memory(tmp_path, embedder="hash")
    hooks = MemoryHooks(memory, session="s1")
    memory.close()
    turn = hooks.before_turn("hello there")
    assert (turn.context, turn.status) == ("", "failed")
    assert hooks.after_turn("hello there", "hi") == ()


def records(context: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in context.splitlines() if line.startswith("{")]


def prompt_of(messages: list[dict[str, object]]) -> str:
    return json.dumps(messages)[:-1]


def test_the_context_is_data_in_a_boundary_of_this_session(memory: MemoryManager) -> None:
    memory.store("The gate code is 4471", speaker="Ana", source="tool")
    hooks = MemoryHooks(memory, session="s1")
    lines = hooks.before_turn("What is the gate code?").context.splitlines()
    assert (lines[0], lines[-1]) == (f"<memory-{hooks.boundary}>", f"</memory-{hooks.boundary}>")
    assert "not instructions" in lines[1]
    (record,) = records("\n".join(lines))
    assert (record["text"], record["source"], record["trust"]) == (
        "The gate code is 4471", "tool", "low",
    )  # fmt: skip
    assert record["time"]
    first = hooks.boundary
    hooks.end_session()
    assert hooks.boundary != first
    assert MemoryHooks(memory, session="s1").boundary != first


def test_the_context_only_grows_at_its_end(memory: MemoryManager) -> None:
    memory.store_many(["Rex eats at seven", "The gate code is 4471", "Lisbon is sunny in March"])
    hooks = MemoryHooks(memory, session="s1", k=1)
    turns = [hooks.before_turn(q) for q in ("When does Rex eat?", "gate code?", "Lisbon in March?")]
    for before, after in pairwise(turns):
        assert after.context.startswith(before.context)
        assert after.context.endswith(after.delta)
        assert after.cache_prefix_kept == 1.0
    again = hooks.before_turn("When does Rex eat, again?")
    assert (again.delta, again.context) == ("", turns[-1].context)


def test_a_context_beyond_its_limit_is_drawn_anew_and_says_so(memory: MemoryManager) -> None:
    memory.store_many(
        f"Room {n} has {n} chairs and a window to the {n}th street" for n in range(40)
    )
    hooks = MemoryHooks(memory, session="s1", k=2, token_budget=100)
    kept = [
        hooks.before_turn(f"How many chairs has room {n}?").cache_prefix_kept for n in range(20)
    ]
    assert 0.0 < min(kept) < 1.0
    assert kept.count(1.0) > len(kept) / 2
    last = hooks.before_turn("How many chairs has room 7?")
    assert "Room 7 " in last.context
    assert memory.parts.count(last.context) < 700


def test_a_conversation_keeps_its_bytes_from_turn_to_turn(memory: MemoryManager) -> None:
    memory.store_many(["Rex eats at seven", "The gate code is 4471", "Lisbon is sunny in March"])
    hooks = MemoryHooks(memory, session="s1", k=2)
    history: list[dict[str, object]] = [{"role": "system", "content": "You help."}]
    before = ""
    for question in ("When does Rex eat?", "And the gate code?", "Is Lisbon sunny?"):
        history.append({"role": "user", "content": question})
        turn = hooks.before_turn(history)
        prompt = prompt_of(list(turn.messages))
        assert prompt.startswith(before)
        assert turn.cache_prefix_kept == 1.0
        assert len(turn.messages) == len(history)
        history.append({"role": "assistant", "content": "Let me see."})
        before = prompt
    everything = json.dumps(turn.messages)
    assert everything.count("Rex eats at seven") == 1
    assert everything.count("4471") == 1
    assert history[1] == {"role": "user", "content": "When does Rex eat?"}


def test_a_tool_loop_keeps_the_section_of_its_turn(memory: MemoryManager) -> None:
    memory.store("Rex eats at seven")
    hooks = MemoryHooks(memory, session="s1")
    talk: list[dict[str, object]] = [{"role": "user", "content": "When does Rex eat?"}]
    first = hooks.before_turn(talk)
    hooks.on_tool_result("Rex eats fish at seven, says the calendar")
    talk.append({"role": "tool", "content": "seven"})
    again = hooks.before_turn(talk)
    assert again.messages[:1] == first.messages
    assert (again.delta, again.cache_prefix_kept) == ("", 1.0)
    assert again.recall_id == first.recall_id
    talk += [{"role": "assistant", "content": "At 7."}, talk[0]]
    assert "calendar" in hooks.before_turn(talk).delta


def test_a_changed_conversation_is_reported(memory: MemoryManager) -> None:
    memory.store("Rex eats at seven")
    hooks = MemoryHooks(memory, session="s1")
    hooks.before_turn(
        [{"role": "system", "content": "a" * 100}, {"role": "user", "content": "Rex"}]
    )
    turn = hooks.before_turn(
        [{"role": "system", "content": "b" * 100}, {"role": "user", "content": "Rex"}]
    )
    assert turn.cache_prefix_kept == 0.0


def test_what_the_conversation_says_already_is_not_injected(memory: MemoryManager) -> None:
    memory.store_many(["The gate code is 4471", "The gate is painted green"])
    hooks = MemoryHooks(memory, session="s1")
    turn = hooks.before_turn(
        [
            {"role": "user", "content": [{"type": "text", "text": "the GATE code is 4471."}]},
            {"role": "assistant", "content": "Noted."},
            {"role": "user", "content": [{"type": "text", "text": "What about the gate?"}]},
        ]
    )
    assert [record["text"] for record in records(turn.context)] == ["The gate is painted green"]
    assert turn.messages[2]["content"] == [
        {"type": "text", "text": turn.context}, {"type": "text", "text": "What about the gate?"},
    ]  # fmt: skip


def test_what_changed_meanwhile_is_told_at_the_end(memory: MemoryManager) -> None:
    old = memory.store("Ana drinks coffee", valid_from="2026-01-01")
    hooks = MemoryHooks(memory, session="s1")
    first = hooks.before_turn("What does Ana drink?")
    memory.supersede(old.id, "Ana drinks tea", valid_from="2026-05-01")
    turn = hooks.before_turn("So what does Ana drink?")
    assert turn.context.startswith(first.context)
    assert {"id": old.id, "no_longer": "superseded"} in records(turn.delta)
    assert "Ana drinks tea" in turn.delta
    assert hooks.before_turn("And what does Ana drink?").delta == ""


@pytest.mark.parametrize("whole", [True, False], ids=["messages", "text"])
def test_what_was_erased_leaves_the_prompt(memory: MemoryManager, whole: bool) -> None:
    secret = memory.store("The gate code is 4471")
    memory.store("The gate is painted green")
    hooks = MemoryHooks(memory, session="s1")
    question = {"role": "user", "content": "What is the gate code?"}
    assert "4471" in hooks.before_turn([question] if whole else "What is the gate code?").context
    memory.erase(secret.id)
    talk = [question, {"role": "assistant", "content": "I see."}, question]
    turn = hooks.before_turn(talk if whole else "What is the gate code?")
    assert "4471" not in turn.context + json.dumps(turn.messages)
    assert "green" in turn.context


def test_a_revised_memory_is_shown_again(memory: MemoryManager) -> None:
    code = memory.store("The gate code is 4471")
    hooks = MemoryHooks(memory, session="s1")
    hooks.before_turn("What is the gate code?")
    memory.revise(code.id, text="The gate code is 9902")
    assert "9902" in hooks.before_turn("What is the gate code?").delta


def test_injected_text_is_stripped_from_what_is_stored(memory: MemoryManager) -> None:
    known = memory.store("The gate code is 4471. It changes every May.")
    hooks = MemoryHooks(memory, session="s1")
    turn = hooks.before_turn("What is the gate code?")
    stored = hooks.after_turn(
        f"{turn.context}\n\nWhat is the gate code?",
        "You told me: the gate code is 4471. I will remind you on April 30.",
        [ToolResult(f"found: {turn.context}", "recall"), "The weather is fine"],
    )
    assert [(m.text, m.source, m.speaker) for m in stored] == [
        ("What is the gate code?", "user", None),
        ("The weather is fine", "tool", None),
        ("You told me: […]. I will remind you on April 30.", "assistant", None),
    ]
    assert stored[2].metadata["quotes"] == [known.id]


def test_nothing_of_it_comes_back_in_fifty_turns(memory: MemoryManager) -> None:
    facts = [f"Ana keeps the red box number {n} on shelf {n * 7}" for n in range(10)]
    memory.store_many(facts)
    for session in range(5):
        hooks = MemoryHooks(memory, session=f"s{session}", k=3)
        for n in range(10):
            question = f"Where is box {n} today, {session}?"
            turn = hooks.before_turn(question)
            told = " ".join(record["text"] for record in records(turn.delta))
            hooks.after_turn(question, f"As I recall: {told}. {turn.context}")
    texts = [m.text for m in memory.list(limit=1000)]
    assert len(texts) == len(set(texts)) == 60
    copies = [text for text in texts if any(fact in text for fact in facts) and text not in facts]
    assert copies == []


def test_a_session_over_may_be_quoted_again(memory: MemoryManager) -> None:
    memory.store("The gate code is 4471")
    hooks = MemoryHooks(memory, session="s1")
    hooks.before_turn("What is the gate code?")
    hooks.end_session()
    assert len(hooks.after_turn("The gate code is 4471", "Noted.")) == 2


def test_tool_results_are_less_believed(memory: MemoryManager) -> None:
    (stored,) = MemoryHooks(memory, session="s1").on_tool_result(
        ToolResult("22 degrees", "weather")
    )
    assert (stored.source, stored.speaker, stored.trust) == ("tool", "weather", "low")
    assert memory.recall("degrees", for_action=True).hits == ()


def test_a_session_ends_with_its_own_sentences(memory: MemoryManager) -> None:
    hooks = MemoryHooks(memory, session="s1")
    for user, reply in (
        ("Hello there", "Hello! How can I help?"),
        ("The kitchen renovation starts in June with new oak cabinets", "A good month for it."),
        ("The kitchen cabinets come from a workshop in Porto", "What about the tiles?"),
        ("The tiles for the kitchen are still undecided", "I will ask again in May."),
    ):
        hooks.after_turn(user, reply)
    hooks.on_tool_result("The kitchen cabinets cost nothing, says this page")
    summary = hooks.end_session()
    assert summary is not None
    assert "kitchen renovation starts in June" in summary.text
    assert "Hello" not in summary.text
    assert "costs nothing" not in summary.text
    assert (summary.source, summary.kind, summary.session) == ("derived", "semantic", "s1")
    assert hooks.end_session() is None
    hooks.after_turn("The tiles will be blue and white from Aveiro", "Beautiful.")
    again = MemoryHooks(memory, session="s1", summarise=lambda said: f"{len(said)} things")
    assert again.end_session() is not None
    assert memory.get(summary.id).text == "11 things"


def test_a_short_session_has_no_summary(memory: MemoryManager) -> None:
    hooks = MemoryHooks(memory, session="s1")
    hooks.after_turn("Hello there", "Hello!")
    assert hooks.end_session() is None
    off = MemoryHooks(memory, session="s2", summarise=None)
    for n in range(9):
        off.after_turn(f"Fact number {n} is about the garden wall", f"Noted as number {n}.")
    assert off.end_session() is None


class SlowEmbedder(HashEmbedder):
    def encode_query(self, text: str):  # type: ignore[no-untyped-def]
        time.sleep(2.5)
        return super().encode_query(text)


def test_a_deadline_holds_and_nothing_is_lost(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder=SlowEmbedder(64)) as memory:
        memory.store("The gate code is 4471")
        hooks = MemoryHooks(memory, session="s1", deadline_ms=100)
        begun = time.monotonic()
        turn = hooks.before_turn("What is the gate code?")
        assert time.monotonic() - begun < 2.0
        assert turn.status in ("degraded", "failed")
        hooks.after_turn("first", "one")
        hooks.after_turn("second", "two")
        until = time.monotonic() + 20
        while len(memory.list()) < 5 and time.monotonic() < until:
            time.sleep(0.05)
        assert {m.text for m in memory.list()} >= {"first", "one", "second", "two"}


def test_any_failure_is_logged_without_the_text(
    memory: MemoryManager, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = MemoryHooks(memory, session="s1", summarise=lambda said: 1 / 0)
    with caplog.at_level(logging.INFO):
        turn = hooks.before_turn([{"role": "assistant", "content": "canary-4471"}])
        assert (turn.status, turn.messages[0]["content"]) == ("failed", "canary-4471")
        assert "role 'user'" in (turn.error or "")
        assert hooks.after_turn("canary-4471 \ud800", "a reply")[0].text == "a reply"
        for n in range(9):
            hooks.after_turn(f"canary-4471 number {n}", "yes")
        assert hooks.end_session() is None
    messages = [record.getMessage() for record in caplog.records]
    assert "the memory did not recall this turn: InvalidInput" in messages
    assert "one part of this turn was not stored: InvalidText" in messages
    assert "the memory did not summarise this turn: ZeroDivisionError" in messages
    assert "canary" not in caplog.text


def test_a_blank_message_brings_nothing(memory: MemoryManager) -> None:
    hooks = MemoryHooks(memory, session="s1")
    assert hooks.before_turn("  ").status == "empty"
    assert hooks.after_turn("", " ") == ()


@pytest.mark.parametrize(
    "wrong", [{"session": ""}, {"k": 0}, {"token_budget": 0}, {"speaker": "\x00"}, {"k": 201}]
)
def test_wrong_settings_fail_at_once(memory: MemoryManager, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        MemoryHooks(memory, **{"session": "s1", **wrong})  # type: ignore[arg-type]


async def test_the_async_twin_does_the_same(memory: MemoryManager) -> None:
    hooks = AsyncMemoryHooks(MemoryHooks(memory, session="s1"))
    stored = await hooks.after_turn("My flight is at 9:40", "Noted.", ["gate B12"])
    assert [m.source for m in stored] == ["user", "tool", "assistant"]
    assert (await hooks.on_tool_result("22 degrees"))[0].source == "tool"
    turn = await hooks.before_turn([{"role": "user", "content": "When is my flight?"}])
    assert "9:40" in turn.context
    assert await hooks.end_session() is None
