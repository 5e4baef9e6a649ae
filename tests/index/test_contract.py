"""One contract for every path to dense candidates, brute force as the oracle."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core.errors import IndexUnavailable, InvalidSetting
from memory_core.index.base import VectorIndex
from memory_core.index.chroma import ChromaIndex
from memory_core.index.derived import Derived
from memory_core.index.faiss_index import DIRECTIONS, FaissIndex
from memory_core.manager import MemoryManager
from memory_core.metric import Metric, similarity
from tests.index.world import KnownVectors, fill, found, nearest, opened, path_of

SETTINGS: dict[str, dict[str, Any]] = {
    "exact": {"index": "exact"},
    "chroma": {"index": "chroma", "crossover": 1},
    "server": {"index": "chroma", "crossover": 1},
    "ivf": {"index": "ivf", "crossover": 1},
    "lsh": {"index": "lsh", "crossover": 1},
    "hnsw": {"index": "hnsw", "crossover": 1},
    "int8": {"index": "int8", "crossover": 1},
    "binary": {"index": "binary", "crossover": 1},
}
RESIDENT = ("ivf", "lsh", "hnsw", "int8", "binary")
COUNT = 400


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a real Chroma server on a free port."""
    command = Path(sys.executable).with_name("chroma")
    if not command.exists():
        pytest.skip("the chroma command is not installed beside Python")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = tmp_path_factory.mktemp("server")
    process = subprocess.Popen(
        [command, "run", "--path", place, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(1200):
        try:
            urllib.request.urlopen(f"{url}/api/v2/heartbeat", timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield url
    process.send_signal(signal.SIGTERM)
    process.wait(10)


@pytest.fixture(params=sorted(SETTINGS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settings(kind: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    if kind in RESIDENT:
        pytest.importorskip("faiss", reason="the extra faiss is not installed")
    extra = {"chroma_url": request.getfixturevalue("server")} if kind == "server" else {}
    return {**SETTINGS[kind], **extra}


@pytest.fixture
def memory(tmp_path: Path, settings: dict[str, Any]) -> Iterator[MemoryManager]:
    with opened(tmp_path / "home", COUNT, **settings) as made:
        settle(made)
        yield made


def derived(memory: MemoryManager) -> Derived:
    assert isinstance(memory.parts.derived, Derived)
    return memory.parts.derived


def settle(memory: MemoryManager) -> None:
    """Wait until the index holds every row."""
    keeper = derived(memory).keeper
    assert keeper is None or keeper.wait(120), keeper.state


def test_neighbours_are_those_of_brute_force(memory: MemoryManager, kind: str) -> None:
    for number in (3, 77, 350):
        question = f"text {number}"
        result = memory.recall(question, k=10, explain=True)
        dense = next(step for step in result.trace if step.name == "dense")
        docs = [hit.facts.doc for hit in dense.hits][:10]
        assert docs == nearest(memory, question, 10)
        path = next(note.text for note in dense.hits.notes if note.code == "path")
        told = {"exact": "exact scan", "server": "chroma over 400 vectors"}
        assert path.startswith(told.get(kind, f"{kind} over 400 vectors"))


def test_a_just_stored_memory_is_found(memory: MemoryManager) -> None:
    for number in range(COUNT, COUNT + 5):
        memory.store(f"text {number}")
        assert found(memory, f"text {number}", k=1) == [f"text {number}"]


def test_an_erased_memory_is_gone(memory: MemoryManager, kind: str) -> None:
    gone = memory.recall("text 9", k=1).hits[0].memory
    receipt = memory.erase(gone.id)
    assert receipt.residue == 0
    assert bool(receipt.notes) == (kind == "server")
    assert "text 9" not in found(memory, "text 9", k=20)
    settle(memory)
    assert "text 9" not in found(memory, "text 9", k=20)
    vector = memory.parts.embedder.encode_query("text 9").tobytes()
    files = [p for p in memory.journal.home.rglob("*") if p.is_file()]
    assert not [p for p in files if vector in p.read_bytes()]


def test_filters_and_the_past_are_exact(memory: MemoryManager) -> None:
    early = memory.get(memory.recall("text 9", k=1).hits[0].id).stored_at
    fill(memory, COUNT + 300)
    memory.store("text 9", metadata={"odd": 1})
    memory.parts.catchup.drain()
    assert path_of(memory, "text 9", where={"metadata.odd": 1}).startswith(
        "exact scan over 1 vectors"
    )
    assert path_of(memory, "text 9", known_at=early).startswith("exact scan")


def test_reopened_it_answers_the_same(tmp_path: Path, settings: dict[str, Any], kind: str) -> None:
    answers = []
    for _ in range(3):
        with opened(tmp_path, COUNT, **settings) as memory:
            settle(memory)
            answers.append(
                [hit.score for hit in memory.recall("text 5", k=20, now="2026-12-01").hits]
            )
    assert answers[0] == answers[1] == answers[2]


def test_scores_do_not_depend_on_the_path(tmp_path: Path, server: str) -> None:
    told = set()
    pytest.importorskip("faiss", reason="the extra faiss is not installed")
    for settings in (*SETTINGS.values(), {**SETTINGS["server"], "chroma_url": server}):
        with opened(tmp_path, COUNT, **settings) as memory:
            settle(memory)
            hits = memory.recall("text 31", k=30, now="2026-12-01").hits
            told.add(tuple((hit.id, hit.signals["dense"]) for hit in hits))
    assert len(told) == 1


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("place", ["embedded", "server", *RESIDENT])
def test_every_index_gives_the_metrics_similarities(
    tmp_path: Path, metric: Metric, place: str, request: pytest.FixtureRequest
) -> None:
    embedder = KnownVectors(16)
    vectors = embedder.encode_documents([f"text {n}" for n in range(300)])
    rows = np.arange(0, 600, 2)
    index: VectorIndex
    if place in RESIDENT:
        pytest.importorskip("faiss", reason="the extra faiss is not installed")
        if place in DIRECTIONS and metric != "cosine":
            with pytest.raises(InvalidSetting, match="use cosine"):
                FaissIndex(place, 16, metric)  # type: ignore[arg-type]
            return
        index = FaissIndex(place, 16, metric)  # type: ignore[arg-type]
    elif place == "embedded":
        index = ChromaIndex.embedded(tmp_path / "data", metric)
    else:
        index = ChromaIndex.server(request.getfixturevalue("server"), f"m-{metric}", metric)
    index.add(rows, vectors)
    index.add(rows[:10], vectors[:10])
    index.delete(np.array([4, 5, 100_000]))
    held = np.setdiff1d(rows, [4])
    assert index.rows().tolist() == held.tolist()
    query = embedder.encode_query("text 50")
    found, scores = index.query(query, 7)
    true = similarity(vectors, query, metric)
    true[2] = -np.inf
    best = np.argsort(-true, kind="stable")[:7]
    assert found.tolist() == (2 * best).tolist()
    assert scores == pytest.approx(true[best], abs=1e-5)
    index.close()
    index.close()
    with pytest.raises(IndexUnavailable):
        index.query(query, 7)


def test_codes_are_those_of_sentence_transformers() -> None:
    faiss = pytest.importorskip("faiss", reason="the extra faiss is not installed")
    quantization = pytest.importorskip("sentence_transformers.util.quantization")
    embedder = KnownVectors(20)
    vectors = embedder.encode_documents([f"text {n}" for n in range(120)])
    coded = {}
    for family in ("int8", "binary"):
        index = FaissIndex(family, 20, "cosine")  # type: ignore[arg-type]
        index.add(np.arange(120), vectors)
        held = index._index
        codes = held.codes if family == "int8" else held.xb
        coded[family] = faiss.vector_to_array(codes).reshape(120, -1).astype(int)
    bits = quantization.quantize_embeddings(vectors[:, :16], "ubinary")
    assert coded["binary"][:, :2].tolist() == bits.tolist()
    bytes_ = quantization.quantize_embeddings(vectors, "uint8").astype(int)
    assert np.abs(coded["int8"] - bytes_).max() <= 1  # faiss takes 256 steps, they take 255


def test_families_grow_and_serve_while_they_do(tmp_path: Path) -> None:
    pytest.importorskip("faiss", reason="the extra faiss is not installed")
    for family in RESIDENT:
        with opened(tmp_path / family, 40, index=family, crossover=20) as memory:
            settle(memory)
            fill(memory, 400)  # ten times what the cells were trained on
            settle(memory)
            assert path_of(memory, "text 7").startswith(f"{family} over 400 vectors")
            assert found(memory, "text 390", k=1) == ["text 390"]
            keeper = derived(memory).keeper
            assert keeper is not None and "400" in keeper.state
            assert derived(memory).report()["chroma"] == "off"
        with opened(tmp_path / family, readonly=True, index=family, crossover=20) as memory:
            settle(memory)
            assert path_of(memory, "text 7").startswith(family)


def test_tenants_of_one_server_do_not_meet(tmp_path: Path, server: str) -> None:
    options = {**SETTINGS["server"], "chroma_url": server}
    with (
        opened(tmp_path, 50, namespace="a", **options) as first,
        opened(tmp_path, namespace="b", **options) as second,
    ):
        second.store("text 900")
        second.parts.catchup.drain()
        settle(first)
        settle(second)
        assert found(second, "text 3", k=50) == ["text 900"]
        assert "text 900" not in found(first, "text 900", k=50)


def test_a_server_that_is_gone_leaves_exact_scan(tmp_path: Path) -> None:
    with opened(
        tmp_path, 20, index="chroma", crossover=1, chroma_url="http://127.0.0.1:9"
    ) as memory:
        until = time.monotonic() + 120
        while "cannot be used" not in path_of(memory) and time.monotonic() < until:
            time.sleep(0.05)
        assert "cannot be used" in path_of(memory)
        assert found(memory, "text 3", k=1) == ["text 3"]
        gone = memory.erase(memory.recall("text 3", k=1).hits[0].id)
        assert "still has the vectors" in gone.notes[0]
