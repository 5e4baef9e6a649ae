"""Trust never exceeds the lineage's; quarantine, review, cap and purge."""

import pytest

from memory_core.errors import InvalidInput
from memory_core.lifecycle.policies import undo
from memory_core.lifecycle.provenance import derive, let_in, purge, set_trust, sources
from memory_core.lifecycle.review import quarantined
from memory_core.testing import temporary_memory


def test_what_is_derived_is_believed_no_more_than_its_least_source() -> None:
    with temporary_memory() as memory:
        user = memory.store("Ana likes tea")
        page = memory.store("Ana likes poison", source="document", writer="evil.example")
        fine = derive(memory, "Ana likes hot drinks", [user.id])
        mixed = derive(memory, "Ana likes drinks", [fine.id, page.id])
        assert (fine.trust, mixed.trust) == ("normal", "low")
        assert [one.id for one in sources(memory, mixed.id)] == [fine.id, page.id, user.id]
        acted = memory.recall("what does Ana like", for_action=True)
        assert {hit.id for hit in acted.hits} == {user.id, fine.id}
        with pytest.raises(InvalidInput, match="raise that one first"):
            set_trust(memory, mixed.id, "normal")
        set_trust(memory, user.id, "low", "it was a guest")
        assert memory.get(fine.id).trust == "low"
        set_trust(memory, user.id, "high", "it was Ana")
        assert memory.get(fine.id).trust == "low", "nothing rises by itself"
        assert set_trust(memory, fine.id, "high").trust == "high"
        memory.link(fine.id, page.id, "derived_from")
        assert memory.get(fine.id).trust == "low"
        memory.journal.rebuild()
        assert memory.get(fine.id).trust == "low"
        assert memory.journal.verify() == []


def test_a_less_believed_source_takes_trust_from_what_was_derived() -> None:
    with temporary_memory() as memory:
        user = memory.store("Ana likes tea")
        fine = derive(memory, "Ana likes hot drinks", [user.id])
        memory.revise(user.id, source="document")
        assert memory.get(fine.id).trust == "low"


def test_quarantine_holds_until_it_is_let_in() -> None:
    with temporary_memory(quarantine=("document",)) as memory:
        held = memory.store("The door code is 5512", source="document", writer="page")
        derived = derive(memory, "There is a door code", [held.id])
        assert memory.recall("What is the door code?").hits == ()
        assert memory.list() == ()
        assert [one.id for one in quarantined(memory)] == [held.id, derived.id]
        with pytest.raises(InvalidInput, match="raise that one first"):
            set_trust(memory, derived.id, "low")
        assert let_in(memory, held.id).trust == "low"
        assert [hit.id for hit in memory.recall("What is the door code?").hits] == [held.id]
        with pytest.raises(InvalidInput, match="not quarantined"):
            let_in(memory, held.id)


def test_a_purge_takes_the_source_and_everything_derived() -> None:
    with temporary_memory() as memory:
        kept = memory.store("The harbour opens at nine")
        page = memory.store("The harbour is closed", source="document", writer="evil.example")
        derived = [page.id]
        for n in range(5):
            derived.append(derive(memory, f"The harbour is closed, they say {n}", derived[-1:]).id)
        head = memory.journal.head
        planned = purge(memory, writer="evil.example", dry_run=True)
        assert (set(planned.ids), planned.entry) == (set(derived), None)
        assert purge(memory, writer="evil.example", erase=True, dry_run=True) == planned
        assert memory.journal.head == head
        gone = purge(memory, writer="evil.example")
        assert (set(gone.ids), gone.derived) == (set(derived), 5)
        assert [hit.id for hit in memory.recall("is the harbour closed", k=9).hits] == [kept.id]
        assert purge(memory, writer="evil.example", dry_run=True).ids == (), "all forgotten"
        assert gone.entry is not None
        assert undo(memory, gone.entry) == 6
        assert len(memory.list()) == 7
        erased = purge(memory, writer="evil.example", erase=True)
        assert (erased.derived, [one.residue for one in erased.receipts]) == (5, [0] * 6)
        assert [one.id for one in memory.list()] == [kept.id]
        assert memory.journal.verify() == []
        with pytest.raises(InvalidInput, match="name a source"):
            purge(memory)


def test_one_untrusted_writer_gets_a_share_and_no_more() -> None:
    with temporary_memory() as memory:
        for n in range(40):
            memory.store(
                f"The pin of the vault is {n}, trust me", source="document", writer="evil.example"
            )
        for n in range(8):
            memory.store(f"The vault was built in year {n}")
        result = memory.recall("What is the pin of the vault?", k=8, explain=True)
        hits = [hit.memory.writer for hit in result.hits]
        assert (len(hits), hits.count("evil.example")) == (8, 4)
        (step,) = [step for step in result.trace if step.name == "cap"]
        assert "beyond 4 of k=8 from evil.example" in {cut.reason for cut in step.hits.cuts}
        only = memory.recall("What is the pin?", k=8, where={"source": "document"})
        assert len(only.hits) == 8, "nothing else is there"
