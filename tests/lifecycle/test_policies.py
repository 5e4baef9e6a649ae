"""Policies: looked at first, journalled as one run, taken back as one, replayed by a rebuild."""

import pytest

from memory_core.errors import InvalidInput, NotFound, SecretRefused
from memory_core.lifecycle.audit import audit
from memory_core.lifecycle.duplicates import duplicates_plan
from memory_core.lifecycle.forgetting import Decay, age_plan, capacity_plan, decay_plan
from memory_core.lifecycle.policies import carry_out, pin, runs, undo
from memory_core.lifecycle.review import propose, reject
from memory_core.manager import MemoryManager
from memory_core.testing import ManualClock, temporary_memory


def texts(memory: MemoryManager) -> set[str]:
    return {one.text for one in memory.list(limit=100)}


def aged(memory: MemoryManager, clock: ManualClock) -> dict[str, str]:
    ids = {
        "dull": memory.store("The bus was late again", importance=0.1).id,
        "grave": memory.store("Ana is allergic to nuts", importance=1.0).id,
        "used": memory.store("The gate sticks when it rains", importance=0.1).id,
        "pinned": memory.store("A small thing to keep", importance=0.05).id,
    }
    pin(memory, ids["pinned"])
    clock.advance(days=300)
    memory.reinforce(ids["used"], 3)
    clock.advance(days=100)
    memory.store("It is sunny today", importance=0.05)
    return ids


def test_decay_forgets_what_faded_and_can_be_taken_back() -> None:
    clock = ManualClock()
    with temporary_memory(clock=clock) as memory:
        ids = aged(memory, clock)
        before, head = texts(memory), memory.journal.head
        plan = decay_plan(memory)
        done = carry_out(memory, plan, dry_run=True)
        assert (done.changes, done.entry, memory.journal.head) == (1, None, head)
        done = carry_out(memory, plan)
        assert before - texts(memory) == {"The bus was late again"}
        assert memory.get(ids["dull"]).state == "forgotten"
        assert [change.event for change in memory.history(ids["dull"])] == ["stored", "forgotten"]
        live = memory.list(limit=100)
        memory.journal.rebuild()
        assert memory.list(limit=100) == live
        assert done.entry is not None
        assert undo(memory, done.entry) == 1
        assert texts(memory) == before
        assert [(run.policy, run.changes, run.undone) for run in runs(memory)] == [
            ("decay", 1, True)
        ]
        with pytest.raises(NotFound, match="lifecycle runs"):
            undo(memory, done.entry)
        assert memory.journal.verify() == []


def test_strength_follows_the_formula() -> None:
    with temporary_memory() as memory:
        stored = memory.store("x y z", importance=0.8)
    decay = Decay(half_lives={"episodic": 10, "semantic": 1, "procedural": 1})
    assert decay.strength(stored, 0, 0) == pytest.approx(0.8)
    assert decay.strength(stored, 10, 0) == pytest.approx(0.4)
    assert decay.strength(stored, 20, 1) == pytest.approx(0.4)  # one use doubles the half-life
    with pytest.raises(InvalidInput, match="half-lives"):
        Decay(half_lives={"episodic": 0, "semantic": 1, "procedural": 1})


def test_age_and_capacity_leave_pinned_memories() -> None:
    clock = ManualClock()
    with temporary_memory(clock=clock) as memory:
        aged(memory, clock)
        carry_out(memory, age_plan(memory, 200))
        kept = {"The gate sticks when it rains", "A small thing to keep", "It is sunny today"}
        assert texts(memory) == kept
        carry_out(memory, capacity_plan(memory, 1))
        assert texts(memory) == {"A small thing to keep"}


def test_what_changed_since_the_plan_is_left_alone() -> None:
    clock = ManualClock()
    with temporary_memory(clock=clock) as memory:
        ids = aged(memory, clock)
        plan = decay_plan(memory)
        memory.erase(ids["dull"])
        assert carry_out(memory, plan).entry is None
        assert runs(memory) == ()


def test_repetitions_are_counted_and_every_occurrence_stays() -> None:
    clock = ManualClock()
    with temporary_memory(clock=clock) as memory:
        told = [
            memory.store(text, speaker="Ana", session=f"s{n}").id
            for n, text in enumerate(
                ["I prefer the green tea from the corner shop near the old station",
                 "I prefer the green tea from the corner shop near the old station!",
                 "The bus stops in room 3", "The bus stops in room 4"]
            )
        ]  # fmt: skip
        memory.store(
            "I prefer the green tea from the corner shop near the old station", speaker="Bob"
        )
        done = carry_out(memory, duplicates_plan(memory))
        assert done.counts == {"memories": 5, "duplicates": 1}
        assert [(link.source, link.target) for link in memory.links(told[0])] == [
            (told[1], told[0])
        ]
        every = memory.recall("who prefers green tea from the corner shop?", k=3, explain=True)
        assert len({told[0], told[1]} & {hit.id for hit in every.hits}) == 1
        (step,) = [step for step in every.trace if step.name == "repeats"]
        (cut,) = step.hits.cuts
        assert cut.reason.startswith("says the same as ")
        assert len(memory.recall("who prefers green tea?", k=9).hits) == 5, "they fill k"
        found = memory.recall("which tea is preferred", where={"session": "s1"})
        assert [hit.id for hit in found.hits] == [told[1]]
        assert carry_out(memory, duplicates_plan(memory)).entry is None
        assert done.entry is not None
        undo(memory, done.entry)
        assert memory.links(told[0]) == ()
        again = carry_out(memory, duplicates_plan(memory))
        assert again.changes == 1
        memory.journal.rebuild()
        assert len(memory.links(told[0])) == 1
        assert told[1] in memory.erase(told[0]).same_text


KEY = "AKIA" + "Q3ZT7RLM2XWY5UVB"


def test_secrets_are_treated_by_their_source() -> None:
    modes = {"tool": "redact", "document": "reject", "import": "off"}
    with temporary_memory(secrets=modes) as memory:
        flagged = memory.store(f"my key is {KEY}")
        assert (flagged.text, flagged.metadata) == (f"my key is {KEY}", {"secrets": ["aws-key"]})
        clean = memory.store(f"key {KEY}", source="tool", metadata={"env": [f"A={KEY}"]})
        assert clean.text == "key [aws-key]"
        assert clean.metadata == {"env": ["A=[aws-key]"], "secrets": ["aws-key"]}
        with pytest.raises(SecretRefused, match="take them out") as caught:
            memory.store(f"key {KEY}", source="document")
        assert KEY not in str(caught.value)
        report = memory.store_many(["fine", {"text": KEY, "source": "document"}])
        assert [error.kind for error in report.errors] == ["SecretRefused"]
        assert memory.store(f"key {KEY}", source="import").metadata == {}
        assert memory.revise(clean.id, text=f"now {KEY}").text == "now [aws-key]"
        with pytest.raises(SecretRefused):
            memory.supersede(clean.id, f"key {KEY}", source="document")


def test_an_audit_counts_what_is_wrong() -> None:
    clock = ManualClock()
    with temporary_memory(clock=clock) as memory:
        first = memory.store(
            "Ana keeps the spare garage key under the blue flower pot", role="user"
        ).id
        echo = memory.store(
            "Ana keeps the spare garage key under the blue flower pot.", role="assistant"
        ).id
        memory.store("The lamp is in room 3", subject="lamp")
        memory.store("The lamp is in room 4", subject="lamp")
        secret = memory.store(f"use {KEY}").id
        head = memory.journal.head
        found = audit(memory)
        assert memory.journal.head == head
        (proposal,) = propose(memory)
        reject(memory, proposal.id)
        assert audit(memory).ids["stale"] == []
    assert (found.memories, list(found.ids["echo"]), list(found.ids["secret"])) == (
        5, [echo], [secret],
    )  # fmt: skip
    assert len(found.ids["stale"]) == 1
    assert first not in found.ids["duplicate"]
    assert found.rates["stale"] == 0.2
