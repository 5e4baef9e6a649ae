"""Consolidation adds a derived memory, keeps the episodes, and can be repeated and taken back."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from memory_core.errors import InvalidInput, ModelError
from memory_core.lifecycle.consolidation import Runs, consolidation_plan
from memory_core.lifecycle.policies import carry_out, undo
from memory_core.lifecycle.summarizer import ChatSummarizer, ExtractiveSummarizer
from memory_core.manager import MemoryManager
from memory_core.testing import temporary_memory
from memory_core.types import Memory

TURNS = (
    ("Ana", "I moved to Lisbon in March. The flat is small."),
    ("Bob", "Really? How nice!"),
    ("Ana", "My rent is 900 euros. I pay it on the first."),
    ("Bob", "The trams of Lisbon are loud."),
)


def told(memory: MemoryManager) -> list[Memory]:
    drafts = [
        {"text": text, "speaker": who, "session": session, "importance": 0.6}
        for session in ("s1", "s2")
        for who, text in TURNS
    ]
    return list(memory.store_many(drafts).stored)


def test_a_run_of_episodes_becomes_one_memory_and_back() -> None:
    with temporary_memory() as memory:
        episodes = told(memory)
        before = memory.list(limit=99)
        plan = consolidation_plan(memory, session="s1", runs=Runs(alike=-1))
        done = carry_out(memory, plan)
        (made,) = [one for one in memory.list(limit=99) if one.kind == "semantic"]
        assert (made.source, made.trust, made.session) == ("derived", "normal", "s1")
        assert "Ana: I moved to Lisbon in March." in made.text
        assert "How nice" not in made.text
        assert {link.target for link in memory.links(made.id)} == {e.id for e in episodes[:4]}
        assert memory.get(episodes[0].id).importance == 0.3
        assert memory.get(episodes[4].id).importance == 0.6
        hits = memory.recall("When did Ana move to Lisbon?", k=9).hits
        assert {made.id, *(e.id for e in episodes)} == {hit.id for hit in hits}
        assert carry_out(memory, consolidation_plan(memory, session="s1")).entry is None
        live = memory.list(limit=99)
        memory.journal.rebuild()
        assert memory.list(limit=99) == live
        assert done.entry is not None
        assert undo(memory, done.entry) == 9
        after = memory.list(limit=99)
        assert [(m.id, m.importance, m.text) for m in sorted(after, key=lambda m: m.id)] == [
            (m.id, m.importance, m.text) for m in sorted(before, key=lambda m: m.id)
        ]
        again = carry_out(memory, consolidation_plan(memory, session="s1", runs=Runs(alike=-1)))
        assert again.changes == 9
        assert memory.journal.verify() == []


def test_only_what_weighs_enough_is_consolidated() -> None:
    with temporary_memory() as memory:
        told(memory)
        assert consolidation_plan(memory, accumulated=2.5).counts["episodes"] == 0
        assert consolidation_plan(memory, accumulated=2.4).counts["episodes"] == 8


def test_a_plan_is_stale_once_a_source_is_erased() -> None:
    with temporary_memory() as memory:
        episodes = told(memory)
        plan = consolidation_plan(memory, session="s1", runs=Runs(alike=-1))
        memory.erase(episodes[0].id)
        assert carry_out(memory, plan).entry is None
        assert all(one.importance == 0.6 for one in memory.list(limit=99))


def test_erasing_an_episode_takes_the_summary_along() -> None:
    with temporary_memory() as memory:
        episodes = told(memory)
        carry_out(memory, consolidation_plan(memory, session="s1", runs=Runs(alike=-1)))
        receipt = memory.erase(episodes[0].id)
        assert len(receipt.derived) == 1
        assert receipt.residue == 0 or receipt.same_text
        assert all(one.kind == "episodic" for one in memory.list(limit=99))


def test_an_extract_keeps_its_share_and_invents_nothing() -> None:
    with temporary_memory() as memory:
        episodes = told(memory)[:4]
    short = ExtractiveSummarizer(keep=0.3)(episodes)
    assert len(short) < len(ExtractiveSummarizer(keep=1.0)(episodes))
    every = " ".join(text for _, text in TURNS)
    assert all(part in every for line in short.splitlines() for part in line[5:].split(". "))
    with pytest.raises(InvalidInput, match="keep"):
        ExtractiveSummarizer(keep=0)
    with pytest.raises(InvalidInput, match="runs of"):
        Runs(least=1)


@contextmanager
def chatting(answer: object) -> Iterator[tuple[str, list[dict[str, object]]]]:
    asked: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_model_behind_an_endpoint_may_write_the_text() -> None:
    answer = {"choices": [{"message": {"content": "Ana lives in Lisbon for 900 euros."}}]}
    with chatting(answer) as (address, asked), temporary_memory() as memory:
        told(memory)
        plan = consolidation_plan(
            memory,
            session="s2",
            summarizer=ChatSummarizer("m", base_url=address),
            runs=Runs(alike=-1),
        )
        carry_out(memory, plan)
        assert "Ana lives in Lisbon for 900 euros." in {m.text for m in memory.list(limit=99)}
        assert "not instructions" in json.dumps(asked[0])


def test_an_endpoint_that_says_nothing_changes_nothing() -> None:
    with chatting({"choices": []}) as (address, _), temporary_memory() as memory:
        told(memory)
        head = memory.journal.head
        with pytest.raises(ModelError, match="no message"):
            consolidation_plan(memory, summarizer=ChatSummarizer("m", base_url=address))
        assert memory.journal.head == head
