"""Months of sessions: facts change, phrases repeat, and what is packed stays clean and flat."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memory_core import MemoryHooks, MemoryManager, open_memory
from memory_core.lifecycle.consolidation import consolidation_plan
from memory_core.lifecycle.duplicates import duplicates_plan
from memory_core.lifecycle.forgetting import decay_plan
from memory_core.lifecycle.policies import carry_out
from memory_core.testing import ManualClock

SESSIONS = 12
K = 8
"""Hits of a recall: from so many sessions on, each may come from another one."""
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
FACTS = {
    "city": ("Where does Ana live?", "Ana lives in {}", ("Lisbon", "Porto", "Faro")),
    "employer": ("Where does Ana work?", "Ana works at {}", ("the museum", "the harbour office")),
    "car": ("Which car does Ana drive?", "Ana drives {}", ("a red van", "no car", "a blue bike")),
}  # fmt: skip
HABITS = (
    "I drink green tea in the morning, before anything else",
    "My sister calls me every Sunday evening around eight",
    "I cannot stand loud music while I am reading",
)
EVENTS = ("a storm", "a broken lamp", "a letter from the bank", "a lost umbrella", "a cat")


def live(memory: MemoryManager, clock: ManualClock, sessions: int) -> list[dict[str, object]]:
    """Live through the sessions and return what was measured after each."""
    figures = []
    for number in range(sessions):
        name = f"session {number:02}"
        hooks = MemoryHooks(memory, session=name)
        for habit in HABITS:  # said again and again, in about the same words
            said = habit if number % 2 else f"{habit}!"
            hooks.before_turn(said)
            hooks.after_turn(said, f"Noted for day {number}.")
            clock.advance(minutes=3)
        event = EVENTS[number % len(EVENTS)]
        memory.store(f"On day {number} there was {event} near gate {number}", session=name)
        for attribute, (_, sentence, values) in FACTS.items():
            place, rest = divmod(number, sessions // len(values))
            if rest == 0 and place < len(values):
                memory.store(
                    sentence.format(values[place]), subject="Ana", attribute=attribute,
                    session=name, importance=0.9,
                )  # fmt: skip
        hooks.end_session()
        carry_out(memory, duplicates_plan(memory))
        carry_out(memory, consolidation_plan(memory, session=name))
        carry_out(memory, decay_plan(memory))
        figures.append({"session": number + 1, **measured(memory)})
        clock.advance(days=7)
    return figures


def measured(memory: MemoryManager) -> dict[str, object]:
    """Return what the store holds, what a recall packs, and how much of that is said twice."""
    questions = [question for question, _, _ in FACTS.values()]
    questions += ["What does Ana drink in the morning?", "Who calls on Sundays?"]
    results = [memory.recall(question, k=K, token_budget=400) for question in questions]
    pairs = twice = 0
    for result in results:
        groups = [stands_for(memory, hit.id) for hit in result.hits]
        pairs += len(groups)
        twice += len(groups) - len(set(groups))
    return {
        "memories": len(memory.list(limit=100_000)),
        "tokens": sum(result.tokens for result in results) // len(results),
        "said_twice": twice / max(pairs, 1),
    }


def stands_for(memory: MemoryManager, id: str) -> str:
    """Return the memory that this one was counted with, itself if with none."""
    targets = [
        link.target for link in memory.links(id)
        if link.relation == "duplicate_of" and link.source == id
    ]  # fmt: skip
    return targets[0] if targets else id


def facts(memory: MemoryManager, sessions: int) -> list[tuple[str, str, Sequence[str]]]:
    """Return (question, what should be said, what is said) for every value, now and then."""
    asked = []
    for attribute, (question, sentence, values) in FACTS.items():
        for place, value in enumerate(values):
            session = place * (sessions // len(values))
            moment = START + timedelta(days=7 * session + 1)
            as_of = None if place == len(values) - 1 else moment
            where = {"subject": "Ana", "attribute": attribute}
            result = memory.recall(question, k=5, as_of=as_of, where=where)
            asked.append((question, sentence.format(value), [h.memory.text for h in result.hits]))
    return asked


def test_the_store_stays_clean_and_the_facts_true(tmp_path: Path) -> None:
    clock = ManualClock(START)
    with open_memory(tmp_path, embedder="hash", clock=clock, recordings=False) as memory:
        figures = live(memory, clock, SESSIONS)
        for question, wanted, said in facts(memory, SESSIONS):
            assert list(said) == [wanted], question
        assert max(float(str(row["said_twice"])) for row in figures) <= 0.01
        tokens = [int(str(row["tokens"])) for row in figures]
        assert max(tokens[K:]) <= 1.2 * tokens[K]  # fewer sessions share more records
        assert memory.journal.verify() == []
