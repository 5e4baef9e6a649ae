"""The benchmarks measure: sizes of the test suite, the hashing embedder, every figure's shape."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core import MemoryManager
from memory_core.bench import indexing, recalling, storing
from memory_core.bench.corpus import Corpus
from memory_core.bench.figure import Figure, Run, Target
from memory_core.bench.filling import Filling, embedder_of
from memory_core.bench.recalling import bench_recall
from memory_core.bench.storing import bench_store
from memory_core.bench.table import BENCHES

FIELDS = {"name", "value", "unit", "floor", "ratio", "target", "met", "n"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(
        tmp_path, {"embedder": "hash"}, sizes=(60, 120),
        stores=30, records=40, rounds=2, recalls=12, starts=2,
    )  # fmt: skip


def slowed(function: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    def slow(*args: Any, **options: Any) -> Any:
        time.sleep(seconds)
        return function(*args, **options)

    return slow


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("store", ["store", "store.cpu", "store.worker"]),
        ("import", ["import"]),
        ("recall", ["recall.60", "recall.120", "open.120"]),
        ("turn", ["turn.60"]),
        (
            "index",
            [
                f"index.{size}.{one}"
                for size in (60, 120)
                for one in (
                    "exact",
                    "chroma",
                    "hnsw.breadth-16",
                    "hnsw.breadth-64",
                    "hnsw.breadth-256",
                    "ivf.probes-1",
                    "ivf.probes-8",
                    "ivf.probes-32",
                    "lsh.candidates-2",
                    "lsh.candidates-10",
                    "lsh.candidates-50",
                    "int8.candidates-1",
                    "int8.candidates-2",
                    "int8.candidates-4",
                    "binary.candidates-2",
                    "binary.candidates-10",
                    "binary.candidates-50",
                )
            ],
        ),
        ("start", ["start.import", "start.stats", "start.recall"]),
    ],
)
def test_every_benchmark_gives_figures_with_their_floors(
    run: Run, name: str, figures: list[str]
) -> None:
    if name == "index":
        pytest.importorskip("faiss", reason="the extra faiss is not installed")
    found = list(BENCHES[name](run))
    assert [figure.name for figure in found] == figures
    for figure in found:
        told = json.loads(json.dumps(figure.as_json()))
        assert set(told) >= FIELDS
        assert figure.value >= 0
        assert figure.floor
        assert figure.floor > 0
        assert told["ratio"] == pytest.approx(figure.value / figure.floor)
        assert figure.how


def test_a_slower_store_has_a_greater_ratio(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before, *_ = bench_store(run)
    monkeypatch.setattr(storing, "_WARM_UP", 1)
    monkeypatch.setattr(MemoryManager, "store", slowed(MemoryManager.store, 0.3))
    place = run.place / "slow"
    place.mkdir()
    after, *_ = bench_store(Run(place, run.settings, stores=6))
    assert after.value >= 300
    assert after.met is False
    assert before.value < 300


def test_slower_encoding_is_taken_off_and_slower_recall_is_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recalling, "_WARM_UP", 1)
    model = type(embedder_of(run))
    monkeypatch.setattr(model, "encode_query", slowed(model.encode_query, 0.2))
    first, second, _ = bench_recall(replace(run, recalls=4))
    assert max(first.value, second.value) < 200
    assert first.floor is not None
    assert first.floor >= 200
    from memory_core.recall.retrieve import LexicalStage

    monkeypatch.setattr(LexicalStage, "__call__", slowed(LexicalStage.__call__, 0.2))
    place = run.place / "slow"
    place.mkdir()
    first, *_ = bench_recall(Run(place, run.settings, sizes=(60,), recalls=4))
    assert first.value >= 200


def test_texts_are_distinct_and_the_same_for_a_seed() -> None:
    said = list(Corpus(3).take(2000))
    assert len({one.text for one in said}) == 2000
    assert said == list(Corpus(3).take(2000))
    assert said[:50] != list(Corpus(4).take(50))
    assert len(set(Corpus(3).questions(300))) == 300


def test_filled_vectors_lie_near_the_turns_they_are_made_of(run: Run) -> None:
    filling = Filling(run, embedder_of(run))
    filling.fill(run.place / "filled", 50)
    with filling.open(run.place / "filled") as memory:
        table = memory.journal.vectors(memory.parts.embedder.fingerprint.digest)
        assert table.pending_count() == 0
        matrix = table.read(0, table.count())[np.argsort(table.spans().doc)]
    assert matrix.shape == (50, 256)
    assert np.allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)
    turns = filling.real.encode_documents(filling.corpus.turns)
    said = list(Corpus(run.seed).take(50))
    likeness = matrix @ turns.T
    own = [likeness[row, one.turns[0]] for row, one in enumerate(said)]
    assert np.mean(own) > np.mean(likeness) + 0.2


def test_targets_count_in_both_directions() -> None:
    fast = Figure("a", 90.0, "records/s", floor=100.0, n=1, target=Target("ratio", 0.85, True))
    slow = Figure("a", 80.0, "records/s", floor=100.0, n=1, target=Target("ratio", 0.85, True))
    late = Figure("b", 9.0, "ms", floor=None, n=1, target=Target("value", 8.0))
    assert (fast.met, slow.met, late.met) == (True, False, False)
    assert late.ratio is None
    assert str(fast.target) == "ratio ≥ 0.85"


def test_the_command_prints_a_table_or_json_and_never_fails_on_a_target(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from memory_core.serve.cli import main; main()",
               "--home", str(tmp_path), "--embedder", "hash",
               "bench", "store", "--n", "5"]  # fmt: skip
    table = subprocess.run(command, capture_output=True, text=True)
    assert table.returncode == 0
    assert table.stdout.splitlines()[1].split()[0] == "store"
    told = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True).stdout)
    assert [figure["name"] for figure in told] == ["store", "store.cpu", "store.worker"]
    assert all(set(figure) >= FIELDS for figure in told)
    wrong = subprocess.run([*command[:-3], "nothing"], capture_output=True, text=True)
    assert wrong.returncode == 1
    assert "there are store, import, recall, turn, start" in wrong.stderr


def test_vectors_made_in_pieces_are_those_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = indexing.clustered(100, seed=3)
    monkeypatch.setattr(indexing, "AT_ONCE", 7)
    assert np.array_equal(indexing.clustered(100, seed=3), whole)
