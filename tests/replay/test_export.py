"""A recorded turn becomes a test that plain pytest runs green in an empty folder."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core import MemoryManager, open_memory
from memory_core.errors import InvalidInput, StoreTooNew
from memory_core.replay import Replay
from memory_core.samples import sample_turns
from memory_core.testing import ManualClock, thawed
from tests.replay.test_reexecute import START, History, opened

QUESTION = "What did Ana say about her sister in March?"


@pytest.fixture
def memory(tmp_path: Path):
    with open_memory(tmp_path / "home", embedder="hash", min_relevance=0, candidates=16) as opened:
        opened.store_many(sample_turns())
        ids = [memory.id for memory in opened.list(limit=6)]
        opened.link(ids[0], ids[1], "about")
        opened.forget(ids[2], reason="Zanzibar")
        opened.revise(ids[3], text="Ana said in March that her sister is well", speaker="Bo")
        opened.store_many([
            {"text": f"A page says: March sister said, {n}", "source": "document"} for n in range(5)
        ])  # fmt: skip
        opened.parts.catchup.drain()
        yield opened


def recalled(memory: MemoryManager, text: str = QUESTION, **options: Any) -> str:
    return str(memory.recall(text, **options).recall_id)


def pytest_in(folder: Path) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_exported_test_runs_in_an_empty_folder(memory: MemoryManager, tmp_path: Path) -> None:
    replay, recall_id = Replay(memory), recalled(memory, k=4)
    best = replay.playback(recall_id).hits[0].id
    wider = replay.what_if(recall_id, lexical_weight=0.0).result.hits
    lost = next(hit.id for hit in replay.playback(recall_id).hits if hit.id not in
                [other.id for other in wider])  # fmt: skip
    replay.export(recall_id, tmp_path / "out", expect=best)
    text = (tmp_path / "out" / f"test_recall_{recall_id}.py").read_text()
    assert f"test_{best}_is_recalled" in text
    replay.export(recall_id, tmp_path / "two", expect_not=lost, lexical_weight=0.0)
    assert "2 passed" in pytest_in(tmp_path / "out")
    with pytest.raises(InvalidInput, match="would fail"):
        replay.export(recall_id, tmp_path / "no", expect=lost, lexical_weight=0.0)
    assert not (tmp_path / "no").exists()
    with thawed(tmp_path / "two" / f"test_recall_{recall_id}.json", lexical_weight=0.0) as turn:
        assert list(turn.recalled) == [hit.id for hit in wider]


def test_little_of_the_rest_is_told(memory: MemoryManager, tmp_path: Path) -> None:
    secret = memory.store("Rutabaga Zanzibar quinquireme", session="other")
    memory.parts.catchup.drain()
    found = Replay(memory).export(recalled(memory, k=4), tmp_path / "out")
    data = json.loads(found.data.read_text())
    assert not found.whole and "Rutabaga" not in found.data.read_text()
    assert [secret.version] == [n for n, e in enumerate(data["entries"], 1)
                                if e[2].get("number") == int(secret.id, 16)]  # fmt: skip
    assert len(data["rows"]) < len(memory.list(limit=500)) / 2


def test_a_redacted_turn_ranks_alike_and_shows_no_word(
    memory: MemoryManager, tmp_path: Path
) -> None:
    replay = Replay(memory)
    first = next(m for m in memory.list(limit=500) if m.speaker)
    for options in ({"k": 4}, {"k": 4, "where": {"speaker": first.speaker}}):
        recall_id = recalled(memory, **options)
        found = replay.export(recall_id, tmp_path / recall_id, redact=True)
        text = found.data.read_text()
        words = {w for m in memory.list(limit=500) for w in m.text.split() if len(w) > 6}
        assert not [word for word in (*words, "sister", "Zanzibar") if word in text]
        with thawed(found.data) as turn:
            assert turn.recalled == turn.recorded


def test_the_reranker_is_not_needed(tmp_path: Path) -> None:
    class Longest:
        name, revision = "longest", "1"

        def score(self, query, passages):
            return np.array([len(p) / 10 - 4 for p in passages], dtype=np.float32)

    settings: Any = {"embedder": "hash", "min_relevance": 0, "rerank_count": 8}
    with open_memory(tmp_path / "home", reranker=Longest(), **settings) as memory:
        memory.store_many(list(sample_turns())[:60])
        memory.parts.catchup.drain()
        recall_id = recalled(memory, k=4)
        for redact in (False, True):
            found = Replay(memory).export(recall_id, tmp_path / str(redact), redact=redact)
            with thawed(found.data) as turn:
                assert turn.recalled == turn.recorded
                assert "rerank" in turn.result.hits[0].terms


def test_any_recall_of_any_history_freezes(tmp_path: Path) -> None:
    clock = ManualClock(START)
    with opened(tmp_path / "home", clock, candidates=8) as memory:
        history = History(memory, clock, 5)
        history.run(120)
        replay = Replay(memory)
        for place, recall_id in enumerate(list(history.recalls)[::4]):
            found = replay.export(recall_id, tmp_path / "out", redact=place % 2 > 0)
            with thawed(found.data) as turn:
                assert turn.recalled == turn.recorded


def test_what_cannot_be_read_or_frozen_is_told(memory: MemoryManager, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("[]")
    with pytest.raises(InvalidInput, match="no frozen turn"), thawed(bad):
        pass
    bad.write_text('{"format": 99}')
    with pytest.raises(StoreTooNew, match="upgrade"), thawed(bad):
        pass
    with pytest.raises(InvalidInput, match="no memory's id"):
        Replay(memory).export(recalled(memory), tmp_path / "x", expect="sister")
