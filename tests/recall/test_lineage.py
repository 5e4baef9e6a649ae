"""A consolidated memory takes no place from its episodes, and shows several of them as one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from memory_core import MemoryHooks
from memory_core.hooks.echo import EchoGuard
from memory_core.lifecycle.consolidation import Runs, consolidation_plan
from memory_core.lifecycle.policies import carry_out, undo, unforget
from memory_core.manager import MemoryManager
from memory_core.recall.pack import MADE
from memory_core.replay import Replay
from memory_core.testing import temporary_memory
from memory_core.types import Memory

TURNS = (
    ("Ana", "I moved to Lisbon in March. Thanks!"),
    ("Bob", "Lisbon in March must be lovely, where in Lisbon do you live?"),
    ("Ana", "In Lisbon I live in the quarter of Graça, since the end of March."),
    ("Bob", "The trams of Lisbon are loud there."),
    ("Ana", "My rent in Lisbon is 900 euros."),
    ("Bob", "My cousin pays more in Porto."),
)
QUESTION = "Where does Ana live in Lisbon since March?"


@contextmanager
def consolidated(**settings: object) -> Iterator[tuple[MemoryManager, list[Memory], Memory]]:
    """Yield a memory, its episodes and the one that was made of them."""
    with temporary_memory(**settings) as memory:
        episodes = list(
            memory.store_many(
                {
                    "text": text,
                    "speaker": who,
                    "session": "s1",
                    "occurred_at": f"2026-03-14T10:0{place}:00Z",
                    "key": f"turn {place}",
                }
                for place, (who, text) in enumerate(TURNS)
            ).stored
        )
        carry_out(memory, consolidation_plan(memory, runs=Runs(alike=-1)))
        (made,) = [one for one in memory.list(limit=99) if one.kind == "semantic"]
        yield memory, episodes, made


def shown(context: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in context.splitlines()]


def test_episodes_keep_their_places() -> None:
    with consolidated() as (memory, episodes, made):
        result = memory.recall(QUESTION, k=4, explain=True)
        assert made.id not in {hit.id for hit in result.hits}
        alone = memory.recall(QUESTION, k=4, where={"kind": "episodic"})
        assert [hit.id for hit in result.hits] == [hit.id for hit in alone.hits]
        (step,) = [step for step in result.trace if step.name == "lineage"]
        assert [(cut.hit.id, cut.reason) for cut in step.hits.cuts] == [
            (made.id, f"made of memories that are here: {len(episodes)} of them")
        ]


def test_words_and_neighbours_count_as_if_nothing_had_been_made() -> None:
    names = ("dense", "lexical", "context")
    with temporary_memory() as memory:
        memory.store_many({"text": t, "speaker": w, "session": "s1"} for w, t in TURNS)

        def terms() -> dict[str, dict[str, float]]:
            hits = memory.recall(QUESTION, k=6).hits
            return {hit.id: {name: hit.terms.get(name, 0.0) for name in names} for hit in hits}

        before = terms()
        carry_out(memory, consolidation_plan(memory, runs=Runs(alike=-1)))
        assert terms() == before
        later = memory.store("It has a view of the river", speaker="Ana", session="s1")
        (hit,) = (hit for hit in memory.recall(QUESTION, k=8).hits if hit.id == later.id)
        assert hit.terms["context"] > 0  # of the last turn, not of what was made of the turns


def test_what_was_made_of_them_fills_k_and_comes_where_they_cannot() -> None:
    with consolidated() as (memory, episodes, made):
        every = memory.recall(QUESTION, k=9)
        assert {hit.id for hit in every.hits} == {made.id, *(one.id for one in episodes)}
        assert [cut.reason for cut in every.trace[-1].hits.cuts] == [MADE]
        assert all(list(record) == ["id", "time", "lines"] for record in shown(every.context))
        kept = memory.recall(QUESTION, k=4, where={"kind": "semantic"}).hits
        assert [hit.id for hit in kept] == [made.id]
        for episode in episodes:
            memory.forget(episode.id)
        assert [hit.id for hit in memory.recall(QUESTION, k=4).hits] == [made.id]


def test_hits_of_one_memory_share_a_record_that_costs_less() -> None:
    with consolidated() as (memory, _, made):
        result = memory.recall(QUESTION, k=4, token_budget=500)
        (record, *others) = shown(result.context)
        assert list(record) == ["id", "time", "lines"] and not others
        assert (record["id"], record["time"]) == (made.id, "2026-03-14")
        assert set(record["lines"].split("\n")) <= set(made.text.split("\n"))
        assert "Ana: In Lisbon I live in the quarter of Graça, since the end of March." in (
            record["lines"].split("\n")
        )
        packed = result.trace[-1].hits
        assert {hit.id for hit in packed} == {hit.id for hit in result.hits}
        assert all(hit.reasons[-1] == f"shown by its line of {made.id}" for hit in packed)
        apart = memory.recall(QUESTION, k=4, token_budget=500, where={"kind": "episodic"})
        assert all("text" in record for record in shown(apart.context))
        assert result.tokens < 0.75 * apart.tokens


def test_a_budget_is_kept_and_cuts_whole_hits() -> None:
    with consolidated() as (memory, _, _):
        for budget in range(20, 200, 7):
            result = memory.recall(QUESTION, k=6, token_budget=budget)
            assert memory.parts.count(result.context) == result.tokens <= budget
            packed = result.trace[-1].hits
            every = [hit.id for hit in (*packed, *(cut.hit for cut in packed.cuts))]
            assert sorted(every) == sorted(hit.id for hit in result.hits)


def test_a_hit_whose_best_sentence_the_line_lacks_keeps_its_record() -> None:
    with consolidated() as (memory, episodes, made):
        assert "Thanks" not in made.text
        result = memory.recall("Did Ana say thanks?", k=6, token_budget=500)
        assert episodes[0].text in [record.get("text") for record in shown(result.context)]


@pytest.mark.parametrize("change", [{"text": "I moved to Porto."}, {"source": "tool"}])
def test_a_revised_source_is_shown_by_itself(change: dict[str, str]) -> None:
    with consolidated() as (memory, episodes, _):
        memory.revise(episodes[2].id, **change)
        own = memory.recall(QUESTION, k=6, token_budget=600)
        by_id = {record["id"]: record for record in shown(own.context)}
        assert by_id[episodes[2].id]["text"] == memory.get(episodes[2].id).text


def test_a_forgotten_source_is_in_no_line_and_an_undone_run_changes_nothing() -> None:
    with temporary_memory() as memory:
        memory.store_many({"text": t, "speaker": w, "session": "s1"} for w, t in TURNS)
        before = memory.recall(QUESTION, k=4, token_budget=500).context
        done = carry_out(memory, consolidation_plan(memory, runs=Runs(alike=-1)))
        gone = next(one for one in memory.list(limit=9) if "Graça" in one.text and one.speaker)
        memory.forget(gone.id)
        assert "Graça" not in memory.recall(QUESTION, k=4, token_budget=500).context
        unforget(memory, gone.id)
        assert done.entry is not None
        undo(memory, done.entry)
        assert memory.recall(QUESTION, k=4, token_budget=500).context == before


def test_a_recall_is_repeated_exactly_and_tells_why() -> None:
    with consolidated() as (memory, episodes, made):
        result = memory.recall(QUESTION, k=4, token_budget=500)
        memory.store("I live in Lisbon, too, since March", speaker="Cy", session="s2")
        replay = Replay(memory)
        again = replay.reexecute(result.recall_id)
        assert again.verdict == "exact" and again.same_context
        fate = replay.why(result.recall_id, made.id)
        assert (fate.kept, fate.stage) == (False, "lineage")
        kept = replay.why(result.recall_id, episodes[2].id)
        assert kept.kept and f"shown by its line of {made.id}" in kept.detail
        off = replay.what_if(result.recall_id, off=["lineage"])
        assert made.id in {hit.id for hit in off.result.hits}


def test_hooks_show_a_line_once_and_take_it_back() -> None:
    with consolidated() as (memory, episodes, made):
        hooks = MemoryHooks(memory, session="s9", k=4)
        first = hooks.before_turn(QUESTION)
        assert made.id in first.context and episodes[2].id not in first.context
        assert "Graça" in first.context
        again = hooks.before_turn(QUESTION)
        assert not again.delta and again.context == first.context
        assert hooks.after_turn(f"{first.context}\n\nWhat now?", first.context)[0].text == (
            "What now?"
        )
        memory.forget(episodes[2].id)
        assert "Graça" not in hooks.before_turn(f"{QUESTION} Tell me.").context


def test_a_line_that_is_pasted_back_is_not_stored_again() -> None:
    record = '{"id":"0123456789abcdef","time":"2026-03-14","lines":"Ana: Lisbon.\\nBob: Loud."}'
    assert EchoGuard().fresh(f"{record}\nWhat now?", strict=False).text == "What now?"
