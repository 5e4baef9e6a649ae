"""A sparse and a late-interaction model take part in recall; tiny ones are made here."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core import open_memory
from memory_core.answers import RecallResult
from memory_core.errors import InvalidSetting, ModelNotFound
from memory_core.index.sparsefile import parsed
from memory_core.journal.memories import Loader
from memory_core.manager import MemoryManager
from memory_core.replay import Replay
from memory_core.types import Memory
from tests.embed.bodies import made

TEXTS = (
    "my cat sleeps all day", "the bank raised its rate", "a green tea in the garden",
    "the spare key is under the fern", "ana moved to lisbon in march",
)  # fmt: skip


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("bodies"))


@pytest.fixture
def settings(bodies: Path) -> dict[str, Any]:
    models = {"sparse": str(bodies / "sparse"), "late_interaction": str(bodies / "late")}
    return {"embedder": "hash:64", "min_relevance": 0, **models}


@pytest.fixture
def memory(tmp_path: Path, settings: dict[str, Any]) -> Iterator[MemoryManager]:
    with open_memory(tmp_path / "home", **settings) as opened:
        opened.store_many(TEXTS)
        yield opened


def signals(result: RecallResult, name: str) -> dict[str, float]:
    return {hit.memory.text: hit.signals[name] for hit in result.hits}


def encoded(memory: MemoryManager, question: str, **options: Any) -> RecallResult:
    """Return a recall with every text encoded, which a busy machine does behind the first."""
    for _ in range(60):
        result = memory.recall(question, **options)
        if "not_encoded" not in {note.code for note in result.notes}:
            return result
        time.sleep(0.25)
    raise AssertionError("not encoded within fifteen seconds")


def files(memory: MemoryManager) -> list[Path]:
    return sorted((memory.journal.home / "derived").glob("sparse-*.bin"))


def test_both_measure_what_the_models_say(memory: MemoryManager, bodies: Path) -> None:
    from sentence_transformers import MultiVectorEncoder, SparseEncoder

    result = encoded(memory, "green tea", k=5)
    sparse = SparseEncoder(str(bodies / "sparse"), device="cpu")
    (asked,) = np.asarray(sparse.encode_query(["green tea"]).to_dense())
    rows = np.asarray(sparse.encode_document(list(TEXTS)).to_dense())
    scores = rows @ asked
    true = scores / (scores + asked @ asked)
    told = signals(result, "sparse")
    assert [told[text] for text in TEXTS] == pytest.approx(true.tolist(), rel=1e-3)
    late = MultiVectorEncoder(str(bodies / "late"), device="cpu")
    tokens = np.asarray(late.encode_query(["green tea"])[0])
    best = [
        float((tokens @ np.asarray(one).T).max(axis=1).mean())
        for one in late.encode_document(list(TEXTS))
    ]
    told = signals(result, "late")
    assert [told[text] for text in TEXTS] == pytest.approx(best, abs=1e-3)
    for hit in result.hits:
        assert hit.score == pytest.approx(sum(hit.terms.values()))
        assert hit.terms["sparse"] == pytest.approx(0.3 * hit.signals["sparse"])
        assert 0 <= hit.terms["late"] <= 0.3
    assert result.status == "ok", result.notes


def test_a_sparse_model_brings_what_the_others_missed(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    with open_memory(tmp_path, candidates=8, **settings) as memory:
        memory.store_many([f"{n} {text}" for n in range(8) for text in TEXTS])
        result = encoded(memory, "bonjour", k=8, explain=True)
        found = {step.name: {hit.id for hit in step.hits} for step in result.trace}
        assert found["lexical"] < found["sparse"]


def test_it_is_played_again_exactly(memory: MemoryManager) -> None:
    before = memory.recall("green tea", k=3)
    memory.store_many(["green tea again", "tea and more tea"])
    hurried = memory.recall("green tea", k=3, deadline_ms=1)
    after = memory.recall("green tea", k=3)
    assert {note.code for note in hurried.notes} & {"deadline", "not_encoded"}
    replay = Replay(memory)
    for result in (before, hurried, after):
        again = replay.reexecute(str(result.recall_id))
        assert again.verdict == "exact", again
    fate = replay.why(str(before.recall_id), before.hits[0].id)
    assert "sparse" in fate.detail and "late" in fate.detail
    assert [passage.stage for passage in fate.passages].count("late") == 1
    for path in files(memory):
        path.unlink()
    assert replay.reexecute(str(before.recall_id)).verdict == "exact"


def test_the_models_are_conditions_of_a_replay(
    tmp_path: Path, memory: MemoryManager, settings: dict[str, Any]
) -> None:
    told = str(memory.recall("green tea", k=3).recall_id)
    memory.close()
    plain = {name: value for name, value in settings.items() if "min" in name or "emb" in name}
    with open_memory(tmp_path / "home", **plain) as without:
        again = Replay(without).reexecute(told)
        assert not again.exact
        assert any("the sparse model was" in cause for cause in again.causes)
        assert any("the late model was" in cause for cause in again.causes)
        bare = str(without.recall("green tea", k=3).recall_id)
    with open_memory(tmp_path / "home", **settings) as both:
        replay = Replay(both)
        assert replay.reexecute(told).exact
        assert replay.reexecute(bare).exact  # had neither, so neither takes part


def test_an_erased_text_leaves_no_weights(tmp_path: Path, memory: MemoryManager) -> None:
    gone = memory.recall("green tea", k=1).hits[0]
    (path,) = files(memory)
    docs = [record.doc for record in parsed(path.read_bytes())[0]]
    assert len(docs) == 5 and gone.facts.doc in docs
    assert path.stat().st_mode & 0o777 == 0o600
    memory.close()
    with open_memory(tmp_path / "home", embedder="hash:64") as unset:  # no model is set any more
        assert unset.erase(gone.id).residue == 0
    kept = [record.doc for record in parsed(path.read_bytes())[0]]
    assert kept == [doc for doc in docs if doc != gone.facts.doc]


def test_damage_is_made_anew(
    tmp_path: Path, memory: MemoryManager, settings: dict[str, Any]
) -> None:
    before = signals(memory.recall("green tea", k=5), "sparse")
    (path,) = files(memory)
    memory.close()
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damaged in (whole[: len(whole) // 2], bytes(flipped), b"", b"\x00" * 999):
        path.write_bytes(damaged)
        with open_memory(tmp_path / "home", **settings) as again:
            assert signals(again.recall("green tea", k=5), "sparse") == pytest.approx(before)
        assert len(parsed(path.read_bytes())[0]) == 5


def test_a_rebuild_makes_the_sparse_vectors_anew(memory: MemoryManager) -> None:
    before = signals(encoded(memory, "green tea", k=5), "sparse")
    (path,) = files(memory)
    whole = path.read_bytes()
    wrong = [type(r)(r.doc, r.seal, r.words + 1, r.weights) for r in parsed(whole)[0]]
    path.write_bytes(b"".join(one.bytes() for one in wrong))  # whole, and not what was encoded
    told: list[str] = []
    memory.parts.derived.rebuild(told.append)
    assert path.read_bytes() == whole
    assert told[-1].endswith("(5 of 5 texts)")
    assert signals(memory.recall("green tea", k=5), "sparse") == pytest.approx(before)


def test_the_report_tells_the_state_of_either_model(
    tmp_path: Path, memory: MemoryManager, settings: dict[str, Any]
) -> None:
    def state() -> str:
        return memory.parts.derived.report()["sparse"]

    assert state().endswith(": not built, 5 texts")
    encoded(memory, "green tea")
    assert state() == "sparse: clean, 5 of 5 texts"
    memory.store("a sixth text")
    assert state().endswith(": clean, 5 of 6 texts")
    (path,) = files(memory)
    whole, records = path.read_bytes(), parsed(path.read_bytes())[0]
    path.write_bytes(whole[:-1])
    assert "damaged after 4 of 6 texts" in state()
    words, weights = records[0].words, records[0].weights
    path.write_bytes(b"".join(type(r)(r.doc, r.seal ^ 1, words, weights).bytes() for r in records))
    assert "of another history" in state()
    assert "in memory only" in memory.parts.derived.report()["late"]
    memory.close()
    with open_memory(tmp_path / "home", embedder="hash:64") as plain:
        assert not {"sparse", "late"} & set(plain.parts.derived.report())


def test_texts_are_read_in_one_go(memory: MemoryManager, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Loader.memory
    alone: list[int] = []

    def noted(self: Loader, version: int) -> Memory:
        if version not in self._loaded:
            alone.append(version)
        return read(self, version)

    monkeypatch.setattr(Loader, "memory", noted)
    memory.parts.derived.rebuild()
    assert not alone


def test_other_texts_under_the_same_numbers_are_seen(
    tmp_path: Path, memory: MemoryManager, settings: dict[str, Any]
) -> None:
    memory.recall("green tea")
    (path,) = files(memory)
    memory.close()
    records = parsed(path.read_bytes())[0]
    words, weights = records[0].words, records[0].weights
    foreign = [type(r)(r.doc, r.seal ^ 1, words, weights).bytes() for r in records]
    path.write_bytes(b"".join(foreign))
    with open_memory(tmp_path / "home", **settings) as again:
        told = signals(again.recall("green tea", k=5), "sparse")
    assert len(set(told.values())) == 5


def test_a_long_text_is_not_cut(tmp_path: Path, settings: dict[str, Any]) -> None:
    with open_memory(tmp_path, **settings) as memory:
        memory.store("tea and more. " * 150 + "The zebra ran.")
        memory.store("tea and more. " * 150)
        memory.recall("zebra", k=2)
        (path,) = files(memory)
        first, second = parsed(path.read_bytes())[0]
        assert first.weights.tolist() != second.weights.tolist()  # as they are where cut


def test_a_name_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    for name in ("sparse", "late_interaction"):
        with pytest.raises(ModelNotFound):
            open_memory(tmp_path, embedder="hash", **{name: "nobody/nothing"})
    with pytest.raises(InvalidSetting, match="sparse_weight"):
        open_memory(tmp_path, embedder="hash", sparse_weight=2)
